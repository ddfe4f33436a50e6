"""What the table holds on each node, after statements that ruin it; and what a restore to a moment brings back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..scenario import LoseArchive, Statement
from ..trace import Flags, Ints, OpKind, Outcome, Position, Trace
from ..wal import Retention
from .answers import writes

_MB = 2**20


@dataclass(frozen=True)
class Rows:
    """What somebody who reads the table finds.

    Attributes
    ----------
    good : int
        Rows with their true values.
    wrong : int
        Rows with a wrong value.
    exists : bool
        Whether there is a table at all.
    """

    good: int
    wrong: int
    exists: bool = True


def rows(trace: Trace, node: str, at_ms: float) -> Rows:
    """Return what a node's table holds at a moment, ms: as far as it has replayed, the leader as far as it committed.

    Each write of a run inserts a row. One to a table that is gone changes nothing.

    Raises
    ------
    ValueError
        If no node has that name.
    """
    which = Position.COMMITTED if node == trace.nodes[0] else Position.REPLAYED
    return rows_at(trace, int(trace.at(node, which, at_ms)))


def rows_at(trace: Trace, lsn: int) -> Rows:
    """Return what the table holds for who has the log up to an LSN."""
    inserts = np.sort(writes(trace).lsn)
    each = trace.scenario.grain
    good, wrong, since = trace.scenario.rows, 0, 0
    for what, at in _statements(trace):
        if at > lsn:
            break
        good += each * int(np.searchsorted(inserts, at) - np.searchsorted(inserts, since, side="right"))
        since = at
        if what == "drop_table":
            return Rows(0, 0, exists=False)
        good, wrong = (0, 0) if what == "delete_rows" else (0, good + wrong)
    good += each * int(np.searchsorted(inserts, lsn, side="right") - np.searchsorted(inserts, since, side="right"))
    return Rows(good, wrong)


def ruined_everywhere_ms(trace: Trace, statement: int = 0) -> float:
    """Return how long after a statement of an operator the last node showed its effect, ms; NaN if not all did.

    Parameters
    ----------
    statement : int
        Which of the run's statements, the first is 0.

    Raises
    ------
    ValueError
        If there is no such statement.
    """
    began, lsn = _logged(trace, statement)
    shown = []
    for node in trace.nodes:
        which = Position.COMMITTED if node == trace.nodes[0] else Position.REPLAYED
        times, lsns = trace.steps(node, which)
        reached = np.flatnonzero(lsns >= lsn)
        shown.append(times[reached[0]] if len(reached) else np.nan)
    return float(np.max(shown) - began)


def locked_ms(trace: Trace, node: str, statement: int = 0) -> float:
    """Return how long a replica that replays late keeps the table of a ``DROP TABLE`` locked for readers, ms.

    The delay of ``recovery_min_apply_delay`` holds back commits only. The lock that the statement takes is a record of
    its own and is replayed when it comes: nobody can read the table, though its rows are still there.

    Raises
    ------
    ValueError
        If there is no such statement, or no node of that name.
    """
    _, lsn = _logged(trace, statement)
    if [what for what, at in _statements(trace) if at == lsn] != ["drop_table"]:
        return 0.0
    begins, ends = (_first(trace, node, which, lsn) for which in (Position.FLUSHED, Position.REPLAYED))
    return float(min(ends, trace.duration_ms) - begins)


@dataclass(frozen=True)
class Restored:
    """What a restore to a moment brings back.

    Attributes
    ----------
    rows : Rows
        What the table holds then.
    wanted_lsn, reached_lsn : int
        Up to where the log should have been replayed, and up to where it was.
    given_up : int
        Acknowledged writes after the chosen moment: the price.
    took_ms : float
        Copying the base backup, fetching the log, replaying it, ms.
    problem : str
        Why it did not reach the moment, as one sentence; empty if it did.
    """

    rows: Rows
    wanted_lsn: int
    reached_lsn: int
    given_up: int
    took_ms: float
    problem: str = ""


def restore(trace: Trace, to_ms: float, backup_ms: float = 0.0, now_ms: float | None = None) -> Restored:
    """Return what comes back from a base backup and the archived log, replayed up to a moment.

    Parameters
    ----------
    to_ms : float
        The moment to restore to (``recovery_target_time``), ms.
    backup_ms : float
        When the base backup was taken, ms.
    now_ms : float, optional
        When the restore begins, ms: what had reached the archive by then; by default the end of the run.

    Raises
    ------
    ValueError
        If there is no archive, or the moments are not in the order backup, chosen moment, now.
    """
    now = trace.duration_ms if now_ms is None else now_ms
    if not trace.scenario.archive:
        raise ValueError("archive is False: without one only the base backup itself can be restored.")
    if not 0 <= backup_ms <= to_ms <= now <= trace.duration_ms:
        raise ValueError(
            f"backup_ms is {backup_ms:g}, to_ms {to_ms:g}, now_ms {now:g}: they must be in this order, "
            f"from 0 to {trace.duration_ms:g}."
        )
    leader = trace.nodes[0]
    start, wanted = (int(trace.at(leader, Position.COMMITTED, at)) for at in (backup_ms, to_ms))
    reached, problem = _archived(trace, start, wanted, now)
    answered = writes(trace)
    later = (answered.outcome == Outcome.OK) & (answered.lsn > reached) & (answered.returned <= now)
    given_up = int(later.sum()) * trace.scenario.grain
    return Restored(rows_at(trace, reached), wanted, reached, given_up, _restore_ms(trace, reached - start), problem)


def _archived(trace: Trace, start: int, wanted: int, now: float) -> tuple[int, str]:
    """Return up to which LSN the archive has the log without a gap, and what stopped it."""
    retention = Retention(trace.scenario)
    leader = trace.nodes[0]
    complete = retention.complete_until(int(trace.at(leader, Position.FLUSHED, now)))
    gaps = []
    for fault in trace.scenario.timeline:
        if isinstance(fault, LoseArchive):
            begin, end = (int(trace.at(leader, Position.FLUSHED, at)) for at in (fault.at_ms, min(fault.until_ms, now)))
            gaps.append((retention.complete_until(begin), retention.complete_until(end)))
    for begin, end in gaps:
        if begin < end and end > start and begin < wanted:
            name = retention.file_name(max(begin, start))
            return max(begin, start), f"the archive has no segment {name}: recovery ends there."
    if complete < wanted:
        return max(complete, start), "the last segment was not full and never came to the archive: its writes are gone."
    return wanted, ""


def _restore_ms(trace: Trace, log: int) -> float:
    scenario = trace.scenario
    copied = 1000 * scenario.database_mb / min(scenario.disk_mb_per_s, scenario.bandwidth_mbit * 1e6 / 8 / _MB)
    fetched = 1000 * max(log, 0) * scenario.record_bytes / _MB / scenario.archive_mb_per_s
    return copied + fetched + max(log, 0) * scenario.replay_us / 1000


def _statements(trace: Trace) -> list[tuple[str, int]]:
    """Return what each logged statement does, and its LSN, in the order of the log."""
    known = sorted((f for f in trace.scenario.timeline if isinstance(f, Statement)), key=lambda f: f.at_ms)
    ops = trace.ops.where(_are_statements(trace) & (trace.ops.lsn > 0))
    return [(known[number].what, lsn) for number, lsn in zip(ops.value.tolist(), ops.lsn.tolist(), strict=True)]


def _logged(trace: Trace, statement: int) -> tuple[float, int]:
    """Return when a statement was run, ms, and its LSN."""
    ops = trace.ops.where(_are_statements(trace) & (trace.ops.value == statement) & (trace.ops.lsn > 0))
    if not len(ops):
        raise ValueError(f"statement is {statement}: no statement of that number was logged in this run.")
    return float(ops.invoked[0]), int(ops.lsn[0])


def _are_statements(trace: Trace) -> Flags:
    found: Flags = trace.ops.kind == OpKind.STATEMENT
    return found


def _first(trace: Trace, node: str, which: Position, lsn: int) -> float:
    times, lsns = trace.steps(node, which)
    reached: Ints = np.flatnonzero(lsns >= lsn)
    return float(times[reached[0]]) if len(reached) else float("inf")
