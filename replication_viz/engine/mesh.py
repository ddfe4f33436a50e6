"""Messages between any two of the nodes of a leaderless database.

They take as long as the settings of the network say, in order on each link; or, with a published fit of WARS, each its
own time, whatever else is on the way. Cuts and slow links hit either kind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..chance import DELAY_FITS, Legs
from ..scenario import Scenario
from ..trace import FlightKind
from .clock import Call, Clock
from .network import Link, distance_ms
from .record import Record
from .streams import stream

ACK_BYTES = 34.0
_BLOCK = 256
_STORE, _STORED = FlightKind.STORE.value, FlightKind.STORED.value
_ASK, _ANSWER = FlightKind.ASK.value, FlightKind.ANSWER.value


class Way(Link):
    """A link on which a message may be given its own time."""

    def send_after(
        self, delay_ms: float, kind: int, after: int, upto: int, on_arrival: Callable[[Any], None], value: Any
    ) -> None:
        """Send a message that takes so long, ms; it may overtake others."""
        now = self._clock.now
        arrival = now + delay_ms + self._delay_ms(now)  # of its own a way takes nothing
        lost = self._lost_at(now, arrival) < float("inf")
        self._record.flight((kind, self.source, self.target, now, arrival, lost, after, upto))
        if not lost:
            self._clock.call_at(arrival, on_arrival, value)

    def silent(self, now: float, patience_ms: float) -> float:
        """Return since when it has been cut, ms, if that is longer ago than one waits; else infinity."""
        for begin, end in self.cuts:
            if begin + patience_ms <= now < end:
                return begin
        return float("inf")


class Mesh:
    """All ways between the nodes, made when first used. A node that sends to itself needs no network."""

    def __init__(self, clock: Clock, record: Record, scenario: Scenario) -> None:
        self._clock = clock
        self._record = record
        self._scenario = scenario
        self._ways: dict[tuple[int, int], Way] = {}
        self._network_ms: float | None = None
        self.fit = Draws(scenario) if scenario.delays else None
        self._bytes = float(scenario.record_bytes)

    def way(self, source: int, target: int) -> Way:
        """Return the way from one node to another."""
        found = self._ways.get((source, target))
        if found is None:
            names = self._scenario.node_names
            found = Way(self._clock, self._record, self._scenario, names[source], names[target])
            self._ways[source, target] = found
            found.delay.typical_ms = self.distance_ms(source, target)
        return found

    def distance_ms(self, source: int, target: int) -> float:
        """Return the usual delay between two nodes, ms: within a place that of the network at large."""
        scenario = self._scenario
        if self.fit is not None or source == target:
            return 0.0
        if self._network_ms is not None:
            return self._network_ms
        one, other = (scenario.node_names[number] for number in (source, target))
        place = scenario.of(one, "place")
        if place and place == scenario.of(other, "place"):
            return float(scenario.network_ms)
        return distance_ms(scenario, one, other)

    def set_network(self, network_ms: float) -> None:
        """Let every message take so long from now on, ms."""
        self._network_ms = network_ms
        for (source, target), way in self._ways.items():
            way.delay.typical_ms = self.distance_ms(source, target)

    def send(
        self,
        kind: int,
        source: int,
        target: int,
        operation: int,
        version: int,
        on_arrival: Callable[[Call], None],
        value: Any,
        *,
        delay_ms: float = -1.0,
        size: float = -1.0,
    ) -> None:
        """Send a message about an operation (-1: none) that carries a version.

        Parameters
        ----------
        delay_ms : float
            How long it takes where a fit of WARS holds, ms; negative: drawn.
        size : float
            Bytes; negative: those of a write, or of an acknowledgement where it carries no value.
        """
        if self.fit is not None:
            took = self.fit.leg(kind) if delay_ms < 0 else delay_ms
            self.way(source, target).send_after(took, kind, operation, version, on_arrival, value)
        elif source == target:
            now = self._clock.now
            self._record.flight((kind, source, target, now, now, False, operation, version))
            self._clock.call_at(now, on_arrival, value)
        else:
            bare = kind in (_STORED, _ASK)
            bytes_sent = size if size >= 0 else ACK_BYTES if bare else self._bytes
            self.way(source, target).send(kind, operation, version, bytes_sent, on_arrival, value)


class Draws:
    """The times that a published fit gives: for an operation those of all its copies at once, as in WARS."""

    def __init__(self, scenario: Scenario) -> None:
        self._legs: Legs = DELAY_FITS[scenario.delays]
        self._copies = scenario.copies
        names = ("write W", "write A", "write near", "read R", "read S", "read near")
        self._chance = {name: stream(scenario.seed, f"delays {name}") for name in names}
        self._others = stream(scenario.seed, "delays others")
        self._left: dict[str, list[tuple[list[float], list[float]]]] = {"write": [], "read": []}
        self._single: dict[int, list[float]] = {}

    def operation(self, what: str) -> tuple[list[float], list[float]]:
        """Return the times (ms) of an operation's messages to each copy, and of the answers."""
        left = self._left[what]
        if not left:
            draw = self._legs.draw_write if what == "write" else self._legs.draw_read
            chance = {name.split()[1]: source for name, source in self._chance.items() if name.startswith(what)}
            there, back = draw(chance, self._copies, _BLOCK)
            left += list(zip(there.T.tolist(), back.T.tolist(), strict=True))[::-1]
        return left.pop()

    def leg(self, kind: int) -> float:
        """Return the time of one message beyond an operation's own, ms."""
        left = self._single.setdefault(kind, [])
        if not left:
            legs = self._legs
            leg = {_STORED: legs.ack, _ASK: legs.read, _ANSWER: legs.response}.get(kind, legs.write)
            left += leg.draw(self._others, (_BLOCK,)).tolist()
        return left.pop()
