"""A Valkey primary and its replicas, each pair of nodes joined by a wire that can be slowed and cut."""

from __future__ import annotations

import secrets
import shutil
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from ...scenario import LEADER
from ...scenario.limits import MAX_REPLICAS, replica_names
from ..binaries import valkey
from ..errors import LabError
from ..guard import Guard
from ..wires import Wires
from .server import PATIENCE_S, Server

_HOST = "127.0.0.1"
_TRIES = 5


class Cluster:
    """Real Valkey servers: a primary L and replicas s1, s2, …; a context manager.

    The servers listen on Unix sockets in a private folder and on no port. But a replica reaches its primary over TCP
    only (`REPLICAOF` takes no path), so each wire listens on a port of 127.0.0.1 that is free. Who connects there gets
    nothing without a password, which is drawn anew for each cluster and stands in files that only its owner may read.

    Parameters
    ----------
    replicas : int
        How many, from 0 to 9; each takes a few MB of memory.
    min_replicas_to_write, min_replicas_max_lag_s : int
        A primary refuses writes unless so many replicas have reported within so many seconds; 0: it takes them all.
        Replicas report once a second and the primary looks once a second, in whole seconds: one that is cut off goes on
        for up to 2 s longer.
    folder : Path, optional
        Where the servers' folder is made; by default where temporary files are.

    Attributes
    ----------
    servers : dict of str to Server
        The nodes, the first primary first.
    leader : str
        The node that was last made the primary.
    wires : Wires
        The links.
    changed : bool
        Whether the next run must begin anew.

    Raises
    ------
    MissingServerError
        If there is no Valkey.
    LabError
        If a number is out of its range.
    """

    def __init__(
        self,
        replicas: int = 3,
        *,
        min_replicas_to_write: int = 0,
        min_replicas_max_lag_s: int = 10,
        folder: Path | None = None,
    ) -> None:
        if not 0 <= replicas <= MAX_REPLICAS:
            raise LabError(f"replicas is {replicas}: it must be from 0 to {MAX_REPLICAS}.")
        if not 0 <= min_replicas_to_write <= replicas:
            raise LabError(f"min_replicas_to_write is {min_replicas_to_write}: it must be from 0 to {replicas}.")
        if min_replicas_max_lag_s < 1:
            raise LabError(f"min_replicas_max_lag_s is {min_replicas_max_lag_s}: it must be at least 1.")
        self.replicas = replicas
        self.min_replicas_to_write, self.min_replicas_max_lag_s = min_replicas_to_write, min_replicas_max_lag_s
        self.leader, self.changed = LEADER, False
        self.servers: dict[str, Server] = {}
        self._folder = folder
        self._ports: dict[tuple[str, str], int] = {}

    def __enter__(self) -> Self:
        found = valkey()
        self.guard = Guard(self._folder)
        try:
            self.password = secrets.token_hex(24)
            program = self._usable(found)
            self.wires = Wires(self.guard.folder)
            for name in (LEADER, *replica_names(self.replicas)):
                self.servers[name] = Server(self.guard, program, name, self.password)
                self.servers[name].settings |= {
                    "min-replicas-to-write": str(self.min_replicas_to_write),
                    "min-replicas-max-lag": str(self.min_replicas_max_lag_s),
                }
            self.reset()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End everything; the folder goes."""
        for server in self.servers.values():
            server.kill()
        wires = getattr(self, "wires", None)
        if wires is not None:
            wires.close()
        self.guard.close()

    def _usable(self, program: Path) -> Path:
        """Return a program that the servers' user may run: a folder of root's is closed to others."""
        if self.guard.may_run(program):
            return program
        copy = self.guard.make("programs") / program.name
        shutil.copy2(program, copy)
        self.guard.give(copy)
        return copy

    # -- nodes ----------------------------------------------------------------------------------------------------

    @property
    def standbys(self) -> tuple[str, ...]:
        """The names of the nodes but the first."""
        return tuple(self.servers)[1:]

    def reset(self) -> None:
        """Begin anew with empty servers, all of them replicas of L over wires without delay."""
        for server in self.servers.values():
            server.kill()
        self.calm()
        for server in self.servers.values():
            server.start()
        self.leader, self.changed = LEADER, False
        for name in self.standbys:
            self.join(name)
        self.wait_online()

    def wait_online(self) -> None:
        """Wait until every replica streams from the leader and has what it has written."""
        deadline = time.monotonic() + PATIENCE_S
        self.servers[self.leader].ask("PUBLISH", "ready", 1)  # something must come over the stream
        while True:
            said = self.servers[self.leader].replication()
            streams = [said[f"slave{n}"]["state"] for n in range(said["connected_slaves"])].count("online")
            good = int(said.get("min_slaves_good_slaves", self.min_replicas_to_write))
            behind = [name for name in self.servers if not self._has(name, said["master_repl_offset"])]
            if streams == len(self.servers) - 1 and good >= self.min_replicas_to_write and not behind:
                return
            if time.monotonic() > deadline:
                raise LabError(f"{', '.join(behind) or 'a replica'} did not catch up within {PATIENCE_S:g} s.")
            time.sleep(0.003)

    def _has(self, name: str, offset: int) -> bool:
        return name == self.leader or int(self.servers[name].replication()["slave_repl_offset"]) >= offset

    def join(self, node: str) -> None:
        """Let a node be a replica of the leader; what it has and the leader has not is discarded."""
        self.servers[node].follow(_HOST, self.way(self.leader, node))

    def promote(self, node: str) -> int:
        """Make a replica the primary, and return how many writes it has. Nobody follows it yet: see `join`."""
        self.changed = True
        count = self.servers[node].lead()
        self.leader = node
        return count

    def crash(self, node: str) -> float:
        """End a node at once. What it has sent and nobody has got is lost with it, as when its machine dies.

        Returns
        -------
        float
            When that was, monotonic s.
        """
        self.changed = True
        self.servers[node].freeze()  # it must send nothing more to a replica that connects anew
        severed = [self.wires.sever(*pair) for pair in self.wires.pairs if node in pair]
        self.servers[node].kill()
        return min(severed, default=time.monotonic())

    # -- links ----------------------------------------------------------------------------------------------------

    def way(self, source: str, target: str) -> int:
        """Return the port on which a node, `target`, reaches another one's server."""
        for left in reversed(range(_TRIES)):
            if (source, target) in self._ports:
                break
            port = _free_port()
            try:
                self.wires.add(
                    source, target, listen=(_HOST, port), server=self.servers[source].socket, replication=False
                )
            except LabError:  # somebody else took the port in between
                if not left:
                    raise
                continue
            self._ports[source, target] = port
        return self._ports[source, target]

    def calm(self) -> None:
        """Let every link carry at once, both ways; what was on its way is lost."""
        for source, target in self.wires.pairs:
            self.wires.sever(source, target)
            for ends in ((source, target), (target, source)):
                self.wires.delay(*ends, 0.0)
                self.wires.bandwidth(*ends, 0.0)
                self.wires.release(*ends)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((_HOST, 0))
        return int(listener.getsockname()[1])
