"""Hybrid logical clock: timestamps near the wall clock that never order an effect before its cause."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from typing import NamedTuple, Self


class HybridTime(NamedTuple):
    """A timestamp, ordered by its two parts.

    Attributes
    ----------
    wall_ms : float
        The largest wall clock time heard of, ms: l in the paper.
    logical : int
        Which of the events with this ``wall_ms`` in a row, from 0: c in the paper.
    """

    wall_ms: float
    logical: int = 0


_START = HybridTime(0)


class ClockDriftError(ValueError):
    """A message is stamped further ahead of the wall clock here than is allowed."""


@dataclass(frozen=True)
class HybridLogicalClock:
    """The clock of one node, after its last event.

    An event has a greater timestamp than all that happened before it. The timestamp is never behind the node's own
    wall clock, and ahead of it by no more than the clocks of the nodes that it heard from, directly or not.

    Parameters
    ----------
    now : HybridTime
        Timestamp of the last event.
    max_drift_ms : float, optional
        Refuse messages that are stamped further ahead than this, ms, so that one broken clock does not carry the
        others away; by default none is refused.

    Source
    ------
    Kulkarni, Demirbas, Madappa, Avva & Leone, "Logical Physical Clocks", 2014: the algorithm for node j, theorems 1
    to 3 and corollary 1. The refusal is the paper's way to mask synchronization errors, and CockroachDB's
    ``--max-offset``.

    Examples
    --------
    >>> clock = HybridLogicalClock().tick(10)
    >>> clock.now, clock.tick(9).now
    (HybridTime(wall_ms=10, logical=0), HybridTime(wall_ms=10, logical=1))
    >>> clock.receive(11, HybridTime(20, 3)).now
    HybridTime(wall_ms=20, logical=4)
    """

    now: HybridTime = _START
    max_drift_ms: float | None = None

    def __post_init__(self) -> None:
        if self.max_drift_ms is not None and not self.max_drift_ms >= 0:
            raise ValueError(f"max_drift_ms is {self.max_drift_ms}: it must be at least 0.")

    def tick(self, wall_ms: float) -> Self:
        """Return the clock after a local event or as a message is sent; its ``now`` is the timestamp.

        Parameters
        ----------
        wall_ms : float
            What the node's wall clock shows, ms. It may stand still or go back.
        """
        _check(wall_ms)
        return self._at(max(self.now.wall_ms, wall_ms), self.now)

    def receive(self, wall_ms: float, stamp: HybridTime) -> Self:
        """Return the clock after a message arrived; its ``now`` is the timestamp of the arrival.

        Parameters
        ----------
        wall_ms : float
            What the node's wall clock shows, ms.
        stamp : HybridTime
            The timestamp that the message carries.

        Raises
        ------
        ClockDriftError
            If the stamp is more than ``max_drift_ms`` ahead of ``wall_ms``; the clock stays as it was.
        """
        _check(wall_ms)
        ahead = stamp.wall_ms - wall_ms
        if self.max_drift_ms is not None and ahead > self.max_drift_ms:
            raise ClockDriftError(
                f"the stamp is {ahead:g} ms ahead of the wall clock here: at most {self.max_drift_ms:g} ms is allowed."
            )
        return self._at(max(self.now.wall_ms, stamp.wall_ms, wall_ms), self.now, stamp)

    def _at(self, wall_ms: float, *earlier: HybridTime) -> Self:
        logical = max((time.logical + 1 for time in earlier if time.wall_ms == wall_ms), default=0)
        return replace(self, now=HybridTime(wall_ms, logical))


def _check(wall_ms: float) -> None:
    if not isfinite(wall_ms):
        raise ValueError(f"wall_ms is {wall_ms}: it must be a finite number.")
