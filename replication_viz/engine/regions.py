"""The clients of several leaders: each stands in one region, and reads and writes at its leader."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..scenario import Scenario
from ..trace import Floats, Ints, OpKind, Ops, Outcome
from .arrivals import arrivals, write_moments, write_ops
from .streams import stream


class Clients:
    """All clients of a run. A client's number tells its region."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.times = write_moments(scenario)
        count = len(self.times)
        self.client = stream(scenario.seed, "clients").integers(scenario.clients, size=count)
        self.key = _keys(scenario, "keys", count)
        self.lsn = np.full(count, -1)
        self.returned = np.full(count, np.nan)
        self.outcome = np.full(count, Outcome.UNKNOWN, dtype=np.int8)
        asked = arrivals(scenario, "reads", [(0.0, scenario.reads_per_s)], poisson=True)
        self._reads = Ops(
            client=stream(scenario.seed, "readers").integers(scenario.clients, size=len(asked)),
            kind=np.full(len(asked), OpKind.READ, dtype=np.int8),
            key=_keys(scenario, "read keys", len(asked)),
            value=np.full(len(asked), -1),
            invoked=asked,
            returned=asked.copy(),
            outcome=np.full(len(asked), Outcome.OK, dtype=np.int8),
            node=np.zeros(len(asked), dtype=np.int8),
            lsn=np.full(len(asked), -1),
        )
        self.seen = np.full(len(asked), -1)
        self.unread = np.zeros(len(asked), dtype=np.bool_)

    def made_ms(self, number: int) -> float:
        """Return when a write was made, ms."""
        return float(self.times[number - 1])

    def desk(self, region: int) -> Desk:
        """Return where the clients of a region come to."""
        mine, leaders = np.flatnonzero(self.client % self._scenario.leaders == region), self._scenario.leaders
        reading = np.flatnonzero(self._reads.client % leaders == region)
        return Desk(self, mine, reading, self._reads.invoked[reading], self._reads.key[reading])

    def ops(self) -> Ops:
        """Return all operations."""
        leaders = self._scenario.leaders
        writes = write_ops(
            self._scenario,
            self.client,
            self.times,
            self.returned,
            self.outcome,
            self.lsn,
            node=(self.client % leaders).astype(np.int8),
        )
        reads = replace(
            self._reads,
            value=self.seen,
            outcome=np.where(self.unread, Outcome.FAILED, Outcome.OK).astype(np.int8),
            node=(self._reads.client % leaders).astype(np.int8),
        )
        return replace(writes, key=self.key).merged(reads, by="invoked")


class Desk:
    """Where the clients of one region come to, in order of time."""

    def __init__(self, clients: Clients, rows: Ints, reads: Ints, read_times: Floats, read_keys: Ints) -> None:
        self._clients = clients
        self._rows: list[int] = rows.tolist()
        self._times: list[float] = clients.times[rows].tolist()
        self._keys: list[int] = clients.key[rows].tolist()
        self._taken = 0
        self._reads: list[int] = reads.tolist()
        self._read_times: list[float] = read_times.tolist()
        self._read_keys: list[int] = read_keys.tolist()
        self._read = 0
        self._row_of = [-1]  # by LSN

    def next_write(self) -> float:
        """Return when the next write comes, ms; infinite if none is on its way."""
        return self._times[self._taken] if self._taken < len(self._times) else float("inf")

    def writes(self, now: float) -> Iterator[tuple[int, int, float]]:
        """Return number, key and time (ms) of each write that has come by now and not been told before."""
        while self._taken < len(self._times) and self._times[self._taken] <= now:
            place = self._taken
            self._taken += 1
            yield self._rows[place] + 1, self._keys[place], self._times[place]

    def reads(self, now: float) -> Iterator[tuple[int, int]]:
        """Return place and key of each read that has come by now and not been told before."""
        while self._read < len(self._read_times) and self._read_times[self._read] <= now:
            place = self._read
            self._read += 1
            yield self._reads[place], self._read_keys[place]

    def show(self, place: int, value: int) -> None:
        """Answer a read."""
        self._clients.seen[place] = value

    def turn_away(self, now: float) -> None:
        """Refuse everybody who has come by now: the leader is down."""
        for number, _, time in self.writes(now):
            self.refuse(number, time)
        for place, _ in self.reads(now):
            self._clients.unread[place] = True

    def refuse(self, number: int, now: float) -> None:
        """Refuse a write."""
        self._clients.returned[number - 1] = now
        self._clients.outcome[number - 1] = Outcome.FAILED

    def accept(self, number: int) -> None:
        """Note that a write is the next in the log."""
        self._clients.lsn[number - 1] = len(self._row_of)
        self._row_of.append(number - 1)

    def answer(self, after: int, upto: int, now: float) -> None:
        """Tell the clients of the writes after one LSN up to another that they are done."""
        rows = self._row_of[after + 1 : upto + 1]
        self._clients.returned[rows] = now
        self._clients.outcome[rows] = Outcome.OK

    def hang_up(self, flushed: int, now: float) -> None:
        """Break all connections: who waits never hears."""
        self._clients.returned[self._row_of[flushed + 1 :]] = now
        del self._row_of[flushed + 1 :]


def _keys(scenario: Scenario, name: str, count: int) -> Ints:
    """Return the rows that operations go to: the hot one, 0, or any."""
    keys = stream(scenario.seed, name).integers(scenario.keys, size=count)
    return np.where(stream(scenario.seed, f"hot {name}").random(count) < scenario.hot_share, 0, keys)
