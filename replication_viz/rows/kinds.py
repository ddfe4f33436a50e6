"""What a row holds, and how a write and a merge change it: a kind for each way to resolve conflicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple, Protocol

from ..conflicts import (
    NOTHING_SEEN,
    Dot,
    HybridTime,
    LWWRegister,
    MVRegister,
    NameTakenError,
    OptORSet,
    PNCounter,
    ShoppingCart,
    Siblings,
    UnionCart,
    UniqueNames,
    Write,
)
from ..scenario.multi_leader import Data, Resolve
from .deeds import Deed

Content = int | frozenset[str] | UnionCart
Plain = int | tuple[Any, ...] | None  # what can be compared and shown


class RefusedError(ValueError):
    """The name is taken, as far as this leader knows."""


@dataclass(frozen=True)
class Version:
    """What a write left in a row that knows nothing of its data: the whole of it, under the write's name."""

    number: int
    dot: Dot
    content: Content

    def __repr__(self) -> str:
        return str(self.number)


class Kind(Protocol):
    """How rows of one kind behave. A state is what a leader keeps of a row and sends to the others, whole."""

    @property
    def nothing(self) -> Any:
        """The state of a row that nobody has written."""

    def write(self, state: Any, deed: Deed, dot: Dot, stamp: HybridTime) -> tuple[Any, Write[Version] | None]:
        """Return the state after a write; and the write itself where writes compete for the row.

        Raises
        ------
        RefusedError
            If it claims a name that is taken here.
        """

    def merge(self, state: Any, other: Any) -> Any:
        """Return the state that has seen both."""

    def held(self, state: Any) -> Write[Version] | None:
        """Return the write that has won so far; None where writes do not compete."""

    def values(self, state: Any) -> tuple[Plain, ...]:
        """Return what a client is shown, more than one value if it must choose; empty if there is nothing."""

    def one(self, state: Any) -> Plain:
        """Return what the client makes of it; None if there is nothing."""


def kind_of(resolve: Resolve, data: Data) -> Kind:
    """Return how rows behave under a way to resolve conflicts."""
    if resolve == "siblings":
        return SideBySide(data)
    return _MERGING[data]() if resolve == "crdt" else LastWrite(data)


# -- rows that are replaced as a whole ---------------------------------------------------------------------------------


def changed(data: Data, before: Content | None, deed: Deed) -> Content:
    """Return what a client writes that has read ``before``, or nothing."""
    if data == "counter":
        return (before if isinstance(before, int) else 0) + (-1 if deed.removes else 1)
    if data == "set":
        here = before if isinstance(before, frozenset) else frozenset()
        return here - {deed.item} if deed.removes else here | {deed.item}
    if data == "cart":
        cart = before if isinstance(before, UnionCart) else UnionCart()
        return cart.remove(deed.item) if deed.removes else cart.add(deed.item)
    return deed.number


def united(data: Data, several: Sequence[Content]) -> Content:
    """Return what an application makes of siblings: the largest count, the union of sets and carts, else the last."""
    carts = [content for content in several if isinstance(content, UnionCart)]
    if carts:
        return reduce(UnionCart.merge, carts)
    sets = [content for content in several if isinstance(content, frozenset)]
    if sets:
        return frozenset[str]().union(*sets)
    numbers = [content for content in several if isinstance(content, int)]
    return min(numbers) if data == "unique_name" else max(numbers)


def plain(content: Content) -> Plain:
    """Return a content in a form that can be compared, sorted and shown."""
    if isinstance(content, int):
        return content
    return tuple(sorted(content.lines if isinstance(content, UnionCart) else content))


class LastWrite:
    """The last write wins: each one replaces the row, and a timestamp decides which is the last."""

    nothing: LWWRegister[Version] = LWWRegister()

    def __init__(self, data: Data) -> None:
        self._data = data

    def write(
        self, state: LWWRegister[Version], deed: Deed, dot: Dot, stamp: HybridTime
    ) -> tuple[LWWRegister[Version], Write[Version]]:
        before = state.value
        if before is not None and self._data == "unique_name":
            raise RefusedError
        content = changed(self._data, before.content if before is not None and deed.is_informed else None, deed)
        write = Write(Version(deed.number, dot, content), stamp, dot.node)
        return state.merge(LWWRegister(write)), write

    def merge(self, state: LWWRegister[Version], other: LWWRegister[Version]) -> LWWRegister[Version]:
        return state.merge(other)

    def held(self, state: LWWRegister[Version]) -> Write[Version] | None:
        return state.held

    def values(self, state: LWWRegister[Version]) -> tuple[Plain, ...]:
        return (plain(state.value.content),) if state.value is not None else ()

    def one(self, state: LWWRegister[Version]) -> Plain:
        return plain(state.value.content) if state.value is not None else None


class SideBySide:
    """Concurrent writes stay side by side until a client has read them all and writes what it makes of them."""

    nothing: Siblings[Version] = Siblings()

    def __init__(self, data: Data) -> None:
        self._data = data

    def write(
        self, state: Siblings[Version], deed: Deed, dot: Dot, stamp: HybridTime
    ) -> tuple[Siblings[Version], None]:
        if state.entries and self._data == "unique_name":
            raise RefusedError
        seen = [version.content for version in state.values] if deed.is_informed else []
        content = changed(self._data, united(self._data, seen) if seen else None, deed)
        context = state.context if deed.is_informed else NOTHING_SEEN
        return state.write(Version(deed.number, dot, content), dot.node, context), None

    def merge(self, state: Siblings[Version], other: Siblings[Version]) -> Siblings[Version]:
        return state.merge(other)

    def held(self, state: Siblings[Version]) -> None:
        return None

    def values(self, state: Siblings[Version]) -> tuple[Plain, ...]:
        return tuple(plain(version.content) for version in state.values)

    def one(self, state: Siblings[Version]) -> Plain:
        several = [version.content for version in state.values]
        return plain(united(self._data, several)) if several else None


# -- rows that merge themselves ----------------------------------------------------------------------------------------


class Ways(NamedTuple):
    """What tells one data type from another: the empty one, what a write does, and what is shown.

    Of several values that are shown the client takes the first or the last.
    """

    nothing: Any
    write: Callable[[Any, Deed, Dot], Any]
    values: Callable[[Any], tuple[Plain, ...]]
    takes: int = 0


class Merging:
    """A CRDT: a write says what it does, not what comes out; the states of two leaders merge."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways
        self.nothing = ways.nothing

    def write(self, state: Any, deed: Deed, dot: Dot, stamp: HybridTime) -> tuple[Any, None]:
        return self._ways.write(state, deed, dot), None

    def merge(self, state: Any, other: Any) -> Any:
        return state.merge(other)

    def held(self, state: Any) -> None:
        return None

    def values(self, state: Any) -> tuple[Plain, ...]:
        return self._ways.values(state)

    def one(self, state: Any) -> Plain:
        values = self._ways.values(state)
        return values[self._ways.takes] if values else None


def as_number(value: Plain) -> int:
    """Return a value as a number, -1 for none; of a set how many elements, of a cart how many things are in it."""
    if value is None:
        return -1
    if isinstance(value, int):
        return value
    return sum(part[1] if isinstance(part, tuple) else 1 for part in value)


def _register() -> Merging:
    def write(state: MVRegister[int], deed: Deed, dot: Dot) -> MVRegister[int]:
        return state.write(deed.number, dot.node)

    return Merging(Ways(MVRegister[int](), write, lambda state: tuple(sorted(state.value)), takes=-1))


def _counter() -> Merging:
    def write(state: PNCounter, deed: Deed, dot: Dot) -> PNCounter:
        return state.decrement(dot.node) if deed.removes else state.increment(dot.node)

    return Merging(Ways(PNCounter(), write, lambda state: (state.value,)))


def _set() -> Merging:
    def write(state: OptORSet[str], deed: Deed, dot: Dot) -> OptORSet[str]:
        return state.remove(deed.item) if deed.removes else state.add(deed.item, dot.node)

    return Merging(Ways(OptORSet[str](), write, lambda state: (tuple(sorted(state.value)),)))


def _cart() -> Merging:
    def write(state: ShoppingCart, deed: Deed, dot: Dot) -> ShoppingCart:
        return state.remove(deed.item) if deed.removes else state.add(deed.item, dot.node)

    return Merging(Ways(ShoppingCart(), write, lambda state: (tuple(state.value.items()),)))


def _unique_name() -> Merging:
    """The row is the name, and each write an account that wants it."""

    def write(state: UniqueNames, deed: Deed, dot: Dot) -> UniqueNames:
        try:
            return state.claim("", str(deed.number), dot.node)
        except NameTakenError:
            raise RefusedError from None

    return Merging(Ways(UniqueNames(), write, lambda state: tuple(sorted(int(a) for a in state.holders("")))))


_MERGING: dict[Data, Callable[[], Merging]] = {
    "register": _register,
    "counter": _counter,
    "set": _set,
    "cart": _cart,
    "unique_name": _unique_name,
}
