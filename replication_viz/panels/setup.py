"""What a panel was asked to show: a scenario, and all that readers turned and broke since.

A setup is a value. It also keeps what has to wait, such as a fault of a replica that is not in the run; `scenario`
leaves that out. Times that readers choose lie on a grid of 0.01 ms, on which the stage counts, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from ..scenario import LEADER, Change, Fault, Partition, Scenario, ScenarioError
from ..scenario.faults import CHANGEABLE
from ..scenario.limits import replica_names
from . import knobs as controls

GRID_PER_MS = 100


class Listed(NamedTuple):
    """A fault as a panel lists it.

    Attributes
    ----------
    of_knob : bool
        Whether it is the partition that the field ``partition`` holds.
    """

    fault: Fault
    of_knob: bool


@dataclass(frozen=True)
class Setup:
    """What was asked for.

    Attributes
    ----------
    base : Scenario
        Where it began.
    values : mapping of str to Any
        Fields that differ from it, as their controls have them (see `knobs.position`), ``faults`` included.
    """

    base: Scenario
    values: Mapping[str, Any] = field(default_factory=dict)

    def but(self, **values: Any) -> Setup:
        """Return this setup with other values for some fields."""
        moved = {**self.values, **values}
        return Setup(self.base, {k: v for k, v in moved.items() if v != controls.position(k, self.base)})

    def get(self, name: str) -> Any:
        """Return where the control of a field stands, for the whole run."""
        return self.values[name] if name in self.values else controls.position(name, self.base)

    def scenario(self) -> tuple[Scenario, list[str]]:
        """Return the scenario, and a sentence for each thing that has to stay away from it.

        Raises
        ------
        ScenarioError
            If it is not valid.
        """
        return controls.turned(self.base, self.values)

    @property
    def standbys(self) -> tuple[str, ...]:
        """The replicas of the run; without a single leader, all nodes."""
        if self.base.topology == "leaderless":
            return self.base.model_copy(update={"members": self.get("members")}).member_names()
        if self.base.topology == "multi_leader":
            return self.base.model_copy(update={"leaders": self.get("leaders")}).leader_names()
        return replica_names(self.get("replicas"))

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Every fault that was asked for, but the partition of the field ``partition``."""
        return tuple(self.get("faults"))

    @cached_property
    def listed(self) -> tuple[Listed, ...]:
        """Every fault by its number: those that were added in their order, then the one of the field ``partition``."""
        cut = controls.names(self.get("partition"))
        added = tuple(Listed(fault, of_knob=False) for fault in self.faults)
        if not cut:
            return added
        begin, lasts = self.get("partition_at_ms"), self.get("partition_for_ms")
        return (*added, Listed(Partition(nodes=cut, at_ms=begin, for_ms=lasts), of_knob=True))

    def numbered(self, number: Any) -> Listed:
        """Return the fault of a number.

        Raises
        ------
        ScenarioError
            If there is none.
        """
        if type(number) is not int or not 0 <= number < len(self.listed):
            count = len(self.listed)
            known = f"they are numbered from 0 to {count - 1}" if count else "nothing goes wrong in this run"
            raise ScenarioError(f"There is no fault number {number!r}: {known}.")
        return self.listed[number]

    # -- at a moment ----------------------------------------------------------------------------------------------

    def holds(self, name: str, at_ms: float) -> Any:
        """Return where the control of a field stands for what holds at a moment (ms) of the run."""
        if name == "partition":
            alone = any(fault.nodes == (LEADER,) for fault in self.cuts(at_ms))
            if alone and self.get("controllers") != controls.NOBODY:
                return LEADER  # all replicas are cut off, and who stands on their side is, too
            cut = {replica for fault in self.cuts(at_ms) for replica in _behind(fault, self.standbys)}
            return ", ".join(s for s in self.standbys if s in cut) or controls.NOBODY
        changed = [f for f in self.faults if isinstance(f, Change) and f.setting == name and f.at_ms <= at_ms]
        if not changed:
            return self.get(name)
        value = max(changed, key=lambda change: change.at_ms).value
        return controls.ack_mode(value, self.standbys) if name == "ack" else value

    def cuts(self, at_ms: float) -> Iterator[Partition]:
        """Yield the partitions of this run that hold at a moment (ms)."""
        for fault, _ in self.listed:
            if isinstance(fault, Partition) and fault.at_ms <= at_ms < fault.until_ms:
                yield fault


def can_change(name: str) -> bool:
    """Return whether a field may change in mid-run."""
    return name in (*CHANGEABLE, "partition")


def on_the_grid(ms: float) -> float:
    """Return the first moment on the grid that is not before a moment (ms)."""
    return math.ceil(ms * GRID_PER_MS - 1e-4) / GRID_PER_MS


def _behind(cut: Partition, standbys: tuple[str, ...]) -> set[str]:
    """Return the replicas that a partition cuts off from the leader."""
    named = set(cut.nodes)
    return set(standbys) - named if LEADER in named else named
