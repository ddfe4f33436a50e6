"""Samples of `pg_stat_replication`: where each standby stood, moment by moment, as the primary knew it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ...lsn import Lsn
from ..errors import LabError
from .cells import interval, moment, position, whole
from .tables import Row, Source, Table, need, read_table, text_of
from .wording import span

WHAT = "the samples"
TIMES = ("now", "ts", "time", "sample_time", "clock_timestamp")
HEADS = ("pg_current_wal_lsn", "current_wal_lsn", "pg_current_wal_flush_lsn")
NEEDED = ("application_name", "sent_lsn", "write_lsn", "flush_lsn", "replay_lsn")
_LAGS = ("write_lag", "flush_lag", "replay_lag")
_TOGETHER_S = 0.02  # clock_timestamp() differs from row to row of one sample
_OLD = "sent_location"
LACKS_PRIVILEGE = (
    "state and positions are NULL in every row: the role lacks the privilege to see them; "
    "`GRANT pg_monitor TO` it, or ask as a role that has it."
)


@dataclass(frozen=True)
class Standing:
    """One standby in one sample: a row of `pg_stat_replication`.

    Attributes
    ----------
    name : str
        ``application_name``; with the address or the pid where several have the same.
    application : str
        ``application_name`` alone.
    state, sync_state : str
        As PostgreSQL says; empty if it is not known.
    sent, written, flushed, replayed : Lsn or None
        Positions; None where NULL.
    write_lag_s, flush_lag_s, replay_lag_s : float
        As PostgreSQL reports them, s; NaN where NULL.
    """

    name: str
    application: str
    pid: int | None
    address: str
    state: str
    sync_state: str
    sync_priority: int | None
    sent: Lsn | None
    written: Lsn | None
    flushed: Lsn | None
    replayed: Lsn | None
    write_lag_s: float = math.nan
    flush_lag_s: float = math.nan
    replay_lag_s: float = math.nan

    @property
    def may_be_promoted(self) -> bool:
        """Whether this is a standby that replays; a base backup and `pg_receivewal` are none."""
        return self.replayed is not None and self.state != "backup"


@dataclass(frozen=True)
class Sample:
    """All standbys at one moment.

    Attributes
    ----------
    at_s : float
        Seconds since 1970; NaN if the samples name no time.
    head : Lsn or None
        Where the primary's log ended; the farthest position sent where that is not known, None if there is none.
    commits : int or None
        ``xact_commit`` summed over the databases.
    standbys : tuple of Standing
    """

    at_s: float
    head: Lsn | None
    commits: int | None
    standbys: tuple[Standing, ...]


@dataclass(frozen=True)
class Samples:
    """Samples in order of time, at least one.

    Attributes
    ----------
    each : tuple of Sample
    has_head : bool
        Whether the end of the primary's log is known, not just what was sent.
    notes : tuple of str
        What had to be assumed, a sentence each.
    """

    each: tuple[Sample, ...]
    has_head: bool
    notes: tuple[str, ...] = ()

    @property
    def last(self) -> Sample:
        """The last sample."""
        return self.each[-1]

    def of(self, name: str) -> list[tuple[Sample, Standing]]:
        """Return the samples that hold a standby, and its row in each."""
        return [(sample, row) for sample in self.each for row in sample.standbys if row.name == name]

    @property
    def names(self) -> tuple[str, ...]:
        """Every standby that is in any sample, in the order of appearance."""
        return tuple(dict.fromkeys(row.name for sample in self.each for row in sample.standbys))


def read_samples(source: Source) -> Samples:
    """Return the samples in a text or a file.

    Raises
    ------
    LabError
        If it holds no samples of `pg_stat_replication`: one sentence with what is wrong.
    """
    return from_table(read_table(text_of(source, WHAT), WHAT))


def from_table(table: Table) -> Samples:
    """Return the samples in a table of `pg_stat_replication`, of PostgreSQL 10 to 18; other columns are ignored.

    Raises
    ------
    LabError
        If columns are missing, a cell does not hold what it must, or positions go back.
    """
    if _OLD in table.columns:
        raise LabError(f"{table.what} have the column {_OLD}, of PostgreSQL 9.6 or older: PostgreSQL 10 is needed.")
    need(table, NEEDED)
    if not table.rows:
        return Samples((Sample(math.nan, None, None, ()),), False, ("There are no rows: no standby is connected.",))
    time = next((name for name in TIMES if name in table.columns), None)
    head = next((name for name in HEADS if name in table.columns), None)
    notes = [*_notes(table, time, head)]
    rows = [_Read(table, number, row, time, head) for number, row in enumerate(table.rows, start=1)]
    present = [row.standing for row in rows if row.standing]
    if present and all(one.sent is None and not one.state for one in present):
        raise LabError(LACKS_PRIVILEGE)
    if any(row.went_back for row in rows):
        notes.append("A lag below zero was passed over: the primary's clock was set back.")
    samples = _named(tuple(_joined(group) for group in _groups(rows, time)))
    _check_order(samples, head)
    return Samples(samples, head is not None, tuple(notes))


class _Read:
    """A row of the table, read."""

    def __init__(self, table: Table, number: int, row: Row, time: str | None, head: str | None) -> None:
        def where(column: str) -> str:
            return f"{column} in row {number} of {table.what}"

        def lsn(column: str) -> Lsn | None:
            return position(row[column], where(column))

        if time and not row[time]:
            raise LabError(f"{where(time)} is empty: each row must have its time.")
        self.at_s = moment(row[time], where(time)) if time else math.nan
        self.head = lsn(head) if head else None
        self.commits = whole(row.get("xact_commit", ""), where("xact_commit"))
        lags = [interval(row.get(column, ""), where(column)) for column in _LAGS]
        self.went_back = any(lag < 0 for lag in lags)
        name = row["application_name"]
        is_empty = not (name or row.get("pid") or row["sent_lsn"])  # a sample in which no standby was connected
        self.standing = (
            None
            if is_empty
            else Standing(
                name=name or "(no name)",
                application=name,
                pid=whole(row.get("pid", ""), where("pid")),
                address=row.get("client_addr", ""),
                state=row.get("state", ""),
                sync_state=row.get("sync_state", ""),
                sync_priority=whole(row.get("sync_priority", ""), where("sync_priority")),
                sent=lsn("sent_lsn"),
                written=lsn("write_lsn"),
                flushed=lsn("flush_lsn"),
                replayed=lsn("replay_lsn"),
                write_lag_s=_not_below_zero(lags[0]),
                flush_lag_s=_not_below_zero(lags[1]),
                replay_lag_s=_not_below_zero(lags[2]),
            )
        )

    @property
    def identity(self) -> tuple[object, ...]:
        one = self.standing
        if one is None:
            return ()
        return (one.pid,) if one.pid is not None else (one.application, one.address)


def _not_below_zero(lag_s: float) -> float:
    return math.nan if lag_s < 0 else lag_s


def _notes(table: Table, time: str | None, head: str | None) -> list[str]:
    notes = []
    if time is None:
        notes.append(f"No column is called {', '.join(TIMES[:-1])} or {TIMES[-1]}: the rows count as one sample.")
    if head is None:
        notes.append(
            "There is no column pg_current_wal_lsn: sent_lsn stands for it, so log that is not yet sent is not counted."
        )
    missing = [column for column in _LAGS if column not in table.columns]
    if missing:
        notes.append(f"There is no column {', '.join(missing)}: lags in time come from bytes over the rate.")
    hidden = [column for column in ("state", "sync_state") if column not in table.columns]
    if hidden:
        notes.append(f"There is no column {' and no '.join(hidden)}.")
    return notes


def _groups(rows: Sequence[_Read], time: str | None) -> list[list[_Read]]:
    """Part the rows into samples."""
    groups: list[list[_Read]] = []
    seen: set[tuple[object, ...]] = set()
    for row in sorted(rows, key=lambda row: row.at_s) if time else rows:
        begun = groups[-1][0].at_s if groups else math.nan
        same = bool(groups) and (time is None or row.at_s == begun)
        if same and row.identity in seen and row.standing and row.standing.pid is not None:
            when = "; name their times in a column such as now" if time is None else ""
            raise LabError(f"pid {row.standing.pid} stands twice in one sample: each must stand there once{when}.")
        if same or (groups and row.at_s - begun <= _TOGETHER_S and row.identity not in seen):
            groups[-1].append(row)
        else:
            groups.append([row])
            seen = set()
        seen.add(row.identity)
    return groups


def _joined(group: Sequence[_Read]) -> Sample:
    standbys = tuple(row.standing for row in group if row.standing)
    heads = [row.head for row in group if row.head] or [one.sent for one in standbys if one.sent]
    commits = [row.commits for row in group if row.commits is not None]
    return Sample(group[0].at_s, max(heads, default=None), max(commits, default=None), standbys)


def _named(samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """Tell standbys of the same name apart, by their addresses, or else by their pids."""
    shared: set[str] = set()
    for sample in samples:
        shared |= {name for name, count in Counter(one.name for one in sample.standbys).items() if count > 1}
    if not shared:
        return samples
    return tuple(replace(s, standbys=tuple(_told_apart(one, s, shared) for one in s.standbys)) for s in samples)


def _told_apart(one: Standing, sample: Sample, shared: set[str]) -> Standing:
    if one.name not in shared:
        return one
    addresses = [other.address for other in sample.standbys if other.name == one.name]
    by_address = all(addresses) and len(set(addresses)) == len(addresses)
    mark = one.address if by_address else f"pid {one.pid}" if one.pid is not None else one.address or "unknown"
    return replace(one, name=f"{one.name} ({mark})")


def _check_order(samples: tuple[Sample, ...], head: str | None) -> None:
    for before, after in pairwise(samples):
        if head and before.head and after.head and after.head < before.head:
            raise LabError(
                f"{head} goes back from {before.head} to {after.head} within {span(after.at_s - before.at_s)}: "
                f"the samples must come from one primary."
            )
