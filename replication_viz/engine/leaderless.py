"""A database without a leader: any node serves any request, and quorums of the copies answer it."""

from __future__ import annotations

import numpy as np

from ..scenario import Change, Crash, Restart, Scenario
from ..trace import Role, Trace
from .anti_entropy import AntiEntropy
from .book import Book
from .clock import Call, Clock
from .cluster import Cluster
from .coordinator import Coordinator
from .hints import Hints
from .marks import mark_faults
from .record import Record
from .requests import Requests


def run(scenario: Scenario) -> Trace:
    """Return the trace of a leaderless scenario."""
    clock = Clock()
    record = Record(scenario.node_names, [Role.PEER] * scenario.members)
    database = Leaderless(clock, record, scenario)
    mark_faults(record, scenario)
    database.begin()
    clock.run(until=scenario.duration_ms)
    database.requests.finish()
    nothing = np.empty(0), np.empty(0, dtype=np.int64)
    return record.trace(scenario, database.book.ops(), nothing)


class Leaderless:
    """All of it: the nodes, their coordinators, hints and anti-entropy, and the clients."""

    def __init__(self, clock: Clock, record: Record, scenario: Scenario) -> None:
        self._clock = clock
        self._scenario = scenario
        self.book = Book(scenario.tombstone_ms)
        self.cluster = Cluster(clock, record, scenario, self.book)
        self.hints = Hints(clock, record, scenario, self.cluster, self.book)
        self.requests = Requests(clock, record, scenario, self.cluster, self.book)
        self.coordinator = Coordinator(clock, scenario, self.cluster, self.hints, self.book, self.requests.told)
        self.anti_entropy = AntiEntropy(clock, scenario, self.cluster)

    def begin(self) -> None:
        """Put the faults at their times and let the clients come."""
        for fault in self._scenario.timeline:
            if isinstance(fault, Crash):
                self._clock.call_at(fault.at_ms, self._crash, fault.node)
            elif isinstance(fault, Restart):
                self._clock.call_at(fault.at_ms, self._restart, fault.node)
            elif isinstance(fault, Change):
                self._clock.call_at(fault.at_ms, self._change, (fault.setting, fault.value))
        self.anti_entropy.begin()
        self.requests.begin(self.coordinator)

    def _crash(self, event: Call) -> None:
        node = self._scenario.node_names.index(event.value)
        if self.cluster.members[node].up:
            self.cluster.members[node].crash()
            self.hints.crash(node)
            self.coordinator.crash(node)

    def _restart(self, event: Call) -> None:
        node = self._scenario.node_names.index(event.value)
        if not self.cluster.members[node].up:
            self.cluster.members[node].restart()
            self.hints.restart(node)

    def _change(self, event: Call) -> None:
        setting, value = event.value
        if setting == "network_ms":
            self.cluster.mesh.set_network(value)
        elif setting == "flush_ms":
            for member in self.cluster.members:
                member.disk.flush.typical_ms = value
        elif setting != "rate_per_s":  # arrivals know of that
            self.coordinator.set_quorum(setting, int(value))
