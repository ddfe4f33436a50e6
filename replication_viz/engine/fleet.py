"""Application servers between the users and the leader: connection pools, health checks, a balancer that drains.

A request takes a connection of its server's pool for as long as its commit lasts, or queues for one. A health check
needs a connection, too. A server that fails several in a row gets no more requests until it passes again. Nothing here
is about replication; it is how a slow commit becomes an outage.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from heapq import heappop, heappush

import numpy as np

from ..scenario import Scenario
from ..trace import Floats, Ints, MarkKind, Ops, Outcome
from .clients import write_moments, write_ops
from .streams import stream

_RETRY_AFTER_MS = 100.0  # the first pause of a user whose request failed; each further one is twice as long
_HEALTH = -1  # stands for a health check where a request's row would stand


class _Due(IntEnum):
    ARRIVAL = 0
    HEALTH = 1
    GIVE_UP = 2
    HEALTH_FAILS = 3


@dataclass
class _Server:
    """One application server."""

    name: str
    free: int
    queue: deque[tuple[int, float]] = field(default_factory=deque)  # row, or _HEALTH, and since when
    in_rotation: bool = True
    failures: int = 0
    passes: int = 0
    exhausted: bool = False


class Fleet:
    """Requests arrive at random, go round the servers in rotation, and write once they have a connection."""

    reacts = True  # a freed connection goes to the next request at once

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.story: list[tuple[MarkKind, float, str]] = []
        self._servers = [_Server(f"app{n}", scenario.pool) for n in range(1, scenario.servers + 1)]
        self._next_server = 0
        self._chance = stream(scenario.seed, "retries")
        self._leader_up = True
        self._server: list[int] = []
        self._invoked: list[float] = []
        self._returned: list[float] = []
        self._outcome: list[Outcome] = []
        self._lsn: list[int] = []
        self._tries: list[int] = []
        self._row_of = [-1]  # by LSN
        self._appended_at = [0.0]
        self._committed = 0
        self._due: list[tuple[float, int, int, int]] = []  # time, what, row or server, tries so far
        for moment in write_moments(scenario).tolist():
            self._due.append((moment, _Due.ARRIVAL, 0, 0))
        for number in range(scenario.servers):
            first = scenario.health_every_ms * (number + 1) / scenario.servers
            self._due.append((first, _Due.HEALTH, number, 0))
        self._due.sort()

    # -- what the leader asks -------------------------------------------------------------------------------------

    def appended(self, now: float) -> int:
        self._advance(now)
        return len(self._row_of) - 1

    def next_after(self, lsn: int) -> float:
        if lsn + 1 < len(self._row_of):
            return self._appended_at[lsn + 1]
        return self._due[0][0] if self._due else float("inf")

    def append_time(self, lsn: int) -> float:
        return self._appended_at[lsn]

    def committed(self, after: int, upto: int, now: float) -> None:
        self._advance(now)
        rows = self._row_of[after + 1 : upto + 1]
        self._committed = upto
        for row in rows:
            if np.isnan(self._returned[row]):
                self._returned[row], self._outcome[row] = now, Outcome.OK
        for row in rows:
            self._release(self._servers[self._server[row]], now)

    def crash(self, flushed: int, now: float) -> None:
        self._advance(now)
        self._leader_up = False
        broken = self._row_of[self._committed + 1 :]
        del self._row_of[flushed + 1 :], self._appended_at[flushed + 1 :]
        for row in broken:
            self._fail(row, Outcome.UNKNOWN, now)
        for row in broken:
            self._release(self._servers[self._server[row]], now)

    def restart(self, flushed: int, now: float) -> None:
        self._advance(now)
        self._leader_up = True
        self._committed = flushed

    def close(self, up: bool) -> None:
        self._advance(self._scenario.duration_ms)

    def finish(self) -> tuple[Ops, tuple[Floats, Ints]]:
        order = np.argsort(self._invoked, kind="stable")
        ops = write_ops(
            self._scenario,
            np.array(self._server, dtype=np.int64)[order],
            np.array(self._invoked, dtype=np.float64)[order],
            np.array(self._returned, dtype=np.float64)[order],
            np.array(self._outcome, dtype=np.int8)[order],
            np.array(self._lsn, dtype=np.int64)[order],
        )
        return ops, (np.array(self._appended_at[1:]), np.arange(1, len(self._appended_at)))

    # -- what happens in between ----------------------------------------------------------------------------------

    def _advance(self, now: float) -> None:
        """Let everything happen that is due by now."""
        while self._due and self._due[0][0] <= now:
            moment, what, number, tries = heappop(self._due)
            if what == _Due.ARRIVAL:
                self._arrive(moment, tries)
            elif what == _Due.HEALTH:
                self._check(number, moment)
            elif what == _Due.GIVE_UP:
                self._give_up(number, moment)
            else:
                self._health_fails(number, moment)

    def _arrive(self, now: float, tries: int) -> None:
        row = len(self._invoked)
        ready = [s for s in self._servers if s.in_rotation]
        server = ready[self._next_server % len(ready)] if ready else None
        self._next_server += 1
        self._server.append(self._servers.index(server) if server else -1)
        self._invoked.append(now)
        self._returned.append(float("nan"))
        self._outcome.append(Outcome.UNKNOWN)
        self._lsn.append(-1)
        self._tries.append(tries)
        if server is None:
            self._fail(row, Outcome.FAILED, now)
            return
        heappush(self._due, (now + self._scenario.request_timeout_ms, _Due.GIVE_UP, row, 0))
        server.queue.append((row, now))
        self._serve(server, now)

    def _serve(self, server: _Server, now: float) -> None:
        """Give free connections to whoever waits longest."""
        while server.queue and server.free:
            row, since = server.queue.popleft()
            if row == _HEALTH:
                self._health_passes(server, now)
            elif not np.isnan(self._returned[row]):
                continue  # its user has given up
            elif not self._leader_up:
                self._fail(row, Outcome.FAILED, now)
            else:
                server.free -= 1
                self._lsn[row] = len(self._row_of)
                self._row_of.append(row)
                self._appended_at.append(now)
        if server.queue and not server.exhausted:
            server.exhausted = True
            self.story.append((MarkKind.POOL, now, f"{server.name}: pool of {self._scenario.pool} exhausted"))
        elif not server.queue and server.free:
            server.exhausted = False

    def _release(self, server: _Server, now: float) -> None:
        server.free += 1
        self._serve(server, now)

    def _give_up(self, row: int, now: float) -> None:
        if np.isnan(self._returned[row]):
            self._fail(row, Outcome.UNKNOWN if self._lsn[row] >= 0 else Outcome.FAILED, now)

    def _fail(self, row: int, outcome: Outcome, now: float) -> None:
        """Tell a user that it did not work; an eager one comes again."""
        if not np.isnan(self._returned[row]):
            return
        self._returned[row], self._outcome[row] = now, outcome
        tries = self._tries[row]
        if tries < self._scenario.retries:
            pause = _RETRY_AFTER_MS * 2**tries * float(self._chance.uniform(0.5, 1.5))
            heappush(self._due, (now + pause, _Due.ARRIVAL, 0, tries + 1))

    # -- health ---------------------------------------------------------------------------------------------------

    def _check(self, number: int, now: float) -> None:
        server = self._servers[number]
        server.queue.append((_HEALTH, now))
        heappush(self._due, (now + self._scenario.health_every_ms, _Due.HEALTH, number, 0))
        heappush(self._due, (now + self._scenario.health_timeout_ms, _Due.HEALTH_FAILS, number, 0))
        self._serve(server, now)

    def _health_passes(self, server: _Server, now: float) -> None:
        server.failures, server.passes = 0, server.passes + 1
        if not server.in_rotation and server.passes >= self._scenario.health_failures:
            server.in_rotation = True
            self.story.append((MarkKind.RETURN, now, f"{server.name} is healthy again and takes requests"))

    def _health_fails(self, number: int, now: float) -> None:
        """A check that still waits for a connection has failed."""
        server = self._servers[number]
        limit = now - self._scenario.health_timeout_ms
        late = next((entry for entry in server.queue if entry[0] == _HEALTH and entry[1] <= limit), None)
        if late is None:
            return
        server.queue.remove(late)
        server.failures, server.passes = server.failures + 1, 0
        if server.in_rotation and server.failures >= self._scenario.health_failures:
            server.in_rotation = False
            left = sum(s.in_rotation for s in self._servers)
            what = f"{left} of {len(self._servers)} left" if left else "none is left: no user can write"
            self.story.append((MarkKind.DRAIN, now, f"{server.name} fails its health checks and is drained: {what}"))
