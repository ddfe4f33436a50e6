"""What the stage plots and how far it looks: the timeline's curves, and the window on the log at each moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .. import measures
from ..trace import Floats, Ints, Position, Trace
from .ring_view import RingView
from .tapes_view import tapes
from .terms import Terms

CURVE_BINS = 300
FLEET_POINTS = 601
_LAGS_EACH = 4  # lags looked at in each interval where the leader changes
_TURNED_AWAY_BINS = 8  # users turned away are counted over so many bins
_VIEW_POINTS = 257
_MANY_OPERATIONS, _BEHIND_KEYS = 50_000, 50  # in a run of so many, copies are counted for so many keys
_SMALLEST = 48.0  # writes across the bars
_WIDEST = 64.0  # times the usual width
_AWAY = 600.0  # writes: so far behind one sees where the log of a leader that is down ends
_FARTHEST = 6_000.0  # writes: the window opens as far for a replica that lags, or to 4 times the usual width


@dataclass(frozen=True)
class Curve:
    """A curve of the timeline, its values at the end of each of `CURVE_BINS` equal intervals; NaN where there is none.

    Curves of one unit share a scale.
    """

    label: str
    meaning: str
    node: int
    values: Floats
    unit: Literal["ms", "/s", "copies", "rows", "writes"] = "ms"


def curves(trace: Trace) -> list[Curve]:
    """Return commit latency, and beside it who is turned away or, without application servers, the worst replay lag.

    The lag is that of the replica that is worst off over the run.
    """
    if trace.scenario.topology == "leaderless":
        return _ring_curves(trace)
    if trace.scenario.topology == "multi_leader":
        return _tape_curves(trace)
    found = [Curve("commit latency", "risk", 0, measures.latency_curve(trace, CURVE_BINS)[1])]
    if trace.scenario.servers:
        ends = np.linspace(0, trace.duration_ms, CURVE_BINS + 1)[1:]
        away = measures.turned_away(trace, ends, _TURNED_AWAY_BINS * trace.duration_ms / CURVE_BINS)
        return [*found, Curve("users turned away", "ink", -1, away, "/s")]
    terms = Terms(trace)
    if terms.changes:
        moments = (np.arange(_LAGS_EACH * CURVE_BINS) + 1) * trace.duration_ms / (_LAGS_EACH * CURVE_BINS)
        lags = [terms.lag(n, moments).reshape(CURVE_BINS, -1).max(axis=1) for n in range(len(trace.nodes))]
        worst = int(np.argmax([curve.mean() for curve in lags]))
        return [*found, Curve(f"replay lag of {trace.nodes[worst]}", "stale", worst, lags[worst])]
    lags = [measures.lag_curve(trace, name, "replay", CURVE_BINS)[1] for name in trace.nodes[1:]]
    if lags:
        worst = int(np.argmax([curve.mean() for curve in lags]))
        found.append(Curve(f"replay lag of {trace.nodes[1 + worst]}", "stale", 1 + worst, lags[worst]))
    return found


def _ring_curves(trace: Trace) -> list[Curve]:
    """Return how long operations take, the slowest of each interval, and how many copies lack the newest version."""
    ops, ring = trace.ops, RingView(trace)
    told = np.flatnonzero(~np.isnan(ops.returned))
    bins = np.minimum((ops.returned[told] / trace.duration_ms * CURVE_BINS).astype(np.int64), CURVE_BINS - 1)
    slowest = np.full(CURVE_BINS, -1.0)
    np.maximum.at(slowest, bins, (ops.returned - ops.invoked)[told])
    ends = np.linspace(0, trace.duration_ms, CURVE_BINS + 1)[1:]
    few = np.unique(ops.key)[:_BEHIND_KEYS]
    behind = ring.behind(ends, few if len(ops) > _MANY_OPERATIONS else None).astype(np.float64)
    return [
        Curve("slowest operation", "risk", -1, np.where(slowest < 0, np.nan, slowest)),
        Curve("copies that lack the newest version", "stale", -1, behind, "copies"),
    ]


def _tape_curves(trace: Trace) -> list[Curve]:
    """Return on how many rows the leaders differ, the most of each interval, and how many writes are gone by then."""
    view, edges = tapes(trace), np.linspace(0, trace.duration_ms, CURVE_BINS + 1)
    times, rows = view.divergence
    most = rows[np.searchsorted(times, edges[:-1], side="right") - 1].astype(np.float64)
    bins = np.minimum(np.searchsorted(edges, times, side="right") - 1, CURVE_BINS - 1)
    np.maximum.at(most, bins, rows)
    found = [Curve("rows that differ", "stale", -1, most, "rows")]
    if view.losses:
        gone = np.searchsorted([loss.at_ms for loss in view.losses], edges[1:], side="right").astype(np.float64)
        found.append(Curve("acknowledged writes discarded", "risk", -1, gone, "writes"))
    return found


def pools(trace: Trace) -> list[tuple[Ints, Ints]]:
    """Return each application server's connections in use and requests in its queue, at equally spaced moments."""
    moments = np.linspace(0, trace.duration_ms, FLEET_POINTS)
    servers = range(trace.scenario.servers)
    return [(measures.connections(trace, moments, s), measures.queueing(trace, moments, s)) for s in servers]


def view(trace: Trace, usual_ms: float | None = None, step_ms: float = 0.0) -> tuple[Floats, Floats]:
    """Return the window on the log at equally spaced moments: the head that it follows, and log2 of its width.

    Both are smooth in time, and the browser interpolates: a picture depends on its moment only. The window is wide
    enough for the writes that wait and for the replicas' lag; who lags beyond reason falls off its left edge.
    Positions that are known every ``step_ms`` only lie well inside, and so do batches of a coarse run.
    """
    leader = trace.nodes[0]
    moments = np.linspace(0, trace.duration_ms, _VIEW_POINTS)
    if trace.scenario.topology == "multi_leader":
        return _view_of_tapes(trace, moments)
    terms = Terms(trace)
    if terms.changes:
        return _view_of_forks(trace, terms, moments)
    head = trace.at(leader, Position.APPENDED, moments).astype(np.float64)
    committed = trace.at(leader, Position.COMMITTED, moments)
    usual = usual_latency(trace) if usual_ms is None else usual_ms
    per_ms = head.max(initial=0.0) / trace.duration_ms
    usual = usual if np.isfinite(usual) else 0.0
    base = max(_SMALLEST * trace.scenario.grain, 8 * per_ms * max(usual, 2 * step_ms))
    # Where the length of the log is the question, all that is kept is in view, and whoever sleeps.
    kept = trace.scenario.slots or len(trace.steps(leader, Position.OLDEST)[0]) > 0
    farthest = np.inf if kept else max(_FARTHEST, 4 * base)
    far = np.zeros_like(head)
    for name in trace.nodes[1:]:
        behind = head - trace.at(name, Position.REPLAYED, moments)
        far = np.maximum(far, np.where(behind > farthest, 0.0, behind))
    needed = np.maximum(head - committed, far) * 1.3
    octaves = np.log2(np.clip(needed, base, np.inf if kept else _WIDEST * base))
    return _smooth(head, 5), _smooth(_highest_around(octaves, 9), 9)


def _view_of_forks(trace: Trace, terms: Terms, moments: Floats) -> tuple[Floats, Floats]:
    """Return the window where logs fork: it follows the longest, and holds the fork while there are two histories."""
    nodes = [terms.tracks(number, moments) for number in range(len(trace.nodes))]
    head = np.max([node.head for node in nodes], axis=0).astype(np.float64)
    far = np.zeros_like(head)
    for node in nodes:
        doomed, away = node.doomed > 0, node.leads & ~node.up  # who is away, and not even rejoining, may fall off
        behind = head - np.where(doomed, node.shared, node.replayed)
        most = np.where(away, _AWAY, np.where(doomed | node.up, _FARTHEST, 0.0))
        far = np.maximum(far, np.where(behind <= most, behind, 0.0))
    octaves = np.log2(np.clip(1.45 * far, _SMALLEST, _WIDEST * _SMALLEST))
    return _smooth(head, 5), _smooth(_highest_around(octaves, 9), 9)


def _view_of_tapes(trace: Trace, moments: Floats) -> tuple[Floats, Floats]:
    """Return the window on the writes of several leaders: wide enough for the oldest one that somebody lacks."""
    found = tapes(trace)
    octaves = np.log2(np.clip(1.3 * found.behind(moments), _SMALLEST, _WIDEST * _SMALLEST))
    return _smooth(found.heads(moments).astype(np.float64), 5), _smooth(_highest_around(octaves, 9), 9)


def usual_latency(trace: Trace) -> float:
    """Return the median commit latency (ms) before the first fault, or of the whole run; NaN if nothing commits."""
    first = min((fault.at_ms for fault in trace.scenario.timeline), default=np.inf)
    before = measures.commit_latency(trace, until_ms=first).p50
    return before if np.isfinite(before) else measures.commit_latency(trace).p50


def _highest_around(values: Floats, reach: int) -> Floats:
    padded = np.pad(values, reach, mode="edge")
    highest: Floats = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(axis=1)
    return highest


def _smooth(values: Floats, reach: int) -> Floats:
    kernel: NDArray[np.float64] = np.hanning(2 * reach + 3)[1:-1]
    smooth: Floats = np.convolve(np.pad(values, reach, mode="edge"), kernel / kernel.sum(), mode="valid")
    return smooth
