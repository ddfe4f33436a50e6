"""What the stage says at one moment of a run with several leaders, as plain data: tapes, lanes, arcs, numbers.

Nothing is drawn here; the poster draws a `TapesMoment`. It is what ``tapes_facts.js`` says in the browser.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..trace import FlightKind, Trace
from .instant import Number
from .plot import view
from .story import header
from .tapes_view import TapesView, Tie, clock_words, tapes

MAX_PACKETS = 60
MAX_ARCS = 24


@dataclass(frozen=True)
class Lane:
    """A leader's writes as one leader has them: their numbers, and up to which number nothing is missing."""

    origin: int
    has: tuple[int, ...]
    waits: tuple[int, ...]
    upto: int


@dataclass(frozen=True)
class Tape:
    """A leader: its own lane first, then those of the others.

    Attributes
    ----------
    took, lacks : int
        How many writes it has taken, and how many of the others' are on their disks and not on its own.
    gone : tuple of int
        Its writes that are thrown away, or that a crash took.
    """

    name: str
    about: str
    is_up: bool
    lanes: tuple[Lane, ...]
    took: int
    lacks: int
    gone: tuple[int, ...]


@dataclass(frozen=True)
class Parcel:
    """Part of a leader's log on its way: ``progress`` runs from 0 at the source to 1 at the target."""

    origin: int
    source: int
    target: int
    number: int
    count: int
    progress: float
    is_lost: bool


@dataclass(frozen=True)
class TapesMoment:
    """The tapes at ``at_ms``; ``ties`` are the arcs in view, the newest last, and ``words`` says what that one is."""

    at_ms: float
    tapes: tuple[Tape, ...]
    parcels: tuple[Parcel, ...]
    ties: tuple[Tie, ...]
    words: str
    numbers: tuple[Number, ...]
    sentence: str
    window: tuple[float, float]
    walls: tuple[frozenset[int], ...]


def tapes_moment(trace: Trace, at_ms: float) -> TapesMoment:
    """Return what the tapes show at a moment, ms."""
    found, story = tapes(trace), header(trace)
    window = _window(trace, at_ms)
    rows = tuple(_tape(found, story, number, at_ms) for number in range(len(trace.nodes)))
    ties = tuple(t for t in found.ties if t.at_ms <= at_ms and window[0] < t.writes[0] and t.writes[1] <= window[1])
    return TapesMoment(
        at_ms=at_ms,
        tapes=rows,
        parcels=_parcels(found, at_ms),
        ties=ties[-MAX_ARCS:],
        words=tie_words(found, ties[-1]) if ties else "",
        numbers=(_conflicts(found, at_ms), _discarded(found, at_ms), _differing(found, rows, at_ms)),
        sentence=str([event["text"] for event in story["events"] if event["t"] <= at_ms][-1]),
        window=window,
        walls=tuple(frozenset(w["nodes"]) for w in story["walls"] if w["t"] <= at_ms < w["until"]),
    )


def telling(trace: Trace) -> float:
    """Return the moment, ms, soon after a later write is thrown away, or else at which the leaders differ most."""
    found = tapes(trace)
    later = [loss.at_ms for loss in found.losses if loss.what.is_later] or [loss.at_ms for loss in found.losses]
    soon = 0.006 * trace.duration_ms
    if later:
        return min(later[len(later) * 3 // 5] + soon, trace.duration_ms)
    times, rows = found.divergence
    most = float(times[rows.argmax()])
    after = [tie.at_ms for tie in found.ties if tie.at_ms >= most]
    return min((after[0] if after else most) + soon, trace.duration_ms)


def tie_words(found: TapesView, tie: Tie) -> str:
    """Return what became of two writes that collide, in a few words."""
    scenario, (a, b) = found.trace.scenario, tie.writes
    key = found.records[a].key
    if scenario.data == "unique_name":
        return f"name {key:,} given twice: to accounts {a:,} and {b:,}"
    if tie.lost:
        return f"write {tie.lost:,}, the {'later' if tie.lost == b else 'earlier'} one, was thrown away"
    ends = {"siblings": "siblings", "crdt": "merged"}.get(scenario.resolve)
    both = f"writes {a:,} and {b:,} to row {key:,}"
    return f"{both}: {ends}" if ends else f"{both} collide"


def _window(trace: Trace, at_ms: float) -> tuple[float, float]:
    right, octaves = view(trace)
    moments = np.linspace(0, trace.duration_ms, len(right))
    width = 2 ** float(np.interp(at_ms, moments, octaves))
    top = float(tapes(trace).heads(np.array([at_ms]))[0])
    low = max(max(float(np.interp(at_ms, moments, right)) + 0.06 * width, top + 0.015 * width) - width, 0.0)
    return low, low + width


def _tape(found: TapesView, story: dict, number: int, at_ms: float) -> Tape:  # type: ignore[type-arg]
    trace = found.trace
    state = [s for s in story["states"] if s[0] == number and s[1] <= at_ms][-1:]
    is_up = bool(state[0][4]) if state else True
    others = [k for k in range(len(trace.nodes)) if k != number]
    lanes = tuple(_lane(found, number, origin, at_ms) for origin in (number, *others))
    lost = {loss.what.write for loss in found.losses if loss.at_ms <= at_ms}
    lost |= {write for write, when in found.taken.items() if when <= at_ms}
    clock = clock_words(found.offset(number, at_ms))
    place = story["nodes"][number]["place"]
    return Tape(
        name=trace.nodes[number],
        about=clock or (place if is_up else "down"),
        is_up=is_up,
        lanes=lanes,
        took=sum(1 for lane in lanes[:1] for _ in (*lane.has, *lane.waits)),
        lacks=_lacks(found, number, at_ms),
        gone=tuple(sorted(write for write in lost if found.records[write].node == number)),
    )


def _lane(found: TapesView, number: int, origin: int, at_ms: float) -> Lane:
    head = int(found.heads(np.array([at_ms]))[0])
    alive = [
        write
        for write, record in found.records.items()
        if record.node == origin and found.made[write] <= at_ms < found.taken.get(write, np.inf)
    ]
    since = found.flushed if number == origin else found.has[number]
    has = [write for write in alive if since[write] <= at_ms]
    waits = [write for write in alive if since[write] > at_ms]
    return Lane(origin, tuple(has), tuple(waits), max(has, default=0) if waits and number != origin else head)


def _lacks(found: TapesView, number: int, at_ms: float) -> int:
    flushed = found.flushed <= at_ms
    return int(sum(flushed[w] and found.has[number, w] > at_ms for w, r in found.records.items() if r.node != number))


def _parcels(found: TapesView, at_ms: float) -> tuple[Parcel, ...]:
    flights = found.trace.flights
    log_of = {(record.node, record.dot.number): w for w, record in found.records.items() if w not in found.taken}
    rows = np.flatnonzero((flights.sent <= at_ms) & (at_ms < flights.arrived) & (flights.kind != FlightKind.REPLAYED))
    parcels = []
    for row in rows[-MAX_PACKETS:].tolist():
        kind = int(flights.kind[row])
        origin = int(flights.source[row]) if kind == FlightKind.WAL else kind - FlightKind.PASSED_ON_1
        parcels.append(
            Parcel(
                origin=origin,
                source=int(flights.source[row]),
                target=int(flights.target[row]),
                number=log_of[origin, int(flights.lsn_to[row])],
                count=int(flights.lsn_to[row] - flights.lsn_from[row]),
                progress=float((at_ms - flights.sent[row]) / (flights.arrived[row] - flights.sent[row])),
                is_lost=bool(flights.lost[row]),
            )
        )
    return tuple(parcels)


def _conflicts(found: TapesView, at_ms: float) -> Number:
    count = sum(one.at_ms <= at_ms for one in found.conflicts)
    if found.trace.scenario.data == "unique_name":
        note = "no merge repairs that" if count else "no two leaders gave the same one"
        return Number("Names given twice so far", f"{count:,}", note, "risk" if count else "safe")
    note = "pairs unaware of each other" if count else "no two writes have collided"
    return Number("Conflicts so far", f"{count:,}", note, "stale" if count else "safe")


def _discarded(found: TapesView, at_ms: float) -> Number:
    lost = [loss for loss in found.losses if loss.at_ms <= at_ms]
    later = sum(loss.what.is_later for loss in lost)
    keeps = found.trace.scenario.resolve in ("siblings", "crdt")
    note = f"{later:,} of them {'was' if later == 1 else 'were'} the later write"
    note = note if lost else "nothing is thrown away" if keeps else "none so far"
    return Number("Acknowledged, then silently discarded", f"{len(lost):,}", note, "risk" if lost else "safe")


def _differing(found: TapesView, rows: tuple[Tape, ...], at_ms: float) -> Number:
    differ, missing = found.differing(at_ms), sum(row.lacks for row in rows)
    note = "all writes have arrived" if differ else "all leaders show the same"
    note = f"{missing:,} write{'' if missing == 1 else 's'} still on the way" if missing else note
    return Number("Rows that differ between leaders", f"{differ:,}", note, "stale" if differ else "safe")
