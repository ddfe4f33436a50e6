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


__all__ = ["Call", "Clock"]
