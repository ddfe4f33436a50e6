"""A knob turned from the clock on: a change in mid-run that leaves the past alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replication_viz.panels import Lab
from replication_viz.scenario import Change, Partition

from .panel import CUT, KNOBS, SHORT, TURNS, Panel, assert_same_past
from .strategies import clicked


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
