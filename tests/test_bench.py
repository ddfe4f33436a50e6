"""What the stage asks of a panel, message by message: faults by click, edited, and the partition of the knob."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from replication_viz import Scenario, ScenarioError, measures
from replication_viz.panels import Lab
from replication_viz.panels import lab as lab_module
from replication_viz.scenario import Crash, CutLink, Partition, StallDisk

from .panel import CRASH, CUT, SHORT, Panel, assert_same_past

# -- a fault by click -------------------------------------------------------------------------------------------------


def test_the_bench_is_there_from_the_first_picture_on():
    bench = Panel().bench
    assert bench["live"] is True
    assert (bench["faults"], bench["undo"], bench["redo"], bench["table"]) == ([], "", "", None)
    assert bench["offers"]["replica"][0] == {
        "label": "Crash",
        "hint": "stops at once; what is not on its disk is lost",
        "when": "up",
        "fault": {"kind": "crash", "node": "$node"},
    }
    assert Scenario.from_share(bench["share"]) == SHORT
    assert json.loads(json.dumps(bench, allow_nan=False)) == bench


def test_a_fault_by_click_forks_the_scenario_and_the_clock_stays():
    panel = Panel()
    panel.stand(150)
    before = panel.lab.trace
    bench = panel.ask(do="add", fault={"kind": "crash", "node": "s1", "at_ms": 150})
    assert panel.lab.scenario == SHORT.with_fault(Crash(node="s1", at_ms=150))
    assert panel.lab.trace.scenario == panel.lab.scenario
    assert panel.lab.stage.trace is panel.lab.trace
    assert panel.lab.stage.moment == 150
    assert_same_past(before, panel.lab.trace, 150)
    assert bench["undo"] == "s1 crashes at 150 ms"
    assert bench["faults"] == [
        {
            "at": 150,
            "until": None,
            "lasts": None,
            "text": "s1 crashes",
            "places": ["s1"],
            "kind": "crash",
            "spell": False,
            "waits": False,
            "fixed": False,
        }
    ]


def test_each_offer_is_accepted_where_it_is_offered():
    for place, names in (
        ("leader", {"$node": "L"}),
        ("replica", {"$node": "s2"}),
        ("link", {"$leader": "L", "$replica": "s2"}),
    ):
        for offer in Panel().bench["offers"][place]:
            panel = Panel()
            if offer["when"] == "down":
                panel.ask(do="add", fault={"kind": "crash", "node": names["$node"], "at_ms": 50})
            fault = {
                key: [names[part] for part in value] if isinstance(value, list) else names.get(value, value)
                for key, value in offer["fault"].items()
            }
            bench = panel.ask(do="add", fault={**fault, "at_ms": 120})
            assert bench["faults"][-1]["at"] == 120
            assert bench["faults"][-1]["lasts"] in (None, 1_000, 60_000)


def test_a_fault_lies_on_the_grid_of_the_picture_and_never_before_the_moment_shown():
    panel = Panel()
    for clicked_at, at in ((150.126, 150.13), (150.1300000001, 150.13), (150.121, 150.13), (150, 150)):
        assert panel.ask(do="add", fault={**CRASH, "node": "s2", "at_ms": clicked_at})["faults"][0]["at"] == at
        panel.ask(do="undo")


def test_a_panel_takes_a_fault_from_a_program_too():
    lab = Lab(SHORT)
    lab.add(Partition(nodes=("s1",), at_ms=100, for_ms=50))
    assert lab.scenario.faults == (Partition(nodes=("s1",), at_ms=100, for_ms=50),)
    with pytest.raises(ScenarioError, match="s9"):
        lab.add(Crash(node="s9", at_ms=100))
    lab.undo()
    assert lab.scenario == SHORT
    lab.redo()
    assert len(lab.scenario.faults) == 1
    with pytest.raises(ScenarioError, match=r"^There is nothing to redo\.$"):
        lab.redo()


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("crash", "a fault is 'crash': it must be a mapping from field names to values."),
        (None, "a fault is None: it must be a mapping from field names to values."),
        ({"kind": "flood", "at_ms": 5}, "kind is 'flood': it must be one of 'crash', "),
        ({**CRASH, "at_ms": "now"}, "at_ms is 'now': it must be a number."),
        ({**CRASH, "at_ms": -5}, "at_ms is -5: it must be at least 0."),
        ({**CRASH, "at_ms": 5_000}, "5,000 ms is not a moment of this run: it lasts from 0 to 300 ms."),
        ({**CRASH, "at_ms": 300}, "The run is over at 300 ms: go back in time to change it."),
        ({**CRASH, "node": "s9"}, "a crash names 's9', which is not in this run: nodes are L, s1, s2, s3."),
        ({"kind": "slow_replay", "node": "L", "at_ms": 5}, "a slow_replay names L, which replays nothing: "),
        ({"kind": "restart", "node": "s1", "at_ms": 5}, "s1 is up at 5 ms: only a node that is down can restart."),
        ({"kind": "change", "setting": "lag_ms", "value": -1, "at_ms": 5}, "in a change, lag_ms is -1.0: "),
        ({"kind": "partition", "nodes": ["L", "s1", "s2", "s3"], "at_ms": 5}, "a partition names every node: "),
    ],
)
def test_a_fault_that_cannot_be_is_one_sentence_and_nothing_is_lost(fault: Any, sentence: str):
    panel = Panel()
    panel.ask(do="add", fault={**CRASH, "node": "s3"})
    panel.turn(lag_ms=20)
    assert panel.refused(do="add", fault=fault).startswith(sentence)


def test_who_is_down_can_only_be_restarted():
    panel = Panel()
    panel.ask(do="add", fault={"kind": "crash", "node": "L", "at_ms": 100})
    for fault in ({"kind": "crash", "node": "L"}, {"kind": "cancel_waits"}):
        sentence = panel.refused(do="add", fault={**fault, "at_ms": 150})
        assert sentence == "L is down at 150 ms: it can only be restarted."
    panel.ask(do="add", fault={"kind": "restart", "node": "L", "at_ms": 150})
    assert measures.commit_latency(panel.lab.trace, since_ms=160).samples.size > 0


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ({"do": "dance"}, "'dance' is nothing that a panel can do."),
        ({"do": None}, "None is nothing that a panel can do."),
        ({"do": ["add"]}, "['add'] is nothing that a panel can do."),
        ({}, "{} is no message to a panel."),
        ({"do": "undo"}, "There is nothing to undo."),
        ({"do": "redo"}, "There is nothing to redo."),
        ({"do": "compare", "on": "yes"}, "compare is 'yes': it must be true or false."),
        ({"do": "compare"}, "compare is None: it must be true or false."),
    ],
)
def test_a_message_that_means_nothing_is_one_sentence(message: Any, sentence: str):
    assert Panel().refused(message) == sentence


def test_what_the_stage_answers_itself_is_left_to_it():
    Panel().ask(do="window", of="now", at="nowhere")


# -- end, move, remove ------------------------------------------------------------------------------------------------


def test_a_fault_ends_at_the_moment_and_the_past_stays():
    panel = Panel()
    panel.ask(do="add", fault={"kind": "stall_disk", "node": "s1", "at_ms": 100.1})
    before = panel.lab.trace
    bench = panel.ask(do="end", fault=0, at_ms=150.27)
    assert panel.lab.scenario.faults == (StallDisk(node="s1", at_ms=100.1, for_ms=50.17),)
    assert (bench["faults"][0]["until"], bench["faults"][0]["lasts"]) == (150.27, 50.17)
    assert bench["undo"] == "s1: disk stalls, 400 ms a flush until 150.27 ms"
    assert_same_past(before, panel.lab.trace, 150.27)
    panel.ask(do="undo")
    assert panel.ask(do="end", fault=0, at_ms=150.261)["faults"][0]["until"] == 150.27


def test_a_fault_moves_and_changes_its_length():
    panel = Panel()
    panel.ask(do="add", fault={"kind": "cut_link", "source": "L", "target": "s1", "at_ms": 100})
    assert panel.ask(do="move", fault=0, at_ms=50, lasts_ms=80)["undo"] == "link L → s1 is cut at 100 ms moved to 50 ms"
    assert panel.lab.scenario.faults == (CutLink(source="L", target="s1", at_ms=50, for_ms=80),)
    assert (
        panel.ask(do="move", fault=0, at_ms=50, lasts_ms=None)["undo"] == "link L → s1 is cut at 50 ms lasts to the end"
    )
    assert panel.ask(do="move", fault=0, at_ms=50, lasts_ms=70)["undo"] == "link L → s1 is cut at 50 ms lasts 70 ms"
    assert panel.faults == [(50, 70, "link L → s1 is cut")]
    panel.ask(do="add", fault=CRASH)
    assert panel.ask(do="move", fault=1, at_ms=40.5, lasts_ms=None)["undo"] == "s1 crashes at 100 ms moved to 40.5 ms"


def test_a_fault_is_removed_and_comes_back():
    panel = Panel()
    panel.ask(do="add", fault=CRASH)
    panel.ask(do="add", fault={**CRASH, "node": "s2"})
    assert panel.ask(do="remove", fault=0)["undo"] == "s1 crashes at 100 ms removed"
    assert panel.faults == [(100, None, "s2 crashes")]
    panel.ask(do="undo")
    assert panel.faults == [(100, None, "s1 crashes"), (100, None, "s2 crashes")]


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ({"do": "remove", "fault": 2}, "There is no fault number 2: they are numbered from 0 to 1."),
        ({"do": "remove", "fault": -1}, "There is no fault number -1: "),
        ({"do": "remove", "fault": "0"}, "There is no fault number '0': "),
        ({"do": "remove", "fault": True}, "There is no fault number True: "),
        ({"do": "remove"}, "There is no fault number None: "),
        ({"do": "end", "fault": 0, "at_ms": 150}, "s1 crashes at 100 ms: that is a moment, it has no end."),
        (
            {"do": "end", "fault": 1, "at_ms": 100},
            "link L → s2: 100 ms slower from 100 ms on: it cannot end at 100 ms.",
        ),
        ({"do": "end", "fault": 1, "at_ms": 200}, "link L → s2: 100 ms slower until 180 ms: at 200 ms it is over."),
        ({"do": "end", "fault": 1, "at_ms": "now"}, "at_ms is 'now': it must be a number of milliseconds."),
        ({"do": "end", "fault": 1, "at_ms": math.nan}, "at_ms is nan: it must be a number of milliseconds."),
        ({"do": "end", "fault": 1}, "at_ms is None: it must be a number of milliseconds."),
        (
            {"do": "move", "fault": 0, "at_ms": 50, "lasts_ms": 5},
            "s1 crashes at 100 ms: that is a moment, it cannot last 5 ms.",
        ),
        ({"do": "move", "fault": 0, "at_ms": 301}, "301 ms is not a moment of this run: it lasts from 0 to 300 ms."),
        ({"do": "move", "fault": 0, "at_ms": -1}, "at_ms is -1.0: it must be at least 0."),
        ({"do": "move", "fault": 1, "at_ms": 50, "lasts_ms": 0}, "for_ms is 0.0: it must be greater than 0."),
        (
            {"do": "move", "fault": 1, "at_ms": 50, "lasts_ms": "1"},
            "lasts_ms is '1': it must be a number of milliseconds.",
        ),
        ({"do": "move", "fault": 1, "at_ms": True}, "at_ms is True: it must be a number of milliseconds."),
    ],
)
def test_a_fault_that_cannot_be_edited_so_is_one_sentence(message: Any, sentence: str):
    panel = Panel()
    panel.ask(do="add", fault=CRASH)
    panel.ask(do="add", fault={"kind": "link_delay", "source": "L", "target": "s2", "at_ms": 100, "for_ms": 80})
    assert panel.refused(message).startswith(sentence)


def test_with_nothing_wrong_there_is_no_fault_to_edit():
    assert Panel().refused(do="remove", fault=0) == "There is no fault number 0: nothing goes wrong in this run."


def test_a_fault_of_a_replica_that_is_gone_is_listed_and_waits():
    panel = Panel()
    panel.ask(do="add", fault={**CRASH, "node": "s3"})
    panel.turn(replicas=2)
    assert [fault["waits"] for fault in panel.bench["faults"]] == [True]
    assert list(panel.lab.scenario.faults) == []
    assert panel.lab.message == "Waiting for more replicas: s3 crashes."
    panel.ask(do="add", fault=CRASH)
    assert [fault["waits"] for fault in panel.bench["faults"]] == [True, False]
    panel.turn(replicas=3)
    assert [fault.places() for fault in panel.lab.scenario.faults] == [("s3",), ("s1",)]
    panel.turn(replicas=5)
    panel.ask(do="add", fault={**CRASH, "node": "s5"})
    panel.turn(replicas=3)
    assert [fault["waits"] for fault in panel.bench["faults"]] == [False, False, True]


def test_what_changes_nothing_in_the_run_runs_nothing(monkeypatch: pytest.MonkeyPatch):
    panel = Panel()
    panel.ask(do="add", fault={**CRASH, "node": "s3"})
    panel.turn(replicas=2)
    monkeypatch.setattr(lab_module, "run", None)
    panel.ask(do="move", fault=0, at_ms=50)
    panel.ask(do="compare", on=True)
    panel.ask(do="remove", fault=0)
    assert panel.faults == []


# -- the partition of the knob ----------------------------------------------------------------------------------------


def test_the_knobs_partition_is_listed_last_can_be_ended_and_moved_and_only_the_knob_removes_it():
    panel = Panel(CUT)
    panel.ask(do="add", fault=CRASH)
    assert [(fault["kind"], fault["fixed"]) for fault in panel.bench["faults"]] == [
        ("crash", False),
        ("partition", True),
    ]
    panel.ask(do="end", fault=1, at_ms=180)
    assert panel.lab.scenario.partition_for_ms == 80
    assert panel.lab.knobs["partition_for_ms"].value == 80
    panel.ask(do="move", fault=1, at_ms=50, lasts_ms=None)
    assert (panel.lab.scenario.partition_at_ms, panel.lab.scenario.partition_for_ms) == (50, 250)
    sentence = panel.refused(do="remove", fault=1)
    assert sentence == "network partition: s1 cut off at 50 ms: that is the knob 'cut off', so set it to nobody."
    panel.turn(partition="nobody")
    assert panel.faults == [(100, None, "s1 crashes")]
    for _ in range(4):
        panel.ask(do="undo")
    assert panel.lab.scenario == CUT
    assert panel.lab.knobs["partition_for_ms"].value == 150


def test_where_the_panel_has_no_such_knob_its_partition_is_removed_like_any_other():
    panel = Panel(CUT, knobs=["lag_ms"])
    assert [fault["fixed"] for fault in panel.bench["faults"]] == [False]
    panel.ask(do="remove", fault=0)
    assert panel.lab.scenario.partition == ""
