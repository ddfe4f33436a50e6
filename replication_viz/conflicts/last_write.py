"""Last write wins: the greatest timestamp is kept, and what that throws away is said by name."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Generic, TypeVar

from .hybrid_clock import HybridTime

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True)
class Write(Generic[T]):
    """A value with the timestamp and the name of the node that took it.

    Parameters
    ----------
    value : hashable
        What was written.
    time : float or HybridTime
        The node's wall clock, ms, or its hybrid clock. Held as the latter.
    node : str
        Who took the write. It breaks a tie.

    Raises
    ------
    ValueError
        If the time is not a finite number.
    """

    value: T
    time: float | HybridTime
    node: str

    def __post_init__(self) -> None:
        if not isfinite(self.stamp.wall_ms):
            raise ValueError(f"time is {self.stamp.wall_ms}: it must be a finite number.")
        object.__setattr__(self, "time", self.stamp)

    @property
    def stamp(self) -> HybridTime:
        """The time in two parts."""
        return self.time if isinstance(self.time, HybridTime) else HybridTime(self.time)

    @property
    def rank(self) -> tuple[float, int, str, str]:
        """What the greatest of wins: the time, then the node, then the text of the value.

        The order has to be total. If equal times were left to the order of arrival, replicas would keep different
        values for ever. One node may stamp two writes alike, where its wall clock stood still.
        """
        return *self.stamp, self.node, repr(self.value)

    def __str__(self) -> str:
        wall_ms, logical = self.stamp
        return f"{self.value!r}@{self.node} {wall_ms:g} ms" + (f" +{logical}" if logical else "")


@dataclass(frozen=True)
class Choice(Generic[T]):
    """What last-write-wins makes of some writes.

    Attributes
    ----------
    kept : Write
        The winner.
    discarded : tuple of Write
        All others, in order of their rank. Each had been acknowledged, and nobody is told.
    """

    kept: Write[T]
    discarded: tuple[Write[T], ...]


def last_write_wins(writes: Iterable[Write[T]]) -> Choice[T]:
    """Return which of some writes is kept and which are thrown away; the same write twice counts once.

    Last means the greatest timestamp, not the last in time: a node whose clock is ahead wins over later writes.

    Raises
    ------
    ValueError
        If there is no write.

    Source
    ------
    Thomas, "A Majority Consensus Approach to Concurrency Control for Multiple Copy Databases", 1979: the timestamps;
    Johnson & Thomas, RFC 677, 1975: the node's name against ties.

    Examples
    --------
    >>> choice = last_write_wins([Write("p", 1, "A"), Write("q", 1, "B")])
    >>> choice.kept.value, [write.value for write in choice.discarded]
    ('q', ['p'])
    """
    ranked = sorted(set(writes), key=lambda write: write.rank)
    if not ranked:
        raise ValueError("there is no write to choose from: at least one is needed.")
    return Choice(ranked[-1], tuple(ranked[:-1]))
