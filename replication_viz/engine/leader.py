"""A leader: append, group flush, ship, acknowledge.

PostgreSQL's shape. A write is appended when it arrives; one flush takes all that wait (group commit); one walsender per
replica ships what is flushed, in batches; a commit is answered when the acknowledgement rule is met, in order.
"""

from __future__ import annotations

from collections.abc import Callable

from ..scenario import Scenario
from ..scenario.model import Level
from ..trace import MarkKind, Position
from .ack import BLOCKED, AckRule
from .clients import Desk
from .clock import Call, Clock
from .disk import Disk
from .hot_standby import Vacuum
from .keeper import Keeper
from .log import History
from .marks import fell_back, waits_again
from .record import Record
from .upstream import Upstream, Walsender

_APPENDED, _FLUSHED, _COMMITTED = Position.APPENDED.value, Position.FLUSHED.value, Position.COMMITTED.value
_REPORT_OF: dict[Level, int] = {"local": 1, "remote_write": 0, "on": 1, "remote_apply": 2}


class Leader(Upstream):
    """A node that takes writes.

    Attributes
    ----------
    desk : Desk
        Where its clients come.
    committed : int
        Up to which LSN its clients have their answer.
    fenced : bool
        Whether it is kept from taking writes; it goes on sending what it has.
    fell_back : bool
        Whether it has lost its patience: it waits for no replica until enough of them have all that it has.
    refused_by_storage : callable
        Whether the storage knows of a newer leader and takes nothing from this one.
    """

    def __init__(
        self,
        clock: Clock,
        record: Record,
        scenario: Scenario,
        desk: Desk,
        vacuum: Vacuum,
        disk: Disk,
        *,
        number: int = 0,
        history: History | None = None,
        base: int = 0,
    ) -> None:
        super().__init__(clock, record, scenario, number)
        self.desk = desk
        self.vacuum = vacuum
        self.disk = disk
        self.history = history or History()
        self.flushed = self.committed = self._flushing_upto = base
        self.fenced = self.fell_back = False
        self.refused_by_storage: Callable[[Leader], bool] = lambda leader: False
        self._flushing = False
        self._cost_ms = (scenario.compress_us + scenario.of(self.name, "write_us")) / 1000
        self._positions = [BLOCKED] * scenario.replicas
        self._patience_ms = scenario.ack_timeout_ms
        self._level: Level = scenario.level
        self._rule = AckRule(scenario.sync_rule(), scenario.standbys, scenario.direct)
        self.keeper = Keeper(clock, record, scenario, self)
        self._slots = scenario.slots
        self._apply_rule()

    @property
    def serves(self) -> bool:
        """Whether it takes writes."""
        return self.up and not self.fenced

    def waited_ms(self) -> float:
        """Return how long the oldest write that waits for its answer has waited, ms."""
        return max(0.0, self._clock.now - self.desk.next_after(self.committed))

    # -- the log --------------------------------------------------------------------------------------------------

    def wake(self, event: Call | None = None) -> None:
        """Flush what has been appended; if nothing has, sleep until the next write arrives."""
        if self._flushing or not self.serves or (event is not None and event.value != self.life):
            return
        now = self._clock.now
        appended = self.desk.appended(now)
        if appended > self.flushed:
            self._flushing = True
            self._flushing_upto = appended
            writes = appended - self.flushed
            took = writes * self._cost_ms + self.disk.flush_ms(now, writes * self._record_bytes)
            self._clock.call(took, self._flush_done, (self.life, appended))
            return
        next_write = self.desk.next_after(appended)
        if next_write < float("inf"):
            self._clock.call_at(next_write, self.wake, self.life)

    def _flush_done(self, event: Call) -> None:
        life, upto = event.value
        if life != self.life:
            return
        self._flushing = False
        if self.refused_by_storage(self):
            return
        self.flushed = upto
        self._record.level((self.number, _FLUSHED, self._clock.now, upto))
        self.ship()
        self._commit()
        if self.committed < upto and self._patience_ms >= 0:
            self._clock.call(self._patience_ms, self._lose_patience, (life, upto))
        if upto >= self.keeper.alarm:
            self.keeper.look()
        self.wake()

    def _reported(self, sender: Walsender) -> None:
        if self._slots:
            self.keeper.confirmed(sender)
        self._note(sender)
        if self.fell_back:
            self._wait_again()
        if sender.report[self._place] > self.committed:  # else nothing new is covered
            self._commit()

    def _refuses(self, sender: Walsender) -> bool:
        return self.keeper.refuses(sender)

    # -- the answer -----------------------------------------------------------------------------------------------

    def _note(self, sender: Walsender) -> None:
        """Note how far a replica is in what the level asks for. The first leader takes the place of its successor."""
        place = (sender.standby.number or self.number) - 1
        self._positions[place] = sender.report[self._place] if sender.streams else BLOCKED

    def _commit(self) -> None:
        """Answer the writes that the acknowledgement rule covers now."""
        upto = self.flushed
        if upto == self.committed or self.fenced:
            return
        if self._waits and not self.fell_back:
            upto = min(upto, self._rule.covered(self._positions))
        if upto > self.committed:
            self._answer(upto)

    def _answer(self, upto: int) -> None:
        now = self._clock.now
        self.desk.committed(self.committed, upto, now)
        self.committed = upto
        self._record.level((self.number, _COMMITTED, now, upto))
        if self.desk.reacts:
            self.wake()  # who has its answer writes again, perhaps before the leader meant to look

    def _lose_patience(self, event: Call) -> None:
        """Answer everyone, and wait for nobody from now on, if a commit has waited too long."""
        life, upto = event.value
        if life != self.life or self.fenced or self.fell_back or self.committed >= upto:
            return
        self.fell_back = True
        text = fell_back(self.name, self._patience_ms)
        self._record.mark(MarkKind.FELL_BACK, self._clock.now, text, node=self.number)
        self._answer(self.flushed)

    def _wait_again(self) -> None:
        """Wait for replicas again if enough of them have all that is on the disk here."""
        if self._rule.covered(self._positions) >= self.flushed:
            self.fell_back = False
            self._record.mark(MarkKind.WAITS_AGAIN, self._clock.now, waits_again(self.name), node=self.number)

    def cancel_waits(self) -> None:
        """An operator cancels every commit that waits for a replica; each is answered and visible all the same."""
        if self.serves and self.flushed > self.committed:
            self._answer(self.flushed)

    # -- up, down, fenced -----------------------------------------------------------------------------------------

    def crash(self) -> None:
        """Stop. What was not flushed is gone, and the clients lose their connections."""
        now = self._clock.now
        self.up = self._flushing = False
        self.life += 1
        self._record.set_up(self.number, now, up=False)
        if not self.fenced:
            self.desk.crash(self.flushed, now)
        self._record.level((self.number, _APPENDED, now, self.flushed))
        self.lose_all()

    def restart(self) -> None:
        """Come back with what the disk holds. Recovery makes every flushed write visible."""
        if self.up or not self.keeper.has_room():
            return
        now = self._clock.now
        self.up = True
        self.fenced = self.fell_back = False
        self._record.turn(self.number, now, up=True, fenced=False)
        self.desk = self.desk.restart(self.flushed, now)
        if self.flushed > self.committed:
            self.committed = self.flushed
            self._record.level((self.number, _COMMITTED, now, self.flushed))
        self.greet_all()
        self.wake()

    def fence(self) -> None:
        """Take no more writes: who waits hears nothing; what is on its way to the disk gets there."""
        now = self._clock.now
        self.fenced = True
        self._record.turn(self.number, now, fenced=True)
        self.desk.crash(self._log_end(), now)
        self._record.level((self.number, _APPENDED, now, self._log_end()))

    def unfence(self) -> None:
        """Take writes again."""
        self.fenced = False
        self._record.turn(self.number, self._clock.now, fenced=False)
        self.desk = self.desk.restart(self._log_end(), self._clock.now)
        self._commit()
        self.wake()

    def retire(self) -> None:
        """End: another process, a replica's, takes over this node's files."""
        if self.serves:
            self.desk.crash(self.flushed, self._clock.now)
        self.up = False
        self.life += 1
        self.lose_all()

    def _log_end(self) -> int:
        return self._flushing_upto if self._flushing else self.flushed

    # -- an operator ----------------------------------------------------------------------------------------------

    def change(self, setting: str, value: str) -> None:
        """Set the acknowledgement rule or the level of the running leader."""
        if setting == "ack":
            self._rule = AckRule(self._scenario.sync_rule(value), self._scenario.standbys, self._scenario.direct)
            self._apply_rule()
        elif setting == "level":
            self._level = value  # type: ignore[assignment]  # checked where the scenario was made
            self._apply_rule()
            self.greet_all()  # somebody may hold something that so far nobody wanted to know

    def recount(self) -> None:
        """Answer what can be answered after a change."""
        if self.serves:
            self._commit()

    def clean(self, event: Call | None = None) -> None:
        """Vacuum: log that dead rows are removed, and come again after a while."""
        if event is not None and self.up:
            self.vacuum.records.append(self.desk.appended(self._clock.now))
        if self.vacuum.works:
            self._clock.call(self.vacuum.every_ms, self.clean)

    def attached(self, sender: Walsender) -> None:
        """Tell a replica that streams from here now what it must report."""
        standby = sender.standby
        standby.wants_write_report = self._level == "remote_write"
        standby.reports_replay = self._level == "remote_apply"
        self._note(sender)

    def _apply_rule(self) -> None:
        """Wait for what the rule and the level ask for from now on."""
        self._waits = self._rule.waits and self._level != "local"
        self._place = _REPORT_OF[self._level]
        for sender in self.senders:
            self.attached(sender)
