"""Without a leader: what reads missed, how soon writes are seen, who holds what, what repair costs.

A write is acknowledged when its client has been told so. A read is stale if a newer version of its key had been
acknowledged before the read began: what is acknowledged later, or to nobody, it need not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ..chance import Proportion, wilson
from ..conflicts.merkle import HASH_BYTES
from ..scenario import Ring
from ..trace import Flags, FlightKind, Floats, Ints, OpKind, Ops, Outcome, Position, Trace
from .answers import Latency, latency_of

What = Literal["write", "read"]

_CHUNK = 4_000_000


@dataclass(frozen=True, eq=False)
class Freshness:
    """The answered reads of a key that some write had been acknowledged for, in order of time.

    Attributes
    ----------
    reads : Ops
        The reads themselves.
    missed : ndarray, shape (n,)
        For each the newest version that had been acknowledged when it began.
    t_ms : ndarray, shape (n,)
        How long before the read began that was acknowledged, ms.
    fresh : ndarray of bool, shape (n,)
        Whether the read returned it, or a newer one.
    behind : ndarray, shape (n,)
        How many acknowledged versions were newer than what it returned.
    """

    reads: Ops
    missed: Ints
    t_ms: Floats
    fresh: Flags
    behind: Ints

    def __len__(self) -> int:
        return len(self.reads)

    def within(self, versions: int) -> Proportion:
        """Return the share of reads that returned one of the last so many versions, or a newer one (k-staleness)."""
        return share(self.behind < versions)


@dataclass(frozen=True, eq=False)
class Visibility:
    """The share of fresh reads over the time since the acknowledgement: t-visibility.

    Attributes
    ----------
    t_ms : ndarray, shape (n_bins + 1,)
        Where the bins begin and end, ms.
    fresh, low, high : ndarray, shape (n_bins,)
        The share in each bin, and the interval that the probability is likely in; NaN where there was no read.
    reads : ndarray, shape (n_bins,)
        How many reads began so long after an acknowledgement.
    """

    t_ms: Floats
    fresh: Floats
    low: Floats
    high: Floats
    reads: Ints


@dataclass(frozen=True)
class QuorumSet:
    """The nodes that took part in one operation.

    Attributes
    ----------
    homes : tuple of str
        The nodes that hold its key, in order of preference.
    asked : tuple of str
        Who was sent the write, or asked for the value.
    answered : tuple of str
        Whose answer had come when the client was told, in order of coming: the write set, or the read set. If nobody
        has been told, whose answer has come at all.
    told_ms : float
        When the client was told, ms; NaN if it was not.
    """

    homes: tuple[str, ...]
    asked: tuple[str, ...]
    answered: tuple[str, ...]
    told_ms: float


@dataclass(frozen=True)
class SyncTraffic:
    """What anti-entropy sent.

    Attributes
    ----------
    messages : int
        Comparisons that were sent.
    compared_bytes : int
        Hashes of the trees, and keys with their versions.
    values : int
        Values sent to a node that lacked them.
    value_bytes : float
        Their size.
    """

    messages: int
    compared_bytes: int
    values: int
    value_bytes: float

    @property
    def bytes(self) -> float:
        """All of it, bytes."""
        return self.compared_bytes + self.value_bytes


def freshness(trace: Trace) -> Freshness:
    """Return how fresh the answered reads of a leaderless run were."""
    reads = trace.ops.where((trace.ops.kind == OpKind.READ) & (trace.ops.outcome == Outcome.OK))
    missed, since = newest_acknowledged(trace, reads.key, reads.invoked)
    known = missed > 0
    reads, missed, since = reads.where(known), missed[known], since[known]
    return Freshness(
        reads=reads,
        missed=missed,
        t_ms=reads.invoked - since,
        fresh=reads.lsn >= missed,
        behind=_behind(_acknowledged(trace), reads),
    )


def newest_acknowledged(trace: Trace, key: Ints, at_ms: Floats) -> tuple[Ints, Floats]:
    """Return the newest version of each key that had been acknowledged by a moment, and when that was.

    Parameters
    ----------
    key, at_ms : ndarray, shape (n,)
        Keys, and moments (ms).

    Returns
    -------
    version, acknowledged_ms : ndarray, shape (n,)
        0 and NaN where there was none.
    """
    done = _acknowledged(trace)
    done = done.where(np.argsort(done.returned, kind="stable"))
    version, since = np.zeros(len(key), dtype=np.int64), np.full(len(key), np.nan)
    for one in np.unique(key).tolist():
        there, asked = done.key == one, key == one
        if not there.any():
            continue
        times, versions = done.returned[there], done.lsn[there]
        newest = np.maximum.accumulate(versions)
        first = np.maximum.accumulate(np.where(versions == newest, np.arange(len(times)), 0))
        place = np.searchsorted(times, at_ms[asked], side="right") - 1
        found = np.maximum(place, 0)
        version[asked] = np.where(place >= 0, newest[found], 0)
        since[asked] = np.where(place >= 0, times[first[found]], np.nan)
    return version, since


def t_visibility(trace: Trace, t_ms: ArrayLike, confidence: float = 0.95) -> Visibility:
    """Return the share of fresh reads by how long after the acknowledgement of the newest version they began.

    Parameters
    ----------
    t_ms : array_like, shape (n_bins + 1,)
        Where the bins begin and end, ms, ascending; a read at an end is in the bin that begins there.
    confidence : float
        Of the interval, greater than 0, less than 1.

    Source
    ------
    Bailis et al., PVLDB 5(8), 2012, section 3.3, measured on a run; the interval is Wilson's, 1927.
    """
    edges = np.asarray(t_ms, dtype=np.float64)
    found = freshness(trace)
    place = np.searchsorted(edges, found.t_ms, side="right") - 1
    reads, hits = (
        np.array([int((chosen & (place == one)).sum()) for one in range(len(edges) - 1)], dtype=np.int64)
        for chosen in (np.ones(len(found), dtype=np.bool_), found.fresh)
    )
    intervals = [
        wilson(hit, count, confidence) if count else (np.nan, np.nan)
        for hit, count in zip(hits.tolist(), reads.tolist(), strict=True)
    ]
    fresh = np.divide(hits, reads, out=np.full(len(reads), np.nan), where=reads > 0)
    low, high = (np.array([float(ends[side]) for ends in intervals]) for side in (0, 1))
    return Visibility(edges, fresh, low, high, reads)


def operation_latency(trace: Trace, what: What, since_ms: float = 0.0, until_ms: float = np.inf) -> Latency:
    """Return how long the reads or the writes took, deletes among them, that were invoked in a time (ms)."""
    return latency_of(_operations(trace, what), since_ms, until_ms)


def answered_share(trace: Trace, what: What, since_ms: float = 0.0, until_ms: float = np.inf) -> Proportion:
    """Return the share of the reads or writes, invoked in a time (ms), that succeeded, of those whose end is known."""
    ops = _operations(trace, what)
    ops = ops.where((ops.invoked >= since_ms) & (ops.invoked < until_ms) & ~np.isnan(ops.returned))
    return share(ops.outcome == Outcome.OK)


def concurrent_writes(trace: Trace) -> Ints:
    """Return the pairs of writes to one key of which neither had been answered when the other was asked for.

    Which of the two is kept is left to the versions: the other one, acknowledged or not, is discarded and nobody told.

    Returns
    -------
    ndarray, shape (n, 2)
        Rows of `Trace.ops`, the one that is discarded first.
    """
    ops = trace.ops
    rows = np.flatnonzero(_writes(ops) & (ops.lsn > 0))
    rows = rows[np.argsort(ops.key[rows], kind="stable")]
    pairs = []
    for group in np.split(rows, np.flatnonzero(np.diff(ops.key[rows])) + 1):
        ends = np.nan_to_num(ops.returned[group], nan=np.inf)
        beyond = np.searchsorted(ops.invoked[group], ends, side="left")
        pairs += [(int(group[i]), int(group[j])) for i, upto in enumerate(beyond.tolist()) for j in range(i + 1, upto)]
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)


def holders(trace: Trace, key: int, at_ms: float, hinted: bool = False) -> dict[str, int]:
    """Return which version of a key each node holds at a moment (ms), 0 for none; or keeps for other nodes."""
    found = trace.holdings(at_ms, Position.HINTED if hinted else Position.STORED)
    return {name: held.get(key, 0) for name, held in zip(trace.nodes, found, strict=True)}


def quorum_set(trace: Trace, operation: int) -> QuorumSet:
    """Return who took part in an operation.

    Parameters
    ----------
    operation : int
        Its row in `Trace.ops`.
    """
    ops, flights = trace.ops, trace.flights
    is_write = bool(_writes(ops)[operation])
    out, back = (FlightKind.STORE, FlightKind.STORED) if is_write else (FlightKind.ASK, FlightKind.ANSWER)
    told = float(ops.returned[operation])
    own = flights.lsn_from == operation
    heard = own & (flights.kind == back) & ~flights.lost & (flights.arrived <= np.nan_to_num(told, nan=np.inf))
    come = np.flatnonzero(heard)
    come = come[np.argsort(flights.arrived[come], kind="stable")]
    names = trace.nodes
    return QuorumSet(
        homes=tuple(names[node] for node in Ring(trace.scenario).homes(int(ops.key[operation]))),
        asked=tuple(names[node] for node in flights.target[own & (flights.kind == out)].tolist()),
        answered=tuple(names[node] for node in flights.source[come].tolist()),
        told_ms=told,
    )


def sync_traffic(trace: Trace) -> SyncTraffic:
    """Return how much anti-entropy sent in a run."""
    flights = trace.flights
    compared = flights.kind == FlightKind.SYNC
    values = int(((flights.kind == FlightKind.REPAIR) & (flights.lsn_from < 0)).sum())
    return SyncTraffic(
        messages=int(compared.sum()),
        compared_bytes=int(flights.lsn_to[compared].sum()) * HASH_BYTES,
        values=values,
        value_bytes=values * trace.scenario.record_bytes,
    )


def share(hits: Flags, confidence: float = 0.95) -> Proportion:
    """Return how often something was so, with Wilson's interval; NaN of nothing."""
    if not len(hits):
        return Proportion(float("nan"), float("nan"), float("nan"))
    low, high = wilson(int(hits.sum()), len(hits), confidence)
    return Proportion(float(hits.mean()), float(low), float(high))


def _writes(ops: Ops) -> Flags:
    return np.isin(ops.kind, (OpKind.WRITE, OpKind.DELETE))


def _operations(trace: Trace, what: What) -> Ops:
    return trace.ops.where(_writes(trace.ops) if what == "write" else trace.ops.kind == OpKind.READ)


def _acknowledged(trace: Trace) -> Ops:
    return trace.ops.where(_writes(trace.ops) & (trace.ops.outcome == Outcome.OK))


def _behind(done: Ops, reads: Ops) -> Ints:
    """Return for each read how many versions of its key newer than the one it returned had been acknowledged."""
    behind = np.zeros(len(reads), dtype=np.int64)
    for one in np.unique(reads.key).tolist():
        there = done.key == one
        versions, times = done.lsn[there], done.returned[there]
        rows = np.flatnonzero(reads.key == one)
        at_once = max(1, _CHUNK // max(1, len(versions)))
        for begin in range(0, len(rows), at_once):
            some = rows[begin : begin + at_once]
            newer = versions[:, None] > reads.lsn[some]
            behind[some] = (newer & (times[:, None] <= reads.invoked[some])).sum(axis=0)
    return behind
