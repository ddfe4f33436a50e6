"""A leaderless run's part of the stage's message: its operations, what each node holds, the messages between nodes.

A run of too many messages is shown with some of its keys only, and these in full: what is drawn of them is exact. The
numbers count all keys.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..trace import Floats, Ints, Position, Trace
from .ring_story import about
from .ring_view import RingView

if TYPE_CHECKING:
    from .wire import Columns

MOST_MESSAGES = 5_000
_MOST_COUNTS = 4_000


def shown(view: RingView) -> tuple[Ints, str]:
    """Return the operations that are shown, as rows of `Trace.ops`, and what to say if that is not all of them."""
    ops, flights = view.trace.ops, view.trace.flights
    rows = np.arange(len(ops))
    if len(flights) <= MOST_MESSAGES:
        return rows, ""
    keys = np.unique(ops.key)
    kept = keys[: max(1, int(len(keys) * MOST_MESSAGES / len(flights)))]
    rows = rows[np.isin(ops.key, kept)]
    messages = int(np.isin(flights.lsn_from, rows).sum())
    every = math.ceil(messages / (1.5 * MOST_MESSAGES))
    if every > 1:
        return rows[::every], f"1 of {math.ceil(len(ops) / len(rows[::every])):,} operations drawn"
    return rows, f"{len(kept):,} of {len(keys):,} keys drawn"


def place_ring(trace: Trace, tick: float, columns: Columns, head: dict[str, Any]) -> list[list[int]]:
    """Add the messages of what is shown, a group for each link and kind, and the header's ``ring``; return the groups.

    In these groups a message carries the row of its operation, or -1, in the place of a number of writes.
    """
    view = RingView(trace)
    rows, note = shown(view)
    if note:
        head["notes"].append(note)
    head["ring"] = about(view) | {"rows": len(rows), "thinned": bool(note)}
    return _messages(view, rows, tick, columns)


def place_operations(trace: Trace, tick: float, columns: Columns, head: dict[str, Any]) -> None:
    """Add the operations, the steps of what each node holds and keeps for others, and what is counted."""
    view = RingView(trace)
    ops = trace.ops
    rows, _ = shown(view)
    begun, told = _ticks(ops.invoked[rows], tick), ops.returned[rows]
    lasted = np.where(np.isnan(told), -1, _ticks(np.nan_to_num(told), tick) - begun)
    result = ops.outcome[rows].astype(np.int64) + 4 * view.judged[rows]
    made = np.where(view.is_write[rows], ops.lsn[rows], view.missed[rows])
    for column in (
        rows,
        begun,
        lasted,
        ops.kind[rows].astype(np.int64),
        result,
        ops.key[rows],
        ops.node[rows].astype(np.int64),
        ops.lsn[rows],
        made,
        view.homes[rows],
        view.asked[rows],
    ):
        columns.add(column.astype(np.int64))
    place = {row: number for number, row in enumerate(rows.tolist())}
    programme = [(begin, place[row]) for begin, row in view.programme if row in place]
    columns.add(_ticks(np.array([begin for begin, _ in programme]), tick))
    columns.add(np.array([number for _, number in programme], dtype=np.int64))
    versions = ops.lsn[rows][view.is_write[rows] & (ops.lsn[rows] > 0)]
    head["ring"]["held"] = _holdings(trace, versions, tick, columns)
    for times, hits in (
        _counted(ops.returned, view.could_miss, view.judged == 2),
        _counted(ops.returned, ~np.isnan(ops.returned), view.failed),
    ):
        every = math.ceil(max(len(times), 1) / _MOST_COUNTS)
        kept = np.arange(len(times))[::-every][::-1] if len(times) else np.arange(0)
        columns.add(_ticks(times[kept], tick))
        columns.add(kept + 1)
        columns.add(hits[kept])


def _counted(times: Floats, counted: NDArray[np.bool_], hit: NDArray[np.bool_]) -> tuple[Floats, Ints]:
    """Return the moments (ms) of what is counted, in order, and how many hits there were by each."""
    rows = np.flatnonzero(counted)
    rows = rows[np.argsort(times[rows], kind="stable")]
    return times[rows], np.cumsum(hit[rows], dtype=np.int64)


def _holdings(trace: Trace, versions: Ints, tick: float, columns: Columns) -> list[list[int]]:
    levels, index = trace.levels, []
    kept = np.isin(np.abs(levels.lsn), versions)
    for which in (Position.STORED, Position.HINTED):
        for node in range(len(trace.nodes)):
            chosen = kept & (levels.which == which) & (levels.node == node)
            if chosen.any():
                columns.add(_ticks(levels.time[chosen], tick))
                columns.add(levels.lsn[chosen].astype(np.int64))
                index.append([int(which), node])
    return index


def _messages(view: RingView, rows: Ints, tick: float, columns: Columns) -> list[list[int]]:
    trace = view.trace
    flights, nodes = trace.flights, len(trace.nodes)
    own = np.isin(flights.lsn_from, rows)
    versions = trace.ops.lsn[rows][view.is_write[rows]]
    free = np.flatnonzero(flights.lsn_from < 0)
    spare = free[:: max(1, math.ceil(len(free) / MOST_MESSAGES))]
    own[spare] = True
    if len(rows) < len(trace.ops):
        own[free] &= np.isin(flights.lsn_to[free], versions)
    chosen = np.flatnonzero(own)
    group = (flights.kind[chosen].astype(np.int64) * nodes + flights.source[chosen]) * nodes + flights.target[chosen]
    order = np.argsort(group, kind="stable")
    chosen, group = chosen[order], group[order]
    index = []
    present, start = np.unique(group, return_index=True)
    for key, begin, end in zip(present.tolist(), start.tolist(), [*start.tolist(), len(group)][1:], strict=True):
        some = chosen[begin:end]
        sent = _ticks(flights.sent[some], tick)
        columns.add(sent)
        columns.add(np.minimum(_ticks(flights.arrived[some], tick) - sent, 2**30))
        columns.add(flights.lsn_to[some])
        columns.add((flights.lsn_from[some] + 1) * 2 + flights.lost[some])
        index.append([key // nodes // nodes, key // nodes % nodes, key % nodes, len(some)])
    return index


def _ticks(times: Floats, tick: float) -> Ints:
    return np.ceil(times / tick - 1e-6).astype(np.int64)
