"""Sets that merge: grow only, remove for ever, and two in which an add wins over a concurrent remove."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Generic, Self, TypeVar

from .dotted import Dotted, Held
from .size import Size
from .versions import Dot

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True)
class GSet(Generic[T]):
    """A set that only grows; its merge is the union.

    Source
    ------
    Shapiro et al. 2011, specification 11.
    """

    value: frozenset[T] = frozenset()

    def __contains__(self, element: T) -> bool:
        return element in self.value

    def add(self, element: T) -> Self:
        """Return the set with one more element."""
        return replace(self, value=self.value | {element})

    def merge(self, other: Self) -> Self:
        """Return the union of both."""
        return replace(self, value=self.value | other.value)

    def size(self) -> Size:
        """Return how much is stored: the elements."""
        return Size.of(self.value)


@dataclass(frozen=True)
class TwoPhaseSet(Generic[T]):
    """A set that remembers what was removed, for ever: what is removed once never comes back.

    Source
    ------
    Shapiro et al. 2011, specification 12.

    Examples
    --------
    >>> TwoPhaseSet().add("x").remove("x").add("x").value
    frozenset()
    """

    added: frozenset[T] = frozenset()
    removed: frozenset[T] = frozenset()

    @property
    def value(self) -> frozenset[T]:
        """What was added and never removed."""
        return self.added - self.removed

    def __contains__(self, element: T) -> bool:
        return element in self.value

    def add(self, element: T) -> Self:
        """Return the set after an add, which does nothing for an element that was ever removed."""
        return replace(self, added=self.added | {element})

    def remove(self, element: T) -> Self:
        """Return the set after a remove, which does nothing for an element that is not here."""
        return replace(self, removed=self.removed | ({element} & self.added))

    def merge(self, other: Self) -> Self:
        """Return the unions of what was added and of what was removed."""
        return replace(self, added=self.added | other.added, removed=self.removed | other.removed)

    def size(self) -> Size:
        """Return how much is stored: each element, and once more each removed one."""
        return Size.of(self.added, self.removed)


@dataclass(frozen=True, repr=False)
class ORSet(Held[T]):
    """An observed-remove set with tombstones: a remove takes away the adds that its replica had seen, no others.

    So a concurrent add wins. The dots of removed adds are kept for ever: the set grows with every remove.

    What is held are the adds that no known remove has seen.

    Attributes
    ----------
    tombstones : frozenset of Dot
        The adds that were removed.

    Source
    ------
    Shapiro et al. 2011, specification 15; with states in place of operations as in Bieniusa et al., "An optimized
    conflict-free replicated set", 2012.

    Examples
    --------
    >>> a = ORSet().add("x", "A")
    >>> b = a.add("x", "B")
    >>> a.remove("x").merge(b)
    ORSet('x'@B:1; tombstones A:1)
    """

    tombstones: frozenset[Dot] = frozenset()

    def __repr__(self) -> str:
        held = ", ".join(f"{element!r}@{dot}" for dot, element in self._in_order())
        gone = ", ".join(map(str, sorted(self.tombstones)))
        return f"ORSet({held or 'nothing'}; tombstones {gone or 'none'})"

    def add(self, element: T, node: str) -> Self:
        """Return the set after a node has added an element, under a dot that was never used before."""
        used = {dot for dot, _ in self.entries} | self.tombstones
        last = max((dot.number for dot in used if dot.node == node), default=0)
        return replace(self, entries=self.entries | {(Dot(node, last + 1), element)})

    def remove(self, element: T) -> Self:
        """Return the set after a remove; each add of the element that is seen here becomes a tombstone."""
        gone = {entry for entry in self.entries if entry[1] == element}
        return replace(self, entries=self.entries - gone, tombstones=self.tombstones | {dot for dot, _ in gone})

    def merge(self, other: Self) -> Self:
        """Return the adds of both less the tombstones of both."""
        tombstones = self.tombstones | other.tombstones
        entries = frozenset(entry for entry in self.entries | other.entries if entry[0] not in tombstones)
        return replace(self, entries=entries, tombstones=tombstones)

    def size(self) -> Size:
        """Return how much is stored: adds and tombstones."""
        return Size.of(self.entries, self.tombstones)


@dataclass(frozen=True, repr=False)
class OptORSet(Dotted[T]):
    """The observed-remove set without tombstones: a version vector tells which adds are gone.

    Same behaviour as `ORSet`; what is stored follows what is in the set, however much has been removed.

    Source
    ------
    Bieniusa, Zawirski, Preguiça, Shapiro, Baquero, Balegas & Duarte, "An optimized conflict-free replicated set",
    2012; an add replaces every older add that it has seen, as in Riak's sets.

    Examples
    --------
    >>> a = OptORSet().add("x", "A")
    >>> b = a.add("x", "B")
    >>> a.remove("x").merge(b)
    OptORSet('x'@B:1; seen {'A': 1, 'B': 1})
    >>> a.remove("x").merge(a)
    OptORSet(nothing; seen {'A': 1})
    """

    def add(self, element: T, node: str) -> Self:
        """Return the set after a node has added an element, in place of the adds of it that are seen here."""
        return self.remove(element)._with(element, node)

    def remove(self, element: T) -> Self:
        """Return the set after a remove of each add of the element that is seen here."""
        return self._without(lambda _, held: held == element)
