"""Session guarantees by the writes that a node held, as each operation tells in `Operation.seen`."""

from __future__ import annotations

from dataclasses import dataclass, field

from .history import History
from .operation import Key
from .verdict import (
    MONOTONIC_READS,
    MONOTONIC_WRITES,
    READ_YOUR_WRITES,
    WRITES_FOLLOW_READS,
    Violation,
    listed,
    seen_in,
)


@dataclass(frozen=True)
class _Past:
    """What a session has done with a key: names of its writes, and of the writes that its reads showed.

    With each name stands the number of the operation that wrote it, or that showed it first.
    """

    wrote: dict[str, int] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)

    def so_far(self) -> _Past:
        """Return a copy that stays as it is."""
        return _Past(dict(self.wrote), dict(self.read))


def violations(history: History) -> list[Violation]:
    """Return the violations of all four guarantees; none where no operation tells what its node held."""
    if all(operation.seen is None for operation in history):
        return []
    pasts = _pasts(history)
    writes = {operation.name: number for number, operation in enumerate(history) if operation.name and operation.writes}
    found: list[Violation] = []
    for number, past in pasts.items():
        operation = history[number]
        if operation.seen is None:
            continue
        if operation.kind == "read":
            found += _missing(history, number, READ_YOUR_WRITES, past.wrote, "written")
            found += _missing(history, number, MONOTONIC_READS, past.read, "read")
            for name in operation.seen:
                if name in writes and history[writes[name]].key == operation.key:
                    found += _out_of_place(history, number, writes[name], pasts[writes[name]])
        else:
            found += _missing(history, number, MONOTONIC_WRITES, past.wrote, "written")
            found += _missing(history, number, WRITES_FOLLOW_READS, past.read, "read")
    return found


def _pasts(history: History) -> dict[int, _Past]:
    """Return for each operation what its session had done with its key before."""
    pasts: dict[int, _Past] = {}
    for numbers in history.by_session().values():
        sofar: dict[Key, _Past] = {}
        for number, answered in history.answered_before(numbers):
            for earlier in answered:
                before = history[earlier]
                past = sofar.setdefault(before.key, _Past())
                if before.writes and before.name:
                    past.wrote[before.name] = earlier
                elif before.kind == "read":
                    for name in before.seen or ():
                        past.read.setdefault(name, earlier)
            pasts[number] = sofar.get(history[number].key, _Past()).so_far()
    return pasts


def _missing(history: History, number: int, promise: str, needed: dict[str, int], done: str) -> list[Violation]:
    """Return the violation of an operation whose node lacked what its session had done before, if it did."""
    operation = history[number]
    missing = [name for name in needed if name not in (operation.seen or ())]
    if not missing:
        return []
    why = (
        f"{_held(history, number)} did not hold {listed(missing)}, which session {operation.session} had {done} before "
        f"({_when(history, needed[missing[0]])})."
    )
    earlier = dict.fromkeys(needed[name] for name in missing)
    return [seen_in(history, promise, why, (number, *earlier), operation.session)]


def _out_of_place(history: History, number: int, write: int, past: _Past) -> list[Violation]:
    """Return the violations of a node that held a write without, or before, what had to come before it."""
    held, made = history[number].seen or (), history[write]
    before = held[: held.index(made.name)]
    found = []
    for promise, needed, done in (
        (MONOTONIC_WRITES, past.wrote, "written"),
        (WRITES_FOLLOW_READS, past.read, "read"),
    ):
        late = [name for name in needed if name not in before]
        if late:
            why = (
                f"{_held(history, number)} held {made.name}, but not {listed(late)} before it, which session "
                f"{made.session} had {done} before it wrote {made.name} ({_when(history, needed[late[0]])})."
            )
            found.append(seen_in(history, promise, why, (number, write, needed[late[0]]), made.session))
    return found


def _held(history: History, number: int) -> str:
    operation = history[number]
    return f"{operation.node or 'the node'}, asked by {operation.called(number)} {operation.span()},"


def _when(history: History, number: int) -> str:
    return f"{history[number].called(number)} {history[number].span()}"
