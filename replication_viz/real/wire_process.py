"""The process of the wires: carries bytes between Unix sockets with delay, held or not, and notes what it carried.

Run as a program of its own, with the standard library alone: `python -I -S wire_process.py RECORDS PARENT`. Its
standard input is a socket: commands, each a line of JSON, and an answer to each. When that ends, or the parent is gone,
it exits, and every connection with it.
"""

from __future__ import annotations

import json
import math
import os
import resource
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or __package__:
    from .wire_connection import Connection, Flow, Notes, Wire
    from .wire_direction import Direction, Weather
else:
    sys.path.append(str(Path(__file__).parent))
    from wire_connection import Connection, Flow, Notes, Wire
    from wire_direction import Direction, Weather

_MOST_SOCKETS = 1000  # select() takes descriptors below 1024
_LOOK_EVERY_S = 0.5


class Proxy:
    """All wires, in one loop.

    Its selector is `select`: that of epoll rounds sleeps up to whole milliseconds.
    """

    def __init__(self, control: socket.socket, notes: Notes) -> None:
        self.notes = notes
        self._control = control
        self._received = b""
        self._selector = selectors.SelectSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._wires: list[Wire] = []
        self._directions: dict[tuple[str, str], Direction] = {}
        self._is_open = True
        self._connections = 0

    def run(self, parent: int) -> None:
        """Carry, until the control channel ends or the parent is gone."""
        while self._is_open and os.getppid() == parent:
            self._deliver()
            soonest = min((direction.next_at() for direction in self._directions.values()), default=math.inf)
            wait_s = min(max(0.0, soonest - time.monotonic()), _LOOK_EVERY_S)
            for key, events in self._selector.select(wait_s):
                if key.fileobj is self._control:
                    self._is_open = self._obey()
                elif isinstance(key.data, Wire):
                    self._accept(key.data)
                else:
                    key.data.on_event(key.fileobj, events)
                self._deliver()
        self._close()

    def watch(self, end: socket.socket, before: int, events: int, owner: object) -> None:
        """Wait for events of a socket, or no longer."""
        if before and events:
            self._selector.modify(end, events, owner)
        elif events:
            self._selector.register(end, events, owner)
        elif before:
            self._selector.unregister(end)

    def _deliver(self) -> None:
        """Write what has come through."""
        now = time.monotonic()
        ready: dict[Flow, None] = {}
        for direction in self._directions.values():
            for part in direction.arrivals(now):
                part.flow.arrive(part.data)
                ready[part.flow] = None
        for flow in ready:
            flow.owner.write(flow)

    def _accept(self, wire: Wire) -> None:
        if not wire.accepts:  # held just now
            return
        try:
            client, _ = wire.listener.accept()
        except OSError:  # it has gone again
            return
        client.setblocking(False)
        server = _reach(wire.server)
        if max(client.fileno(), server.fileno()) >= _MOST_SOCKETS:
            client.close()
            server.close()
            return
        self._connections += 1
        wire.connections.add(Connection(self, wire, client, server, self._connections))

    # -- commands -------------------------------------------------------------------------------------------------

    def _obey(self) -> bool:
        """Do what the control channel says. False: it has ended."""
        try:
            data = self._control.recv(2**16)
        except OSError:
            data = b""
        *lines, self._received = (self._received + data).split(b"\n")
        try:
            for line in lines:
                self._control.sendall(json.dumps(self._answer(json.loads(line))).encode() + b"\n")
        except OSError:
            return False
        return bool(data)

    def _answer(self, command: dict[str, Any]) -> dict[str, Any]:
        try:
            getattr(self, f"_do_{command['do']}")(command)
        except OSError as error:
            return {"number": command["number"], "error": error.strerror or str(error)}
        return {"number": command["number"], "at": time.monotonic()}

    def _do_add(self, command: dict[str, Any]) -> None:
        nodes = (command["source"], command["target"])
        ways = [self._directions.setdefault(way, Direction()) for way in (nodes, nodes[::-1])]
        wire = Wire(len(self._wires), nodes, *ways)
        wire.path, wire.server = command["listen"], command["server"]
        wire.is_replication = command["replication"]
        try:
            wire.open()
        except OSError:
            wire.listener.close()
            raise
        self._wires.append(wire)
        self._listen()

    def _do_delay(self, command: dict[str, Any]) -> None:
        names = ("ms", "spread", "shape", "seed", "extra_ms")
        name = f"link {command['source']} {command['target']}"
        self._way(command).weather = Weather(name, **{field: command[field] for field in names})
        self._watch_all()

    def _do_bandwidth(self, command: dict[str, Any]) -> None:
        self._way(command).bytes_per_s = command["mbit"] * 1e6 / 8
        self._watch_all()

    def _do_hold(self, command: dict[str, Any]) -> None:
        self._way(command).hold()
        if command["both_ways"]:
            self._way(command, back=True).hold()
        self._listen()

    def _do_release(self, command: dict[str, Any]) -> None:
        now = time.monotonic()
        self._way(command).release(now)
        if command["both_ways"]:
            self._way(command, back=True).release(now)
        self._listen()

    def _do_sever(self, command: dict[str, Any]) -> None:
        for wire in self._wires:
            if set(wire.nodes) == {command["source"], command["target"]}:
                for connection in list(wire.connections):
                    connection.sever()

    def _do_crash(self, command: dict[str, Any]) -> None:
        for process in command["processes"]:
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)
        for wire in self._wires:
            if command["source"] in wire.nodes:
                for connection in list(wire.connections):
                    connection.sever()

    def _do_flush(self, command: dict[str, Any]) -> None:
        self.notes.flush()

    def _way(self, command: dict[str, Any], back: bool = False) -> Direction:
        nodes = (command["source"], command["target"])
        return self._directions[nodes[::-1] if back else nodes]

    def _watch_all(self) -> None:
        for connection in self._all():
            connection.watch()

    def _all(self) -> list[Connection]:
        return [connection for wire in self._wires for connection in wire.connections]

    def _listen(self) -> None:
        """Take new connections on each wire that carries both ways, and on no other."""
        listening = {key.data for key in self._selector.get_map().values()}
        for wire in self._wires:
            self.watch(wire.listener, wire in listening, wire.accepts, wire)

    def _close(self) -> None:
        for connection in self._all():
            connection.close()
        for wire in self._wires:
            wire.listener.close()
            if isinstance(wire.path, str):
                Path(wire.path).unlink(missing_ok=True)
        self.notes.flush()


def _reach(path: str) -> socket.socket:
    """Return a connection to a server; where none answers, one whose other end is closed already."""
    server = socket.socket(socket.AF_UNIX)
    server.setblocking(False)
    try:
        server.connect(path)
    except OSError:
        server.close()
        server, other = socket.socketpair()
        server.setblocking(False)
        other.close()
    return server


def main(records: str, parent: int) -> None:
    """Carry until the standard input ends."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 1024) if most > 0 else 1024, most))
    with open(records, "ab") as file, socket.socket(fileno=0) as control:
        Proxy(control, Notes(file)).run(parent)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
