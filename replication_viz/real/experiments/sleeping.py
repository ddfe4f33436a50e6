"""What the leader's log does while a standby sleeps: kept, kept by a slot, removed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...measures import fell_off_ms
from ...scenario import Crash, Restart, Scenario
from ...trace import Trace
from ..predicting import Case, Experiment

_ASLEEP_MS, _AWAKE_MS = 200.0, 2_400.0


def kept_for_ms(trace: Trace) -> float:
    """Return for how long the log that s1 would need is kept while it sleeps, ms; at most as long as it sleeps."""
    return float(np.fmin(fell_off_ms(trace, "s1"), _AWAKE_MS)) - _ASLEEP_MS


def _sleeping(**changes: Any) -> Scenario:
    """Return writes of 8 kB, about 3 MB of log a second in files of 1 MB, with a checkpoint every 400 ms."""
    plain = {"rate_per_s": 380, "record_bytes": 8_000, "segment_mb": 1, "checkpoint_ms": 400, "ack": "async"}
    return Scenario(
        **{**plain, "replicas": 3, "network_ms": 0, "network_spread": 0, "duration_ms": 3_400, **changes},
        faults=(Crash(node="s1", at_ms=_ASLEEP_MS), Restart(node="s1", at_ms=_AWAKE_MS)),
    )


falling_off = Experiment(
    name="falling_off",
    question="s1 sleeps for 2.2 s at 3 MB of log a second: for how long is the log kept that it will need?",
    unit="ms",
    cases=(
        Case("wal_keep_size = 2 MB", _sleeping(wal_keep_mb=2)),
        Case("a slot", _sleeping(slots=True, wal_keep_mb=0)),
        Case("a slot, at most 2 MB", _sleeping(slots=True, wal_keep_mb=0, max_slot_wal_keep_mb=2)),
    ),
    measure=kept_for_ms,
    resolution=100.0,  # the log is removed when a checkpoint ends, and to write all down takes its time
)
