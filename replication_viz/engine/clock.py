"""Simulated time: SimPy's event queue, used through callbacks.

A process per message would cost many times as much (see `benchmarks/engine.py`). Events at one moment run in the order
in which they were scheduled.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappush
from typing import Any

from simpy import Environment
from simpy.events import NORMAL

from ..scenario import Freeze, Scenario


class Call:
    """What SimPy's queue needs of an event, and no more: an action, and the value that it is called with."""

    __slots__ = ("callbacks", "value")
    _ok = True  # it never fails

    def __init__(self, action: Callable[[Any], None], value: Any) -> None:
        self.callbacks = (action,)
        self.value = value


class Clock(Environment):
    """An environment in which an action can be put at a moment."""

    def call(self, delay_ms: float, action: Callable[[Any], None], value: Any = None) -> None:
        """Call ``action(event)`` after a delay; ``event.value`` is the value given."""
        event = (self._now + delay_ms, NORMAL, next(self._eid), Call(action, value))
        heappush(self._queue, event)  # type: ignore[misc]  # a Call does all that the queue asks of an Event

    def call_at(self, moment_ms: float, action: Callable[[Any], None], value: Any = None) -> None:
        """Call ``action(event)`` at exactly a moment; at once if it has passed."""
        event = (moment_ms if moment_ms > self._now else self._now, NORMAL, next(self._eid), Call(action, value))
        heappush(self._queue, event)  # type: ignore[misc]


class FrozenClock:
    """The clock of a node that is frozen at times: what would happen to it then happens when it thaws."""

    def __init__(self, clock: Clock, intervals: list[tuple[float, float]]) -> None:
        self._clock = clock
        self._intervals = intervals

    @property
    def now(self) -> float:
        """The time, ms."""
        return self._clock.now

    def call(self, delay_ms: float, action: Callable[[Any], None], value: Any = None) -> None:
        """Call ``action(event)`` after a delay, or when the node has thawed."""
        self.call_at(self._clock.now + delay_ms, action, value)

    def call_at(self, moment_ms: float, action: Callable[[Any], None], value: Any = None) -> None:
        """Call ``action(event)`` at a moment, or when the node has thawed."""
        self._clock.call_at(thawed(moment_ms, self._intervals), action, value)


def freezes(scenario: Scenario, node: str) -> list[tuple[float, float]]:
    """Return the intervals (begin, end), ms, in which a node is frozen, in order."""
    return [(f.at_ms, f.until_ms) for f in scenario.timeline if isinstance(f, Freeze) and f.node == node]


def thawed(moment: float, intervals: list[tuple[float, float]]) -> float:
    """Return a moment, or, where it lies in one of the intervals, the end of that, ms."""
    for begin, end in intervals:
        if begin <= moment < end:
            moment = end
    return moment


def node_clock(clock: Clock, scenario: Scenario, node: str) -> Clock | FrozenClock:
    """Return the clock by which a node acts."""
    intervals = freezes(scenario, node)
    return FrozenClock(clock, intervals) if intervals else clock


__all__ = ["Call", "Clock", "FrozenClock", "freezes", "node_clock", "thawed"]
