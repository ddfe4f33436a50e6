"""Failover controllers: they listen for the leader, take it for dead, agree, fence it, and promote the next.

A leader sends each controller a sign of life, which asks for its lease again; a controller that has granted it waits
for the lease to end before it lets anybody be promoted. Both measure time by their own clocks. The promise is made for
the moment of asking, so the leader's timer starts before the controller's.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import erfc, sqrt
from statistics import fmean, pstdev

from ..trace import MarkKind
from .clock import Call
from .leader import Leader
from .local_time import LocalTime
from .replica_set import ReplicaSet
from .standby import Standby

_REMEMBERED = 100  # intervals between signs of life
_STEADY = 0.1  # no rhythm is taken to be more regular than a tenth of the interval


@dataclass(eq=False)
class _Seat:
    """One controller.

    Attributes
    ----------
    leader : Leader
        Whom it listens to.
    heard_at, granted_at : float
        When it last heard of that leader, and last granted it the lease, ms.
    suspects : bool
    """

    name: str
    number: int
    leader: Leader
    heard_at: float = 0.0
    granted_at: float = 0.0
    suspects: bool = False
    intervals: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))


class Controllers:
    """The controllers of a run; more than half of them must agree."""

    def __init__(self, cluster: ReplicaSet) -> None:
        self._cluster = cluster
        self._scenario = scenario = cluster.scenario
        names = scenario.seats()
        self._seats = [_Seat(name, scenario.node_names.index(name), cluster.newest) for name in names]
        self._majority = len(names) // 2 + 1
        self._deviations = improbable(scenario.phi)
        self._acting = False
        self._grants: dict[Leader, dict[int, float]] = {}  # by seat: when the leader asked for the last that it got
        self._current = cluster.newest
        self._begin(cluster.newest)

    def _begin(self, leader: Leader) -> None:
        """Let a new leader send signs of life."""
        now = self._cluster.clock.now
        self._grants[leader] = {seat.number: now for seat in self._seats}
        self._beat(Call(lambda _: None, leader))
        if self._scenario.fence == "lease":
            self._check_lease_at(leader, self._lease_end(leader))
        for seat in self._seats:
            if seat.leader is leader:
                self._watch(seat)

    # -- signs of life --------------------------------------------------------------------------------------------

    def _beat(self, event: Call) -> None:
        leader: Leader = event.value
        if self._cluster.nodes[leader.number] is not leader:
            return
        clock = leader.clock
        if leader.up:
            for seat in self._seats:
                value = (seat, leader, self._cluster.clock.now, leader.waited_ms())
                if seat.number == leader.number:
                    self._heard(Call(lambda _: None, value))
                else:
                    self._cluster.link(leader.name, seat.name).ping(self._heard, value)
        clock.call(self._scenario.heartbeat_ms, self._beat, leader)

    def _heard(self, event: Call) -> None:
        seat, leader, asked_at, waited_ms = event.value
        if not self._cluster.nodes[seat.number].up or leader.history.term < seat.leader.history.term:
            return
        now = self._cluster.clock.now
        if leader is not seat.leader:
            seat.leader, seat.suspects = leader, False
            seat.intervals.clear()
            self._watch(seat)
        elif seat.heard_at < now:
            seat.intervals.append(now - seat.heard_at)
        seat.heard_at = now
        limit = self._scenario.latency_limit_ms
        if 0 < limit < waited_ms:
            self._suspect(seat, f"its writes have waited {waited_ms:,.0f} ms")
            return
        if seat.suspects and self._acting:
            return
        seat.suspects = False
        seat.granted_at = now
        answer = (seat, leader, asked_at)
        if seat.number == leader.number:
            self._granted(Call(lambda _: None, answer))
        else:
            self._cluster.link(seat.name, leader.name).ping(self._granted, answer)

    # -- suspicion ------------------------------------------------------------------------------------------------

    def _watch(self, seat: _Seat) -> None:
        """Look again when the leader, silent from now on, would have been silent for too long."""
        due = self._time_of(seat).after(seat.heard_at, self._patience_ms(seat))
        self._cluster.nodes[seat.number].clock.call_at(due, self._look, (seat, seat.leader))

    def _look(self, event: Call) -> None:
        seat, leader = event.value
        if seat.leader is not leader:
            return
        now = self._cluster.clock.now
        due = self._time_of(seat).after(seat.heard_at, self._patience_ms(seat))
        if due > now + 1e-9:
            self._watch(seat)
            return
        if self._cluster.nodes[seat.number].up:
            self._suspect(seat, f"nothing heard for {now - seat.heard_at:,.0f} ms")
        self._cluster.clock.call(self._scenario.heartbeat_ms, self._look, (seat, leader))

    def _patience_ms(self, seat: _Seat) -> float:
        """Return after how long a silence a controller gives up its leader, ms by its own clock."""
        scenario = self._scenario
        if scenario.detector == "timeout" or len(seat.intervals) < 2:
            return scenario.detect_ms
        least = _STEADY * scenario.heartbeat_ms
        return fmean(seat.intervals) + self._deviations * max(pstdev(seat.intervals), least)

    def _suspect(self, seat: _Seat, why: str) -> None:
        if not seat.suspects:
            seat.suspects = True
            node = self._cluster.nodes[seat.number]
            self._cluster.mark(
                MarkKind.SUSPECTED, f"the controller at {seat.name} gives up {seat.leader.name}: {why}", node
            )
        self._decide(seat)

    # -- decision -------------------------------------------------------------------------------------------------

    def _decide(self, seat: _Seat) -> None:
        """Act if more than half of the controllers that can talk to each other have given up the leader."""
        leader = seat.leader
        agreeing = [other for other in self._seats if self._agrees(seat, other)]
        calm = self._cluster.promoted_at + self._scenario.cooldown_ms
        if len(agreeing) < self._majority or self._acting or self._cluster.is_promoting():
            return
        if leader is not self._cluster.newest or self._cluster.clock.now < calm:
            return
        if self._candidate(seat) is None:
            return
        self._acting = True
        self._fence(seat, leader, max(other.granted_at for other in agreeing))

    def _agrees(self, seat: _Seat, other: _Seat) -> bool:
        """Return whether a controller hears of another that it has given up the same leader."""
        same = other.suspects and other.leader is seat.leader
        return same and self._cluster.nodes[other.number].up and self._cluster.can_talk(seat.name, other.name)

    def _fence(self, seat: _Seat, leader: Leader, granted_at: float) -> None:
        """Keep the old leader from writing, then promote; or the other way round."""
        scenario, clock = self._scenario, self._cluster.clock
        if scenario.fence == "stonith":
            if scenario.stonith_reaches:
                clock.call(scenario.stonith_ms, self._switched_off, (seat, leader))
            else:
                text = f"the power switch of {leader.name} does not answer"
                self._cluster.mark(
                    MarkKind.FENCED, text + (": nobody is promoted" if scenario.fence_first else ""), leader
                )
            if not scenario.fence_first:
                self._promote(seat)
            elif not scenario.stonith_reaches:
                clock.call(max(scenario.detect_ms, scenario.heartbeat_ms), self._again, seat)
        elif scenario.fence == "lease" and scenario.fence_first:
            due = self._time_of(seat).after(granted_at, scenario.lease_wait_ms)
            clock.call_at(due, self._waited, seat)
        else:
            self._promote(seat)

    def _switched_off(self, event: Call) -> None:
        seat, leader = event.value
        if leader.up and self._cluster.nodes[leader.number] is leader:
            self._cluster.mark(MarkKind.FENCED, f"{leader.name} is switched off", leader)
            leader.crash()
        if self._scenario.fence_first:
            self._promote(seat)

    def _waited(self, event: Call) -> None:
        self._promote(event.value)

    def _again(self, event: Call) -> None:
        """Try once more, unless the leader has been heard of since."""
        self._acting = False
        for seat in self._seats:
            if self._now() - seat.heard_at < self._patience_ms(seat):
                seat.suspects = False
        if event.value.suspects:
            self._decide(event.value)

    def _promote(self, seat: _Seat) -> None:
        self._acting = False
        chosen = self._candidate(seat)
        if chosen is not None:
            self._cluster.promote(chosen)

    def _candidate(self, seat: _Seat) -> Standby | None:
        """Return the replica that a controller would promote, of those that it reaches."""
        there = [
            standby
            for standby in self._cluster.standbys()
            if standby.up and self._cluster.can_talk(seat.name, standby.name)
        ]
        wanted, now = self._scenario.promote, self._cluster.clock.now
        if wanted == "most_advanced":
            return max(
                there, key=lambda standby: (standby.history.term, standby.received, -standby.number), default=None
            )
        if wanted == "first":
            return min(there, key=lambda standby: self._round_trip_ms(seat, standby, now), default=None)
        return next((standby for standby in there if standby.name == wanted), None)

    def _round_trip_ms(self, seat: _Seat, standby: Standby, now: float) -> float:
        ends = (seat.name, standby.name)
        return (
            0.0
            if seat.number == standby.number
            else sum(self._cluster.link(*way).delay.at(now) for way in (ends, ends[::-1]))
        )

    def look(self) -> None:
        """Listen to a new leader, whoever hears of it."""
        leader = self._cluster.newest
        if leader is self._current:
            return
        self._current = leader
        for seat in self._seats:
            if self._cluster.can_talk(seat.name, leader.name):
                seat.leader, seat.suspects, seat.heard_at = leader, False, self._now()
                seat.intervals.clear()
        self._begin(leader)

    # -- the lease ------------------------------------------------------------------------------------------------

    def _granted(self, event: Call) -> None:
        """Take a grant: the lease runs from when the leader asked for it."""
        seat, leader, asked_at = event.value
        grants = self._grants[leader]
        grants[seat.number] = max(grants[seat.number], asked_at)
        if leader is not self._cluster.newest or self._scenario.fence != "lease":
            return
        if leader.up and leader.fenced and self._lease_end(leader) > self._now():
            leader.unfence()
            self._cluster.mark(MarkKind.RECONNECT, f"{leader.name} has its lease again", leader)
            self._check_lease_at(leader, self._lease_end(leader))

    def _lease_end(self, leader: Leader) -> float:
        """Return until when a leader may write, by its own clock, ms: so many controllers have granted it."""
        asked = sorted(self._grants[leader].values(), reverse=True)[self._majority - 1]
        return LocalTime(self._scenario, leader.name, fast=False).after(asked, self._scenario.lease_ms)

    def _check_lease_at(self, leader: Leader, moment: float) -> None:
        leader.clock.call_at(moment, self._check_lease, (leader, moment))

    def _check_lease(self, event: Call) -> None:
        leader, due = event.value
        if not leader.serves or self._cluster.nodes[leader.number] is not leader:
            return
        if self._now() > due + 1e-9:  # it was frozen: what it was in the middle of goes on before it looks at its lease
            self._check_lease_at(leader, self._now())
            return
        end = self._lease_end(leader)
        if end > self._now() + 1e-9:
            self._check_lease_at(leader, end)
            return
        self._cluster.mark(MarkKind.FENCED, f"the lease of {leader.name} has run out: it stops taking writes", leader)
        leader.fence()

    def _now(self) -> float:
        return self._cluster.clock.now

    def _time_of(self, seat: _Seat) -> LocalTime:
        return LocalTime(self._scenario, seat.name, fast=seat.number > 0)


def improbable(phi: float) -> float:
    """Return how many standard deviations above its mean a normal variable is with probability 10^-phi only.

    Source: N. Hayashibara and others, "The phi accrual failure detector", 2004.
    """
    low, high = -10.0, 40.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        if erfc(middle / sqrt(2)) / 2 > 10**-phi:
            low = middle
        else:
            high = middle
    return low
