"""The leader keeps its log: checkpoints, a disk that fills, replicas that come too late, and how they come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..scenario import Scenario
from ..trace import MarkKind, Position
from ..wal import Retention
from .clock import Call, Clock
from .record import Record

if TYPE_CHECKING:
    from .leader import Leader
    from .standby import Standby
    from .upstream import Walsender

_MB = 2**20


class Keeper:
    """What the leader does about the length of its log.

    Attributes
    ----------
    alarm : int
        The LSN at which it must look again: a checkpoint is due then, or the disk full.
    """

    def __init__(self, clock: Clock, record: Record, scenario: Scenario, leader: Leader) -> None:
        self._clock = clock
        self._record = record
        self._scenario = scenario
        self._leader = leader
        self.retention = Retention(scenario)
        self.alarm = self.retention.alarm_lsn()
        if scenario.checkpoint_ms < scenario.duration_ms:
            clock.call(scenario.checkpoint_ms, self._on_time)

    def look(self) -> None:
        """Make a checkpoint that is due; stop the leader if its log has filled the disk."""
        if self.retention.checkpoint_due(self._leader.flushed):
            self.checkpoint()
        if self.retention.is_full(self._leader.flushed):
            text = "the log has filled the leader’s disk: it stops"
            self._record.mark(MarkKind.FULL, self._clock.now, text, node=self._leader.number)
            self._clock.call(0, self._stop, self._leader.life)
        self.alarm = self.retention.alarm_lsn()

    def _stop(self, event: Call) -> None:
        if event.value == self._leader.life:
            self._leader.crash()

    def _on_time(self, event: Call) -> None:
        if self._leader.up:
            self.checkpoint()
            self.alarm = self.retention.alarm_lsn()
        self._clock.call(self._scenario.checkpoint_ms, self._on_time)

    def checkpoint(self) -> None:
        """Remove the log that nobody may keep; who still needs it has fallen off."""
        retention = self.retention
        before, slots = retention.oldest, dict(retention.slots)
        for name in retention.checkpoint(self._leader.flushed):
            behind = (self._leader.flushed - slots[name]) * self._scenario.record_bytes / _MB
            text = f"the slot of {name} is lost: {behind:,.0f} MB of log behind"
            number = self._scenario.node_names.index(name)
            self._record.mark(MarkKind.SLOT, self._clock.now, text, node=number)
        if retention.oldest > before:
            oldest = retention.oldest_lsn()
            self._record.level((self._leader.number, Position.OLDEST.value, self._clock.now, oldest))
            for sender in self._leader.senders:
                if sender.connected and sender.shipped < oldest:
                    self._fall(sender)

    def confirmed(self, sender: Walsender) -> None:
        """A replica says how far its log is on disk: its slot moves on."""
        slots = self.retention.slots
        name = sender.standby.name
        if name in slots:
            slots[name] = max(slots[name], sender.report[1])

    def refuses(self, sender: Walsender) -> bool:
        """Return whether a replica asks for log that is gone; it then fetches it from the archive, if there is one."""
        gone = sender.report[0] < self.retention.oldest_lsn()
        if gone:
            self._fall(sender)
        return gone

    def _fall(self, sender: Walsender) -> None:
        standby = sender.standby
        self._leader.disconnect(sender)
        if not sender.fallen:
            sender.fallen = True
            segment = self.retention.file_name(sender.report[0])
            text = f"{standby.name}: requested WAL segment {segment} has already been removed"
            self._record.mark(MarkKind.FALLEN, self._clock.now, text, node=standby.number)
        archived = self.retention.complete_until(self._leader.flushed)
        if self._scenario.archive and standby.up and archived > standby.flushed and not sender.fetches:
            sender.fetches = True
            size = (archived - standby.flushed) * self._scenario.record_bytes / _MB
            text = f"{standby.name} fetches {size:,.0f} MB of log from the archive"
            self._record.mark(MarkKind.FETCH, self._clock.now, text, node=standby.number)
            took_ms = 1000 * size / self._scenario.archive_mb_per_s
            self._clock.call(took_ms, self._fetched, (sender, standby.life, archived))

    def _fetched(self, event: Call) -> None:
        sender, life, archived = event.value
        sender.fetches = False
        if life == sender.standby.life:
            sender.standby.fetch(archived)
            sender.fallen = False
            self._leader.greet(sender)

    def take_over(self, other: Keeper) -> None:
        """Begin with the log that a replica of another leader has kept; slots stay behind on the old one."""
        self.retention.oldest = other.retention.oldest
        self.retention.slots.clear()

    def holds_for(self, standby: Standby) -> None:
        """Keep the log for a replica that is a copy of the leader again."""
        if self._scenario.slots:
            self.retention.slots[standby.name] = standby.flushed

    def drop_slot(self, name: str) -> None:
        """Keep no log for a replica from now on."""
        self.retention.slots.pop(name, None)

    def has_room(self) -> bool:
        """Return whether the leader may start; its first checkpoint removes what nobody may keep any more."""
        self.checkpoint()
        self.alarm = self.retention.alarm_lsn()
        return not self.retention.is_full(self._leader.flushed)
