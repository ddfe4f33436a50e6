"""Reads on a replica against its replay: vacuum on the leader, long queries, who waits and who is cancelled.

The leader's vacuum removes rows that nobody on the leader needs any more, and logs that it did. A query on a replica
may still need them: replay waits at that record, up to `max_standby_streaming_delay`, and then cancels the query. With
`hot_standby_feedback` the leader knows what the queries need and keeps it: nobody waits, and dead rows pile up.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from ..scenario import LongQuery, Scenario

_NEVER = float("inf")


class Vacuum:
    """The cleanup records in the leader's log.

    Attributes
    ----------
    records : list of int
        After which LSN each stands, in the order of the log. Without queries that could need a removed row there is
        none worth a record.
    """

    def __init__(self, scenario: Scenario) -> None:
        queries = any(isinstance(fault, LongQuery) for fault in scenario.timeline)
        self.works = queries and not scenario.hot_standby_feedback
        self.every_ms = scenario.vacuum_ms
        self.records: list[int] = []


@dataclass
class _Query:
    """A long query: from when to when (ms), and what its snapshot shows; None while it has none."""

    begin: float
    until: float
    sees: int | None = None

    def runs(self, now: float) -> bool:
        return self.sees is not None and now < self.until


class Queries:
    """The long queries of one replica, and whether replay may go on.

    Attributes
    ----------
    begins : list of float
        When each begins, ms.
    """

    def __init__(self, scenario: Scenario, node: str, vacuum: Vacuum) -> None:
        faults = [f for f in scenario.timeline if isinstance(f, LongQuery) and f.node == node]
        self._queries = [_Query(fault.at_ms, fault.until_ms) for fault in faults]
        self._patience = scenario.max_standby_streaming_delay_ms
        self._vacuum = vacuum
        self._passed = 0  # cleanup records that replay has passed
        self._received: deque[tuple[int, float]] = deque()
        self.any = bool(faults) and vacuum.works
        self.begins = [query.begin for query in self._queries] if self.any else []

    def begin(self, replayed: int, now: float) -> None:
        """Begin the queries that are due: each sees what has been replayed by now."""
        for query in self._queries:
            if query.begin == now:
                query.sees = replayed

    def received(self, upto: int, now: float) -> None:
        """Note when the log up to an LSN came: from then on the patience counts."""
        if self.any:
            self._received.append((upto, now))

    def free_from(self, replayed: int) -> float:
        """Return how many writes replay may take before the next cleanup record; infinite if there is none."""
        records = self._vacuum.records
        return records[self._passed] - replayed if self._passed < len(records) else _NEVER

    def blocked_until(self, replayed: int, now: float) -> tuple[float, bool]:
        """Return when replay may go on past the cleanup records that stand at an LSN, and whether it cancels queries.

        Time has passed already, and nothing is cancelled, where nobody needs what they remove: a query may need what
        died after its snapshot.
        """
        records = self._vacuum.records
        while self._passed < len(records) and records[self._passed] <= replayed:
            after = records[self._passed]
            needed = [q.until for q in self._queries if q.runs(now) and q.sees is not None and q.sees < after]
            if needed:
                limit = self._limit(replayed)
                return (max(needed), False) if max(needed) <= limit else (max(limit, now), True)
            self._passed += 1
        return now, False

    def cancel(self, now: float) -> list[float]:
        """End the queries that run; return how long each had run, ms."""
        running = [query for query in self._queries if query.runs(now)]
        for query in running:
            query.until = now
        return [now - query.begin for query in running]

    def _limit(self, replayed: int) -> float:
        if self._patience < 0:
            return _NEVER
        while self._received and self._received[0][0] < replayed:
            self._received.popleft()
        return (self._received[0][1] if self._received else 0.0) + self._patience
