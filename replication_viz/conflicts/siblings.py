"""A register that keeps concurrent writes side by side until a client has merged them, as Dynamo and Riak do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, Self

from .dotted import Dotted, T
from .size import Size
from .versions import NOTHING_SEEN, VersionVector


@dataclass(frozen=True, repr=False)
class Siblings(Dotted[T]):
    """The values of one key that no later write has seen; more than one are siblings.

    A client reads values and context, makes up its mind, and gives the context back with its write. The write replaces
    exactly what the context covers. Each value has its own dot, so a stale context never keeps alive what its client
    has already replaced.

    Source
    ------
    Preguiça, Baquero, Almeida, Fonte & Gonçalves, "Dotted Version Vectors", 2010; in the compact form of Almeida,
    Baquero, Gonçalves, Preguiça & Fonte, "Scalable and Accurate Causality Tracking for Eventually Consistent Stores",
    2014 (Riak since 2.0). Context given back on a write: DeCandia et al., "Dynamo", 2007, section 4.4.

    Examples
    --------
    >>> row = Siblings().write("bob", "r")
    >>> context = row.context
    >>> row = row.write("sue", "r")
    >>> row.values
    ('bob', 'sue')
    >>> row = row.write("rita", "r", context)
    >>> row.values
    ('sue', 'rita')
    >>> row.write("rita and sue", "r", row.context)
    Siblings('rita and sue'@r:4; seen {'r': 4})
    """

    @property
    def values(self) -> tuple[T, ...]:
        """The siblings, in order of node and write."""
        return tuple(value for _, value in self._in_order())

    @property
    def context(self) -> VersionVector:
        """What a client gets with a read and gives back with its write."""
        return self.seen

    def write(self, value: T, node: str, context: VersionVector = NOTHING_SEEN) -> Self:
        """Return the register after a write that replaces what its client had seen and nothing else.

        Parameters
        ----------
        value : hashable
            The new value.
        node : str
            The node that takes the write. Each has a name of its own, and its state never goes back.
        context : VersionVector
            From the client's read, of whichever replica; without one, the write replaces nothing.
        """
        left = self._without(lambda dot, _: dot in context)
        return replace(left, seen=self.seen.merge(context))._with(value, node)


@dataclass(frozen=True)
class UndottedSiblings(Generic[T]):
    """The same with one version vector for all the siblings together: a lesson in what dots are for.

    The vector says that something was written since the client's read, not which value it was. So a write with a
    stale context must leave every sibling standing, even those that its own client replaces: two clients that take
    turns make one more with each write (sibling explosion).

    Source
    ------
    Riak before 2.0, version vectors kept by its virtual nodes. No write is lost. But the merge is not associative: a
    value that was replaced on one node comes back from another.

    Examples
    --------
    >>> def taking_turns(row):
    ...     context = {"x": row.context, "y": row.context}
    ...     for turn in range(6):
    ...         client = "xy"[turn % 2]
    ...         row = row.write(f"{client}{turn}", "r", context[client])
    ...         context[client] = row.context
    ...     return row.values
    >>> taking_turns(Siblings()), taking_turns(UndottedSiblings())
    (('x4', 'y5'), ('x0', 'x2', 'x4', 'y1', 'y3', 'y5'))
    """

    held: frozenset[T] = frozenset()
    seen: VersionVector = NOTHING_SEEN

    @property
    def values(self) -> tuple[T, ...]:
        """The siblings, in the order of their texts."""
        return tuple(sorted(self.held, key=repr))

    @property
    def context(self) -> VersionVector:
        """What a client gets with a read and gives back with its write."""
        return self.seen

    def write(self, value: T, node: str, context: VersionVector = NOTHING_SEEN) -> Self:
        """Return the register after a write: alone if its client had seen everything, else beside all there is."""
        held = frozenset({value}) if context.descends(self.seen) else self.held | {value}
        return replace(self, held=held, seen=self.seen.merge(context).increment(node))

    def merge(self, other: Self) -> Self:
        """Return the state that has seen more, or all values of both if neither has."""
        if self.seen.compare(other.seen) == "concurrent":
            return replace(self, held=self.held | other.held, seen=self.seen.merge(other.seen))
        return self if self.seen.descends(other.seen) else other

    def size(self) -> Size:
        """Return how much is stored: the values, and a number for each node that ever wrote."""
        return Size.of(self.held, self.seen.entries)
