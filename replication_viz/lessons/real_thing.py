"""Questions and tasks of lesson 14: what is right, the hints, and how a run judges an answer."""

from __future__ import annotations

from typing import Any

from .. import measures
from ..engine import run
from ..scenario import Crash, Partition, Promote, Scenario, ScenarioError

QUESTIONS: dict[str, dict[str, Any]] = {
    "14-far": {
        "question": "Median commit latency at level on, with s1 a round trip of 70 ms away",
        "unit": "ms",
        "unattended": 72,
    },
    "14-sixteen": {
        "question": "How many commits a second do 16 clients reach over a round trip of 70 ms?",
        "unit": "commits/s",
        "unattended": 220,
    },
    "14-lost": {
        "question": "How many writes that clients were told are done does the new leader not have?",
        "unit": "writes",
        "unattended": 80,
    },
    "14-old": {
        "question": "L rejoins. What becomes of the rows that only L had acknowledged?",
        "choices": ["they are merged into the new leader", "they are discarded", "L keeps them for itself"],
        "unattended": "they are discarded",
    },
}


def _judge_rule(ack: object) -> tuple[bool, str]:
    """Judge a rule: s1 is cut off before the crash, and s2 or s3 is promoted."""
    for promoted in ("s2", "s3"):
        try:
            trace = run(_cut_off(str(ack), promoted))
        except ScenarioError as error:
            return False, str(error)
        if measures.answered_within(trace, 600) < 0.5:
            return False, f"under {ack} writes wait for s1, which is cut off"
        lost = len(measures.lost(trace))
        if lost:
            return False, f"under {ack} the promotion of {promoted} loses {lost:,} acknowledged writes"
    return True, "whichever of the two is promoted has every acknowledged write, and nobody waits for s1"


def _cut_off(ack: str, promoted: str) -> Scenario:
    slow = {"s3": {"lag_ms": 50}}
    faults = (
        Partition(nodes=("s1",), at_ms=200),
        Crash(node="L", at_ms=700),
        Promote(node=promoted, at_ms=720),
    )
    return Scenario(ack=ack, rate_per_s=400, network_ms=1, nodes=slow, duration_ms=1_500, faults=faults)


TASKS: dict[str, dict[str, Any]] = {
    "14-either": {
        "task": "The value of synchronous_standby_names: nothing is lost if s2 or s3 leads, and no write waits for s1.",
        "check": _judge_rule,
        "hints": [
            "If either may be promoted, both must have the write.",
            "A rule that counts to two may list two names or three.",
        ],
        "solution": "ANY 2 (s2, s3). While s1 answers nothing, ANY 2 (s1, s2, s3) and FIRST 2 (s2, s3, s1) do it too.",
        "unattended": "ANY 2 (s2, s3)",
    },
}
