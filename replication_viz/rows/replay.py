"""A run of several leaders told again, step by step, from its trace: who took which write, and what it found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from ..conflicts import Dot
from ..trace import OpKind, Position, Trace
from .deeds import Deeds
from .table import Found, Record, Table

FROM = (Position.FROM_1, Position.FROM_2, Position.FROM_3, Position.FROM_4, Position.FROM_5)


class StepKind(IntEnum):
    """What a leader does."""

    WRITE = 0  # take a write of a client
    FLUSH = 1  # have own writes on disk; they are shown from now on
    APPLY = 2  # take a write of another leader; it is shown at once
    CRASH = 3  # lose what is not on disk


@dataclass(frozen=True)
class Step:
    """A step of one leader.

    Attributes
    ----------
    time : float
        When, ms.
    node : int
        Which leader, as in `Trace.nodes`.
    kind : StepKind
        What it does.
    keys : tuple of int
        The rows whose shown values may change by it.
    found : Found or None
        What it finds, where it takes a write.
    """

    time: float
    node: int
    kind: StepKind
    keys: tuple[int, ...] = ()
    found: Found | None = None


class Replay(Iterator[Step]):
    """The steps of a run, in order of time; the tables stand as they did after the step that came last.

    Attributes
    ----------
    tables : tuple of Table
        Each leader's, in the order of `Trace.nodes`.
    applied : list of list of int
        For each leader up to which LSN it has applied the log of each other one.
    """

    def __init__(self, trace: Trace, until_ms: float = np.inf) -> None:
        scenario, ops, levels = trace.scenario, trace.ops, trace.levels
        if scenario.topology != "multi_leader":
            raise ValueError(f"topology is {scenario.topology!r}: it must be 'multi_leader'.")
        deeds = Deeds(scenario, int(ops.value[ops.kind == OpKind.WRITE].max(initial=0)))
        self._logs: dict[str, list[Record]] = {name: [] for name in trace.nodes}
        self._names = trace.nodes
        self.tables = tuple(Table(scenario, name, deeds, self._logs) for name in trace.nodes)
        taken = ops.where((ops.kind == OpKind.WRITE) & (ops.lsn > 0))
        self._taken = [
            iter(zip(taken.value[here].tolist(), taken.key[here].tolist(), strict=True))
            for here in (taken.node == node for node in range(len(trace.nodes)))
        ]
        rows = np.flatnonzero(levels.time <= until_ms)
        columns = (levels.time[rows], levels.node[rows], levels.which[rows], levels.lsn[rows])
        self._rows = zip(*(column.tolist() for column in columns), strict=True)
        self.applied = [[0] * len(trace.nodes) for _ in trace.nodes]
        self._steps = self._tell()

    def record(self, dot: Dot) -> Record:
        """Return the write of a name."""
        return self._logs[dot.node][dot.number - 1]

    def __next__(self) -> Step:
        return next(self._steps)

    def _tell(self) -> Iterator[Step]:
        for time, node, which, lsn in self._rows:
            table = self.tables[node]
            if which == Position.APPENDED and lsn > len(table.log):
                number, key = next(self._taken[node])
                yield Step(time, node, StepKind.WRITE, found=table.write(number, key, time))
            elif which == Position.APPENDED:
                table.crash()
                yield Step(time, node, StepKind.CRASH)
            elif which == Position.FLUSHED:
                yield Step(time, node, StepKind.FLUSH, tuple(table.flush(lsn)))
            elif which in FROM:
                origin = FROM.index(Position(which))
                applied = self.applied[node]
                for record in self._logs[self._names[origin]][applied[origin] : lsn]:
                    yield Step(time, node, StepKind.APPLY, (record.key,), table.merge(record, time))
                applied[origin] = lsn


def replay(trace: Trace, until_ms: float = np.inf) -> Replay:
    """Return the steps of a run of several leaders up to a moment, ms.

    Raises
    ------
    ValueError
        If the run has one leader, or none.
    """
    return Replay(trace, until_ms)


def finished(trace: Trace, until_ms: float = np.inf) -> Replay:
    """Return a run told up to a moment, ms: the tables as they stand then.

    Raises
    ------
    ValueError
        If the run has one leader, or none.
    """
    story = Replay(trace, until_ms)
    for _ in story:
        pass
    return story
