"""The links of a run: what each is like, what faults make of them, and who reaches whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import permutations
from zlib import crc32

from ..engine.network import distance_ms
from ..scenario import Change, CutLink, Fault, LinkDelay, Partition, Scenario
from .wires import Wires

Way = tuple[str, str]


class Links:
    """What a scenario says of its links, told to the wires.

    A cut holds what it carries back, as TCP does, which sends it again once the cut is healed.

    Parameters
    ----------
    leader : callable
        Returns who is the leader: the ways from there carry the log, which has a lag of its own besides.
    """

    def __init__(self, wires: Wires, scenario: Scenario, leader: Callable[[], str]) -> None:
        self._wires, self._scenario, self._leader = wires, scenario, leader
        self._cuts: Counter[Way] = Counter()
        self._extra_ms: dict[Way, float] = {}

    def make(self) -> None:
        """Give each way of each wire the delay that it has now, and hold those that are cut."""
        for way in permutations(self._scenario.node_names, 2):
            if self._is_made(way):
                self._slow(way)
                if self._cuts[way]:
                    self._wires.hold(*way)

    def reaches(self, one: str, other: str) -> bool:
        """Whether two nodes can talk."""
        return not (self._cuts[one, other] or self._cuts[other, one])

    def strike(self, fault: Fault) -> None:
        """Let a fault of the links begin; others do nothing to them."""
        self._apply(fault, 1)
        if isinstance(fault, Change) and fault.setting in ("lag_ms", "network_ms"):
            own = {name: own.model_copy(update={fault.setting: None}) for name, own in self._scenario.nodes.items()}
            self._scenario = self._scenario.but(nodes=own, **{fault.setting: fault.value})  # it holds for every node
            self.make()

    def heal(self, fault: Fault) -> None:
        """Let a fault of the links end."""
        self._apply(fault, -1)

    def end(self) -> None:
        """Let every way carry again."""
        for way in [way for way, count in self._cuts.items() if count]:
            self._cut(way, -self._cuts[way])

    def _apply(self, fault: Fault, step: int) -> None:
        if isinstance(fault, Partition | CutLink):
            for way in _ways(fault, self._scenario):
                self._cut(way, step)
        elif isinstance(fault, LinkDelay):
            way = (fault.source, fault.target)
            more = self._extra_ms.get(way, 0.0) + step * fault.extra_ms
            self._extra_ms[way] = max(more, 0.0)  # sums of fractions may end below 0
            if self._is_made(way):
                self._slow(way)

    def _cut(self, way: Way, step: int) -> None:
        before = self._cuts[way]
        self._cuts[way] += step
        if self._is_made(way) and bool(before) != bool(self._cuts[way]):
            (self._wires.hold if self._cuts[way] else self._wires.release)(*way)

    def _slow(self, way: Way) -> None:
        """Give one way the delay that it has by now."""
        source, target = way
        scenario, extra = self._scenario, self._extra_ms.get(way, 0.0)
        if target != self._leader():
            extra += float(scenario.of(target, "lag_ms"))
        self._wires.delay(
            source,
            target,
            distance_ms(scenario, source, target),
            scenario.network_spread,
            shape=scenario.network_shape,
            seed=crc32(f"{scenario.seed} {source} {target}".encode()),
            extra_ms=extra,
        )
        if "bandwidth_mbit" in scenario.model_fields_set:
            self._wires.bandwidth(source, target, scenario.bandwidth_mbit)

    def _is_made(self, way: Way) -> bool:
        return bool({way, way[::-1]} & set(self._wires.pairs))


def _ways(fault: Partition | CutLink, scenario: Scenario) -> list[Way]:
    if isinstance(fault, CutLink):
        there = (fault.source, fault.target)
        return [there, there[::-1]] if fault.both_ways else [there]
    names = scenario.node_names
    return [(one, other) for one in names for other in names if (one in fault.nodes) != (other in fault.nodes)]
