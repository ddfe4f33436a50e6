"""Application servers between the users and the leader: connection pools, health checks, a balancer that drains.

A request takes a connection of its server's pool for as long as its commit lasts, or queues for one. A health check
needs a connection, too. A server that fails several in a row gets no more requests until it passes again. Nothing here
is about replication; it is how a slow commit becomes an outage.

Simplified: a health check gives its connection back at once; a user who gives up leaves, and the server's connection
stays busy until the database answers; with the leader down, requests and health checks fail at once.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from heapq import heappop, heappush
from math import isnan

import numpy as np

from ..scenario import Scenario
from ..trace import Codes, Floats, Ints, MarkKind, Ops, Outcome
from .arrivals import write_moments, write_ops
from .clients import Desk
from .streams import stream

_RETRY_AFTER_MS = 100.0  # the first pause of a user whose request failed; each further one is twice as long
_NO_SERVER = -1


class _Due(IntEnum):
    ARRIVAL = 0
    HEALTH = 1
    GIVE_UP = 2
    HEALTH_FAILS = 3


@dataclass(eq=False)
class _Server:
    """One application server.

    Attributes
    ----------
    queue : deque of int
        Who waits for a connection, in order: the row of a request, or a health check's number, counted -1, -2, …
    """

    number: int
    free: int
    queue: deque[int] = field(default_factory=deque)
    in_rotation: bool = True
    checks: int = 0
    failures: int = 0
    passes: int = 0
    exhausted: bool = False

    @property
    def name(self) -> str:
        return f"app{self.number + 1}"


class Fleet:
    """Requests arrive at random, go round the servers in rotation, and write once they have a connection."""

    reacts = True  # a freed connection goes to the next request at once

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.story: list[tuple[MarkKind, float, str, int]] = []
        self._servers = [_Server(number, scenario.pool) for number in range(scenario.servers)]
        self._ready = list(self._servers)
        self._turn = 0
        self._chance = stream(scenario.seed, "retries")
        self._leader_up = True
        self._server: list[int] = []  # these five by row: a row is a request, in order of arrival
        self._invoked: list[float] = []
        self._returned: list[float] = []
        self._outcome: list[Outcome] = []
        self._lsn: list[int] = []
        self._tries: list[int] = []
        self._row_of = [_NO_SERVER]  # by LSN, as the log is now
        self._appended_at = [0.0]
        self._appends: list[tuple[float, int]] = []  # time and LSN of every append, those that a crash undid included
        self._committed = 0
        every = scenario.health_every_ms / scenario.servers
        self._due: list[tuple[float, int, int, int]] = [  # time, what, row or server, tries so far or check's number
            *((moment, _Due.ARRIVAL, 0, 0) for moment in write_moments(scenario).tolist()),
            *((every * (number + 1), _Due.HEALTH, number, 0) for number in range(scenario.servers)),
        ]
        self._due.sort()

    # -- what the leader asks: it is the only one, so all clients come to one desk --------------------------------

    def open(self, node: int, base: int, now: float, before: Desk | None = None) -> Fleet:
        return self

    def send_to(self, group: int, node: int | None, now: float) -> None:
        """Nothing changes: the servers know one leader."""

    def appended(self, now: float) -> int:
        self._advance(now)
        return len(self._row_of) - 1

    def next_after(self, lsn: int) -> float:
        if lsn + 1 < len(self._row_of):
            return self._appended_at[lsn + 1]
        due = self._due
        while due[0][1] == _Due.GIVE_UP and not isnan(self._returned[due[0][2]]):
            heappop(due)  # nobody is there any more to give up: no reason to wake the leader
        return due[0][0]  # there is always a next health check

    def append_time(self, lsn: int) -> float:
        return self._appended_at[lsn]

    def committed(self, after: int, upto: int, now: float) -> None:
        self._advance(now)
        rows = self._row_of[after + 1 : upto + 1]
        self._committed = upto
        for row in rows:
            if isnan(self._returned[row]):
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

    def restart(self, flushed: int, now: float) -> Fleet:
        self._advance(now)
        self._leader_up = True
        self._committed = flushed
        return self

    def close(self) -> None:
        self._advance(self._scenario.duration_ms)

    def finish(self) -> tuple[Ops, tuple[Floats, Ints], Codes]:
        ops = write_ops(
            self._scenario,
            np.array(self._server, dtype=np.int64),
            np.array(self._invoked, dtype=np.float64),
            np.array(self._returned, dtype=np.float64),
            np.array(self._outcome, dtype=np.int8),
            np.array(self._lsn, dtype=np.int64),
        )
        times, lsns = np.array(self._appends, dtype=np.float64).reshape(-1, 2).T
        return ops, (times.copy(), lsns.astype(np.int64)), np.zeros(len(times), dtype=np.int8)

    # -- what happens in between ----------------------------------------------------------------------------------

    def _advance(self, now: float) -> None:
        """Let everything happen that is due by now."""
        due = self._due
        while due[0][0] <= now:
            moment, what, number, count = heappop(due)
            if what == _Due.ARRIVAL:
                self._arrive(moment, count)
            elif what == _Due.HEALTH:
                self._check(self._servers[number], moment)
            elif what == _Due.GIVE_UP:
                self._fail(number, Outcome.UNKNOWN if self._lsn[number] >= 0 else Outcome.FAILED, moment)
            else:
                self._late(self._servers[number], count, moment)

    def _arrive(self, now: float, tries: int) -> None:
        row = len(self._invoked)
        server = self._ready[self._turn % len(self._ready)] if self._ready else None
        self._turn += 1
        self._server.append(server.number if server else _NO_SERVER)
        self._invoked.append(now)
        self._returned.append(float("nan"))
        self._outcome.append(Outcome.UNKNOWN)
        self._lsn.append(-1)
        self._tries.append(tries)
        if server is None:
            self._fail(row, Outcome.FAILED, now)
            return
        heappush(self._due, (now + self._scenario.request_timeout_ms, _Due.GIVE_UP, row, 0))
        server.queue.append(row)
        self._serve(server, now)

    def _serve(self, server: _Server, now: float) -> None:
        """Give free connections to whoever waits longest."""
        while server.queue and server.free:
            who = server.queue.popleft()
            if who < 0:
                self._checked(server, now, passed=self._leader_up)
            elif not isnan(self._returned[who]):
                continue  # its user has given up
            elif not self._leader_up:
                self._fail(who, Outcome.FAILED, now)
            else:
                server.free -= 1
                self._lsn[who] = len(self._row_of)
                self._appends.append((now, len(self._row_of)))
                self._row_of.append(who)
                self._appended_at.append(now)
        if server.queue and not server.exhausted:
            server.exhausted = True
            self.story.append(
                (MarkKind.POOL, now, f"{server.name}: all {self._scenario.pool} connections in use", server.number)
            )
        elif 2 * server.free >= self._scenario.pool:  # not at each connection that comes and goes
            server.exhausted = False

    def _release(self, server: _Server, now: float) -> None:
        server.free += 1
        self._serve(server, now)

    def _fail(self, row: int, outcome: Outcome, now: float) -> None:
        """Tell a user who still waits that it did not work; an eager one comes again."""
        if not isnan(self._returned[row]):
            return
        self._returned[row], self._outcome[row] = now, outcome
        tries = self._tries[row]
        if tries < self._scenario.retries:
            pause = _RETRY_AFTER_MS * 2**tries * float(self._chance.uniform(0.5, 1.5))
            heappush(self._due, (now + pause, _Due.ARRIVAL, 0, tries + 1))

    # -- health ---------------------------------------------------------------------------------------------------

    def _check(self, server: _Server, now: float) -> None:
        server.checks += 1
        server.queue.append(-server.checks)
        scenario = self._scenario
        heappush(self._due, (now + scenario.health_every_ms, _Due.HEALTH, server.number, 0))
        heappush(self._due, (now + scenario.health_timeout_ms, _Due.HEALTH_FAILS, server.number, -server.checks))
        self._serve(server, now)

    def _late(self, server: _Server, check: int, now: float) -> None:
        """Give up a health check that still waits for a connection."""
        if check in server.queue:
            server.queue.remove(check)
            self._checked(server, now, passed=False)

    def _checked(self, server: _Server, now: float, *, passed: bool) -> None:
        """Count a health check, and take the server out of the rotation or back into it."""
        server.passes, server.failures = (server.passes + 1, 0) if passed else (0, server.failures + 1)
        enough = (server.passes if passed else server.failures) >= self._scenario.health_failures
        if passed == server.in_rotation or not enough:
            return
        server.in_rotation = passed
        self._ready = [s for s in self._servers if s.in_rotation]
        if passed:
            self.story.append(
                (MarkKind.RETURN, now, f"{server.name} is healthy again and takes requests", server.number)
            )
            return
        left = len(self._ready)
        what = f"{left} of {len(self._servers)} left" if left else "none is left: no user can write"
        text = f"{server.name} fails its health checks and is drained: {what}"
        self.story.append((MarkKind.DRAIN, now, text, server.number))
