"""How far a replica is behind, in time and in writes."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ..trace import Floats, Ints, Position, Trace

LagKind = Literal["write", "flush", "replay"]

_POSITION_OF = {"write": Position.RECEIVED, "flush": Position.FLUSHED, "replay": Position.REPLAYED}


def lag(trace: Trace, node: str, kind: LagKind, at_ms: ArrayLike) -> Floats:
    """Return by how much time a replica is behind: the age of the oldest write that it lacks.

    The age counts from the leader's flush of that write. This is the lag as it is at the moment, also while nothing
    moves; ``pg_stat_replication`` shows the lag of the last write that the replica reported, a sample of the past.

    Parameters
    ----------
    kind : {"write", "flush", "replay"}
        Lacks in what sense: received, on disk, visible to reads.
    at_ms : array_like
        Moments, ms.

    Returns
    -------
    ndarray, shape of ``at_ms``
        Lag, ms; 0 where it lacks nothing.
    """
    moments = np.asarray(at_ms, dtype=np.float64)
    has = trace.at(node, _POSITION_OF[kind], moments)
    return _age_of_next(trace, has, moments)


def lag_writes(trace: Trace, node: str, kind: LagKind, at_ms: ArrayLike) -> Ints:
    """Return by how many writes a replica is behind the leader's flushed log: ndarray, shape of ``at_ms``."""
    moments = np.asarray(at_ms, dtype=np.float64)
    behind = trace.at(trace.nodes[0], Position.FLUSHED, moments) - trace.at(node, _POSITION_OF[kind], moments)
    missing: Ints = np.maximum(behind, 0)
    return missing


def lag_curve(trace: Trace, node: str, kind: LagKind = "replay", bins: int = 300) -> tuple[Floats, Floats]:
    """Return the worst lag in each of ``bins`` equal intervals: their ends (ms) and the lag (ms), shape (bins,)."""
    times, lsns = trace.steps(node, _POSITION_OF[kind])
    ends = np.linspace(0, trace.duration_ms, bins + 1)[1:]
    before = np.concatenate([[0], lsns])[: len(times)]
    peaks = _age_of_next(trace, before, times)  # just before each step the lag is at its largest
    worst = lag(trace, node, kind, ends)
    np.maximum.at(worst, np.minimum(np.searchsorted(ends, times), bins - 1), peaks)
    return ends, worst


def _age_of_next(trace: Trace, has: Ints, moments: Floats) -> Floats:
    """Return how long ago the leader flushed the write after each LSN, ms; 0 where it had not yet."""
    times, lsns = trace.steps(trace.nodes[0], Position.FLUSHED)
    index = np.searchsorted(lsns, has + 1)
    flushed = np.concatenate([times, [np.inf]])[index]
    return np.where(flushed <= moments, moments - flushed, 0.0)
