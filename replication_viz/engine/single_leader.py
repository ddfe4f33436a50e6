"""One leader and its replicas: append, group flush, ship, acknowledge.

PostgreSQL's shape. A write is appended when it arrives; one flush takes all that wait (group commit); one walsender per
replica ships what is flushed, in batches; a commit is answered when the acknowledgement rule is met, in order.
"""

from __future__ import annotations

from dataclasses import replace

from ..scenario import LEADER, CancelWaits, Change, Crash, DropSlot, Rebuild, Restart, Scenario
from ..scenario.limits import MAX_BATCH_BYTES
from ..scenario.model import Level
from ..trace import FlightKind, MarkKind, Position, Trace
from .ack import BLOCKED, AckRule
from .clients import Writers, reads, writers
from .clock import Call, Clock
from .disk import Disk
from .hot_standby import Vacuum
from .keeper import Keeper
from .marks import mark_blocked, mark_faults
from .network import Link
from .record import Record
from .standby import Report, Standby

_LEADER = 0
_WAL = FlightKind.WAL.value  # plain numbers, as in `standby`
_FLUSHED, _COMMITTED = Position.FLUSHED.value, Position.COMMITTED.value
_REPORT_OF: dict[Level, int] = {"local": 1, "remote_write": 0, "on": 1, "remote_apply": 2}
_NEVER = float("inf")


class Walsender:
    """The leader's end of one replica's stream, and what the leader knows of that replica.

    Attributes
    ----------
    connected, streams : bool
        Whether it has a connection, and whether it has caught up since it got one. Until then the acknowledgement rule
        passes it over.
    holds : bool
        The link swallowed a batch: wait until the replica asks again.
    broken_at : float
        When the stream lost something, ms; infinite while it is whole.
    shipped : int
        The position up to which it has sent.
    report : (int, int, int)
        What the replica last said: written, flushed, replayed.
    fallen, fetches, rebuilding : bool
        Whether the replica needs log that is gone; whether it fetches that from the archive; whether it is being set
        up anew.
    """

    def __init__(self, link: Link, standby: Standby) -> None:
        self.link = link
        self.standby = standby
        self.connected = self.streams = True
        self.holds = False
        self.broken_at = _NEVER
        self.shipped = 0
        self.report: Report = (0, 0, 0)
        self.waits_for_link = False
        self.fallen = self.fetches = self.rebuilding = False


class Leader:
    """The leader, its log and its walsenders."""

    def __init__(self, clock: Clock, record: Record, scenario: Scenario, clients: Writers) -> None:
        self._clock = clock
        self._record = record
        self._scenario = scenario
        self._clients = clients
        self._disk = Disk(scenario, LEADER)
        self._rule = AckRule(scenario.sync_rule(), scenario.standbys)
        self._level: Level = scenario.level
        self._record_bytes = scenario.record_bytes * scenario.log_left
        self._compress_ms = scenario.compress_us / 1000
        self._batch = max(1, scenario.grain, int(MAX_BATCH_BYTES / self._record_bytes))
        self.vacuum = Vacuum(scenario)
        self.senders = [self._sender(number) for number in range(1, scenario.replicas + 1)]
        self.flushed = self.committed = 0
        self.up = True
        self.life = 0
        self._flushing = False
        self._reported = [0] * scenario.replicas
        self.keeper = Keeper(clock, record, scenario, self)
        self._slots = scenario.slots
        self._apply_rule()

    def _sender(self, number: int) -> Walsender:
        name = self._scenario.node_names[number]
        there = Link(self._clock, self._record, self._scenario, LEADER, name)
        back = Link(self._clock, self._record, self._scenario, name, LEADER)
        append_time = self._clients.append_time
        standby = Standby(self._clock, self._record, self._scenario, number, back, append_time, self.vacuum)
        standby.on_report = self._heard
        return Walsender(there, standby)

    # -- the log --------------------------------------------------------------------------------------------------

    def wake(self, event: Call | None = None) -> None:
        """Flush what has been appended; if nothing has, sleep until the next write arrives."""
        if self._flushing or not self.up or (event is not None and event.value != self.life):
            return
        now = self._clock.now
        appended = self._clients.appended(now)
        if appended > self.flushed:
            self._flushing = True
            writes = appended - self.flushed
            took = writes * self._compress_ms + self._disk.flush_ms(now, writes * self._record_bytes)
            self._clock.call(took, self._flush_done, (self.life, appended))
            return
        next_write = self._clients.next_after(appended)
        if next_write < float("inf"):
            self._clock.call_at(next_write, self.wake, self.life)

    def _flush_done(self, event: Call) -> None:
        life, upto = event.value
        if life != self.life:
            return
        self._flushing = False
        self.flushed = upto
        self._record.level((_LEADER, _FLUSHED, self._clock.now, upto))
        for sender in self.senders:
            if sender.connected:
                self._ship(sender)
        self._commit()
        if upto >= self.keeper.alarm:
            self.keeper.look()
        self.wake()

    # -- the stream -----------------------------------------------------------------------------------------------

    def _ship(self, sender: Walsender) -> None:
        """Send what is flushed and not yet sent, a batch at a time, as fast as the link takes it."""
        link, standby = sender.link, sender.standby
        while not sender.holds and sender.shipped < self.flushed:
            now = self._clock.now
            if link.free_at > now:
                if not sender.waits_for_link:
                    sender.waits_for_link = True
                    self._clock.call_at(link.free_at, self._link_free, (self.life, sender))
                return
            after, upto = sender.shipped, self.flushed
            if upto - after > self._batch:
                upto = after + self._batch
            size = (upto - after) * self._record_bytes
            lost_at = link.send(_WAL, after, upto, size, standby.receive, (standby.life, after, upto))
            sender.shipped = upto
            if lost_at < sender.broken_at:
                sender.broken_at = lost_at
            sender.holds = lost_at <= now
        if not sender.streams and sender.shipped == self.flushed:
            sender.streams = True
            self._note(sender)

    def _link_free(self, event: Call) -> None:
        life, sender = event.value
        if life == self.life:
            sender.waits_for_link = False
            if self.up and sender.connected:
                self._ship(sender)
                self._commit()

    def _heard(self, event: Call) -> None:
        """Take a replica's status update; a hello restarts a stream that broke where the replica stands."""
        number, life, report, hello = event.value
        sender = self.senders[number - 1]
        if not self.up or life != sender.standby.life or not (sender.connected or hello):
            return
        sender.report = report
        if self._slots:
            self.keeper.confirmed(sender)
        if hello and (not sender.connected or sender.holds or sender.broken_at <= self._clock.now):
            self._reconnect(sender)
        self._note(sender)
        if report[self._place] > self.committed:  # else nothing new is covered
            self._commit()

    def _reconnect(self, sender: Walsender) -> None:
        if self.keeper.refuses(sender):
            return
        if not sender.connected:
            name = sender.standby.name
            self._record.mark(
                MarkKind.RECONNECT, self._clock.now, f"{name} is connected again", node=sender.standby.number
            )
            sender.connected = True
        sender.holds = False
        sender.broken_at = _NEVER
        sender.shipped = sender.report[0]
        self._ship(sender)

    # -- the answer -----------------------------------------------------------------------------------------------

    def _note(self, sender: Walsender) -> None:
        """Note how far a replica is in what the level asks for."""
        self._reported[sender.standby.number - 1] = sender.report[self._place] if sender.streams else BLOCKED

    def _commit(self) -> None:
        """Answer the writes that the acknowledgement rule covers now."""
        upto = self.flushed
        if upto == self.committed:
            return
        if self._waits:
            upto = min(upto, self._rule.covered(self._reported))
        if upto > self.committed:
            self._answer(upto)

    def _answer(self, upto: int) -> None:
        now = self._clock.now
        self._clients.committed(self.committed, upto, now)
        self.committed = upto
        self._record.level((_LEADER, _COMMITTED, now, upto))
        if self._clients.reacts:
            self.wake()  # who has its answer writes again, perhaps before the leader meant to look

    # -- faults ---------------------------------------------------------------------------------------------------

    def crash(self, event: Call) -> None:
        """A node stops: the leader, whose clients lose their connections, or a replica."""
        name = event.value
        now = self._clock.now
        number = self._scenario.node_names.index(name)
        if name != LEADER:
            sender = self.senders[number - 1]
            if sender.standby.up:
                sender.standby.crash()
                sender.broken_at = min(sender.broken_at, now)
                self._record.set_up(number, now, up=False)
                self._notice_end(sender)
            return
        if not self.up:
            return
        self.up = False
        self.life += 1
        self._flushing = False
        self._record.set_up(_LEADER, now, up=False)
        self._clients.crash(self.flushed, now)
        self._record.level((_LEADER, Position.APPENDED, now, self.flushed))
        for sender in self.senders:
            sender.connected = sender.streams = False
            sender.waits_for_link = False
            self._note(sender)

    def restart(self, event: Call) -> None:
        """A node comes back with what its disk holds. Recovery makes every flushed write of a leader visible."""
        name = event.value
        now = self._clock.now
        number = self._scenario.node_names.index(name)
        if name != LEADER:
            sender = self.senders[number - 1]
            if not sender.standby.up and not sender.rebuilding:
                self._record.set_up(number, now, up=True)
                sender.standby.restart()
                self.greet(sender)
            return
        if self.up or not self.keeper.has_room():
            return
        self.up = True
        self._record.set_up(_LEADER, now, up=True)
        self._clients.restart(self.flushed, now)
        if self.flushed > self.committed:
            self.committed = self.flushed
            self._record.level((_LEADER, _COMMITTED, now, self.flushed))
        for sender in self.senders:
            self.greet(sender)
        self.wake()

    def link_healed(self, event: Call) -> None:
        """A cut on a replica's link ends; once both ways are open the replica asks for the stream again."""
        sender = event.value
        if sender.standby.up:
            self.greet(sender)
        else:
            self._notice_end(sender)

    def reply_silent(self, event: Call) -> None:
        """A replica has not been heard of for as long as the leader waits (wal_sender_timeout)."""
        sender, silent_ms = event.value, self._scenario.wal_sender_timeout_ms
        self.disconnect(sender, f"{sender.standby.name} dropped: silent for {silent_ms:g} ms")

    def stream_silent(self, event: Call) -> None:
        """A replica has heard nothing for as long as it waits (wal_receiver_timeout, here the same) and hangs up."""
        sender, silent_ms = event.value, self._scenario.wal_sender_timeout_ms
        if not sender.standby.reply.is_cut(self._clock.now):
            self.disconnect(sender, f"{sender.standby.name} hung up: it has heard nothing for {silent_ms:g} ms")

    def greet(self, sender: Walsender) -> None:
        """Let a replica say hello if it is up and the link is open both ways."""
        now = self._clock.now
        standby = sender.standby
        open_ways = not sender.link.is_cut(now) and not standby.reply.is_cut(now)
        if self.up and standby.up and open_ways:
            standby.hello()

    def disconnect(self, sender: Walsender, why: str = "") -> None:
        """Close a replica's connection: the acknowledgement rule no longer counts it. Somebody else may tell why."""
        if not sender.connected or not self.up:
            return
        sender.connected = sender.streams = False
        self._note(sender)
        if why:
            self._record.mark(MarkKind.DISCONNECT, self._clock.now, why, node=sender.standby.number)
        self._commit()

    def _notice_end(self, sender: Walsender) -> None:
        """See that a replica is gone: its system closes the connection, unless the way back is cut."""
        if not sender.standby.reply.is_cut(self._clock.now):
            self.disconnect(sender, f"{sender.standby.name} is gone: its connection closed")

    def change(self, event: Call) -> None:
        """An operator sets a knob of the running system, for every node."""
        setting, value = event.value
        if setting == "ack":
            self._rule = AckRule(self._scenario.sync_rule(value), self._scenario.standbys)
            self._apply_rule()
        elif setting == "level":
            self._level = value
            self._apply_rule()
            for sender in self.senders:
                self.greet(sender)  # it may hold something that so far nobody wanted to know
        elif setting == "flush_ms":
            for disk in (self._disk, *(sender.standby.disk for sender in self.senders)):
                disk.flush.typical_ms = value
        for sender in self.senders:
            if setting == "lag_ms":
                sender.link.extra_ms = value
            elif setting == "network_ms":
                sender.link.delay.typical_ms = sender.standby.reply.delay.typical_ms = value
            elif setting == "replay_us":
                sender.standby.set_replay_cost(value)
        if self.up:
            self._commit()

    def cancel_waits(self, event: Call) -> None:
        """An operator cancels every commit that waits for a replica; each is answered and visible all the same."""
        if self.up and self.flushed > self.committed:
            self._answer(self.flushed)

    def clean(self, event: Call | None = None) -> None:
        """Vacuum: log that dead rows are removed, and come again after a while."""
        now = self._clock.now
        if event is not None and self.up:
            self.vacuum.records.append((self._clients.appended(now), now))
        if self.vacuum.works:
            self._clock.call(self.vacuum.every_ms, self.clean)

    def _apply_rule(self) -> None:
        """Wait for what the rule and the level ask for from now on."""
        self._waits = self._rule.waits and self._level != "local"
        self._place = _REPORT_OF[self._level]
        for sender in self.senders:
            sender.standby.wants_write_report = self._level == "remote_write"
            sender.standby.reports_replay = self._level == "remote_apply"
            self._note(sender)


def run(scenario: Scenario) -> Trace:
    """Return the trace of a single-leader scenario."""
    clock = Clock()
    record = Record(scenario.node_names)
    clients = writers(scenario)
    leader = Leader(clock, record, scenario, clients)
    mark_faults(record, scenario)
    _schedule_faults(clock, scenario, leader)
    leader.clean()
    leader.wake()
    clock.run(until=scenario.duration_ms)
    clients.close(leader.up)
    ops, appended = clients.finish()
    for kind, time, text, server in clients.story:
        record.mark(kind, time, text, peer=server)
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
        elif isinstance(fault, DropSlot):
            clock.call_at(fault.at_ms, leader.keeper.drop_slot, fault.node)
        elif isinstance(fault, Rebuild):
            clock.call_at(fault.at_ms, leader.keeper.rebuild, fault.node)
        elif isinstance(fault, CancelWaits):
            clock.call_at(fault.at_ms, leader.cancel_waits)
        elif isinstance(fault, Change):
            clock.call_at(fault.at_ms, leader.change, (fault.setting, fault.value))
    patience = scenario.wal_sender_timeout_ms
    for sender in leader.senders:
        link, reply = sender.link, sender.standby.reply
        for cuts, silent in ((reply.cuts, leader.reply_silent), (link.cuts, leader.stream_silent)):
            for begin, end in cuts:
                if end - begin >= patience:
                    clock.call_at(begin + patience, silent, sender)
        for end in sorted({end for _, end in link.cuts + reply.cuts}):
            if end < scenario.duration_ms:
                clock.call_at(end, leader.link_healed, sender)
