"""The recorder: rows appended during a run, five tables at its end."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np

from ..scenario import Scenario
from ..trace import Codes, Flights, Floats, Ints, Levels, MarkKind, Marks, Ops, Position, Role, States, Trace

_FLIGHT = 8
_LEVEL = 4


@dataclass(frozen=True)
class _State:
    """What a node is: a row of `States` without its place and time."""

    role: Role
    up: bool = True
    fenced: bool = False
    term: int = 1


class Record:
    """What happened so far. Rows lie flat in one array per table: appending is much of what a run does.

    Attributes
    ----------
    flight : callable
        Notes a message: kind, source, target, sent (ms), arrived (ms), lost, LSN after and up to which it goes.
    level : callable
        Notes a step of a position: node, which, time (ms), LSN.
    """

    def __init__(self, nodes: tuple[str, ...], roles: Sequence[Role] | None = None) -> None:
        self.nodes = nodes
        self._flights = array("d")
        self._levels = array("d")
        self.flight: Callable[[tuple[int, int, int, float, float, bool, int, int]], None] = self._flights.extend
        self.level: Callable[[tuple[int, int, float, int]], None] = self._levels.extend
        self._marks: list[tuple[float, float, int, int, int, str]] = []
        self._states: list[tuple[int, float, float, int, bool, bool, int]] = []
        roles = roles or [Role.LEADER, *[Role.REPLICA] * (len(nodes) - 1)]
        self._open = [(0.0, _State(role)) for role in roles]

    def mark(
        self, kind: MarkKind, time: float, text: str, *, until: float = np.nan, node: int = -1, peer: int = -1
    ) -> None:
        """Note a moment worth a caption."""
        self._marks.append((time, until, kind, node, peer, text))

    def turn(self, node: int, time: float, **changes: Any) -> None:
        """Note that a node's role, fence or term changes, or that it goes down or comes up."""
        begin, state = self._open[node]
        turned = replace(state, **changes)
        if turned != state:
            if begin < time:
                self._states.append((node, begin, time, *astuple(state)))
            self._open[node] = (time, turned)

    def set_up(self, node: int, time: float, up: bool) -> None:
        """Note that a node goes down or comes up."""
        self.turn(node, time, up=up)

    def trace(self, scenario: Scenario, ops: Ops, appended: tuple[Floats, Ints], by: Codes | None = None) -> Trace:
        """Return the trace.

        Parameters
        ----------
        ops : Ops
            What the clients saw.
        appended : (ndarray, ndarray)
            Times (ms) and LSNs of the appends.
        by : ndarray, optional
            Who appended each; by default the first node.
        """
        end = scenario.duration_ms
        for node, (begin, state) in enumerate(self._open):
            self._states.append((node, begin, end, *astuple(state)))
        return Trace(
            scenario=scenario,
            nodes=self.nodes,
            ops=ops,
            flights=self._flight_table(),
            levels=self._level_table(*appended, by),
            states=self._state_table(),
            marks=self._mark_table(),
        )

    def _flight_table(self) -> Flights:
        rows = np.frombuffer(self._flights, dtype=np.float64).reshape(-1, _FLIGHT)
        kind, source, target, sent, arrived, lost, after, upto = rows.T
        gone = lost.astype(np.bool_)
        for node, begin, end, _, up, _, _ in self._states:
            if not up:
                gone |= (target == node) & (sent < end) & (begin <= arrived)
                gone |= (source == node) & (sent <= begin) & (begin < arrived)
        return Flights(
            kind=kind.astype(np.int8),
            source=source.astype(np.int8),
            target=target.astype(np.int8),
            sent=sent.copy(),
            arrived=arrived.copy(),
            lost=gone,
            lsn_from=after.astype(np.int64),
            lsn_to=upto.astype(np.int64),
        )

    def _level_table(self, times: Floats, lsns: Ints, by: Codes | None) -> Levels:
        rows = np.frombuffer(self._levels, dtype=np.float64).reshape(-1, _LEVEL)
        nodes = np.zeros(len(times)) if by is None else by.astype(np.float64)
        which = np.full(len(times), float(Position.APPENDED))
        appends = np.column_stack([nodes, which, times, lsns.astype(np.float64)])
        rows = np.concatenate([appends, rows])
        rows = rows[np.argsort(rows[:, 2], kind="stable")]
        return Levels(
            node=rows[:, 0].astype(np.int8),
            which=rows[:, 1].astype(np.int8),
            time=rows[:, 2].copy(),
            lsn=rows[:, 3].astype(np.int64),
        )

    def _state_table(self) -> States:
        rows = sorted(self._states, key=lambda row: (row[1], row[0]))
        node, begin, end, role, up, fenced, term = zip(*rows, strict=True)
        return States(
            node=np.array(node, dtype=np.int8),
            begin=np.array(begin, dtype=np.float64),
            end=np.array(end, dtype=np.float64),
            role=np.array(role, dtype=np.int8),
            up=np.array(up, dtype=np.bool_),
            fenced=np.array(fenced, dtype=np.bool_),
            term=np.array(term, dtype=np.int64),
        )

    def _mark_table(self) -> Marks:
        rows = sorted(self._marks, key=lambda row: row[0])
        time, until, kind, node, peer, text = zip(*rows, strict=True) if rows else ((),) * 6
        return Marks(
            time=np.array(time, dtype=np.float64),
            until=np.array(until, dtype=np.float64),
            kind=np.array(kind, dtype=np.int8),
            node=np.array(node, dtype=np.int8),
            peer=np.array(peer, dtype=np.int8),
            text=np.array(text, dtype=np.str_),
        )
