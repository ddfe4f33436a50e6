"""The time by a node's own clock, which drifts, and which somebody may set."""

from __future__ import annotations

from ..scenario import Scenario, SkewClock


class LocalTime:
    """A clock that runs a share too fast or too slow, and jumps where a fault sets it."""

    def __init__(self, scenario: Scenario, node: str, *, fast: bool) -> None:
        self._rate = 1 + scenario.clock_drift if fast else 1 - scenario.clock_drift
        self._jumps = [(f.at_ms, f.by_ms) for f in scenario.timeline if isinstance(f, SkewClock) and f.node == node]

    def after(self, begin: float, duration: float) -> float:
        """Return when, in true time, this clock has moved on by a duration (ms) since a moment, ms."""
        moment, left = begin, duration
        for at, by in self._jumps:
            if at <= begin:
                continue
            elapsed = (at - moment) * self._rate
            if elapsed >= left:
                break
            left -= elapsed + by
            moment = at
            if left <= 0:
                return at
        return moment + left / self._rate
