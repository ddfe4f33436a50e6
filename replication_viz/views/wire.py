"""A trace as one small binary message for the browser: what the stage shows, and nothing else.

Layout: ``RVS1``, then one zlib stream of: length of the header (uint32), header (JSON), columns (int32, little endian,
byte-shuffled: all lowest bytes, then all second bytes, …). Each column holds differences; `decode` and ``decode.js``
sum them up again. Times are counted in ticks, rounded up: the picture is never ahead of the run.
"""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..scenario import Change, Scenario
from ..trace import FlightKind, Position, Trace
from .plot import CURVE_BINS, curves, pools, view
from .ring_wire import place_operations, place_ring
from .stale import NO_STALE_READS, stale_reads
from .story import header
from .tapes_wire import place_tapes

MAGIC = b"RVS1"
FLIGHT_BUDGET = 5_000
LEVEL_BUDGET = 12_000
_MORE_LEVELS = 1.5  # times as many where nodes change roles: these moments are looked at closely
_POSITIONS = max(Position) + 1
_FOREVER = 2**30

Column = NDArray[np.int64]


@dataclass
class Columns:
    """Columns in the order in which they are written; the header says how long each is."""

    parts: list[Column] = field(default_factory=list)

    def add(self, values: Column) -> None:
        self.parts.append(values)

    @property
    def lengths(self) -> list[int]:
        return [len(part) for part in self.parts]

    def differences(self) -> NDArray[np.int32]:
        """Return all columns one after the other, each as its first value and then the steps from value to value."""
        values = np.concatenate(self.parts)
        steps = np.diff(values, prepend=0)
        begins = np.cumsum([0, *self.lengths[:-1]])[np.array(self.lengths) > 0]
        steps[begins] = values[begins]
        return steps.astype("<i4")


def encode(trace: Trace) -> bytes:
    """Return a trace as the stage's message.

    Beyond `FLIGHT_BUDGET` messages only every k-th of each link and kind is drawn; beyond `LEVEL_BUDGET` steps all
    positions are sampled at the same moments, so that what holds between them in the run holds in the picture too.
    Both are told in the header's ``notes``.
    """
    head = header(trace)
    tick = tick_of(trace)
    head["tick"] = tick
    head["grid"] = 0
    is_ring = trace.scenario.topology == "leaderless"
    head["stale"] = NO_STALE_READS if is_ring else stale_reads(trace, tick)  # there each operation says what it is
    columns = Columns()
    head["levels"] = [] if is_ring else place_levels(trace, tick, columns, head)
    head["flights"] = (place_ring if is_ring else place_flights)(trace, tick, columns, head)
    if "terms" in head:
        _change_with_positions(head)
    head["curves"] = []
    for curve in curves(trace):
        columns.add(np.where(np.isnan(curve.values), -1, np.round(np.nan_to_num(curve.values) * 100)).astype(np.int64))
        told = {"label": curve.label, "meaning": curve.meaning, "node": curve.node, "unit": curve.unit}
        head["curves"].append(told)
    head["bins"] = CURVE_BINS
    right, octaves = view(trace, head["usual"], head["grid"])
    head["view"] = len(right)
    columns.add(np.round(right * 16).astype(np.int64))
    columns.add(np.round(octaves * 1024).astype(np.int64))
    for busy, queueing in pools(trace):
        columns.add(busy)
        columns.add(queueing)
    if is_ring:
        place_operations(trace, tick, columns, head)
    if trace.scenario.topology == "multi_leader":
        place_tapes(trace, tick, columns, head)
    head["columns"] = columns.lengths
    return pack(head, columns.differences())


def decode(message: bytes) -> tuple[dict[str, Any], list[Column]]:
    """Return the header and the columns of a message, as the browser reads them.

    Raises
    ------
    ValueError
        If it is no such message.
    """
    if message[:4] != MAGIC:
        raise ValueError(f"a stage message begins with {MAGIC!r}: this one begins with {message[:4]!r}.")
    plain = zlib.decompress(message[4:])
    size = int.from_bytes(plain[:4], "little")
    head: dict[str, Any] = json.loads(plain[4 : 4 + size])
    planes = np.frombuffer(plain, dtype=np.uint8, offset=4 + size).reshape(4, -1)
    values = np.ascontiguousarray(planes.T).view("<i4").ravel()
    cuts = np.cumsum(head["columns"])[:-1]
    return head, [np.cumsum(part, dtype=np.int64) for part in np.split(values, cuts)]


def pack(head: dict[str, Any], values: NDArray[np.int32]) -> bytes:
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    planes = np.ascontiguousarray(values.view(np.uint8).reshape(-1, 4).T).tobytes()
    return MAGIC + zlib.compress(len(text).to_bytes(4, "little") + text + planes, 6)


def tick_of(trace: Trace) -> float:
    """Return the unit in which a trace's times are counted, ms."""
    return 0.01 if trace.duration_ms < 10_000_000 else 0.1


def kinds_shown(scenario: Scenario) -> frozenset[int]:
    """Return the kinds of messages worth drawing: a reply for which nobody waits would only hide the others."""
    asked = {scenario.level, *(fault.value for fault in scenario.faults if isinstance(fault, Change))}
    return frozenset(int(kind) for kind in FlightKind if kind != FlightKind.WROTE or "remote_write" in asked)


def _span(ms: float) -> str:
    return f"{ms:.3g} ms" if ms < 1_000 else f"{ms / 1_000:.3g} s"


def _ticks(times: NDArray[np.float64], tick: float) -> Column:
    return np.ceil(times / tick - 1e-6).astype(np.int64)


def place_levels(trace: Trace, tick: float, columns: Columns, head: dict[str, Any]) -> list[list[int]]:
    """Add the positions' steps; return node, position and count of each group."""
    levels = trace.levels
    group = levels.node.astype(np.int64) * _POSITIONS + levels.which
    order = np.argsort(group, kind="stable")
    group, times, lsns = group[order], levels.time[order], levels.lsn[order]
    kept = _appends_that_matter(group, times, lsns)
    group, times, lsns = group[kept], times[kept], lsns[kept]
    at = _ticks(times, tick)
    if len(at) > LEVEL_BUDGET * (_MORE_LEVELS if "terms" in head else 1):
        groups = len(np.unique(group))
        every = math.ceil(trace.duration_ms * groups / LEVEL_BUDGET / tick)
        at = -(-at // every) * every
        head["grid"] = every * tick
        head["notes"].append(f"positions drawn every {_span(every * tick)}")
    last = np.ones(len(at), dtype=np.bool_)  # of several steps in one tick the last one stands
    last[:-1] = (group[1:] != group[:-1]) | (at[1:] != at[:-1])
    group, at, lsns = group[last], at[last], lsns[last]
    present, start = np.unique(group, return_index=True)
    ends = [*start.tolist(), len(group)][1:]
    index = []
    for key, begin, end in zip(present.tolist(), start.tolist(), ends, strict=True):
        columns.add(at[begin:end])
        columns.add(lsns[begin:end])
        index.append([key // _POSITIONS, key % _POSITIONS, end - begin])
    return index


def _change_with_positions(head: dict[str, Any]) -> None:
    """Let roles change when positions are drawn: else a new leader would stand there with the log of a replica."""
    step, duration = float(head["grid"] or head["tick"]), float(head["duration"])

    def later(ms: float) -> float:
        return min(round(math.ceil(ms / step - 1e-6) * step, 6), duration)

    head["states"] = [[node, later(begin), later(end), *rest] for node, begin, end, *rest in head["states"]]
    terms = head["terms"]
    terms["forks"] = [[*rest, later(begin), later(end)] for *rest, begin, end in terms["forks"]]
    terms["words"] = [[node, later(begin), later(end), word] for node, begin, end, word in terms["words"]]
    for spells in "two", "silent":
        terms[spells] = [[round(begin, 2), round(end, 2)] for begin, end in terms[spells]]


def _appends_that_matter(group: Column, times: NDArray[np.float64], lsns: Column) -> NDArray[np.bool_]:
    """Thin a long APPENDED curve: keep its falls, its last step before each flush, and an even sample of the rest.

    At each flush it stands where it stood in the run, so it is never drawn behind what is flushed.
    """
    kept = np.ones(len(group), dtype=np.bool_)
    for key in np.unique(group[group % _POSITIONS == Position.APPENDED]):
        begin, end = np.searchsorted(group, [key, key + 1])
        if end - begin <= LEVEL_BUDGET // 4:
            continue
        flushes = times[group == key + Position.FLUSHED]
        keep = np.zeros(end - begin, dtype=np.bool_)
        keep[:: math.ceil((end - begin) / (LEVEL_BUDGET // 4))] = True
        keep[np.maximum(np.searchsorted(times[begin:end], flushes, side="right") - 1, 0)] = True
        falls = np.flatnonzero(np.diff(lsns[begin:end]) < 0)
        keep[falls] = keep[falls + 1] = keep[-1] = True
        kept[begin:end] = keep
    return kept


def place_flights(trace: Trace, tick: float, columns: Columns, head: dict[str, Any]) -> list[list[int]]:
    """Add the messages, a group for each link and kind; return kind, source, target and count of each group."""
    flights = trace.flights
    chosen = np.flatnonzero(np.isin(flights.kind, list(kinds_shown(trace.scenario))))
    nodes = len(trace.nodes)
    group = (flights.kind[chosen].astype(np.int64) * nodes + flights.source[chosen]) * nodes + flights.target[chosen]
    order = np.argsort(group, kind="stable")
    chosen, group = chosen[order], group[order]
    every = math.ceil(len(chosen) / FLIGHT_BUDGET)
    if every > 1:
        head["notes"].append(f"1 of {every} messages drawn")
    index = []
    present, start = np.unique(group, return_index=True)
    for key, begin, end in zip(present.tolist(), start.tolist(), [*start.tolist(), len(group)][1:], strict=True):
        rows = chosen[begin:end:every]
        sent = _ticks(flights.sent[rows], tick)
        transit = np.minimum(_ticks(flights.arrived[rows], tick) - sent, _FOREVER)
        carries = np.minimum(flights.lsn_to[rows] - flights.lsn_from[rows], _FOREVER - 1)
        columns.add(sent)
        columns.add(transit)
        columns.add(flights.lsn_to[rows])
        columns.add(carries * 2 + flights.lost[rows])
        index.append([key // nodes // nodes, key // nodes % nodes, key % nodes, len(rows)])
    return index
