"""PostgreSQL's protocol, read as it goes by: the messages of a replication stream, however the bytes are cut.

Standard library alone: the process of the wires cannot import the package. Messages that say nothing about positions
are skipped by their length, payloads are never copied.

Source: PostgreSQL's manual, "Frontend/Backend Protocol": Message Formats, Streaming Replication Protocol.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

DATA = "w"  # XLogData, a part of the log, from the server
STATUS = "r"  # a standby's status update, from the client

_ENCRYPTION_REQUESTS = (80877103, 80877104)  # SSLRequest, GSSENCRequest
_ENCRYPTED, _REFUSED = (b"S", b"G"), b"N"  # the answers
_LONGEST_STARTUP = 10_000
_LONGEST = 2**30
_LSNS = 3 * 8
_DATA_HEAD = 1 + _LSNS  # kind, start, end of the server's log, its clock
_COPY_BOTH = ord("W")
_ENDS_OF_COPY = b"ZHG"  # ready for the next query, or a copy of another kind, such as a base backup


class Message(NamedTuple):
    """A message of a replication stream.

    Attributes
    ----------
    kind : str
        `DATA` or `STATUS`.
    end : int
        Where it ends: so many bytes of its direction, from the start of the connection on.
    lsns : tuple of int
        Data: start and end of its part of the log, and the end of the server's log. Status: written, flushed, applied.
        Bytes.
    """

    kind: str
    end: int
    lsns: tuple[int, int, int]


class Conversation:
    """One connection to a PostgreSQL server, both directions.

    What cannot be PostgreSQL's protocol, or is encrypted, is let pass unread.
    """

    def __init__(self) -> None:
        self.is_replicating = False
        self.answers_due = 0  # single bytes that the server owes to requests for encryption
        self.is_opaque = False
        self._client, self._server = _Client(self), _Server(self)

    def from_client(self, data: bytes) -> list[Message]:
        """Take the client's next bytes; return the messages whose positions they complete."""
        return self._client.feed(data)

    def from_server(self, data: bytes) -> list[Message]:
        """Take the server's next bytes; return the messages whose positions they complete."""
        return self._server.feed(data)


class _Side:
    """One direction: gathers the head of each message, then skips the body.

    A head is gathered until it says all that is asked of it: `_read` tells how many bytes that takes.
    """

    least = 1  # bytes of a head before anything can be said about it

    def __init__(self, conversation: Conversation) -> None:
        self._all = conversation
        self._offset = 0  # of the bytes at hand, in the stream
        self._head = bytearray()
        self._wanted = self.least
        self._skip = 0

    def feed(self, data: bytes) -> list[Message]:
        found: list[Message] = []
        at, size = 0, len(data)
        while at < size and not self._all.is_opaque:
            if self._skip:
                step = min(self._skip, size - at)
                self._skip -= step
                at += step
                continue
            step = min(self._wanted - len(self._head), size - at)
            self._head += data[at : at + step]
            at += step
            if len(self._head) == self._wanted:
                self._wanted = self._read(bytes(self._head))
                if self._wanted == len(self._head):
                    self._end_head(self._offset + at, found)
        self._offset += size
        return found

    def _end_head(self, at: int, found: list[Message]) -> None:
        head = bytes(self._head)
        self._skip = self._length(head) - len(head)
        message = self._message(head, at + self._skip)
        if message is not None:
            found.append(message)
        self._head.clear()
        self._wanted = self.least

    def _read(self, head: bytes) -> int:
        """Return how long a head is wanted; its present length if it says enough."""
        if len(head) < 5:
            return 5
        length = self._length(head)
        if not (chr(head[0]).isalnum() and head[0] < 128 and 5 <= length <= _LONGEST):
            self._all.is_opaque = True
            return len(head) + 1
        return 5 + min(_DATA_HEAD, length - 5) if head[0] == ord("d") and self._all.is_replicating else 5

    def _length(self, head: bytes) -> int:
        """Return the length of the whole message, the letter of its kind included."""
        return 1 + int.from_bytes(head[1:5], "big")

    def _message(self, head: bytes, end: int) -> Message | None:
        return None


class _Client(_Side):
    """What the client sends: a startup packet without a letter, then messages with one."""

    least = 5

    def __init__(self, conversation: Conversation) -> None:
        super().__init__(conversation)
        self._is_starting = True

    def _read(self, head: bytes) -> int:
        if not self._is_starting:
            return super()._read(head)
        if len(head) < 8:
            return 8
        if not 8 <= self._length(head) <= _LONGEST_STARTUP:
            self._all.is_opaque = True
            return len(head) + 1
        return 8

    def _length(self, head: bytes) -> int:
        return int.from_bytes(head[:4], "big") if self._is_starting else super()._length(head)

    def _message(self, head: bytes, end: int) -> Message | None:
        if self._is_starting:
            wants_encryption = int.from_bytes(head[4:8], "big") in _ENCRYPTION_REQUESTS
            self._all.answers_due += wants_encryption
            self._is_starting = wants_encryption
            return None
        if head[5:6] != STATUS.encode() or len(head) < 5 + _DATA_HEAD:
            return None
        written, flushed, applied = struct.unpack("!3Q", head[6:])
        return Message(STATUS, end, (written, flushed, applied))


class _Server(_Side):
    """What the server sends: a single byte to each request for encryption, and messages with a letter."""

    def _read(self, head: bytes) -> int:
        if len(head) > 1 or not self._all.answers_due:
            return super()._read(head)
        self._all.answers_due -= 1  # an error in its place has the form of a message
        self._all.is_opaque = head in _ENCRYPTED
        return 1 if head in (*_ENCRYPTED, _REFUSED) else super()._read(head)

    def _length(self, head: bytes) -> int:
        return 1 if len(head) == 1 else super()._length(head)

    def _message(self, head: bytes, end: int) -> Message | None:
        if head[0] == _COPY_BOTH and len(head) > 1:
            self._all.is_replicating = True
        elif head[0] in _ENDS_OF_COPY and len(head) > 1:
            self._all.is_replicating = False
        if head[5:6] != DATA.encode() or len(head) < 5 + _DATA_HEAD:
            return None
        start, end_of_log = struct.unpack("!2Q", head[6:22])
        payload = self._length(head) - 5 - _DATA_HEAD
        return Message(DATA, end, (start, start + payload, end_of_log))
