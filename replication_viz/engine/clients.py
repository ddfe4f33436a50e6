"""Clients: who writes where, and what they are told.

An open loop draws all its arrivals as arrays before the run; a leader's flush loop takes them in groups, so ten times
the rate does not cost ten times the events. In a closed loop each client waits for its answer, thinks, and writes
again. Clients come in two groups, those beside the leader and those elsewhere; each group writes to the leader that it
knows and can reach, at that leader's `Desk`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from typing import Protocol

import numpy as np

from ..scenario import Scenario
from ..trace import Codes, Floats, Ints, MarkKind, Ops, Outcome
from .arrivals import with_statements, write_moments, write_ops
from .streams import stream

HERE, ELSEWHERE = 0, 1  # the groups
_REFUSED_RETRY_MS = 10.0  # a refused client without think time waits this long


class Desk(Protocol):
    """What a leader asks of its clients, from when it begins to take writes until it stops.

    LSNs count the writes that the leader's log took.

    Attributes
    ----------
    reacts : bool
        Whether an answer may bring the next write at once.
    """

    reacts: bool

    def appended(self, now: float) -> int:
        """Return the LSN of the last write that has arrived by now."""

    def next_after(self, lsn: int) -> float:
        """Return when the write after an LSN arrives, ms; infinite if none is on its way."""

    def append_time(self, lsn: int) -> float:
        """Return when a write was appended, ms."""

    def committed(self, after: int, upto: int, now: float) -> None:
        """Tell the clients of the writes after one LSN up to another that they are done."""

    def crash(self, flushed: int, now: float) -> None:
        """Break all connections: who waits never hears; who comes is refused."""

    def restart(self, flushed: int, now: float) -> Desk:
        """Accept writes again; the log goes on after an LSN."""


class Clients(Protocol):
    """All clients of a run.

    Attributes
    ----------
    story : sequence
        What happened among the clients: kind, time (ms), sentence, number of the application server.
    """

    @property
    def story(self) -> Sequence[tuple[MarkKind, float, str, int]]: ...

    def open(self, node: int, base: int, now: float, before: Desk | None = None) -> Desk:
        """Let a node take writes; its log goes on after an LSN, and what stands before that came over a desk."""

    def send_to(self, group: int, node: int | None, now: float) -> None:
        """Let a group of clients write to a node from now on, or to nobody, since it reaches none."""

    def close(self) -> None:
        """Settle what is open at the end of the run."""

    def finish(self) -> tuple[Ops, tuple[Floats, Ints], Codes]:
        """Return the operations; the times and LSNs of the appends; and by which node each."""


def all_clients(scenario: Scenario) -> Clients:
    """Return the clients that the scenario asks for."""
    if scenario.servers:
        from .fleet import Fleet

        return Fleet(scenario)
    return ClosedLoop(scenario) if scenario.arrivals == "closed" else OpenLoop(scenario)


def group_of(scenario: Scenario, client: Ints) -> Ints:
    """Return to which group each client belongs: the last of them stand elsewhere."""
    elsewhere = round(scenario.remote_clients * scenario.clients)
    return np.where(client >= scenario.clients - elsewhere, ELSEWHERE, HERE)


class OpenLoop:
    """Writes arrive whatever the database does: at random (Poisson) or at equal intervals.

    In a coarse run each of them stands for as many writes as the scenario's grain says, and takes as many LSNs.
    """

    story: tuple[tuple[MarkKind, float, str, int], ...] = ()

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.times, self._statements = with_statements(scenario, write_moments(scenario))
        self.grain = scenario.grain
        count = len(self.times)
        self.returned = np.full(count, np.nan)
        self.outcomes = np.full(count, Outcome.UNKNOWN, dtype=np.int8)
        self._clients = np.full(count, -1)
        drawn = stream(scenario.seed, "clients").integers(scenario.clients, size=count)
        self._clients[~self._statements] = drawn[: int((~self._statements).sum())]
        self._group = group_of(scenario, self._clients)
        self._target: list[int | None] = [0, 0]
        self._desks: list[OpenDesk] = []
        self._told_nothing: list[tuple[Ints, float]] = []

    def open(self, node: int, base: int, now: float, before: Desk | None = None) -> OpenDesk:
        rows = self._after(now if self._desks else -np.inf, self._groups_at(node))
        desk = OpenDesk(self, node, base, rows, before)
        self._desks.append(desk)
        return desk

    def send_to(self, group: int, node: int | None, now: float) -> None:
        old = self._target[group]
        if node == old:
            return
        self._target[group] = node
        for desk in self._desks:
            if desk.is_open and desk.node == old:
                waiting = desk.waiting(now)
                self._told_nothing.append((waiting[self._group[waiting] == group], now))
            if desk.is_open and desk.node in (old, node):
                desk.expect(self._after(now, self._groups_at(desk.node)), now)

    def close(self) -> None:
        """Nothing is left to settle: what nobody took was refused."""

    def finish(self) -> tuple[Ops, tuple[Floats, Ints], Codes]:
        count = len(self.times)
        lsns, nodes = np.full(count, -1), np.zeros(count, dtype=np.int8)
        for desk in self._desks:
            lsns[desk.rows] = desk.base + self.grain * np.arange(1, len(desk.rows) + 1)
            nodes[desk.rows] = desk.node
        for rows, moment in self._told_nothing:
            self.returned[rows], self.outcomes[rows] = moment, Outcome.UNKNOWN
        refused = lsns < 0
        self.returned[refused], self.outcomes[refused] = self.times[refused], Outcome.FAILED
        logged = ~refused
        ops = write_ops(
            self._scenario, self._clients, self.times, self.returned, self.outcomes, lsns, self._statements, nodes
        )
        return ops, (self.times[logged], lsns[logged]), nodes[logged]

    def _groups_at(self, node: int) -> list[int]:
        return [group for group, target in enumerate(self._target) if target == node]

    def _after(self, moment: float, groups: list[int]) -> Ints:
        """Return the rows of the writes of some groups that come after a moment."""
        begin = int(np.searchsorted(self.times, moment, side="right"))
        rows = np.arange(begin, len(self.times))
        return rows if len(groups) == len(self._target) else rows[np.isin(self._group[begin:], groups)]


class OpenDesk:
    """Where the writes of an open loop arrive at one leader, while it takes them.

    Attributes
    ----------
    node, base : int
        The leader, and the LSN after which the first of these writes stands.
    rows : ndarray, shape (n,)
        Which of all arrivals it gets, in order; once it is closed, got.
    """

    reacts = False

    def __init__(self, loop: OpenLoop, node: int, base: int, rows: Ints, before: Desk | None) -> None:
        self._loop = loop
        self.node = node
        self.base = base
        self.is_open = True
        self._grain = loop.grain
        self._before = before
        self._answered = 0  # of the rows
        self._take(rows)

    def expect(self, rows: Ints, now: float) -> None:
        """Get other writes than so far from now on."""
        self._take(np.concatenate([self.rows[: bisect_right(self._moments, now)], rows]))

    def waiting(self, now: float) -> Ints:
        """Return the rows that have arrived and not been answered."""
        return self.rows[self._answered : bisect_right(self._moments, now)]

    def _take(self, rows: Ints) -> None:
        self.rows = rows
        self._moments: list[float] = self._loop.times[rows].tolist()

    def appended(self, now: float) -> int:
        return self.base + bisect_right(self._moments, now) * self._grain

    def next_after(self, lsn: int) -> float:
        number = max(lsn - self.base, 0) // self._grain
        return self._moments[number] if number < len(self._moments) else float("inf")

    def append_time(self, lsn: int) -> float:
        if lsn <= self.base and self._before is not None:
            return self._before.append_time(lsn)
        return self._moments[(lsn - self.base - 1) // self._grain]

    def committed(self, after: int, upto: int, now: float) -> None:
        begin, end = (max(lsn - self.base, 0) // self._grain for lsn in (after, upto))
        rows = self.rows[begin:end]
        self._loop.returned[rows] = now
        self._loop.outcomes[rows] = Outcome.OK
        self._answered = end

    def crash(self, flushed: int, now: float) -> None:
        gone = bisect_right(self._moments, now)
        self._loop.returned[self.rows[self._answered : gone]] = now
        self.is_open = False
        self.rows, self._moments = self.rows[:gone], self._moments[:gone]

    def restart(self, flushed: int, now: float) -> OpenDesk:
        return self._loop.open(self.node, flushed, now, before=self)


class ClosedLoop:
    """A fixed number of clients, each with one write at a time and a pause after each answer."""

    story: tuple[tuple[MarkKind, float, str, int], ...] = ()

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._chance = [stream(scenario.seed, name) for name in ("think", "think elsewhere")]
        self._group = group_of(scenario, np.arange(scenario.clients)).tolist()
        due = [(self._think(client), client) for client in range(scenario.clients)]
        self._due = [[who for who in due if self._group[who[1]] == group] for group in (HERE, ELSEWHERE)]
        for heap in self._due:
            heapify(heap)
        self._target: list[int | None] = [0, 0]
        self._desks: dict[int, ClosedDesk] = {}
        self.rows: list[tuple[int, float, int, int]] = []  # client, invoked, LSN, node
        self.returned: list[float] = []
        self._outcomes: list[Outcome] = []

    def open(self, node: int, base: int, now: float, before: Desk | None = None) -> ClosedDesk:
        if before is not None:
            self._refuse(self._groups_at(node), now)
        desk = self._desks[node] = ClosedDesk(self, node, base, before)
        return desk

    def send_to(self, group: int, node: int | None, now: float) -> None:
        old = self._target[group]
        if node == old:
            return
        desk = self._desks.get(old) if old is not None else None
        if desk is not None:
            desk.appended(now)
            for row in desk.waiting():
                if self._group[self.rows[row][0]] == group:
                    self.answer(row, Outcome.UNKNOWN, now)
        else:
            self._refuse([group], now)
        self._target[group] = node

    def close(self) -> None:
        """Settle the writes at the end of the run."""
        end = self._scenario.duration_ms
        for group, target in enumerate(self._target):
            desk = self._desks.get(target) if target is not None else None
            if desk is not None:
                desk.appended(end)
            else:
                self._refuse([group], end)

    def finish(self) -> tuple[Ops, tuple[Floats, Ints], Codes]:
        rows = np.array(self.rows, dtype=np.float64).reshape(-1, 4)
        order = np.argsort(rows[:, 1], kind="stable")
        client, invoked, lsn, node = rows[order].T
        lsns, nodes = lsn.astype(np.int64), node.astype(np.int8)
        ops = write_ops(
            self._scenario,
            client.astype(np.int64),
            invoked.copy(),
            np.array(self.returned, dtype=np.float64)[order],
            np.array(self._outcomes, dtype=np.int8)[order],
            lsns,
            node=nodes,
        )
        logged = lsns >= 0
        return ops, (invoked[logged], lsns[logged]), nodes[logged]

    def shut(self, desk: ClosedDesk) -> None:
        """Refuse who comes to a desk from now on."""
        if self._desks.get(desk.node) is desk:
            del self._desks[desk.node]

    def next_due(self, node: int) -> float:
        """Return when the next client comes to a node, ms."""
        return min((self._due[g][0][0] for g in self._groups_at(node) if self._due[g]), default=float("inf"))

    def come(self, node: int, now: float) -> Iterable[tuple[float, int]]:
        """Yield the moments at which clients have come to a node by now, and the clients, in order."""
        heaps = [self._due[group] for group in self._groups_at(node)]
        while heaps:
            first = min((heap for heap in heaps if heap), key=lambda heap: heap[0], default=None)
            if first is None or first[0][0] > now:
                return
            yield heappop(first)

    def note(self, client: int, moment: float, lsn: int, node: int) -> int:
        """Note a write; return its row."""
        self.rows.append((client, moment, lsn, node))
        self.returned.append(float("nan"))
        self._outcomes.append(Outcome.UNKNOWN)
        return len(self.rows) - 1

    def answer(self, row: int, outcome: Outcome, now: float) -> None:
        """Tell a client, unless it has been told; it pauses and comes again."""
        if not np.isnan(self.returned[row]):
            return
        self.returned[row] = now
        self._outcomes[row] = outcome
        client = self.rows[row][0]
        pause = self._think(client)
        if outcome is not Outcome.OK:
            pause = max(pause, _REFUSED_RETRY_MS)
        heappush(self._due[self._group[client]], (now + pause, client))

    def _think(self, client: int) -> float:
        mean = self._scenario.think_ms
        return float(self._chance[self._group[client]].exponential(mean)) if mean else 0.0

    def _refuse(self, groups: list[int], now: float) -> None:
        for group in groups:
            due = self._due[group]
            while due and due[0][0] <= now:
                moment, client = heappop(due)
                self.answer(self.note(client, moment, -1, self._target[group] or 0), Outcome.FAILED, moment)

    def _groups_at(self, node: int) -> list[int]:
        return [group for group, target in enumerate(self._target) if target == node]


class ClosedDesk:
    """Where the clients of a closed loop come to one leader, while it takes their writes."""

    reacts = True

    def __init__(self, loop: ClosedLoop, node: int, base: int, before: Desk | None) -> None:
        self._loop = loop
        self.node = node
        self._base = base
        self._before = before
        self._rows: list[int] = []  # by LSN after the base
        self._committed = base

    def appended(self, now: float) -> int:
        for moment, client in self._loop.come(self.node, now):
            self._rows.append(self._loop.note(client, moment, self._base + len(self._rows) + 1, self.node))
        return self._base + len(self._rows)

    def next_after(self, lsn: int) -> float:
        if lsn < self._base + len(self._rows):
            return self.append_time(max(lsn, self._base) + 1)
        return self._loop.next_due(self.node)

    def append_time(self, lsn: int) -> float:
        if lsn <= self._base and self._before is not None:
            return self._before.append_time(lsn)
        return self._loop.rows[self._rows[lsn - self._base - 1]][1]

    def waiting(self) -> list[int]:
        """Return the rows that have come and not been answered."""
        return self._rows[self._committed - self._base :]

    def committed(self, after: int, upto: int, now: float) -> None:
        for row in self._rows[max(after - self._base, 0) : max(upto - self._base, 0)]:
            self._loop.answer(row, Outcome.OK, now)
        self._committed = max(self._committed, upto)

    def crash(self, flushed: int, now: float) -> None:
        self.appended(now)
        for row in self.waiting():
            self._loop.answer(row, Outcome.UNKNOWN, now)
        self._loop.shut(self)

    def restart(self, flushed: int, now: float) -> ClosedDesk:
        return self._loop.open(self.node, flushed, now, before=self)
