"""Lag as real systems report it: what an operator's screen shows, and how each of these numbers misleads."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..trace import FlightKind, Floats, Ints, Position, Trace
from .lags import LagKind

_PLACE = {"write": Position.RECEIVED, "flush": Position.FLUSHED, "replay": Position.REPLAYED}


def reported_lag(trace: Trace, node: str, kind: LagKind, at_ms: ArrayLike) -> Floats:
    """Return the lag that ``pg_stat_replication`` shows: that of the last write of which the replica reported.

    It is a sample of the past. While replay stands still no report comes and the last value stays; when replay goes on
    it jumps. For how far behind a replica is now, see `lag`.

    Parameters
    ----------
    kind : {"write", "flush", "replay"}
        Which of ``write_lag``, ``flush_lag`` and ``replay_lag``: from the upstream's flush of a write until it heard
        that the replica has it in that sense.
    at_ms : array_like
        Moments, ms.

    Returns
    -------
    ndarray, shape of ``at_ms``
        Lag, ms; NaN before the first report.
    """
    moments = np.asarray(at_ms, dtype=np.float64)
    heard_at, upto = _reports(trace, node, kind)
    times, lsns = trace.steps(trace.scenario.upstream(node), Position.FLUSHED)
    flushed = np.concatenate([times, [np.nan]])[np.searchsorted(lsns, upto)]
    index = np.searchsorted(heard_at, moments, side="right")
    return np.concatenate([[np.nan], heard_at - flushed])[index]


def reported_position(trace: Trace, node: str, kind: LagKind, at_ms: ArrayLike) -> Ints:
    """Return the LSN that ``pg_stat_replication`` shows for a replica: the last one heard of, 0 before that."""
    heard_at, upto = _reports(trace, node, kind)
    index = np.searchsorted(heard_at, np.asarray(at_ms, dtype=np.float64), side="right")
    return np.concatenate([[0], upto])[index]


def lag_bytes(trace: Trace, node: str, kind: LagKind, at_ms: ArrayLike) -> Floats:
    """Return by how many bytes of log a replica is behind its leader's disk: ndarray, shape of ``at_ms``.

    What ``pg_wal_lsn_diff(pg_current_wal_flush_lsn(), …)`` says of the replica's own positions; 0 for one that is idle
    and has everything.
    """
    moments = np.asarray(at_ms, dtype=np.float64)
    behind = trace.at(trace.nodes[0], Position.FLUSHED, moments) - trace.at(node, _PLACE[kind], moments)
    size: Floats = np.maximum(behind, 0) * (trace.scenario.record_bytes * trace.scenario.log_left)
    return size


def lag_by_clock(trace: Trace, node: str, at_ms: ArrayLike) -> Floats:
    """Return ``now() - pg_last_xact_replay_timestamp()`` on a replica: the age of the last write that it replayed.

    On an idle leader it grows although nothing is missing.

    Returns
    -------
    ndarray, shape of ``at_ms``
        Age, ms; NaN where nothing has been replayed yet.
    """
    moments = np.asarray(at_ms, dtype=np.float64)
    return moments - _written_at(trace, trace.at(node, Position.REPLAYED, moments))


def seconds_behind_master(trace: Trace, node: str, at_ms: ArrayLike) -> Ints:
    """Return what MySQL calls ``Seconds_Behind_Master`` (since 8.0.22 ``Seconds_Behind_Source``) on a replica.

    The clock less the time of the write that is being replayed, in whole seconds; 0 where the replica has replayed all
    that it has received. So it is 0 behind a cut link, however much the replica lacks.
    """
    moments = np.asarray(at_ms, dtype=np.float64)
    replayed = trace.at(node, Position.REPLAYED, moments)
    age = moments - _written_at(trace, replayed + 1)
    busy = replayed < trace.at(node, Position.RECEIVED, moments)
    return np.where(busy, np.nan_to_num(age) // 1000, 0).astype(np.int64)


def _reports(trace: Trace, node: str, kind: LagKind) -> tuple[Floats, Ints]:
    """Return when its upstream heard from a replica of a new position, ms, and of which (LSN).

    Whatever a status update is about, it tells all three positions.
    """
    flights = trace.flights
    mine = (flights.source == trace.number(node)) & (flights.kind != FlightKind.WAL) & ~flights.lost
    heard_at, upto = flights.arrived[mine], trace.at(node, _PLACE[kind], flights.sent[mine])
    order = np.argsort(heard_at, kind="stable")
    heard_at, upto = heard_at[order], upto[order]
    new = upto > np.concatenate([[0], np.maximum.accumulate(upto)])[: len(upto)]
    return heard_at[new], upto[new]


def _written_at(trace: Trace, lsn: Ints) -> Floats:
    """Return when the writes with these LSNs were appended, ms; NaN where there is none."""
    times, lsns = trace.steps(trace.nodes[0], Position.APPENDED)
    rises = np.concatenate([[True], lsns[1:] > np.maximum.accumulate(lsns)[:-1]]) if len(lsns) else np.zeros(0, bool)
    times, lsns = times[rises], lsns[rises]
    index = np.searchsorted(lsns, lsn)
    found = np.concatenate([times, [np.nan]])[np.minimum(index, len(times))]
    return np.where((lsn > 0) & (index < len(times)), found, np.nan)
