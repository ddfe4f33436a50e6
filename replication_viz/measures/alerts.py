"""Alarms: when a rule would have rung, and when the users knew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..trace import Floats, Trace
from .answers import latency_curve, writes
from .lags import LagKind, lag
from .log import kept_log_mb
from .reads import old_reads
from .reports import lag_by_clock

Watched = LagKind | Literal["clock", "commit", "log"]

_NAMES = {
    "write": ("write lag", "ms"),
    "flush": ("flush lag", "ms"),
    "replay": ("replay lag", "ms"),
    "clock": ("lag by clock", "ms"),
    "commit": ("commit latency", "ms"),
    "log": ("log kept by the leader", "MB"),
}
_LOOKS = 2_000  # a run is looked at so many times, as a monitoring system does at its interval


@dataclass(frozen=True)
class Rule:
    """An alarm that rings when something has been above a limit for a while.

    Attributes
    ----------
    watched : str
        ``write``, ``flush``, ``replay``: the lag of a replica, in that sense. ``clock``: its lag by clock. ``commit``:
        commit latency. ``log``: the log that the leader keeps.
    above : float
        The limit, ms, or MB for ``log``.
    for_ms : float
        How long without a break, ms.
    node : str
        The replica that is watched; any where it says ``any``.
    """

    watched: Watched
    above: float
    for_ms: float = 0.0
    node: str = "any"

    def __str__(self) -> str:
        name, unit = _NAMES[self.watched]
        where = "" if self.node == "any" else f" of {self.node}"
        while_ = f" for {self.for_ms / 1000:g} s" if self.for_ms else ""
        return f"{name}{where} > {self.above:g} {unit}{while_}"


@dataclass(frozen=True)
class Ring:
    """An alarm that rang.

    Attributes
    ----------
    rule : Rule
    node : str
        Of which replica; the leader's name where the rule watches the leader.
    at_ms, until_ms : float
        From when to when it rings, ms.
    """

    rule: Rule
    node: str
    at_ms: float
    until_ms: float


def alarms(trace: Trace, rule: Rule) -> list[Ring]:
    """Return every time that a rule rings, in order of time.

    Raises
    ------
    ValueError
        If the rule watches what there is not, or names no node of the run.
    """
    if rule.watched not in _NAMES:
        raise ValueError(f"watched is {rule.watched!r}: it must be one of {', '.join(_NAMES)}.")
    moments = np.linspace(0, trace.duration_ms, _LOOKS + 1)
    leader = rule.watched in ("commit", "log")
    nodes = trace.nodes[:1] if leader else trace.nodes[1:] if rule.node == "any" else (rule.node,)
    rings = []
    for node in nodes:
        high = _watch(trace, rule.watched, node, moments) > rule.above
        edges = np.flatnonzero(np.diff(np.concatenate([[False], high, [False]]).astype(np.int8)))
        for begin, end in edges.reshape(-1, 2).tolist():
            at, until = moments[begin] + rule.for_ms, moments[min(end, _LOOKS)]
            if at <= until and (at < until or rule.for_ms == 0):
                rings.append(Ring(rule, node, float(at), float(until)))
    return sorted(rings, key=lambda ring: ring.at_ms)


def users_notice(trace: Trace, missing_ms: float = 1_000) -> float:
    """Return when the first user reads something that is older than this (ms), ms; NaN if nobody does.

    A user notices an old value only if somebody has long written a newer one.
    """
    reads, known = old_reads(trace).reads, writes(trace)
    known = known.where(known.lsn > 0)
    order = np.lexsort((known.lsn, known.key))
    span = np.int64(known.lsn.max(initial=0) + 1)
    places = (known.key * span + known.lsn)[order]
    newer = np.searchsorted(places, reads.key * span + reads.lsn, side="right")  # the first write that the read lacks
    late = reads.invoked[reads.invoked - known.returned[order][newer] > missing_ms]
    return float(late.min()) if len(late) else float("nan")


def _watch(trace: Trace, watched: str, node: str, moments: Floats) -> Floats:
    if watched == "commit":
        ends, worst = latency_curve(trace, 400)
        return np.nan_to_num(worst)[np.minimum(np.searchsorted(ends, moments), len(ends) - 1)]
    if watched == "log":
        return kept_log_mb(trace, moments)
    if watched == "clock":
        return np.nan_to_num(lag_by_clock(trace, node, moments))
    return lag(trace, node, watched, moments)  # type: ignore[arg-type]
