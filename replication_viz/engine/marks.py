"""Moments worth a caption: each fault when it strikes, and when writes begin to wait for long."""

from __future__ import annotations

import numpy as np

from ..scenario import (
    CancelWaits,
    Change,
    Crash,
    CutLink,
    DropSlot,
    Fault,
    Freeze,
    LinkDelay,
    LongQuery,
    LoseArchive,
    Partition,
    PauseReplay,
    Promote,
    Rebuild,
    Restart,
    Scenario,
    SkewClock,
    SlowReplay,
    StallDisk,
    Statement,
)
from ..trace import MarkKind, Ops
from .record import Record

_KIND: dict[type, MarkKind] = {
    Crash: MarkKind.CRASH,
    Restart: MarkKind.RESTART,
    Freeze: MarkKind.FROZEN,
    Promote: MarkKind.CHANGE,
    StallDisk: MarkKind.DISK,
    SlowReplay: MarkKind.REPLAY,
    PauseReplay: MarkKind.REPLAY,
    LongQuery: MarkKind.QUERY,
    DropSlot: MarkKind.CHANGE,
    Statement: MarkKind.STATEMENT,
    LoseArchive: MarkKind.ARCHIVE,
    Rebuild: MarkKind.CHANGE,
    SkewClock: MarkKind.CLOCK,
    Partition: MarkKind.PARTITION,
    CutLink: MarkKind.LINK,
    LinkDelay: MarkKind.LINK,
    Change: MarkKind.CHANGE,
    CancelWaits: MarkKind.CHANGE,
}

_MOMENTS = Crash | Restart | Change | CancelWaits | DropSlot | Rebuild | Promote | Statement


def mark_faults(record: Record, scenario: Scenario) -> None:
    """Mark each fault that strikes within the run, once for each node that it touches."""
    names = scenario.node_names
    for fault in scenario.timeline:
        if fault.at_ms >= scenario.duration_ms:
            continue
        for node, peer in _places(fault, names):
            record.mark(_KIND[type(fault)], fault.at_ms, fault.sentence(), until=_until(fault), node=node, peer=peer)


def fell_back(leader: str, patience_ms: float) -> str:
    """Return what is said when a leader goes on without replicas."""
    return f"{leader} has waited {patience_ms:g} ms for replicas, and goes on without them"


def waits_again(leader: str) -> str:
    """Return what is said when it waits for them again."""
    return f"replicas have caught up: {leader} waits for them again"


def mark_blocked(record: Record, scenario: Scenario, ops: Ops) -> None:
    """Mark the spells in which the oldest waiting write had waited for five usual commits and at least 100 ms."""
    patience = max(100.0, 5 * _usual_commit_ms(scenario))
    answered = np.nan_to_num(ops.returned, nan=np.inf)
    waiting = (ops.lsn >= 0) & (answered - ops.invoked > patience)
    begins, ends = ops.invoked[waiting] + patience, answered[waiting]
    if not len(begins):
        return
    latest = np.maximum.accumulate(ends)
    first = np.concatenate([[True], begins[1:] > latest[:-1]])
    last = np.concatenate([first[1:], [True]])
    nodes = ops.node[waiting][first].tolist()
    for begin, end, node in zip(begins[first].tolist(), latest[last].tolist(), nodes, strict=True):
        if begin < scenario.duration_ms:
            text = f"a write has waited {patience:.0f} ms for its answer"
            record.mark(MarkKind.BLOCKED, begin, text, until=end, node=node)


def _places(fault: Fault, names: tuple[str, ...]) -> list[tuple[int, int]]:
    numbers = [names.index(name) for name in fault.places()]
    if isinstance(fault, CutLink | LinkDelay):
        return [(numbers[0], numbers[1])]
    return [(number, -1) for number in numbers] or [(-1, -1)]


def _until(fault: Fault) -> float:
    return (
        float("nan")
        if isinstance(fault, Crash | Restart | Change | CancelWaits | DropSlot | Rebuild | Promote | SkewClock)
        else fault.until_ms
    )


def _usual_commit_ms(scenario: Scenario) -> float:
    trips = [
        2 * scenario.of(name, "network_ms") + scenario.of(name, "lag_ms") + scenario.of(name, "flush_ms")
        for name in scenario.sync_rule().candidates(scenario.standbys)
    ]
    return float(scenario.of("L", "flush_ms") + max(trips, default=0.0))
