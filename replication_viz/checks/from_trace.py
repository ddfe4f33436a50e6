"""What the checkers take from a trace: its operations, and what each node holds at a moment."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..timelines import Timelines
from ..trace import Flags, OpKind, Ops, Outcome, Role, Trace
from . import copies, regions
from .operation import Answer, Key, Kind, Operation, Value

_KINDS: dict[int, Kind] = {OpKind.WRITE: "write", OpKind.READ: "read", OpKind.DELETE: "write"}
_ANSWERS: dict[int, Answer] = {Outcome.OK: "ok", Outcome.FAILED: "failed", Outcome.UNKNOWN: "unknown"}


def operations(trace: Trace) -> tuple[Operation, ...]:
    """Return the clients' operations of a run, in order of the call.

    An operator's statement is none: it is about the whole table, and the checkers judge key by key.
    """
    ops = trace.ops.where(np.isin(trace.ops.kind, list(_KINDS)))
    if trace.scenario.topology == "multi_leader":
        ops = regions.judged(trace, ops)
    nodes = trace.nodes
    reads = (ops.kind == OpKind.READ) & ~np.isnan(ops.returned)
    asked = np.where(reads, ops.returned, ops.invoked)  # a write counts in the term in which it was taken
    columns = (
        ops.client.tolist(),
        ops.kind.tolist(),
        ops.key.tolist(),
        _values(trace, ops),
        ops.invoked.tolist(),
        _or_none(ops.returned, ~np.isnan(ops.returned)),
        ops.outcome.tolist(),
        ops.node.tolist(),
        _or_none(ops.lsn, ops.lsn >= 0),
        Timelines(trace).term_at(ops.node.astype(np.int64), asked).tolist(),
    )
    return tuple(
        Operation(
            session=str(client),
            kind=_KINDS[kind],
            key=key,
            value=value,
            call_ms=invoked,
            return_ms=returned,
            outcome=_ANSWERS[outcome],
            node=nodes[node],
            lsn=lsn,
            term=term,
        )
        for client, kind, key, value, invoked, returned, outcome, node, lsn, term in zip(*columns, strict=True)
    )


def contents(trace: Trace, at_ms: float) -> dict[str, dict[Key, Value]]:
    """Return what each node that is up shows to a reader at a moment (ms): the value of each key that it holds."""
    if trace.scenario.topology == "leaderless":
        everyone = copies.shown(trace, at_ms)
        return {name: everyone[name] for name in up(trace, at_ms)}
    if trace.scenario.topology == "multi_leader":
        everyone = regions.shown(trace, at_ms)
        return {name: everyone[name] for name in up(trace, at_ms)}
    timelines = Timelines(trace)
    log = _log(trace).where(_log(trace).invoked <= at_ms)
    shown = {}
    for name in up(trace, at_ms):
        term, _ = timelines.log_of(name, at_ms)
        visible = log.where(timelines.holds(log, term, int(timelines.shown(name, at_ms))))
        visible = visible.where(np.argsort(visible.lsn, kind="stable"))
        shown[name] = dict(zip(visible.key.tolist(), visible.value.tolist(), strict=True))
    return shown


def held(trace: Trace, node: str, at_ms: float) -> dict[Key, set[Value]]:
    """Return the values that a node's log holds for each key at a moment (ms), replayed or not."""
    if trace.scenario.topology == "leaderless":
        return copies.survived(trace, node, at_ms)
    if trace.scenario.topology == "multi_leader":
        return regions.survived(trace, node, at_ms)
    timelines = Timelines(trace)
    term, upto = timelines.log_of(node, at_ms)
    log = _log(trace)
    log = log.where(timelines.holds(log, term, upto) & (log.invoked <= at_ms))
    found: dict[Key, set[Value]] = {}
    for key, value in zip(log.key.tolist(), log.value.tolist(), strict=True):
        found.setdefault(key, set()).add(value)
    return found


def leading(trace: Trace, at_ms: float) -> str:
    """Return the node that leads and is up at a moment (ms): of several the one of the highest term; empty if none."""
    rows = _at(trace, at_ms)
    rows = rows[trace.states.up[rows] & (trace.states.role[rows] == Role.LEADER)]
    return trace.nodes[int(trace.states.node[rows[np.argmax(trace.states.term[rows])]])] if len(rows) else ""


def up(trace: Trace, at_ms: float) -> list[str]:
    """Return the nodes that are up at a moment (ms)."""
    rows = _at(trace, at_ms)
    return [trace.nodes[number] for number in sorted(set(trace.states.node[rows[trace.states.up[rows]]].tolist()))]


def _at(trace: Trace, at_ms: float) -> NDArray[np.intp]:
    """Return the rows of `Trace.states` that hold at a moment; at the end of the run, those that last until then."""
    states, last = trace.states, at_ms >= trace.duration_ms
    return np.flatnonzero((states.begin <= at_ms) & ((at_ms < states.end) | (last & (states.end >= trace.duration_ms))))


def _values(trace: Trace, ops: Ops) -> list[Any]:
    """Return the value of each operation; a read that brings none along has that of the last write it saw.

    With more than one timeline a position does not tell which write it is: there a read without a value saw none.
    """
    values = ops.value.copy()
    if len(Timelines(trace).forks) > 1:
        return _or_none(values, values >= 0)
    untold = (ops.kind == OpKind.READ) & (values < 0)
    log = _log(trace)
    if len(log):
        value_at = np.full(int(log.lsn.max()) + 1, -1)
        value_at[log.lsn] = log.value
        values[untold] = value_at[log.last_write(ops.key[untold], ops.lsn[untold])]
    return _or_none(values, values >= 0)


def _log(trace: Trace) -> Ops:
    """Return the writes that got a position in some log, without those that a crash erased from it."""
    ops = trace.ops
    return ops.where(np.isin(ops.kind, (OpKind.WRITE, OpKind.DELETE)) & (ops.lsn > 0) & ~Timelines(trace).erased(ops))


def _or_none(column: NDArray[Any], there: Flags) -> list[Any]:
    plain: list[Any] = column.tolist()
    for row in np.flatnonzero(~there).tolist():
        plain[row] = None
    return plain
