"""A shopping cart, twice: merged by union, as Dynamo's was at first, and as an observed-remove set of units."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Self

from .sets import OptORSet
from .size import Size
from .versions import Dot


@dataclass(frozen=True)
class UnionCart:
    """A cart whose siblings are merged by union: nothing that was added is lost, and what was deleted may reappear.

    The merge is commutative, associative and idempotent, so replicas converge. But a remove makes the state smaller,
    and a merge with any older state undoes it.

    Source
    ------
    DeCandia et al., "Dynamo: Amazon's Highly Available Key-value Store", 2007, section 4.4.

    Examples
    --------
    >>> cart = UnionCart().add("book").add("pen")
    >>> cart.remove("pen").merge(cart.add("ink")).value
    {'book': 1, 'ink': 1, 'pen': 1}
    """

    lines: frozenset[tuple[str, int]] = frozenset()

    @property
    def value(self) -> dict[str, int]:
        """How many of each item."""
        return dict(sorted(self.lines))

    def add(self, item: str, quantity: int = 1) -> Self:
        """Return the cart with ``quantity``, at least 1, more of an item."""
        _check("quantity", quantity, least=1)
        return self.change(item, self.value.get(item, 0) + quantity)

    def remove(self, item: str) -> Self:
        """Return the cart without an item."""
        return self.change(item, 0)

    def change(self, item: str, quantity: int) -> Self:
        """Return the cart with ``quantity``, at least 0, of an item."""
        _check("quantity", quantity, least=0)
        return self._of({**self.value, item: quantity})

    def merge(self, other: Self) -> Self:
        """Return the items of both, each in the larger quantity."""
        mine, theirs = self.value, other.value
        return self._of({item: max(mine.get(item, 0), theirs.get(item, 0)) for item in mine | theirs})

    def size(self) -> Size:
        """Return how much is stored: the lines."""
        return Size.of(self.lines)

    def _of(self, quantities: dict[str, int]) -> Self:
        return replace(self, lines=frozenset((item, n) for item, n in quantities.items() if n))


_NO_UNITS: OptORSet[tuple[str, Dot]] = OptORSet()


@dataclass(frozen=True)
class ShoppingCart:
    """A cart that is an observed-remove set of units: every unit put in has a name of its own.

    Adds of different nodes add up. A remove takes away the units that its node had seen; a unit added meanwhile stays,
    and nothing that was removed comes back. Two nodes that reduce the same item take away the same units, which counts
    once; so the quantity is never negative.

    Source
    ------
    Shapiro et al. 2011, specification 21, with units in place of quantities: there, two concurrent adds to the same
    item both carry the quantity that was there before, and their sum counts it twice.

    Examples
    --------
    >>> cart = ShoppingCart().add("book", "eu").add("pen", "eu", 2)
    >>> cart.remove("pen").merge(cart.add("ink", "us").add("pen", "us")).value
    {'book': 1, 'ink': 1, 'pen': 1}
    """

    units: OptORSet[tuple[str, Dot]] = _NO_UNITS

    @property
    def value(self) -> dict[str, int]:
        """How many of each item."""
        return dict(sorted(Counter(item for item, _ in self.units.value).items()))

    def add(self, item: str, node: str, quantity: int = 1) -> Self:
        """Return the cart after a node has put in ``quantity``, at least 1, more of an item."""
        _check("quantity", quantity, least=1)
        units = self.units
        for _ in range(quantity):
            units = units.add((item, units.seen.next_dot(node)), node)
        return replace(self, units=units)

    def remove(self, item: str) -> Self:
        """Return the cart without the units of an item that are seen here."""
        return self._less(item, keep=0)

    def change(self, item: str, quantity: int, node: str) -> Self:
        """Return the cart after a node has changed the quantity of an item to ``quantity``, at least 0."""
        _check("quantity", quantity, least=0)
        more = quantity - self.value.get(item, 0)
        return self.add(item, node, more) if more > 0 else self._less(item, keep=quantity)

    def merge(self, other: Self) -> Self:
        """Return the units that no known remove has taken away."""
        return replace(self, units=self.units.merge(other.units))

    def size(self) -> Size:
        """Return how much is stored: the units, and a number for each node that ever added one."""
        return self.units.size()

    def _less(self, item: str, keep: int) -> Self:
        here = sorted(unit for unit in self.units.value if unit[0] == item)
        units = self.units
        for unit in here[keep:]:
            units = units.remove(unit)
        return replace(self, units=units)


def _check(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"{name} is {value}: it must be at least {least}.")
