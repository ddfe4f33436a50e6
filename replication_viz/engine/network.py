"""A link carries messages one way, in order, at its bandwidth and with a delay that varies; faults cut or slow it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..scenario import CutLink, LinkDelay, Partition, Scenario
from .clock import Clock, freezes, thawed
from .record import Record
from .streams import Weather

REPLY_BYTES = 34  # a standby status update
_NEVER = float("inf")


class Link:
    """One direction between two nodes.

    A message is lost if the link is cut at any time while it is on its way. Later messages never overtake earlier
    ones, lost ones included, as on a TCP connection.

    Attributes
    ----------
    cuts : list of (float, float)
        The intervals (begin, end), ms, in which messages are lost: apart from each other, in order.
    """

    def __init__(
        self,
        clock: Clock,
        record: Record,
        scenario: Scenario,
        source: str,
        target: str,
        *,
        carries_log: bool = False,
    ) -> None:
        self._clock = clock
        self._record = record
        self.source = scenario.node_names.index(source)
        self.target = scenario.node_names.index(target)
        self.delay = Weather(
            distance_ms(scenario, source, target),
            scenario.network_shape,
            scenario.network_spread,
            scenario.seed,
            f"link {source} {target}",
        )
        self.extra_ms = float(scenario.of(target, "lag_ms")) if carries_log else 0.0
        self.free_at = 0.0
        self._last_arrival = 0.0
        self._ms_per_byte = 8 / (scenario.bandwidth_mbit * 1000)
        self.cuts = _cut_intervals(scenario, source, target)
        self._freezes = freezes(scenario, target)
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
        kind: int,
        after: int,
        upto: int,
        size: float,
        on_arrival: Callable[[Any], None] | None,
        value: Any = None,
    ) -> float:
        """Send a message about the writes after one LSN up to another.

        Parameters
        ----------
        kind : int
            A `FlightKind`.
        size : float
            Bytes.
        on_arrival : callable or None
            Called with an event when it arrives; its value is ``value``.

        Returns
        -------
        float
            When it is lost, ms; infinite if it arrives.
        """
        now = self._clock.now
        free_at = self.free_at
        self.free_at = free_at = (now if now > free_at else free_at) + size * self._ms_per_byte
        arrival = free_at + self._delay_ms(now) + self.extra_ms
        if arrival < self._last_arrival:
            arrival = self._last_arrival
        self._last_arrival = arrival
        lost_at = self._lost_at(now, arrival)
        self._record.flight((kind, self.source, self.target, now, arrival, lost_at < _NEVER, after, upto))
        if on_arrival is not None and lost_at == _NEVER:
            self._clock.call_at(thawed(arrival, self._freezes), on_arrival, value)
        return lost_at

    def ping(self, on_arrival: Callable[[Any], None], value: Any = None) -> None:
        """Send a sign of life: small, on a connection of its own, not worth a row in the trace."""
        now = self._clock.now
        arrival = now + self._delay_ms(now)
        if self._lost_at(now, arrival) == _NEVER:
            self._clock.call_at(thawed(arrival, self._freezes), on_arrival, value)

    def _delay_ms(self, now: float) -> float:
        delay = self.delay.at(now)
        for begin, end, extra in self._slow:
            if begin <= now < end:
                delay += extra
        return delay

    def _lost_at(self, now: float, arrival: float) -> float:
        lost_at = _NEVER
        for begin, end in self.cuts:
            if begin < arrival and now < end:
                lost_at = min(lost_at, max(begin, now))
        return lost_at


def distance_ms(scenario: Scenario, source: str, target: str) -> float:
    """Return the usual delay between two nodes, ms.

    A replica's own setting is about its way to the node that it follows; between two others the longer one counts.
    """
    for name, other in ((source, target), (target, source)):
        if name in scenario.standbys and scenario.upstream(name) == other:
            return float(scenario.of(name, "network_ms"))
    return max(float(scenario.of(name, "network_ms")) for name in (source, target))


def _cut_intervals(scenario: Scenario, source: str, target: str) -> list[tuple[float, float]]:
    """Return the intervals (begin, end), ms, in which messages are lost, joined where they meet."""
    cuts: list[tuple[float, float]] = []
    for fault in scenario.timeline:  # in order of time
        if isinstance(fault, Partition):
            cut = (source in fault.nodes) != (target in fault.nodes)
        elif isinstance(fault, CutLink):
            cut = (fault.source, fault.target) == (source, target)
            cut = cut or (fault.both_ways and (fault.target, fault.source) == (source, target))
        else:
            continue
        if cut and cuts and fault.at_ms <= cuts[-1][1]:
            cuts[-1] = (cuts[-1][0], max(cuts[-1][1], fault.until_ms))
        elif cut:
            cuts.append((fault.at_ms, fault.until_ms))
    return cuts
