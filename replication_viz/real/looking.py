"""When replay that waits for a query sees that it may go on: PostgreSQL sleeps meanwhile, longer and longer.

The simulator lets replay go on the moment it may. A prediction takes the scenario in which the query, or the patience
with it, ends at the look that comes next.
"""

from __future__ import annotations

import math

from ..scenario import LongQuery, Scenario

_FIRST_MS, _LONGEST_MS = 1.0, 1_000.0
_DIES_MS = 5.0  # so long it gives a query that it has cancelled


def next_look(wait_ms: float) -> float:
    """Return how long after it began to wait replay looks first at or after a time, ms.

    It sleeps 1, 2, 4, … ms and then a second each time.

    Source: PostgreSQL 18, `WaitExceedsMaxStandbyDelay` in src/backend/storage/ipc/standby.c.

    >>> next_look(0), next_look(2), next_look(500), next_look(1_100)
    (0.0, 3.0, 511.0, 2023.0)
    """
    looks, sleep = 0.0, _FIRST_MS
    while looks < wait_ms:
        looks += sleep
        sleep = min(2 * sleep, _LONGEST_MS)
    return looks


def with_looks(scenario: Scenario) -> Scenario:
    """Return the scenario whose queries, and whose patience with them, end when replay looks."""
    if scenario.hot_standby_feedback or not any(isinstance(fault, LongQuery) for fault in scenario.faults):
        return scenario
    faults = tuple(
        _longer(fault, scenario.vacuum_ms) if isinstance(fault, LongQuery) else fault for fault in scenario.faults
    )
    patience = scenario.max_standby_streaming_delay_ms
    return scenario.but(
        faults=faults, max_standby_streaming_delay_ms=next_look(patience) + _DIES_MS if patience > 0 else patience
    )


def _longer(query: LongQuery, vacuum_ms: float) -> LongQuery:
    """Return the query as replay sees it: it meets the first vacuum after its begin, and waits from then on."""
    meets = vacuum_ms * math.ceil(query.at_ms / vacuum_ms)
    if query.for_ms is None or query.until_ms <= meets:
        return query
    return query.model_copy(update={"for_ms": meets + next_look(query.until_ms - meets) - query.at_ms})
