"""What a crash takes with it: acknowledged writes that the next leader has not got."""

from __future__ import annotations

from typing import Any

from ...measures import lost
from ...scenario import Crash, Partition, Promote, Scenario
from ...trace import Trace
from ..predicting import Case, Experiment

_CRASH_MS = 700.0
_HELD_MS = 500.0


def count_lost(trace: Trace) -> float:
    """Return how many acknowledged writes the last leader has not got."""
    return float(len(lost(trace)))


def crash(ack: str = "async", promote: str = "s1", held: bool = False, **changes: Any) -> Scenario:
    """Return 400 writes/s until the leader crashes and an operator promotes a standby.

    Parameters
    ----------
    held : bool
        Whether the links of s1 carry nothing in the last half second.
    """
    cut = (Partition(nodes=("s1",), at_ms=_CRASH_MS - _HELD_MS),) if held else ()
    plain = {"rate_per_s": 400, "network_ms": 0, "network_spread": 0, "replicas": 3, "ack": ack}
    return Scenario(
        **{**plain, **changes},
        duration_ms=_CRASH_MS + 600,
        faults=(*cut, Crash(node="L", at_ms=_CRASH_MS), Promote(node=promote, at_ms=_CRASH_MS + 20)),
    )


acknowledged_but_lost = Experiment(
    name="acknowledged_but_lost",
    question="The leader of 400 writes/s crashes: how many acknowledged writes has the next leader not got?",
    unit="writes",
    cases=(
        Case("async, 20 ms one way", crash(network_ms=20)),
        Case("async, 200 ms one way", crash(network_ms=200)),
        Case("async, s1 cut off for 500 ms", crash(held=True)),
        Case("s1, 20 ms one way", crash(ack="s1", network_ms=20)),
        Case("ANY 1, s1 cut off, s1 promoted", crash(ack="ANY 1 (s1, s2)", held=True)),
        Case("ANY 1, s1 cut off, s2 promoted", crash(ack="ANY 1 (s1, s2)", held=True, promote="s2")),
    ),
    measure=count_lost,
    whole=True,
)
