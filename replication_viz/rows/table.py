"""One leader's table: the rows as its writes and those of the others have left them, and what it finds meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..conflicts import Dot, HybridLogicalClock, HybridTime, Write
from ..scenario import Scenario, SkewClock, clock_offset_ms
from .deeds import Deeds
from .kinds import Kind, Plain, RefusedError, Version, kind_of


class Row(NamedTuple):
    """A row as one leader has it.

    Attributes
    ----------
    seen : tuple of int
        Its version vector: which writes to this row it has seen, of each leader the LSN of the last.
    state : object
        What it holds; see `replication_viz.rows.kinds`.
    """

    seen: tuple[int, ...]
    state: Any


class Record(NamedTuple):
    """An entry of a leader's log: a write, and the row as it was then. This is what leaders send each other.

    Attributes
    ----------
    dot : Dot
        Whose write, and its LSN.
    node : int
        Whose write, as a number.
    key, number : int
        The row, and which write of the run.
    stamp : HybridTime
        The leader's clock.
    row : Row
        The row after the write.
    write : Write or None
        What competes with other writes for the row, where the last one wins.
    """

    dot: Dot
    node: int
    key: int
    number: int
    stamp: HybridTime
    row: Row
    write: Write[Version] | None


class Found(NamedTuple):
    """What a leader finds when it takes a write, its own or another leader's.

    Attributes
    ----------
    record : Record
        The write.
    others : tuple of Dot
        The writes to the row, of each leader the last, that it does not know of and that do not know of it.
    discarded, kept : Write or None
        The write that is thrown away now and the one it loses to, which had not seen it.
    """

    record: Record
    others: tuple[Dot, ...] = ()
    discarded: Write[Version] | None = None
    kept: Write[Version] | None = None


class Table:
    """One leader's table. A write counts at once for those that come after it, and is shown once it is flushed.

    Parameters
    ----------
    leader : str
        Whose table it is.
    logs : mapping of str to list of Record
        The logs of all leaders; this one's grows here.
    """

    def __init__(self, scenario: Scenario, leader: str, deeds: Deeds, logs: Mapping[str, list[Record]]) -> None:
        self.kind: Kind = kind_of(scenario.resolve, scenario.data)
        self.log = logs[leader]
        self.flushed = 0
        self._leader = leader
        self._deeds = deeds
        jumps = [f.at_ms for f in scenario.timeline if isinstance(f, SkewClock) and f.node == leader]
        self._ahead = [(begin, clock_offset_ms(scenario, leader, begin)) for begin in (0.0, *jumps)]
        self._hybrid = scenario.resolve == "hlc"
        self._clock = HybridLogicalClock(HybridTime(self.wall_ms(0.0)))
        self._nothing = Row((0,) * len(logs), self.kind.nothing)
        self._names = tuple(logs)
        self._number = self._names.index(leader)
        self._rows: dict[int, Row] = {}
        self._flushed_rows: dict[int, Row] = {}  # of those that an unflushed write has changed

    def wall_ms(self, now: float) -> float:
        """Return what the leader's wall clock shows, ms."""
        offset = 0.0
        for begin, ahead in self._ahead:
            if begin <= now:
                offset = ahead
        return now + offset

    @property
    def keys(self) -> frozenset[int]:
        """The rows that somebody has written."""
        return frozenset(self._rows)

    def row(self, key: int) -> Row:
        """Return a row as it is shown."""
        return self._flushed_rows.get(key) or self._rows.get(key, self._nothing)

    def values(self, key: int) -> tuple[Plain, ...]:
        """Return what the row shows; see `Kind.values`."""
        return self.kind.values(self.row(key).state)

    def one(self, key: int) -> Plain:
        """Return what a client makes of the row; see `Kind.one`."""
        return self.kind.one(self.row(key).state)

    def write(self, number: int, key: int, now: float) -> Found | None:
        """Take a write of a client; None if it is refused."""
        before = self._rows.get(key, self._nothing)
        dot = Dot(self._leader, len(self.log) + 1)
        clock = self._clock.tick(self.wall_ms(now)) if self._hybrid else None
        stamp = clock.now if clock else HybridTime(self.wall_ms(now))
        try:
            state, write = self.kind.write(before.state, self._deeds[number], dot, stamp)
        except RefusedError:
            return None
        self._clock = clock or self._clock
        seen = (*before.seen[: self._number], dot.number, *before.seen[self._number + 1 :])
        record = Record(dot, self._number, key, number, stamp, Row(seen, state), write)
        self.log.append(record)
        self._flushed_rows.setdefault(key, before)
        self._rows[key] = record.row
        held = self.kind.held(state)
        return Found(record, (), write, held) if held is not write else Found(record)

    def flush(self, upto: int) -> list[int]:
        """Have the own writes up to an LSN on disk; return the rows that they show from now on."""
        done, self.flushed = self.log[self.flushed : upto], upto
        waiting = {record.key for record in self.log[upto:]}
        for record in done:
            if record.key in waiting:
                self._flushed_rows[record.key] = self._merged(self._flushed_rows[record.key], record.row)
        for key in {record.key for record in done} - waiting:
            del self._flushed_rows[key]
        return [record.key for record in done]

    def merge(self, record: Record, now: float) -> Found:
        """Take a write that another leader has sent."""
        if self._hybrid:
            self._clock = self._clock.receive(self.wall_ms(now), record.stamp)
        row = self._rows.get(record.key, self._nothing)
        self._rows[record.key] = self._merged(row, record.row)
        if record.key in self._flushed_rows:
            self._flushed_rows[record.key] = self._merged(self._flushed_rows[record.key], record.row)
        if record.dot.number <= row.seen[record.node]:
            return Found(record)  # it came before, inside a later state of the row
        both = zip(self._names, row.seen, record.row.seen, strict=True)
        others = tuple(Dot(name, here) for name, here, there in both if here > there)
        held = self.kind.held(row.state)
        if record.write is None or held is None:
            return Found(record, others)
        if held.rank > record.write.rank:
            return Found(record, others, record.write, held)
        unseen = held.value.dot.number > record.row.seen[self._names.index(held.node)]
        return Found(record, others, held, record.write) if unseen else Found(record, others)

    def crash(self) -> None:
        """Lose the writes that are not on disk."""
        self._rows.update(self._flushed_rows)
        self._flushed_rows.clear()
        del self.log[self.flushed :]

    def _merged(self, row: Row, other: Row) -> Row:
        """Return the row that has seen both. Only where neither has seen all that the other has is there a conflict."""
        both = tuple(map(max, row.seen, other.seen))
        if both == other.seen:
            return other
        return row if both == row.seen else Row(both, self.kind.merge(row.state, other.state))
