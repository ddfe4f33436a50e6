"""Counters that merge without losing an increment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from .size import Size
from .versions import NodeCounts


@dataclass(frozen=True, init=False, repr=False)
class GCounter(NodeCounts):
    """A counter that only grows: each node counts its own increments, and the value is the sum.

    Source
    ------
    Shapiro, Preguiça, Baquero & Zawirski, "A comprehensive study of Convergent and Commutative Replicated Data
    Types", 2011, specification 6.

    Examples
    --------
    >>> a, b = GCounter({"A": 3, "B": 1}), GCounter({"A": 2, "B": 4, "C": 1})
    >>> a.merge(b), a.merge(b).value
    (GCounter({'A': 3, 'B': 4, 'C': 1}), 8)
    """

    @property
    def value(self) -> int:
        """The sum over the nodes."""
        return sum(count for _, count in self.entries)

    def increment(self, node: str, by: int = 1) -> Self:
        """Return the counter after a node has counted ``by`` more.

        Raises
        ------
        ValueError
            If ``by`` is negative: a larger count from elsewhere would undo it.
        """
        _check(by)
        return self._plus(node, by)

    def size(self) -> Size:
        """Return how much is stored: a number for each node."""
        return Size.of(self.entries)


_ZERO = GCounter()


@dataclass(frozen=True)
class PNCounter:
    """A counter that goes up and down: one that only grows for each way.

    Nothing keeps it from going below zero: each node may spend what another has spent already.

    Source
    ------
    Shapiro et al. 2011, specification 7.

    Examples
    --------
    >>> stock = PNCounter().increment("eu", 10)
    >>> stock.decrement("eu", 2).merge(stock.decrement("us", 3)).value
    5
    """

    up: GCounter = _ZERO
    down: GCounter = _ZERO

    @property
    def value(self) -> int:
        """Increments less decrements."""
        return self.up.value - self.down.value

    def increment(self, node: str, by: int = 1) -> Self:
        """Return the counter after a node has counted ``by``, at least 0, up."""
        return replace(self, up=self.up.increment(node, by))

    def decrement(self, node: str, by: int = 1) -> Self:
        """Return the counter after a node has counted ``by``, at least 0, down."""
        return replace(self, down=self.down.increment(node, by))

    def merge(self, other: Self) -> Self:
        """Return the larger of both counts for each node and way."""
        return replace(self, up=self.up.merge(other.up), down=self.down.merge(other.down))

    def size(self) -> Size:
        """Return how much is stored: up to two numbers for each node."""
        return Size.of(self.up.entries, self.down.entries)


def _check(by: int) -> None:
    if by < 0:
        raise ValueError(f"by is {by}: it must be at least 0.")
