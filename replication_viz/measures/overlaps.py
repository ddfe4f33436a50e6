"""Without a leader: how many nodes the write set of the newest write and the read set of a read had in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..trace import Flags, FlightKind, Ints, OpKind, Ops, Outcome, Trace
from .quorums import newest_acknowledged


@dataclass(frozen=True, eq=False)
class Overlaps:
    """The answered reads of a key that some write had been acknowledged for, in order of time.

    Attributes
    ----------
    reads : Ops
        The reads themselves.
    shared : ndarray, shape (n,)
        How many nodes had answered both the read and the newest write that had been acknowledged before it.
    fresh : ndarray of bool, shape (n,)
        Whether the read returned that write, or a newer one.
    """

    reads: Ops
    shared: Ints
    fresh: Flags

    def __len__(self) -> int:
        return len(self.reads)


def overlaps(trace: Trace) -> Overlaps:
    """Return what the two sets of each read had in common: those who had answered when the client was told.

    Nothing in common does not mean an old value, for a write goes on to further copies after its acknowledgement. The
    other way round it holds, if nobody stands in: a read that shares a copy with the write has seen it.
    """
    ops, heard = trace.ops, _heard(trace)
    rows = np.flatnonzero((ops.kind == OpKind.READ) & (ops.outcome == Outcome.OK))
    missed, _ = newest_acknowledged(trace, ops.key[rows], ops.invoked[rows])
    rows, missed = rows[missed > 0], missed[missed > 0]
    writes = np.flatnonzero((ops.kind != OpKind.READ) & (ops.lsn > 0))
    row_of = np.zeros(int(ops.lsn.max(initial=0)) + 1, dtype=np.int64)
    row_of[ops.lsn[writes]] = writes
    shared = (heard[rows] & heard[row_of[missed]]).sum(axis=1)
    return Overlaps(ops.where(rows), shared, ops.lsn[rows] >= missed)


def _heard(trace: Trace) -> Flags:
    """Return for each operation and node whether its answer had come when the client was told."""
    ops, flights = trace.ops, trace.flights
    told = np.nan_to_num(ops.returned, nan=np.inf)
    found: Flags = np.zeros((len(ops), len(trace.nodes)), dtype=np.bool_)
    answers = np.isin(flights.kind, (FlightKind.STORED, FlightKind.ANSWER)) & ~flights.lost & (flights.lsn_from >= 0)
    rows = np.flatnonzero(answers)
    asked = flights.lsn_from[rows]
    own = (ops.kind[asked] == OpKind.READ) == (flights.kind[rows] == FlightKind.ANSWER)  # not of a read's repair
    own &= flights.arrived[rows] <= told[asked]
    found[asked[own], flights.source[rows[own]]] = True
    return found
