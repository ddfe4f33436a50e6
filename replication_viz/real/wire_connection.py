"""One connection over a wire: two ends, two flows between them, and the notes of the messages that it carried.

Standard library alone: the process of the wires cannot import the package.
"""

from __future__ import annotations

import os
import selectors
import socket
import struct
import time
from collections import deque
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

if TYPE_CHECKING or __package__:
    from .postgres_stream import Conversation, Message
    from .wire_direction import Direction
else:  # the program has put this folder on the path
    from postgres_stream import Conversation, Message
    from wire_direction import Direction

RECORD = struct.Struct("<HHBBBxddQQQ")  # wire, connection, kind, forward, lost, read at, written at, three LSNs
_BACKLOG = 128
_NOTES_AT_ONCE = 64 * 2**10  # bytes
_LAST_READS = 64  # of what a severed connection's sender has sent and nobody read yet
_WRITES_AT_ONCE = 32  # then others have their turn


class Notes:
    """The file of records."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._waiting = bytearray()

    def add(self, place: tuple[int, int, bool], message: Message, read_at: float, lost: bool) -> None:
        """Note a message that has been written onwards, or lost, just now."""
        wire, connection, forward = place
        written_at = time.monotonic()
        self._waiting += RECORD.pack(
            wire, connection % 65536, ord(message.kind), forward, lost, read_at, written_at, *message.lsns
        )
        if len(self._waiting) > _NOTES_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write down everything."""
        self._file.write(self._waiting)
        self._file.flush()
        self._waiting.clear()


class Flow:
    """One way of one connection: from the end that is read, over a direction, to the end that is written.

    Attributes
    ----------
    has_ended : bool
        The end of the stream was read.
    is_over : bool
        Nothing more will be written: the end of the stream was, or the reader is gone.
    """

    def __init__(self, source: socket.socket, target: socket.socket, direction: Direction, owner: Connection) -> None:
        self.owner = owner
        self.source, self.target, self.direction = source, target, direction
        self.has_ended = self.is_over = False
        self._waiting = self._written = 0  # bytes
        self._outbox: deque[memoryview] = deque()

    @property
    def wants_to_read(self) -> bool:
        """Whether it takes more from its source."""
        return not self.has_ended and self._waiting < self.direction.room

    @property
    def wants_to_write(self) -> bool:
        """Whether bytes have come through that its target has not taken yet."""
        return bool(self._outbox)

    def read(self) -> bytes:
        """Read once, and put it on its way. Nothing is returned if there was nothing, or the stream has ended."""
        try:
            data = self.source.recv(self.direction.read_size)
        except BlockingIOError:
            return b""
        except OSError:  # the sender went without a word
            data = b""
        self.has_ended = not data
        self._waiting += len(data)
        self.direction.send(data, self, time.monotonic())
        return data

    def arrive(self, data: bytes) -> None:
        """Take what has come through."""
        if self.is_over:
            self._waiting -= len(data)
        else:
            self._outbox.append(memoryview(data))

    def write(self) -> int:
        """Write what the target takes, and return how many bytes of the stream it has taken in all."""
        try:
            for _ in range(_WRITES_AT_ONCE):
                if self._outbox and not self.is_over:
                    self._write_once()
        except BlockingIOError:
            pass
        except OSError:  # the reader is gone
            self.is_over = True
        if self.is_over:
            self._waiting -= sum(map(len, self._outbox))
            self._outbox.clear()
        return self._written

    def _write_once(self) -> None:
        part = self._outbox.popleft()
        if not part:
            self.is_over = True
            self.target.shutdown(socket.SHUT_WR)
            return
        sent = 0
        try:
            sent = self.target.send(part)
        finally:
            self._written += sent
            self._waiting -= sent
            if sent < len(part):
                self._outbox.appendleft(part[sent:])


class Wire:
    """A path on which the client's node reaches the server's, and the two directions between them."""

    def __init__(self, number: int, nodes: tuple[str, str], forward: Direction, back: Direction) -> None:
        self.number, self.nodes = number, nodes
        self.forward, self.back = forward, back
        self.listener = socket.socket(socket.AF_UNIX)
        self.path: str | list[Any] = ""
        self.server = ""
        self.is_replication = False
        self.connections: set[Connection] = set()

    def open(self) -> None:
        """Listen on its path, where whoever may enter the folder may connect; or on a host and port, as anybody may."""
        if isinstance(self.path, str):
            self.listener.bind(self.path)
            os.chmod(self.path, 0o777)
        else:
            self.listener.close()
            self.listener = socket.socket()
            self.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what it accepts has it, too
            self.listener.bind(tuple(self.path))
        self.listener.listen(_BACKLOG)
        self.listener.setblocking(False)

    @property
    def accepts(self) -> bool:
        """Whether a connection can be made: that takes both ways."""
        return not (self.forward.is_held or self.back.is_held)


class Loop(Protocol):
    """What a connection needs of the loop that it runs in."""

    notes: Notes

    def watch(self, end: socket.socket, before: int, events: int, owner: object) -> None:
        """Wait for events of a socket, or no longer."""
        ...


class Connection:
    """One client, joined to the server over a wire."""

    def __init__(self, loop: Loop, wire: Wire, client: socket.socket, server: socket.socket, number: int) -> None:
        self._loop, self.wire = loop, wire
        self.client, self.server, self._number = client, server, number
        self.forward = Flow(server, client, wire.forward, self)
        self.back = Flow(client, server, wire.back, self)
        self.is_closed = False
        self._conversation = Conversation() if wire.is_replication else None
        self._under_way: dict[Flow, deque[tuple[Message, float]]] = {self.forward: deque(), self.back: deque()}
        self._watched = {client: 0, server: 0}
        self.watch()

    def on_event(self, end: socket.socket, events: int) -> None:
        """Read from an end, write to it."""
        if self.is_closed:
            return
        coming, going = (self.back, self.forward) if end is self.client else (self.forward, self.back)
        if events & selectors.EVENT_WRITE:
            self.write(going)
        if events & selectors.EVENT_READ and not self.is_closed:
            self._read(coming)
        self.watch()

    def _read(self, flow: Flow) -> bytes:
        now = time.monotonic()
        data = flow.read()
        if data and self._conversation is not None:
            feed = self._conversation.from_server if flow is self.forward else self._conversation.from_client
            self._under_way[flow].extend((message, now) for message in feed(data))
        return data

    def write(self, flow: Flow) -> None:
        """Write what has come through, and note the messages that are written to their end."""
        if self.is_closed:
            return
        written = flow.write()
        messages = self._under_way[flow]
        while messages and messages[0][0].end <= written:
            self._note(flow, *messages.popleft(), lost=False)
        if self.forward.is_over and self.back.is_over:
            self.close()
        else:
            self.watch()

    def _note(self, flow: Flow, message: Message, read_at: float, lost: bool) -> None:
        place = (self.wire.number, self._number, flow is self.forward)
        self._loop.notes.add(place, message, read_at, lost)

    def watch(self) -> None:
        """Wait for what each end may do next."""
        if self.is_closed:
            return
        for end, coming, going in ((self.client, self.back, self.forward), (self.server, self.forward, self.back)):
            events = coming.wants_to_read * selectors.EVENT_READ | going.wants_to_write * selectors.EVENT_WRITE
            if events != self._watched[end]:
                self._loop.watch(end, self._watched[end], events, self)
                self._watched[end] = events

    def sever(self) -> None:
        """Lose everything that is on its way, what was sent but not read yet included, and close both ends."""
        for flow in (self.forward, self.back):
            for _ in range(_LAST_READS):
                if flow.has_ended or not self._read(flow):
                    break
            flow.direction.drop(flow)
        self.close()

    def close(self) -> None:
        """Close both ends; what is still under way is lost."""
        self.is_closed = True
        for flow, messages in self._under_way.items():
            for message, read_at in messages:
                self._note(flow, message, read_at, lost=True)
            messages.clear()
            flow.is_over = True
        for end in (self.client, self.server):
            self._loop.watch(end, self._watched[end], 0, self)
            end.close()
        self.wire.connections.discard(self)
