"""A node that others stream from: the leader, or a replica that feeds replicas. One walsender for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..scenario import Scenario
from ..scenario.limits import MAX_BATCH_BYTES
from ..trace import FlightKind, MarkKind
from .clock import Call, Clock, FrozenClock, node_clock
from .log import History
from .network import Link
from .record import Record

if TYPE_CHECKING:
    from .standby import Report, Standby

_WAL = FlightKind.WAL.value  # plain numbers: to look up a member of an enumeration takes long
_NEVER = float("inf")


class Walsender:
    """The upstream end of one replica's stream, and what is known there of that replica.

    Attributes
    ----------
    upstream : Upstream
        Whose log it sends.
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

    def __init__(self, upstream: Upstream, link: Link, standby: Standby) -> None:
        self.upstream = upstream
        self.link = link
        self.standby = standby
        self.connected = self.streams = True
        self.holds = False
        self.broken_at = _NEVER
        self.shipped = 0
        self.report: Report = (0, 0, 0)
        self.waits_for_link = False
        self.fallen = self.fetches = self.rebuilding = False


class Upstream:
    """What every sender of a log does: ship what is on its disk, hear replies, drop who is silent, take who returns.

    Attributes
    ----------
    number, name : int, str
    history : History
        Of which timelines its log is made.
    flushed : int
        Up to which LSN the log is on the disk: what may be sent.
    up : bool
    life : int
        Rises at each crash: what belongs to an earlier life is ignored.
    senders : list of Walsender
        One for each replica that streams from here.
    """

    def __init__(self, clock: Clock, record: Record, scenario: Scenario, number: int) -> None:
        self.number = number
        self.name = scenario.node_names[number]
        self._clock = node_clock(clock, scenario, self.name)
        self._record = record
        self._scenario = scenario
        self._record_bytes = scenario.record_bytes * scenario.log_left
        self._batch = max(1, scenario.grain, int(MAX_BATCH_BYTES / self._record_bytes))
        self.history = History()
        self.flushed = 0
        self.up = True
        self.life = 0
        self.senders: list[Walsender] = []
        self._sender_of: dict[int, Walsender] = {}

    @property
    def clock(self) -> Clock | FrozenClock:
        """By which it acts."""
        return self._clock

    def feed(self, standby: Standby, link: Link) -> Walsender:
        """Begin to send the log to a replica."""
        sender = Walsender(self, link, standby)
        standby.sender = sender
        standby.on_report = self._heard
        self.senders.append(sender)
        self._sender_of[standby.number] = sender
        return sender

    def drop(self, sender: Walsender) -> None:
        """Send to a replica no more: it streams from somewhere else."""
        sender.connected = sender.streams = False
        self._note(sender)
        self.senders.remove(sender)
        del self._sender_of[sender.standby.number]
        self._commit()

    # -- what a leader adds -------------------------------------------------------------------------------------------

    def _note(self, sender: Walsender) -> None:
        """Take note of where a replica stands."""

    def _reported(self, sender: Walsender) -> None:
        """Do what a replica's status update allows."""

    def _commit(self) -> None:
        """Answer what can be answered now."""

    def _refuses(self, sender: Walsender) -> bool:
        """Return whether a replica asks for log that is gone. A replica that feeds others keeps all of it."""
        return False

    # -- the stream ---------------------------------------------------------------------------------------------------

    def ship(self) -> None:
        """Send everyone what is flushed and not yet sent."""
        for sender in self.senders:
            if sender.connected:
                self._ship(sender)

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
            lost_at = link.send(
                _WAL, after, upto, size, standby.receive, (sender, self.life, standby.life, after, upto)
            )
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
        sender = self._sender_of.get(number)
        if sender is None or not self.up or life != sender.standby.life or not (sender.connected or hello):
            return
        sender.report = report
        if hello and (not sender.connected or sender.holds or sender.broken_at <= self._clock.now):
            self._reconnect(sender)
        self._reported(sender)

    def _reconnect(self, sender: Walsender) -> None:
        if self._refuses(sender):
            return
        standby = sender.standby
        if not sender.connected:
            text = f"{standby.name} is connected again"
            self._record.mark(MarkKind.RECONNECT, self._clock.now, text, node=standby.number)
            sender.connected = True
        sender.holds = False
        sender.broken_at = _NEVER
        sender.shipped = sender.report[0]
        self._ship(sender)

    # -- who comes and goes -------------------------------------------------------------------------------------------

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

    def lose_all(self) -> None:
        """Stop: every connection is gone at once."""
        for sender in self.senders:
            sender.connected = sender.streams = False
            sender.waits_for_link = False
            self._note(sender)

    def greet_all(self) -> None:
        """Come up again: whoever can say hello does."""
        for sender in self.senders:
            self.greet(sender)

    def link_healed(self, event: Call) -> None:
        """A cut on a replica's link ends; once both ways are open the replica asks for the stream again."""
        sender = event.value
        if sender.standby.up:
            self.greet(sender)
        else:
            self.notice_end(sender)

    def reply_silent(self, event: Call) -> None:
        """A replica has not been heard of for as long as one waits (wal_sender_timeout)."""
        sender, silent_ms = event.value, self._scenario.wal_sender_timeout_ms
        self.disconnect(sender, f"{sender.standby.name} dropped: silent for {silent_ms:g} ms")

    def stream_silent(self, event: Call) -> None:
        """A replica has heard nothing for as long as it waits (wal_receiver_timeout, here the same) and hangs up."""
        sender, silent_ms = event.value, self._scenario.wal_sender_timeout_ms
        if not sender.standby.reply.is_cut(self._clock.now):
            self.disconnect(sender, f"{sender.standby.name} hung up: it has heard nothing for {silent_ms:g} ms")

    def notice_end(self, sender: Walsender) -> None:
        """See that a replica is gone: its system closes the connection, unless the way back is cut."""
        if not sender.standby.reply.is_cut(self._clock.now):
            self.disconnect(sender, f"{sender.standby.name} is gone: its connection closed")
