"""Several leaders: each takes the writes of its region at once, and they send each other their logs afterwards.

A write is answered when it is on the disk of its own leader. What comes from another leader is flushed with the own
writes and shown then. Rows that two leaders wrote before they heard of each other are in conflict; what becomes of them
is the business of `replication_viz.rows`.
"""

from __future__ import annotations

import numpy as np

from ..rows import Deeds, Record
from ..scenario import Change, Crash, CutLink, Partition, Restart, Scenario
from ..trace import Role, Trace
from .clock import Call, Clock
from .exchange import Channels
from .findings import Findings
from .marks import mark_faults
from .record import Record as Recorder
from .regional import Leader
from .regions import Clients


class Cluster:
    """The leaders of a run, their channels, and what faults do to them."""

    def __init__(self, clock: Clock, record: Recorder, scenario: Scenario, clients: Clients) -> None:
        self._clock = clock
        names = scenario.node_names
        logs: dict[str, list[Record]] = {name: [] for name in names}
        deeds = Deeds(scenario, len(clients.times))
        self.channels = Channels(clock, record, scenario)
        self.findings = Findings(clock, record, scenario, clients, logs)
        self.leaders = [
            Leader(clock, record, scenario, number, clients.desk(number), deeds, logs, self.channels, self.findings)
            for number in range(len(names))
        ]
        self._named = {leader.name: leader for leader in self.leaders}
        self.channels.connect(self.leaders)
        self.findings.watch(self.leaders)

    def crash(self, event: Call) -> None:
        """A leader stops."""
        leader = self._named[event.value]
        if leader.up:
            leader.crash(self._clock.now)
            self.channels.lost(leader)

    def restart(self, event: Call) -> None:
        """A leader comes back with what its disk holds."""
        leader = self._named[event.value]
        if not leader.up:
            leader.restart(self._clock.now)
            self.channels.back(leader)
            self.findings.ask(event)

    def change(self, event: Call) -> None:
        """An operator sets a knob of the running system, for every node."""
        setting, value = event.value
        for leader in self.leaders:
            if setting == "flush_ms":
                leader.disk.flush.typical_ms = value
        for link in self.channels.links:
            if setting == "lag_ms":
                link.extra_ms = value
            elif setting == "network_ms":
                link.delay.typical_ms = value
        if setting == "rate_per_s":
            self.findings.ask(event)


def run(scenario: Scenario) -> Trace:
    """Return the trace of a scenario with several leaders."""
    clock = Clock()
    names = scenario.node_names
    record = Recorder(names, [Role.LEADER] * len(names))
    clients = Clients(scenario)
    cluster = Cluster(clock, record, scenario, clients)
    mark_faults(record, scenario)
    _schedule_faults(clock, scenario, cluster)
    for leader in cluster.leaders:
        leader.wake()
    clock.run(until=scenario.duration_ms)
    for leader in cluster.leaders:
        leader.close(scenario.duration_ms)
    cluster.findings.tell()
    return record.trace(scenario, clients.ops(), (np.empty(0), np.empty(0, dtype=np.int64)))


def _schedule_faults(clock: Clock, scenario: Scenario, cluster: Cluster) -> None:
    """Put at their times the faults that something must react to; links, disks and clocks look up the others."""
    for fault in scenario.timeline:
        if isinstance(fault, Crash):
            clock.call_at(fault.at_ms, cluster.crash, fault.node)
        elif isinstance(fault, Restart):
            clock.call_at(fault.at_ms, cluster.restart, fault.node)
        elif isinstance(fault, Change):
            clock.call_at(fault.at_ms, cluster.change, (fault.setting, fault.value))
        elif isinstance(fault, Partition | CutLink) and fault.until_ms < scenario.duration_ms:
            clock.call_at(fault.until_ms, cluster.findings.ask)
