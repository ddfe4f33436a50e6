"""A replica of a single leader: receives the log, flushes it, replays it one write after the other, and reports."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Any

from ..scenario import PauseReplay, Scenario, SlowReplay
from ..scenario.limits import step_ms
from ..trace import FlightKind, MarkKind, Position
from .clock import Call, Clock
from .disk import Disk
from .hot_standby import Queries, Vacuum
from .network import REPLY_BYTES, Link
from .record import Record
from .upstream import Upstream, Walsender

# Plain numbers: to look up a member of an enumeration takes longer than to record a step.
_RECEIVED, _FLUSHED, _REPLAYED = Position.RECEIVED.value, Position.FLUSHED.value, Position.REPLAYED.value
_SAYS_WROTE, _SAYS_FLUSHED, _SAYS_REPLAYED = FlightKind.WROTE.value, FlightKind.FLUSHED.value, FlightKind.REPLAYED.value

Report = tuple[int, int, int]  # written, flushed, replayed


class Standby(Upstream):
    """One replica; others may stream from it.

    Attributes
    ----------
    received, flushed, replayed : int
        Its positions in the log; replayed <= flushed <= received.
    disk : Disk
    reply : Link
        The way back to its upstream.
    sender : Walsender or None
        The other end of its stream; None while it has none.
    append_time : callable
        When the write at an LSN was appended, ms.
    """

    def __init__(
        self,
        clock: Clock,
        record: Record,
        scenario: Scenario,
        number: int,
        vacuum: Vacuum,
        disk: Disk,
        reply: Link,
        base: int = 0,
    ) -> None:
        super().__init__(clock, record, scenario, number)
        self.received = self.flushed = self.replayed = base
        self.disk = disk
        self.reply = reply
        self.sender: Walsender | None = None
        self.append_time: Callable[[int], float] = float  # until it streams from somebody
        self._serial = scenario.dependent_share + (1 - scenario.dependent_share) / scenario.replay_workers
        self.set_replay_cost(float(scenario.of(self.name, "replay_us")))
        self.reports_replay = False
        self.on_report: Callable[[Any], None] = _ignore
        self.wants_write_report = False
        self._apply_delay_ms = float(scenario.of(self.name, "apply_delay_ms"))
        self._slow = [
            (fault.at_ms, fault.until_ms, fault.factor)
            for fault in scenario.timeline
            if isinstance(fault, SlowReplay) and fault.node == self.name
        ]
        self._pauses = [
            (fault.at_ms, fault.until_ms)
            for fault in scenario.timeline  # in order of time
            if isinstance(fault, PauseReplay) and fault.node == self.name
        ]
        self._queries = Queries(scenario, self.name, vacuum)
        for begin in self._queries.begins:
            if begin >= clock.now:
                clock.call_at(begin, self._query_begins)
        self._step_ms = step_ms(scenario.duration_ms)
        self._flushed_at_once = max(1, int(self.disk.bytes_within(self._step_ms) / self._record_bytes))
        self._flushing = False
        self._replaying = False

    def set_replay_cost(self, us: float) -> None:
        """Set what it costs to replay one write (µs): the share that others must wait for, the rest by all workers."""
        self._replay_ms = us / 1000 * self._serial

    def receive(self, event: Call) -> None:
        """Write a batch that has arrived; a flush begins unless one is under way."""
        sender: Walsender
        sender, its_life, life, after, upto = event.value
        if not self.up or life != self.life or after > self.received or upto <= self.received:
            return
        if self.sender is not sender or its_life != sender.upstream.life:  # another upstream's, or one's that has died
            return
        self.received = upto
        self._record.level((self.number, _RECEIVED, self._clock.now, upto))
        self._queries.received(upto, self._clock.now)
        self._report(_SAYS_WROTE, upto, heard=self.wants_write_report)
        if not self._flushing:
            self._flush()

    def crash(self) -> None:
        """Stop. What was received and not flushed is gone."""
        self.up = False
        self.life += 1
        self._flushing = self._replaying = False
        self._queries.cancel(self._clock.now)
        self.lose_all()
        if self.received > self.flushed:
            self.received = self.flushed
            self._record.level((self.number, _RECEIVED, self._clock.now, self.flushed))

    def restart(self) -> None:
        """Start again and replay what the disk holds."""
        self.up = True
        self.greet_all()
        self._replay()

    def fetch(self, upto: int) -> None:
        """Take the log up to an LSN from the archive."""
        if upto <= self.flushed:
            return
        now = self._clock.now
        self.received = max(self.received, upto)
        self.flushed = upto
        self._record.level((self.number, _RECEIVED, now, self.received))
        self._record.level((self.number, _FLUSHED, now, upto))
        self.ship()
        if not self._replaying:
            self._replay()

    def promotion_ms(self) -> float:
        """Return how long it takes to replay what it has received: a promoted replica does that first, ms."""
        return (self.received - self.replayed) * self._replay_ms

    def retire(self) -> None:
        """End: another process, a leader's, takes over this node's files."""
        self.up = False
        self.life += 1
        self.lose_all()

    def adopt(self, lsn: int) -> None:
        """Come up with a log that goes up to an LSN: a copy of another's, or its own, cut there."""
        self.up = True
        self.received = self.flushed = self.replayed = lsn
        for which in (_RECEIVED, _FLUSHED, _REPLAYED):
            self._record.level((self.number, which, self._clock.now, lsn))
        self.greet_all()

    def hello(self) -> None:
        """Tell the leader from which position the stream should go on."""
        self._report(_SAYS_FLUSHED, self.flushed, heard=True, hello=True)

    def _flush(self) -> None:
        self._flushing = True
        writes = min(self.received - self.flushed, self._flushed_at_once)
        duration = self.disk.flush_ms(self._clock.now, writes * self._record_bytes)
        self._clock.call(duration, self._flushed, (self.life, self.flushed + writes))

    def _flushed(self, event: Call) -> None:
        life, upto = event.value
        if life != self.life:
            return
        self._flushing = False
        self.flushed = upto
        self._record.level((self.number, _FLUSHED, self._clock.now, upto))
        self._report(_SAYS_FLUSHED, upto, heard=True)
        if self.senders:
            self.ship()
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
        cost = self._replay_ms
        for begin, end, factor in self._slow:
            if begin <= now < end:
                cost *= factor
        count = behind
        if count * cost > self._step_ms:
            count = max(1, int(self._step_ms / cost))
        if self._queries.any:
            until, cancels = self._queries.blocked_until(self.replayed, now)
            if until > now or cancels:
                self._clock.call_at(until, self._conflict_over, (self.life, cancels))
                return
            count = int(min(count, self._queries.free_from(self.replayed)))
        if self._apply_delay_ms > 0:
            count = bisect_right(range(self.replayed + 1, self.replayed + count + 1), now, key=self._may_replay_at)
            if not count:
                due = self._may_replay_at(self.replayed + 1)
                self._clock.call_at(due, self._replayed, (self.life, self.replayed))
                return
        self._clock.call_at(self._done_at(now, count * cost), self._replayed, (self.life, self.replayed + count))

    def _may_replay_at(self, lsn: int) -> float:
        return self.append_time(lsn) + self._apply_delay_ms

    def _query_begins(self, event: Call) -> None:
        if self.up:
            self._queries.begin(self.replayed, self._clock.now)

    def _conflict_over(self, event: Call) -> None:
        """Replay goes on past a cleanup record: the queries in its way have ended, or end now."""
        life, cancels = event.value
        if life != self.life:
            return
        now = self._clock.now
        for ran_ms in self._queries.cancel(now) if cancels else ():
            text = f"{self.name}: query cancelled after {ran_ms / 1000:,.3g} s, it conflicts with recovery"
            self._record.mark(MarkKind.CANCELLED, now, text, node=self.number)
        self._replaying = False
        self._replay()

    def _done_at(self, now: float, work_ms: float) -> float:
        """Return when work on the replay that begins or goes on now is done, ms: pauses stretch it."""
        for begin, end in self._pauses:
            if end <= now:
                continue
            if begin > now + work_ms:
                break
            work_ms = max(work_ms - max(begin - now, 0.0), 0.0)
            now = end
        return now + work_ms

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
