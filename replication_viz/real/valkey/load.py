"""The clients of a real Valkey: the same writes at the same moments as in a simulated run.

One thread serves all connections. Each carries one write at a time: a command that appends it, and behind that, where
the scenario asks for it, `WAIT`. Where no connection is left a write begins late, and counts from when it was due.
"""

from __future__ import annotations

import selectors
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...scenario import Change, Scenario
from ...trace import MarkKind, Outcome
from ..routing import Routing
from ..sampled.notes import Mark, Write, planned
from .cluster import Cluster
from .expressing import waits
from .line import Line, hang_up
from .server import command

_MOST_LINES = 256
_READY_LINES = 16
_LOOK_EVERY_S = 0.02
_SILENCE_MS = 100.0  # refusals further apart than this are two stories


@dataclass
class WaitingWrite(Write):
    """A write that `WAIT` may follow.

    Attributes
    ----------
    wanted, got : int
        How many replicas it waited for, and how many had it when the wait ended.
    """

    wanted: int = 0
    got: int = -1


class Load:
    """All clients of a run.

    Parameters
    ----------
    cluster : Cluster
        Whom they write to.
    scenario : Scenario
        What they ask for, and when.
    routing : Routing
        Which node a client asks.
    wait_ms : int
        The timeout of each `WAIT`, ms; 0: none.

    Attributes
    ----------
    writes : list of WaitingWrite
        All of them in order, whether they were begun or not.
    """

    def __init__(self, cluster: Cluster, scenario: Scenario, routing: Routing, wait_ms: int = 0) -> None:
        self._cluster, self._routing, self._wait_ms = cluster, routing, wait_ms
        self._size = round(scenario.record_bytes)
        self._rules = _rules(scenario)
        self.writes = planned(scenario, WaitingWrite)
        self._begun = 0
        self._zero = 0.0
        self._free: dict[str, list[Line]] = {name: [] for name in cluster.servers}
        self._busy: dict[Line, WaitingWrite] = {}
        self._selector = selectors.SelectSelector()  # that of epoll rounds sleeps up to whole milliseconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def prepare(self) -> None:
        """Open the connections that will be used first."""
        lines = [self._line(self._cluster.leader) for _ in range(_READY_LINES)]
        self._free[self._cluster.leader] += lines

    def begin(self, zero: float) -> None:
        """Start; the run's moment 0 is `zero` on the monotonic clock, s."""
        self._zero = zero
        self._thread.start()

    def end(self) -> None:
        """Stop; who waits for an answer never hears."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
        hang_up(self._selector)

    def now(self) -> float:
        """Return ms from the start of the run."""
        return (time.monotonic() - self._zero) * 1000

    # -- the loop -------------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        while not self._over.is_set():
            for key, _ in self._selector.select(self._begin_due()):
                self._read(key.data)

    def _begin_due(self) -> float:
        """Begin every write that is due, and return how long the next one may wait, s."""
        while self._begun < len(self.writes):
            write, now = self.writes[self._begun], self.now()
            if write.invoked > now:
                return min((write.invoked - now) / 1000, _LOOK_EVERY_S)
            node = self._routing.leader_of(write.client, now)
            if node and not self._free[node] and len(self._selector.get_map()) >= _MOST_LINES:
                break
            self._begun += 1
            self._begin(write, node)
        return _LOOK_EVERY_S

    def _begin(self, write: WaitingWrite, node: str) -> None:
        write.node, write.wanted = node, self._wanted(write.invoked)
        words = command(write.key, write.value, self._size)
        if write.wanted:
            words += f"WAIT {write.wanted} {self._wait_ms}\r\n".encode()
        while node:
            try:
                line = self._free[node].pop() if self._free[node] else self._line(node)
            except OSError:
                break
            try:
                line.send(words)
            except OSError:  # the server went while nobody waited for it
                self._drop(line)
                continue
            self._busy[line] = write
            return
        write.returned, write.outcome = self.now(), Outcome.FAILED

    def _wanted(self, at_ms: float) -> int:
        return next(count for since, count in reversed(self._rules) if since <= at_ms)

    def _line(self, node: str) -> Line:
        line = Line(self._cluster, node)
        self._selector.register(line.socket, selectors.EVENT_READ, line)
        return line

    def _drop(self, line: Line) -> None:
        """Give a connection up. Whether its write was done nobody knows."""
        self._selector.unregister(line.socket)
        line.socket.close()
        self._busy.pop(line, None)
        if line in self._free[line.node]:
            self._free[line.node].remove(line)

    def _read(self, line: Line) -> None:
        try:
            line.read()
        except OSError:
            self._drop(line)
            return
        for answer in line.lines():
            if self._is_over(self._busy[line], answer):
                del self._busy[line]
                self._free[line.node].append(line)

    def _is_over(self, write: WaitingWrite, answer: bytes) -> bool:
        """Take one answer to a write; whether it was the last one."""
        number = int(answer[1:]) if answer.startswith(b":") else -1
        is_first = np.isnan(write.appended) and not write.error
        if number < 0:
            write.error = write.error or answer[1:].decode()
        elif is_first:
            write.appended, write.lsn = self.now(), number
        else:
            write.got = number
        if is_first and write.wanted:
            return False
        write.returned = self.now()
        if not write.error:
            write.outcome = Outcome.OK
        elif write.lsn < 0:
            write.outcome = Outcome.FAILED
        return True


def _rules(scenario: Scenario) -> list[tuple[float, int]]:
    """Return from which moment (ms) on a write waits for how many replicas."""
    ack, level = scenario.ack, str(scenario.level)
    found = [(0.0, waits(scenario, ack, level))]
    for fault in scenario.timeline:
        if isinstance(fault, Change) and fault.setting in ("ack", "level"):
            ack, level = (str(fault.value), level) if fault.setting == "ack" else (ack, str(fault.value))
            found.append((fault.at_ms, waits(scenario, ack, level)))
    return found


def marks(writes: Sequence[WaitingWrite]) -> list[Mark]:
    """Return the begin of each spell in which clients were refused, or told of too few replicas."""
    refused = (write for write in writes if write.error.startswith("NOREPLICAS"))
    short = (write for write in writes if 0 <= write.got < write.wanted)
    found = []
    for at, first in _spells(refused):
        text = f"{first.node} refuses writes: too few replicas have reported of late"
        found.append(Mark(MarkKind.UNAVAILABLE, at, text, first.node))
    for at, first in _spells(short):
        text = f"WAIT {first.wanted} ends with {first.got}: the write stands, on {first.node}"
        found.append(Mark(MarkKind.TIMEOUT, at, text, first.node))
    return found


def _spells(writes: Iterable[WaitingWrite]) -> Iterator[tuple[float, WaitingWrite]]:
    last = float("-inf")
    for write in sorted(writes, key=lambda write: write.returned):
        if write.returned - last > _SILENCE_MS:
            yield write.returned, write
        last = write.returned
