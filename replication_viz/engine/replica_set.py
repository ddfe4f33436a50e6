"""The nodes of a database with one leader: which of them leads, who follows whom, how others learn of it.

A node runs either as a leader or as a replica. A change of role ends the one process and begins the other on the same
files, as in PostgreSQL: `Leader` and `Standby` know nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..scenario import CutLink, Partition, Scenario
from ..trace import MarkKind, Position, Role
from .clients import Clients
from .clock import Call, Clock, FrozenClock
from .disk import Disk
from .hot_standby import Vacuum
from .leader import Leader
from .network import Link
from .record import Record
from .rejoin import Rejoin
from .standby import Standby
from .upstream import Walsender

Node = Leader | Standby
_AT_LEAST_MS = 1e-3  # a node is never two things at one moment


class ReplicaSet:
    """All nodes of one run.

    Attributes
    ----------
    nodes : list of Leader or Standby
        What each node is, by number.
    newest : Leader
        The leader of the newest timeline.
    promoted_at : float
        When it began to take writes, ms; minus infinity for the first leader.
    on_change : callable
        Called when there is a new leader, or the network is another one.
    """

    def __init__(self, clock: Clock, record: Record, scenario: Scenario, clients: Clients) -> None:
        self.clock = clock
        self.record = record
        self.scenario = scenario
        self._clients = clients
        self._links: dict[tuple[str, str, bool], Link] = {}
        self._disks = [Disk(scenario, name) for name in scenario.node_names]
        self._vacuum = Vacuum(scenario)
        self._promoting: set[int] = set()
        self._told_stranded: set[tuple[int, int]] = set()
        self.on_change: Callable[[], None] = lambda: None
        self.promoted_at = -float("inf")
        self.newest = Leader(clock, record, scenario, clients.open(0, 0, 0.0), self._vacuum, self._disks[0])
        self.nodes: list[Node] = [self.newest]
        self.rejoin = Rejoin(self)
        for number, name in enumerate(scenario.standbys, start=1):
            reply = self.link(name, scenario.upstream(name))
            self.nodes.append(Standby(clock, record, scenario, number, self._vacuum, self._disks[number], reply))
        for standby in self.standbys():
            self._feed(self.node(scenario.upstream(standby.name)), standby)
        self._watch_links()
        self.newest.clean()

    # -- who is there ---------------------------------------------------------------------------------------------

    def standbys(self) -> Iterator[Standby]:
        """Yield the nodes that are replicas now."""
        return (node for node in self.nodes if isinstance(node, Standby))

    def leaders(self) -> Iterator[Leader]:
        """Yield the nodes that are leaders now, old ones that nobody has told included."""
        return (node for node in self.nodes if isinstance(node, Leader))

    def node(self, name: str) -> Node:
        """Return what a node is now."""
        return self.nodes[self.scenario.node_names.index(name)]

    def link(self, source: str, target: str, *, carries_log: bool = False) -> Link:
        """Return the way from one node to another."""
        key = (source, target, carries_log)
        if key not in self._links:
            self._links[key] = Link(self.clock, self.record, self.scenario, source, target, carries_log=carries_log)
        return self._links[key]

    def can_talk(self, one: str, other: str) -> bool:
        """Return whether two nodes reach each other now."""
        now = self.clock.now
        return one == other or not (self.link(one, other).is_cut(now) or self.link(other, one).is_cut(now))

    def mark(self, kind: MarkKind, text: str, node: Node) -> None:
        """Note a moment worth a caption."""
        self.record.mark(kind, self.clock.now, text, node=node.number)

    # -- streams --------------------------------------------------------------------------------------------------

    def _feed(self, upstream: Node, standby: Standby) -> Walsender:
        sender = upstream.feed(standby, self.link(upstream.name, standby.name, carries_log=True))
        source = self.newest
        standby.append_time = lambda lsn: source.desk.append_time(lsn)
        if isinstance(upstream, Leader):
            upstream.attached(sender)
        self._watch_silence(sender)
        return sender

    def _watch_silence(self, sender: Walsender) -> None:
        """Let both ends of a stream notice a cut that lasts longer than they wait, and that it is over."""
        link, reply, upstream = sender.link, sender.standby.reply, sender.upstream
        patience, now = self.scenario.wal_sender_timeout_ms, self.clock.now
        for cuts, silent in ((reply.cuts, upstream.reply_silent), (link.cuts, upstream.stream_silent)):
            for begin, end in cuts:
                if end - begin >= patience and begin >= now:
                    self.clock.call_at(begin + patience, silent, sender)
        for end in sorted({end for _, end in link.cuts + reply.cuts}):
            if now <= end < self.scenario.duration_ms:
                self.clock.call_at(end, upstream.link_healed, sender)

    def _watch_links(self) -> None:
        """Look around whenever a cut of the network begins or ends."""
        cuts = [fault for fault in self.scenario.timeline if isinstance(fault, CutLink | Partition)]
        for moment in sorted({moment for fault in cuts for moment in (fault.at_ms, fault.until_ms)}):
            if moment < self.scenario.duration_ms:
                self.clock.call_at(moment, self.regroup)

    # -- promotion ------------------------------------------------------------------------------------------------

    def promote(self, standby: Standby) -> None:
        """Make a replica the leader of a new timeline: it replays what it has received, then takes writes."""
        if standby.number in self._promoting or not standby.up:
            return
        self._promoting.add(standby.number)
        self._unfeed(standby)
        takes = max(self.scenario.promote_ms, standby.promotion_ms(), _AT_LEAST_MS)
        self.clock.call(takes, self._open, (standby, standby.life))

    def is_promoting(self) -> bool:
        """Return whether a promotion is under way."""
        return bool(self._promoting)

    def _open(self, event: Call) -> None:
        standby, life = event.value
        self._promoting.discard(standby.number)
        if life != standby.life or self.nodes[standby.number] is not standby:
            return
        number, base, now = standby.number, standby.received, self.clock.now
        term = self.newest.history.term + 1
        standby.retire()
        leader = Leader(
            self.clock,
            self.record,
            self.scenario,
            self._clients.open(number, base, now, before=self.newest.desk),
            self._vacuum,
            standby.disk,
            number=number,
            history=standby.history.forked(term, base),
            base=base,
        )
        leader.keeper.take_over(self.newest.keeper)
        for which in Position.APPENDED, Position.RECEIVED, Position.FLUSHED, Position.REPLAYED, Position.COMMITTED:
            self.record.level((number, which.value, now, base))
        self.record.turn(number, now, role=Role.LEADER, term=term)
        self.nodes[number] = self.newest = leader
        self.promoted_at = now
        if self.scenario.fence == "tokens":
            for old in self.leaders():
                old.refused_by_storage = self._refused
        self.mark(MarkKind.PROMOTED, f"{leader.name} is the leader of timeline {term}, from LSN {base:,} on", leader)
        leader.clean()
        leader.wake()
        self.regroup()

    def _refused(self, leader: Leader) -> bool:
        """Let the storage refuse what comes with an old token; its sender then knows that it leads no more."""
        if leader is self.newest:
            return False
        if not leader.fenced:
            text = f"the storage refuses what {leader.name} writes: it has seen token {self.newest.history.term}"
            self.mark(MarkKind.FENCED, text, leader)
            leader.fence()
        return True

    # -- who follows whom -----------------------------------------------------------------------------------------

    def regroup(self, event: Call | None = None) -> None:
        """Let every node that can talk to the newest leader follow it."""
        if self.newest.history.term > 1 and self.newest.up:
            for node in list(self.nodes):
                if node is not self.newest and node.up and self.can_talk(node.name, self.newest.name):
                    self._tell(node)
        self.on_change()

    def _tell(self, node: Node) -> None:
        """Let a node hear of the newest leader: at once, or when it has thawed."""
        if isinstance(node.clock, FrozenClock):
            node.clock.call(0, self._hear, (node, node.life))
        else:
            self.meet(node)

    def _hear(self, event: Call) -> None:
        node, life = event.value
        if self.nodes[node.number] is node and node.life == life and node is not self.newest:
            self.meet(node)

    def meet(self, node: Node) -> None:
        """Let a node that hears of the newest leader follow it, if its log is the begin of that one's."""
        leader = self.newest
        if isinstance(node, Leader):
            if self.scenario.rejoin == "none":
                return
            self.mark(MarkKind.DEMOTED, f"{node.name} hears of timeline {leader.history.term} and steps down", node)
            node = self._as_standby(node)
        if node.number in self._promoting or (node.sender is not None and node.sender.upstream is leader):
            return
        shared = node.history.shared(leader.history)
        if node.received > shared:
            self._strand(node, int(shared))
        else:
            self._follow(node)

    def _as_standby(self, leader: Leader) -> Standby:
        """End an old leader; its node is a replica from now on, with the log that it has."""
        leader.retire()
        now, number, base = self.clock.now, leader.number, leader.flushed
        reply = self.link(leader.name, self.newest.name)
        standby = Standby(
            self.clock, self.record, self.scenario, number, self._vacuum, self._disks[number], reply, base
        )
        standby.history = leader.history
        for which in Position.RECEIVED, Position.FLUSHED, Position.REPLAYED:
            self.record.level((number, which.value, now, base))
        self.record.turn(number, now, role=Role.REPLICA, fenced=False, up=True)
        self.nodes[number] = standby
        return standby

    def _follow(self, standby: Standby) -> None:
        """Let a replica stream from the newest leader."""
        leader = self.newest
        self._unfeed(standby)
        standby.history = leader.history
        standby.reply = self.link(standby.name, leader.name)
        sender = self._feed(leader, standby)
        sender.connected = sender.streams = False
        leader.attached(sender)
        leader.keeper.holds_for(standby)
        self.record.turn(standby.number, self.clock.now, term=leader.history.term)
        text = f"{standby.name} follows {leader.name} on timeline {leader.history.term}"
        self.mark(MarkKind.FOLLOWED, text, standby)
        leader.greet(sender)

    def _strand(self, standby: Standby, shared: int) -> None:
        """A replica's log goes on where the leader's has forked off: it cannot follow."""
        term = self.newest.history.term
        if (standby.number, term) not in self._told_stranded:
            self._told_stranded.add((standby.number, term))
            fork = f"timeline {term} forked off at LSN {shared:,}"
            text = f"{standby.name} cannot follow: {fork}, and it has {standby.received - shared:,} writes beyond"
            self.mark(MarkKind.STRANDED, text, standby)
        self._unfeed(standby)
        self.rejoin.begin(standby)

    def _unfeed(self, standby: Standby) -> None:
        if standby.sender is not None:
            standby.sender.upstream.drop(standby.sender)
            standby.sender = None

    # -- faults ---------------------------------------------------------------------------------------------------

    def crash(self, event: Call) -> None:
        """A node stops at once."""
        node = self.node(event.value)
        if not node.up:
            return
        if isinstance(node, Leader):
            node.crash()
        else:
            self.stop(node)

    def stop(self, standby: Standby) -> None:
        """A replica stops; its system closes its connections."""
        standby.crash()
        self.record.set_up(standby.number, self.clock.now, up=False)
        sender = standby.sender
        if sender is not None:
            sender.broken_at = min(sender.broken_at, self.clock.now)
            sender.upstream.notice_end(sender)

    def restart(self, event: Call) -> None:
        """A node comes back with what its disk holds: an old leader as a replica, if it hears that it is one."""
        node = self.node(event.value)
        if node.up or self.rejoin.is_busy(node):
            return
        if isinstance(node, Leader):
            old = node is not self.newest
            if old and (self.scenario.fence != "none" or self.can_talk(node.name, self.newest.name)):
                self._as_standby(node)
            else:
                node.restart()
        else:
            self.record.set_up(node.number, self.clock.now, up=True)
            node.restart()
            if node.sender is not None:
                node.sender.upstream.greet(node.sender)
        self.regroup()

    # -- an operator ----------------------------------------------------------------------------------------------

    def promote_by_hand(self, event: Call) -> None:
        """An operator promotes a replica."""
        node = self.node(event.value)
        if isinstance(node, Standby):
            self.promote(node)

    def drop_slot(self, event: Call) -> None:
        """An operator drops a replica's slot."""
        for leader in self.leaders():
            leader.keeper.drop_slot(event.value)

    def cancel_waits(self, event: Call) -> None:
        """An operator cancels every commit that waits for a replica."""
        for leader in self.leaders():
            leader.cancel_waits()

    def change(self, event: Call) -> None:
        """An operator sets a knob of the running system, for every node."""
        setting, value = event.value
        for leader in self.leaders():
            leader.change(setting, value)
        if setting == "flush_ms":
            for disk in self._disks:
                disk.flush.typical_ms = value
        if setting == "replay_us":
            for standby in self.standbys():
                standby.set_replay_cost(value)
        for (_, _, carries_log), link in self._links.items():
            if setting == "network_ms":
                link.delay.typical_ms = value
            elif setting == "lag_ms" and carries_log:
                link.extra_ms = value
        for leader in self.leaders():
            leader.recount()
