"""Registers that merge: one keeps the last write, the other keeps every concurrent one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, Self

from .dotted import Dotted
from .hybrid_clock import HybridTime
from .last_write import T, Write
from .size import Size


@dataclass(frozen=True)
class LWWRegister(Generic[T]):
    """A register that keeps the write with the greatest timestamp. It converges, and it forgets.

    Source
    ------
    Shapiro et al. 2011, specification 8.

    Examples
    --------
    >>> old = LWWRegister().write("old@mail", 1_000, "us")     # this clock is 600 ms ahead
    >>> new = LWWRegister().write("new@mail", 900, "eu")       # and this write came half a second later
    >>> old.merge(new).value
    'old@mail'
    >>> print(old.discards(new))
    'new@mail'@eu 900 ms
    """

    held: Write[T] | None = None

    @property
    def value(self) -> T | None:
        """The value, None if nothing was written."""
        return self.held.value if self.held else None

    def write(self, value: T, time: float | HybridTime, node: str) -> Self:
        """Return the register after a write, which is thrown away at once if what is held has a greater timestamp."""
        return self.merge(replace(self, held=Write(value, time, node)))

    def merge(self, other: Self) -> Self:
        """Return the one of both whose write has the greater timestamp."""
        if self.held is None or other.held is None:
            return other if self.held is None else self
        return self if self.held.rank >= other.held.rank else other

    def discards(self, other: Self) -> Write[T] | None:
        """Return the write that a merge of both throws away, None if there is none.

        Whether it was overwritten by one who had seen it or is lost, the register cannot know; version vectors can.
        """
        if self.held is None or other.held is None or self.held == other.held:
            return None
        return min(self.held, other.held, key=lambda write: write.rank)

    def size(self) -> Size:
        """Return how much is stored: at most one value with its timestamp and node."""
        if self.held is None:
            return Size(0, 0)
        return Size.of([(self.held.value, self.held.stamp, self.held.node)])


@dataclass(frozen=True, repr=False)
class MVRegister(Dotted[T]):
    """A register that keeps every write that no other has seen: none of two concurrent ones is lost.

    Source
    ------
    Shapiro et al. 2011, specification 10, with dots in place of a version vector for each value.

    Examples
    --------
    >>> eu, us = MVRegister().write("tea", "eu"), MVRegister().write("coffee", "us")
    >>> sorted(eu.merge(us).value)
    ['coffee', 'tea']
    >>> eu.merge(us).write("both", "eu")
    MVRegister('both'@eu:2; seen {'eu': 2, 'us': 1})
    """

    def write(self, value: T, node: str) -> Self:
        """Return the register after a write that replaces all that is held here."""
        return self._without(lambda dot, _: dot in self.seen)._with(value, node)
