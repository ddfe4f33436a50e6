"""The panel: every knob at both ends, errors as sentences, nothing half-updated."""

from __future__ import annotations

from typing import Any

import pytest

from replication_viz import Scenario, ScenarioError, measures, scenarios
from replication_viz.panels import Lab, Matrix
from replication_viz.panels.knobs import MAY_NAME_NOBODY, NOBODY, ack_mode, ack_text, available, turned
from replication_viz.scenario import StallDisk
from replication_viz.views.charts import Lags

SHORT = Scenario(duration_ms=300, rate_per_s=100, partition_at_ms=100, partition_for_ms=100)


def ends(knob: Any) -> tuple[Any, Any]:
    """Return the values at both ends of a control."""
    if hasattr(knob, "options"):
        values = [option[1] if isinstance(option, tuple) else option for option in knob.options]
        return values[0], values[-1]
    return knob.min, knob.max


@pytest.mark.parametrize("field", available())
def test_both_ends_of_each_knob_give_a_picture_of_their_own_scenario(field: str) -> None:
    lab = Lab(SHORT, knobs=[field])
    for end in ends(lab.knobs[field]):
        lab.knobs[field].value = end
        shown = getattr(lab.scenario, field)
        expected = {"ack": ack_text(str(end), lab.scenario.standbys)}
        expected |= dict.fromkeys(MAY_NAME_NOBODY, "" if end == NOBODY else end)
        assert (
            shown == pytest.approx(expected.get(field, end))
            if isinstance(end, float)
            else shown == expected.get(field, end)
        )
        assert lab.trace.scenario == lab.scenario


def test_the_four_knobs_of_the_product_are_on_the_first_screen() -> None:
    assert list(Lab(SHORT).knobs)[:4] == ["ack", "replicas", "lag_ms", "partition"]


def test_a_knob_takes_its_range_step_unit_and_help_from_the_field() -> None:
    knob = Lab(SHORT, knobs=["lag_ms"]).knobs["lag_ms"]
    assert (knob.min, knob.max, knob.step) == (0, 500, 5)
    assert knob.description == "lag (ms)"
    assert "on its way to every replica" in knob.tooltip


def test_a_slider_reaches_as_far_as_the_scenario_that_it_begins_with() -> None:
    knob = Lab(SHORT.but(lag_ms=2_000), knobs=["lag_ms"]).knobs["lag_ms"]
    assert (knob.value, knob.max) == (2_000, 2_000)


def test_an_unknown_knob_is_one_sentence() -> None:
    with pytest.raises(ScenarioError, match=r"^'speed' is not a knob: knobs are ack, "):
        Lab(SHORT, knobs=["speed"])
    with pytest.raises(ScenarioError, match=r"^'faults' is not a knob: knobs are ack, "):
        Lab(SHORT, knobs=["faults"])


def test_a_setting_that_cannot_be_run_is_a_sentence_and_leaves_the_picture() -> None:
    lab = Lab(SHORT.but(duration_ms=80_000_000, rate_per_s=0.01), knobs=["rate_per_s", "seed"])
    before = lab.trace
    lab.knobs["rate_per_s"].value = 20_000
    assert "rate_per_s" in lab.message
    assert "20,000" in lab.message or "20000" in lab.message
    assert "still shows the last settings that work" in lab.message
    assert lab.trace is before
    lab.knobs["rate_per_s"].value = 0.01
    assert lab.message == ""


def test_a_knob_over_several_powers_of_ten_stops_at_round_numbers_and_where_it_begins() -> None:
    stops = [value for _, value in Lab(SHORT.but(rate_per_s=123), knobs=["rate_per_s"]).knobs["rate_per_s"].options]
    assert stops[:7] == [1, 1.5, 2, 3, 5, 7, 10]
    assert 123 in stops
    assert stops[-1] == 20_000


def test_a_rule_that_blocks_for_ever_is_shown_and_said() -> None:
    lab = Lab(SHORT, knobs=["ack", "replicas"])
    lab.knobs["ack"].value = "ANY 2"
    lab.knobs["replicas"].value = 1
    assert lab.scenario.ack == "ANY 2 (s1)"
    assert "no commit will ever return" in lab.message
    assert len(measures.commit_latency(lab.trace).samples) == 0


def test_the_rule_follows_the_number_of_replicas() -> None:
    lab = Lab(SHORT.but(ack="ANY 1 (s1, s2, s3)"), knobs=["ack", "replicas"])
    lab.knobs["replicas"].value = 5
    assert lab.scenario.ack == "ANY 1 (s1, s2, s3, s4, s5)"


def test_faults_of_replicas_that_are_gone_wait_until_they_are_back() -> None:
    sick = SHORT.with_fault(StallDisk(node="s3", at_ms=100)).but(partition="s2, s3")
    lab = Lab(sick, knobs=["replicas", "partition"])
    lab.knobs["replicas"].value = 1
    assert lab.scenario.faults == ()
    assert lab.scenario.partition == ""
    assert lab.message == "Waiting for more replicas: s3: disk stalls, 400 ms a flush; s2, s3 cut off."
    lab.knobs["replicas"].value = 3
    assert lab.scenario.faults == sick.faults
    assert lab.scenario.partition == "s2, s3"
    assert lab.message == ""


def test_the_choices_of_whom_to_cut_off_follow_the_number_of_replicas() -> None:
    lab = Lab(SHORT, knobs=["replicas", "partition"])
    lab.knobs["replicas"].value = 2
    assert lab.knobs["partition"].options == ("nobody", "s1", "s1, s2")


def test_a_burst_of_moves_ends_on_the_last() -> None:
    lab = Lab(SHORT, knobs=["lag_ms"])
    for value in range(0, 100, 5):
        lab.knobs["lag_ms"].value = value
    assert lab.scenario.lag_ms == 95
    assert lab.trace.scenario.lag_ms == 95


def test_the_same_knobs_give_the_same_bytes() -> None:
    lab = Lab(SHORT, knobs=["lag_ms"])
    first = lab.trace.digest()
    lab.knobs["lag_ms"].value = 50
    assert lab.trace.digest() != first
    lab.knobs["lag_ms"].value = 0
    assert lab.trace.digest() == first


def test_a_panel_shows_another_scenario_when_told() -> None:
    lab = Lab(SHORT)
    lab.show(SHORT.but(seed=7))
    assert lab.trace.scenario.seed == 7


def test_the_knobs_of_a_panel_follow_the_scenario_that_it_is_told_to_show():
    lab = Lab(SHORT, knobs=["ack", "lag_ms", "rate_per_s", "partition", "read_from", "replicas", "flush_ms"])
    other = SHORT.but(
        ack="ANY 3 (s1, s2, s9)", lag_ms=2_000, rate_per_s=123, partition="s2", replicas=4, read_from="s4", flush_ms=200
    )
    lab.show(other)
    assert {field: knob.value for field, knob in lab.knobs.items()} == {
        "ack": "ANY 3 (s1, s2, s9)",
        "lag_ms": 2_000,
        "rate_per_s": 123,
        "partition": "s2",
        "read_from": "s4",
        "replicas": 4,
        "flush_ms": 200,
    }
    stops = [value for _, value in lab.knobs["rate_per_s"].options]
    assert stops == sorted(stops)
    lab.knobs["replicas"].value = 5
    assert lab.scenario == other.but(replicas=5)


def test_a_partition_around_the_leader_stays_when_another_knob_is_turned():
    lab = Lab(SHORT.but(partition="L"), knobs=["lag_ms", "partition"])
    lab.knobs["lag_ms"].value = 50
    assert lab.scenario.partition == "L"


def test_charts_follow_the_knobs() -> None:
    class Chart:
        def __init__(self) -> None:
            self.seen: list[float] = []

        def show(self, trace: Any) -> None:
            self.seen.append(trace.scenario.lag_ms)

        def widget(self) -> Any:
            from ipywidgets import HTML

            return HTML()

    chart = Chart()
    lab = Lab(SHORT, knobs=["lag_ms"], charts=[chart])
    lab.knobs["lag_ms"].value = 50
    assert chart.seen == [0, 50]
    lab.compare()
    assert chart.seen == [0, 50]  # the run is the same
    lab.undo()
    assert chart.seen == [0, 50, 0]


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        ("async", "async"),
        ("s1", "s1"),
        ("ANY 2", "ANY 2 (s1, s2)"),
        ("FIRST 1", "FIRST 1 (s1, s2)"),
        ("all", "all"),
        ("ANY 1 (*)", "ANY 1 (*)"),
    ],
)
def test_a_mode_and_its_text_belong_together(mode: str, text: str) -> None:
    assert ack_text(mode, ("s1", "s2")) == text
    assert ack_mode(text, ("s1", "s2")) == mode


def test_reads_go_elsewhere_when_their_replica_is_not_there() -> None:
    scenario, notes = turned(SHORT.but(read_from="s3"), {"replicas": 1})
    assert scenario.read_from == "random"
    assert notes == ["The replica to read from is not in this run: reads go to any replica."]


def test_the_matrix_says_which_outcomes_a_knob_moves_and_which_stay() -> None:
    hasty = scenarios["start_here"].but(ack="async", lag_ms=60)
    matrix = Matrix(hasty, {"leader": {"read_from": "L"}, "ANY 1": {"ack": "ANY 1 (*)"}})
    assert matrix.moved["leader"] == {"reads that get an old value"}
    assert "a crash of the leader takes" in matrix.moved["ANY 1"]
    html = matrix._repr_html_()
    assert html.count('class="stays"') == 3 + 1  # the answer within 250 ms stays under both
    assert "▼" in html
    assert "▲" in html


def test_in_a_coarse_run_batches_come_neither_too_rarely_nor_too_often_at_any_rate() -> None:
    day = scenarios["delayed_replica"]
    grains = {rate: turned(day, {"rate_per_s": rate})[0].grain for rate in (0, 1, 100, 200, 2_000, 20_000)}
    assert grains == {0: 1, 1: 10, 100: 1_000, 200: 2_000, 2_000: 2_000, 20_000: 10_800}
    assert turned(day, {"rate_per_s": 1, "grain": 7})[0].grain == 7, "unless it is chosen"
    assert turned(SHORT, {"rate_per_s": 20_000})[0].grain == 1, "a fine run stays fine"


def test_charts_follow_the_theme_of_the_page() -> None:
    chart = Lags()
    lab = Lab(SHORT, charts=[chart])
    before = chart.widget().children[0].value
    lab.children[-1].theme = "dark"
    assert chart.theme == "dark"
    assert chart.widget().children[0].value != before
    lab.knobs["lag_ms"].value = 40
    assert chart.theme == "dark"
    lab.children[-1].theme = "light"
    lab.knobs["lag_ms"].value = SHORT.lag_ms
    assert chart.widget().children[0].value == before
