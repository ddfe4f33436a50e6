"""Questions and tasks of lesson 06: what is right, the hints, and how runs and checkers judge an answer."""

from __future__ import annotations

from typing import Any

from .. import checks, measures
from ..checks import History, HistoryError
from ..engine import run
from ..scenario import PauseReplay, ScenarioError, scenarios
from .amounts import read_amount

QUESTIONS: dict[str, dict[str, Any]] = {
    "06-form": {
        "question": "Of a hundred saved forms, how many show the old address on the next page?",
        "unit": "%",
        "unattended": 50,
    },
    "06-on": {
        "question": "Under `synchronous_commit = on`, how many of the pages that read from s1 show the old address?",
        "choices": ["none", "about half", "all"],
        "unattended": "all",
    },
    "06-pin": {
        "question": "Which share of all reads does the leader answer if a user is pinned for 1 s after each write?",
        "unit": "%",
        "unattended": 30,
    },
    "06-back": {
        "question": "Which share of the reads shows a lower bid than the same bidder had seen before?",
        "unit": "%",
        "unattended": 45,
    },
    "06-linear": {
        "question": "Every session is causal and no promise is broken. Can anybody still tell it from a single copy?",
        "choices": ["yes", "no"],
        "unattended": "yes",
    },
}

_MOST_LEADER, _MOST_WAIT_MS = 0.20, 10.0
_KNOBS = ("session", "read_from", "pin_ms", "lsn_wait_ms")


def _long_enough_and_no_longer(pin_ms: object) -> tuple[bool, str]:
    pin = read_amount(pin_ms, "ms") if isinstance(pin_ms, str) else float(pin_ms)  # type: ignore[arg-type]
    pinned = scenarios["stale_after_write"].but(session="pin", pin_ms=pin)
    for think in (100, 200, 290):
        missed = checks.read_your_writes(run(pinned.but(reread_ms=think)))
        if missed:
            return False, f"of those who take {think} ms to read, {len(missed)} miss their own write"
    share = measures.served(run(pinned)).leader_share
    found = f"nobody misses an own write, and the leader answers {share:.1%} of the reads"
    return (True, found) if share <= 0.16 else (False, f"{found}: that is too much load")


def _keeps_both_promises_through_a_stall(settings: object) -> tuple[bool, str]:
    if not isinstance(settings, dict) or set(settings) - set(_KNOBS):
        return False, f"the answer is a dict, such as {{'session': 'pin', 'pin_ms': 500}}, of {', '.join(_KNOBS)}"
    stall = PauseReplay(node="s2", at_ms=4_000, for_ms=2_000)
    crowd = scenarios["stale_after_write"].but(keys=4, clients=20, faults=(stall,))
    try:
        trace = run(crowd.but(**settings))
    except ScenarioError as error:
        return False, str(error)
    for verdict in (checks.read_your_writes(trace), checks.monotonic_reads(trace)):
        if verdict:
            return False, f"{verdict.promise} is broken {len(verdict):,} times"
    found = measures.served(trace)
    price = f"the leader answers {found.leader_share:.0%} of the reads, and a read waits for {found.wait_ms:.1f} ms"
    if found.leader_share > _MOST_LEADER:
        return False, f"both promises are kept, but {price}: that is too much load"
    if found.wait_ms > _MOST_WAIT_MS:
        return False, f"both promises are kept, but {price}: that is too long"
    return True, f"both promises are kept; {price}"


def _goes_back_and_misses_nothing_own(text: object) -> tuple[bool, str]:
    if not isinstance(text, str) or "\n" not in text:
        return False, "the answer is a text of several lines, and the first one names the columns"
    try:
        history = History.from_csv(text)
    except HistoryError as error:
        return False, str(error)
    own, back = checks.read_your_writes(history), checks.monotonic_reads(history)
    if own:
        return False, f"this breaks read your writes, too: {own[0]}"
    if not back:
        return False, f"no session goes back in time in these {len(history)} operations"
    return True, str(back[0])


TASKS: dict[str, dict[str, Any]] = {
    "06-pin": {
        "task": "pin_ms, in ms: nobody misses an own write, and the leader answers at most 16 % of the reads.",
        "check": _long_enough_and_no_longer,
        "hints": [
            "After the pin a read may go to s1: how old may its data be then?",
            "290 ms of thinking must be covered, too. Each further 100 ms of pin costs about 3 % of the reads.",
        ],
        "solution": "anything from 300 to 350 ms: the lag of the worst replica and a little more",
        "unit": "ms",
        "unattended": 310,
    },
    "06-history": {
        "task": "A history as a CSV text: some session goes back in time, and none misses its own write.",
        "check": _goes_back_and_misses_nothing_own,
        "hints": [
            "Somebody writes twice, and somebody else reads twice.",
            "The columns that must be there: session, kind, key, value, call_ms, return_ms.",
        ],
        "solution": "two writes of ann, each answered; then bob reads the second value, and after that the first",
        "unattended": "session,kind,key,value,call_ms,return_ms\n"
        "ann,write,bid,10,0,1\nann,write,bid,11,2,3\nbob,read,bid,11,4,5\nbob,read,bid,10,6,7",
    },
    "06-stall": {
        "task": "A dict of session, read_from, pin_ms, lsn_wait_ms: both promises kept through the stall, at most 20 % "
        "of the reads on the leader, at most 10 ms of wait.",
        "check": _keeps_both_promises_through_a_stall,
        "hints": [
            "A pin would have to be longer than the stall. Which kind of session asks how far a replica is?",
            "Two replicas of different age make time go back. What if all reads begin at the same one?",
        ],
        "solution": "{'session': 'causal', 'read_from': 's2'}; while s2 stands still, those who wrote use the leader",
        "unattended": {"session": "causal", "read_from": "s2"},
    },
}
