"""What lesson 14 asks and how it judges: each right answer passes, each plausible wrong one is told what it breaks."""

from __future__ import annotations

import pytest

from replication_viz import checks, measures
from replication_viz.lessons.real_thing import QUESTIONS, TASKS
from replication_viz.real import recorded_runs
from replication_viz.real.experiments import EXPERIMENTS

CHECK = TASKS["14-either"]["check"]


@pytest.mark.parametrize("rule", ["ANY 2 (s2, s3)", "ANY 2 (s1, s2, s3)", "FIRST 2 (s2, s3, s1)"])
def test_a_rule_that_puts_each_write_on_both_is_right(rule: str) -> None:
    assert CHECK(rule) == (
        True,
        "whichever of the two is promoted has every acknowledged write, and nobody waits for s1",
    )


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("async", "the promotion of s2 loses"),
        ("ANY 1 (s2, s3)", "the promotion of s3 loses"),
        ("ANY 3 (s1, s2, s3)", "writes wait for s1"),
        ("FIRST 2 (s1, s2, s3)", "writes wait for s1"),
        ("ANY 2 (", "ANY 2 ("),
    ],
)
def test_a_wrong_rule_is_told_what_it_breaks(rule: str, says: str) -> None:
    passed, why = CHECK(rule)
    assert not passed
    assert says in why


def test_the_recorded_runs_bear_out_what_the_lesson_asks() -> None:
    crash = recorded_runs.trace("lost")
    expected = crash.scenario.rate_per_s * 0.2
    for asked in (len(measures.lost(crash)), recorded_runs.lost_on_valkey(), QUESTIONS["14-lost"]["unattended"]):
        assert asked == pytest.approx(expected, rel=0.3)
    rejoined = recorded_runs.result("split_brain")
    assert rejoined.kept == 0 < rejoined.only_old
    assert checks.one_leader_acknowledges(rejoined.trace).violations
    assert QUESTIONS["14-old"]["unattended"] == "they are discarded"


def test_recorded_histories_go_through_the_checkers() -> None:
    lost = checks.no_lost_write(recorded_runs.trace("lost"))
    assert len(lost.violations) == len(measures.lost(recorded_runs.trace("lost"))) > 0
    assert len(checks.read_your_writes(recorded_runs.trace("stale")).violations) > 10
    assert not checks.read_your_writes(recorded_runs.trace("tracked")).violations


def test_the_lesson_asks_only_for_experiments_and_cases_that_there_are() -> None:
    import re

    from .checkout import ROOT

    text = (ROOT / "notebooks" / "14_the_real_thing.ipynb").read_text(encoding="utf-8").replace('\\"', '"')
    assert set(re.findall(r'lab\.(?:predict|measure)\("(\w+)"', text)) <= set(EXPERIMENTS)
    labels = {case.label for one in EXPERIMENTS.values() for case in one.cases}
    named = set(re.findall(r'lab\.(?:trace|stage|scenario)\("\w+", "([^"]+)"', text))
    assert named
    assert named <= labels
