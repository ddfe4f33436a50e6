"""A run from its begin to its end: clients, faults and who asks where each node stands, on one clock."""

from __future__ import annotations

import time
from typing import Protocol

from .deeds import Deeds

_HEAD_START_S = 0.05


class Clients(Protocol):
    """Who writes."""

    def prepare(self) -> None:
        """Open the connections that will be used first."""

    def begin(self, zero: float) -> None:
        """Start; the run's moment 0 is `zero` on the monotonic clock, s."""

    def end(self) -> None:
        """Stop; who waits for an answer never hears."""


class Watchers(Protocol):
    """Who asks each node where it stands."""

    def begin(self) -> None:
        """Start asking."""

    def end(self) -> None:
        """Stop asking."""


def play(load: Clients, deeds: Deeds, positions: Watchers) -> float:
    """Let a run happen, and return its moment 0, monotonic s."""
    try:
        load.prepare()
        deeds.prepare()
        positions.begin()
        zero = time.monotonic() + _HEAD_START_S
        load.begin(zero)
        deeds.run(zero)
    finally:
        load.end()
        deeds.end()
        positions.end()
    return zero
