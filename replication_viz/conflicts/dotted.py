"""Values held under the dots of their writes: what siblings, multi-value registers and add-wins sets have in common."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Generic, Self, TypeVar

from .size import Size
from .versions import NOTHING_SEEN, Dot, VersionVector

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True, repr=False)
class Held(Generic[T]):
    """Values, each under the dot of its write.

    Attributes
    ----------
    entries : frozenset of (Dot, value)
        What is held.
    """

    entries: frozenset[tuple[Dot, T]] = frozenset()

    @property
    def value(self) -> frozenset[T]:
        """The values that are held: of a register those of concurrent writes, among which the application chooses."""
        return frozenset(value for _, value in self.entries)

    def __contains__(self, value: T) -> bool:
        return value in self.value

    def _in_order(self) -> list[tuple[Dot, T]]:
        return sorted(self.entries, key=lambda entry: entry[0])


@dataclass(frozen=True, repr=False)
class Dotted(Held[T]):
    """The values that are held, each under the dot of its write, and all dots that were ever seen.

    A dot that is seen but not held was overwritten or removed. So a merge can tell "gone" from "not heard of yet",
    and nothing has to be kept of what is gone.

    Attributes
    ----------
    seen : VersionVector
        Every write that has been seen, those no longer held included.

    Source
    ------
    Almeida, Shoker & Baquero, "Delta State Replicated Data Types", 2018: dot stores with a causal context.
    """

    seen: VersionVector = NOTHING_SEEN

    def __repr__(self) -> str:
        held = ", ".join(f"{value!r}@{dot}" for dot, value in self._in_order())
        return f"{type(self).__name__}({held or 'nothing'}; seen {dict(self.seen.entries)})"

    def merge(self, other: Self) -> Self:
        """Return what both hold, and what one holds and the other has not heard of."""
        new_here = {(dot, value) for dot, value in self.entries if dot not in other.seen}
        new_there = {(dot, value) for dot, value in other.entries if dot not in self.seen}
        both = self.entries & other.entries
        return replace(self, entries=both | new_here | new_there, seen=self.seen.merge(other.seen))

    def size(self) -> Size:
        """Return how much is stored: what is held, and a number for each node that ever wrote."""
        return Size.of(self.entries, self.seen.entries)

    def _with(self, value: T, node: str) -> Self:
        entries = self.entries | {(self.seen.next_dot(node), value)}
        return replace(self, entries=entries, seen=self.seen.increment(node))

    def _without(self, is_gone: Callable[[Dot, T], bool]) -> Self:
        return replace(self, entries=frozenset(entry for entry in self.entries if not is_gone(*entry)))
