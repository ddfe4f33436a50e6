"""Hinted handoff: what one node keeps for another that is away, and hands over when it is back."""

from __future__ import annotations

from ..scenario import Scenario
from ..scenario.leaderless import every_ms
from ..trace import FlightKind, MarkKind, Position
from .book import Book
from .clock import Call, Clock
from .cluster import Cluster
from .record import Record

_HINTED = Position.HINTED.value
_HINT, _STORED = FlightKind.HINT.value, FlightKind.STORED.value


class Shelf:
    """What one node keeps for others: by node and key the greatest version.

    What it took standing in for another node is on its disk. A note that a coordinator makes for itself is in memory
    and is lost when that crashes.

    Attributes
    ----------
    for_node : dict of int to dict of int to int
        The version of each key that is kept for each node.
    """

    def __init__(self) -> None:
        self.for_node: dict[int, dict[int, int]] = {}
        self.in_memory: set[tuple[int, int]] = set()  # for which node, which version
        self.sent: dict[tuple[int, int], float] = {}
        self.is_watched = False

    def answer(self, key: int) -> int:
        """Return the greatest version of a key that is kept for anybody; 0 for none."""
        return max((kept.get(key, 0) for kept in self.for_node.values()), default=0)

    def remove(self, target: int, key: int, version: int) -> bool:
        """Take a version from the shelf; return whether it was there."""
        kept = self.for_node.get(target, {})
        if kept.get(key) != version:
            return False
        del kept[key]
        if not kept:
            del self.for_node[target]
        self.in_memory.discard((target, version))
        self.sent.pop((target, version), None)
        return True


class Hints:
    """The shelves of all nodes, and the handing over.

    Source
    ------
    Apache Cassandra, "Hints": ``max_hint_window``; DeCandia et al., "Dynamo", SOSP 2007, section 4.6.
    """

    def __init__(self, clock: Clock, record: Record, scenario: Scenario, cluster: Cluster, book: Book) -> None:
        self._clock = clock
        self._record = record
        self._cluster = cluster
        self._book = book
        self._window_ms = scenario.hint_window_ms
        self._every_ms = every_ms(scenario.hint_replay_ms, scenario.duration_ms)
        self._again_ms = max(scenario.quorum_timeout_ms, self._every_ms)
        self.shelves = [Shelf() for _ in cluster.members]
        self._told: set[tuple[MarkKind, int, float]] = set()

    def note(self, holder: int, target: int, version: int) -> None:
        """A coordinator keeps a note of a write that a node missed, if that has not been away for too long."""
        if self._is_in_time(holder, target) and self._keep(holder, target, version):
            self.shelves[holder].in_memory.add((target, version))

    def stand_in(self, holder: int, target: int, version: int) -> None:
        """A node keeps what it took in another's place."""
        if self._window_ms and not self._is_in_time(holder, target):
            target = -1  # nobody will be told: it just keeps it
        self._keep(holder, target if self._window_ms else -1, version)

    def crash(self, node: int) -> None:
        """A holder stops: the notes in its memory are gone."""
        shelf = self.shelves[node]
        lost = [
            (target, key, version)
            for target, kept in shelf.for_node.items()
            for key, version in kept.items()
            if (target, version) in shelf.in_memory
        ]
        for target, key, version in lost:
            self._remove(node, target, key, version)
        if lost:
            name = self._cluster.members[node].name
            text = f"{name} takes {_count(len(lost))} with it"
            self._record.mark(MarkKind.HINTS_LOST, self._clock.now, text, node=node)
        shelf.sent.clear()
        shelf.is_watched = False

    def restart(self, node: int) -> None:
        """A holder is back; what is on its disk is still to be handed over."""
        self._watch(node)

    def _keep(self, holder: int, target: int, version: int) -> bool:
        key, shelf = self._book.key_of[version], self.shelves[holder]
        kept = shelf.for_node.setdefault(target, {})
        if kept.get(key, 0) >= version:
            return False
        if shelf.answer(key) < version:
            self._record.level((holder, _HINTED, self._clock.now, version))
        kept[key] = version
        if target >= 0:
            self._say(MarkKind.HINTED, holder, target, "{holder} keeps hints for {target}")
            self._watch(holder)
        return True

    def _is_in_time(self, holder: int, target: int) -> bool:
        away = self._clock.now - self._cluster.away_since(holder, target)
        if self._window_ms == 0:
            return False
        if away <= self._window_ms:
            return True
        self._say(MarkKind.HINTS_OVER, holder, target, f"no more hints for {{target}}: away for {self._window_ms:g} ms")
        return False

    def _say(self, kind: MarkKind, holder: int, target: int, text: str) -> None:
        """Mark a thing once for each time that a node is away."""
        about = (kind, target, self._cluster.away_since(holder, target))
        if about not in self._told:
            self._told.add(about)
            names = [self._cluster.members[number].name for number in (holder, target)]
            told = text.format(holder=names[0], target=names[1])
            self._record.mark(kind, self._clock.now, told, node=holder, peer=target)

    # -- handing over ----------------------------------------------------------------------------------------------

    def _watch(self, holder: int) -> None:
        shelf = self.shelves[holder]
        if not shelf.is_watched and any(target >= 0 for target in shelf.for_node):
            shelf.is_watched = True
            self._clock.call(self._every_ms, self._look, (holder, self._cluster.members[holder].life))

    def _look(self, event: Call) -> None:
        holder, life = event.value
        if self._cluster.members[holder].life != life:
            return
        shelf = self.shelves[holder]
        shelf.is_watched = False
        for target in sorted(shelf.for_node):
            if target >= 0 and self._cluster.reaches(holder, target):
                self._hand_over(holder, target)
        self._watch(holder)

    def _hand_over(self, holder: int, target: int) -> None:
        shelf, now = self.shelves[holder], self._clock.now
        sent, never = shelf.sent, -self._again_ms
        due = [v for v in shelf.for_node[target].values() if now >= sent.get((target, v), never) + self._again_ms]
        if not due:
            return
        names = [self._cluster.members[number].name for number in (holder, target)]
        text = f"{names[0]} hands {_count(len(due))} to {names[1]}"
        self._record.mark(MarkKind.HANDED, now, text, node=holder, peer=target)
        for version in due:
            sent[target, version] = now
            self._cluster.post(_HINT, holder, target, -1, version, self._arrived, (holder, target, version))

    def _arrived(self, payload: tuple[int, int, int]) -> None:
        holder, target, version = payload
        member = self._cluster.members[target]
        member.take(
            version,
            lambda: self._cluster.post(_STORED, target, holder, -1, version, self._done, (holder, target, version)),
        )

    def _done(self, payload: tuple[int, int, int]) -> None:
        holder, target, version = payload
        self._remove(holder, target, self._book.key_of[version], version)

    def _remove(self, holder: int, target: int, key: int, version: int) -> None:
        shelf, now = self.shelves[holder], self._clock.now
        if shelf.remove(target, key, version) and (left := shelf.answer(key)) < version:
            self._record.level((holder, _HINTED, now, -version))
            if left:
                self._record.level((holder, _HINTED, now, left))


def _count(hints: int) -> str:
    return "1 hint" if hints == 1 else f"{hints:,} hints"
