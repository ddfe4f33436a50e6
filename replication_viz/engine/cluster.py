"""The nodes of a leaderless database and who reaches whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..scenario import CutLink, Partition, Ring, Scenario
from .book import Book
from .clock import Call, Clock
from .member import Member
from .mesh import Mesh
from .record import Record

_NEVER = float("inf")


class Cluster:
    """Nodes, the messages between them, and the ring that says who holds a key.

    A node that has crashed is known to be down at once, for its connections close. One that is behind a cut is taken
    for down once the cut is as old as a quorum's timeout.
    """

    def __init__(self, clock: Clock, record: Record, scenario: Scenario, book: Book) -> None:
        self.clock = clock
        self.ring = Ring(scenario)
        self.mesh = Mesh(clock, record, scenario)
        self.members = [Member(clock, record, scenario, n, book) for n in range(scenario.members)]
        self._patience = scenario.quorum_timeout_ms
        self._has_cuts = any(isinstance(fault, CutLink | Partition) for fault in scenario.timeline)

    def post(
        self,
        kind: int,
        source: int,
        target: int,
        operation: int,
        version: int,
        action: Callable[[Any], None],
        payload: Any,
        *,
        delay_ms: float = -1.0,
        size: float = -1.0,
    ) -> None:
        """Send a message; ``action(payload)`` is called if it reaches a node that has been up all the while."""
        member = self.members[target]
        life = member.life if member.up else -1
        value = (member, life, action, payload)
        self.mesh.send(kind, source, target, operation, version, _arrive, value, delay_ms=delay_ms, size=size)

    def away_since(self, source: int, target: int) -> float:
        """Return since when one node knows that another is out of reach, ms; infinite if it is not."""
        since = self.members[target].down_since
        if self._has_cuts and source != target:
            now = self.clock.now
            for way in (self.mesh.way(source, target), self.mesh.way(target, source)):
                since = min(since, way.silent(now, self._patience))
        return since

    def reaches(self, source: int, target: int) -> bool:
        """Return whether one node takes another for up."""
        return self.away_since(source, target) == _NEVER


def _arrive(event: Call) -> None:
    member, life, action, payload = event.value
    if member.up and member.life == life:
        action(payload)
