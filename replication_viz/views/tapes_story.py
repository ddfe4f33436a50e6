"""What the stage says of a run with several leaders in words: settings, how conflicts end, what is counted."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from ..scenario import Scenario
from .tapes_view import TapesView

CARDS = ("conflicts", "discarded", "differing")
_EXCHANGE = {"all_to_all": "all to all", "ring": "in a ring", "star": "by way of L1"}
_RESOLVE = {
    "lww": "last write wins, by wall clock",
    "hlc": "last write wins, by hybrid clock",
    "siblings": "siblings are kept",
    "crdt": "merged as a CRDT",
}
_DATA = {"counter": "counters", "set": "sets", "cart": "shopping carts", "unique_name": "unique names"}
_ENDS = {
    "lww": "of two writes that collide the one with the later timestamp stays.",
    "hlc": "of two writes that collide the one with the later hybrid timestamp stays.",
    "siblings": "writes that collide stay side by side until a client merges them.",
    "crdt": "writes that collide are merged by the data type.",
}


def setting(scenario: Scenario) -> str:
    """Return how leaders exchange writes and what becomes of conflicts."""
    parts = [_RESOLVE[scenario.resolve]]
    if scenario.data in _DATA:
        parts.insert(0, _DATA[scenario.data])
    if scenario.leaders > 2:
        parts.append(_EXCHANGE[scenario.exchange])
    if scenario.exchange_ms:
        parts.append(f"gathers {scenario.exchange_ms:g} ms")
    parts.append(f"{scenario.network_ms:g} ms apart")
    return " · ".join(parts)


def first_sentence(scenario: Scenario) -> str:
    """Return in one sentence when a write is answered and how a conflict ends."""
    ends = (
        "a name that two leaders gave away stays given." if scenario.data == "unique_name" else _ENDS[scenario.resolve]
    )
    return f"Each leader answers from its own disk, then tells the others; {ends}"


def about(view: TapesView) -> dict[str, Any]:
    """Return what the browser needs to know of the settings."""
    scenario = view.trace.scenario
    names = scenario.node_names
    pairs = combinations(range(len(names)), 2)
    return {
        "resolve": scenario.resolve,
        "data": scenario.data,
        "links": [[a, b] for a, b in pairs if scenario.talk(names[a], names[b])],
        "clocks": [[[round(t, 2), round(ahead, 2)] for t, ahead in steps] for steps in view.offsets],
    }
