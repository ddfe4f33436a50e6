"""What sessions were served: reads that missed their own write or went back in time, and what it cost to avoid both."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from numpy.typing import ArrayLike

from ..timelines import Timelines
from ..trace import Flags, Floats, Ints, OpKind, Ops, Outcome, Role, Trace
from .answers import writes


@dataclass(frozen=True)
class Served:
    """How a run served its sessions.

    Attributes
    ----------
    reads : int
        Answered reads.
    missed_own : float
        Share of the reads after an own write to the same key that missed it, 0 to 1; NaN where there is none.
    went_back : float
        Share of the reads after an own read of the same key that saw an older write than that, 0 to 1; NaN where there
        is none.
    broken : float
        Share of all reads that did one or the other, 0 to 1.
    leader_share : float
        Share of the reads that a leader answered, 0 to 1.
    wait_ms : float
        Mean time that reads waited, ms.
    """

    reads: int
    missed_own: float
    went_back: float
    broken: float
    leader_share: float
    wait_ms: float


def served(trace: Trace) -> Served:
    """Return how a run served its sessions. A client is a session; only runs with one timeline are judged.

    Raises
    ------
    ValueError
        If the run has no reads.
    """
    ops = trace.ops
    reads = ops.where((ops.kind == OpKind.READ) & (ops.outcome == Outcome.OK))
    if not len(reads):
        raise ValueError("the run has no answered reads: set reads_per_s or reread_ms.")
    writes = ops.where((ops.kind == OpKind.WRITE) & (ops.outcome == Outcome.OK))
    seen = ops.where((ops.kind == OpKind.WRITE) & (ops.lsn > 0)).last_write(reads.key, reads.lsn)
    newest = _newest_own(writes, reads)
    before = _seen_before(reads, seen)
    missed, back = seen < newest, seen < before
    return Served(
        reads=len(reads),
        missed_own=_share(missed, newest > 0),
        went_back=_share(back, before >= 0),
        broken=float((missed | back).mean()),
        leader_share=float(np.isin(reads.node, _leaders(trace)).mean()),
        wait_ms=float((reads.returned - reads.invoked).mean()),
    )


def missed_after(trace: Trace, node: str, think_ms: ArrayLike) -> Floats:
    """Return which share of the writes a reader at a node would miss who asks so long after the answer.

    Parameters
    ----------
    node : str
        Where the read goes.
    think_ms : array_like, shape (n,)
        Time from the answer to the write until the read, ms.

    Returns
    -------
    ndarray, shape (n,)
        Shares of the acknowledged writes, 0 to 1; NaN without any. Writes whose read would come after the end of the
        run are not counted.
    """
    known = writes(trace)
    known = known.where(known.outcome == Outcome.OK)
    thinking = np.atleast_1d(np.asarray(think_ms, dtype=np.float64))
    shares = np.full(len(thinking), np.nan)
    for place, think in enumerate(thinking.tolist()):
        moments = known.returned + think
        asked = moments <= trace.duration_ms
        if asked.any():
            shares[place] = (Timelines(trace).shown(node, moments[asked]) < known.lsn[asked]).mean()
    return shares


def _newest_own(writes: Ops, reads: Ops) -> Ints:
    """Return for each read the LSN of the last write to its key that its client had been told of; 0 for none."""
    found = np.zeros(len(reads), dtype=np.int64)
    own = _pairs(writes.client, writes.key)
    asked = _pairs(reads.client, reads.key)
    order = np.lexsort((writes.returned, own))
    ranked, told, lsns = own[order], writes.returned[order], writes.lsn[order]
    begins, ends = (np.searchsorted(ranked, asked, side=side) for side in ("left", "right"))
    for row in np.flatnonzero(begins < ends).tolist():
        upto = begins[row] + np.searchsorted(told[begins[row] : ends[row]], reads.invoked[row], side="right")
        if upto > begins[row]:
            found[row] = lsns[begins[row] : upto].max()
    return found


def _seen_before(reads: Ops, seen: Ints) -> Ints:
    """Return the newest write that an earlier answer had shown each read's client under its key; -1 for none.

    A read that had no answer yet when the other was asked is not earlier.
    """
    before = np.full(len(reads), -1)
    newest: dict[int, int] = {}
    answers: list[tuple[float, int, int]] = []
    rows = zip(_pairs(reads.client, reads.key).tolist(), reads.invoked.tolist(), reads.returned.tolist(), strict=True)
    for row, (pair, asked, answered) in enumerate(rows):
        while answers and answers[0][0] <= asked:
            _, whose, write = heappop(answers)
            newest[whose] = max(newest.get(whose, -1), write)
        before[row] = newest.get(pair, -1)
        heappush(answers, (answered, pair, int(seen[row])))
    return before


def _pairs(client: Ints, key: Ints) -> Ints:
    return client * np.int64(2**32) + key


def _share(which: Flags, of: Flags) -> float:
    return float(which[of].mean()) if of.any() else float("nan")


def _leaders(trace: Trace) -> Ints:
    return np.unique(trace.states.node[trace.states.role == Role.LEADER])
