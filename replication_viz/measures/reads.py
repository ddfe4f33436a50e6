"""What reads saw, and whether it was old."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..trace import Ints, OpKind, Ops, Outcome, Position, Trace
from .answers import writes
from .quorums import freshness


@dataclass(frozen=True, eq=False)
class OldReads:
    """The answered reads that got an old value, in order of time.

    Attributes
    ----------
    reads : Ops
        The reads themselves.
    missed : ndarray, shape (n,)
        For each the LSN of the write that it should have seen: the last one to its key that had been acknowledged.
    newest : ndarray, shape (n,)
        For each up to which LSN all had been acknowledged.
    """

    reads: Ops
    missed: Ints
    newest: Ints

    def __len__(self) -> int:
        return len(self.reads)


def stale_reads(trace: Trace) -> float:
    """Return the share (0 to 1) of answered reads that got an old value; NaN without reads.

    Old means: a later write to the same key had been acknowledged before the read began.
    """
    answered = len(_answered_reads(trace))
    return len(old_reads(trace)) / answered if answered else float("nan")


def old_reads(trace: Trace) -> OldReads:
    """Return the answered reads that got an old value, and what each missed."""
    if trace.scenario.topology == "leaderless":
        found = freshness(trace)
        old = np.flatnonzero(~found.fresh)
        return OldReads(found.reads.where(old), found.missed[old], found.missed[old])
    reads = _answered_reads(trace)
    newest = trace.at(trace.nodes[0], Position.COMMITTED, reads.invoked)
    known = writes(trace)
    seen, missed = last_write(known, reads.key, reads.lsn), last_write(known, reads.key, newest)
    old = np.flatnonzero(seen < missed)
    return OldReads(reads.where(old), missed[old], newest[old])


def _answered_reads(trace: Trace) -> Ops:
    return trace.ops.where((trace.ops.kind == OpKind.READ) & (trace.ops.outcome == Outcome.OK))


def last_write(ops: Ops, key: Ints, upto: Ints) -> Ints:
    """Return the LSN of the last of these writes to each key at or below an LSN; 0 where there is none.

    Parameters
    ----------
    key, upto : ndarray, shape (n,)
        Keys, and the LSN to look back from.
    """
    return ops.last_write(key, upto)
