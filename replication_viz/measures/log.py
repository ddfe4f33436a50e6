"""The leader's log: how much of it is kept, for whom, and what a long query on a replica keeps alive."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..scenario import LongQuery
from ..trace import Floats, Ints, MarkKind, Position, Trace
from ..wal import Availability, Retention

_MB = 2**20


def kept_log_mb(trace: Trace, at_ms: ArrayLike) -> Floats:
    """Return how much log the leader holds, MB: ndarray, shape of ``at_ms``.

    Counted from the begin of its oldest file; PostgreSQL's folder also holds files that wait for reuse.
    """
    moments = np.asarray(at_ms, dtype=np.float64)
    leader = trace.nodes[0]
    kept = trace.at(leader, Position.FLUSHED, moments) - trace.at(leader, Position.OLDEST, moments)
    return _megabytes(trace, kept)


def pinned_log_mb(trace: Trace, node: str, at_ms: ArrayLike) -> Floats:
    """Return how much log a replica still lacks on its disk, MB, which its slot keeps: ndarray, shape of ``at_ms``."""
    moments = np.asarray(at_ms, dtype=np.float64)
    lacks = trace.at(trace.nodes[0], Position.FLUSHED, moments) - trace.at(node, Position.FLUSHED, moments)
    return _megabytes(trace, lacks)


def wal_status(trace: Trace, node: str, at_ms: float) -> Availability | None:
    """Return what ``pg_replication_slots.wal_status`` says of a replica's slot; None where it has none.

    Raises
    ------
    ValueError
        If no node has that name.
    """
    number = trace.number(node)
    if not trace.scenario.slots or node not in trace.scenario.direct:
        return None
    marks = trace.marks
    ended = marks.time[(marks.kind == MarkKind.SLOT) & (marks.node == number)]
    rebuilt = marks.time[(marks.kind == MarkKind.REBUILT) & (marks.node == number)]
    if (ended <= at_ms).any() and not (rebuilt[rebuilt <= at_ms] > ended[0]).any():
        return "lost"
    retention = Retention(trace.scenario)
    retention.slots = {name: int(trace.at(name, Position.FLUSHED, at_ms)) for name in trace.scenario.direct}
    retention.oldest = retention.segment(int(trace.at(trace.nodes[0], Position.OLDEST, at_ms)))
    return retention.availability(retention.slots[node], int(trace.at(trace.nodes[0], Position.FLUSHED, at_ms)))


def fell_off_ms(trace: Trace, node: str) -> float:
    """Return when the leader removed log that a replica had not got and did not get any more, ms; NaN if it never did.

    A replica that is cut off does not know it yet: it meets the error when it asks.

    Raises
    ------
    ValueError
        If no node has that name.
    """
    number, marks = trace.number(node), trace.marks
    errors = marks.time[(marks.kind == MarkKind.FALLEN) & (marks.node == number)]
    has = trace.at(node, Position.FLUSHED, errors.min(initial=trace.duration_ms))
    removed, oldest = trace.steps(trace.nodes[0], Position.OLDEST)
    missing = np.flatnonzero(oldest > has)
    return float(removed[missing[0]]) if len(missing) else float("nan")


def disk_full_ms(trace: Trace) -> float:
    """Return when the log first filled the leader's disk, which stops it, ms; NaN if it never did."""
    full = trace.marks.time[trace.marks.kind == MarkKind.FULL]
    return float(full.min()) if len(full) else float("nan")


def dead_rows(trace: Trace, at_ms: ArrayLike) -> Ints:
    """Return how many dead rows the leader holds: each write kills one, and vacuum removes what no query can need.

    With ``hot_standby_feedback`` a long query on any replica keeps all that died since it began.

    Returns
    -------
    ndarray, shape of ``at_ms``
    """
    scenario = trace.scenario
    moments = np.atleast_1d(np.asarray(at_ms, dtype=np.float64))
    queries = []
    if scenario.hot_standby_feedback:
        queries = [(f.at_ms, f.until_ms) for f in scenario.timeline if isinstance(f, LongQuery)]
    last = np.floor(moments / scenario.vacuum_ms) * scenario.vacuum_ms
    horizon = last.copy()
    for begin, end in queries:
        horizon = np.where((begin <= last) & (last < end), np.minimum(horizon, begin), horizon)
    leader = trace.nodes[0]
    dead = trace.at(leader, Position.COMMITTED, moments) - trace.at(leader, Position.COMMITTED, horizon)
    result: Ints = np.maximum(dead, 0).reshape(np.shape(at_ms))
    return result


def _megabytes(trace: Trace, writes: Ints) -> Floats:
    size: Floats = np.maximum(writes, 0) * (trace.scenario.record_bytes * trace.scenario.log_left / _MB)
    return size
