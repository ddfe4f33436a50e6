"""What lesson 10 rests on: its claims about runs, its exercises, its charts, and its controls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from replication_viz import Scenario, checks, measures, run, scenarios, theory
from replication_viz.lessons import ask, task
from replication_viz.lessons.several_leaders import QUESTIONS, TASKS, VECTORS
from replication_viz.panels import Lab
from replication_viz.panels.knobs import make, text, turned
from replication_viz.rows import finished
from replication_viz.scenario import Change, Crash, Partition, Restart
from replication_viz.scenario.multi_leader import MultiLeader
from replication_viz.views.chart import Chart
from replication_viz.views.conflict_chart import (
    ConflictingWrites,
    Divergence,
    NewerDiscarded,
    Stamps,
    StateGrowth,
)
from replication_viz.views.style import STYLE

from .test_charts import drawn, legend

TWO, CARTS, PARTED = (scenarios[name] for name in ("two_leaders", "shopping_cart", "region_partition"))
ROW = TWO.but(hot_share=1, rate_per_s=2, clients=1_000, reads_per_s=0, faults=(), seed=3)
LATE = ROW.but(network_ms=80, clock_skew_ms=500, duration_ms=200_000)
SHORT = scenarios["clock_skew_discards"].but(clock_skew_ms=400, hot_share=0.1, duration_ms=4_000, faults=())
CUT = (Partition(nodes=("L2",), at_ms=0, for_ms=2_100), Change(setting="rate_per_s", value=0, at_ms=2_000))


def newer(scenario: Scenario) -> tuple[int, int]:
    """Return how many writes of L2 lost to an older one, and how many it took."""
    trace = run(scenario)
    return sum(one.is_later for one in measures.discarded(trace)), int((trace.ops.node == 1).sum())


# -- claims ------------------------------------------------------------------------------------------------------------


def test_whoever_forgets_one_direction_expects_too_few_conflicts() -> None:
    trace = run(ROW.but(network_ms=150, duration_ms=600_000))
    share = len(np.unique(measures.concurrent_pairs(trace))) / len(trace.ops)
    assert share == pytest.approx(theory.conflicting_share(1, 152), abs=0.04)
    assert share > 0.15 + 0.05


@pytest.mark.parametrize(("resolve", "limit"), [("lww", np.inf), ("hlc", 82.0)])
def test_the_number_of_newer_writes_thrown_away_is_the_one_predicted(resolve: str, limit: float) -> None:
    found = [newer(LATE.but(resolve=resolve, seed=seed)) for seed in range(1, 5)]
    gone, taken = (sum(column) for column in zip(*found, strict=True))
    assert gone / taken == pytest.approx(theory.lww_newer_dropped_share(1, 500, limit), abs=0.05)
    assert gone > 0


def test_hybrid_clocks_leave_no_correction_behind_but_lose_what_crossed() -> None:
    for resolve in ("lww", "hlc"):
        trace = run(LATE.but(resolve=resolve))
        crossed = {tuple(pair) for pair in measures.concurrent_pairs(trace).tolist()}
        gone = [one for one in measures.discarded(trace) if one.is_later]
        assert gone
        assert all((one.kept, one.write) in crossed for one in gone) == (resolve == "hlc")
    assert not any(one.is_later for one in measures.discarded(run(LATE.but(clock_skew_ms=0))))


@pytest.mark.parametrize("exchange", ["all_to_all", "ring", "star"])
@pytest.mark.parametrize("data", ["counter", "set", "cart"])
def test_a_crdt_loses_nothing_through_a_partition_and_a_crash(data: str, exchange: str) -> None:
    blow = (*CARTS.faults, Crash(node="L3", at_ms=600), Restart(node="L3", at_ms=900))
    base = CARTS.but(data=data, exchange=exchange, leaders=5, faults=blow)
    safe = run(base.but(resolve="crdt"))
    kept = measures.lost_updates(safe)
    assert kept.shows == kept.expected
    assert set(kept.lost.values()) == set(kept.back.values()) == {0}
    assert checks.convergence(safe, quiet_ms=200).holds
    spoilt = measures.lost_updates(run(base))
    assert max(spoilt.lost.values()) + max(spoilt.back.values()) > 0


def test_an_owner_for_each_name_costs_a_journey_or_an_answer() -> None:
    trace = run(scenarios["same_name_twice"])
    foreign = trace.ops.node != trace.ops.key % 2
    assert 0.3 < foreign.mean() < 0.7
    for accounts in measures.given_twice(trace).values():
        asked = foreign[np.isin(trace.ops.value, accounts)]
        assert asked.any(), "one of them would have had to ask"


# -- questions and exercises -------------------------------------------------------------------------------------------


def test_what_is_right_in_the_questions_is_what_the_runs_give() -> None:
    gone, taken = newer(LATE.but(duration_ms=1_000_000))
    apart = run(ROW.but(network_ms=150, duration_ms=600_000))
    counter = ROW.but(data="counter", rate_per_s=100, faults=CUT, duration_ms=2_500, seed=1)
    ring = run(TWO.but(leaders=5, resolve="siblings", reads_per_s=0, exchange="ring"))
    right = {
        "10-conflict": 100 * len(np.unique(measures.concurrent_pairs(apart))) / len(apart.ops),
        "10-later": 100 * gone / taken,
        "10-counter": measures.lost_updates(run(counter)).shows["L1"],
        "10-ring": measures.converged_ms(ring) - ring.ops.invoked.max(),
    }
    for name, answer in right.items():
        points = ask(name).reveal(answer).points
        assert points is not None, name
        assert points >= 95, name
    assert {name for name, asked in QUESTIONS.items() if "choices" in asked} == {"10-hybrid", "10-name"}
    for resolve in ("lww", "siblings", "crdt"):
        assert measures.given_twice(run(scenarios["same_name_twice"].but(resolve=resolve)))


def larger(before: int, siblings: list[int]) -> int:
    return max(siblings)


def first(before: int, siblings: list[int]) -> int:
    return siblings[0] + siblings[-1] - before


@pytest.mark.parametrize(
    ("name", "answer", "passes", "words"),
    [
        ("10-rows", 16_000, True, "over 16,000 rows 0.100%"),
        ("10-rows", "20k", True, "over 20,000 rows"),
        ("10-rows", 8_000, False, "over 8,000 rows 0.200%"),
        ("10-rows", 1_000_000, False, "fewer rows would do"),
        ("10-rows", 0, False, "at least one"),
        ("10-concurrent", {"bc", "cd"}, True, "no clock was asked"),
        ("10-concurrent", [("c", "b"), ("d", "c")], True, "no clock was asked"),
        ("10-concurrent", {"bc"}, False, "1 missing"),
        ("10-concurrent", {"bc", "cd", "ab"}, False, "a is before b"),
        ("10-concurrent", {"bc", "xy"}, False, "no pair of a, b, c and d"),
        ("10-concurrent", "bc", False, "the answer is a set"),
        ("10-merge", TASKS["10-merge"]["unattended"], True, "what each side has changed is kept"),
        ("10-merge", larger, False, "before 10, then [12, 7] side by side: 9 are left, and not 12"),
        ("10-merge", first, False, "before 0, then [5]"),
        ("10-merge", 9, False, "the answer is a function"),
        ("10-name", "Impossible", True, "say yes to two"),
        ("10-name", {"resolve": "lww"}, False, "given to two accounts"),
        ("10-name", {"exchange": "star", "network_ms": 1}, False, "given to two accounts"),
        ("10-name", {"resolve": "glue"}, False, "resolve is 'glue'"),
        ("10-name", {"keys": 9}, False, "the answer is 'impossible', or a dict"),
    ],
)
def test_an_answer_is_judged_by_runs_and_theory(name: str, answer: object, passes: bool, words: str) -> None:
    verdict = task(name).check(answer)
    assert verdict.passed == passes
    assert words in verdict.reason


def test_the_four_vectors_are_those_of_the_story() -> None:
    a = VECTORS["a"]
    assert VECTORS["b"] == a.increment("us")
    assert VECTORS["c"] == a.increment("eu")
    assert VECTORS["d"] == VECTORS["b"].increment("asia")


# -- charts ------------------------------------------------------------------------------------------------------------


def points_of(line: Any) -> NDArray[np.float64]:
    return np.array(drawn(line)).T


def test_each_run_is_a_point_and_theory_a_line() -> None:
    runs = {"one": [run(ROW.but(network_ms=ms, duration_ms=60_000)) for ms in (150, 20)]}
    chart = ConflictingWrites().show(runs, theory={"one": lambda ms: theory.conflicting_share(1, ms)})
    inside = [len(np.unique(measures.concurrent_pairs(trace))) / len(trace.ops) for trace in runs["one"]]
    assert_allclose(points_of(chart.points[0]), [(20, inside[1]), (150, inside[0])])
    at, share = drawn(chart.theory[0])
    assert_allclose(share, [theory.conflicting_share(1, ms) for ms in at])
    assert legend(chart.axes) == ["one", "theory"]
    assert f"one: {inside[1]:.1%} at 20 ms" in chart.alt
    assert len(drawn(chart.points[1])[0]) == len(drawn(chart.theory[1])[0]) == 0


def test_newer_writes_thrown_away_are_those_of_the_last_leader() -> None:
    both = {
        resolve: [run(SHORT.but(resolve=resolve, clock_skew_ms=ms)) for ms in (0, 400)] for resolve in ("lww", "hlc")
    }
    chart = NewerDiscarded().show(both)
    for points, traces in zip(chart.points, both.values(), strict=False):
        expected = []
        for trace in traces:
            gone = [one for one in measures.discarded(trace) if one.is_later]
            assert {one.leader for one in gone} <= {"L2"}
            expected.append((trace.scenario.clock_skew_ms, len(gone) / (trace.ops.node == 1).sum()))
        assert_allclose(points_of(points), expected)
    assert legend(chart.axes) == ["lww", "hlc"]


def test_a_write_below_the_greatest_stamp_is_crossed_out() -> None:
    trace = run(SHORT)
    chart = Stamps().show(trace)
    stamps = {one.number: one.stamp.wall_ms for table in finished(trace).tables for one in table.log if one.key == 0}
    made = dict(zip(trace.ops.value.tolist(), trace.ops.invoked.tolist(), strict=True))
    places = {number: (made[number], stamp - made[number]) for number, stamp in stamps.items()}
    shown = np.concatenate([points_of(dots) for dots in chart.writes[:2]])
    assert_allclose(sorted(shown.tolist()), sorted(places.values()))
    lost = [one for one in measures.discarded(trace) if one.key == 0]
    for dots, is_later in ((chart.newer, True), (chart.older, False)):
        assert_allclose(points_of(dots), [places[one.write] for one in lost if one.is_later is is_later])
    times, heights = drawn(chart.greatest)
    corners = dict(zip(times.tolist(), heights.tolist(), strict=True))  # of two at one time the later, upper one
    for one in lost:
        before = max((stamp for number, stamp in stamps.items() if made[number] < one.made_ms), default=-np.inf)
        assert (stamps[one.write] < before) == one.is_later
        assert (one.made_ms in corners) != one.is_later, "the line does not rise where a write is too late"
    assert legend(chart.axes) == [
        "written to L1",
        "written to L2",
        "greatest so far",
        "lost to an older one",
        "lost to a newer one",
    ]


def test_stamps_of_a_part_of_the_run_and_of_a_row_that_nobody_wrote() -> None:
    chart = Stamps().show(run(SHORT), from_ms=1_000, until_ms=2_000)
    assert chart.axes.get_xlim() == (1_000, 2_000)
    assert all(((at >= 1_000) & (at <= 2_000)).all() for at, _ in map(drawn, chart.writes))
    calm = chart.show(run(SHORT.but(rate_per_s=0)))
    assert calm.note.get_text() == "Nobody wrote this row in this time."
    assert "0 writes to row 0" in calm.alt


def test_rows_that_differ_are_the_measured_ones_and_the_legend_says_when_all_agree() -> None:
    shapes = {name: run(PARTED.but(exchange=name)) for name in ("all_to_all", "ring")}
    never = run(PARTED.but(faults=(Partition(nodes=("L3",), at_ms=400),)))
    chart = Divergence().show({**shapes, "never": never})
    for line, trace in zip(chart.lines, [*shapes.values(), never], strict=True):
        times, rows = measures.divergence(trace)
        assert_allclose(drawn(line)[0][:-1] * 1_000, times)
        assert_allclose(drawn(line)[1][:-1], rows)
    agreed = measures.converged_ms(shapes["ring"]) / 1_000
    assert legend(chart.axes)[1:] == [f"ring: agree at {agreed:.2f} s", "never: differ in the end"]
    [ground] = chart.spans.get_paths()
    assert np.asarray(ground.vertices)[:, 0].min() == pytest.approx(0.4)
    alone = chart.show(shapes["ring"])
    assert len(legend(alone.axes)) == 1


def test_what_is_kept_is_the_measured_growth_with_tombstones_beside_it() -> None:
    trace = run(CARTS.but(data="set", resolve="crdt", keys=1, remove_share=0.5, faults=()))
    chart = StateGrowth().show(trace, "L2")
    grown = measures.state_growth(trace, "L2")
    assert_allclose(drawn(chart.kept)[1][:-1], grown.entries)
    assert_allclose(drawn(chart.tombstones)[1][:-1], grown.entries + grown.tombstones)
    assert legend(chart.axes) == ["with tombstones", "with version vectors"]
    beside = chart.show(run(PARTED.but(informed_share=0.2)))
    assert legend(beside.axes) == ["with version vectors", "of them siblings"]
    assert drawn(beside.siblings)[1].max() > 0
    assert len(drawn(beside.tombstones)[0]) == 0


def artists(chart: Chart) -> list[int]:
    """Return what is on a chart, by identity."""
    return [id(artist) for axes in chart.figure.axes for artist in (*axes.lines, *axes.texts, *axes.collections)]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", [Stamps, Divergence, StateGrowth])
def test_a_chart_fits_into_its_figure_and_an_update_adds_nothing(kind: type[Any], theme: str) -> None:
    chart = kind(theme).show(run(SHORT))
    before = [id(artist) for axes in chart.figure.axes for artist in (*axes.lines, *axes.texts, *axes.collections)]
    chart.show(run(PARTED.but(leaders=5, resolve="hlc")))
    assert before == [
        id(artist) for axes in chart.figure.axes for artist in (*axes.lines, *axes.texts, *axes.collections)
    ]
    chart.png()
    box = chart.figure.bbox
    found = chart.axes.get_legend().get_window_extent()
    assert box.x0 <= found.x0
    assert found.x1 <= box.x1
    assert not found.overlaps(chart.axes.bbox)
    assert chart.alt.endswith(".")


def test_each_leader_has_a_colour_and_a_shape_of_its_own() -> None:
    looks = {(line.get_color(), line.get_marker()) for line in Stamps().writes}
    assert len({marker for _, marker in looks}) == len({colour for colour, _ in looks}) == MultiLeader().leaders + 3
    assert {colour for colour, _ in looks} <= set(STYLE.colours("light").values())


@pytest.mark.parametrize(
    ("show", "count"),
    [(lambda: ConflictingWrites().show({}), 0), (lambda: Divergence().show(dict.fromkeys("abcd", run(SHORT))), 4)],
)
def test_no_run_and_too_many_runs_are_refused(show: Callable[[], Chart], count: int) -> None:
    with pytest.raises(ValueError, match=f"there are {count} runs: there must be 1 to 3"):
        show()
    with pytest.raises(ValueError, match="a series of a is empty"):
        NewerDiscarded().show({"a": []})


# -- controls ----------------------------------------------------------------------------------------------------------


def test_each_field_of_several_leaders_has_a_control_that_works_at_both_ends() -> None:
    lab = Lab(TWO.but(duration_ms=600, faults=()), knobs=[*MultiLeader.model_fields, "partition"])
    for field, knob in lab.knobs.items():
        stood = knob.value
        ends = [knob.options[0], knob.options[-1]] if hasattr(knob, "options") else [knob.min, knob.max]
        for end in ends:
            knob.value = end[1] if isinstance(end, tuple) else end
            assert lab.message == "", field
        knob.value = stood


def test_a_clock_may_be_ahead_and_choices_are_told_in_words() -> None:
    assert text("clock_skew_ms", -100) == "-100 ms"
    ahead = make("clock_skew_ms", TWO.but(clock_skew_ms=-100))
    assert (ahead.min, ahead.value) == (-100, -100)
    assert make("exchange", TWO).options[0] == ("all to all", "all_to_all")
    assert make("data", TWO).options[-1] == ("unique name", "unique_name")


def test_any_leaders_but_the_first_may_be_cut_off_and_wait_for_their_return() -> None:
    assert list(make("partition", PARTED).options) == ["nobody", "L2", "L2, L3"]
    scenario, notes = turned(PARTED, {"leaders": 2})
    assert scenario.leaders == 2
    assert notes == ["Waiting for more nodes: network partition: L3 cut off."]
