"""Which node a client asks: the leader that it knows and reaches, or the replica that the scenario names."""

from __future__ import annotations

import itertools

import numpy as np

from ..engine.clients import ELSEWHERE, group_of
from ..engine.following import elsewhere
from ..engine.reads import nearest
from ..engine.streams import stream
from ..scenario import LEADER, Partition, Scenario


class Routing:
    """Clients stand in two groups, beside the first leader and elsewhere, as they do in the engine."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._groups = group_of(scenario, np.arange(scenario.clients)).tolist()
        self._known: list[tuple[float, str]] = [(0.0, LEADER)]
        self._down: dict[str, list[float]] = {}
        self._wrote: dict[int, float] = {}
        self._turns = [itertools.count(client) for client in range(scenario.clients)]
        self._chance = stream(scenario.seed, "read routing")

    def promoted(self, node: str, at_ms: float) -> None:
        """Clients hear of a new leader a while after this moment (ms)."""
        self._known.append((at_ms + self._scenario.follow_ms, node))

    def known_since(self, node: str) -> float:
        """Return when clients last heard that a node leads, ms."""
        return max((since for since, known in self._known if known == node), default=0.0)

    def wrote(self, client: int, at_ms: float) -> None:
        """Note when a client was last told that it has written, ms."""
        self._wrote[client] = at_ms

    def leader_of(self, client: int, at_ms: float) -> str:
        """Return the newest leader that a client has heard of and reaches; empty if it reaches none."""
        place = elsewhere(self._scenario) if self._groups[client] == ELSEWHERE else LEADER
        for since, node in reversed(self._known):
            if since <= at_ms and self._reaches(place, node, at_ms):
                return node
        return ""

    def _reaches(self, place: str, node: str, at_ms: float) -> bool:
        return not any(
            (place in fault.nodes) != (node in fault.nodes)
            for fault in self._scenario.timeline
            if isinstance(fault, Partition) and fault.at_ms <= at_ms < fault.until_ms
        )

    def read_from(self, client: int, at_ms: float) -> str:
        """Return the node that a client reads from; empty if there is none."""
        scenario = self._scenario
        pinned = scenario.session == "pin" and at_ms - self._wrote.get(client, -np.inf) <= scenario.pin_ms
        where = scenario.read_from
        if pinned or where == "leader" or (not scenario.replicas and where not in scenario.node_names):
            return self.leader_of(client, at_ms)
        if where in scenario.node_names:
            return where
        if scenario.session == "sticky":
            return scenario.standbys[client % scenario.replicas]
        if where == "nearest":
            return nearest(scenario)
        if where == "round_robin":
            return scenario.standbys[next(self._turns[client]) % scenario.replicas]
        return scenario.standbys[int(self._chance.integers(scenario.replicas))]
