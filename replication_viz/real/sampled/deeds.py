"""Faults, done to real servers at their moments, and an operator who lets nodes follow the newest leader."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ...scenario import LEADER, CancelWaits, Crash, Fault, Freeze, Promote, Restart, Scenario
from ..links import Links
from .cluster import Cluster
from .notes import Turn


@dataclass(order=True)
class _Deed:
    at: float
    number: int
    do: Callable[[Fault], None] = field(compare=False)
    fault: Fault = field(compare=False)


class Deeds:
    """The faults of a scenario, done to a cluster.

    Parameters
    ----------
    on_lead : callable
        Told who leads and from when on (ms).

    Attributes
    ----------
    turns : list of Turn
        What the nodes became, in order of time.
    """

    def __init__(self, cluster: Cluster[Any], scenario: Scenario, on_lead: Callable[[str, float], None]) -> None:
        self._cluster, self._scenario, self._on_lead = cluster, scenario, on_lead
        self.turns: list[Turn] = []
        self._links = Links(cluster.wires, scenario, lambda: cluster.leader)
        self._leading = {LEADER}  # who takes itself for the leader
        self._following = dict.fromkeys(cluster.standbys, LEADER)
        self._down: set[str] = set()
        self._frozen: set[str] = set()
        self._chosen: set[str] = set()  # are promoted once they have thawed
        self._zero = 0.0

    def prepare(self) -> None:
        """Make a wire between the leader and each other node, and give each link the delay that it has now."""
        for node in self._cluster.servers:
            if node != self._cluster.leader:
                self._cluster.way(self._cluster.leader, node)
        self._links.make()

    def run(self, zero: float) -> None:
        """Do each fault at its moment; returns at the end of the run. Moment 0 is `zero` on the monotonic clock, s."""
        self._zero = zero
        end = self._scenario.duration_ms
        ends = [(fault.until_ms, self._undo, fault) for fault in self._scenario.timeline]
        begins = [(fault.at_ms, self._do, fault) for fault in self._scenario.timeline]
        plan = sorted(_Deed(at, number, do, fault) for number, (at, do, fault) in enumerate(ends + begins) if at < end)
        for deed in plan:
            self._sleep_until(deed.at)
            deed.do(deed.fault)
        self._sleep_until(end)

    def end(self) -> None:
        """Let frozen nodes go on."""
        for name in self._frozen:
            self._cluster.servers[name].thaw()
        self._frozen.clear()

    def now(self) -> float:
        """Return ms from the start of the run."""
        return (time.monotonic() - self._zero) * 1000

    def _sleep_until(self, at_ms: float) -> None:
        time.sleep(max(0.0, self._zero + at_ms / 1000 - time.monotonic()))

    def _note(self, node: str, **changes: Any) -> None:
        self.turns.append(Turn(node, self.now(), **changes))

    # -- faults ---------------------------------------------------------------------------------------------------

    def _do(self, fault: Fault) -> None:
        self._cluster.changed = True
        if isinstance(fault, Crash):
            self._crash(fault.node)
        elif isinstance(fault, Restart):
            self._restart(fault.node)
        elif isinstance(fault, Freeze):
            self._frozen.add(fault.node)
            self._cluster.servers[fault.node].freeze()
        elif isinstance(fault, Promote):
            self._promote(fault.node)
        elif isinstance(fault, CancelWaits):
            self._cancel_waits()
        else:
            self._links.strike(fault)

    def _undo(self, fault: Fault) -> None:
        if isinstance(fault, Freeze):
            self._frozen.discard(fault.node)
            self._cluster.servers[fault.node].thaw()
            if fault.node in self._chosen:
                self._promote(fault.node)
        self._links.heal(fault)
        self._regroup()

    def _crash(self, node: str) -> None:
        if node not in self._down:
            self._down.add(node)
            at = self._cluster.crash(node)
            self.turns.append(Turn(node, (at - self._zero) * 1000, up=False))

    def _restart(self, node: str) -> None:
        """Start a node again, as a replica."""
        if node not in self._down:
            return
        self._cluster.servers[node].start()
        self._down.discard(node)
        self._leading.discard(node)
        self._cluster.join(node)
        self._following[node] = self._cluster.leader
        self._note(node, up=True, leads=False)

    def _promote(self, node: str) -> None:
        if node in self._down or node in self._leading:
            return
        if node in self._frozen:
            self._chosen.add(node)
            return
        count = self._cluster.promote(node)
        history = self._cluster.history(node)
        self._leading.add(node)
        self._note(node, leads=True, count=count, history=history)
        self._on_lead(node, self.turns[-1].at)
        self.prepare()
        self._regroup()

    def _cancel_waits(self) -> None:
        if self._cluster.leader not in self._down | self._frozen:
            self._cluster.cancel_waits()

    def _regroup(self) -> None:
        """Let every node that reaches the newest leader follow it; one that led before loses what only it has."""
        leader = self._cluster.leader
        if leader in self._down:
            return
        for node in self._cluster.servers:
            away = node in self._down or node in self._frozen or not self._links.reaches(node, leader)
            if node == leader or away or self._following.get(node) == leader:
                continue
            if node in self._leading:
                if self._scenario.rejoin == "none":
                    continue
                self._leading.discard(node)
                self._cluster.join(node)
                self._note(node, leads=False, count=self._cluster.servers[node].count())
            else:
                self._cluster.join(node)
            self._following[node] = leader
