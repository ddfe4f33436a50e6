"""One leader and its replicas: the run of a scenario, from its clients to the trace."""

from __future__ import annotations

from ..scenario import CancelWaits, Change, Crash, DropSlot, Promote, Rebuild, Restart, Scenario
from ..trace import Trace
from .clients import all_clients
from .clock import Clock
from .controllers import Controllers
from .following import Following
from .marks import mark_blocked, mark_faults
from .reads import with_reads
from .record import Record
from .replica_set import ReplicaSet


def run(scenario: Scenario) -> Trace:
    """Return the trace of a single-leader scenario."""
    clock = Clock()
    record = Record(scenario.node_names)
    clients = all_clients(scenario)
    cluster = ReplicaSet(clock, record, scenario, clients)
    mark_faults(record, scenario)
    _schedule_faults(clock, scenario, cluster)
    following = Following(cluster, clients)
    controllers = Controllers(cluster) if scenario.seats() else None

    def look() -> None:
        following.look()
        if controllers:
            controllers.look()

    cluster.on_change = look
    look()
    cluster.newest.wake()
    clock.run(until=scenario.duration_ms)
    clients.close()
    ops, appended, by = clients.finish()
    for kind, time, text, server in clients.story:
        record.mark(kind, time, text, peer=server)
    mark_blocked(record, scenario, ops)
    trace = record.trace(scenario, ops, appended, by)
    return with_reads(trace, following.leader_of)


def _schedule_faults(clock: Clock, scenario: Scenario, cluster: ReplicaSet) -> None:
    """Put at their times the faults that something must react to; links, disks and replay look up the others."""
    for fault in scenario.timeline:
        if isinstance(fault, Crash):
            clock.call_at(fault.at_ms, cluster.crash, fault.node)
        elif isinstance(fault, Restart):
            clock.call_at(fault.at_ms, cluster.restart, fault.node)
        elif isinstance(fault, Promote):
            clock.call_at(fault.at_ms, cluster.promote_by_hand, fault.node)
        elif isinstance(fault, DropSlot):
            clock.call_at(fault.at_ms, cluster.drop_slot, fault.node)
        elif isinstance(fault, Rebuild):
            clock.call_at(fault.at_ms, cluster.rejoin.rebuild_by_hand, fault.node)
        elif isinstance(fault, CancelWaits):
            clock.call_at(fault.at_ms, cluster.cancel_waits)
        elif isinstance(fault, Change):
            clock.call_at(fault.at_ms, cluster.change, (fault.setting, fault.value))
