"""How much a state holds, so that growth can be drawn. Not a wire format: a fair and simple count."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

_NUMBER_BYTES = 8


class Size(NamedTuple):
    """What a state holds.

    Attributes
    ----------
    entries : int
        Elements, tombstones and counts of nodes, all that a replica must keep and send.
    bytes : int
        What they take, bytes: a text its UTF-8 length, a number 8.
    """

    entries: int
    bytes: int

    @classmethod
    def of(cls, *parts: Collection[object]) -> Size:
        """Return the size of a state that is made of these collections.

        Examples
        --------
        >>> Size.of(frozenset({"milk", "tea"}), (("A", 3),))
        Size(entries=3, bytes=16)
        """
        return cls(sum(map(len, parts)), sum(map(_bytes, parts)))


def _bytes(thing: object) -> int:
    if isinstance(thing, str):
        return len(thing.encode())
    if isinstance(thing, int | float):
        return _NUMBER_BYTES
    if isinstance(thing, Mapping):
        return sum(_bytes(key) + _bytes(value) for key, value in thing.items())
    if isinstance(thing, Collection):
        return sum(map(_bytes, thing))
    return len(repr(thing).encode())
