"""A replica of a single leader: receives the log, flushes it, replays it one write after the other, and reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..scenario import Scenario, SlowReplay
from ..scenario.model import REPLAY_STEP_MS
from ..trace import FlightKind, Position
from .clock import Call, Clock
from .disk import Disk
from .network import REPLY_BYTES, Link
from .record import Record

# Plain numbers: to look up a member of an enumeration takes longer than to record a step.
_RECEIVED, _FLUSHED, _REPLAYED = Position.RECEIVED.value, Position.FLUSHED.value, Position.REPLAYED.value
_SAYS_WROTE, _SAYS_FLUSHED, _SAYS_REPLAYED = FlightKind.WROTE.value, FlightKind.FLUSHED.value, FlightKind.REPLAYED.value

Report = tuple[int, int, int]  # written, flushed, replayed


class Standby:
    """One replica.

    Attributes
    ----------
    received, flushed, replayed : int
        Its positions in the log; replayed <= flushed <= received.
    life : int
        Rises at each crash: what belongs to an earlier life is ignored.
    """

    def __init__(
        self,
        clock: Clock,
        record: Record,
        scenario: Scenario,
        number: int,
        reply: Link,
        append_time: Callable[[int], float],
    ) -> None:
        self.name = scenario.node_names[number]
        self.number = number
        self.received = self.flushed = self.replayed = 0
        self.up = True
        self.life = 0
        self.disk = Disk(scenario, self.name)
        self.reply = reply
        self.replay_ms = float(scenario.of(self.name, "replay_us")) / 1000
        self.reports_replay = False
        self.on_report: Callable[[Any], None] = _ignore
        self.wants_write_report = False
        self._apply_delay_ms = float(scenario.of(self.name, "apply_delay_ms"))
        self._slow = [
            (fault.at_ms, fault.until_ms, fault.factor)
            for fault in scenario.timeline
            if isinstance(fault, SlowReplay) and fault.node == self.name
        ]
        self._clock = clock
        self._record = record
        self._append_time = append_time
        self._flushing = False
        self._replaying = False

    def receive(self, event: Call) -> None:
        """Write a batch that has arrived; a flush begins unless one is under way."""
        life, after, upto = event.value
        if not self.up or life != self.life or after > self.received or upto <= self.received:
            return
        self.received = upto
        self._record.level((self.number, _RECEIVED, self._clock.now, upto))
        self._report(_SAYS_WROTE, upto, heard=self.wants_write_report)
        if not self._flushing:
            self._flush()

    def crash(self) -> None:
        """Stop. What was received and not flushed is gone."""
        self.up = False
        self.life += 1
        self._flushing = self._replaying = False
        if self.received > self.flushed:
            self.received = self.flushed
            self._record.level((self.number, _RECEIVED, self._clock.now, self.flushed))

    def restart(self) -> None:
        """Start again and replay what the disk holds."""
        self.up = True
        self._replay()

    def hello(self) -> None:
        """Tell the leader from which position the stream should go on."""
        self._report(_SAYS_FLUSHED, self.flushed, heard=True, hello=True)

    def _flush(self) -> None:
        self._flushing = True
        duration = self.disk.flush_ms(self._clock.now)
        self._clock.call(duration, self._flushed, (self.life, self.received))

    def _flushed(self, event: Call) -> None:
        life, upto = event.value
        if life != self.life:
            return
        self._flushing = False
        self.flushed = upto
        self._record.level((self.number, _FLUSHED, self._clock.now, upto))
        self._report(_SAYS_FLUSHED, upto, heard=True)
        if not self._replaying:
            self._replay()
        if self.received > upto:
            self._flush()

    def _replay(self) -> None:
        """Replay the next few writes that are on disk, or wait until the apply delay lets the next one through."""
        behind = self.flushed - self.replayed
        if behind <= 0:
            return
        self._replaying = True
        now = self._clock.now
        cost = self.replay_ms
        for begin, end, factor in self._slow:
            if begin <= now < end:
                cost *= factor
        count = behind
        if count * cost > REPLAY_STEP_MS:
            count = max(1, int(REPLAY_STEP_MS / cost))
        if self._apply_delay_ms > 0:
            ripe = self.replayed
            while ripe < self.replayed + count and self._append_time(ripe + 1) + self._apply_delay_ms <= now:
                ripe += 1
            if ripe == self.replayed:
                due = self._append_time(ripe + 1) + self._apply_delay_ms
                self._clock.call_at(due, self._replayed, (self.life, self.replayed))
                return
            count = ripe - self.replayed
        self._clock.call(count * cost, self._replayed, (self.life, self.replayed + count))

    def _replayed(self, event: Call) -> None:
        life, upto = event.value
        if life != self.life:
            return
        self._replaying = False
        if upto > self.replayed:
            self.replayed = upto
            self._record.level((self.number, _REPLAYED, self._clock.now, upto))
            if self.reports_replay:
                self._report(_SAYS_REPLAYED, upto, heard=True)
        self._replay()

    def _report(self, kind: int, upto: int, *, heard: bool, hello: bool = False) -> None:
        """Send a status update. It holds all three positions, whatever the occasion; some change nothing when heard."""
        if heard:
            value = (self.number, self.life, (self.received, self.flushed, self.replayed), hello)
            self.reply.send(kind, upto, upto, REPLY_BYTES, self.on_report, value)
        else:
            self.reply.send(kind, upto, upto, REPLY_BYTES, None)


def _ignore(event: Any) -> None:
    raise AssertionError("a standby was not connected to a leader")
