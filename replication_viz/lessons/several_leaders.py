"""Questions and tasks of lesson 10: what is right, the hints, and how runs and theory judge an answer."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

from .. import measures, theory
from ..conflicts import VersionVector
from ..engine import run
from ..scenario import ScenarioError, scenarios
from .amounts import read_amount

QUESTIONS: dict[str, dict[str, Any]] = {
    "10-conflict": {
        "question": "Which share of the writes to this row is in conflict with a write of the other side?",
        "unit": "%",
        "unattended": 26,
    },
    "10-later": {
        "question": "How many of L2's writes lose to a write of L1 that is older than they are?",
        "unit": "%",
        "unattended": 39,
    },
    "10-hybrid": {
        "question": "With hybrid clocks, how many of L2's writes still lose to an older one?",
        "choices": ["none", "fewer than before", "as many as before"],
        "unattended": "fewer than before",
    },
    "10-counter": {
        "question": "Two regions apart count about 100 each; the last write wins. What does the counter show at last?",
        "unit": "",
        "unattended": 100,
    },
    "10-ring": {
        "question": "Five leaders in a ring, 40 ms each hop: how long after the last write do all agree?",
        "unit": "ms",
        "unattended": 160,
    },
    "10-name": {
        "question": "Which way to resolve conflicts keeps a name from being given to two accounts?",
        "choices": ["lww", "siblings", "crdt", "none of them"],
        "unattended": "none of them",
    },
}

# Four writes to one row, and what each had seen, itself included. The lesson shows the same ones.
VECTORS: dict[str, VersionVector] = {
    "a": VersionVector({"eu": 1}),
    "b": VersionVector({"eu": 1, "us": 1}),
    "c": VersionVector({"eu": 2}),
    "d": VersionVector({"eu": 1, "us": 1, "asia": 1}),
}

_RATE_PER_S, _DELAY_MS, _MOST = 100, 80, 0.001
_KNOBS = ("resolve", "exchange", "exchange_ms", "network_ms", "clock_skew_ms", "leaders")
_STOCKS: tuple[tuple[int, tuple[int, ...]], ...] = ((10, (12, 7)), (10, (9, 9)), (0, (5,)), (100, (90, 120, 99)))


def _rows_enough(rows: object) -> tuple[bool, str]:
    count = read_amount(rows, "rows") if isinstance(rows, str) else float(rows)  # type: ignore[arg-type]
    if count < 1:
        return False, f"{count:g} rows: there must be at least one"
    share = theory.conflicting_share(_RATE_PER_S / count, delay_ms=_DELAY_MS)
    found = f"over {count:,.0f} rows {share:.3%} of the writes are in conflict"
    if share > _MOST:
        return False, found
    return (True, found) if count <= 20_000 else (False, f"{found}: fewer rows would do")


def _concurrent_ones(answer: object) -> tuple[bool, str]:
    if isinstance(answer, str) or not hasattr(answer, "__iter__"):
        return False, "the answer is a set of pairs, such as {'ab', 'cd'}"
    given = {frozenset(str(pair)) if isinstance(pair, str) else frozenset(map(str, pair)) for pair in answer}
    for pair in given:
        if len(pair) != 2 or not pair <= set(VECTORS):
            return False, f"{''.join(sorted(pair))!r} is no pair of a, b, c and d"
        one, other = sorted(pair)
        order = VECTORS[one].compare(VECTORS[other])
        if order != "concurrent":
            return False, f"{one} is {order} {other}: one of the two has seen all that the other has"
    wanted = sum(VECTORS[one].compare(VECTORS[other]) == "concurrent" for one, other in _pairs())
    if len(given) < wanted:
        return False, f"{wanted - len(given)} missing"
    return True, "neither of the two had seen the other, and no clock was asked"


def _merges_stocks(merge: object) -> tuple[bool, str]:
    if not callable(merge):
        return False, "the answer is a function of two things: what was there before, and the list of siblings"
    combine: Callable[[int, list[int]], object] = merge
    for before, siblings in _STOCKS:
        right = before + sum(one - before for one in siblings)
        for order in permutations(siblings):
            found = combine(before, list(order))
            if found != right:
                return False, f"before {before}, then {list(order)} side by side: {right} are left, and not {found}"
    return True, "what each side has changed is kept, in whatever order they come"


def _nobody_twice(answer: object) -> tuple[bool, str]:
    if isinstance(answer, str) and answer.strip().casefold() == "impossible":
        return True, "a leader that cannot ask the other must say no to everybody, or say yes to two"
    if not isinstance(answer, dict) or set(answer) - set(_KNOBS):
        return False, f"the answer is 'impossible', or a dict of {', '.join(_KNOBS)}"
    twice = 0
    try:
        for seed in range(1, 5):
            trace = run(scenarios["same_name_twice"].but(**answer, seed=seed))
            twice += len(measures.given_twice(trace))
    except ScenarioError as error:
        return False, str(error)
    return False, f"in four runs {twice} names were given to two accounts"


def _pairs() -> list[tuple[str, str]]:
    names = sorted(VECTORS)
    return [(one, other) for place, one in enumerate(names) for other in names[place + 1 :]]


TASKS: dict[str, dict[str, Any]] = {
    "10-rows": {
        "task": "The number of rows over which the writes must spread so that at most one in a thousand conflicts.",
        "check": _rows_enough,
        "hints": [
            "The window is twice the delay: 0.16 s. How many writes does the other side make in it?",
            "16 writes fall into the window. How many rows make it unlikely that one of them hits mine?",
        ],
        "solution": "16,000: 16 writes in the window, over 16,000 rows, is one in a thousand",
        "unit": "rows",
        "unattended": 16_000,
    },
    "10-concurrent": {
        "task": "The pairs that did not know of each other, as a set of texts such as {'ab', 'cd'}.",
        "check": _concurrent_ones,
        "hints": ["A vector that is at least as large in every place has seen the other."],
        "solution": "{'bc', 'cd'}: c has eu:2, which b and d lack; they have us:1, which c lacks",
        "unattended": frozenset({"bc", "cd"}),
    },
    "10-merge": {
        "task": "A function of what was in stock before, and of the list of siblings: what is in stock now.",
        "check": _merges_stocks,
        "hints": [
            "The larger one forgets what the other has sold. What has each side *done*?",
            "Each side has changed the stock by its value less what was there before.",
        ],
        "solution": "lambda before, siblings: before + sum(one - before for one in siblings)",
        "unattended": lambda before, siblings: before + sum(one - before for one in siblings),
    },
    "10-name": {
        "task": 'Settings (a dict) under which no name is given twice while L2 is cut off; or "impossible".',
        "check": _nobody_twice,
        "hints": ["While the link is cut, what could a leader know about the names of the other side?"],
        "solution": "impossible: both leaders answer at once, and neither can ask the other",
        "unattended": "impossible",
    },
}
