"""Two runs side by side, and the text that restores all of a panel."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replication_viz import measures, scenarios
from replication_viz.panels import Lab
from replication_viz.panels.shared import Shared
from replication_viz.scenario import NodeSettings

from .panel import CRASH, SHORT, Panel

# -- compare ----------------------------------------------------------------------------------------------------------


def test_compare_keeps_the_run_as_a_and_tells_what_differs():
    panel = Panel()
    was = panel.lab.trace
    bench = panel.ask(do="compare", on=True)
    assert panel.lab.was is was
    assert panel.lab.stage.was == panel.lab.stage.payload
    assert bench["table"]["knobs"] == []
    assert all(row["was"] == row["now"] for row in bench["table"]["measures"])
    panel.turn(lag_ms=40, ack="ANY 2", replicas=2)
    panel.ask(do="add", fault={**CRASH, "node": "s2"})
    table = panel.bench["table"]
    assert table["knobs"] == [
        {"label": "wait for", "was": "ANY 1 (*)", "now": "ANY 2 (s1, s2)"},
        {"label": "replicas", "was": "3", "now": "2"},
        {"label": "lag", "was": "0 ms", "now": "40 ms"},
        {"label": "fault", "was": None, "now": "s2 crashes at 100 ms"},
    ]
    rows = {row["name"]: row for row in table["measures"]}
    expected = {measure.name: measure.value for measure in measures.summary(panel.lab.trace)}
    assert rows["commit latency, median"]["now"] == pytest.approx(expected["commit latency, median"])
    assert rows["commit latency, median"]["now"] > rows["commit latency, median"]["was"] + 30
    assert (rows["write lag of s3, median"]["now"], rows["commit latency, median"]["unit"]) == (None, "ms")
    assert panel.lab.trace.scenario.seed == was.scenario.seed
    json.dumps(panel.bench, allow_nan=False)
    assert panel.ask(do="compare", on=False)["table"] is None
    assert panel.lab.stage.was == b""
    assert Panel().lab.was is None


def test_knobs_that_differ_from_a_say_what_they_were():
    panel = Panel()
    assert "rv-comparing" not in panel.lab._dom_classes
    panel.lab.compare()
    assert "rv-comparing" in panel.lab._dom_classes
    lag = panel.lab.knobs["lag_ms"]
    panel.turn(lag_ms=40)
    assert lag.description == "lag (ms)\nwas 0 ms"
    assert "rv-changed" in lag._dom_classes
    panel.turn(lag_ms=0)
    assert (lag.description, lag._dom_classes) == ("lag (ms)", ())
    panel.turn(ack="async")
    assert panel.lab.knobs["ack"].description == "wait for\nwas ANY 1 (*)"
    panel.lab.compare(False)
    assert panel.lab.knobs["ack"].description == "wait for"


def test_from_the_clock_on_knobs_are_compared_at_the_clock():
    panel = Panel()
    panel.lab.compare()
    panel.onward(150)
    panel.turn(lag_ms=40)
    assert panel.lab.knobs["lag_ms"].description == "lag (ms)\nwas 0 ms"
    panel.stand(100)
    assert panel.lab.knobs["lag_ms"].description == "lag (ms)"
    assert panel.bench["table"]["knobs"] == [{"label": "change", "was": None, "now": "lag set to 40 ms at 150 ms"}]


def test_a_run_without_answers_has_no_latency_and_json_no_nan():
    panel = Panel(SHORT.but(ack="s1", partition="s1", partition_at_ms=0, partition_for_ms=300))
    table = panel.ask(do="compare", on=True)["table"]
    assert {row["name"]: row["now"] for row in table["measures"]}["commit latency, median"] is None


def test_settings_of_single_nodes_are_compared_too():
    panel = Panel(SHORT.but(nodes={"s1": NodeSettings(place="zone b", lag_ms=5)}))
    panel.lab.compare()
    panel.lab.show(SHORT)
    assert panel.bench["table"]["knobs"] == [
        {"label": "place of s1", "was": "zone b", "now": None},
        {"label": "lag of s1", "was": "5 ms", "now": None},
    ]


def test_undo_leaves_the_comparison_and_comparing_is_nothing_to_undo():
    panel = Panel()
    panel.turn(lag_ms=40)
    panel.lab.compare()
    panel.turn(lag_ms=80)
    panel.ask(do="undo")
    assert panel.lab.was is not None
    assert panel.lab.scenario == SHORT


# -- share ------------------------------------------------------------------------------------------------------------


def test_a_text_restores_scenario_faults_moment_view_drawer_and_comparison():
    panel = Panel()
    panel.lab.compare()
    panel.turn(lag_ms=40)
    panel.ask(do="add", fault=CRASH)
    panel.stand(123.456)
    panel.lab.stage.view, panel.lab.stage.drawer = "space-time", "story"
    text = panel.lab.share()
    assert text.startswith(panel.lab.scenario.share() + "~t123.46~vspace-time~dstory~w")
    other = Lab.from_share(text, knobs=["lag_ms", "seed"])
    assert other.scenario == panel.lab.scenario
    assert other.was is not None
    assert other.was.scenario == SHORT
    stage = other.stage
    assert (stage.moment, stage.view, stage.drawer) == (123.46, "space-time", "story")
    assert (other.knobs["lag_ms"].value, other.knobs["lag_ms"].description) == (40, "lag (ms)\nwas 0 ms")
    assert other.share() == text
    assert other.stage.bench["undo"] == ""

    fresh = Panel(scenarios["idle_network"])
    fresh.lab.stage.playing = True
    bench = fresh.ask(do="restore", text=f"  {text}\n")
    assert fresh.lab.share() == text
    assert fresh.lab.stage.playing is False
    assert bench["undo"] == "restored from a text"
    fresh.ask(do="undo")
    assert fresh.lab.scenario == scenarios["idle_network"]


def test_the_benchs_text_holds_the_comparison_so_that_the_browser_adds_the_rest():
    panel = Panel()
    panel.turn(lag_ms=40)
    assert panel.bench["share"] == panel.lab.scenario.share()
    panel.lab.compare()
    panel.turn(lag_ms=50)
    found = Shared.read(panel.bench["share"] + "~t5~vspace-time~dfaults")
    assert found == Shared(panel.lab.scenario, 5.0, "space-time", "faults", SHORT.but(lag_ms=40))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "a share text is a text: this is NoneType."),
        (5, "a share text is a text: this is int."),
        ("hello", "'hello' is not a share text: one begins with 'rv1.'."),
        ("{share}~t5~t6", "a part of the share text comes twice: each may come once."),
        ("{share}~q5", "the share text has a part '~q': parts begin with ~t, ~v, ~d or ~w."),
        ("{share}~", "the share text has a part '~': parts begin with ~t, ~v, ~d or ~w."),
        ("{share}~tsoon", "the moment in the share text is 'soon': it must be a number of milliseconds from 0 to 300."),
        ("{share}~t-1", "the moment in the share text is '-1': "),
        ("{share}~tnan", "the moment in the share text is 'nan': "),
        ("{share}~t301", "the moment in the share text is '301': "),
        ("{share}~vtable", "the view in the share text is 'table': it must be one of logs, space-time."),
        ("{share}~dkitchen", "the drawer in the share text is 'kitchen': it must be one of story, faults, keep."),
        ("{share}~wabc", "the share text of 7 characters is damaged: copy the whole of it, from 'rv1.' on."),
        ("{share}x", "the share text of "),
    ],
)
def test_a_text_that_restores_nothing_is_one_sentence(text: Any, sentence: str):
    panel = Panel()
    panel.turn(lag_ms=40)
    if isinstance(text, str):
        text = text.format(share=SHORT.share())
    assert panel.refused(do="restore", text=text).startswith(sentence)


def test_the_end_of_a_run_can_be_shared():
    odd = SHORT.but(duration_ms=299.997)
    lab = Lab(odd)
    lab.stage.moment = odd.duration_ms
    assert Lab.from_share(lab.share()).stage.moment == odd.duration_ms


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(0, 30_000), st.sampled_from(["logs", "space-time"]), st.sampled_from(["", "story", "faults", "keep"])
)
def test_what_is_shared_is_what_comes_back(hundredths: int, view: str, drawer: str):
    for was in (None, SHORT.but(seed=3)):
        shared = Shared(SHORT, hundredths / 100, view, drawer, was)
        assert Shared.read(shared.text()) == shared
        assert all(letter.isalnum() or letter in "._-~" for letter in shared.text())
