"""What a sick standby, an old copy and a long query do."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...measures import answered_within, lag
from ...measures import stale_reads as share_of_stale_reads
from ...scenario import Freeze, LongQuery, NodeSettings, Scenario
from ...trace import Trace
from ..positions import EVERY_S
from ..predicting import Case, Experiment

_SOON_MS = 200.0
_ANYBODY = {"keys": 20, "reread_ms": -1, "reads_per_s": 300}
_RULES = ("s1", "ANY 1 (s1, s2, s3)", "ANY 2 (s1, s2, s3)", "FIRST 2 (s1, s2, s3)")


def answered_soon(trace: Trace) -> float:
    """Return the percentage of writes that were answered within 200 ms."""
    return 100 * answered_within(trace, _SOON_MS)


def stale(trace: Trace) -> float:
    """Return the percentage of reads that got an old value."""
    return 100 * share_of_stale_reads(trace)


def replay_lag(trace: Trace) -> float:
    """Return the replay lag of s1 that is exceeded in 5 % of the time, ms."""
    moments = np.arange(0.0, trace.duration_ms, 1.0)
    return float(np.quantile(lag(trace, "s1", "replay", moments), 0.95))


def _near(**changes: Any) -> Scenario:
    return Scenario(**{"replicas": 3, "network_ms": 0, "network_spread": 0, **changes})


def _with_a_sick_one(rule: str) -> Scenario:
    frozen = Freeze(node="s1", at_ms=300, for_ms=500)
    return _near(ack=rule, rate_per_s=60, duration_ms=1_200, faults=(frozen,))


def _reading(**changes: Any) -> Scenario:
    """Return writes whose client reads them from s1 as soon as they are acknowledged; hardly two have one key."""
    plain = {"rate_per_s": 150, "keys": 100_000, "read_from": "s1", "reread_ms": 0, "lsn_wait_ms": 1_000}
    return _near(**{**plain, "ack": "s1", "duration_ms": 800, **changes})


def _delayed(**changes: Any) -> Scenario:
    return _reading(nodes={"s1": NodeSettings(apply_delay_ms=100)}, **changes)


def _querying(**changes: Any) -> Scenario:
    query = LongQuery(node="s1", at_ms=250, for_ms=900)
    return _near(ack="async", rate_per_s=300, vacuum_ms=200, duration_ms=1_800, faults=(query,), **changes)


sick_standby = Experiment(
    name="sick_standby",
    question="s1 stands still for half a second: how many of the writes are answered within 200 ms?",
    unit="%",
    cases=tuple(Case(rule, _with_a_sick_one(rule)) for rule in _RULES),
    measure=answered_soon,
)

stale_reads = Experiment(
    name="stale_reads",
    question="A client reads from s1 what it has just written: how many reads are stale?",
    unit="%",
    cases=(
        Case("async, 50 ms one way", _reading(ack="async", network_ms=50)),
        Case("async, 50 ms one way, anybody's reads", _reading(ack="async", network_ms=50, **_ANYBODY)),
        Case("on, replay delayed by 100 ms", _delayed(level="on")),
        Case("remote_apply, replay delayed by 100 ms", _delayed(level="remote_apply")),
        Case("async, 50 ms one way, LSN tracking", _reading(ack="async", network_ms=50, session="lsn")),
    ),
    measure=stale,
)

long_query = Experiment(
    name="long_query",
    question="A query of 0.9 s on s1 needs rows that vacuum removes: which replay lag is exceeded in 5 % of the time?",
    unit="ms",
    cases=(
        Case("replay waits", _querying()),
        Case("replay waits 500 ms at most", _querying(max_standby_streaming_delay_ms=500)),
        Case("hot_standby_feedback", _querying(hot_standby_feedback=True)),
    ),
    measure=replay_lag,
    resolution=1000 * EVERY_S,
)
