"""The questions and tasks of the lessons, kept out of sight of whoever is about to answer them.

A notebook asks by name: ``ask("02-any2")``, ``task("02-two")``. What is committed when nobody sits in front, what is
right, and the hints stand here.
"""

from __future__ import annotations

from typing import Any

from .. import measures
from ..engine import run
from ..measures import Rule
from ..scenario import Restart, ScenarioError, parse, scenarios
from . import overlapping, real_thing, several_leaders, stale_reads, taking_over
from .exercise import Exercise, exercise
from .prediction import Prediction, predict
from .riddles import CAUSES, cause

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
    "04-semi": {
        "question": "How many acknowledged writes has nobody any more when s1 leads?",
        "unit": "writes",
        "unattended": 420,
    },
    "05-clock": {
        "question": "15 s after the last write, nothing is missing: how far behind is the replica by its clock?",
        "unit": "s",
        "unattended": 15,
    },
    "05-report": {
        "question": "How long after its end has the replica caught up?",
        "unit": "min",
        "unattended": 80,
    },
    "05-cure": {
        "question": "You may cure one of the three. Which cure makes what readers see less old?",
        "choices": ["the link", "the disk", "replay"],
        "unattended": "replay",
    },
    **{
        f"05-curve-{letter.lower()}": {
            "question": f"What is wrong in {letter}?",
            "choices": CAUSES,
            "unattended": cause(letter),
        }
        for letter in "ABCD"
    },
    "05-alarm": {
        "question": "At which second of the run does “replay lag > 5 s for 30 s” ring?",
        "unit": "s",
        "unattended": 95,
    },
    **stale_reads.QUESTIONS,
    **taking_over.QUESTIONS,
    "08-falls": {
        "question": "For how many minutes may s1 be away before it can no longer catch up?",
        "unit": "min",
        "unattended": 14,
    },
    "08-full": {
        "question": "How many minutes after the death of s1 does the leader stop?",
        "unit": "min",
        "unattended": 55,
    },
    **overlapping.QUESTIONS,
    **several_leaders.QUESTIONS,
    "11-gone": {
        "question": "How long after the command is the table gone on all four machines, the far region included?",
        "unit": "ms",
        "unattended": 60,
    },
    "11-locked": {
        "question": "For how many minutes does somebody who wants to read the table on s2 have to wait?",
        "unit": "min",
        "unattended": 60,
    },
    "11-given-up": {
        "question": "A restore to the moment before the command: how many acknowledged writes does it give up?",
        "unit": "writes",
        "unattended": 1_000_000,
    },
    **real_thing.QUESTIONS,
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


def _leaves_time_and_wakes_nobody(above: object) -> tuple[bool, str]:
    minute, dead = 60_000.0, scenarios["slot_fills_the_disk"]
    rule = measures.Rule("log", above=float(above))  # type: ignore[arg-type]
    if measures.alarms(run(dead.with_fault(Restart(node="s1", at_ms=20 * minute))), rule):
        return False, f"{rule} rings when a replica is restarted, ten minutes away"
    stopped = run(dead)
    rings = measures.alarms(stopped, rule)
    if not rings:
        return False, f"{rule} never rings, and the leader stops"
    left = (measures.disk_full_ms(stopped) - rings[0].at_ms) / minute
    return left >= 30, f"{rule} rings {left:.0f} min before the leader stops"


def _last_good_minute(minutes: object) -> tuple[bool, str]:
    trace = run(scenarios["bad_migration"])
    moment = float(minutes)  # type: ignore[arg-type]
    here, later = (measures.restore(trace, to_ms=60_000 * at) for at in (moment, moment + 1))
    if here.rows.wrong:
        return False, f"at {moment:g} min {here.rows.wrong:,} rows are wrong already"
    if not later.rows.wrong:
        return False, f"a minute later all rows are still good: you give up writes for nothing ({here.given_up:,})"
    return True, f"all {here.rows.good:,} rows are good, and {here.given_up:,} later writes are given up"


def _rings_in_time_and_only_then(rule: object) -> tuple[bool, str]:
    if not isinstance(rule, Rule):
        return False, "a rule is made with measures.Rule, such as measures.Rule('replay', above=5_000, for_ms=30_000)"
    trace = run(scenarios["lag_alarms"])
    noticed = measures.users_notice(trace, missing_ms=10_000)
    rings = measures.alarms(trace, rule)
    false = [ring for ring in rings if not 60_000 <= ring.at_ms <= 160_000]
    if false:
        return False, f"{rule} rings at {false[0].at_ms / 1000:.0f} s too, where no report runs"
    if not rings:
        return False, f"{rule} never rings"
    if rings[0].at_ms > noticed:
        return False, f"{rule} rings at {rings[0].at_ms / 1000:.0f} s, users notice at {noticed / 1000:.0f} s"
    return (
        True,
        f"{rule} rings at {rings[0].at_ms / 1000:.0f} s, users notice at {noticed / 1000:.0f} s, and never else",
    )


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
    "05-workers": {
        "task": "400 writes/s, 5 ms each to replay, one write in five must wait for the one before: how many workers?",
        "check": 3,
        "because": "a serial fifth and a third of the rest make 2.3 ms a write, and 400 a second leave 2.5 ms for each",
        "hints": [
            "How long may a write take if 400 are to be done in a second?",
            "w workers need 5 ms x (0.2 + 0.8 / w) for each write.",
        ],
        "solution": "3",
        "unattended": 3,
    },
    "05-rule": {
        "task": "A measures.Rule that rings for the report before users notice, and for nothing else in this run.",
        "check": _rings_in_time_and_only_then,
        "hints": [
            "Flush lag never moves, and the clock rings at night: which lag is left?",
            "The hiccup is over after 8 s. A rule may ask for more lag, or for more patience, than that.",
        ],
        "solution": "measures.Rule('replay', above=9_000), or above=1_000 with for_ms=8_000",
        "unattended": Rule("replay", above=9_000),
    },
    **stale_reads.TASKS,
    **taking_over.TASKS,
    "08-alarm": {
        "task": "A limit on the log kept, MB: 30 minutes are left, and a replica's restart of 10 minutes wakes nobody.",
        "check": _leaves_time_and_wakes_nobody,
        "hints": [
            "How much log is written in 30 minutes at 5 MB/s, and how much of the 16,384 MB is then left?",
            "How much piles up in ten minutes? Add one checkpoint, 540 MB.",
        ],
        "solution": "anything from 3,600 MB (10 min and a checkpoint) to 7,380 MB (16,384 MB less 30 min)",
        "unattended": 6_000,
    },
    **overlapping.TASKS,
    **several_leaders.TASKS,
    "11-moment": {
        "task": "The last moment at which all prices were right, min: at most one minute too early, and not too late.",
        "check": _last_good_minute,
        "hints": [
            "The rows in the chart break at the moment of the migration.",
            "Halve: good at 90 min, wrong at 120 min. And at 105?",
        ],
        "solution": "103.4 min is when the migration ran: 103 will do",
        "unattended": 103,
    },
    **real_thing.TASKS,
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
