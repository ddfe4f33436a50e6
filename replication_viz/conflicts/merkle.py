"""Merkle trees: two nodes find out in which keys they differ without naming them all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

FAN = 16  # children of an inner node of the tree
LEVELS = 3  # the root, its children, and theirs: the leaves
HASH_BYTES = 16  # as of MD5
ENTRY_BYTES = 16  # a key and its version


class Tree:
    """The hashes of what a node holds. Each key falls into one of 256 leaves.

    Parameters
    ----------
    held : mapping of int to int
        The version that it holds of each key.

    Source
    ------
    R. C. Merkle, "A Digital Signature Based on a Conventional Encryption Function", CRYPTO 1987; for copies of a
    database DeCandia et al., "Dynamo", SOSP 2007, section 4.7.

    Examples
    --------
    >>> one, other = Tree({1: 4, 2: 9}), Tree({1: 4, 2: 7})
    >>> one.differing(other.hashes(0, [0]), 0, [0])
    [0]
    >>> Tree({1: 4}).differing(Tree({1: 4}).hashes(0, [0]), 0, [0])
    []
    """

    def __init__(self, held: Mapping[int, int]) -> None:
        leaves = [0] * FAN ** (LEVELS - 1)
        for key, version in held.items():
            leaves[leaf_of(key)] ^= hash((key, version))
        self._levels = [leaves]
        while len(self._levels[0]) > 1:
            below = self._levels[0]
            self._levels.insert(0, [hash(tuple(below[i : i + FAN])) for i in range(0, len(below), FAN)])

    def hashes(self, level: int, places: Iterable[int]) -> list[int]:
        """Return the hashes at some places of a level; level 0 is the root."""
        return [self._levels[level][place] for place in places]

    def differing(self, hashes: Iterable[int], level: int, places: Iterable[int]) -> list[int]:
        """Return at which places of a level the hashes of another tree are not those of this one."""
        mine = self._levels[level]
        return [place for place, found in zip(places, hashes, strict=True) if mine[place] != found]


def below(places: Iterable[int]) -> list[int]:
    """Return the places of the next level that lie below some places."""
    return [place * FAN + child for place in places for child in range(FAN)]


def leaf_of(key: int) -> int:
    """Return the leaf that a key falls into."""
    return key * 2_654_435_761 % 2**32 >> 24  # Knuth's multiplicative hash: the leading 8 bits
