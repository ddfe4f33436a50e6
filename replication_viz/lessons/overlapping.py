"""Questions and tasks of lesson 09: what is right, the hints, and how runs and theory judge an answer."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from typing import Any

from .. import measures, theory
from ..engine import run
from ..scenario import Crash, ScenarioError, scenarios
from ..trace import MarkKind
from .amounts import read_amount

QUESTIONS: dict[str, dict[str, Any]] = {
    "09-miss": {
        "question": "A write to one node of three, a read from one, both drawn by lot: how many reads miss it?",
        "unit": "%",
        "unattended": 67,
    },
    "09-at-once": {
        "question": "W = R = 1 on LinkedIn's disks: how many of the reads begun at once see the write?",
        "unit": "%",
        "unattended": 44,
    },
    "09-failed": {
        "question": "The client was told “no quorum”. What does somebody read next?",
        "choices": ["the old value", "the new value"],
        "unattended": "the new value",
    },
    "09-sloppy": {
        "question": "W = R = 2 of 3, sloppy, nodes n1 and n2 cut off: how many of the reads get an old value?",
        "unit": "%",
        "unattended": 25,
    },
    "09-linear": {
        "question": "W + R > N, and every completed write is seen. Can a read still go back to an older value?",
        "choices": ["yes", "no"],
        "unattended": "yes",
    },
    "09-each": {
        "question": "Regions 40 ms apart one way, EACH_QUORUM: median time of a write",
        "unit": "ms",
        "unattended": 90,
    },
}

KINDS: tuple[measures.What, ...] = ("write", "read")
_TRIALS = 100_000
_SEEN_AFTER_MS, _SEEN, _WRITE_MS = 20.0, 0.999, 15.0


def _any_two_may_crash(answer: object) -> tuple[bool, str]:
    w, r = _two(answer, "(W, R)")
    five = scenarios["quorum_overlap"].but(copies=5, duration_ms=400)
    try:
        five = five.but(write_quorum=w, read_quorum=r)
    except ScenarioError as error:
        return False, str(error)
    for pair in combinations(five.member_names(), 2):
        trace = run(five.but(faults=tuple(Crash(node=name, at_ms=0) for name in pair)))
        for what in KINDS:
            answered = measures.answered_share(trace, what).value
            if answered < 1:
                return False, f"with {' and '.join(pair)} down, {answered:.0%} of the {what}s are answered"
    missed = theory.miss_probability(5, r, w)
    if missed:
        return False, f"two may crash, but {missed:.0%} of all pairs of sets have no node in common"
    return True, f"any two may crash, and any {w} and {r} of 5 nodes meet in {w + r - 5} at least"


def _seen_soon_and_written_fast(answer: object) -> tuple[bool, str]:
    w, r = _two(answer, "(W, R)")
    if not (1 <= w <= 3 and 1 <= r <= 3):
        return False, f"W = {w}, R = {r}: both are from 1 to 3"
    disks = _disks()
    seen, write, read = disks.fresh(r, w, _SEEN_AFTER_MS).value, disks.write_ms(w), disks.read_ms(r)
    found = f"99.9 % of the writes take {write:.1f} ms at most, and {seen:.2%} of the reads after 20 ms see theirs"
    if write > _WRITE_MS or seen < _SEEN:
        return False, found
    if any(disks.read_ms(less) < read and disks.fresh(less, w, _SEEN_AFTER_MS).value >= _SEEN for less in range(1, r)):
        return False, f"{found}, but a smaller R does it, too"
    return True, f"{found}; a read takes {read:.1f} ms at most"


def _nothing_comes_back(keep_ms: object) -> tuple[bool, str]:
    keep = read_amount(keep_ms, "ms") if isinstance(keep_ms, str) else float(keep_ms)  # type: ignore[arg-type]
    base = scenarios["resurrection"].but(tombstone_ms=keep)
    back = sum(int((run(base.but(seed=seed)).marks.kind == MarkKind.RESURRECTED).sum()) for seed in range(6))
    if back:
        return False, f"kept for {keep:,.0f} ms, deleted rows come back {back} times in six runs"
    if keep > 2_000:
        return False, f"nothing comes back, but {keep:,.0f} ms is longer than the whole run"
    return True, f"kept for {keep:,.0f} ms, nothing comes back in six runs"


def _two(answer: object, names: str) -> tuple[int, int]:
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise ValueError(f"the answer is a pair {names}, such as (1, 2)")
    first, second = (int(size) for size in answer)
    return first, second


@cache
def _disks() -> theory.Wars:
    return theory.wars(theory.DELAY_FITS["LNKD-DISK"], trials=_TRIALS)


TASKS: dict[str, dict[str, Any]] = {
    "09-five": {
        "task": "N = 5: a pair (W, R) under which any two nodes may crash, reads and writes go on, and no read is old.",
        "check": _any_two_may_crash,
        "hints": [
            "With two nodes down three are left: how large may W and R be at most?",
            "And how large must they be together?",
        ],
        "solution": "(3, 3): not more than 3 each, for three are left, and more than 5 together",
        "unattended": (3, 3),
    },
    "09-disks": {
        "task": "LNKD-DISK, N = 3: a pair (W, R). 99.9 % of the writes take at most 15 ms, and 99.9 % of the reads "
        "begun 20 ms after a write see it. R as small as possible.",
        "check": _seen_soon_and_written_fast,
        "hints": [
            "Disks are slow to write and fast to read: which of the two should wait for a second node?",
            "`disks.choices()` has all nine; `write_ms` leaves one W.",
        ],
        "solution": "(1, 2): the second answer costs a read 1 ms, and a write 10 ms",
        "unattended": (1, 2),
    },
    "09-tombstone": {
        "task": "How long to keep a tombstone, ms: in six runs no deleted row comes back; at most 2,000 ms.",
        "check": _nothing_comes_back,
        "hints": [
            "A node that was away does not know what was deleted meanwhile. When is it told?",
            "n3 was away for 900 ms, and a row is mended when somebody reads it.",
        ],
        "solution": "1,500 ms or more: the 900 ms that n3 was away, and the time until somebody reads the row",
        "unit": "ms",
        "unattended": 1_800,
    },
}
