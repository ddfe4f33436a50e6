"""Undo and redo lead all the way back and on; what breaks or is kept leaves the last state whole."""

from __future__ import annotations

import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replication_viz import Scenario, Trace, run
from replication_viz.panels import keep
from replication_viz.panels import lab as lab_module

from .panel import CRASH, SHORT, TURNS, Panel
from .strategies import clicked

# -- undo and redo ----------------------------------------------------------------------------------------------------


def test_consecutive_turns_of_a_knob_are_one_step_and_undo_sets_the_knob_back():
    panel = Panel()
    for lag in (50, 100, 200):
        panel.turn(lag_ms=lag)
    assert panel.bench["undo"] == "lag 0 → 200 ms"
    panel.turn(seed=7)
    panel.turn(ack="async")
    assert panel.bench["undo"] == "wait for ANY 1 (*) → async"
    panel.ask(do="undo")
    panel.ask(do="undo")
    assert (panel.bench["undo"], panel.bench["redo"]) == ("lag 0 → 200 ms", "seed 1 → 7")
    panel.ask(do="undo")
    assert panel.lab.scenario == SHORT
    assert (panel.lab.knobs["lag_ms"].value, panel.lab.knobs["seed"].value) == (0, 1)
    for _ in range(3):
        panel.ask(do="redo")
    assert panel.lab.scenario == SHORT.but(lag_ms=200, seed=7, ack="async")
    assert (panel.lab.knobs["lag_ms"].value, panel.lab.knobs["ack"].value) == (200, "async")


def test_undo_runs_once_however_many_knobs_it_sets_back(monkeypatch: pytest.MonkeyPatch):
    panel = Panel()
    other = SHORT.but(lag_ms=50, seed=9, rate_per_s=20, replicas=2)
    panel.lab.show(other)
    assert panel.lab.knobs["rate_per_s"].value == 20
    runs: list[Scenario] = []

    def counted(scenario: Scenario) -> Trace:
        runs.append(scenario)
        return run(scenario)

    monkeypatch.setattr(lab_module, "run", counted)
    panel.ask(do="undo")
    assert runs == [SHORT]
    assert {name: panel.lab.knobs[name].value for name in ("lag_ms", "seed", "rate_per_s", "replicas")} == {
        "lag_ms": 0,
        "seed": 1,
        "rate_per_s": 100,
        "replicas": 3,
    }


def test_a_knob_turned_back_to_where_it_began_was_not_turned():
    panel = Panel()
    panel.turn(lag_ms=50)
    panel.turn(lag_ms=0)
    assert panel.bench["undo"] == ""


def test_a_value_that_cannot_be_shown_is_no_step_and_goes_with_the_next_undo():
    panel = Panel(SHORT.but(duration_ms=80_000_000, rate_per_s=0.01, reads_per_s=0), knobs=["rate_per_s", "lag_ms"])
    panel.turn(lag_ms=5)
    panel.turn(rate_per_s=20_000)
    assert "still shows the last settings that work" in panel.lab.message
    assert panel.bench["undo"] == "lag 0 → 5 ms"
    panel.ask(do="undo")
    assert panel.lab.knobs["rate_per_s"].value == 0.01
    assert panel.lab.message == ""


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_whatever_was_done_undo_leads_all_the_way_back_and_redo_all_the_way_on(data: st.DataObject):
    panel = Panel()
    seen = [panel.lab.scenario]
    for _ in range(data.draw(st.integers(1, 6))):
        undo = panel.bench["undo"], panel.lab.scenario
        act = data.draw(st.sampled_from(["add", "turn", "remove", "end", "onward"]))
        at = data.draw(st.integers(0, 29_999)) / 100
        if act == "add":
            fault = data.draw(clicked(3)).model_copy(update={"at_ms": at})
            panel.lab.stage._handle_custom_msg({"do": "add", "fault": fault.model_dump()}, [])
        elif act == "remove":
            panel.lab.stage._handle_custom_msg({"do": "remove", "fault": 0}, [])
        elif act == "end":
            panel.lab.stage._handle_custom_msg({"do": "end", "fault": 0, "at_ms": at}, [])
        else:
            panel.stand(at)
            panel.lab.onward.value = act == "onward"
            panel.turn(**data.draw(st.sampled_from(TURNS)))
        if (panel.bench["undo"], panel.lab.scenario) != undo:
            seen.append(panel.lab.scenario)
    while panel.bench["undo"]:
        panel.ask(do="undo")
        assert panel.lab.scenario in seen
        assert panel.lab.trace.scenario == panel.lab.scenario
    assert panel.lab.scenario == SHORT
    while panel.bench["redo"]:
        panel.ask(do="redo")
    assert panel.lab.scenario == seen[-1]


# -- when something breaks --------------------------------------------------------------------------------------------


def test_what_nobody_foresaw_is_said_logged_and_leaves_the_last_state_whole(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    panel = Panel()
    panel.turn(lag_ms=40)

    def broken(scenario: Scenario) -> Trace:
        raise RuntimeError("out of coffee")

    monkeypatch.setattr(lab_module, "run", broken)
    with caplog.at_level(logging.WARNING):
        sentence = panel.refused(do="add", fault=CRASH)
    assert sentence == "This failed, which it should not: RuntimeError: out of coffee."
    assert "out of coffee" in caplog.text
    with pytest.raises(RuntimeError, match="out of coffee"):
        panel.turn(lag_ms=80)
    assert panel.lab.scenario.lag_ms == 40
    assert panel.bench["undo"] == "lag 0 → 40 ms"
    monkeypatch.undo()
    panel.turn(lag_ms=85)
    assert panel.lab.scenario.lag_ms == 85
    assert panel.lab.message == ""


def test_a_picture_that_cannot_be_made_leaves_the_last_one(monkeypatch: pytest.MonkeyPatch):
    panel = Panel()

    def broken(trace: Trace) -> bytes:
        raise ValueError("no picture")

    monkeypatch.setattr("replication_viz.views.stage.encode", broken)
    assert "no picture" in panel.refused(do="add", fault=CRASH)
    monkeypatch.undo()
    panel.ask(do="add", fault=CRASH)


# -- keep -------------------------------------------------------------------------------------------------------------


def test_a_file_is_sent_with_its_name_and_type():
    panel = Panel()
    offered = [row["format"] for row in panel.bench["keeps"]]
    assert offered == [row["format"] for row in keep.formats()]
    panel.lab.stage._handle_custom_msg({"do": "keep", "format": "json"}, [])
    (told,), (files,) = panel.sent, panel.files
    assert (told["did"], told["format"]) == ("keep", "json")
    assert told["name"].endswith(".json")
    assert len(files) == 1
    assert len(files[0]) > 100


def test_a_file_that_nobody_makes_is_one_sentence():
    for wanted in ("stone", None, ["csv"]):
        Panel().refused(do="keep", format=wanted)
