"""The part of the stage's message of a run with several leaders: writes, arcs, what is thrown away, what is counted.

What is counted is exact at each moment that is sent; of very long runs fewer moments and fewer writes are sent.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..trace import Floats, Ints, Trace
from .tapes_story import about
from .tapes_view import TapesView, tapes

if TYPE_CHECKING:
    from .wire import Columns

MOST_WRITES = 12_000
MOST_TIES = 5_000
_MOST_COUNTS = 4_000
_STAMP = 0.1  # ms: a clock may be a day behind


def place_tapes(trace: Trace, tick: float, columns: Columns, head: dict[str, Any]) -> None:
    """Add the writes, the arcs between them, the discarded ones and the counts; and the header's ``tapes``."""
    view = tapes(trace)
    head["tapes"] = about(view) | {"stamp": _STAMP, "count": view.count}
    _place_writes(view, tick, columns, head)
    _place_ties(view, tick, columns)
    _place_counts(view, tick, columns)


def _place_writes(view: TapesView, tick: float, columns: Columns, head: dict[str, Any]) -> None:
    wanted = {number for tie in view.ties[:MOST_TIES] for number in tie.writes}
    numbers = np.array(sorted(view.records), dtype=np.int64)
    every = math.ceil(len(numbers) / MOST_WRITES)
    if every > 1:
        numbers = np.array(sorted({*numbers[::every].tolist(), *wanted}), dtype=np.int64)
        head["notes"].append(f"1 of {every} writes drawn")
    records = [view.records[number] for number in numbers.tolist()]
    answered, gone = view.answered[numbers], [view.taken.get(number, np.nan) for number in numbers.tolist()]
    made = view.made[numbers]
    ahead = np.array([record.stamp.wall_ms for record in records]) - made if records else made
    columns.add(numbers)
    columns.add(np.array([record.node for record in records], dtype=np.int64))
    columns.add(np.array([record.dot.number for record in records], dtype=np.int64))
    columns.add(np.array([record.key for record in records], dtype=np.int64))
    columns.add(_ticks(made, tick))
    columns.add(_or_none(np.where(np.isfinite(answered), answered, np.nan), tick))
    columns.add(_or_none(np.array(gone), tick))
    columns.add(np.round(ahead / _STAMP).astype(np.int64))
    columns.add(np.array([record.stamp.logical for record in records], dtype=np.int64))


def _place_ties(view: TapesView, tick: float, columns: Columns) -> None:
    ties = view.ties[:MOST_TIES]
    columns.add(_ticks(np.array([tie.at_ms for tie in ties]), tick))
    for part in ([t.writes[0] for t in ties], [t.writes[1] for t in ties], [t.lost for t in ties]):
        columns.add(np.array(part, dtype=np.int64))
    losses = view.losses[:MOST_TIES]
    columns.add(_ticks(np.array([loss.at_ms for loss in losses]), tick))
    for part in ([x.what.write for x in losses], [x.what.kept for x in losses]):
        columns.add(np.array(part, dtype=np.int64))


def _place_counts(view: TapesView, tick: float, columns: Columns) -> None:
    """Add how many conflicts, discarded writes, later ones among these, and differing rows there are by when."""
    lost = np.array([loss.at_ms for loss in view.losses])
    later = np.cumsum([loss.what.is_later for loss in view.losses], dtype=np.int64)
    found = np.array([one.at_ms for one in view.conflicts])
    times, rows = view.divergence
    for moments, values in (
        (found, [np.arange(len(found)) + 1]),
        (lost, [np.arange(len(lost)) + 1, later]),
        (times, [rows]),
    ):
        kept = _kept(len(moments))
        columns.add(_ticks(moments[kept], tick))
        for value in values:
            columns.add(np.asarray(value, dtype=np.int64)[kept])


def _kept(length: int) -> Ints:
    """Return which moments are sent: the last one always."""
    every = math.ceil(max(length, 1) / _MOST_COUNTS)
    return np.arange(length)[::-every][::-1] if length else np.zeros(0, dtype=np.int64)


def _ticks(times: Floats, tick: float) -> Ints:
    return np.ceil(times / tick - 1e-6).astype(np.int64)


def _or_none(times: Floats, tick: float) -> Ints:
    return np.where(np.isnan(times), -1, _ticks(np.nan_to_num(times), tick))
