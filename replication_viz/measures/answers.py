"""How long writes take to be answered, how many wait, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..trace import Floats, Ints, OpKind, Ops, Outcome, Trace


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


def writes(trace: Trace) -> Ops:
    """Return the writes among the operations."""
    return trace.ops.where(trace.ops.kind == OpKind.WRITE)


def commit_latency(trace: Trace, since_ms: float = 0.0, until_ms: float = np.inf) -> Latency:
    """Return how long the writes took that were invoked from ``since_ms`` on and before ``until_ms``."""
    return latency_of(writes(trace), since_ms, until_ms)


def latency_of(ops: Ops, since_ms: float = 0.0, until_ms: float = np.inf) -> Latency:
    """Return how long those of some operations took that were invoked from ``since_ms`` on and before ``until_ms``."""
    ops = ops.where((ops.invoked >= since_ms) & (ops.invoked < until_ms))
    answered = ops.outcome == Outcome.OK
    failed = int((ops.outcome == Outcome.FAILED).sum())
    return Latency(
        samples=(ops.returned - ops.invoked)[answered],
        unanswered=int((~answered).sum()) - failed,
        failed=failed,
    )


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


def answered_within(trace: Trace, limit_ms: float) -> float:
    """Return the share (0 to 1) of writes answered within a limit, ms, of those that had the time in this run."""
    ops = writes(trace)
    ops = ops.where(ops.invoked + limit_ms <= trace.duration_ms)
    if not len(ops):
        return float("nan")
    return float(((ops.outcome == Outcome.OK) & (ops.returned - ops.invoked <= limit_ms)).mean())
