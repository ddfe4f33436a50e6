"""Which nodes hold a key: consistent hashing on a ring, or nodes drawn for each key."""

from __future__ import annotations

from hashlib import blake2b
from math import ceil
from typing import TYPE_CHECKING

from .levels import spread

if TYPE_CHECKING:
    from .model import Scenario


class Ring:
    """Where keys live in a leaderless database.

    Nodes stand at equal distances on a ring of length 1, in their order. A key has its point on it, and lives on the
    nodes that come next; with random placement, each key has an order of the nodes of its own. Either way no place
    gets more than its share of the copies.

    Attributes
    ----------
    places : tuple of str
        The place of each node; empty where none is told.
    share : dict of str to int
        How many copies of a key each place holds.

    Examples
    --------
    >>> from replication_viz import Scenario
    >>> ring = Ring(Scenario(topology="leaderless"))
    >>> round(ring.point(7), 3), ring.homes(7)
    (0.687, (4, 0, 1))
    """

    def __init__(self, scenario: Scenario) -> None:
        self._names = scenario.member_names()
        self._copies = scenario.copies
        self._at_random = scenario.placement == "random"
        self._seed = scenario.seed
        self.places = tuple(scenario.of(name, "place") or "" for name in self._names)
        self.share = spread(self._copies, self.places)
        self._orders: dict[int, tuple[int, ...]] = {}

    def token(self, node: int) -> float:
        """Return where a node stands on the ring, 0 to 1."""
        return node / len(self._names)

    def point(self, key: int) -> float:
        """Return where a key's point is on the ring, 0 to 1."""
        return _hash(f"{key}")

    def homes(self, key: int) -> tuple[int, ...]:
        """Return the numbers of the nodes that hold a key, in order of preference."""
        return self.order(key)[: self._copies]

    def order(self, key: int) -> tuple[int, ...]:
        """Return the numbers of all nodes in the order in which they take a key: its homes, then who stands in."""
        found = self._orders.get(key)
        if found is None:
            found = self._orders[key] = self._order(key)
        return found

    def _order(self, key: int) -> tuple[int, ...]:
        room = dict(self.share)
        homes, others = [], []
        for node in self._walk(key):
            if room[self.places[node]]:
                room[self.places[node]] -= 1
                homes.append(node)
            else:
                others.append(node)
        return (*homes, *others)

    def _walk(self, key: int) -> list[int]:
        count = len(self._names)
        if self._at_random:
            return sorted(range(count), key=lambda node: _hash(f"{self._seed} {key} {node}"))
        first = ceil(self.point(key) * count)
        return [(first + step) % count for step in range(count)]


def _hash(text: str) -> float:
    """Return a number from 0 to 1 that looks drawn at random, the same for the same text."""
    return int.from_bytes(blake2b(text.encode(), digest_size=6).digest(), "big") / 2**48
