"""What is left in the end: every write that was acknowledged, and the same on every node."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ..trace import Trace
from .copies import Homes
from .from_trace import contents, held, leading, up
from .history import History
from .operation import Key, Operation, Value, shown
from .sessions import as_history
from .verdict import CONVERGENCE, NO_LOST_WRITE, Verdict, Violation, count, listed, seen_in
from .versions import Versions, Write

QUIET_MS = 1_000.0

Log = Mapping[Key, Collection[Value]]
State = Mapping[Key, Value | None]


def no_lost_write(source: Trace | History, log: Log | None = None, state: State | None = None) -> Verdict:
    """Return each acknowledged write that is gone.

    Parameters
    ----------
    source : Trace or History
        What was acknowledged.
    log : mapping, optional
        For each key the values that the log of the survivors holds, if every write has its own value. By default, for a
        trace: the log of the node that leads at the end, or, if none does, of all that are up.
    state : mapping, optional
        In place of a log: the value of each key in the end. It can tell less: a write is gone for certain only if what
        is there is surely older (`replication_viz.checks.sessions` says when).

    Raises
    ------
    ValueError
        If a history comes with neither log nor state.
    """
    history = as_history(source)
    where = "nothing that survived holds it"
    if log is None and state is None:
        if not isinstance(source, Trace):
            raise ValueError("log and state are None: a history does not tell what survived, so one must be given.")
        log, where = _survived(source)
    answered = [(number, operation) for number, operation in enumerate(history) if _acknowledged(operation)]
    found = (
        _not_in_log(history, answered, log, where) if log is not None else _older_than(history, answered, state or {})
    )
    return Verdict(NO_LOST_WRITE, count(len(answered), "acknowledged write"), tuple(found))


def convergence(source: Trace | Mapping[str, Mapping[Key, Any]], quiet_ms: float = QUIET_MS) -> Verdict:
    """Return each key on which nodes that are up differ after a quiet time.

    Parameters
    ----------
    source : Trace, or mapping of str to mapping
        A run, or for each node what it holds for each key. An absent key holds nothing.
    quiet_ms : float
        How long before the end of a run the last write must have come, ms; otherwise it is undecided.
    """
    if not isinstance(source, Trace):
        return Verdict(CONVERGENCE, count(len(source), "node"), tuple(_differences(source, "")))
    end = source.duration_ms
    shows = contents(source, end)
    of = count(len(shows), "node")
    last = max((operation.call_ms for operation in as_history(source) if operation.writes), default=0.0)
    if end - last < quiet_ms:
        why = (
            f"The last write came at {last:,.1f} ms, {end - last:,.1f} ms before the end: "
            f"nodes need {quiet_ms:,.0f} ms of quiet to be judged."
        )
        return Verdict(CONVERGENCE, of, undecided=(why,))
    homes = Homes(source) if source.scenario.topology == "leaderless" else None
    found = _differences(shows, f" {end - last:,.1f} ms after the last write", end, homes)
    return Verdict(CONVERGENCE, of, tuple(found))


def _acknowledged(operation: Operation) -> bool:
    return operation.writes and operation.outcome == "ok"


def _survived(trace: Trace) -> tuple[Log, str]:
    """Return what is left of the log at the end of a run, and in words how a write is missing from it."""
    end = trace.duration_ms
    leader = leading(trace, end) if trace.scenario.topology == "single_leader" else ""
    if leader:
        return held(trace, leader, end), f"the log of {leader}, which leads in the end, does not hold it"
    alive = up(trace, end)
    logs = [held(trace, name, end) for name in alive]
    union = {
        key: set[Value]().union(*(log.get(key, ()) for log in logs)) for key in {key for log in logs for key in log}
    }
    return union, f"no node that is up in the end ({listed(alive) or 'none is'}) holds it"


def _not_in_log(
    history: History, answered: Iterable[tuple[int, Operation]], log: Log, where: str
) -> Iterable[Violation]:
    sets = {key: frozenset(values) for key, values in log.items()}
    for number, operation in answered:
        if operation.value not in sets.get(operation.key, ()):
            yield seen_in(
                history, NO_LOST_WRITE, f"{_told(number, operation)}, but {where}.", (number,), operation.session
            )


def _older_than(history: History, answered: Iterable[tuple[int, Operation]], state: State) -> Iterable[Violation]:
    versions = Versions(history)
    for number, operation in answered:
        value = state.get(operation.key)
        left: list[Write] = [None] if value is None else [*versions.writers(operation.key, value)]
        if versions.all_older(left, [number]):
            source = "" if left[0] is None else f" of {history[left[0]].called(left[0])}, which is older"
            why = f"{_told(number, operation)}, but in the end the key holds {shown(value)}{source}."
            proof = (number, *(write for write in left if write is not None))
            yield seen_in(history, NO_LOST_WRITE, why, proof, operation.session)


def _told(number: int, operation: Operation) -> str:
    what = f"{operation.called(number)} of {shown(operation.value)} to key {operation.key}"
    return f"{what} was acknowledged at {operation.end_ms:,.1f} ms"


def _differences(
    shows: Mapping[str, Mapping[Key, Any]], when: str, at_ms: float = 0.0, homes: Homes | None = None
) -> Iterable[Violation]:
    for key in dict.fromkeys(key for values in shows.values() for key in values):
        found: list[tuple[Any, list[str]]] = []
        for name, values in shows.items():
            if homes is not None and name not in homes(key):
                continue
            value = values.get(key)
            names = next((names for other, names in found if other == value), None)
            if names is None:
                found.append((value, [name]))
            else:
                names.append(name)
        if len(found) > 1:
            differ = listed([f"{shown(value)} on {listed(names)}" for value, names in found])
            yield Violation(
                promise=CONVERGENCE,
                why=f"Key {key} holds {differ}{when}.",
                key=key,
                nodes=tuple(shows),
                begin_ms=at_ms,
                end_ms=at_ms,
            )
