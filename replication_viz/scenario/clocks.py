"""Where a node's wall clock stands: with the others, ahead of them or behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .faults import SkewClock

if TYPE_CHECKING:
    from .model import Scenario


def clock_offset_ms(scenario: Scenario, node: str, at_ms: float) -> float:
    """Return how far a node's wall clock is ahead of the true time at a moment, ms; negative if it is behind.

    Parameters
    ----------
    at_ms : float
        The moment, ms; a fault that strikes just then counts.
    """
    ahead = float(scenario.of(node, "clock_ms") or 0.0)
    if scenario.topology == "multi_leader" and node == scenario.leader_names()[-1]:
        ahead -= scenario.clock_skew_ms
    strikes = (f for f in scenario.timeline if isinstance(f, SkewClock) and f.node == node and f.at_ms <= at_ms)
    return ahead + sum(fault.by_ms for fault in strikes)
