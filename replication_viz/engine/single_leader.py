"""One leader and its replicas: append, group flush, ship, acknowledge.

PostgreSQL's shape. A write is appended when it arrives; one flush takes all that wait (group commit); one walsender per
replica ships what is flushed, in batches; a commit is answered when the acknowledgement rule is met, in order.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..scenario import LEADER, Change, Crash, Restart, Scenario
from ..trace import FlightKind, MarkKind, Position, Trace
from .ack import AckRule
from .clients import Writers, reads, writers
from .clock import Clock, Event
from .disk import Disk
from .marks import mark_blocked, mark_faults
from .network import MAX_BATCH_BYTES, Link
from .record import Record
from .standby import Standby

_LEADER = 0
_REPORT_OF = {"remote_write": 0, "on": 1, "remote_apply": 2}


class Walsender:
    """The leader's end of one replica's stream, and what the leader knows of that replica."""

    def __init__(self, link: Link, standby: Standby) -> None:
        self.link = link
        self.standby = standby
        self.connected = True
        self.holds = False  # the link swallowed a batch: wait until the replica asks again
        self.lost_some = False
        self.shipped = 0
        self.report = [0, 0, 0]  # written, flushed, replayed
        self.waits_for_link = False


class Leader:
    """The leader, its log and its walsenders."""

    def __init__(self, clock: Clock, record: Record, scenario: Scenario, clients: Writers) -> None:
        self._clock = clock
        self._record = record
        self._scenario = scenario
        self._clients = clients
        self._disk = Disk(scenario, LEADER)
        self._rule = AckRule(scenario.sync_rule(), scenario.standbys)
        self._level = scenario.level
        self._batch = max(1, int(MAX_BATCH_BYTES / scenario.record_bytes))
        self.senders = [self._sender(number) for number in range(1, scenario.replicas + 1)]
        self.flushed = self.committed = 0
        self.up = True
        self.life = 0
        self._flushing = False
        self._set_level(scenario.level)

    def _sender(self, number: int) -> Walsender:
        name = self._scenario.node_names[number]
        there = Link(self._clock, self._record, self._scenario, LEADER, name)
        back = Link(self._clock, self._record, self._scenario, name, LEADER)
        standby = Standby(
            self._clock, self._record, self._scenario, number, back, self._clients.append_time
        )
        standby.on_report = self._heard
        return Walsender(there, standby)

    # -- the log --------------------------------------------------------------------------------------------------

    def wake(self, event: Event | None = None) -> None:
        """Flush what has been appended; if nothing has, sleep until the next write arrives."""
        if self._flushing or not self.up or (event is not None and event._value != self.life):
            return
        now = self._clock.now
        appended = self._clients.appended(now)
        if appended > self.flushed:
            self._flushing = True
            self._clock.call(self._disk.flush_ms(now), self._flush_done, (self.life, appended))
            return
        next_write = self._clients.next_after(appended)
        if next_write < float("inf"):
            self._clock.call_at(next_write, self.wake, self.life)

    def _flush_done(self, event: Event) -> None:
        life, upto = event._value
        if life != self.life:
            return
        self._flushing = False
        self.flushed = upto
        self._record.level(_LEADER, Position.FLUSHED, self._clock.now, upto)
        for sender in self.senders:
            if sender.connected:
                self._ship(sender)
        self._commit()
        self.wake()

    # -- the stream -----------------------------------------------------------------------------------------------

    def _ship(self, sender: Walsender) -> None:
        """Send what is flushed and not yet sent, a batch at a time, as fast as the link takes it."""
        link, standby = sender.link, sender.standby
        while not sender.holds and sender.shipped < self.flushed:
            if link.free_at > self._clock.now:
                if not sender.waits_for_link:
                    sender.waits_for_link = True
                    self._clock.call_at(link.free_at, self._link_free, (self.life, sender))
                return
            upto = min(self.flushed, sender.shipped + self._batch)
            size = (upto - sender.shipped) * self._scenario.record_bytes
            arrives = link.send(
                FlightKind.WAL, sender.shipped, upto, size, standby.receive, (standby.life, sender.shipped, upto)
            )
            sender.shipped = upto
            sender.lost_some = sender.lost_some or not arrives
            sender.holds = link.is_cut(self._clock.now)

    def _link_free(self, event: Event) -> None:
        life, sender = event._value
        sender.waits_for_link = False
        if life == self.life and self.up and sender.connected:
            self._ship(sender)

    def _heard(self, event: Event) -> None:
        """Take a replica's status update; a hello restarts its stream where the replica stands."""
        number, life, report, hello = event._value
        sender = self.senders[number - 1]
        if not self.up or life != sender.standby.life or not (sender.connected or hello):
            return
        if hello and (not sender.connected or sender.holds or sender.lost_some):
            self._reconnect(sender, report[0])
        known = sender.report
        if hello or report[1] > known[1] or report[0] > known[0] or report[2] > known[2]:
            sender.report = list(report) if hello else [max(a, b) for a, b in zip(known, report, strict=True)]
            self._commit()

    def _reconnect(self, sender: Walsender, received: int) -> None:
        if not sender.connected:
            name = sender.standby.name
            self._record.mark(
                MarkKind.RECONNECT, self._clock.now, f"{name} is connected again", node=sender.standby.number
            )
        sender.connected = True
        sender.holds = sender.lost_some = False
        sender.shipped = received
        self._ship(sender)

    # -- the answer -----------------------------------------------------------------------------------------------

    def _commit(self) -> None:
        """Answer the writes that the acknowledgement rule covers now."""
        upto = self.flushed
        if self._level != "local":
            place = _REPORT_OF[self._level]
            covered = self._rule.covered(
                [sender.report[place] for sender in self.senders], [sender.connected for sender in self.senders]
            )
            upto = upto if covered is None else min(upto, covered)
        if upto > self.committed:
            now = self._clock.now
            self._clients.committed(self.committed, upto, now)
            self.committed = upto
            self._record.level(_LEADER, Position.COMMITTED, now, upto)
            if self._scenario.arrivals == "closed":
                self.wake()  # who has its answer writes again, perhaps before the leader meant to look

    # -- faults ---------------------------------------------------------------------------------------------------

    def crash(self, event: Event) -> None:
        """A node stops: the leader, whose clients lose their connections, or a replica."""
        name = event._value
        now = self._clock.now
        number = self._scenario.node_names.index(name)
        if name != LEADER:
            sender = self.senders[number - 1]
            if sender.standby.up:
                sender.standby.crash()
                self._record.set_up(number, now, up=False)
                self.disconnect(sender, f"{name} is gone: its connection closed")
            return
        if not self.up:
            return
        self.up = False
        self.life += 1
        self._flushing = False
        self._record.set_up(_LEADER, now, up=False)
        self._clients.crash(self.flushed, now)
        self._record.level(_LEADER, Position.APPENDED, now, self.flushed)
        for sender in self.senders:
            sender.connected = False
            sender.waits_for_link = False

    def restart(self, event: Event) -> None:
        """A node comes back with what its disk holds. Recovery makes every flushed write of a leader visible."""
        name = event._value
        now = self._clock.now
        number = self._scenario.node_names.index(name)
        if name != LEADER:
            sender = self.senders[number - 1]
            if not sender.standby.up:
                self._record.set_up(number, now, up=True)
                sender.standby.restart()
                self.greet(sender)
            return
        if self.up:
            return
        self.up = True
        self._record.set_up(_LEADER, now, up=True)
        self._clients.restart(self.flushed, now)
        if self.flushed > self.committed:
            self.committed = self.flushed
            self._record.level(_LEADER, Position.COMMITTED, now, self.flushed)
        for sender in self.senders:
            self.greet(sender)
        self.wake()

    def link_healed(self, event: Event) -> None:
        """A cut on a replica's link ends; once both ways are open the replica asks for the stream again."""
        self.greet(event._value)

    def link_silent(self, event: Event) -> None:
        """A replica has not been heard of for as long as the leader waits."""
        sender = event._value
        silent_ms = self._scenario.wal_sender_timeout_ms
        if sender.connected and sender.standby.reply.is_cut(self._clock.now):
            self.disconnect(sender, f"{sender.standby.name} dropped: silent for {silent_ms:g} ms")

    def greet(self, sender: Walsender) -> None:
        """Let a replica say hello if it is up and the link is open both ways."""
        now = self._clock.now
        standby = sender.standby
        open_ways = not sender.link.is_cut(now) and not standby.reply.is_cut(now)
        if self.up and standby.up and open_ways:
            standby.hello()

    def disconnect(self, sender: Walsender, why: str) -> None:
        """Close a replica's connection: the acknowledgement rule no longer counts it."""
        if not sender.connected or not self.up:
            return
        sender.connected = False
        self._record.mark(MarkKind.DISCONNECT, self._clock.now, why, node=sender.standby.number)
        self._commit()

    def change(self, event: Event) -> None:
        """An operator sets a knob of the running system, for every node."""
        setting, value = event._value
        nodes = [self._disk, *(sender.standby.disk for sender in self.senders)]
        if setting == "ack":
            self._rule = AckRule(self._scenario.sync_rule(value), self._scenario.standbys)
        elif setting == "level":
            self._set_level(value)
        elif setting == "flush_ms":
            for disk in nodes:
                disk.flush.typical_ms = value
        for sender in self.senders:
            if setting == "lag_ms":
                sender.link.extra_ms = value
            elif setting == "network_ms":
                sender.link.delay.typical_ms = sender.standby.reply.delay.typical_ms = value
            elif setting == "replay_us":
                sender.standby.replay_ms = value / 1000
        if self.up:
            self._commit()

    def _set_level(self, level: Any) -> None:
        self._level = level
        for sender in self.senders:
            sender.standby.wants_write_report = level == "remote_write"
            sender.standby.reports_replay = level == "remote_apply"


def run(scenario: Scenario) -> Trace:
    """Return the trace of a single-leader scenario."""
    clock = Clock()
    record = Record(scenario.node_names)
    clients = writers(scenario)
    leader = Leader(clock, record, scenario, clients)
    _schedule_faults(clock, scenario, leader)
    leader.wake()
    clock.run(until=scenario.duration_ms)
    clients.close(leader.up)
    ops, appended = clients.finish()
    mark_faults(record, scenario)
    mark_blocked(record, scenario, ops)
    trace = record.trace(scenario, ops, appended)
    if scenario.reads_per_s == 0:
        return trace
    return replace(trace, ops=trace.ops.merged(reads(trace), by="invoked"))


def _schedule_faults(clock: Clock, scenario: Scenario, leader: Leader) -> None:
    """Put at their times the faults that something must react to; links, disks and replay look up the others."""
    for fault in scenario.timeline:
        if isinstance(fault, Crash):
            clock.call_at(fault.at_ms, leader.crash, fault.node)
        elif isinstance(fault, Restart):
            clock.call_at(fault.at_ms, leader.restart, fault.node)
        elif isinstance(fault, Change):
            clock.call_at(fault.at_ms, leader.change, (fault.setting, fault.value))
    for sender in leader.senders:
        for begin, _ in sender.standby.reply.cuts:
            clock.call_at(begin + scenario.wal_sender_timeout_ms, leader.link_silent, sender)
        for _, end in sender.link.cuts + sender.standby.reply.cuts:
            if end < scenario.duration_ms:
                clock.call_at(end, leader.link_healed, sender)
