"""The links of a run: what each is like, what faults make of them, and who reaches whom."""

from __future__ import annotations

from collections import Counter

from ...engine.network import distance_ms
from ...scenario import Change, CutLink, Fault, LinkDelay, Partition, Scenario
from .cluster import Cluster

Way = tuple[str, str]


class Links:
    """What a scenario says of its links, told to the wires.

    A cut holds what it carries back, as TCP does, which sends it again once the cut is healed.
    """

    def __init__(self, cluster: Cluster, scenario: Scenario) -> None:
        self._cluster, self._scenario = cluster, scenario
        self._cuts: Counter[Way] = Counter()
        self._extra_ms: Counter[Way] = Counter()

    def make(self) -> None:
        """Make a wire between each two nodes that may talk, and give each way the delay that it has now."""
        cluster = self._cluster
        for node in cluster.servers:
            if node != cluster.leader:
                cluster.way(cluster.leader, node)
                self._slow((cluster.leader, node))
                self._slow((node, cluster.leader))
                for way in ((cluster.leader, node), (node, cluster.leader)):
                    if self._cuts[way]:
                        cluster.wires.hold(*way)

    def reaches(self, one: str, other: str) -> bool:
        """Whether two nodes can talk."""
        return not (self._cuts[one, other] or self._cuts[other, one])

    def strike(self, fault: Fault) -> bool:
        """Let a fault begin; whether it is one of the links."""
        return self._apply(fault, 1)

    def heal(self, fault: Fault) -> bool:
        """Let a fault end; whether it is one of the links."""
        return not isinstance(fault, Change) and self._apply(fault, -1)

    def _apply(self, fault: Fault, step: int) -> bool:
        if isinstance(fault, Partition | CutLink):
            for way in _ways(fault, self._scenario):
                self._cut(way, step)
        elif isinstance(fault, LinkDelay):
            self._extra_ms[fault.source, fault.target] += step * fault.extra_ms  # type: ignore[assignment]
            self._slow((fault.source, fault.target))
        elif isinstance(fault, Change) and fault.setting in ("lag_ms", "network_ms"):
            nodes = {
                name: own.model_copy(update={fault.setting: None}) for name, own in self._scenario.nodes.items()
            }  # it holds for every node
            self._scenario = self._scenario.but(nodes=nodes, **{fault.setting: fault.value})
            self.make()
        else:
            return False
        return True

    def _cut(self, way: Way, step: int) -> None:
        self._cuts[way] += step
        if not self._is_made(way):
            return
        if self._cuts[way] == 0:
            self._cluster.wires.release(*way)
        elif self._cuts[way] == 1 and step > 0:
            self._cluster.wires.hold(*way)

    def _slow(self, way: Way) -> None:
        """Give one way the delay that it has by now; the log has one of its own besides."""
        if not self._is_made(way):
            return
        source, target = way
        scenario, wires = self._scenario, self._cluster.wires
        extra = float(self._extra_ms[way]) + (scenario.of(target, "lag_ms") if source == self._cluster.leader else 0.0)
        wires.delay(
            source,
            target,
            distance_ms(scenario, source, target),
            scenario.network_spread,
            shape=scenario.network_shape,
            seed=scenario.seed,
            extra_ms=extra,
        )
        if "bandwidth_mbit" in scenario.model_fields_set:
            wires.bandwidth(source, target, scenario.bandwidth_mbit)

    def _is_made(self, way: Way) -> bool:
        return bool({way, way[::-1]} & set(self._cluster.wires.pairs))


def _ways(fault: Partition | CutLink, scenario: Scenario) -> list[Way]:
    if isinstance(fault, CutLink):
        there = (fault.source, fault.target)
        return [there, there[::-1]] if fault.both_ways else [there]
    names = scenario.node_names
    return [(one, other) for one in names for other in names if (one in fault.nodes) != (other in fault.nodes)]
