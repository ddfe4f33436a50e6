"""Which writes a replica has seen: dots, version vectors, and the order between two of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import index
from typing import Literal, NamedTuple, Self

Order = Literal["before", "after", "equal", "concurrent"]


class Dot(NamedTuple):
    """The name of one write: the ``number``-th of a node, from 1."""

    node: str
    number: int

    def __str__(self) -> str:
        return f"{self.node}:{self.number}"


@dataclass(frozen=True, init=False, repr=False)
class NodeCounts:
    """One whole number for each node, 0 for a node that is not listed.

    Parameters
    ----------
    counts : mapping of str to int, optional
        Each at least 0.

    Raises
    ------
    ValueError
        If a count is negative.
    TypeError
        If a count is not a whole number.
    """

    entries: tuple[tuple[str, int], ...]

    def __init__(self, counts: Mapping[str, int] | None = None) -> None:
        whole = {node: index(count) for node, count in (counts or {}).items()}
        for node, count in whole.items():
            if count < 0:
                raise ValueError(f"the count of {node!r} is {count}: it must be at least 0.")
        object.__setattr__(self, "entries", tuple(sorted((n, c) for n, c in whole.items() if c)))

    @cached_property
    def _by_node(self) -> dict[str, int]:
        return dict(self.entries)

    def __getitem__(self, node: str) -> int:
        return self._by_node.get(node, 0)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._by_node})"

    def merge(self, other: Self) -> Self:
        """Return the larger of both counts for each node."""
        return type(self)({node: max(self[node], other[node]) for node in self._by_node | other._by_node})

    def _plus(self, node: str, by: int) -> Self:
        return type(self)({**self._by_node, node: self[node] + by})


@dataclass(frozen=True, init=False, repr=False)
class VersionVector(NodeCounts):
    """How many writes of each node have been seen; what is counted is seen without gap.

    Two versions of a row carry one each. If neither has seen all that the other has, the writes were concurrent,
    which no pair of timestamps can tell.

    Source
    ------
    Parker et al., "Detection of Mutual Inconsistency in Distributed Systems", 1983.

    Examples
    --------
    >>> europe = VersionVector({"eu": 1})
    >>> europe.increment("eu").compare(europe)
    'after'
    >>> europe.increment("eu").compare(europe.increment("us"))
    'concurrent'
    >>> Dot("eu", 1) in europe, Dot("eu", 2) in europe
    (True, False)
    """

    def __contains__(self, dot: Dot) -> bool:
        return dot.number <= self[dot.node]

    def increment(self, node: str) -> Self:
        """Return the vector with one more write of a node."""
        return self._plus(node, 1)

    def next_dot(self, node: str) -> Dot:
        """Return the name of the node's next write."""
        return Dot(node, self[node] + 1)

    def descends(self, other: VersionVector) -> bool:
        """Return whether all that the other has seen has been seen here, too; of equal ones, each descends."""
        return all(self[node] >= count for node, count in other.entries)

    def compare(self, other: VersionVector) -> Order:
        """Return how this one lies to the other: before, after, equal or concurrent."""
        if self.descends(other):
            return "equal" if other.descends(self) else "after"
        return "before" if other.descends(self) else "concurrent"


NOTHING_SEEN = VersionVector()
