"""Clients: where writes and reads come from, and what they are told.

An open loop draws all its arrivals as arrays before the run; the leader's flush loop takes them in groups, so ten times
the rate does not cost ten times the events. In a closed loop each client waits for its answer, thinks, and writes
again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Protocol

import numpy as np

from ..scenario import LEADER, Change, Scenario, Statement
from ..trace import Codes, Flags, Floats, Ints, MarkKind, OpKind, Ops, Outcome, Position, Trace
from .streams import stream

_REFUSED_RETRY_MS = 10.0  # a refused client without think time waits this long


class Writers(Protocol):
    """What the leader asks of its clients. LSNs count the writes that the leader's log took.

    Attributes
    ----------
    reacts : bool
        Whether an answer may bring the next write at once.
    story : sequence
        What happened among the clients: kind, time (ms), sentence, number of the application server.
    """

    reacts: bool

    @property
    def story(self) -> Sequence[tuple[MarkKind, float, str, int]]: ...

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

    def restart(self, flushed: int, now: float) -> None:
        """Accept writes again; the log goes on after an LSN."""

    def close(self, up: bool) -> None:
        """Settle what is open at the end of the run; ``up`` says whether the leader still serves."""

    def finish(self) -> tuple[Ops, tuple[Floats, Ints]]:
        """Return the operations, and the times and LSNs of the appends."""


def writers(scenario: Scenario) -> Writers:
    """Return the clients that the scenario asks for."""
    if scenario.servers:
        from .fleet import Fleet

        return Fleet(scenario)
    return ClosedLoop(scenario) if scenario.arrivals == "closed" else OpenLoop(scenario)


class OpenLoop:
    """Writes arrive whatever the database does: at random (Poisson) or at equal intervals.

    In a coarse run each of them stands for as many writes as the scenario's grain says, and takes as many LSNs.
    """

    reacts = False
    story: tuple[tuple[MarkKind, float, str, int], ...] = ()

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._times, self._statements = with_statements(scenario, write_moments(scenario))
        self._moments: list[float] = self._times.tolist()
        self._grain = scenario.grain
        self._shift = 0  # write number = LSN / grain + shift: refused writes have no LSN
        self._returned = np.full(len(self._times), np.nan)
        self._outcomes = np.full(len(self._times), Outcome.UNKNOWN, dtype=np.int8)
        self._begin = 0
        self._segments: list[tuple[int, int, int]] = []

    def appended(self, now: float) -> int:
        return (bisect_right(self._moments, now) - self._shift) * self._grain

    def next_after(self, lsn: int) -> float:
        number = lsn // self._grain + self._shift
        return self._moments[number] if number < len(self._moments) else float("inf")

    def append_time(self, lsn: int) -> float:
        shift = self._shift
        number = (lsn - 1) // self._grain
        if number < self._begin - shift:  # from before the last restart
            shift = next(earlier for begin, _, earlier in reversed(self._segments) if number >= begin - earlier)
        return self._moments[number + shift]

    def committed(self, after: int, upto: int, now: float) -> None:
        rows = slice(after // self._grain + self._shift, upto // self._grain + self._shift)
        self._returned[rows] = now
        self._outcomes[rows] = Outcome.OK

    def crash(self, flushed: int, now: float) -> None:
        gone = bisect_right(self._moments, now)
        self._segments.append((self._begin, gone, self._shift))
        waiting = np.arange(self._begin, gone)[np.isnan(self._returned[self._begin : gone])]
        self._returned[waiting] = now
        self._begin = gone

    def restart(self, flushed: int, now: float) -> None:
        back = bisect_right(self._moments, now)
        refused = slice(self._begin, back)
        self._returned[refused] = self._times[refused]
        self._outcomes[refused] = Outcome.FAILED
        self._begin = back
        self._shift = back - flushed // self._grain

    def close(self, up: bool) -> None:
        """Settle the writes at the end of the run: those after a crash without a restart were refused."""
        end = len(self._times)
        if up:
            self._segments.append((self._begin, end, self._shift))
        else:
            self._returned[self._begin :] = self._times[self._begin :]
            self._outcomes[self._begin :] = Outcome.FAILED

    def finish(self) -> tuple[Ops, tuple[Floats, Ints]]:
        lsns = np.full(len(self._times), -1, dtype=np.int64)
        for begin, end, shift in self._segments:
            lsns[begin:end] = (np.arange(begin, end) + 1 - shift) * self._grain
        logged = lsns >= 0
        scenario, count = self._scenario, len(self._times)
        clients = np.full(count, -1)
        drawn = stream(scenario.seed, "clients").integers(scenario.clients, size=count)
        clients[~self._statements] = drawn[: int((~self._statements).sum())]
        ops = write_ops(scenario, clients, self._times, self._returned, self._outcomes, lsns, self._statements)
        return ops, (self._times[logged], lsns[logged])


class ClosedLoop:
    """A fixed number of clients, each with one write at a time and a pause after each answer."""

    reacts = True
    story: tuple[tuple[MarkKind, float, str, int], ...] = ()

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._chance = stream(scenario.seed, "think")
        self._due = [(self._think(), client) for client in range(scenario.clients)]
        heapify(self._due)
        self._up = True
        self._rows: list[tuple[int, float, int]] = []  # client, invoked, LSN
        self._returned: list[float] = []
        self._outcomes: list[Outcome] = []
        self._row_of: list[int] = [-1]  # by LSN
        self._committed = 0

    def appended(self, now: float) -> int:
        while self._due and self._due[0][0] <= now:
            moment, client = heappop(self._due)
            self._row_of.append(self._note(client, moment, len(self._row_of)))
        return len(self._row_of) - 1

    def next_after(self, lsn: int) -> float:
        if lsn + 1 < len(self._row_of):
            return self.append_time(lsn + 1)
        return self._due[0][0] if self._due else float("inf")

    def append_time(self, lsn: int) -> float:
        return self._rows[self._row_of[lsn]][1]

    def committed(self, after: int, upto: int, now: float) -> None:
        for row in self._row_of[after + 1 : upto + 1]:
            self._answer(row, Outcome.OK, now)
        self._committed = max(self._committed, upto)

    def crash(self, flushed: int, now: float) -> None:
        self.appended(now)
        for row in self._row_of[self._committed + 1 :]:
            if np.isnan(self._returned[row]):
                self._answer(row, Outcome.UNKNOWN, now)
        del self._row_of[flushed + 1 :]
        self._up = False

    def restart(self, flushed: int, now: float) -> None:
        self._refuse_until(now)
        self._up = True

    def close(self, up: bool) -> None:
        """Settle the writes at the end of the run."""
        end = self._scenario.duration_ms
        if up:
            self.appended(end)
        else:
            self._refuse_until(end)

    def finish(self) -> tuple[Ops, tuple[Floats, Ints]]:
        rows = np.array(self._rows, dtype=np.float64).reshape(-1, 3)
        order = np.argsort(rows[:, 1], kind="stable")
        client, invoked, lsn = rows[order].T
        lsns = lsn.astype(np.int64)
        ops = write_ops(
            self._scenario,
            client.astype(np.int64),
            invoked.copy(),
            np.array(self._returned, dtype=np.float64)[order],
            np.array(self._outcomes, dtype=np.int8)[order],
            lsns,
        )
        logged = lsns >= 0
        return ops, (invoked[logged], lsns[logged])

    def _think(self) -> float:
        return float(self._chance.exponential(self._scenario.think_ms)) if self._scenario.think_ms else 0.0

    def _note(self, client: int, moment: float, lsn: int) -> int:
        self._rows.append((client, moment, lsn))
        self._returned.append(float("nan"))
        self._outcomes.append(Outcome.UNKNOWN)
        return len(self._rows) - 1

    def _answer(self, row: int, outcome: Outcome, now: float) -> None:
        self._returned[row] = now
        self._outcomes[row] = outcome
        pause = self._think()
        if outcome is not Outcome.OK:
            pause = max(pause, _REFUSED_RETRY_MS)
        heappush(self._due, (now + pause, self._rows[row][0]))

    def _refuse_until(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            moment, client = heappop(self._due)
            self._answer(self._note(client, moment, -1), Outcome.FAILED, moment)


def reads(trace: Trace) -> Ops:
    """Return the reads of a run. A read takes no time and changes nothing, so it needs no event.

    It sees what its node has replayed; on the leader, what is committed there.
    """
    scenario = trace.scenario
    times = arrivals(scenario, "reads", [(0.0, scenario.reads_per_s)], poisson=True)
    count = len(times)
    chance = stream(scenario.seed, "read routing")
    if scenario.read_from == "random" and scenario.replicas:
        nodes = 1 + chance.integers(scenario.replicas, size=count)
    else:
        name = LEADER if scenario.read_from == "random" else scenario.read_from
        nodes = np.full(count, trace.number(name), dtype=np.int64)
    seen = np.zeros(count, dtype=np.int64)
    up = np.ones(count, dtype=np.bool_)
    for number, name in enumerate(trace.nodes):
        here = nodes == number
        which = Position.COMMITTED if name == LEADER else Position.REPLAYED
        seen[here] = trace.at(name, which, times[here])
        for begin, end in down_intervals(trace, number):
            up[here & (times >= begin) & (times < end)] = False
    outcome = np.where(up, Outcome.OK, Outcome.FAILED).astype(np.int8)
    return Ops(
        client=stream(scenario.seed, "readers").integers(scenario.clients, size=count),
        kind=np.full(count, OpKind.READ, dtype=np.int8),
        key=stream(scenario.seed, "read keys").integers(scenario.keys, size=count),
        value=np.full(count, -1, dtype=np.int64),
        invoked=times,
        returned=times.copy(),
        outcome=outcome,
        node=nodes.astype(np.int8),
        lsn=np.where(up, seen, -1),
    )


def down_intervals(trace: Trace, node: int) -> list[tuple[float, float]]:
    """Return the intervals (begin, end), ms, in which a node was down."""
    states = trace.states
    rows = (states.node == node) & ~states.up
    return list(zip(states.begin[rows].tolist(), states.end[rows].tolist(), strict=True))


def write_moments(scenario: Scenario) -> Floats:
    """Return when users come with a write, ms, whatever the database does."""
    changes = [
        (fault.at_ms, float(fault.value))
        for fault in scenario.timeline
        if isinstance(fault, Change) and fault.setting == "rate_per_s"
    ]
    rates = [(begin, rate / scenario.grain) for begin, rate in [(0.0, scenario.rate_per_s), *changes]]
    return arrivals(scenario, "writes", rates, poisson=scenario.arrivals == "poisson")


def with_statements(scenario: Scenario, moments: Floats) -> tuple[Floats, Flags]:
    """Return the moments of the writes and of an operator's statements, ms, and which of them are statements."""
    times = [f.at_ms for f in scenario.timeline if isinstance(f, Statement) and f.at_ms < scenario.duration_ms]
    places = np.searchsorted(moments, times, side="right")
    return np.insert(moments, places, times), np.insert(np.zeros(len(moments), dtype=np.bool_), places, True)


def write_ops(
    scenario: Scenario,
    client: Ints,
    invoked: Floats,
    returned: Floats,
    outcome: Codes,
    lsn: Ints,
    statements: Flags | None = None,
) -> Ops:
    """Return the writes as operations, in order of invocation, with keys drawn at random.

    Statements among them touch no key, and change what the others draw no more than their presence.
    """
    count = len(invoked)
    special = np.zeros(count, dtype=np.bool_) if statements is None else statements
    writes = count - int(special.sum())
    key, value = np.full(count, -1), np.full(count, -1)
    key[~special] = stream(scenario.seed, "keys").integers(scenario.keys, size=writes)
    value[~special] = np.arange(1, writes + 1)
    value[special] = np.arange(count - writes)
    return Ops(
        client=client,
        kind=np.where(special, OpKind.STATEMENT, OpKind.WRITE).astype(np.int8),
        key=key,
        value=value,
        invoked=invoked,
        returned=returned,
        outcome=outcome,
        node=np.zeros(count, dtype=np.int8),
        lsn=lsn,
    )


def arrivals(scenario: Scenario, name: str, rates: list[tuple[float, float]], *, poisson: bool) -> Floats:
    """Return the moments of arrival, ms, under a rate per second that changes at given moments.

    Arrivals are drawn at rate one and stretched, so another rate keeps the same pattern of chance.
    """
    swing = Swing(scenario)
    end = swing.load(scenario.duration_ms)
    begins = [min(swing.load(begin), end) for begin, _ in rates]
    total = sum(rate / 1000 * (b - a) for (_, rate), a, b in zip(rates, begins, [*begins[1:], end], strict=True))
    if poisson:
        count = int(total + 8 * np.sqrt(total) + 16)  # in 10^15 runs one would want more
        units = np.cumsum(stream(scenario.seed, f"arrivals {name}").standard_exponential(count))
    else:
        units = np.arange(1.0, total + 2)
    pieces, done, spent = [], 0, 0.0
    for (_, rate), begin, until in zip(rates, begins, [*begins[1:], end], strict=True):
        if rate > 0:
            moments = np.maximum(begin + (units[done:] - spent) / (rate / 1000), begin)
            moments = moments[: np.searchsorted(moments, until)]  # what a later change must not touch
            pieces.append(moments)
            done += len(moments)
        spent += rate / 1000 * (until - begin)
    return swing.moments(np.concatenate(pieces)) if pieces else np.empty(0)


class Swing:
    """Day and night: a load that swings around its mean as a cosine, its lowest at the begin.

    Arrivals are spread evenly over the load that has come so far; a moment is looked up from the load.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._share = scenario.load_swing
        self._per_ms = 2 * np.pi / scenario.load_period_ms
        self._end = scenario.duration_ms

    def load(self, moment: float) -> float:
        """Return how much load has come up to a moment, as the time (ms) in which the mean load brings as much."""
        return moment - self._share / self._per_ms * float(np.sin(self._per_ms * moment))

    def moments(self, loads: Floats) -> Floats:
        """Return when so much load has come, ms."""
        if self._share == 0:
            return loads
        grid = np.linspace(0, self._end, int(self._end * self._per_ms * 100) + 1_000)
        reached = grid - self._share / self._per_ms * np.sin(self._per_ms * grid)
        found: Floats = np.interp(loads, reached, grid)
        return found
