"""What lesson 07 rests on: its numbers, its exercises judged both ways, its drill, its charts, its knobs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from replication_viz import Scenario, ScenarioError, checks, measures, run, scenarios, theory
from replication_viz.lessons import ask, rehearse, task
from replication_viz.lessons.drills import TURNABLE
from replication_viz.panels import Lab
from replication_viz.panels.knobs import cut_choices, seat_choices
from replication_viz.scenario import Crash, Freeze, Partition
from replication_viz.trace import MarkKind, Trace
from replication_viz.views.failover_chart import Detector, Patience, Reigns
from replication_viz.views.fence_chart import FenceMap

from .test_charts import drawn, legend

ISLAND = scenarios["split_brain"]
ANY1 = "ANY 1 (s1, s2, s3)"
GOOD = {"ack": ANY1, "promote": "most_advanced", "detect_ms": 500}
FIELDS = (
    *("controllers", "heartbeat_ms", "detector", "detect_ms", "phi", "latency_limit_ms", "cooldown_ms", "promote"),
    *("promote_ms", "fence", "fence_first", "stonith_ms", "stonith_reaches", "lease_ms", "lease_wait_ms"),
    *("clock_drift", "rejoin", "rewind_ms", "remote_clients", "follow_ms", "write_us", "partition"),
)


def promotions(trace: Trace) -> int:
    return int((trace.marks.kind == MarkKind.PROMOTED).sum())


# -- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("detect_ms", "promote_ms", "follow_ms"), [(1_000, 150, 100), (400, 700, 0), (1_500, 0, 600)])
def test_time_without_writes_is_noticing_and_promoting_and_following(
    detect_ms: float, promote_ms: float, follow_ms: float
) -> None:
    scenario = scenarios["failover"].but(detect_ms=detect_ms, promote_ms=promote_ms, follow_ms=follow_ms)
    drill = measures.drill(run(scenario))
    assert detect_ms - scenario.heartbeat_ms < drill.detected_ms <= detect_ms + 1
    assert drill.outage_ms == pytest.approx(drill.detected_ms + promote_ms + follow_ms, abs=25)


def test_a_false_alarm_costs_what_is_answered_until_clients_follow() -> None:
    alarm = scenarios["false_alarm"]
    hasty = run(alarm)
    assert len(measures.lost(hasty)) == pytest.approx(200 * (0.15 + 0.8), abs=40)
    assert measures.two_acknowledge_ms(hasty) == 0
    patient = measures.drill(run(alarm.but(detect_ms=1_000)))
    assert "no alarm" in patient.sentence()
    assert patient.lost == 0


def test_a_laggard_that_is_promoted_strands_who_is_ahead_of_it() -> None:
    who = scenarios["lost_writes_on_failover"].but(controllers="s3", detect_ms=500, duration_ms=4_000)
    runs = {promote: run(who.but(promote=promote)) for promote in ("most_advanced", "s2", "first")}
    lost = {promote: len(measures.lost(trace)) for promote, trace in runs.items()}
    stranded = {promote: int((t.marks.kind == MarkKind.STRANDED).sum()) for promote, t in runs.items()}
    assert lost["most_advanced"] < 15
    assert lost["s2"] == pytest.approx(50, abs=15)
    assert lost["first"] == pytest.approx(290, abs=30)
    assert stranded == {"most_advanced": 0, "s2": 1, "first": 2}


@pytest.mark.parametrize(("share", "lasts_ms"), [(0.35, 4_000), (0.35, 2_000), (0.7, 3_000)])
def test_what_the_old_leader_answers_in_vain_is_rate_times_share_times_the_length_of_the_cut(
    share: float, lasts_ms: float
) -> None:
    cut = (Partition(nodes=("L",), at_ms=1_000, for_ms=lasts_ms),)
    trace = run(ISLAND.but(remote_clients=share, faults=cut))
    a_second, both = 300 * (1 - share), measures.two_acknowledge_ms(trace)
    for found, expected in (
        (len(measures.lost(trace)), a_second * lasts_ms / 1000),
        (len(measures.diverged(trace)), a_second * both / 1000),
    ):
        assert found == pytest.approx(expected, abs=4 * np.sqrt(expected))
    [spell] = measures.both_acknowledge(trace)
    assert spell[1] - spell[0] == both
    assert set(measures.diverged(trace).lsn) <= set(measures.lost(trace).lsn)


@pytest.mark.parametrize(
    "fence", [{"fence": "stonith"}, {"fence": "lease"}, {"fence": "tokens"}, {"ack": ANY1}], ids=str
)
@pytest.mark.parametrize("seed", [1, 2])
def test_behind_a_fence_no_write_diverges(fence: dict[str, Any], seed: int) -> None:
    trace = run(ISLAND.but(seed=seed, **fence))
    assert promotions(trace) == 1
    assert measures.two_acknowledge_ms(trace) == len(measures.diverged(trace)) == 0
    assert checks.one_leader_acknowledges(trace).holds
    assert (len(measures.lost(trace)) == 0) == ("ack" in fence)


def test_the_wrong_order_and_a_dead_switch_bring_the_split_back() -> None:
    stonith = ISLAND.but(fence="stonith", stonith_ms=1_000)
    late, dead = run(stonith.but(fence_first=False)), run(stonith.but(stonith_reaches=False))
    both = run(stonith.but(fence_first=False, stonith_reaches=False))
    assert len(measures.diverged(late)) == pytest.approx(195 * 0.75, abs=50)
    assert promotions(dead) == 0
    assert measures.availability(dead, 250, 2_500, 4_500) == pytest.approx(0.65, abs=0.05)
    assert len(measures.diverged(both)) == len(measures.diverged(run(ISLAND)))


@pytest.mark.parametrize("drift", [0.05, 0.1, 0.2, 0.3])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0], ids=["D(1+r)", "half way", "D(1+r)/(1-r)"])
def test_two_leaders_are_there_for_as_long_as_the_formula_says(drift: float, share: float) -> None:
    short, enough = 1_000 * (1 + drift), 1_000 * theory.lease_wait_s(1, drift)
    wait = short + share * (enough - short)
    leased = ISLAND.but(fence="lease", detect_ms=300, promote_ms=0, follow_ms=0, clock_drift=drift, lease_wait_ms=wait)
    expected = 1_000 * theory.lease_overlap_s(wait / 1_000, 1, drift)
    assert measures.two_leaders_ms(run(leased)) == pytest.approx(expected, abs=1.5)


@pytest.mark.parametrize(("fence", "in_vain"), [("lease", True), ("tokens", False), ("stonith", False)])
def test_only_who_is_written_to_stops_a_leader_that_slept(fence: str, in_vain: bool) -> None:
    asleep = Freeze(node="L", at_ms=1_902, for_ms=2_500), Partition(nodes=("L",), at_ms=1_902, for_ms=3_500)
    nap = scenarios["frozen_leader"].but(rate_per_s=1_000, flush_ms=40, remote_clients=0.35, faults=asleep)
    trace = run(nap.but(fence=fence))
    assert bool(len(measures.diverged(trace))) == in_vain
    assert (len(measures.lost(trace)) > 10) == in_vain


@pytest.mark.parametrize(("fence", "holds"), [("none", False), ("lease", True)])
def test_an_isolated_leader_that_cannot_commit_still_shows_old_values(fence: str, holds: bool) -> None:
    trace = run(ISLAND.but(ack=ANY1, fence=fence, read_from="leader", reads_per_s=100, keys=20))
    assert measures.two_acknowledge_ms(trace) == 0
    assert checks.linearizability(trace).holds == holds


def test_each_cure_ends_the_flapping_and_only_a_larger_machine_the_outage() -> None:
    flapping = scenarios["cascading_failover"]
    same_size = {"nodes": {name: {"write_us": 500} for name in ("s1", "s2")}}
    cures: list[dict[str, Any]] = [{"cooldown_ms": 10_000}, {"latency_limit_ms": 0}, same_size]
    runs = [run(flapping.but(**cure)) for cure in cures]
    assert [promotions(trace) for trace in runs] == [1, 1, 1]
    calm, deaf, large = (measures.availability(trace, 500, 4_000, 7_000) for trace in runs)
    assert max(calm, deaf) < 0.1
    assert large > 0.99
    assert len(measures.lost(run(flapping))) > 20 * len(measures.lost(runs[0]))


# -- exercises --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seats", "passes", "words"),
    [
        ("L, s1, s2", True, "a dead leader is replaced"),
        ("L, s1, s3", True, "a dead leader is replaced"),
        ("s1", False, "only the way from L to s1 is slow"),
        ("L", False, "L dies, and nobody is promoted"),
        ("L, s1", False, "L dies, and nobody is promoted"),
        ("s1, s2, s3", False, "the line between the sites breaks"),
        ("s9", False, "controllers names 's9'"),
    ],
)
def test_places_of_controllers_are_judged_by_three_nights(seats: str, passes: bool, words: str) -> None:
    verdict = task("07-seats").check(seats)
    assert verdict.passed == passes
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("wait", "passes", "words"),
    [
        (1_670, True, "never two leaders"),
        (1_660, False, "two leaders take writes for 5 ms"),
        (1_250, False, "two leaders take writes for 333 ms"),
        (3_000, False, "less will do"),
        ("soon", False, "could not use this answer"),
    ],
)
def test_a_wait_is_judged_by_a_run_with_both_clocks_at_their_worst(wait: object, passes: bool, words: str) -> None:
    verdict = task("07-wait").check(wait)
    assert verdict.passed == passes
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("settings", "passes", "words"),
    [
        (GOOD, True, "6 of 6"),
        (GOOD | {"fence": "stonith"}, True, "6 of 6"),
        (GOOD | {"fence": "lease"}, False, "writes again within 1 s: 1.18 s"),
        (GOOD | {"promote": "first"}, False, "no acknowledged write is lost: 3"),
        (GOOD | {"detect_ms": 350}, False, "nobody is promoted: 1 promoted"),
        (GOOD | {"controllers": "L"}, False, "noticed within 0.6 s: never"),
        ({"rate_per_s": 1}, False, "'rate_per_s' is not yours to turn"),
        ({"ack": "ANY 9"}, False, "ANY 9"),
        (500, False, "the settings are a dict"),
    ],
)
def test_settings_are_judged_by_the_drill(settings: object, passes: bool, words: str) -> None:
    verdict = task("07-drill").check(settings)
    assert verdict.passed == passes
    assert words in verdict.reason


def test_the_drill_scores_each_target_and_says_what_was_found() -> None:
    usual = rehearse()
    assert usual.score == 1
    assert repr(usual).endswith("1 of 6")
    assert repr(usual).count("✗") == 5
    missed = usual.first_missed()
    assert missed is not None
    assert missed.asked == "the leader dies: noticed within 0.6 s"
    assert rehearse(**GOOD).first_missed() is None
    assert set(TURNABLE) <= set(Scenario.model_fields)


def test_predictions_commit_an_answer_that_the_run_confirms() -> None:
    torn = run(ISLAND)
    guess = ask("07-diverged")
    assert "100 of 100 points" in repr(guess.reveal(len(measures.lost(torn))))
    outage = ask("07-outage")
    assert "100 of 100 points" in repr(outage.reveal(measures.drill(run(scenarios["failover"])).outage_ms))


# -- charts -----------------------------------------------------------------------------------------------------------


def corners(collection: Any) -> list[tuple[float, float]]:
    """Return from where to where each bar of a collection reaches, along the time."""
    return [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in collection.get_paths()]


def test_a_bar_stands_for_each_reign_and_a_hatch_where_two_acknowledge() -> None:
    trace = run(ISLAND)
    chart = Reigns().show(trace)
    expected = [(reign.begin_ms / 1000, reign.end_ms / 1000) for reign in measures.reigns(trace)]
    np.testing.assert_allclose(corners(chart.takes), expected)
    [(begin, end)] = corners(chart.twice)
    assert 1000 * (end - begin) == pytest.approx(measures.two_acknowledge_ms(trace))
    assert [text.get_text().strip() for text in chart.terms] == ["1", "2"]
    assert {"takes writes", "acknowledges", "two do", "a fault"} == set(legend(chart.axes))
    assert corners(chart.spans) == [(1.0, 5.0)]
    assert "two leaders acknowledge for 2,8" in chart.alt
    chart.show(run(scenarios["failover"]))
    assert corners(chart.twice) == []
    assert len(chart.axes.texts) == 2


def test_acknowledgements_that_come_in_bursts_are_bars_one_can_see() -> None:
    chart = Reigns().show(run(scenarios["cascading_failover"]))
    lengths = [end - begin for begin, end in corners(chart.answers)]
    assert len(lengths) > 6
    assert min(lengths) >= 8 / 240 - 1e-9


def test_a_chart_of_reigns_takes_the_colours_of_the_page() -> None:
    chart = Reigns().show(run(scenarios["failover"]))
    light = chart.colour["ground"]
    chart.wear("dark")
    chart.show(run(scenarios["failover"]))
    assert chart.colour["ground"] != light
    assert len(corners(chart.takes)) == 2


def test_each_setting_of_a_detector_is_a_point_with_its_name() -> None:
    fixed = [Detector("150 ms", 0.3, 81), Detector("1000 ms", 1.2, 0)]
    learned = [Detector("phi 8", 0.6, 0)]
    chart = Patience().show({"fixed timeout": fixed, "phi accrual": learned})
    assert [values.tolist() for values in drawn(chart.lines[0])] == [[0.3, 1.2], [81, 0]]
    assert [values.tolist() for values in drawn(chart.lines[1])] == [[0.6], [0]]
    assert [text.get_text() for text in chart.settings] == ["150 ms", "1000 ms", "phi 8"]
    assert legend(chart.axes) == ["fixed timeout", "phi accrual"]
    assert chart.axes.get_ylim()[1] > 81
    assert chart.axes.get_xlim()[1] > 1.2
    chart.show({"phi accrual": learned})
    assert len(chart.settings) == len(chart.axes.texts) == 1
    assert len(drawn(chart.lines[1])[0]) == 0
    with pytest.raises(ValueError, match="there must be 1 or 2"):
        chart.show({})


def test_a_map_of_fences_holds_a_number_in_each_cell_and_a_tick_where_nothing_happens() -> None:
    two, writes = [[0, 250, 3_300], [0, 0, 0]], [[0, 40, 640], [0, 0, 0]]
    chart = FenceMap().show(two, writes, rows=["none", "lease"], columns=["0.4 s", "1 s", "4 s"], over="length")
    told = [text.get_text() for text in chart.numbers]
    assert told == ["✓ 0", "250 ms\n40 writes", "3.3 s\n640 writes", "✓ 0", "✓ 0", "✓ 0"]
    faces = np.asarray(chart.cells.get_facecolor())
    assert (faces[0] == faces[3]).all()
    assert faces[0, 2] > faces[1, 2] > faces[2, 2]  # ever further from white
    assert [label.get_text() for label in chart.axes.get_yticklabels()] == ["none", "lease"]
    assert "none: 0 ms, 250 ms, 3,300 ms" in chart.alt
    chart.show([[5]], rows=["a"], columns=["b"], over="c")
    assert [text.get_text() for text in chart.numbers] == ["5 ms"]
    with pytest.raises(ValueError, match=r"diverged has the shape \(1, 3\)"):
        chart.show(two, [[1, 2, 3]], rows=["a", "b"], columns=["c", "d", "e"], over="f")


# -- knobs ------------------------------------------------------------------------------------------------------------


def test_both_ends_of_each_knob_of_failover_make_a_run() -> None:
    fields = [name for name in type(ISLAND).model_fields if name in FIELDS]
    lab = Lab(ISLAND.but(duration_ms=1_500), knobs=fields)
    base = lab.scenario
    for field, knob in lab.knobs.items():
        stood = knob.value
        values = [option[-1] if isinstance(option, tuple) else option for option in getattr(knob, "options", ())]
        for value in values or (knob.min, knob.max):
            knob.value = value
            assert lab.message == "", (field, value)
            assert lab.scenario.but(**{field: stood if stood != "nobody" else ""}) == base
        knob.value = stood
    assert lab.scenario == base


def test_the_leader_alone_may_be_cut_off_where_somebody_watches_it() -> None:
    assert cut_choices(("s1", "s2")) == ["nobody", "s1", "s1, s2"]
    lab = Lab(ISLAND.but(faults=(), duration_ms=1_500), knobs=["partition", "controllers"])
    assert lab.knobs["partition"].options[-1] == "L"
    lab.knobs["partition"].value = "L"
    assert lab.scenario.partition == "L"
    lab.knobs["controllers"].value = "nobody"
    assert lab.scenario.controllers == ""
    assert lab.knobs["partition"].value == "L"


def test_a_leader_cut_off_from_the_clock_on_is_what_the_knob_shows() -> None:
    lab = Lab(ISLAND.but(faults=(), duration_ms=1_500), knobs=["partition"])
    lab.stage.moment = 700
    lab.onward.value = True
    lab.knobs["partition"].value = "L"
    assert lab.scenario.faults == (Partition(nodes=("L",), at_ms=700),)
    assert lab.knobs["partition"].value == "L"


def test_controllers_and_the_chosen_one_wait_for_replicas_that_are_not_there() -> None:
    base = ISLAND.but(controllers="s1, s2, s3", promote="s3", faults=(), duration_ms=1_500)
    lab = Lab(base, knobs=["replicas", "controllers", "promote"])
    lab.knobs["replicas"].value = 2
    assert (lab.scenario.controllers, lab.scenario.promote) == ("s1, s2", "most_advanced")
    assert "a controller at s3" in lab.message
    assert "the most advanced one is promoted" in lab.message
    lab.knobs["replicas"].value = 3
    assert lab.scenario == base


@pytest.mark.parametrize(
    ("standbys", "expected"),
    [
        ((), ["nobody", "L"]),
        (("s1",), ["nobody", "L", "s1", "L, s1"]),
        (("s1", "s2", "s3"), ["nobody", "L", "s1", "L, s1", "L, s1, s2", "s1, s2, s3"]),
    ],
)
def test_controllers_may_stand_on_either_side_or_be_a_majority(standbys: tuple[str, ...], expected: list[str]) -> None:
    assert seat_choices(standbys) == expected
    for seats in expected[1:]:
        Scenario(replicas=len(standbys), ack="async", controllers=seats)


def test_a_setting_that_no_operator_may_turn_is_refused_with_the_list() -> None:
    with pytest.raises(ScenarioError, match="not yours to turn here: these are, ack, controllers"):
        rehearse(seed=3)
    assert run(scenarios["failover_drill"]).scenario.faults == (Crash(node="L", at_ms=1_500),)
