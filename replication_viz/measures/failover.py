"""Failover: who took writes when, how long two did or nobody did, and which acknowledged writes did not survive it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from ..timelines import Timelines
from ..trace import Flags, Floats, MarkKind, OpKind, Ops, Outcome, Role, Trace
from .pool import longest_silence


@dataclass(frozen=True)
class Reign:
    """A spell in which a node took writes.

    Attributes
    ----------
    node : str
    term : int
        Its timeline.
    begin_ms, end_ms : float
    """

    node: str
    term: int
    begin_ms: float
    end_ms: float

    def __contains__(self, moment_ms: float) -> bool:
        return self.begin_ms <= moment_ms < self.end_ms


@dataclass(frozen=True)
class Drill:
    """A failover, as one judges it afterwards.

    Attributes
    ----------
    detected_ms, promoted_ms : float
        From the first fault until a controller gave the leader up, and until the next one took writes; NaN where that
        did not happen.
    outage_ms : float
        The longest time in which no write was acknowledged.
    two_leaders_ms : float
        How long two nodes took writes.
    lost : int
        Acknowledged writes that did not survive.
    """

    detected_ms: float
    promoted_ms: float
    outage_ms: float
    two_leaders_ms: float
    lost: int

    def sentence(self) -> str:
        """Return it as one sentence."""
        noticed = "no alarm" if np.isnan(self.detected_ms) else f"noticed after {self.detected_ms / 1000:.1f} s"
        return (
            f"{noticed}, writes again after {self.outage_ms / 1000:.1f} s; "
            f"two leaders for {self.two_leaders_ms / 1000:.1f} s, {self.lost:,} acknowledged writes lost"
        )


def reigns(trace: Trace) -> list[Reign]:
    """Return the spells in which nodes took writes, in order of their begin."""
    states = trace.states
    rows = np.flatnonzero((states.role == Role.LEADER) & states.up & ~states.fenced)
    return [
        Reign(trace.nodes[node], term, begin, end)
        for node, term, begin, end in zip(
            states.node[rows].tolist(),
            states.term[rows].tolist(),
            states.begin[rows].tolist(),
            states.end[rows].tolist(),
            strict=True,
        )
    ]


def leaders_at(trace: Trace, at_ms: float) -> list[Reign]:
    """Return who takes writes at a moment (ms), the newest timeline last."""
    last = at_ms >= trace.duration_ms
    now = [reign for reign in reigns(trace) if at_ms in reign or (last and reign.end_ms >= trace.duration_ms)]
    return sorted(now, key=lambda reign: reign.term)


def two_leaders_ms(trace: Trace, until_ms: float = np.inf) -> float:
    """Return for how long, up to a moment, two or more nodes took writes, ms."""
    spells = reigns(trace)
    edges = sorted({min(edge, until_ms) for reign in spells for edge in (reign.begin_ms, reign.end_ms)})
    return sum(
        end - begin
        for begin, end in pairwise(edges)
        if sum(reign.begin_ms <= begin < reign.end_ms for reign in spells) > 1
    )


def two_acknowledge_ms(trace: Trace) -> float:
    """Return for how long an old leader went on acknowledging after the next had begun to, ms: 0 where it did not.

    This is what a fence must make 0; two nodes that take writes do no harm as long as one of them answers none.
    """
    return sum(end - begin for begin, end in both_acknowledge(trace))


def both_acknowledge(trace: Trace) -> list[tuple[float, float]]:
    """Return when an old leader still acknowledged although the next had begun to: begins and ends, ms."""
    answered = _acknowledged(trace)
    term = Timelines(trace).term_of(answered)
    spells = []
    for newer in np.unique(term)[1:].tolist():
        begin = float(answered.returned[term == newer].min())
        older = answered.returned[(term < newer) & (answered.returned > begin)]
        if len(older):
            spells.append((begin, float(older.max())))
    return spells


def diverged(trace: Trace) -> Ops:
    """Return the writes that an old leader acknowledged after the next had begun to, in order of invocation.

    A fence prevents these. It does not prevent the loss of what the old leader acknowledged before, and nobody else
    has: `lost` counts both.
    """
    answered = _acknowledged(trace)
    term = Timelines(trace).term_of(answered)
    late = np.zeros(len(answered), dtype=np.bool_)
    for newer in np.unique(term)[1:].tolist():
        late |= (term < newer) & (answered.returned > answered.returned[term == newer].min())
    return answered.where(late)


def lost(trace: Trace, at_ms: float | None = None) -> Ops:
    """Return the acknowledged writes that the newest timeline does not hold, in order of invocation.

    Parameters
    ----------
    at_ms : float, optional
        Judge what had been acknowledged by a moment, by the newest timeline then; by default at the end of the run.
    """
    moment = trace.duration_ms if at_ms is None else at_ms
    timelines = Timelines(trace)
    answered = _acknowledged(trace)
    answered = answered.where(answered.returned <= moment)
    begun = [fork for fork in timelines.forks.values() if fork.at_ms <= moment]
    newest = max(begun, key=lambda fork: fork.term)
    if newest.parent == 0:
        return answered.where(timelines.erased(answered))
    far = int(answered.lsn.max(initial=0)) + 1
    return answered.where(~timelines.holds(answered, newest.term, far))


def lost_curve(trace: Trace, at_ms: ArrayLike) -> Floats:
    """Return how many acknowledged writes the newest timeline does not hold at moments (ms): ndarray of that shape."""
    moments = np.atleast_1d(np.asarray(at_ms, dtype=np.float64))
    return np.array([float(len(lost(trace, moment))) for moment in moments]).reshape(np.shape(at_ms))


def acknowledged_by(trace: Trace) -> dict[tuple[str, int], int]:
    """Return how many writes each node acknowledged in each term: by node and term, in order of the terms."""
    answered = _acknowledged(trace)
    term = Timelines(trace).term_of(answered)
    pairs = sorted({*zip(term.tolist(), answered.node.tolist(), strict=True)})
    return {(trace.nodes[node], t): int(((term == t) & (answered.node == node)).sum()) for t, node in pairs}


def drill(trace: Trace) -> Drill:
    """Return how a run's failover went."""
    marks = trace.marks
    faults = [fault.at_ms for fault in trace.scenario.timeline]
    begin = faults[0] if faults else 0.0
    silent_since, answered_again = longest_silence(trace)
    return Drill(
        detected_ms=_first(marks.time[marks.kind == MarkKind.SUSPECTED], begin) - begin,
        promoted_ms=_first(marks.time[marks.kind == MarkKind.PROMOTED], begin) - begin,
        outage_ms=answered_again - silent_since,
        two_leaders_ms=two_leaders_ms(trace),
        lost=len(lost(trace)),
    )


def _acknowledged(trace: Trace) -> Ops:
    ops = trace.ops
    chosen: Flags = (ops.kind == OpKind.WRITE) & (ops.outcome == Outcome.OK)
    return ops.where(chosen)


def _first(times: Floats, since: float) -> float:
    after = times[times >= since]
    return float(after[0]) if len(after) else float("nan")
