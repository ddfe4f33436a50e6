"""What lesson 05 rests on: its scenarios, its riddles, its rules, and a panel's controls for the cures."""

from __future__ import annotations

import numpy as np
import pytest

from replication_viz import Scenario, ScenarioError, measures, run, scenarios
from replication_viz.lessons import task, unlabelled
from replication_viz.lessons.riddles import CAUSES, cause
from replication_viz.measures import Rule
from replication_viz.panels import Lab

SIGNATURES = {
    "slow replay": {"replay"},
    "a long query": {"replay"},
    "a small disk": {"flush", "replay"},
    "a narrow link": {"write", "flush", "replay"},
}
SHORT = Scenario(duration_ms=300, rate_per_s=100)


def test_each_riddle_has_the_signature_of_its_cause_and_no_name() -> None:
    assert sorted(map(cause, unlabelled())) == sorted(CAUSES)
    for letter, trace in unlabelled().items():
        worst = {kind: measures.lag_curve(trace, "s1", kind)[1].max() for kind in ("write", "flush", "replay")}
        assert {kind for kind, lag in worst.items() if lag > 1_000} == SIGNATURES[cause(letter)]
        assert all(lag < 50 for kind, lag in worst.items() if kind not in SIGNATURES[cause(letter)])
        assert trace.scenario.title == "?"
    with pytest.raises(ValueError, match="no run is called 'Z'"):
        cause("Z")


def test_replay_recovers_from_the_query_and_not_from_what_is_too_slow() -> None:
    ends = {cause(letter): measures.lag(trace, "s1", "replay", 29_000) for letter, trace in unlabelled().items()}
    assert ends["a long query"] < 50
    assert ends["slow replay"] > 5_000


def test_a_report_of_twenty_minutes_is_twenty_minutes_of_replay_lag_and_eighty_to_catch_up() -> None:
    trace = run(scenarios["report_of_twenty_minutes"])
    times, replay = measures.lag_curve(trace, "s1", "replay", bins=690)
    assert replay.max() == pytest.approx(20 * 60_000, rel=0.005)
    assert times[replay > 5_000].max() == pytest.approx((30 + 80) * 60_000, rel=0.01)
    assert measures.lag_curve(trace, "s1", "flush")[1].max() < 50


@pytest.mark.parametrize("grain", [20_000, 100_000])
def test_a_day_with_a_small_disk_gives_one_tooth_of_the_saw(grain: int) -> None:
    trace = run(scenarios["lag_small_disk"].but(grain=grain))
    hours, flush = measures.lag_curve(trace, "s1", "flush", bins=144)
    assert 3 < flush.max() / 3_600_000 < 3.8
    assert 17 < hours[flush.argmax()] / 3_600_000 < 23
    assert max(flush[:30].max(), flush[-1]) < 600_000
    assert measures.lag_curve(trace, "s1", "write")[1].max() < 60_000


def test_readers_wait_for_the_slowest_of_three() -> None:
    base = scenarios["lag_four_causes"].but(faults=())
    cures: tuple[dict[str, float], ...] = ({}, {"bandwidth_mbit": 100}, {"disk_mb_per_s": 500}, {"replay_us": 100})
    none, link, disk, replay = (float(measures.lag(run(base.but(**cure)), "s1", "replay", 19_900)) for cure in cures)
    assert link == pytest.approx(none, rel=0.01)
    assert disk == pytest.approx(none, rel=0.01)
    assert replay < 0.85 * none


@pytest.mark.parametrize(
    ("rule", "passes", "words"),
    [
        (Rule("replay", above=9_000), True, "and never else"),
        (Rule("replay", above=1_000, for_ms=8_000), True, "and never else"),
        (Rule("replay", above=5_000), False, "rings at 35 s too"),
        (Rule("replay", above=5_000, for_ms=30_000), False, "users notice at 70 s"),
        (Rule("clock", above=9_000), False, "where no report runs"),
        (Rule("flush", above=5_000), False, "never rings"),
        ("replay lag > 9 s", False, "a rule is made with measures.Rule"),
    ],
)
def test_a_rule_of_the_reader_is_judged_by_the_run(rule: object, passes: bool, words: str) -> None:
    verdict = task("05-rule").check(rule)
    assert verdict.passed == passes
    assert words in verdict.reason


def test_a_limit_that_may_be_missing_ends_in_no_limit() -> None:
    knob = Lab(SHORT, knobs=["max_standby_streaming_delay_ms"]).knobs["max_standby_streaming_delay_ms"]
    stops = [value for _, value in knob.options]
    assert (stops[0], stops[-2:]) == (0, [60_000, -1])
    assert knob.options[-1][0] == "no limit"
    assert knob.value == 30_000
    assert stops[:-1] == sorted(stops[:-1])


def test_no_limit_stays_last_when_another_stop_comes_in() -> None:
    lab = Lab(SHORT, knobs=["max_standby_streaming_delay_ms", "hot_standby_feedback"])
    lab.show(SHORT.but(max_standby_streaming_delay_ms=1_234_567, hot_standby_feedback=True))
    knob = lab.knobs["max_standby_streaming_delay_ms"]
    assert [value for _, value in knob.options][-2:] == [1_234_567, -1]
    assert lab.knobs["hot_standby_feedback"].value is True
    knob.value = -1
    assert lab.scenario.postgres_settings()["max_standby_streaming_delay"] == "-1"


def test_in_a_coarse_run_the_lag_is_that_of_a_fine_one() -> None:
    report = scenarios["report_of_twenty_minutes"].but(duration_ms=60 * 60_000)
    moments = np.arange(1, 60) * 60_000.0
    coarse, fine = (measures.lag(run(report.but(grain=grain)), "s1", "replay", moments) for grain in (5_000, 500))
    assert coarse == pytest.approx(fine, abs=12_000)


def test_a_slider_that_answers_with_a_rounding_error_has_not_been_turned() -> None:
    lab = Lab(SHORT.but(network_ms=20), knobs=["network_ms"])
    before = lab.trace
    lab.knobs["network_ms"].value = 20.000000000000004
    assert lab.trace is before
    with pytest.raises(ScenarioError, match="nothing to undo"):
        lab.undo()
    lab.knobs["network_ms"].value = 20.5
    assert lab.scenario.network_ms == 20.5
