"""Numbers from a trace, vectorised. What is counted and how is said here, once; pictures and tables only show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .trace import Floats, Ints, OpKind, Ops, Outcome, Position, Trace

LagKind = Literal["write", "flush", "replay"]

_POSITION_OF = {"write": Position.RECEIVED, "flush": Position.FLUSHED, "replay": Position.REPLAYED}


@dataclass(frozen=True)
class Measure:
    """One number of a summary, with its unit and what it means."""

    name: str
    value: float
    unit: str
    note: str = ""


@dataclass(frozen=True, eq=False)
class Latency:
    """How long the answered writes took.

    Attributes
    ----------
    samples : ndarray, shape (n_answered,)
        From invocation to answer, ms, in order of invocation.
    unanswered : int
        Writes without an answer when the run ended, or that a crash left in doubt.
    failed : int
        Writes that were refused.
    """

    samples: Floats
    unanswered: int
    failed: int = 0

    def quantile(self, share: float) -> float:
        """Return the latency, ms, that a share (0 to 1) of the answered writes stayed within; NaN if none was."""
        return float(np.quantile(self.samples, share)) if len(self.samples) else float("nan")

    @property
    def p50(self) -> float:
        """Median, ms."""
        return self.quantile(0.5)

    @property
    def p99(self) -> float:
        """99th percentile, ms."""
        return self.quantile(0.99)

    @property
    def p999(self) -> float:
        """99.9th percentile, ms."""
        return self.quantile(0.999)

    @property
    def mean(self) -> float:
        """Mean, ms."""
        return float(self.samples.mean()) if len(self.samples) else float("nan")

    def __repr__(self) -> str:
        return (
            f"Latency(p50={self.p50:.2f} ms, p99={self.p99:.2f} ms, p999={self.p999:.2f} ms, "
            f"answered={len(self.samples)}, unanswered={self.unanswered}, failed={self.failed})"
        )


@dataclass(frozen=True, eq=False)
class Loss:
    """What a crash of the leader would take.

    Attributes
    ----------
    at_ms : ndarray, shape (n,)
        Moments of the crash, ms.
    lost : ndarray, shape (n,)
        How many acknowledged writes the promoted replica does not have.
    promoted : ndarray of str, shape (n,)
        Who is promoted; empty where no replica is up, and then everything acknowledged is lost.
    writes : Ops
        The lost writes of the last moment in ``at_ms``, by name.
    """

    at_ms: Floats
    lost: Ints
    promoted: NDArray[np.str_]
    writes: Ops

    def __repr__(self) -> str:
        if len(self.at_ms) == 1:
            return f"Loss({self.lost[0]} acknowledged writes at {self.at_ms[0]:g} ms, {self.promoted[0]} promoted)"
        return f"Loss({len(self.at_ms)} moments, mean {self.lost.mean():.1f}, worst {self.lost.max()})"


def writes(trace: Trace) -> Ops:
    """Return the writes among the operations."""
    return trace.ops.where(trace.ops.kind == OpKind.WRITE)


def commit_latency(trace: Trace, since_ms: float = 0.0, until_ms: float = np.inf) -> Latency:
    """Return how long the writes took that were invoked from ``since_ms`` on and before ``until_ms``."""
    ops = writes(trace)
    ops = ops.where((ops.invoked >= since_ms) & (ops.invoked < until_ms))
    answered = ops.outcome == Outcome.OK
    failed = int((ops.outcome == Outcome.FAILED).sum())
    return Latency(
        samples=(ops.returned - ops.invoked)[answered],
        unanswered=int((~answered).sum()) - failed,
        failed=failed,
    )


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
    return np.maximum(behind, 0)


def lag_curve(trace: Trace, node: str, kind: LagKind = "replay", bins: int = 300) -> tuple[Floats, Floats]:
    """Return the worst lag in each of ``bins`` equal intervals: their ends (ms) and the lag (ms), shape (bins,)."""
    times, lsns = trace.steps(node, _POSITION_OF[kind])
    ends = np.linspace(0, trace.duration_ms, bins + 1)[1:]
    before = np.concatenate([[0], lsns])[: len(times)]
    peaks = _age_of_next(trace, before, times)  # just before each step the lag is at its largest
    worst = lag(trace, node, kind, ends)
    np.maximum.at(worst, np.minimum(np.searchsorted(ends, times), bins - 1), peaks)
    return ends, worst


def latency_curve(trace: Trace, bins: int = 300) -> tuple[Floats, Floats]:
    """Return commit latency over time: interval ends (ms) and latency (ms), each shape (bins,).

    In each interval it is the larger of two: the median of the writes answered in it, and the time that the oldest
    write still waiting at its end has waited. NaN where neither exists.
    """
    ops = writes(trace)
    ends = np.linspace(0, trace.duration_ms, bins + 1)[1:]
    curve = np.full(bins, np.nan)
    answered = ops.outcome == Outcome.OK
    which = np.minimum(np.searchsorted(ends, ops.returned[answered]), bins - 1)
    took = (ops.returned - ops.invoked)[answered]
    order = np.lexsort((took, which))
    which, took = which[order], took[order]
    present, start, count = np.unique(which, return_index=True, return_counts=True)
    curve[present] = (took[start + (count - 1) // 2] + took[start + count // 2]) / 2
    return ends, np.fmax(curve, oldest_waiting(trace, ends))


def oldest_waiting(trace: Trace, at_ms: ArrayLike) -> Floats:
    """Return how long the oldest unanswered write has waited, ms, shape of ``at_ms``; NaN where none waits."""
    ops = writes(trace)
    taken = ops.outcome != Outcome.FAILED
    invoked = ops.invoked[taken]
    returned = np.nan_to_num(ops.returned[taken], nan=np.inf)
    moments = np.asarray(at_ms, dtype=np.float64)
    if not len(invoked):
        return np.full(moments.shape, np.nan)
    settled = np.maximum.accumulate(returned)  # when every write up to this one had its answer
    oldest = np.searchsorted(settled, moments, side="right")
    begun = invoked[np.minimum(oldest, len(invoked) - 1)]
    return np.where((oldest < len(invoked)) & (begun <= moments), moments - begun, np.nan)


def waiting(trace: Trace, at_ms: ArrayLike) -> Ints:
    """Return how many writes wait for their answer, shape of ``at_ms``."""
    ops = writes(trace)
    taken = ops.outcome != Outcome.FAILED
    returned = np.sort(np.nan_to_num(ops.returned[taken], nan=np.inf))
    moments = np.asarray(at_ms, dtype=np.float64)
    came: Ints = np.searchsorted(ops.invoked[taken], moments, side="right")
    return came - np.searchsorted(returned, moments, side="right")


def loss(trace: Trace, at_ms: ArrayLike, promote: str = "best") -> Loss:
    """Return which acknowledged writes are gone if the leader dies, at one or at many moments of one run.

    What a replica has received survives on it, replayed or not. The links are cut with the crash: a batch still on its
    way counts as lost.

    Parameters
    ----------
    at_ms : array_like
        Moments of the crash, ms.
    promote : str
        ``best``: the most advanced replica that is up; ``worst``: the least advanced; or a replica's name.

    Raises
    ------
    ValueError
        If ``promote`` is none of these.
    """
    moments = np.atleast_1d(np.asarray(at_ms, dtype=np.float64))
    replicas = trace.nodes[1:]
    if promote not in ("best", "worst", *replicas):
        raise ValueError(f"promote is {promote!r}: it must be 'best', 'worst' or one of {', '.join(replicas)}.")
    chosen = replicas if promote in ("best", "worst") else (promote,)
    acknowledged = trace.at(trace.nodes[0], Position.COMMITTED, moments)
    if not chosen:
        return _loss(trace, moments, acknowledged, np.zeros_like(acknowledged), np.full(len(moments), ""))
    heads = np.array([trace.at(name, Position.RECEIVED, moments) for name in chosen])
    up = np.array([_is_up(trace, name, moments) for name in chosen])
    worst = promote == "worst"
    ranked = np.where(up, heads, np.iinfo(np.int64).max if worst else -1)
    index = ranked.argmin(axis=0) if worst else ranked.argmax(axis=0)
    names = np.where(up.any(axis=0), np.array(chosen)[index], "")
    head = np.where(up.any(axis=0), heads[index, np.arange(len(moments))], 0)
    return _loss(trace, moments, acknowledged, head, names)


def stale_reads(trace: Trace) -> float:
    """Return the share (0 to 1) of answered reads that got an old value; NaN without reads.

    Old means: a later write to the same key had been acknowledged before the read began.
    """
    reads = trace.ops.where((trace.ops.kind == OpKind.READ) & (trace.ops.outcome == Outcome.OK))
    if not len(reads):
        return float("nan")
    acknowledged = trace.at(trace.nodes[0], Position.COMMITTED, reads.invoked)
    known = writes(trace)
    return float((last_write(known, reads.key, reads.lsn) < last_write(known, reads.key, acknowledged)).mean())


def last_write(ops: Ops, key: Ints, upto: Ints) -> Ints:
    """Return the LSN of the last of these writes to each key at or below an LSN; 0 where there is none.

    Parameters
    ----------
    key, upto : ndarray, shape (n,)
        Keys, and the LSN to look back from.
    """
    logged = ops.lsn > 0
    span = np.int64(ops.lsn.max(initial=0) + 1)
    places = np.sort(ops.key[logged] * span + ops.lsn[logged])
    index = np.searchsorted(places, key * span + np.minimum(upto, span - 1), side="right") - 1
    found = places[np.maximum(index, 0)] if len(places) else np.zeros(len(key), dtype=np.int64)
    return np.where((index >= 0) & (found // span == key), found % span, 0)


def answered_within(trace: Trace, limit_ms: float) -> float:
    """Return the share (0 to 1) of writes answered within a limit, ms, of those that had the time in this run."""
    ops = writes(trace)
    ops = ops.where(ops.invoked + limit_ms <= trace.duration_ms)
    if not len(ops):
        return float("nan")
    return float(((ops.outcome == Outcome.OK) & (ops.returned - ops.invoked <= limit_ms)).mean())


def summary(trace: Trace) -> list[Measure]:
    """Return the numbers that answer most questions about a run."""
    latency = commit_latency(trace)
    seconds = trace.duration_ms / 1000
    moments = np.linspace(0, trace.duration_ms, 401)[1:]
    at_risk = loss(trace, moments)
    rows = [
        Measure("writes answered", len(latency.samples), "", f"{len(latency.samples) / seconds:.0f} a second"),
        Measure("writes refused", latency.failed, ""),
        Measure("writes without an answer", latency.unanswered, "", "when the run ended, or left in doubt by a crash"),
        Measure("commit latency, median", latency.p50, "ms"),
        Measure("commit latency, 99 %", latency.p99, "ms"),
        Measure("commit latency, 99.9 %", latency.p999, "ms"),
        Measure("lost if the leader dies, mean", float(at_risk.lost.mean()), "writes", "best replica promoted"),
        Measure("lost if the leader dies, worst moment", int(at_risk.lost.max()), "writes"),
    ]
    for name in trace.nodes[1:]:
        for kind in ("write", "flush", "replay"):
            _, worst = lag_curve(trace, name, kind, bins=100)
            rows.append(Measure(f"{kind} lag of {name}, median", float(np.median(worst)), "ms", f"worst {worst.max():.1f} ms"))
    stale = stale_reads(trace)
    if not np.isnan(stale):
        rows.append(Measure("reads that got an old value", 100 * stale, "%"))
    return rows


def _age_of_next(trace: Trace, has: Ints, moments: Floats) -> Floats:
    """Return how long ago the leader flushed the write after each LSN, ms; 0 where it had not yet."""
    times, lsns = trace.steps(trace.nodes[0], Position.FLUSHED)
    index = np.searchsorted(lsns, has + 1)
    flushed = np.concatenate([times, [np.inf]])[index]
    return np.where(flushed <= moments, moments - flushed, 0.0)


def _is_up(trace: Trace, node: str, moments: Floats) -> NDArray[np.bool_]:
    states = trace.states
    up = np.ones(len(moments), dtype=np.bool_)
    for row in np.flatnonzero((states.node == trace.number(node)) & ~states.up):
        up &= ~((moments >= states.begin[row]) & (moments < states.end[row]))
    return up


def _loss(trace: Trace, moments: Floats, acknowledged: Ints, head: Ints, promoted: NDArray[np.str_]) -> Loss:
    ops = writes(trace)
    gone = ops.where((ops.outcome == Outcome.OK) & (ops.returned <= moments[-1]) & (ops.lsn > head[-1]))
    return Loss(moments, np.maximum(acknowledged - head, 0), promoted, gone)
