"""What the stage says at one moment of a trace, as plain data: rows, messages, numbers, a sentence.

Nothing is drawn here; the poster draws a `Moment`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import measures
from ..trace import FlightKind, Position, Trace
from .forked import forked, telling
from .instant import Moment, Number, Packet, Row
from .plot import usual_latency, view
from .ring_moment import telling as telling_of_ring
from .story import header
from .tapes_moment import telling as telling_of_tapes
from .terms import Terms
from .units import duration

__all__ = ["Moment", "Number", "Packet", "Row", "duration", "moment", "telling_moment"]

MAX_PACKETS = 120


def telling_moment(trace: Trace) -> float:
    """Return the moment, ms, with the most waiting commits if that is unusual.

    Else it lies late in the first fault that ends within the run, or at about 60 %.
    """
    if trace.scenario.topology == "leaderless":
        return telling_of_ring(trace)
    if trace.scenario.topology == "multi_leader":
        return telling_of_tapes(trace)
    found = telling(Terms(trace))
    if found is not None:
        return _busiest(trace, *found)
    moments = (np.arange(400) + 0.9) * trace.duration_ms / 400
    waiting = measures.waiting(trace, moments)
    if waiting.max() >= max(8, 4 * np.median(waiting)):
        peak = float(moments[waiting.argmax()])
        return _busiest(trace, max(peak - 0.005 * trace.duration_ms, 0.0), peak)
    whole = trace.duration_ms
    ends = trace.marks.until
    passing = np.flatnonzero(ends < whole)
    if len(passing):
        begin, end = trace.marks.time[passing[0]], ends[passing[0]]
        return _busiest(trace, begin + 0.85 * (end - begin), begin + 0.95 * (end - begin))
    return _busiest(trace, 0.58 * whole, 0.62 * whole)


def _busiest(trace: Trace, begin: float, end: float) -> float:
    """Return the moment between two with the most messages on their way."""
    near = np.linspace(begin, end, 101)
    sent = np.searchsorted(np.sort(trace.flights.sent), near, side="right")
    arrived = np.searchsorted(np.sort(trace.flights.arrived), near, side="right")
    return float(near[(sent - arrived).argmax()])


def moment(trace: Trace, at_ms: float) -> Moment:
    """Return what the stage says at a moment, ms."""
    story = header(trace)
    epoch = [epoch for epoch in story["epochs"] if epoch["t"] <= at_ms][-1]
    walls = tuple(frozenset(w["nodes"]) for w in story["walls"] if w["t"] <= at_ms < w["until"])
    rows = tuple(_row(trace, story, epoch, walls, number, at_ms) for number in range(len(trace.nodes)))
    committed = int(trace.at(trace.nodes[0], Position.COMMITTED, at_ms))
    loss = measures.loss(trace, at_ms)
    promoted, lost = str(loss.promoted[0]), int(loss.lost[0])
    found = Moment(
        at_ms=at_ms,
        rows=rows,
        packets=_packets(trace, epoch["level"], at_ms),
        committed=committed,
        waiting=max(rows[0].head - committed, 0),
        waits_for=_waits_for(epoch, trace.nodes),
        lost=lost,
        promoted=trace.number(promoted) if promoted else -1,
        numbers=(
            _loss_number(rows, committed, lost, promoted),
            _latency_number(trace, at_ms),
            _stale_number(rows),
        ),
        sentence=_sentence(story, trace.nodes, at_ms),
        window=_window(trace, at_ms),
        walls=walls,
    )
    terms = Terms(trace)
    return forked(terms, found, epoch) if terms.changes else found


def _window(trace: Trace, at_ms: float) -> tuple[float, float]:
    """Return the ends of the axis: the head at 93 % of the width, and nothing left of LSN 0."""
    right, octaves = view(trace)
    moments = np.linspace(0, trace.duration_ms, len(right))
    head = float(np.interp(at_ms, moments, right))
    width = 2 ** float(np.interp(at_ms, moments, octaves))
    low = max(head + 0.07 * width - width, 0.0)
    return low, low + width


def _row(
    trace: Trace,
    story: dict[str, Any],
    epoch: dict[str, Any],
    walls: tuple[frozenset[int], ...],
    number: int,
    at_ms: float,
) -> Row:
    name, place = trace.nodes[number], story["nodes"][number]["place"]
    state = [s for s in story["states"] if s[0] == number and s[1] <= at_ms][-1:]
    is_leader, is_up = (bool(state[0][3]), bool(state[0][4])) if state else (number == 0, True)
    flushed = int(trace.at(name, Position.FLUSHED, at_ms))
    role = "leader" if is_leader else str(epoch["sync"][number])
    if is_leader:
        # What readers at the leader see is what is committed there.
        head, lag = int(trace.at(name, Position.APPENDED, at_ms)), 0.0
        replayed = int(trace.at(name, Position.COMMITTED, at_ms))
    else:
        head = int(trace.at(name, Position.RECEIVED, at_ms))
        replayed = int(trace.at(name, Position.REPLAYED, at_ms))
        lag = float(measures.lag(trace, name, "replay", at_ms))
    ailments = [
        span["short"]
        for span in story["spans"]
        if number in span["rows"] and span["until"] is not None and span["t"] <= at_ms < span["until"]
    ]
    if any(number in wall for wall in walls):
        ailments.append("cut off")
    return Row(
        name=name,
        about=f"{role} · {place}" if place else role,
        is_leader=is_leader,
        is_up=is_up,
        head=max(head, flushed),
        flushed=flushed,
        replayed=replayed,
        lag_ms=lag,
        ailment=(ailments[-1] if ailments else "") if is_up else "down",
    )


def _packets(trace: Trace, level: str, at_ms: float) -> tuple[Packet, ...]:
    counts = {"remote_write": FlightKind.WROTE, "remote_apply": FlightKind.REPLAYED}
    reply = counts.get(level, FlightKind.FLUSHED)
    flights = trace.flights
    flying = (flights.sent <= at_ms) & (at_ms < flights.arrived)
    flying &= (flights.kind == FlightKind.WAL) | (flights.kind == reply)
    result = []
    for row in np.flatnonzero(flying)[-MAX_PACKETS:]:
        sent, arrived = float(flights.sent[row]), float(flights.arrived[row])
        result.append(
            Packet(
                source=int(flights.source[row]),
                target=int(flights.target[row]),
                lsn=int(flights.lsn_to[row]),
                count=int(flights.lsn_to[row] - flights.lsn_from[row]),
                progress=(at_ms - sent) / (arrived - sent),
                is_reply=bool(flights.kind[row] != FlightKind.WAL),
                is_lost=bool(flights.lost[row]),
            )
        )
    return tuple(result)


def _waits_for(epoch: dict[str, Any], nodes: tuple[str, ...]) -> str:
    names, count = [nodes[number] for number in epoch["candidates"]], int(epoch["count"])
    if count == 0:
        return "the leader's disk"
    if not names:
        return "a replica that is not there"
    if len(names) <= count:
        return _listed(names, "and") if len(names) <= 3 else f"all {len(names)}"
    return f"{count} of {_listed(names, 'and') if len(names) <= 3 else len(names)}"


def _loss_number(rows: tuple[Row, ...], committed: int, lost: int, promoted: str) -> Number:
    caption = "If the leader died now"
    if not promoted:
        return Number(caption, f"{committed:,} lost", "no replica to promote", "risk")
    if lost:
        return Number(caption, f"{lost:,} lost", f"promote {promoted}, the furthest", "risk")
    whole = [r.name for r in rows[1:] if r.is_up and r.head >= committed]
    who = _listed(whole, "or") if len(whole) <= 3 else f"any of {len(whole)}"
    return Number(caption, "0 lost", f"promote {who}", "safe")


def _latency_number(trace: Trace, at_ms: float) -> Number:
    caption = "A commit takes"
    times, curve = measures.latency_curve(trace)
    past = np.flatnonzero(~np.isnan(curve) & (times <= at_ms))
    answered = float(curve[past[-1]]) if len(past) else np.nan
    now = float(np.fmax(answered, measures.oldest_waiting(trace, at_ms)))
    if np.isnan(now):
        return Number(caption, "–", "none has been asked for yet", "ink")
    usual = usual_latency(trace)
    if now > 3 * usual and now > usual + 5:
        return Number(caption, duration(now), f"was {duration(usual)}", "risk")
    return Number(caption, duration(now), "at this moment", "ink")


def _stale_number(rows: tuple[Row, ...]) -> Number:
    caption = "The stalest reads"
    replicas = [row for row in rows[1:] if row.is_up]
    if not replicas:
        return Number(caption, "none", "only the leader answers", "ink")
    worst = max(replicas, key=lambda row: row.lag_ms)
    if worst.lag_ms == 0:
        return Number(caption, "fresh", "every replica is up to date", "safe")
    return Number(caption, f"{duration(worst.lag_ms)} old", f"on {worst.name}", "ink")


def _sentence(story: dict[str, Any], nodes: tuple[str, ...], at_ms: float) -> str:
    """Return the newest event; a node's name at the beginning keeps its small letter."""
    text = str([event["text"] for event in story["events"] if event["t"] <= at_ms][-1])
    return text if text.startswith((*nodes, "app")) else text[:1].upper() + text[1:]


def _listed(names: list[str], word: str) -> str:
    return f" {word} ".join(filter(None, [", ".join(names[:-1]), names[-1] if names else ""]))
