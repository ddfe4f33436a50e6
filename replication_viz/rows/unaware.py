"""Writes that did not know of each other: which pairs, and which of them were beaten by one that had not seen them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from itertools import accumulate

import numpy as np

from ..trace import OpKind, Trace
from .replay import Replay
from .table import Record

Rank = tuple[float, int, str, str]


def made_ms(trace: Trace) -> dict[int, float]:
    """Return when each write was made, ms, by its number."""
    ops = trace.ops.where(trace.ops.kind == OpKind.WRITE)
    return dict(zip(ops.value.tolist(), ops.invoked.tolist(), strict=True))


def concurrent(story: Replay) -> Iterator[tuple[int, int]]:
    """Return the numbers of each two writes to one row of which neither had been seen where the other was made."""
    for by_leader in _by_row(story):
        names = list(by_leader)
        for i, name in enumerate(names):
            for other in names[i + 1 :]:
                yield from _concurrent(by_leader[name], by_leader[other])


def beaten(story: Replay, made: Mapping[int, float]) -> Iterator[tuple[Record, Record]]:
    """Return each write that lost to one that had not seen it, with that one; none where writes do not compete.

    Of several it is one that is older in truth, if there is any.

    Parameters
    ----------
    made : mapping of int to float
        When each write was made, ms.
    """
    for by_leader in _by_row(story):
        logs = {name: _Ranked(records, made) for name, records in by_leader.items()}
        for name, records in by_leader.items():
            for place, record in enumerate(records):
                winner = _winner(record, name, place, logs, made[record.number])
                if winner is not None:
                    yield record, winner


def _by_row(story: Replay) -> Iterator[dict[str, list[Record]]]:
    """Return for each row the writes that every leader took, in the order of its log."""
    rows: dict[int, dict[str, list[Record]]] = {}
    for table in story.tables:
        for record in table.log:
            rows.setdefault(record.key, {}).setdefault(record.dot.node, []).append(record)
    yield from rows.values()


def _unaware(records: list[Record], of: Record) -> int:
    """Return how many of a leader's writes to a row, the first ones, had not seen a write of another leader."""
    return bisect_left(records, of.dot.number, key=lambda record: record.row.seen[of.node])


def _concurrent(ours: list[Record], theirs: list[Record]) -> Iterator[tuple[int, int]]:
    for record in ours:
        seen = bisect_left(theirs, record.row.seen[theirs[0].node] + 1, key=lambda other: other.dot.number)
        for other in theirs[seen : _unaware(theirs, record)]:
            yield min(record.number, other.number), max(record.number, other.number)


class _Ranked:
    """A leader's writes to a row, and of the first few of them the one with the greatest timestamp."""

    def __init__(self, records: list[Record], made: Mapping[int, float]) -> None:
        self.records = records
        self.made = [made[record.number] for record in records]
        self.best = list(accumulate(records, _better))


def _better(one: Record, other: Record) -> Record:
    return max(one, other, key=_rank)


def _rank(record: Record) -> Rank:
    return record.write.rank if record.write is not None else (-np.inf, 0, "", "")


def _winner(record: Record, leader: str, place: int, logs: Mapping[str, _Ranked], made: float) -> Record | None:
    found = None
    for name, log in logs.items():
        unaware = place if name == leader else _unaware(log.records, record)
        older = min(unaware, bisect_left(log.made, made))
        for first in (older, unaware):
            if first and _rank(log.best[first - 1]) > _rank(record):
                found = log.best[first - 1]
                if first == older:
                    return found
    return found
