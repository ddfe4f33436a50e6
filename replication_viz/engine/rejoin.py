"""How a node comes back whose log cannot be continued: cut back to where it forked, or set up anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..scenario import Scenario
from ..trace import MarkKind
from .clock import Call

if TYPE_CHECKING:
    from .replica_set import Node, ReplicaSet
    from .standby import Standby

_MB = 2**20


class Rejoin:
    """Rewinds (`pg_rewind`) and base backups. Meanwhile the node is down."""

    def __init__(self, cluster: ReplicaSet) -> None:
        self._cluster = cluster
        self._busy: set[int] = set()

    def is_busy(self, node: Node) -> bool:
        """Return whether a node is being rewound or set up anew."""
        return node.number in self._busy

    def begin(self, standby: Standby) -> None:
        """Bring back a replica whose log has forked, as the scenario wants it."""
        how = self._cluster.scenario.rejoin
        if how == "none" or self.is_busy(standby):
            return
        if how == "rebuild":
            self.rebuild(standby)
            return
        self._stop(standby)
        self._cluster.clock.call(self._cluster.scenario.rewind_ms, self._rewound, standby)

    def rebuild_by_hand(self, event: Call) -> None:
        """An operator sets a replica up anew."""
        from .standby import Standby

        node = self._cluster.node(event.value)
        if isinstance(node, Standby) and not self.is_busy(node) and self._cluster.newest.up:
            self.rebuild(node)

    def rebuild(self, standby: Standby) -> None:
        """Set a replica up anew: it is down while a copy of the leader's files comes over its link to its disk."""
        if standby.up:
            self._stop(standby)
        self._busy.add(standby.number)
        self._cluster.clock.call(_backup_ms(self._cluster.scenario, standby.name), self._rebuilt, standby)

    def _stop(self, standby: Standby) -> None:
        self._busy.add(standby.number)
        self._cluster.stop(standby)

    def _rewound(self, event: Call) -> None:
        standby: Standby = event.value
        cluster = self._cluster
        self._busy.discard(standby.number)
        leader = cluster.newest
        shared = min(standby.history.shared(leader.history), standby.flushed)
        if not leader.up or not cluster.can_talk(standby.name, leader.name):
            self._come_up(standby, standby.flushed)
            return
        discarded = int(standby.flushed - shared)
        text = f"{standby.name} is rewound to LSN {int(shared):,}: its {discarded:,} writes after that are discarded"
        cluster.mark(MarkKind.REWOUND, text, standby)
        self._come_up(standby, int(shared))
        cluster.meet(standby)

    def _rebuilt(self, event: Call) -> None:
        standby: Standby = event.value
        cluster = self._cluster
        self._busy.discard(standby.number)
        leader = cluster.newest
        if not leader.up:
            cluster.mark(MarkKind.REBUILT, f"{standby.name}: the base backup broke off, the leader is down", standby)
            return
        sender = standby.sender
        if sender is not None:
            sender.fallen = False
        self._come_up(standby, leader.flushed)
        cluster.mark(MarkKind.REBUILT, f"{standby.name} is a copy of the leader again", standby)
        if sender is not None and (sender.upstream is leader or leader.history.term == 1):
            if sender.upstream is leader:
                leader.keeper.holds_for(standby)
            sender.upstream.greet(sender)
        else:
            standby.history = leader.history
            cluster.meet(standby)

    def _come_up(self, standby: Standby, lsn: int) -> None:
        standby.adopt(lsn)
        self._cluster.record.set_up(standby.number, self._cluster.clock.now, up=True)


def _backup_ms(scenario: Scenario, name: str) -> float:
    """Return how long a base backup takes, ms: its size over the lower rate of link and disk."""
    rate = min(scenario.of(name, "disk_mb_per_s"), scenario.bandwidth_mbit * 1e6 / 8 / _MB)
    return float(1000 * scenario.database_mb / rate)
