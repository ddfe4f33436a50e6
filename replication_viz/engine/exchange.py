"""How several leaders send each other what they have: channels, what each carries, and how a broken one goes on."""

from __future__ import annotations

from collections.abc import Sequence

from ..scenario import Scenario
from ..scenario.limits import MAX_BATCH_BYTES
from ..trace import FlightKind
from .clock import Call, Clock
from .network import REPLY_BYTES, Link
from .record import Record
from .regional import Leader

_OWN, _STANDS = FlightKind.WAL.value, FlightKind.REPLAYED.value
_PASSED_ON = FlightKind.PASSED_ON_1.value
_NEVER = float("inf")


class Channel:
    """One way between two leaders, and what has gone over it.

    Attributes
    ----------
    carries : tuple of int
        Whose logs it carries.
    sent : list of int
        Up to which LSN of each leader's log it has been sent.
    holds : bool
        Whether the sender waits for the receiver to say where it stands.
    broken_at : float
        When something sent was lost, ms.
    """

    def __init__(self, source: Leader, target: Leader, link: Link, back: Link, carries: tuple[int, ...]) -> None:
        self.source = source
        self.target = target
        self.link = link
        self.back = back
        self.carries = carries
        self.sent = [0] * len(source.has)
        self.gathers = False
        self.holds = False
        self.broken_at = _NEVER

    def is_open(self, now: float) -> bool:
        """Return whether both leaders are up and messages get through both ways."""
        return self.source.up and self.target.up and not self.link.is_cut(now) and not self.back.is_cut(now)

    def lacks(self) -> bool:
        """Return whether the sender has something that it has not sent."""
        return any(self.source.holds[origin] > self.sent[origin] for origin in self.carries)


class Channels:
    """All ways between the leaders of a run."""

    def __init__(self, clock: Clock, record: Record, scenario: Scenario) -> None:
        self._clock = clock
        self._scenario = scenario
        self._record = record
        self._gather_ms = scenario.exchange_ms
        self._bytes = scenario.record_bytes * scenario.log_left
        self._batch = max(1, int(MAX_BATCH_BYTES / self._bytes))
        self.links: list[Link] = []
        self.every: list[Channel] = []
        self._from: list[list[Channel]] = []

    def connect(self, leaders: Sequence[Leader]) -> None:
        """Open the channels between the leaders; each asks again when a cut in its way has ended."""
        scenario = self._scenario
        pairs = [(a, b) for a in leaders for b in leaders if a is not b and scenario.talk(a.name, b.name)]
        links = {
            (a.number, b.number): Link(self._clock, self._record, scenario, a.name, b.name, carries_log=True)
            for a, b in pairs
        }
        self.links = list(links.values())
        for a, b in pairs:
            carries = tuple(scenario.node_names.index(name) for name in scenario.carried(a.name, b.name))
            if carries:
                there, back = links[a.number, b.number], links[b.number, a.number]
                self.every.append(Channel(a, b, there, back, carries))
        self._from = [[c for c in self.every if c.source is leader] for leader in leaders]
        for channel in self.every:
            for end in sorted({end for _, end in channel.link.cuts + channel.back.cuts}):
                if end < scenario.duration_ms:
                    self._clock.call_at(end, self._healed, channel)

    def news(self, leader: Leader) -> None:
        """Send what is new at a leader, at once or when it has gathered for a while."""
        for channel in self._from[leader.number]:
            if channel.gathers or channel.holds or not channel.lacks():
                continue
            if self._gather_ms:
                channel.gathers = True
                self._clock.call(self._gather_ms, self._gathered, (channel, leader.life))
            else:
                self._send(channel)

    def lost(self, leader: Leader) -> None:
        """A leader has crashed: nobody sends to it, and it does not know what it has sent."""
        for channel in self.every:
            if leader in (channel.source, channel.target):
                channel.holds = True
                channel.gathers = channel.gathers and channel.source is not leader

    def back(self, leader: Leader) -> None:
        """A leader is up again: it says where it stands, and asks the others."""
        for channel in self.every:
            if leader in (channel.source, channel.target):
                self._greet(channel)

    def _gathered(self, event: Call) -> None:
        channel, life = event.value
        if life == channel.source.life:
            channel.gathers = False
            if not channel.holds:
                self._send(channel)

    def _send(self, channel: Channel) -> None:
        source, target, now = channel.source, channel.target, self._clock.now
        for origin in channel.carries:
            kind = _OWN if origin == source.number else _PASSED_ON + origin
            while channel.sent[origin] < source.holds[origin] and not channel.holds:
                after = channel.sent[origin]
                upto = min(source.holds[origin], after + self._batch)
                size = (upto - after) * self._bytes
                value = (target.life, origin, after, upto)
                lost_at = channel.link.send(kind, after, upto, size, target.receive, value)
                channel.sent[origin] = upto
                channel.broken_at = min(channel.broken_at, lost_at)
                channel.holds = lost_at <= now

    def _healed(self, event: Call) -> None:
        self._greet(event.value)

    def _greet(self, channel: Channel) -> None:
        """Let the receiver say where it stands, if the way is open."""
        if channel.is_open(self._clock.now):
            target, stands = channel.target, channel.target.has[channel.source.number]
            value = (channel, channel.source.life, target.life, list(target.has))
            channel.back.send(_STANDS, stands, stands, REPLY_BYTES, self._heard, value)

    def _heard(self, event: Call) -> None:
        channel, life, target_life, stands = event.value
        lives = (channel.source.life, channel.target.life)
        if lives == (life, target_life) and (channel.holds or channel.broken_at <= self._clock.now):
            channel.holds = False
            channel.broken_at = _NEVER
            channel.sent = stands
            self.news(channel.source)
