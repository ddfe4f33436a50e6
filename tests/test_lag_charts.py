"""Charts of lag and alarms, and the theory drawn in them: queues as streams."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from replication_viz import Scenario, measures, run, scenarios, theory
from replication_viz.measures import Rule
from replication_viz.scenario import Change, Crash, LongQuery, NodeSettings, PauseReplay
from replication_viz.trace import Floats
from replication_viz.views.alarm_chart import Alarms, DeadRows, LagReports
from replication_viz.views.fluid import expected_lags
from replication_viz.views.lag_chart import LagCurves, LagRiddles

from .test_charts import drawn, legend

STEADY = Scenario(rate_per_s=500, replicas=1, ack="async", arrivals="constant", record_bytes=2_000, duration_ms=20_000)
PAUSED = STEADY.but(replay_us=1_000, faults=(PauseReplay(node="s1", at_ms=2_000, for_ms=5_000),))
KINDS: tuple[measures.LagKind, ...] = ("write", "flush", "replay")


# -- queues as streams ------------------------------------------------------------------------------------------------


def test_a_stream_after_a_pause_is_the_closed_form() -> None:
    times = np.linspace(0, 200, 20_001)
    able = 1_000 * (times - np.clip(times - 10, 0, 20))  # nothing from 10 s to 30 s
    age = theory.oldest(times, 800 * times, theory.passed_on(800 * times, able))
    pause = theory.replay_pause(20, 0.8)
    assert age.max() == pytest.approx(pause.peak_lag_s, abs=0.02)
    assert times[age > 0.01].max() == pytest.approx(30 + pause.catch_up_s, abs=0.1)
    assert np.interp(50, times, age) == pytest.approx(pause.lag_s(20), abs=0.02)


def test_a_stream_under_overload_is_the_closed_form() -> None:
    times = np.linspace(0, 50, 5_001)
    left = theory.passed_on(1_000 * times, 600 * times)
    found = theory.overload(1_000, 600, 50)
    assert 50_000 - left[-1] == pytest.approx(found.writes)
    assert theory.oldest(times, 1_000 * times, left)[-1] == pytest.approx(found.age_s)


def test_a_queue_that_can_serve_all_passes_all_on_and_never_more_than_it_can() -> None:
    arrived: Floats = np.cumsum(np.random.default_rng(3).uniform(0, 10, 500))
    assert_allclose(theory.passed_on(arrived, np.linspace(10.0, 5_000.0, 500)), arrived)
    left = theory.passed_on(arrived, np.linspace(3.0, 1_500.0, 500))
    assert (np.diff(left) <= 3.0 + 1e-9).all()
    assert (left <= arrived).all()


def test_a_chart_in_another_theme_is_of_the_same_replica() -> None:
    chart = LagCurves("light", node="s2")
    chart.wear("dark")
    trace = run(scenarios["slow_replay"].but(duration_ms=200))
    assert chart.show(trace).alt.startswith("Lag over time: of s2: ")
    assert chart.theme == "dark"


def test_theory_without_a_queue_says_so_beside_lags_of_a_few_milliseconds() -> None:
    labels = {cost: legend(LagCurves().show(run(STEADY.but(replay_us=cost))).axes)[-1] for cost in (100, 4_000)}
    assert labels == {100: "theory: no queue", 4_000: "theory: replay"}


CAUSES: dict[str, dict[str, Any]] = {
    "slow replay": {"replay_us": 4_000},
    "two workers, half of it serial": {"replay_us": 4_000, "replay_workers": 2, "dependent_share": 0.5},
    "a pause": {"faults": PAUSED.faults, "replay_us": 1_000},
    "a long query": {
        "replay_us": 1_000,
        "vacuum_ms": 100,
        "max_standby_streaming_delay_ms": -1,
        "faults": (LongQuery(node="s1", at_ms=3_050, for_ms=6_000),),
    },
    "a query with feedback": {"hot_standby_feedback": True, "faults": (LongQuery(node="s1", at_ms=3_000),)},
    "a query that is cancelled": {
        "max_standby_streaming_delay_ms": 2_000,
        "vacuum_ms": 100,
        "faults": (LongQuery(node="s1", at_ms=3_050),),
    },
    "a small disk": {"nodes": {"s1": NodeSettings(disk_mb_per_s=0.5)}},
    "a narrow link": {"bandwidth_mbit": 4},
    "compressed": {"bandwidth_mbit": 4, "log_left": 0.4},
    "more writes from 10 s on": {
        "replay_us": 1_500,
        "faults": (Change(setting="rate_per_s", value=900, at_ms=10_000),),
    },
    "all three": {"bandwidth_mbit": 6, "replay_us": 4_000, "nodes": {"s1": NodeSettings(disk_mb_per_s=0.6)}},
    "below another": {
        "replicas": 2,
        "nodes": {"s1": NodeSettings(disk_mb_per_s=0.5), "s2": NodeSettings(follows="s1")},
    },
}


@pytest.mark.parametrize("cause", CAUSES)
def test_the_lags_of_a_run_are_those_that_its_settings_let_one_expect(cause: str) -> None:
    trace = run(STEADY.but(**CAUSES[cause]))
    node = trace.nodes[-1]
    found = expected_lags(trace, node)
    assert found is not None
    times, expected = found
    moments = np.arange(500.0, 20_000, 250)
    for kind in KINDS:
        true = measures.lag(trace, node, kind, moments)
        assert_allclose(true, np.interp(moments, times, expected[kind]), rtol=0.06, atol=130)


def test_what_the_streams_do_not_describe_has_no_theory_line() -> None:
    crashed = run(STEADY.but(faults=(Crash(node="s1", at_ms=3_000),), duration_ms=4_000))
    assert expected_lags(crashed, "s1") is None
    assert expected_lags(run(STEADY.but(arrivals="closed", duration_ms=1_000)), "s1") is None
    chart = LagCurves().show(run(PAUSED))
    assert "theory: replay" in legend(chart.axes)
    assert "theory: replay" not in legend(chart.show(crashed).axes)
    assert len(drawn(chart.theory)[0]) == 0


# -- charts -----------------------------------------------------------------------------------------------------------


def test_lag_curves_are_the_measured_ones_in_a_unit_that_suits_them() -> None:
    trace = run(PAUSED)
    chart = LagCurves().show(trace)
    for kind in KINDS:
        times, lag = measures.lag_curve(trace, "s1", kind, bins=240)
        at, height = drawn(chart.lines[kind])
        assert_allclose(at, times / 1000)
        assert_allclose(height, lag / 1000)
    assert (chart.axes.get_xlabel(), chart.axes.get_ylabel()) == ("time, s", "lag, s")
    assert "replay lag at most 5" in chart.alt
    assert "theory expects a replay lag of at most 5" in chart.alt
    assert len(chart.spans.get_paths()) == 1
    assert LagCurves().show(run(scenarios["slow_replay"])).alt.startswith("Lag over time: of s2")
    alone = chart.show(run(STEADY.but(replicas=0, duration_ms=500)))
    assert alone.alt == "Lag over time: There is no replica."
    assert len(drawn(chart.lines["replay"])[0]) == 0


def test_a_long_query_is_shaded_as_a_fault() -> None:
    query = STEADY.but(duration_ms=4_000, faults=(LongQuery(node="s1", at_ms=1_000, for_ms=2_000),))
    [corners] = LagCurves().show(run(query)).spans.get_paths()
    assert_allclose(np.unique(np.asarray(corners.vertices)[:, 0]), [1, 3])


@pytest.mark.parametrize("kind", [LagCurves, DeadRows, LagReports])
def test_an_update_moves_what_is_there_and_adds_nothing(kind: type[Any]) -> None:
    first, second = run(PAUSED), run(STEADY.but(duration_ms=4_000))
    chart = kind().show(first)
    before = [id(artist) for axes in chart.figure.axes for artist in (*axes.lines, *axes.collections, *axes.texts)]
    chart.show(second).show(first)
    after = [id(artist) for axes in chart.figure.axes for artist in (*axes.lines, *axes.collections, *axes.texts)]
    assert before == after
    assert "nan" not in chart.alt


def test_riddles_show_the_curves_and_not_the_cause() -> None:
    runs = {"A": run(PAUSED), "B": run(STEADY.but(duration_ms=3_000)), "C": run(PAUSED.but(bandwidth_mbit=4))}
    chart = LagRiddles().show(runs)
    assert [axes.get_title(loc="left") for axes in chart.figure.axes] == ["A", "B", "C"]
    assert not [axes.collections for axes in chart.figure.axes if axes.collections]  # no shaded fault
    assert_allclose(drawn(chart.panels["A"]["replay"])[1], measures.lag_curve(runs["A"], "s1", "replay", 240)[1] / 1000)
    assert "pause" not in chart.alt
    with pytest.raises(ValueError, match="runs is empty"):
        chart.show({})


def test_what_dashboards_say_is_drawn_beside_the_truth() -> None:
    trace = run(scenarios["lag_on_the_dashboards"])
    chart = LagReports().show(trace)
    times, clock = drawn(chart.lines["by the clock"])
    _, truth = drawn(chart.lines["in truth"])
    assert (times[-1], truth[-1]) == (40, 0)
    assert clock[-1] == pytest.approx(15, abs=0.1)
    assert np.interp(19.8, *drawn(chart.lines["Seconds_Behind_Master"])) == 0
    assert np.interp(19.8, times, truth) > 4.5


def test_a_bar_stands_where_a_rule_rings_and_a_line_where_users_notice() -> None:
    trace = run(scenarios["lag_alarms"])
    rules = [Rule("replay", above=5_000), Rule("flush", above=5_000), Rule("clock", above=5_000, for_ms=30_000)]
    chart = Alarms().show(trace, rules, missing_ms=10_000)
    rings = [(row, ring) for row, rule in enumerate(rules) for ring in measures.alarms(trace, rule)]
    bars = [np.asarray(path.vertices) for path in chart.bars.get_paths()]
    assert [(bar[:, 0].min(), bar[:, 0].max()) for bar in bars] == [
        (ring.at_ms / 1000, ring.until_ms / 1000) for _, ring in rings
    ]
    assert [round(bar[:4, 1].mean()) for bar in bars] == [row for row, _ in rings]
    assert [label.get_text() for label in chart.rows.get_yticklabels()] == [str(rule) for rule in rules]
    assert drawn(chart.noticed[0])[0][0] == pytest.approx(measures.users_notice(trace, 10_000) / 1000)
    assert "flush lag > 5000 ms: never rings" in chart.alt


def test_dead_rows_are_the_measured_ones() -> None:
    query = LongQuery(node="s1", at_ms=2_000, for_ms=5_000)
    trace = run(STEADY.but(duration_ms=10_000, hot_standby_feedback=True, faults=(query,)))
    chart = DeadRows().show(trace)
    _, height = drawn(chart.line)
    assert height.max() == pytest.approx(2_500, rel=0.1)
    assert chart.axes.get_ylim()[1] > 1.1 * height.max()
    _, flat = drawn(chart.show(run(trace.scenario.but(hot_standby_feedback=False))).line)
    assert flat.max() < 0.1 * chart.axes.get_ylim()[1]  # what each vacuum finds is no mountain
