"""What the checkers take from a run of several leaders: what each shows and holds, and which operations they judge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..rows import Plain, beaten, finished, made_ms
from ..trace import OpKind, Ops, Trace
from .operation import Key, Value


def judged(trace: Trace, ops: Ops) -> Ops:
    """Return the operations that can be judged: reads only of registers, and none by its position.

    Each leader has a log of its own, so positions of two leaders cannot be compared; and what a counter, a set or a
    cart shows is no value that anybody wrote.
    """
    if trace.scenario.data != "register":
        ops = ops.where(ops.kind != OpKind.READ)
    return replace(ops, lsn=np.full(len(ops), -1))


def shown(trace: Trace, at_ms: float) -> dict[str, dict[Key, Value]]:
    """Return what each leader shows at a moment (ms), up or not; more than one value as a text."""
    tables = finished(trace, at_ms).tables
    return {
        name: {key: _said(values) for key in table.keys if (values := table.values(key))}
        for name, table in zip(trace.nodes, tables, strict=True)
    }


def survived(trace: Trace, node: str, at_ms: float) -> dict[Key, set[Value]]:
    """Return the writes that a leader has on its disk at a moment (ms) and that no write has beaten unseen."""
    story, number = finished(trace, at_ms), trace.number(node)
    gone = {record.number for record, _ in beaten(story, made_ms(trace))}
    found: dict[Key, set[Value]] = {}
    for origin, table in enumerate(story.tables):
        upto = table.flushed if origin == number else story.applied[number][origin]
        for record in table.log[:upto]:
            if record.number not in gone:
                found.setdefault(record.key, set()).add(record.number)
    return found


def _said(values: tuple[Plain, ...]) -> Value:
    value = values[0] if len(values) == 1 else values
    return value if isinstance(value, int) else str(value)
