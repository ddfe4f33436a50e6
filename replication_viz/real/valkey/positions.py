"""Where each Valkey node stands, asked of the nodes themselves many times a second.

Valkey counts the bytes of its replication stream, a trace counts writes. One transaction asks for both, and between two
such pairs all writes have one size.
"""

from __future__ import annotations

import re
import selectors
import threading
import time
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..sampled.notes import Sample
from .cluster import Cluster
from .line import Line, hang_up
from .server import LIST

EVERY_S = 0.005
_TRY_AGAIN_S = 0.02
_QUESTION = f"MULTI\r\nLLEN {LIST}\r\nINFO replication\r\nEXEC\r\nECHO .\r\n".encode()
_END = b"\r\n$1\r\n.\r\n"
_COUNT = re.compile(rb"\*2\r\n:(\d+)\r\n")
_FIELD = re.compile(rb"^(role|master_replid|master_repl_offset|slave_repl_offset|slave_read_repl_offset):(\w+)", re.M)


@dataclass(frozen=True)
class Heard:
    """Where one node stood.

    Attributes
    ----------
    at : float
        When its answer came, monotonic s.
    leads : bool
        Whether it was a primary.
    history : str
        Whose stream its offsets count (`master_replid`): the same for a primary and those who follow it.
    count : int
        How many writes it had.
    offset, read : int
        Of the replication stream, bytes: applied, and read from its connection.
    """

    node: str
    at: float
    leads: bool
    history: str
    count: int
    offset: int
    read: int


class Positions:
    """Asks each node from `begin` to `end`; one that does not answer is waited for, and stops no other.

    Attributes
    ----------
    heard : list of Heard
        All that was, so far.
    """

    def __init__(self, cluster: Cluster, every_s: float = EVERY_S) -> None:
        self.heard: list[Heard] = []
        self._cluster, self._every_s = cluster, every_s
        self._over = threading.Event()
        self._selector = selectors.SelectSelector()
        self._due = dict.fromkeys(cluster.servers, 0.0)  # of those who are not asked just now
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def begin(self) -> None:
        """Start asking."""
        self._thread.start()

    def end(self) -> None:
        """Stop asking."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
        hang_up(self._selector)

    def _watch(self) -> None:
        lines: dict[str, Line] = {}
        while not self._over.is_set():
            now = time.monotonic()
            for node in [node for node, due in self._due.items() if due <= now]:
                self._ask(lines, node)
            wait_s = min(self._due.values(), default=now + self._every_s) - time.monotonic()
            for key, _ in self._selector.select(min(max(wait_s, 0.0), self._every_s)):
                self._hear(lines, key.data)

    def _ask(self, lines: dict[str, Line], node: str) -> None:
        try:
            if node not in lines:
                lines[node] = Line(self._cluster, node)
                self._selector.register(lines[node].socket, selectors.EVENT_READ, lines[node])
            lines[node].send(_QUESTION)
        except OSError:  # it is down
            self._due[node] = time.monotonic() + _TRY_AGAIN_S
            self._drop(lines, node)
        else:
            del self._due[node]

    def _hear(self, lines: dict[str, Line], line: Line) -> None:
        now = time.monotonic()
        try:
            line.read()
        except OSError:
            self._drop(lines, line.node)
            self._due[line.node] = now + _TRY_AGAIN_S
            return
        if line.received.endswith(_END):
            answer, line.received = line.received, b""
            self._due[line.node] = line.sent + self._every_s
            self.heard += _samples(line.node, now, answer)

    def _drop(self, lines: dict[str, Line], node: str) -> None:
        line = lines.pop(node, None)
        if line is not None:
            self._selector.unregister(line.socket)
            line.socket.close()


def _samples(node: str, at: float, answer: bytes) -> list[Heard]:
    """Return what a node's answer says; nothing where it refused, as one does that takes over a copy."""
    count = _COUNT.search(answer)
    if count is None:
        return []
    said = {name.decode(): value.decode() for name, value in _FIELD.findall(answer)}
    leads = said["role"] == "master"
    fields = ("master_repl_offset",) * 2 if leads else ("slave_repl_offset", "slave_read_repl_offset")
    offset, read = (int(said[field]) for field in fields)
    return [Heard(node, at, leads, said["master_replid"], int(count[1]), offset, read)]


class Offsets:
    """From bytes of a stream to writes, by what was sampled.

    Parameters
    ----------
    heard : iterable of Heard
    size : int
        Bytes of one write in the stream. There is more in it than writes, such as a primary's `PING`.
    """

    def __init__(self, heard: Iterable[Heard], size: int) -> None:
        self._size = size
        found: dict[str, dict[int, int]] = {}
        for sample in heard:
            known = found.setdefault(sample.history, {})
            known[sample.offset] = max(known.get(sample.offset, 0), sample.count)
        self._known = {history: sorted(pairs.items()) for history, pairs in found.items()}

    def number(self, history: str, offset: int) -> int:
        """Return how many writes a stream holds at least up to an offset."""
        known = self._known.get(history, [])
        after = bisect_right(known, (offset, 2**62))
        count = known[after - 1][1] if after else 0
        if after < len(known):
            later, more = known[after]
            count = max(count, more + (offset - later) // self._size)
        return count


def numbered(heard: Sequence[Heard], size: int) -> list[Sample]:
    """Return what was heard, counted in writes; one takes so many bytes of the stream."""
    offsets = Offsets(heard, size)
    return [
        Sample(
            one.node, one.at, one.leads, one.history, max(offsets.number(one.history, one.read), one.count), one.count
        )
        for one in heard
    ]
