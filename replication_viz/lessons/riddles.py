"""Runs whose cause of lag the reader is to find: the lesson shows their curves under a letter each."""

from __future__ import annotations

from functools import cache
from typing import Any

from ..engine import run
from ..scenario import LongQuery, NodeSettings, Scenario
from ..trace import Trace

CAUSES = ("slow replay", "a long query", "a small disk", "a narrow link")

_STEADY = Scenario(title="?", rate_per_s=500, replicas=1, ack="async", record_bytes=2_000, duration_ms=30_000)
_CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "A": (
        "a small disk",
        {"nodes": {"s1": NodeSettings(disk_mb_per_s=0.8)}},
    ),
    "B": (
        "a long query",
        {
            "replay_us": 1_000,
            "vacuum_ms": 100,
            "max_standby_streaming_delay_ms": -1,
            "faults": (LongQuery(node="s1", at_ms=8_000, for_ms=8_000),),
        },
    ),
    "C": ("a narrow link", {"bandwidth_mbit": 6.5}),
    "D": ("slow replay", {"replay_us": 2_500}),
}


@cache
def unlabelled() -> dict[str, Trace]:
    """Return a run for each letter; in each of them one thing is wrong."""
    return {letter: run(_STEADY.but(**changes)) for letter, (_, changes) in _CHANGES.items()}


def cause(letter: str) -> str:
    """Return what is wrong in the run with this letter.

    Raises
    ------
    ValueError
        If no run has it.
    """
    if letter not in _CHANGES:
        raise ValueError(f"no run is called {letter!r}: there are {', '.join(_CHANGES)}.")
    return _CHANGES[letter][0]
