"""The questions and tasks of the lessons, kept out of sight of whoever is about to answer them.

A notebook asks by name: ``ask("02-any2")``, ``task("02-two")``. What is committed when nobody sits in front, what is
right, and the hints stand here.
"""

from __future__ import annotations

from typing import Any

from .. import measures
from ..engine import run
from ..scenario import ScenarioError, parse, scenarios
from .exercise import Exercise, exercise
from .prediction import Prediction, predict

QUESTIONS: dict[str, dict[str, Any]] = {
    "00-lost": {
        "question": "How many writes that clients were told are done no longer exist?",
        "unit": "writes",
        "unattended": 12,
    },
    "01-idle": {
        "question": "How far behind is the replica's replay at its worst (99 % of the time it is less)?",
        "unit": "ms",
        "unattended": 3,
    },
    "01-behind": {
        "question": "After 4 seconds, how many writes has the small replica not replayed?",
        "unit": "writes",
        "unattended": 800,
    },
    "02-any2": {"question": "Median commit latency under ANY 2", "unit": "ms", "unattended": 9},
    "02-ocean": {
        "question": "By what factor does the 99th percentile of commit latency grow?",
        "unit": "times",
        "unattended": 11,
    },
    "03-order": {
        "question": "Which of these happens first?",
        "choices": ["a health check fails", "a pool runs out of connections", "a user is turned away"],
        "unattended": "a pool runs out of connections",
    },
    "03-busy": {
        "question": "Median time of a commit while the stall lasts and the pools are in use",
        "unit": "ms",
        "unattended": 800,
    },
    "03-down": {
        "question": "Which share of the writes is answered in time if only s1 is named?",
        "unit": "%",
        "unattended": 90,
    },
    "04-lost": {
        "question": "How many writes that clients were told are done does the crash take?",
        "unit": "writes",
        "unattended": 1_000,
    },
    "04-who": {
        "question": "How many acknowledged writes are lost under ANY 1 if s3 takes over?",
        "unit": "writes",
        "unattended": 300,
    },
    "04-moody": {
        "question": "On average, how many acknowledged writes does a crash take on the link of many moods?",
        "unit": "writes",
        "unattended": 100,
    },
}


def _two_copies(ack: object) -> tuple[bool, str]:
    try:
        rule = parse(str(ack))
    except ScenarioError as error:
        return False, str(error)
    if rule.count < 2:
        return False, f"under {ack} an acknowledged write may be on one other machine only"
    if not rule.place("s1"):
        return False, "s1, the far one, is not in the list"
    took = measures.commit_latency(run(scenarios["near_and_far"].but(ack=str(ack)))).p50
    return took < 12, f"two copies, and the median is {took:.1f} ms"


def _two_copies_and_no_outage(ack: object) -> tuple[bool, str]:
    try:
        rule = parse(str(ack))
        trace = run(scenarios["write_outage"].but(ack=str(ack)))
    except ScenarioError as error:
        return False, str(error)
    if rule.count < 2:
        return False, f"under {ack} an acknowledged write may be on one standby only"
    for sick in ("s1", "s2", "s3"):
        fault = scenarios["write_outage"].faults[0].model_copy(update={"node": sick})
        trace = run(scenarios["write_outage"].but(ack=str(ack), faults=(fault,)))
        served = measures.availability(trace)
        if served < 1:
            return False, f"with {sick} as the sick one, {served:.0%} of the users are served in time"
    return True, "two standbys have every acknowledged write, and any one of the three may fall ill"


def _nothing_lost_whoever_leads(ack: object) -> tuple[bool, str]:
    try:
        trace = run(scenarios["lost_writes_on_failover"].but(ack=str(ack), faults=()))
    except ScenarioError as error:
        return False, str(error)
    took = measures.commit_latency(trace).p50
    if not took < 1_000:
        return False, f"under {ack} hardly a write is ever answered"
    lost = measures.loss(trace, range(500, 2_000), promote="worst").lost.max()
    if lost:
        return False, f"under {ack} the least advanced replica may lack {lost:,} acknowledged writes"
    return True, f"nothing is lost, whoever leads; the price is a median commit of {took:.0f} ms"


TASKS: dict[str, dict[str, Any]] = {
    "00-both": {
        "task": 'Zero loss and no write held up while all replicas are cut off: the value of `ack`, or "impossible".',
        "check": "impossible",
        "because": "a write that no other machine has must either wait or be at risk; there is no third way",
        "hints": ["While the replicas are cut off, where else than on the leader can a new write be?"],
        "solution": "impossible: the answer comes before the copy or after it, and during the cut there is no copy",
        "unattended": "impossible",
    },
    "01-ceiling": {
        "task": "The highest rate, in writes a second, that a replica can follow if it replays a write in 5 ms.",
        "check": 200,
        "because": "serial replay at 5 ms each is 200 a second; from there on it is a queue that only grows",
        "hints": ["How many 5 ms fit into a second?"],
        "solution": "200",
        "unattended": 200,
    },
    "02-two": {
        "task": "The value of synchronous_standby_names, as a text.",
        "check": _two_copies,
        "hints": ["FIRST takes the order of the list seriously.", "ANY does not look at the order at all."],
        "solution": "ANY 2 (s1, s2, s3), or FIRST 2 (s2, s3, s1) with the far one last",
        "unattended": "ANY 2 (s1, s2, s3)",
    },
    "03-two": {
        "task": "The value of synchronous_standby_names: two standbys have each write, any one may stall unnoticed.",
        "check": _two_copies_and_no_outage,
        "hints": [
            "FIRST 2 with the sick one last works, until another one falls ill.",
            "How many standbys must the rule list so that it can do without any one of them?",
        ],
        "solution": "ANY 2 (s1, s2, s3): two of three, whichever two are well",
        "unattended": "ANY 2 (s1, s2, s3)",
    },
    "04-whoever": {
        "task": "The value of synchronous_standby_names under which a crash takes nothing, whoever takes over.",
        "check": _nothing_lost_whoever_leads,
        "hints": [
            "Which replica is the least advanced one here, and does the rule ever wait for it?",
            "If all may be promoted, all must have the write.",
        ],
        "solution": "ANY 3 (s1, s2, s3), FIRST 3 (s1, s2, s3), or s3 alone: in this run it is always the last one",
        "unattended": "ANY 3 (s1, s2, s3)",
    },
}


def ask(name: str) -> Prediction:
    """Return a lesson's question, to be answered before the run.

    Raises
    ------
    ValueError
        If no lesson asks it.
    """
    return predict(name, **_found(name, QUESTIONS))


def task(name: str) -> Exercise:
    """Return a lesson's exercise.

    Raises
    ------
    ValueError
        If no lesson sets it.
    """
    return exercise(name, **_found(name, TASKS))


def _found(name: str, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if name not in known:
        raise ValueError(f"no lesson has {name!r}: there are {', '.join(known)}.")
    return known[name]
