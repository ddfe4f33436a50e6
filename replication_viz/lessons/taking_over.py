"""Questions and tasks of lesson 07: what is right, the hints, and how runs judge an answer."""

from __future__ import annotations

from typing import Any

from .. import measures
from ..engine import run
from ..scenario import Crash, LinkDelay, Partition, ScenarioError, scenarios
from ..trace import MarkKind
from .drills import AT_MS, rehearse

QUESTIONS: dict[str, dict[str, Any]] = {
    "07-outage": {
        "question": "For how many milliseconds is no write answered?",
        "unit": "ms",
        "unattended": 1_200,
    },
    "07-first": {
        "question": "How many acknowledged writes are lost if the first to answer is promoted?",
        "unit": "writes",
        "unattended": 300,
    },
    "07-diverged": {
        "question": "How many acknowledged writes are discarded once the line is back?",
        "unit": "writes",
        "unattended": 780,
    },
    "07-minority": {
        "question": "Controllers at L, s1 and s2; L and s1 on one side, s2 and s3 on the other. Who is promoted?",
        "choices": ["nobody", "s1", "s2"],
        "unattended": "nobody",
    },
    "07-frozen": {
        "question": "What keeps the leader that slept from answering those writes?",
        "choices": ["a lease, waited out in full", "tokens at the storage", "both", "neither"],
        "unattended": "tokens at the storage",
    },
    "07-cure": {
        "question": "Each of three cures ends the flapping. Which one also gives users their answers?",
        "choices": ["calm after a failover", "no failover on latency", "a successor of the same size"],
        "unattended": "a successor of the same size",
    },
}


def _judge_drill(settings: object) -> tuple[bool, str]:
    """Judge settings given as a dict: whether all targets are met, and the first that is not."""
    if not isinstance(settings, dict):
        return False, 'the settings are a dict, such as {"detect_ms": 500, "fence": "stonith"}'
    try:
        went = rehearse(**settings)
    except (ScenarioError, TypeError) as error:
        return False, str(error)
    missed = went.first_missed()
    if missed is None:
        return True, f"{went.score} of {len(went.targets)}; {went.targets[1].asked}: {went.targets[1].found}"
    return False, f"{went.score} of {len(went.targets)}; {missed.asked}: {missed.found}"


def _judge_wait(wait_ms: object) -> tuple[bool, str]:
    """Judge how long a promoter waits for a lease of 1 s where both clocks may drift by a quarter."""
    cut = scenarios["split_brain"].but(fence="lease", clock_drift=0.25, detect_ms=300, promote_ms=0, follow_ms=0)
    trace = run(cut.but(lease_wait_ms=float(wait_ms)))  # type: ignore[arg-type]
    both = measures.two_leaders_ms(trace)
    if both:
        return False, f"with a wait of {wait_ms} ms two leaders take writes for {both:,.0f} ms"
    begin = measures.drill(trace).promoted_ms / 1000
    if float(wait_ms) > 1_850:  # type: ignore[arg-type]
        return False, f"safe, but nobody leads until {begin:.1f} s after the cut, and less will do"
    return True, f"never two leaders, and the next begins {begin:.1f} s after the cut"


def _judge_seats(controllers: object) -> tuple[bool, str]:
    """Judge where controllers stand: L and s1 share a site, s2 and s3 the other."""
    base = scenarios["failover"].but(controllers=str(controllers), duration_ms=4_000)
    sites = Partition(nodes=("L", "s1"), at_ms=AT_MS, for_ms=2_000)
    link = LinkDelay(source="L", target="s1", at_ms=AT_MS, for_ms=2_000, extra_ms=3_000)
    for faults, wanted, sad in (
        ((Crash(node="L", at_ms=AT_MS),), 1, "L dies, and nobody is promoted"),
        ((sites,), 0, "the line between the sites breaks, and a second leader is made in the other one"),
        ((link,), 0, "only the way from L to s1 is slow, and a healthy leader gets a rival"),
    ):
        marks = run(base.but(faults=faults)).marks
        if int((marks.kind == MarkKind.PROMOTED).sum()) != wanted:
            return False, sad
    return True, "a dead leader is replaced, and neither a broken line nor a slow one makes a second"


TASKS: dict[str, dict[str, Any]] = {
    "07-seats": {
        "task": "The value of `controllers`: L and s1 stand in one site, s2 and s3 in the other.",
        "check": _judge_seats,
        "hints": [
            "When the line between the sites breaks, which side should hold the majority?",
            "One controller alone believes whatever its own network tells it.",
        ],
        "solution": "'L, s1, s2': the majority is with the leader, and yet two are left if the leader dies",
        "unattended": "L, s1, s2",
    },
    "07-wait": {
        "task": "How long, ms, must a promoter wait for a lease of 1,000 ms if both clocks may drift by 25 %?",
        "check": _judge_wait,
        "hints": [
            "How long does a lease of 1,000 ms last by a clock that runs a quarter slow?",
            "And what does a clock that runs a quarter fast have to show before so much time has passed?",
        ],
        "solution": "1,000 ms x 1.25 / 0.75 = 1,667 ms",
        "unattended": 1_670,
    },
    "07-drill": {
        "task": "A dict of settings with which the drill meets all six targets.",
        "check": _judge_drill,
        "hints": [
            "Patience: more than the 400 ms of silence that a slow network makes, less than 600 ms.",
            "Nothing lost takes two decisions, as in lesson 04: what a write waits for, and who is promoted.",
            "A rule that an isolated leader cannot meet is a fence, too.",
        ],
        "solution": "{'ack': 'ANY 1 (s1, s2, s3)', 'promote': 'most_advanced', 'detect_ms': 500}",
        "unattended": {"ack": "ANY 1 (s1, s2, s3)", "promote": "most_advanced", "detect_ms": 500},
    },
}
