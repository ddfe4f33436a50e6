"""One of several leaders: it takes the writes of its region, and applies those of the others as they come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ..rows import Deeds, Found, Record, Table, as_number
from ..rows.replay import FROM
from ..scenario import Scenario
from ..trace import Position
from .clock import Call, Clock
from .disk import Disk
from .record import Record as Recorder
from .regions import Desk

_APPENDED, _FLUSHED = Position.APPENDED.value, Position.FLUSHED.value


class Story(Protocol):
    """Who listens to what leaders find."""

    def found(self, node: int, now: float, found: Found) -> None:
        """A leader has taken a write."""


class Exchange(Protocol):
    """Who carries to the other leaders what is new at one."""

    def news(self, leader: Leader) -> None:
        """A leader has more to send than before."""


class Leader:
    """One leader.

    Attributes
    ----------
    life : int
        How often it has crashed.
    has : list of int
        Up to which LSN of each leader's log it has received it; its own as far as it is flushed.
    holds : list of int
        Up to which LSN of each leader's log it has it on disk, and shows it.
    """

    def __init__(
        self,
        clock: Clock,
        record: Recorder,
        scenario: Scenario,
        number: int,
        desk: Desk,
        deeds: Deeds,
        logs: Mapping[str, list[Record]],
        exchange: Exchange,
        story: Story,
    ) -> None:
        self._clock = clock
        self._record = record
        self._desk = desk
        self._logs = list(logs.values())
        self._exchange = exchange
        self._story = story
        self._record_bytes = scenario.record_bytes * scenario.log_left
        self.number = number
        self.name = scenario.node_names[number]
        self.disk = Disk(scenario, self.name)
        self.table = Table(scenario, self.name, deeds, logs)
        self.up = True
        self.life = 0
        self.has = [0] * len(self._logs)
        self.holds = [0] * len(self._logs)
        self._inbox: list[tuple[int, int]] = []  # whose log, and up to which LSN
        self._flushing = False
        self._alarm = float("inf")  # when it wakes for the next write

    def wake(self, event: Call | None = None) -> None:
        """Flush what clients have written and what has arrived; if there is nothing, sleep until a write comes."""
        if self._flushing or not self.up or (event is not None and event.value != self.life):
            return
        now = self._clock.now
        self._take(now)
        own = len(self.table.log) - self.table.flushed
        if own or self._inbox:
            self._flushing = True
            many = own + sum(self.has) - sum(self.holds)
            took = self.disk.flush_ms(now, many * self._record_bytes)
            self._clock.call(took, self._flush_done, (self.life, len(self.table.log), len(self._inbox)))
        elif self._desk.next_write() != self._alarm:
            self._alarm = self._desk.next_write()
            self._clock.call_at(self._alarm, self.wake, self.life)

    def receive(self, event: Call) -> None:
        """Take a part of another leader's log that has arrived; what came before, or leaves a gap, is dropped."""
        life, origin, after, upto = event.value
        if self.up and life == self.life and after <= self.has[origin] < upto:
            self.has[origin] = upto
            self._inbox.append((origin, upto))
            self.wake()

    def crash(self, now: float) -> None:
        """Stop. What is not on disk is gone, and the clients lose their connections."""
        self._take(now)
        self._serve(now)
        lost = len(self.table.log) > self.table.flushed
        self.table.crash()
        if lost:
            self._record.level((self.number, _APPENDED, now, self.table.flushed))
        self._desk.hang_up(self.table.flushed, now)
        self.up = False
        self.life += 1
        self._flushing = False
        self._alarm = float("inf")
        self._inbox.clear()
        self.has = list(self.holds)
        self._record.set_up(self.number, now, up=False)

    def restart(self, now: float) -> None:
        """Start again with what the disk holds."""
        self._desk.turn_away(now)
        self.up = True
        self._record.set_up(self.number, now, up=True)
        self.wake()

    def close(self, now: float) -> None:
        """Settle what is open at the end of the run."""
        if self.up:
            self._take(now)
            self._serve(now)
        else:
            self._desk.turn_away(now)

    def _take(self, now: float) -> None:
        """Append the writes that have come. Nothing has happened here since, so each meets the rows as it came."""
        for number, key, time in self._desk.writes(now):
            found = self.table.write(number, key, time)
            if found is None:
                self._desk.refuse(number, time)
                continue
            self._desk.accept(number)
            self._record.level((self.number, _APPENDED, time, len(self.table.log)))
            self._story.found(self.number, time, found)

    def _serve(self, now: float) -> None:
        """Answer the reads that have come, from what is on disk."""
        for place, key in self._desk.reads(now):
            self._desk.show(place, as_number(self.table.one(key)))

    def _flush_done(self, event: Call) -> None:
        life, upto, batches = event.value
        if life != self.life:
            return
        now = self._clock.now
        self._take(now)
        self._serve(now)
        self._flushing = False
        before = self.table.flushed
        if upto > before:
            self.table.flush(upto)
            self.has[self.number] = self.holds[self.number] = upto
            self._record.level((self.number, _FLUSHED, now, upto))
            self._desk.answer(before, upto, now)
        for origin, until in self._inbox[:batches]:
            self._apply(origin, until, now)
        del self._inbox[:batches]
        self._exchange.news(self)
        self.wake()

    def _apply(self, origin: int, upto: int, now: float) -> None:
        for record in self._logs[origin][self.holds[origin] : upto]:
            self._story.found(self.number, now, self.table.merge(record, now))
        self.holds[origin] = upto
        self._record.level((self.number, FROM[origin].value, now, upto))
