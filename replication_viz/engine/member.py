"""A node of a leaderless database: what it holds, its disk, its tombstones."""

from __future__ import annotations

from collections.abc import Callable

from ..scenario import Scenario
from ..trace import MarkKind, Position
from .book import Book
from .clock import Call, Clock
from .disk import Disk
from .record import Record

_STORED = Position.STORED.value

Action = Callable[[], None]


class Member:
    """One node. Of each key it keeps the greatest version that has reached its disk.

    Attributes
    ----------
    held : dict of int to int
        The version of each key.
    up : bool
        Whether it runs.
    life : int
        How often it has crashed.
    down_since : float
        When it crashed, ms.
    """

    def __init__(self, clock: Clock, record: Record, scenario: Scenario, number: int, book: Book) -> None:
        self._clock = clock
        self._record = record
        self._book = book
        self.number = number
        self.name = scenario.node_names[number]
        self.disk = Disk(scenario, self.name)
        self._bytes = float(scenario.record_bytes)
        self._counts_flush = not scenario.delays  # a fit's time of a write has it in
        self.held: dict[int, int] = {}
        self.up = True
        self.life = 0
        self.down_since = float("inf")
        self._forgotten: dict[int, int] = {}  # by key: the greatest tombstone that it has removed
        self._waiting: list[Action] = []
        self._flushing = False

    def answer(self, key: int) -> int:
        """Return which version of a key it shows; 0 for none."""
        return self.held.get(key, 0)

    def remembers(self, key: int) -> int:
        """Return which tombstone of a key it had and has removed; 0 for none. It knows nothing of that itself."""
        return self._forgotten.get(key, 0)

    def take(self, version: int, done: Action | None = None) -> None:
        """Store a version; ``done`` is called when it is on the disk."""

        def stored() -> None:
            self.keep(version)
            if done is not None:
                done()

        self.write(stored)

    def write(self, action: Action) -> None:
        """Call ``action`` when what it is about is on the disk. What waits shares the next flush."""
        if self._counts_flush or self.disk.is_stalled(self._clock.now):
            self._waiting.append(action)
            self._flush()
        else:
            action()

    def _flush(self) -> None:
        if self._waiting and not self._flushing:
            self._flushing = True
            taken, self._waiting = self._waiting, []
            took = self.disk.flush_ms(self._clock.now, len(taken) * self._bytes)
            self._clock.call(took, self._flushed, (self.life, taken))

    def _flushed(self, event: Call) -> None:
        life, taken = event.value
        if life != self.life:
            return
        self._flushing = False
        for action in taken:
            action()
        self._flush()

    def keep(self, version: int) -> None:
        """Hold a version from now on if it is greater than what is held of its key."""
        key, now = self._book.key_of[version], self._clock.now
        if version <= self.held.get(key, 0):
            return
        deleted = self._forgotten.get(key, 0)
        if version < deleted and key not in self.held:
            text = f"version {version} of key {key} is back on {self.name}: it had been deleted by version {deleted}"
            self._record.mark(MarkKind.RESURRECTED, now, text, node=self.number)
        self.held[key] = version
        self._record.level((self.number, _STORED, now, version))
        self._forget_later(version)

    def crash(self) -> None:
        """Stop: what had not reached the disk is gone."""
        self.up = False
        self.life += 1
        self.down_since = self._clock.now
        self._waiting = []
        self._flushing = False
        self._record.set_up(self.number, self._clock.now, up=False)

    def restart(self) -> None:
        """Start again with what the disk holds."""
        self.up = True
        self.down_since = float("inf")
        self._record.set_up(self.number, self._clock.now, up=True)
        for version in list(self.held.values()):
            self._forget_later(version)

    def _forget_later(self, version: int) -> None:
        moment = self._book.forgotten_at(version)
        if moment <= self._clock.now:
            self._forget(version)
        elif moment < float("inf"):
            self._clock.call_at(moment, self._time_to_forget, version)

    def _time_to_forget(self, event: Call) -> None:
        if self.up:
            self._forget(event.value)

    def _forget(self, version: int) -> None:
        """Remove a tombstone. Whoever still has what it deleted may bring that back."""
        key = self._book.key_of[version]
        if self.held.get(key) == version:
            del self.held[key]
            self._forgotten[key] = version
            self._record.level((self.number, _STORED, self._clock.now, -version))
