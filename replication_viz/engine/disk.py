"""A disk: one flush at a time, each as long as chance and stalls make it."""

from __future__ import annotations

from ..scenario import Scenario, StallDisk
from .streams import Varying


class Disk:
    """How long flushes take on one node: as long as chance says, or as its throughput needs for the bytes."""

    def __init__(self, scenario: Scenario, node: str) -> None:
        self.flush = Varying(
            scenario.of(node, "flush_ms"),
            scenario.flush_shape,
            scenario.flush_spread,
            scenario.seed,
            f"flush {node}",
        )
        self._bytes_per_ms = float(scenario.of(node, "disk_mb_per_s")) * 1_000
        self._stalls = [
            (fault.at_ms, fault.until_ms, fault.flush_ms)
            for fault in scenario.timeline
            if isinstance(fault, StallDisk) and fault.node == node
        ]

    def bytes_within(self, ms: float) -> float:
        """Return how many bytes it writes in a time, ms."""
        return self._bytes_per_ms * ms

    def is_stalled(self, now: float) -> bool:
        """Return whether a flush that begins now meets a stall."""
        return any(begin <= now < end for begin, end, _ in self._stalls)

    def flush_ms(self, now: float, size: float) -> float:
        """Return how long a flush of so many bytes that begins now takes, ms."""
        usual = max(self.flush.draw(), size / self._bytes_per_ms)
        for begin, end, stalled in self._stalls:
            if begin <= now < end:
                return max(usual, stalled)
        return usual
