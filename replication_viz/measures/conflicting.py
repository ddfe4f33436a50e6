"""Several leaders: which writes did not know of each other, and which of them were thrown away.

All is told from the trace, by letting each leader's table take the same writes in the same order once more
(`replication_viz.rows`). A write is called by its number, which is its value in `Trace.ops`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..rows import beaten, concurrent, finished, made_ms, replay
from ..trace import Ints, OpKind, Outcome, Trace


@dataclass(frozen=True)
class Conflict:
    """Two writes to one row that did not know of each other, found by the first leader that had both.

    Attributes
    ----------
    key : int
        The row.
    writes : tuple of int
        Their numbers, in the order in which they were made.
    leaders : tuple of str
        Who took each.
    made_ms : tuple of float
        When each was made, ms, true time.
    found_by : str
        The leader that found it.
    at_ms : float
        When, ms.
    discarded : int or None
        Which of them was thrown away then; None if both are kept, or one was written over by somebody who had seen it.
    """

    key: int
    writes: tuple[int, int]
    leaders: tuple[str, str]
    made_ms: tuple[float, float]
    found_by: str
    at_ms: float
    discarded: int | None = None

    @property
    def later_is_gone(self) -> bool:
        """Whether the one thrown away was in truth the later one."""
        return self.discarded == self.writes[1]


@dataclass(frozen=True)
class Discarded:
    """A write that was acknowledged and thrown away, and nobody was told.

    Attributes
    ----------
    write, key : int
        Its number and its row.
    leader : str
        Who took it.
    made_ms : float
        When, ms, true time.
    kept : int
        The number of a write that it lost to and that had not seen it; of several one that is older in truth, if any.
    kept_by : str
        Who took that.
    kept_made_ms : float
        When, ms, true time.
    """

    write: int
    key: int
    leader: str
    made_ms: float
    kept: int
    kept_by: str
    kept_made_ms: float

    @property
    def is_later(self) -> bool:
        """Whether it was in truth later than the write that it lost to."""
        return self.made_ms > self.kept_made_ms

    def __str__(self) -> str:
        later = f", though made {self.made_ms - self.kept_made_ms:.3g} ms later" if self.is_later else ""
        return f"row {self.key}: write {self.write} of {self.leader} lost to write {self.kept} of {self.kept_by}{later}"


def conflicts(trace: Trace) -> tuple[Conflict, ...]:
    """Return the conflicts that the leaders of a run found, each pair of writes once, in order of time.

    A leader that takes a write compares the row's version vectors: of each other leader it names the last write to the
    row that this one had not seen. See `concurrent_pairs` for all pairs.

    Raises
    ------
    ValueError
        If the run has one leader, or none.
    """
    made, found, seen = made_ms(trace), [], set[frozenset[int]]()
    story = replay(trace)
    for step in story:
        if step.found is None:
            continue
        for dot in step.found.others:
            record, other = step.found.record, story.record(dot)
            pair = frozenset((record.number, other.number))
            if pair in seen:
                continue
            seen.add(pair)
            first, second = sorted((record, other), key=lambda one: (made[one.number], one.number))
            gone = step.found.discarded
            found.append(
                Conflict(
                    key=record.key,
                    writes=(first.number, second.number),
                    leaders=(first.dot.node, second.dot.node),
                    made_ms=(made[first.number], made[second.number]),
                    found_by=trace.nodes[step.node],
                    at_ms=step.time,
                    discarded=gone.value.number if gone is not None and gone.value.number in pair else None,
                )
            )
    return tuple(found)


def concurrent_pairs(trace: Trace) -> Ints:
    """Return the numbers of all pairs of writes to one row that did not know of each other: ndarray, shape (n, 2).

    Two writes are concurrent if neither had been seen, in the row, where and when the other was made.

    Raises
    ------
    ValueError
        If the run has one leader, or none.
    """
    pairs = sorted(concurrent(finished(trace)))
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def discarded(trace: Trace) -> tuple[Discarded, ...]:
    """Return the acknowledged writes that last-write-wins has thrown away, in the order in which they were made.

    Such a write lost to one that had not seen it: to a concurrent one with a greater timestamp, or to an older one of
    a clock that is ahead. A write counts even if its own leader has written the row again since. Siblings and CRDTs
    throw none away.

    Raises
    ------
    ValueError
        If the run has one leader, or none.

    See Also
    --------
    replication_viz.theory.lww_lost_share : how many to expect.
    """
    made, answered = made_ms(trace), _answered(trace)
    found = [
        Discarded(
            write=record.number,
            key=record.key,
            leader=record.dot.node,
            made_ms=made[record.number],
            kept=winner.number,
            kept_by=winner.dot.node,
            kept_made_ms=made[winner.number],
        )
        for record, winner in beaten(finished(trace), made)
        if record.number in answered
    ]
    return tuple(sorted(found, key=lambda one: one.write))


def given_twice(trace: Trace) -> dict[int, tuple[int, ...]]:
    """Return each unique name that more than one account was told it has: the name's row, and the accounts in order.

    No merge repairs that: whoever takes a name away breaks a promise.
    """
    answered = _answered(trace)
    ops = trace.ops.where((trace.ops.kind == OpKind.WRITE) & np.isin(trace.ops.value, list(answered)))
    holders: dict[int, list[int]] = {}
    for key, account in zip(ops.key.tolist(), ops.value.tolist(), strict=True):
        holders.setdefault(key, []).append(account)
    return {key: tuple(accounts) for key, accounts in sorted(holders.items()) if len(accounts) > 1}


# -- how ---------------------------------------------------------------------------------------------------------------


def _answered(trace: Trace) -> set[int]:
    """Return the numbers of the writes that were acknowledged."""
    ops = trace.ops
    return set(ops.value[(ops.kind == OpKind.WRITE) & (ops.outcome == Outcome.OK)].tolist())
