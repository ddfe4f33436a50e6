"""One leader and its replicas: append, group flush, ship, acknowledge.

PostgreSQL's shape. A write is appended when it arrives; one flush takes all that wait (group commit); one walsender per
replica ships what is flushed, in batches; a commit is answered when the acknowledgement rule is met, in order.
"""

from __future__ import annotations

from dataclasses import replace

from ..scenario import LEADER, CancelWaits, Change, Crash, DropSlot, Rebuild, Restart, Scenario
from ..scenario.model import Level
from ..trace import Position, Trace
from .ack import BLOCKED, AckRule
from .clients import Writers, reads, writers
from .clock import Call, Clock
from .disk import Disk
from .hot_standby import Vacuum
from .keeper import Keeper
from .marks import mark_blocked, mark_faults
from .network import Link
from .record import Record
from .standby import Standby
from .upstream import Upstream, Walsender

_LEADER = 0
_FLUSHED, _COMMITTED = Position.FLUSHED.value, Position.COMMITTED.value  # plain numbers, as in `standby`
_REPORT_OF: dict[Level, int] = {"local": 1, "remote_write": 0, "on": 1, "remote_apply": 2}


class Leader(Upstream):
    """The leader and its log.

    Attributes
    ----------
    everyone : list of Walsender
        The walsender of each replica, in the order of the replicas; that of a cascaded one is another replica's.
    """

    def __init__(self, clock: Clock, record: Record, scenario: Scenario, clients: Writers) -> None:
        super().__init__(clock, record, scenario)
        self._clients = clients
        self._disk = Disk(scenario, LEADER)
        self._rule = AckRule(scenario.sync_rule(), scenario.standbys, scenario.direct)
        self._level: Level = scenario.level
        self._compress_ms = scenario.compress_us / 1000
        self.vacuum = Vacuum(scenario)
        self.everyone = self._replicas()
        self.committed = 0
        self._flushing = False
        self._positions = [BLOCKED] * scenario.replicas
        self.keeper = Keeper(clock, record, scenario, self)
        self._slots = scenario.slots
        self._apply_rule()

    def _replicas(self) -> list[Walsender]:
        """Make the replicas, each fed by its upstream."""
        clock, record, scenario = self._clock, self._record, self._scenario
        standbys = {
            name: Standby(clock, record, scenario, number, self._clients.append_time, self.vacuum)
            for number, name in enumerate(scenario.standbys, start=1)
        }
        nodes: dict[str, Upstream] = {LEADER: self, **standbys}
        return [
            nodes[scenario.upstream(name)].feed(standby, Link(clock, record, scenario, scenario.upstream(name), name))
            for name, standby in standbys.items()
        ]

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
        self.ship()
        self._commit()
        if upto >= self.keeper.alarm:
            self.keeper.look()
        self.wake()

    def _reported(self, sender: Walsender) -> None:
        if self._slots:
            self.keeper.confirmed(sender)
        self._note(sender)
        if sender.report[self._place] > self.committed:  # else nothing new is covered
            self._commit()

    def _refuses(self, sender: Walsender) -> bool:
        return self.keeper.refuses(sender)

    # -- the answer -----------------------------------------------------------------------------------------------

    def _note(self, sender: Walsender) -> None:
        """Note how far a replica is in what the level asks for."""
        self._positions[sender.standby.number - 1] = sender.report[self._place] if sender.streams else BLOCKED

    def _commit(self) -> None:
        """Answer the writes that the acknowledgement rule covers now."""
        upto = self.flushed
        if upto == self.committed:
            return
        if self._waits:
            upto = min(upto, self._rule.covered(self._positions))
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
            sender = self.everyone[number - 1]
            if sender.standby.up:
                sender.standby.crash()
                sender.broken_at = min(sender.broken_at, now)
                self._record.set_up(number, now, up=False)
                sender.upstream.notice_end(sender)
            return
        if not self.up:
            return
        self.up = False
        self.life += 1
        self._flushing = False
        self._record.set_up(_LEADER, now, up=False)
        self._clients.crash(self.flushed, now)
        self._record.level((_LEADER, Position.APPENDED, now, self.flushed))
        self.lose_all()

    def restart(self, event: Call) -> None:
        """A node comes back with what its disk holds. Recovery makes every flushed write of a leader visible."""
        name = event.value
        now = self._clock.now
        number = self._scenario.node_names.index(name)
        if name != LEADER:
            sender = self.everyone[number - 1]
            if not sender.standby.up and not sender.rebuilding:
                self._record.set_up(number, now, up=True)
                sender.standby.restart()
                sender.upstream.greet(sender)
            return
        if self.up or not self.keeper.has_room():
            return
        self.up = True
        self._record.set_up(_LEADER, now, up=True)
        self._clients.restart(self.flushed, now)
        if self.flushed > self.committed:
            self.committed = self.flushed
            self._record.level((_LEADER, _COMMITTED, now, self.flushed))
        self.greet_all()
        self.wake()

    def change(self, event: Call) -> None:
        """An operator sets a knob of the running system, for every node."""
        setting, value = event.value
        if setting == "ack":
            self._rule = AckRule(self._scenario.sync_rule(value), self._scenario.standbys, self._scenario.direct)
            self._apply_rule()
        elif setting == "level":
            self._level = value
            self._apply_rule()
            self.greet_all()  # somebody may hold something that so far nobody wanted to know
        elif setting == "flush_ms":
            for disk in (self._disk, *(sender.standby.disk for sender in self.everyone)):
                disk.flush.typical_ms = value
        for sender in self.everyone:
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
            self.vacuum.records.append(self._clients.appended(now))
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
    for sender in leader.everyone:
        link, reply, upstream = sender.link, sender.standby.reply, sender.upstream
        for cuts, silent in ((reply.cuts, upstream.reply_silent), (link.cuts, upstream.stream_silent)):
            for begin, end in cuts:
                if end - begin >= patience:
                    clock.call_at(begin + patience, silent, sender)
        for end in sorted({end for _, end in link.cuts + reply.cuts}):
            if end < scenario.duration_ms:
                clock.call_at(end, upstream.link_healed, sender)
