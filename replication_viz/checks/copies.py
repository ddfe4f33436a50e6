"""What the checkers take from a run without a leader: which copies hold what, version by version."""

from __future__ import annotations

import numpy as np

from ..scenario import Ring
from ..trace import OpKind, Position, Trace
from .operation import Key, Value


def shown(trace: Trace, at_ms: float) -> dict[str, dict[Key, Value]]:
    """Return the value of each key that each node shows at a moment (ms); a deleted key is not there."""
    ops = trace.ops
    deleted = set(ops.lsn[ops.kind == OpKind.DELETE].tolist())
    return {
        name: {key: version for key, version in held.items() if version not in deleted}
        for name, held in zip(trace.nodes, trace.holdings(at_ms), strict=True)
    }


def survived(trace: Trace, node: str, at_ms: float) -> dict[Key, set[Value]]:
    """Return the values that a node's copies contain at a moment (ms), for itself or kept for others.

    A copy contains every write up to its version, for what that has replaced is not lost; and a tombstone that has
    been removed has done its work.
    """
    number = trace.number(node)
    hinted = trace.holdings(at_ms, Position.HINTED)[number]
    levels = trace.levels
    rows = (levels.node == number) & (levels.which == Position.STORED) & (levels.time <= at_ms)
    versions = np.concatenate([np.abs(levels.lsn[rows]), np.array(list(hinted.values()), dtype=np.int64)])
    ops = trace.ops
    writes = ops.where(np.isin(ops.kind, (OpKind.WRITE, OpKind.DELETE)) & (ops.lsn > 0))
    key_of = dict(zip(writes.lsn.tolist(), writes.key.tolist(), strict=True))
    newest: dict[Key, int] = {}
    for version in versions.tolist():
        key = key_of[version]
        newest[key] = max(newest.get(key, 0), version)
    found: dict[Key, set[Value]] = {}
    for key, version in zip(writes.key.tolist(), writes.lsn.tolist(), strict=True):
        if version <= newest.get(key, 0):
            found.setdefault(key, set()).add(version)
    return found


class Homes:
    """Which nodes ought to hold a key."""

    def __init__(self, trace: Trace) -> None:
        self._ring = Ring(trace.scenario)
        self._nodes = trace.nodes

    def __call__(self, key: Key) -> set[str]:
        """Return their names."""
        return {self._nodes[node] for node in self._ring.homes(int(key))}
