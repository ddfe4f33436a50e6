"""A moment of a run in which another node takes over: who leads now, whose log is doomed, three numbers of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np

from .instant import Moment, Number, Row
from .terms import Standing, Terms, total
from .units import duration

Crown = Literal["leader", "old", "idle", "old idle"]


def telling(terms: Terms) -> tuple[float, float] | None:
    """Return a stretch of time (ms) that shows best what happens, or None where nobody takes over."""
    if not terms.changes:
        return None
    spells = terms.two or terms.silent
    if not spells:
        at = terms.forks[1].at_ms
        return at, min(at + 0.05 * terms.trace.duration_ms, terms.trace.duration_ms)
    begin, end = max(spells, key=lambda spell: spell[1] - spell[0])
    return begin + 0.9 * (end - begin), begin + 0.95 * (end - begin)


def forked(terms: Terms, now: Moment, epoch: dict[str, Any]) -> Moment:
    """Return a moment as it is where the leader has changed or will."""
    nodes, newest = terms.standings(now.at_ms), terms.newest(now.at_ms)
    leader = terms.trace.number(newest.node)
    histories = 1 + len({node.term for node in nodes if node.doomed})
    is_split = histories > 1 or any(node.leads and node.up for node in nodes[:leader] + nodes[leader + 1 :])
    rows = tuple(
        _row(terms, now, number, node, leader, epoch, histories)
        for number, (node, _) in enumerate(zip(nodes, now.rows, strict=True))
    )
    committed = nodes[leader].replayed
    heads = {n: int(min(node.head, node.shared)) for n, node in enumerate(nodes) if node.up and not node.leads}
    promoted = max(heads, key=lambda number: (heads[number], -number), default=-1)
    lost = 0 if is_split else max(committed - heads.get(promoted, 0), 0)
    fork = newest.lsn if newest.parent else -1
    numbers = (
        _sides(terms, now.at_ms) if fork >= 0 else now.numbers[0],
        _two(terms, now.at_ms),
        _silence(terms, now.at_ms),
    )
    return replace(
        now,
        rows=rows,
        committed=committed,
        waiting=0 if is_split else max(nodes[leader].head - committed, 0),
        lost=lost,
        promoted=promoted,
        numbers=numbers,
        leader=leader,
        fork=fork,
        histories=histories,
        is_split=is_split,
    )


def _row(
    terms: Terms, now: Moment, number: int, node: Standing, leader: int, epoch: dict[str, Any], histories: int
) -> Row:
    row = now.rows[number]
    asleep = row.ailment.startswith("frozen")
    serves = node.leads and node.up and not node.fenced and not asleep
    crowns: tuple[Crown, Crown] = ("leader", "idle") if number == leader else ("old", "old idle")
    ailment = "fenced" if node.leads and node.fenced and node.up else row.ailment
    return replace(
        row,
        about=_about(terms, now.at_ms, number, node, leader, serves, epoch, histories) if node.up else node.word,
        is_leader=node.leads,
        is_up=node.up,
        head=node.head,
        flushed=node.flushed,
        replayed=node.replayed,
        lag_ms=0.0 if node.leads else float(terms.lag(number, np.array([now.at_ms]))[0]),
        ailment=ailment if node.up else node.word or "down",
        term=node.term,
        crown=crowns[0 if serves else 1] if node.leads else "leader",
        shared=node.shared,
        doomed=node.doomed,
    )


def _about(
    terms: Terms,
    at_ms: float,
    number: int,
    node: Standing,
    leader: int,
    serves: bool,
    epoch: dict[str, Any],
    histories: int,
) -> str:
    """Return what a node is now, in words."""
    timeline = f" · timeline {node.term}" if terms.newest(at_ms).parent and histories == 1 else ""
    if node.word:
        return node.word
    if node.leads and number != leader:
        return "old leader, still serving" if serves else "old leader"
    if number == leader:
        return "promoted" if histories > 1 and node.term > 1 else f"leader{timeline}"
    if not terms.newest(at_ms).parent:
        return "replica" if epoch["sync"][number] == "leader" else str(epoch["sync"][number])
    followed = terms.timelines.forks[node.term].node
    standing = terms.standing(terms.trace.number(followed), at_ms)
    return f"follows {followed if standing.leads and standing.up else 'nobody'}{timeline}"


def _sides(terms: Terms, at_ms: float) -> Number:
    sides, newest = terms.sides(at_ms), terms.newest(at_ms)
    if not sides.doomed and not sides.gone:
        return Number("Acknowledged writes lost", "0", f"timeline {newest.term} of {newest.node} has all", "safe")
    if not sides.doomed:
        note = f"timeline {newest.term} never had them"
        return Number("Writes acknowledged, then discarded", f"{sides.gone:,}", note, "risk")
    who = " and ".join(sides.holders)
    note = f"{sides.doomed:,} vanish when {who} {'rejoin' if len(sides.holders) > 1 else 'rejoins'}"
    return Number("Writes acknowledged on both sides", f"{sides.new + sides.doomed:,}", note, "risk")


def _two(terms: Terms, at_ms: float) -> Number:
    caption, lasted = "Time with two leaders", total(terms.two, at_ms)
    if not lasted:
        taken_over = terms.newest(at_ms).parent > 0
        return Number(caption, "0 ms", "one took writes at a time" if taken_over else "one leader", "safe")
    still = any(begin <= at_ms < end for begin, end in terms.two)
    return Number(caption, duration(lasted), "and both take writes now" if still else "one leader again", "risk")


def _silence(terms: Terms, at_ms: float) -> Number:
    caption, lasted = "Time without writes", total(terms.silent, at_ms)
    if not lasted:
        return Number(caption, "0 ms", "somebody always answered", "safe")
    still = any(begin <= at_ms < end for begin, end in terms.silent)
    return Number(caption, duration(lasted), f"nobody {'is' if still else 'was'} answered", "risk")
