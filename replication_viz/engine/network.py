"""A link carries messages one way, in order, at its bandwidth and with a delay that varies; faults cut or slow it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..scenario import LEADER, CutLink, LinkDelay, Partition, Scenario
from ..trace import FlightKind
from .clock import Clock
from .record import Record
from .streams import Varying

MAX_BATCH_BYTES = 128 * 1024  # what a walsender puts into one message (MAX_SEND_SIZE)
REPLY_BYTES = 34  # a standby status update


class Link:
    """One direction between two nodes.

    A message is lost if the link is cut at any time while it is on its way. Later messages never overtake earlier
    ones, as on a TCP connection.
    """

    def __init__(self, clock: Clock, record: Record, scenario: Scenario, source: str, target: str) -> None:
        self._clock = clock
        self._record = record
        self.source = scenario.node_names.index(source)
        self.target = scenario.node_names.index(target)
        replica = target if source == LEADER else source
        self.delay = Varying(
            scenario.of(replica, "network_ms"),
            scenario.network_shape,
            scenario.network_spread,
            scenario.seed,
            f"link {source} {target}",
        )
        self.extra_ms = float(scenario.of(replica, "lag_ms")) if source == LEADER else 0.0
        self.free_at = 0.0
        self._last_arrival = 0.0
        self._ms_per_byte = 8 / (scenario.bandwidth_mbit * 1000)
        self.cuts = cut_intervals(scenario, source, target)
        self._slow = [
            (fault.at_ms, fault.until_ms, fault.extra_ms)
            for fault in scenario.timeline
            if isinstance(fault, LinkDelay) and (fault.source, fault.target) == (source, target)
        ]

    def is_cut(self, now: float) -> bool:
        """Return whether messages sent now are lost."""
        return any(begin <= now < end for begin, end in self.cuts)

    def send(
        self,
        kind: FlightKind,
        after: int,
        upto: int,
        size: float,
        on_arrival: Callable[[Any], None] | None,
        value: Any = None,
    ) -> bool:
        """Send a message about the writes after one LSN up to another; return whether it will arrive.

        Parameters
        ----------
        size : float
            Bytes.
        on_arrival : callable or None
            Called with an event when it arrives; its value is ``value``.
        """
        now = self._clock.now
        self.free_at = max(self.free_at, now) + size * self._ms_per_byte
        delay = self.delay.draw() + self.extra_ms
        for begin, end, extra in self._slow:
            if begin <= now < end:
                delay += extra
        arrival = max(self.free_at + delay, self._last_arrival)
        lost = any(begin < arrival and now < end for begin, end in self.cuts)
        self._record.flight(kind, self.source, self.target, now, arrival, lost, after, upto)
        if lost:
            return False
        self._last_arrival = arrival
        if on_arrival is not None:
            self._clock.call(arrival - now, on_arrival, value)
        return True


def cut_intervals(scenario: Scenario, source: str, target: str) -> list[tuple[float, float]]:
    """Return the intervals (begin, end), ms, in which messages from source to target are lost."""
    cuts = []
    for fault in scenario.timeline:
        if isinstance(fault, Partition):
            cut = (source in fault.nodes) != (target in fault.nodes)
        elif isinstance(fault, CutLink):
            ways = [(fault.source, fault.target)]
            if fault.both_ways:
                ways.append((fault.target, fault.source))
            cut = (source, target) in ways
        else:
            continue
        if cut:
            cuts.append((fault.at_ms, fault.until_ms))
    return cuts
