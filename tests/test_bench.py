"""What the stage asks of a panel, message by message: forks, undo, compare, share, keep; nothing is ever half done."""

from __future__ import annotations

import json
import logging
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replication_viz import Scenario, ScenarioError, Trace, measures, run, scenarios
from replication_viz.panels import Lab, keep
from replication_viz.panels import lab as lab_module
from replication_viz.panels.shared import Shared
from replication_viz.scenario import Change, Crash, CutLink, NodeSettings, Partition, StallDisk

from .strategies import clicked

SHORT = Scenario(duration_ms=300, rate_per_s=100, reads_per_s=50)
KNOBS = ("ack", "replicas", "lag_ms", "partition", "partition_for_ms", "rate_per_s", "seed")
TURNS: list[dict[str, Any]] = [
    {"seed": 4},
    {"lag_ms": 35},
    {"ack": "ANY 2"},
    {"ack": "async"},
    {"rate_per_s": 500},
    {"partition": "s1, s2"},
]
CRASH = {"kind": "crash", "node": "s1", "at_ms": 100}


class Panel:
    """A Lab with the browser's end in hand."""

    def __init__(self, scenario: Scenario = SHORT, **keywords: Any) -> None:
        self.lab = Lab(scenario, **{"knobs": KNOBS, **keywords})
        self.sent: list[dict[str, Any]] = []
        self.files: list[Any] = []
        self.lab.stage.send = self._sent

    def _sent(self, content: dict[str, Any], buffers: Any = None) -> None:
        self.sent.append(content)
        self.files.append(buffers)

    def ask(self, message: Any = None, **content: Any) -> dict[str, Any]:
        """Send a message as the browser does, and return the bench."""
        before = len(self.sent)
        self.lab.stage._handle_custom_msg(content if message is None else message, [])
        assert self.sent[before:] == [], "the panel refused"
        return self.bench

    def refused(self, message: Any = None, **content: Any) -> str:
        """Send a message that must be refused, and return the sentence; nothing may be lost."""
        lab = self.lab
        before = (lab.scenario, lab.trace, lab.was, lab.stage.payload, lab.stage.was, json.dumps(self.bench))
        standing = {name: knob.value for name, knob in lab.knobs.items()}
        self.sent.clear()
        lab.stage._handle_custom_msg(content if message is None else message, [])
        assert before == (lab.scenario, lab.trace, lab.was, lab.stage.payload, lab.stage.was, json.dumps(self.bench))
        assert standing == {name: knob.value for name, knob in lab.knobs.items()}
        assert [sent["did"] for sent in self.sent] == ["sorry"]
        text: str = self.sent.pop()["text"]
        assert text in lab.message
        assert "\n" not in text
        assert text.endswith((".", "?"))
        return text

    @property
    def bench(self) -> dict[str, Any]:
        bench: dict[str, Any] = self.lab.stage.bench
        return bench

    def turn(self, **values: Any) -> None:
        for name, value in values.items():
            self.lab.knobs[name].value = value

    def stand(self, at_ms: float) -> None:
        """Let the clock rest at a moment, as the browser tells it."""
        self.lab.stage.set_state({"moment": at_ms, "playing": False})

    def onward(self, at_ms: float) -> None:
        self.stand(at_ms)
        self.lab.onward.value = True

    @property
    def faults(self) -> list[tuple[float, float | None, str]]:
        return [(fault["at"], fault["lasts"], fault["text"]) for fault in self.bench["faults"]]


def assert_same_past(before: Trace, after: Trace, moment: float) -> None:
    was, now = before.until(moment), after.until(moment)
    for table, columns in was.items():
        for name, column in columns.items():
            np.testing.assert_array_equal(column, now[table][name], err_msg=f"{table}.{name}")


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
            assert bench["faults"][-1]["lasts"] in (None, 60_000)


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

CUT = SHORT.but(partition="s1", partition_at_ms=100, partition_for_ms=150)


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


# -- from this moment on ----------------------------------------------------------------------------------------------


def test_a_knob_turned_from_the_clock_on_is_a_change_in_mid_run_and_the_past_stays():
    panel = Panel()
    panel.onward(150)
    before = panel.lab.trace
    panel.turn(lag_ms=40)
    assert panel.lab.scenario == SHORT.with_fault(Change(setting="lag_ms", value=40.0, at_ms=150))
    assert panel.bench["undo"] == "lag 0 → 40 ms from 150 ms on"
    assert panel.faults == [(150, None, "lag set to 40 ms")]
    assert_same_past(before, panel.lab.trace, 150)
    panel.ask(do="undo")
    assert panel.lab.scenario == SHORT
    assert panel.lab.knobs["lag_ms"].value == 0


def test_several_moves_while_the_clock_stands_still_are_one_change_and_one_step():
    panel = Panel()
    panel.onward(150)
    for lag in (10, 20, 40):
        panel.turn(lag_ms=lag)
    panel.turn(ack="async")
    panel.turn(ack="ANY 2")
    assert panel.faults == [
        (150, None, "lag set to 40 ms"),
        (150, None, "acknowledgement rule set to ANY 2 (s1, s2, s3)"),
    ]
    panel.turn(lag_ms=30)  # and later again: it replaces what was set at this moment
    assert [fault for fault in panel.faults if "lag" in fault[2]] == [(150, None, "lag set to 30 ms")]
    for _ in range(3):
        panel.ask(do="undo")
    assert panel.lab.scenario == SHORT
    assert panel.bench["undo"] == ""


def test_back_to_what_held_before_is_no_change_at_all():
    panel = Panel()
    panel.onward(150)
    panel.turn(lag_ms=40)
    panel.turn(lag_ms=0)
    assert panel.lab.scenario == SHORT
    assert panel.bench["undo"] == ""


def test_knobs_show_what_holds_at_the_clock_and_follow_it():
    panel = Panel()
    panel.onward(150)
    panel.turn(lag_ms=40, ack="async", rate_per_s=20)
    standing = {name: panel.lab.knobs[name].value for name in ("lag_ms", "ack", "rate_per_s")}
    assert standing == {"lag_ms": 40, "ack": "async", "rate_per_s": 20}
    trace = panel.lab.trace
    panel.stand(149.99)
    assert [panel.lab.knobs[name].value for name in standing] == [0, "ANY 1 (*)", 100]
    panel.stand(250)
    assert [panel.lab.knobs[name].value for name in standing] == [40, "async", 20]
    panel.lab.onward.value = False
    assert [panel.lab.knobs[name].value for name in standing] == [0, "ANY 1 (*)", 100]
    assert panel.lab.trace is trace


def test_the_partition_knob_cuts_off_from_the_clock_on_and_heals_from_the_clock_on():
    panel = Panel()
    panel.onward(100)
    panel.turn(partition="s1")
    panel.turn(partition="s1, s2")
    assert panel.faults == [(100, None, "network partition: s1, s2 cut off")]
    panel.stand(200)
    assert panel.lab.knobs["partition"].value == "s1, s2"
    panel.turn(partition="nobody")
    assert panel.faults == [(100, 100, "network partition: s1, s2 cut off")]
    assert panel.bench["undo"] == "cut off s1, s2 → nobody from 200 ms on"
    panel.turn(partition="s1")
    assert panel.lab.scenario.faults == (
        Partition(nodes=("s1", "s2"), at_ms=100, for_ms=100),
        Partition(nodes=("s1",), at_ms=200),
    )
    panel.stand(50)
    assert panel.lab.knobs["partition"].value == "nobody"
    for _ in range(2):
        panel.ask(do="undo")
    assert panel.lab.scenario == SHORT


def test_the_partition_of_the_whole_run_ends_at_the_clock_too():
    panel = Panel(CUT)
    panel.onward(180)
    assert panel.lab.knobs["partition"].value == "s1"
    panel.turn(partition="s1, s2")
    assert panel.lab.scenario.partition_for_ms == 80
    assert panel.lab.scenario.faults == (Partition(nodes=("s1", "s2"), at_ms=180),)
    panel.turn(partition="s1")
    assert panel.lab.scenario == CUT


def test_a_replica_cut_off_by_click_is_among_the_knobs_choices():
    panel = Panel()
    panel.ask(do="add", fault={"kind": "partition", "nodes": ["s2"], "at_ms": 100})
    panel.onward(150)
    assert panel.lab.knobs["partition"].value == "s2"
    panel.stand(100)
    panel.turn(partition="nobody")
    assert panel.faults == []


@pytest.mark.parametrize(("name", "value"), [("replicas", 2), ("seed", 4), ("partition_for_ms", 100)])
def test_what_cannot_change_in_mid_run_holds_for_the_whole_run_and_says_so(name: str, value: Any):
    panel = Panel()
    panel.onward(150)
    panel.turn(**{name: value})
    assert getattr(panel.lab.scenario, name) == value
    assert panel.lab.scenario.faults == ()
    assert panel.lab.message.endswith("holds for the whole run: it cannot change in mid-run.")


def test_while_the_clock_runs_a_knob_waits_until_it_stands_still():
    panel = Panel()
    panel.onward(100)
    panel.lab.stage.set_state({"playing": True})
    panel.turn(lag_ms=40)
    assert panel.lab.scenario == SHORT
    assert panel.lab.message == "The clock is running: the change holds from where it stands still next."
    panel.stand(180)
    assert panel.lab.scenario.faults == (Change(setting="lag_ms", value=40.0, at_ms=180),)
    assert panel.lab.knobs["lag_ms"].value == 40
    assert panel.lab.message == ""


def test_at_the_end_of_the_run_nothing_is_left_to_change():
    panel = Panel()
    panel.onward(300)
    panel.turn(lag_ms=40)
    assert panel.lab.message.startswith("The run is over at 300 ms: go back in time to change it.")
    assert panel.lab.scenario == SHORT
    panel.stand(200)
    assert panel.lab.knobs["lag_ms"].value == 0


def test_the_choice_is_only_there_where_a_knob_can_use_it():
    with_it, without = Lab(SHORT, knobs=["lag_ms"]), Lab(SHORT, knobs=["seed"])
    assert with_it.onward in with_it.children
    assert without.onward not in without.children


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_fork_leaves_the_past_alone(data: st.DataObject):
    """By click, by a knob from the clock on, by ending what is under way: before that moment all is as it was."""
    panel = Panel(
        SHORT.but(seed=data.draw(st.integers(0, 99)), partition=data.draw(st.sampled_from(["", "s2"]))), knobs=KNOBS
    )
    panel.ask(do="add", fault={"kind": "stall_disk", "node": "s1", "at_ms": 50})
    moment = data.draw(st.integers(5_100, 29_900)) / 100
    before = panel.lab.trace
    act = data.draw(st.sampled_from(["click", "knob", "end"]))
    if act == "click":
        fault = data.draw(clicked(3).filter(lambda fault: fault.kind != "restart")).model_copy(update={"at_ms": moment})
        panel.ask(do="add", fault=fault.model_dump())
    elif act == "end":
        panel.ask(do="end", fault=0, at_ms=moment)
    else:
        panel.onward(moment)
        panel.turn(**data.draw(st.sampled_from(TURNS[1:])))
    assert panel.lab.scenario != before.scenario
    assert_same_past(before, panel.lab.trace, moment)


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
