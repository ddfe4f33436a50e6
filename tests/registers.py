"""Histories of a correct register, and ways to spoil them; a slow judge that tries every order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import count
from math import inf

from replication_viz.checks import History, Operation
from replication_viz.checks.operation import Kind


def correct(
    operations: int,
    keys: int = 1,
    clients: int = 3,
    values: int | None = None,
    swaps: float = 0.0,
    unknown: float = 0.0,
    in_turn: bool = False,
    seed: int = 0,
) -> History:
    """Return what clients of correct registers see: each operation takes effect at a moment between call and answer.

    Parameters
    ----------
    values : int, optional
        How many different values are written; by default every write has its own.
    swaps, unknown : float
        Share of the operations that compare and set, and that get no answer (half of them take effect later or never).
    in_turn : bool
        Whether all clients work on one key at a time, so that as many operations as clients overlap.
    """
    chance = random.Random(seed)
    fresh = count(1)
    clock = [0.0] * clients
    plans = []
    for number in range(operations):
        client = min(range(clients), key=clock.__getitem__)
        call = clock[client]
        took = chance.uniform(1, 10)
        key = number * keys // operations if in_turn else chance.randrange(keys)
        clock[client] += took + chance.uniform(0, 1)
        kind: Kind = "cas" if chance.random() < swaps else chance.choice(("read", "write"))
        value = next(fresh) if values is None else chance.randrange(1, values + 1)
        answered = chance.random() >= unknown
        effect = call + chance.random() * took * (1 if answered else chance.choice((1, 20, inf)))
        plans.append((effect, call, took, client, key, kind, value, answered))
    held: dict[int, int] = {}
    done = []
    for _, call, took, client, key, kind, value, answered in sorted(plans):
        now = held.get(key)
        expected = now if kind == "cas" and chance.random() < 0.6 else chance.choice((now, value))
        swapped = kind == "cas" and expected == now
        if kind == "write" or swapped:
            held[key] = value
        done.append(
            Operation(
                session=str(client),
                kind=kind,
                key=key,
                value=now if kind == "read" else value,
                call_ms=call,
                return_ms=call + took if answered else None,
                outcome="ok" if answered else "unknown",
                expected=expected if kind == "cas" else None,
                swapped=swapped if kind == "cas" and answered else None,
            )
        )
    return History(tuple(sorted(done, key=lambda operation: operation.call_ms)))


def spoiled(history: History, seed: int = 0) -> History:
    """Return a history in which one read returned what another operation on its key wrote or read."""
    chance = random.Random(seed)
    reads = [n for n, operation in enumerate(history) if operation.kind == "read" and operation.outcome == "ok"]
    if not reads:
        return history
    number = chance.choice(reads)
    read = history[number]
    others = [other.value for other in history if other.key == read.key and other.value != read.value]
    spoilt = read._replace(value=chance.choice([*others, None] if read.value is not None else others or [None]))
    return History((*history.operations[:number], spoilt, *history.operations[number + 1 :]))


def fits(operations: Sequence[Operation]) -> bool:
    """Return whether some order explains the operations on one key, by trying all."""
    seen = [o for o in operations if o.outcome != "failed" and (o.kind != "read" or o.outcome == "ok")]
    return _fits(seen, None)


def _fits(rest: Sequence[Operation], held: int | str | None) -> bool:
    if all(operation.end_ms == inf for operation in rest):
        return True
    limit = min(operation.end_ms for operation in rest)
    return any(
        _fits([*rest[:place], *rest[place + 1 :]], after)
        for place, operation in enumerate(rest)
        if operation.call_ms <= limit
        for after in _effects(operation, held)
    )


def _effects(operation: Operation, held: int | str | None) -> list[int | str | None]:
    """Return what a register can hold after an operation, if that can happen to it now."""
    if operation.kind == "write":
        return [operation.value]
    if operation.kind == "read":
        return [held] if operation.value == held else []
    found = operation.expected == held
    if operation.outcome == "unknown":
        return [operation.value if found else held]
    if operation.swapped != found:
        return []
    return [operation.value if found else held]
