"""Anti-entropy: from time to time two nodes compare what they both should hold, by Merkle trees, and mend it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..conflicts.merkle import ENTRY_BYTES, HASH_BYTES, LEVELS, Tree, below, leaf_of
from ..scenario import Scenario
from ..scenario.leaderless import every_ms
from ..trace import FlightKind
from .clock import Call, Clock
from .cluster import Cluster
from .streams import stream

_SYNC, _REPAIR = FlightKind.SYNC.value, FlightKind.REPAIR.value


class Hashes(NamedTuple):
    """A message: the hashes that its sender has at some places of a level of its tree."""

    sender: int
    receiver: int
    level: int
    places: list[int]
    hashes: list[int]


class AntiEntropy:
    """At each interval every node picks another one and compares with it, level by level, only where they differ."""

    def __init__(self, clock: Clock, scenario: Scenario, cluster: Cluster) -> None:
        self._clock = clock
        self._cluster = cluster
        self._every_ms = every_ms(scenario.anti_entropy_ms, scenario.duration_ms) if scenario.anti_entropy_ms else 0.0
        self._chance = stream(scenario.seed, "anti-entropy")

    def begin(self) -> None:
        """Begin, if it is on."""
        if self._every_ms and len(self._cluster.members) > 1:
            self._clock.call(self._every_ms, self._round)

    def _round(self, event: Call) -> None:
        count = len(self._cluster.members)
        steps = self._chance.integers(1, count, size=count).tolist()
        for node, step in enumerate(steps):
            other = (node + step) % count
            if self._cluster.members[node].up and self._cluster.reaches(node, other):
                self._send_hashes(node, other, 0, [0])
        self._clock.call(self._every_ms, self._round)

    def _shared(self, node: int, other: int) -> dict[int, int]:
        """Return what a node holds of the keys that another one should hold, too."""
        homes = self._cluster.ring.homes
        held = self._cluster.members[node].held
        return {key: version for key, version in held.items() if other in homes(key)}

    def _send_hashes(self, sender: int, receiver: int, level: int, places: list[int]) -> None:
        hashes = Tree(self._shared(sender, receiver)).hashes(level, places)
        message = Hashes(sender, receiver, level, places, hashes)
        self._sync(sender, receiver, len(hashes), HASH_BYTES, self._compare, message)

    def _compare(self, message: Hashes) -> None:
        """Go on where the trees differ: a level down, or with the keys themselves."""
        node, other, level = message.receiver, message.sender, message.level
        mine = self._shared(node, other)
        differing = Tree(mine).differing(message.hashes, level, message.places)
        if not differing:
            return
        if level + 1 < LEVELS:
            self._send_hashes(node, other, level + 1, below(differing))
            return
        leaves = set(differing)
        entries = {key: version for key, version in mine.items() if leaf_of(key) in leaves}
        self._sync(node, other, len(entries), ENTRY_BYTES, self._exchange, (node, other, leaves, entries))

    def _exchange(self, payload: tuple[int, int, set[int], dict[int, int]]) -> None:
        """Send what the other one lacks, and ask for what is older here."""
        other, node, leaves, theirs = payload
        mine = {key: version for key, version in self._shared(node, other).items() if leaf_of(key) in leaves}
        self._send_versions(node, other, [v for key, v in mine.items() if v > theirs.get(key, 0)])
        wanted = [key for key, version in theirs.items() if version > mine.get(key, 0)]
        if wanted:
            self._sync(node, other, len(wanted), ENTRY_BYTES, self._send_wanted, (other, node, wanted))

    def _send_wanted(self, payload: tuple[int, int, list[int]]) -> None:
        node, other, keys = payload
        held = self._cluster.members[node].held
        self._send_versions(node, other, [held[key] for key in keys if key in held])

    def _send_versions(self, node: int, other: int, versions: list[int]) -> None:
        for version in versions:
            self._cluster.post(_REPAIR, node, other, -1, version, self._cluster.members[other].take, version)

    def _sync(
        self, sender: int, receiver: int, count: int, bytes_each: int, action: Callable[[Any], None], payload: Any
    ) -> None:
        size = float(count * bytes_each)
        self._cluster.post(_SYNC, sender, receiver, -1, count, action, payload, size=size)
