"""What the checkers take from a trace: its operations, and what each node holds at a moment."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..trace import Flags, Ints, OpKind, Ops, Outcome, Position, Role, Trace
from .operation import Answer, Key, Kind, Operation, Value

_KINDS: dict[int, Kind] = {OpKind.WRITE: "write", OpKind.READ: "read"}
_ANSWERS: dict[int, Answer] = {Outcome.OK: "ok", Outcome.FAILED: "failed", Outcome.UNKNOWN: "unknown"}


def operations(trace: Trace) -> tuple[Operation, ...]:
    """Return the clients' operations of a run, in order of the call.

    An operator's statement is none: it is about the whole table, and the checkers judge key by key.
    """
    ops = trace.ops.where(np.isin(trace.ops.kind, list(_KINDS)))
    nodes = trace.nodes
    settled = np.where(np.isnan(ops.returned), ops.invoked, ops.returned)
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
        terms(trace, ops.node.astype(np.int64), settled).tolist(),
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
    log = _log(trace)
    log = log.where(log.invoked <= at_ms)
    log = log.where(np.argsort(log.lsn, kind="stable"))
    leader = leading(trace, at_ms)
    shown = {}
    for name in up(trace, at_ms):
        upto = int(trace.at(name, Position.COMMITTED if name == leader else Position.REPLAYED, at_ms))
        held = log.where(log.lsn <= upto)
        shown[name] = dict(zip(held.key.tolist(), held.value.tolist(), strict=True))
    return shown


def held(trace: Trace, node: str, at_ms: float) -> dict[Key, set[Value]]:
    """Return the values that a node's log holds for each key at a moment (ms), replayed or not."""
    upto = max(int(trace.at(node, which, at_ms)) for which in (Position.FLUSHED, Position.RECEIVED))
    log = _log(trace)
    log = log.where((log.lsn <= upto) & (log.invoked <= at_ms))
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


def terms(trace: Trace, node: Ints, at_ms: ArrayLike) -> Ints:
    """Return the term of each node at each moment (ms): ndarray, shape (n,)."""
    states, moments = trace.states, np.asarray(at_ms, dtype=np.float64)
    found = np.zeros(len(moments), dtype=np.int64)
    for number in range(len(trace.nodes)):
        rows = np.flatnonzero(states.node == number)
        here = node == number
        interval = np.searchsorted(states.begin[rows], moments[here], side="right") - 1
        found[here] = states.term[rows][np.maximum(interval, 0)]
    return found


def _at(trace: Trace, at_ms: float) -> NDArray[np.intp]:
    """Return the rows of `Trace.states` that hold at a moment; at the end of the run, those that last until then."""
    states, last = trace.states, at_ms >= trace.duration_ms
    return np.flatnonzero((states.begin <= at_ms) & ((at_ms < states.end) | (last & (states.end >= trace.duration_ms))))


def _values(trace: Trace, ops: Ops) -> list[Any]:
    """Return the value of each operation; a read that brings none along has that of the last write it saw."""
    values = ops.value.copy()
    untold = (ops.kind == OpKind.READ) & (values < 0)
    log = _log(trace)
    if len(log):
        value_at = np.full(int(log.lsn.max()) + 1, -1)
        value_at[log.lsn] = log.value
        values[untold] = value_at[log.last_write(ops.key[untold], ops.lsn[untold])]
    return _or_none(values, values >= 0)


def _log(trace: Trace) -> Ops:
    """Return the writes that got a position in the log, without those that a crash erased from it."""
    ops = trace.ops
    return ops.where((ops.kind == OpKind.WRITE) & (ops.lsn > 0) & ~_erased(trace))


def _erased(trace: Trace) -> Flags:
    """Return which operations a crash took with it: the leader's log steps back below them, nobody has seen them."""
    ops = trace.ops
    erased = np.zeros(len(ops), dtype=np.bool_)
    for number, name in enumerate(trace.nodes):
        times, lsns = trace.steps(name, Position.APPENDED)
        for back in np.flatnonzero(np.diff(lsns) < 0) + 1:
            erased |= (ops.node == number) & (ops.invoked <= times[back]) & (ops.lsn > lsns[back])
    return erased


def _or_none(column: NDArray[Any], there: Flags) -> list[Any]:
    plain: list[Any] = column.tolist()
    for row in np.flatnonzero(~there).tolist():
        plain[row] = None
    return plain
