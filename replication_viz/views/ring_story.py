"""What the stage says of a leaderless run in words: its settings, what operations wait for, what that promises."""

from __future__ import annotations

from math import comb
from typing import Any

from ..scenario import Ring, Scenario
from .ring_view import RingView, needs, quorums

CARDS = ("fresh", "copies", "failed")


def setting(scenario: Scenario) -> str:
    """Return N, W and R, or the consistency level, and how copies are mended."""
    parts = [f"N = {scenario.copies}"]
    if scenario.consistency:
        shares = Ring(scenario).share
        if len(shares) > 1:
            parts = [f"N = {' + '.join(f'{count} in {place}' for place, count in shares.items())}"]
        parts.append(scenario.consistency)
    else:
        parts += [f"W = {scenario.write_quorum}", f"R = {scenario.read_quorum}"]
    if scenario.sloppy:
        parts.append("sloppy quorum")
    if scenario.fan_out == "quorum":
        parts.append("asks only a quorum")
    parts.append(f"read repair {scenario.read_repair}")
    if scenario.anti_entropy_ms:
        parts.append(f"anti-entropy every {scenario.anti_entropy_ms:g} ms")
    if not scenario.hint_window_ms:
        parts.append("no hints")
    if scenario.delays:
        parts.append(f"delays of {scenario.delays}")
    return " · ".join(parts)


def first_sentence(scenario: Scenario) -> str:
    """Return in one sentence what a write and a read wait for."""
    if scenario.consistency:
        return f"Each operation waits for {_levels(scenario)}: consistency level {scenario.consistency}."
    return f"A write waits for {scenario.write_quorum} of {scenario.copies} copies, a read for {scenario.read_quorum}."


def promise(copies: int, w: int, r: int, *, is_sloppy: bool = False) -> str:
    """Return what sets of these sizes promise, as the end of a sentence.

    Examples
    --------
    >>> promise(3, 2, 2)
    'any two such sets share a node.'
    >>> promise(3, 1, 1)
    'two such sets, drawn at random, have no node in common 67 % of the time.'
    """
    if w + r > copies and is_sloppy:
        return "but the quorum is sloppy: where others stand in, two sets may share no node."
    if w + r > copies:
        return "any two such sets share a node."
    return (
        f"two such sets, drawn at random, have no node in common {miss_share(copies, w, r):.0%} of the time.".replace(
            "%", " %"
        )
    )


def miss_share(copies: int, w: int, r: int) -> float:
    """Return the probability that r copies drawn at random are none of w: C(N−W, R) / C(N, R)."""
    return comb(copies - w, r) / comb(copies, r)


def about(view: RingView) -> dict[str, Any]:
    """Return what the browser needs to know of the settings."""
    scenario = view.trace.scenario
    places = Ring(scenario).places
    found: dict[str, Any] = {
        "copies": scenario.copies,
        "quorums": [[at, w, r] for at, w, r in quorums(scenario)],
        "sloppy": scenario.sloppy,
        "repair": scenario.read_repair,
    }
    if scenario.consistency:
        found["level"] = scenario.consistency
        found["waits"] = {place: needs(scenario, 1, place) for place in dict.fromkeys(places)}
        found["meets"] = scenario.consistency in ("QUORUM", "ALL", "EACH_QUORUM") or (
            len(set(places)) == 1 and (scenario.consistency == "LOCAL_QUORUM")
        )
    return found


def _levels(scenario: Scenario) -> str:
    told = dict.fromkeys(needs(scenario, 1, place) for place in Ring(scenario).places)
    if len(told) == 1:
        return f"{next(iter(told))} of the {scenario.copies} copies"
    return f"copies in its coordinator’s own place, {' or '.join(told)}"
