"""Timelines: how the log forks where a replica is promoted, and which writes a node's log holds.

A term is a timeline: it begins where a promoted replica's log ended, and goes its own way from there. Position 5 of
term 1 and position 5 of term 2 are the same write if term 2 begins at 5 or later, and two writes if it begins before.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from .trace import Flags, Floats, Ints, OpKind, Ops, Position, Role, Trace


@dataclass(frozen=True)
class Fork:
    """Where a timeline begins.

    Attributes
    ----------
    term, parent : int
        The timeline, and the one that it leaves; 0 for the first.
    lsn : int
        The last position that both share.
    node : str
        Whose promotion began it.
    at_ms : float
        When its leader began to take writes.
    """

    term: int
    parent: int
    lsn: int
    node: str
    at_ms: float


class Timelines:
    """The timelines of a run, and what each node's log holds."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    @cached_property
    def forks(self) -> dict[int, Fork]:
        """Each timeline by its term, in order of the terms."""
        states = self._trace.states
        found: dict[int, Fork] = {}
        for row in np.flatnonzero(states.role == Role.LEADER).tolist():
            term = int(states.term[row])
            if term in found:
                continue
            node, begin = int(states.node[row]), float(states.begin[row])
            name = self._trace.nodes[node]
            before = np.flatnonzero((states.node == node) & (states.begin < begin))
            parent = int(states.term[before[-1]]) if len(before) else 0
            lsn = int(self._trace.at(name, Position.FLUSHED, begin)) if parent else 0
            found[term] = Fork(term, parent, lsn, name, begin)
        return dict(sorted(found.items()))

    def lineage(self, term: int, upto: int) -> list[tuple[int, int, int]]:
        """Return of what a log consists: term, and the positions after and up to which it is of that term."""
        parts: list[tuple[int, int, int]] = []
        while term:
            fork = self.forks.get(term)
            after = fork.lsn if fork else 0
            if upto > after:
                parts.append((term, after, upto))
            upto = min(upto, after)
            term = fork.parent if fork else 0
        return parts[::-1]

    def common(self, term: int, other: int) -> float:
        """Return up to which position two timelines share their log; infinite for one and the same."""
        shared = float("inf")
        while term != other:
            newer = self.forks.get(max(term, other))
            if newer is None:
                return 0.0
            shared = min(shared, float(newer.lsn))
            term, other = min(term, other), newer.parent
        return shared

    def holds(self, ops: Ops, term: int, upto: int) -> Flags:
        """Return which of these writes a log of a term holds up to a position: ndarray, shape (n,)."""
        own = self.term_of(ops)
        held = np.zeros(len(ops), dtype=np.bool_)
        for part, after, last in self.lineage(term, upto):
            held |= (own == part) & (ops.lsn > after) & (ops.lsn <= last)
        return held & ~self.erased(ops)

    def term_of(self, ops: Ops) -> Ints:
        """Return the term in which each write was taken: ndarray, shape (n,)."""
        return self.term_at(ops.node.astype(np.int64), ops.invoked)

    def term_at(self, node: Ints, at_ms: ArrayLike) -> Ints:
        """Return the term of each node at each moment (ms): ndarray, shape (n,)."""
        states, moments = self._trace.states, np.asarray(at_ms, dtype=np.float64)
        found = np.zeros(len(moments), dtype=np.int64)
        for number in range(len(self._trace.nodes)):
            rows = np.flatnonzero(states.node == number)
            here = node == number
            interval = np.searchsorted(states.begin[rows], moments[here], side="right") - 1
            found[here] = states.term[rows][np.maximum(interval, 0)]
        return found

    def erased(self, ops: Ops) -> Flags:
        """Return which writes a crash took with it: their leader's log steps back below them within one term."""
        erased = np.zeros(len(ops), dtype=np.bool_)
        for number, name in enumerate(self._trace.nodes):
            times, lsns = self._trace.steps(name, Position.APPENDED)
            steps_back = np.flatnonzero(np.diff(lsns) < 0) + 1
            if not len(steps_back):
                continue
            terms = self.term_at(np.full(len(times), number), times)
            for back in steps_back[terms[steps_back] == terms[steps_back - 1]].tolist():
                gone = (ops.node == number) & (ops.invoked <= times[back]) & (ops.lsn > lsns[back])
                erased |= gone & (self.term_of(ops) == terms[back])
        return erased

    def shown(self, node: str, at_ms: ArrayLike) -> Ints:
        """Return the position that a node shows to readers at moments (ms): committed on a leader, else replayed."""
        trace, moments = self._trace, np.asarray(at_ms, dtype=np.float64)
        states, number = trace.states, trace.number(node)
        leads = np.zeros(moments.shape, dtype=np.bool_)
        rows = np.flatnonzero((states.node == number) & (states.role == Role.LEADER))
        for begin, end in zip(states.begin[rows].tolist(), states.end[rows].tolist(), strict=True):
            leads |= (moments >= begin) & ((moments < end) | (end >= trace.duration_ms))
        committed, replayed = (trace.at(node, which, moments) for which in (Position.COMMITTED, Position.REPLAYED))
        return np.where(leads, committed, replayed)

    def log_of(self, node: str, at_ms: float) -> tuple[int, int]:
        """Return the term of a node's log at a moment (ms), and its last position, replayed or not."""
        number = np.array([self._trace.number(node)])
        has = max(int(self._trace.at(node, which, at_ms)) for which in (Position.FLUSHED, Position.RECEIVED))
        return int(self.term_at(number, [at_ms])[0]), has

    def last_writes(self, key: Ints, node: Ints, at_ms: Floats, upto: Ints) -> Ints:
        """Return which write a reader finds under each key: the row in `Trace.ops`, -1 where there is none.

        Parameters
        ----------
        key, node : ndarray, shape (n,)
            What is read, and where.
        at_ms : ndarray, shape (n,)
            When, ms.
        upto : ndarray, shape (n,)
            The position that the node shows then.
        """
        ops = self._trace.ops
        rows = np.flatnonzero((ops.kind == OpKind.WRITE) & (ops.lsn > 0))
        writes = ops.where(rows)
        rows, writes = rows[~self.erased(writes)], writes.where(~self.erased(writes))
        own, terms = self.term_of(writes), self.term_at(node, at_ms)
        found = np.full(len(key), -1)
        for term in np.unique(terms).tolist():
            asked = np.flatnonzero(terms == term)
            left = asked
            for part, after, last in reversed(self.lineage(term, int(upto[asked].max(initial=0)))):
                candidates = np.flatnonzero((own == part) & (writes.lsn > after) & (writes.lsn <= last))
                seen = _last_row(writes.where(candidates), key[left], upto[left])
                hit = seen >= 0
                found[left[hit]] = rows[candidates[seen[hit]]]
                left = left[~hit]
        return found


def _last_row(writes: Ops, key: Ints, upto: Ints) -> Ints:
    """Return the row of the last of these writes to each key at or below a position; -1 where there is none."""
    if not len(writes):
        return np.full(len(key), -1)
    span = np.int64(writes.lsn.max() + 1)
    order = np.argsort(writes.key * span + writes.lsn, kind="stable")
    places = (writes.key * span + writes.lsn)[order]
    index = np.searchsorted(places, key * span + np.minimum(upto, span - 1), side="right") - 1
    hit = (index >= 0) & (places[np.maximum(index, 0)] // span == key)
    return np.where(hit, order[np.maximum(index, 0)], -1)
