"""Which leader each group of clients writes to: the newest that it has heard of, as long as it can reach it."""

from __future__ import annotations

import numpy as np

from ..scenario import Partition, Scenario
from ..trace import Floats, Ints, MarkKind
from .clients import ELSEWHERE, HERE, Clients, group_of
from .clock import Call
from .leader import Leader
from .replica_set import ReplicaSet


class Following:
    """The two groups of clients: those beside the first leader, and those beside the first controller.

    Clients are cut off by partitions only; a cut between two nodes of the database is not on their way.
    """

    def __init__(self, cluster: ReplicaSet, clients: Clients) -> None:
        self._cluster = cluster
        self._clients = clients
        scenario = cluster.scenario
        self._places = [scenario.node_names[0], elsewhere(scenario)]
        self._groups = [HERE, *([ELSEWHERE] if scenario.remote_clients else [])]
        self._knows: list[Leader] = [cluster.newest, cluster.newest]
        self._due: set[tuple[int, int]] = set()
        self._asks: list[tuple[list[float], list[int]]] = [([0.0], [0]), ([0.0], [0])]  # since when which leader

    def look(self) -> None:
        """Let each group write to the leader that it knows and reaches; a newer one it hears of after a while."""
        now = self._cluster.clock.now
        for group in self._groups:
            known, newest = self._knows[group], self._cluster.newest
            if newest is not known and self._reaches(group, newest) and (group, newest.number) not in self._due:
                self._due.add((group, newest.number))
                self._cluster.clock.call(self._cluster.scenario.follow_ms, self._hear, (group, newest))
            target = known if self._reaches(group, known) else None
            moments, leaders = self._asks[group]
            number = -1 if target is None else target.number
            if number != leaders[-1]:
                moments.append(now)
                leaders.append(number)
                self._clients.send_to(group, None if target is None else number, now)
                if target is not None:
                    target.wake()

    def leader_of(self, client: Ints, moments: Floats) -> Ints:
        """Return which leader each of these clients asks at these moments (ms): ndarray, shape (n,); -1 for none."""
        groups, found = group_of(self._cluster.scenario, client), np.zeros(len(client), dtype=np.int64)
        for group in self._groups:
            here, (since, leaders) = groups == group, self._asks[group]
            found[here] = np.array(leaders)[np.searchsorted(since, moments[here], side="right") - 1]
        return found

    def _hear(self, event: Call) -> None:
        group, leader = event.value
        self._due.discard((group, leader.number))
        newer = leader.history.term > self._knows[group].history.term
        if newer and self._reaches(group, leader):
            self._knows[group] = leader
            if self._is_first(group):
                who = "clients write" if len(self._groups) == 1 else "the first clients write"
                self._cluster.mark(MarkKind.FOLLOWED, f"{who} to {leader.name} from now on", leader)
        self.look()

    def _is_first(self, group: int) -> bool:
        return all(self._knows[other] is not self._knows[group] for other in self._groups if other != group)

    def _reaches(self, group: int, leader: Leader) -> bool:
        now, place = self._cluster.clock.now, self._places[group]
        return not any(
            (place in fault.nodes) != (leader.name in fault.nodes)
            for fault in self._cluster.scenario.timeline
            if isinstance(fault, Partition) and fault.at_ms <= now < fault.until_ms
        )


def elsewhere(scenario: Scenario) -> str:
    """Return beside which node the clients stand that are not beside the leader."""
    seats = [name for name in scenario.seats() if name != scenario.node_names[0]]
    return seats[0] if seats else scenario.node_names[min(1, scenario.replicas)]
