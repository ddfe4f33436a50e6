"""One leader's table: the rows as its writes and those of the others have left them, and what it finds meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..conflicts import NOTHING_SEEN, Dot, HybridLogicalClock, HybridTime, VersionVector, Write
from ..scenario import Scenario, SkewClock, clock_offset_ms
from .deeds import Deeds
from .kinds import Kind, Plain, RefusedError, Version, kind_of


@dataclass(frozen=True)
class Row:
    """A row as one leader has it.

    Attributes
    ----------
    version : VersionVector
        Which writes to this row it has seen: of each leader the LSN of the last.
    state : object
        What it holds; see `replication_viz.rows.kinds`.
    """

    version: VersionVector
    state: Any


@dataclass(frozen=True)
class Record:
    """An entry of a leader's log: a write, and the row as it was then. This is what leaders send each other.

    Attributes
    ----------
    dot : Dot
        Whose write, and its LSN.
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
    key: int
    number: int
    stamp: HybridTime
    row: Row
    write: Write[Version] | None


@dataclass(frozen=True)
class Found:
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
        self._nothing = Row(NOTHING_SEEN, self.kind.nothing)
        self._rows: dict[int, Row] = {}
        self._flushed_rows: dict[int, Row] = {}  # of those that an unflushed write has changed

    def wall_ms(self, now: float) -> float:
        """Return what the leader's wall clock shows, ms."""
        return now + next(ahead for begin, ahead in reversed(self._ahead) if begin <= now)

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
        version = VersionVector({**dict(before.version.entries), dot.node: dot.number})
        record = Record(dot, key, number, stamp, Row(version, state), write)
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
                self._flushed_rows[record.key] = self._merged(self._flushed_rows[record.key], record)
        for key in {record.key for record in done} - waiting:
            del self._flushed_rows[key]
        return [record.key for record in done]

    def merge(self, record: Record, now: float) -> Found:
        """Take a write that another leader has sent."""
        if self._hybrid:
            self._clock = self._clock.receive(self.wall_ms(now), record.stamp)
        row = self._rows.get(record.key, self._nothing)
        self._rows[record.key] = self._merged(row, record)
        if record.key in self._flushed_rows:
            self._flushed_rows[record.key] = self._merged(self._flushed_rows[record.key], record)
        if record.dot in row.version:
            return Found(record)  # it came before, inside a later state of the row
        others = tuple(Dot(node, lsn) for node, lsn in row.version.entries if lsn > record.row.version[node])
        held = self.kind.held(row.state)
        if record.write is None or held is None:
            return Found(record, others)
        if held.rank > record.write.rank:
            return Found(record, others, record.write, held)
        unseen = held.value.dot not in record.row.version
        return Found(record, others, held, record.write) if unseen else Found(record, others)

    def crash(self) -> None:
        """Lose the writes that are not on disk."""
        self._rows.update(self._flushed_rows)
        self._flushed_rows.clear()
        del self.log[self.flushed :]

    def _merged(self, row: Row, record: Record) -> Row:
        return Row(row.version.merge(record.row.version), self.kind.merge(row.state, record.row.state))
