"""A broken promise on the stage: the sentence, the moment, and the write that it is about."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checks import Violation
from ..timelines import Timelines
from ..trace import OpKind, Trace


def broken_promise(trace: Trace, violation: Violation) -> dict[str, Any]:
    """Return what the stage must know to show a violation: the reason, and what to follow through the picture.

    Raises
    ------
    ValueError
        If the violation is of another history than that of this run.
    """
    shown: dict[str, Any] = {"promise": violation.promise, "why": violation.why}
    if not violation.operations:
        return shown
    ops = trace.ops
    rows = np.flatnonzero(np.isin(ops.kind, (OpKind.WRITE, OpKind.READ, OpKind.DELETE)))
    last = max(violation.operations)
    if last >= len(rows):
        raise ValueError(f"the violation names operation {last}, and the run has {len(rows)}: it is of another run.")
    named = [int(rows[number]) for number in violation.operations]
    if trace.scenario.topology == "leaderless":
        return {**shown, "follow": {"kind": "op", "op": named[0]}}
    write = next((row for row in named if ops.kind[row] != OpKind.READ and ops.lsn[row] > 0), None)
    if write is None or trace.scenario.topology == "multi_leader":
        return shown
    follow: dict[str, Any] = {"kind": "write", "lsn": int(ops.lsn[write])}
    if len(Timelines(trace).forks) > 1:
        follow["term"] = int(Timelines(trace).term_of(ops.where(np.array([write])))[0])
    return {**shown, "follow": follow}
