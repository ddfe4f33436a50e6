"""What the stage says at one moment of a leaderless run, as plain data: nodes, sets, messages, numbers, sentences.

Nothing is drawn here; the poster draws a `RingMoment`. It is what ``ring_facts.js`` says in the browser.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..scenario.leaderless import quorum
from ..trace import FlightKind, MarkKind, OpKind, Outcome, Position, Trace
from .instant import Number
from .ring_story import promise
from .ring_view import BACK, STALE, RingView, quorums
from .story import header
from .units import duration

MAX_PACKETS = 40

Mark = Literal["", "fresh", "stale"]


@dataclass(frozen=True)
class Peer:
    """A node: its version of the key at hand, and what ails it.

    Attributes
    ----------
    version : int
        0 for none.
    is_home : bool
        Whether it should hold the key.
    spare : int
        The version that it keeps in another node's place, 0 for none.
    hints : int
        How many keys it keeps for other nodes.
    """

    name: str
    place: str
    version: int
    is_home: bool
    is_up: bool
    is_cut: bool
    mark: Mark
    spare: int
    hints: int
    ailment: str


@dataclass(frozen=True)
class Parcel:
    """A message on its way: ``progress`` runs from 0 at the source to 1 at the target."""

    kind: FlightKind
    source: int
    target: int
    version: int
    progress: float
    is_lost: bool
    is_own: bool


@dataclass(frozen=True)
class RingMoment:
    """The ring at ``at_ms``.

    Attributes
    ----------
    operation : int
        The row in `Trace.ops` of what is at hand; -1 before the first.
    coordinator : int
        The node that serves it; -1 if there is none.
    title, result : str
        What it is, and what has come of it.
    write_set, read_set : tuple of int
        The nodes whose answer had come; of which version the write is, is in ``title`` or ``overlap``.
    overlap, promise : str
        Whether the two sets meet, and what sets of these sizes promise.
    told : str
        What its client asks for or is told, in a word.
    """

    at_ms: float
    peers: tuple[Peer, ...]
    parcels: tuple[Parcel, ...]
    operation: int
    coordinator: int
    title: str
    result: str
    told: str
    is_told: bool
    tone: Literal["ink", "safe", "risk", "stale"]
    write_set: tuple[int, ...]
    read_set: tuple[int, ...]
    overlap: str
    promise: str
    numbers: tuple[Number, ...]
    sentence: str
    walls: tuple[frozenset[int], ...]


def ring_moment(trace: Trace, at_ms: float) -> RingMoment:
    """Return what the ring shows at a moment, ms."""
    view, story = RingView(trace), header(trace)
    operation = view.at_hand(at_ms)
    write, read = view.pair(operation, at_ms)
    walls = tuple(frozenset(w["nodes"]) for w in story["walls"] if w["t"] <= at_ms < w["until"])
    key = int(trace.ops.key[operation]) if operation >= 0 else -1
    newest = newest_told(view, key, at_ms)
    homes = int(view.homes[operation]) if operation >= 0 else 0
    peers = _peers(trace, story, key, homes, newest, walls, at_ms)
    sets = [_members(view, one, at_ms) for one in (write, read)]
    result, told, tone = _result(view, operation, at_ms)
    return RingMoment(
        at_ms=at_ms,
        peers=peers,
        parcels=_parcels(view, {operation, write} - {-1}, at_ms),
        operation=operation,
        coordinator=int(trace.ops.node[operation]) if operation >= 0 else -1,
        title=_title(trace, operation),
        result=result,
        told=told,
        is_told=operation >= 0 and bool(trace.ops.returned[operation] <= at_ms),
        tone=tone,
        write_set=sets[0],
        read_set=sets[1],
        overlap=_overlap(view, write, read, sets, at_ms),
        promise=_promise(trace, at_ms),
        numbers=(_fresh(view, at_ms), _copies(peers, key, newest), _failed(view, at_ms)),
        sentence=str([event["text"] for event in story["events"] if event["t"] <= at_ms][-1]),
        walls=walls,
    )


def telling(trace: Trace) -> float:
    """Return the moment, ms, at which a client is told something wrong, if one is; else one is told around 60 %."""
    view, ops = RingView(trace), trace.ops
    wrong = np.flatnonzero(view.judged == STALE)
    if not len(wrong):
        wrong = np.flatnonzero((view.judged == BACK) | view.failed)
    shown = {row for _, row in view.programme}
    near = [row for row in wrong.tolist() if row in shown] or [
        row for _, row in view.programme if ops.invoked[row] >= 0.58 * trace.duration_ms and not view.is_write[row]
    ]
    told = [float(ops.returned[row]) for row in near if ops.returned[row] < trace.duration_ms]
    return told[len(told) // 3] if told else 0.6 * trace.duration_ms


def newest_told(view: RingView, key: int, at_ms: float) -> int:
    """Return the newest version of a key that had been acknowledged by a moment (ms); 0 for none."""
    ops = view.trace.ops
    done = view.is_write & (ops.outcome == Outcome.OK) & (ops.key == key) & (ops.returned <= at_ms)
    return int(ops.lsn[done].max(initial=0))


# -- nodes and messages -----------------------------------------------------------------------------------------------


def _peers(
    trace: Trace,
    story: dict[str, Any],
    key: int,
    homes: int,
    newest: int,
    walls: tuple[frozenset[int], ...],
    at_ms: float,
) -> tuple[Peer, ...]:
    held, kept = trace.holdings(at_ms), trace.holdings(at_ms, Position.HINTED)
    forgotten = _forgotten(trace, key, at_ms)
    found = []
    for number, name in enumerate(trace.nodes):
        state = [s for s in story["states"] if s[0] == number and s[1] <= at_ms][-1:]
        is_up = bool(state[0][4]) if state else True
        version, is_home = held[number].get(key, 0), bool(homes >> number & 1)
        known = max(version, forgotten.get(number, 0))
        mark: Mark = "" if not is_home or not newest else "fresh" if known >= newest else "stale"
        ailments = [
            span["short"]
            for span in story["spans"]
            if number in span["rows"]
            and span["kind"] != MarkKind.LINK
            and span["until"] is not None
            and span["t"] <= at_ms < span["until"]
        ]
        is_cut = any(number in wall for wall in walls)
        ailment = ailments[-1] if ailments else "cut off" if is_cut else ""
        found.append(
            Peer(
                name=name,
                place=story["nodes"][number]["place"],
                version=version,
                is_home=is_home,
                is_up=is_up,
                is_cut=is_cut,
                mark=mark,
                spare=0 if is_home else kept[number].get(key, 0),
                hints=len(kept[number]),
                ailment=ailment if is_up else "down",
            )
        )
    return tuple(found)


def _forgotten(trace: Trace, key: int, at_ms: float) -> dict[int, int]:
    """Return the tombstone of a key that each node held last and has removed."""
    levels, ops = trace.levels, trace.ops
    versions = ops.lsn[(ops.key == key) & (ops.lsn > 0)]
    rows = (levels.which == Position.STORED) & (levels.time <= at_ms) & np.isin(np.abs(levels.lsn), versions)
    last = dict(zip(levels.node[rows].tolist(), levels.lsn[rows].tolist(), strict=True))
    return {node: -version for node, version in last.items() if version < 0}


def _parcels(view: RingView, own: set[int], at_ms: float) -> tuple[Parcel, ...]:
    flights = view.trace.flights
    flying = (flights.sent <= at_ms) & (at_ms < flights.arrived) & (flights.source != flights.target)
    rows = np.flatnonzero(flying)
    rows = rows[np.argsort(np.isin(flights.lsn_from[rows], list(own)), kind="stable")][-MAX_PACKETS:]
    return tuple(
        Parcel(
            kind=FlightKind(int(flights.kind[row])),
            source=int(flights.source[row]),
            target=int(flights.target[row]),
            version=int(flights.lsn_to[row]),
            progress=float((at_ms - flights.sent[row]) / (flights.arrived[row] - flights.sent[row])),
            is_lost=bool(flights.lost[row]),
            is_own=int(flights.lsn_from[row]) in own,
        )
        for row in rows.tolist()
    )


def _members(view: RingView, operation: int, at_ms: float) -> tuple[int, ...]:
    if operation < 0:
        return ()
    return tuple(sorted({node for _, node, _ in view.heard(operation, at_ms)}))


# -- words ------------------------------------------------------------------------------------------------------------


def _title(trace: Trace, operation: int) -> str:
    if operation < 0:
        return "No request yet"
    ops = trace.ops
    what, key, version = int(ops.kind[operation]), int(ops.key[operation]), int(ops.lsn[operation])
    if what == OpKind.READ:
        return f"Read of key {key:,}"
    if what == OpKind.DELETE:
        return f"Delete of key {key:,}" + (f" (v{version:,})" if version > 0 else "")
    return f"Write{f' v{version:,}' if version > 0 else ''} to key {key:,}"


def _result(view: RingView, operation: int, at_ms: float) -> tuple[str, str, Literal["ink", "safe", "risk", "stale"]]:
    """Return what has come of an operation, what its client is told in a word, and the tone of both."""
    if operation < 0:
        return "", "", "ink"
    ops, names = view.trace.ops, view.trace.nodes
    is_write = bool(view.is_write[operation])
    answers = [
        names[node] if is_write else f"{names[node]} {f'v{version:,}' if version else 'has nothing'}"
        for _, node, version in view.heard(operation, at_ms)
    ]
    heard = f"{'stored by' if is_write else 'answers:'} {', '.join(answers)}" if answers else "no answer yet"
    if not ops.returned[operation] <= at_ms:
        return f"{heard} · under way", "write" if is_write else "read", "ink"
    took, outcome = duration(float(ops.returned[operation] - ops.invoked[operation])), ops.outcome[operation]
    if outcome == Outcome.FAILED:
        return (f"{heard} · failed after {took}" if answers else "refused: too few copies in reach"), "failed", "risk"
    if outcome == Outcome.UNKNOWN:
        return f"{heard} · no answer after {took}: it may be stored, or not", "no answer", "risk"
    if is_write:
        return f"{heard} · acknowledged after {took}", "ok", "safe"
    version = int(ops.lsn[operation])
    shown = f"v{version:,}" if version > 0 else "nothing"
    if view.judged[operation] == STALE:
        missed = f"v{int(view.missed[operation]):,}"
        return f"{heard} · returned {shown}: stale, {missed} had been acknowledged", shown, "stale"
    if view.judged[operation] == BACK:
        return f"{heard} · returned {shown}: an earlier read had seen a newer version", shown, "stale"
    return f"{heard} · returned {shown} after {took}", shown, "safe"


def _overlap(view: RingView, write: int, read: int, sets: list[tuple[int, ...]], at_ms: float) -> str:
    if write < 0 or read < 0 or not all(sets):
        return ""
    ops, names = view.trace.ops, view.trace.nodes
    version = f"v{int(ops.lsn[write]):,}"
    both = [names[node] for node in sets[0] if node in sets[1]]
    are = f"{_listed(both)} {'are' if len(both) > 1 else 'is'} in both"
    if both and not (ops.outcome[write] == Outcome.OK and ops.returned[write] <= ops.invoked[read]):
        return f"{are}; {version} had not been acknowledged when the read began."
    if both:
        return f"{are}: this read cannot miss {version}."
    if not ops.returned[read] <= at_ms:
        return f"No node is in both so far: {version} can still be missed."
    return f"No node is in both: this read can miss {version}."


def _promise(trace: Trace, at_ms: float) -> str:
    scenario = trace.scenario
    if scenario.consistency:
        needed = quorum(scenario, 1, trace.scenario.of(trace.nodes[0], "place") or "")
        told = " and ".join(str(count) if place == "*" else f"{count} in {place}" for place, count in needed.items())
        return f"{scenario.consistency}: waits for {told}."
    _, w, r = [one for one in quorums(scenario) if one[0] <= at_ms][-1]
    sign = ">" if w + r > scenario.copies else "≤"
    told = promise(scenario.copies, w, r, is_sloppy=scenario.sloppy)
    return f"W + R = {w + r} {sign} N = {scenario.copies}: {told}"


def _fresh(view: RingView, at_ms: float) -> Number:
    told = view.trace.ops.returned <= at_ms
    reads, stale = int((view.could_miss & told).sum()), int(((view.judged == STALE) & told).sum())
    note = "nothing to miss yet" if not reads else f"{stale / reads:.1%} of them" if stale else "each saw the newest"
    tone: Literal["stale", "safe", "ink"] = "stale" if stale else "safe" if reads else "ink"
    return Number("Stale reads so far", f"{stale:,} of {reads:,}", note.replace("%", " %"), tone)


def _copies(peers: tuple[Peer, ...], key: int, newest: int) -> Number:
    if not newest:
        note = "no request yet" if key < 0 else f"key {key:,}: nothing acknowledged"
        return Number("Copies that hold it", "–", note, "ink")
    homes = [peer for peer in peers if peer.is_home]
    late = [peer.name for peer in homes if peer.mark == "stale"]
    caption, value = f"Copies of key {key:,} that hold v{newest:,}", f"{len(homes) - len(late)} of {len(homes)}"
    if late:
        who = f"{len(late)} nodes" if len(late) > 3 else _listed(late)
        return Number(caption, value, f"{who} {'lack' if len(late) > 1 else 'lacks'} it", "stale")
    down = [peer.name for peer in homes if not peer.is_up]
    note = f"{_listed(down)} {'are' if len(down) > 1 else 'is'} down" if down else "all are up to date"
    return Number(caption, value, note, "safe")


def _failed(view: RingView, at_ms: float) -> Number:
    told = view.trace.ops.returned <= at_ms
    asked, failed = int(told.sum()), int((view.failed & told).sum())
    note = "refused, or timed out" if failed else "all had their answer" if asked else "none has ended yet"
    return Number(
        "Requests that failed so far",
        f"{failed:,} of {asked:,}",
        note,
        "risk" if failed else "safe" if asked else "ink",
    )


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1] if names else ""]))
