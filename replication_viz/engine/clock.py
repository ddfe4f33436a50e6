"""Simulated time: SimPy's event queue, used through callbacks.

A process per message would cost ten times as much (see `benchmarks/engine.py`). Events at one moment run in the order
in which they were scheduled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simpy import Environment, Event
from simpy.events import Timeout


class Clock(Environment):
    """An environment in which a callback with a value can be put at a moment."""

    def call(self, delay_ms: float, action: Callable[[Any], None], value: Any = None) -> None:
        """Call ``action(event)`` after a delay; the event's ``value`` is the one given."""
        callbacks = Timeout(self, delay_ms, value).callbacks
        assert callbacks is not None
        callbacks.append(action)

    def call_at(self, moment_ms: float, action: Callable[[Any], None], value: Any = None) -> None:
        """Call ``action(event)`` at a moment; at once if it has passed."""
        self.call(max(moment_ms - self.now, 0.0), action, value)


__all__ = ["Clock", "Event"]
