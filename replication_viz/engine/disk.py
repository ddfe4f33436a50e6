"""A disk: one flush at a time, each as long as chance and stalls make it."""

from __future__ import annotations

from ..scenario import Scenario, StallDisk
from .streams import Varying


class Disk:
    """How long flushes take on one node."""

    def __init__(self, scenario: Scenario, node: str) -> None:
        self.flush = Varying(
            scenario.of(node, "flush_ms"),
            scenario.flush_shape,
            scenario.flush_spread,
            scenario.seed,
            f"flush {node}",
        )
        self._stalls = [
            (fault.at_ms, fault.until_ms, fault.flush_ms)
            for fault in scenario.timeline
            if isinstance(fault, StallDisk) and fault.node == node
        ]

    def flush_ms(self, now: float) -> float:
        """Return how long a flush that begins now takes, ms."""
        usual = self.flush.draw()
        for begin, end, stalled in self._stalls:
            if begin <= now < end:
                return max(usual, stalled)
        return usual
