"""A short window of a long run in full, for a stage that holds only a sample of its messages and positions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..trace import Floats, Levels, Trace
from .wire import FLIGHT_BUDGET, LEVEL_BUDGET, Columns, pack, place_flights, place_levels, tick_of

_FLIGHTS_EACH_SIDE = FLIGHT_BUDGET // 3
_LEVELS_EACH_SIDE = LEVEL_BUDGET // 8  # so few that not even the leader's appends are thinned


def encode_window(trace: Trace, at: float) -> bytes:
    """Return all that happened around a moment, as a message that ``decode.js`` splices into its sample.

    Parameters
    ----------
    at : float
        The moment, ms; moments outside the run count as its begin or end.
    """
    at = min(max(at, 0.0), trace.duration_ms)
    flights, levels = trace.flights, trace.levels
    begin, end = _window(flights.sent, levels.time, at, trace.duration_ms)
    under_way = (flights.sent <= end) & (flights.arrived >= begin)
    part = replace(trace, flights=flights.where(under_way), levels=_from(levels, begin, end))
    tick = tick_of(trace)
    head: dict[str, Any] = {"tick": tick, "from": begin, "to": end, "notes": []}
    columns = Columns()
    head["levels"] = place_levels(part, tick, columns, head)
    head["flights"] = place_flights(part, tick, columns, head)
    head["columns"] = columns.lengths
    return pack(head, columns.differences())


def _window(sent: Floats, steps: Floats, at: float, duration: float) -> tuple[float, float]:
    """Return the widest window around a moment that holds few enough messages and steps."""
    begin, end = 0.0, duration
    for times, most in ((sent, _FLIGHTS_EACH_SIDE), (steps, _LEVELS_EACH_SIDE)):
        middle = int(np.searchsorted(times, at))
        if middle - most > 0:
            begin = max(begin, float(times[middle - most]))
        if middle + most < len(times):
            end = min(end, float(times[middle + most]))
    return min(begin, at), max(end, at)


def _from(levels: Levels, begin: float, end: float) -> Levels:
    """Return the steps in a window, after a first one for each position: where it stood when the window begins."""
    before = np.flatnonzero(levels.time <= begin)
    group = levels.node[before].astype(np.int64) * 16 + levels.which[before]
    _, from_end = np.unique(group[::-1], return_index=True)
    last = np.sort(before[len(before) - 1 - from_end])
    first = replace(levels.where(last), time=np.full(len(last), begin))
    return first.merged(levels.where((levels.time > begin) & (levels.time <= end)), by="time")
