"""How far a replica is behind, in time and in writes."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ..timelines import Fork, Timelines
from ..trace import Floats, Ints, Position, Role, Trace

LagKind = Literal["write", "flush", "replay"]

_SAMPLES = 4  # of each interval of a curve where timelines fork
_POSITION_OF = {"write": Position.RECEIVED, "flush": Position.FLUSHED, "replay": Position.REPLAYED}


def lag(trace: Trace, node: str, kind: LagKind, at_ms: ArrayLike) -> Floats:
    """Return by how much time a node is behind: the age of the oldest write of the newest leader that it lacks.

    The age counts from the leader's flush of that write; the leader itself is 0 behind. This is the lag as it is at the
    moment, also while nothing moves; ``pg_stat_replication`` shows the lag of the last write that the replica reported,
    a sample of the past.

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
    if trace.states.term.max(initial=1) == 1:
        return _age_of_next(trace, has, moments)
    if kind == "replay":
        has = Timelines(trace).shown(node, moments)
    else:  # what a leader had flushed it has, though it received nothing
        has = np.maximum(has, trace.at(node, Position.FLUSHED, moments))
    flat = _behind_the_newest(trace, node, np.atleast_1d(has), np.atleast_1d(moments))
    return flat.reshape(moments.shape)


def lag_writes(trace: Trace, node: str, kind: LagKind, at_ms: ArrayLike) -> Ints:
    """Return by how many writes a replica is behind the first leader's flushed log: ndarray, shape of ``at_ms``."""
    moments = np.asarray(at_ms, dtype=np.float64)
    behind = trace.at(trace.nodes[0], Position.FLUSHED, moments) - trace.at(node, _POSITION_OF[kind], moments)
    missing: Ints = np.maximum(behind, 0)
    return missing


def lag_curve(trace: Trace, node: str, kind: LagKind = "replay", bins: int = 300) -> tuple[Floats, Floats]:
    """Return the worst lag in each of ``bins`` equal intervals: their ends (ms) and the lag (ms), shape (bins,)."""
    times, lsns = trace.steps(node, _POSITION_OF[kind])
    ends = np.linspace(0, trace.duration_ms, bins + 1)[1:]
    if trace.states.term.max(initial=1) > 1:
        within = np.linspace(0, trace.duration_ms, _SAMPLES * bins + 1)[1:]
        return ends, lag(trace, node, kind, within).reshape(bins, _SAMPLES).max(axis=1)
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


def _behind_the_newest(trace: Trace, node: str, has: Ints, moments: Floats) -> Floats:
    """Return the age of the first write that a node lacks of the newest timeline at each moment, ms."""
    timelines, found = Timelines(trace), np.zeros(len(moments))
    term = timelines.term_at(np.full(len(moments), trace.number(node)), moments)
    forks = list(timelines.forks.values())
    for fork, until in zip(forks, [*(later.at_ms for later in forks[1:]), np.inf], strict=True):
        here = np.flatnonzero((moments >= fork.at_ms) & (moments < until))
        if node == fork.node or not len(here):
            continue
        shared = np.array([timelines.common(int(own), fork.term) for own in term[here]])
        came = _flushed_at(trace, timelines, fork, np.minimum(has[here], shared).astype(np.int64) + 1)
        found[here] = np.where(came <= moments[here], moments[here] - came, 0.0)
    return found


def _flushed_at(trace: Trace, timelines: Timelines, fork: Fork, lsn: Ints) -> Floats:
    """Return when each position of a timeline was flushed by who led it then, ms; infinite where it was not."""
    states = trace.states
    led = (states.node == trace.number(fork.node)) & (states.term == fork.term) & (states.role == Role.LEADER)
    times, lsns = trace.steps(fork.node, Position.FLUSHED)
    own = (times >= fork.at_ms) & (times <= float(states.end[led].max()))
    index = np.searchsorted(np.maximum.accumulate(lsns[own]), lsn)
    found = np.concatenate([times[own], [np.inf]])[index]
    parent = timelines.forks.get(fork.parent)
    if parent is None or not (lsn <= fork.lsn).any():
        return found
    return np.where(lsn <= fork.lsn, _flushed_at(trace, timelines, parent, lsn), found)
