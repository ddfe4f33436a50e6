"""What lesson 06 rests on: sessions in a run, what is measured of them, its exercises, charts and controls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from replication_viz import Scenario, checks, measures, run, scenarios, theory
from replication_viz.lessons import ask, task
from replication_viz.lessons.stale_reads import QUESTIONS, TASKS
from replication_viz.panels import Lab
from replication_viz.panels.knobs import text, turned
from replication_viz.scenario import Crash, NodeSettings, PauseReplay
from replication_viz.scenario.sessions import Sessions
from replication_viz.trace import OpKind, Outcome
from replication_viz.views.session_chart import MissedByThinkTime, SessionCosts
from replication_viz.views.style import STYLE

from .test_charts import drawn, legend

SAVED = scenarios["stale_after_write"]
FORMS = SAVED.but(reads_per_s=0)
AUCTION = SAVED.but(keys=1, clients=10, rate_per_s=10, reads_per_s=200, reread_ms=-1, read_from="round_robin")
CROWD = SAVED.but(keys=4, clients=20)
MOODY = FORMS.but(
    replicas=1,
    nodes={},
    lag_ms=0,
    network_ms=300,
    network_shape="exponential",
    network_spread=1,
    arrivals="constant",
    rate_per_s=0.5,
    read_from="s1",
    duration_ms=1_200_000,
)
EVERY = [
    (session, where) for session in ("none", "pin", "lsn", "causal", "sticky") for where in ("random", "round_robin")
]


# -- what sessions are promised ---------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["random", "round_robin", "nearest", "s1", "s2"]), st.integers(0, 400))
def test_a_session_that_tracks_its_position_sees_its_writes_and_a_causal_one_never_goes_back(
    seed: int, where: str, wait_ms: int
) -> None:
    base = AUCTION.but(seed=seed, read_from=where, lsn_wait_ms=wait_ms, reread_ms=40, duration_ms=2_000)
    assert checks.read_your_writes(run(base.but(session="lsn"))).holds
    assert all(verdict.holds for verdict in checks.session_guarantees(run(base.but(session="causal"))).values())


@pytest.mark.parametrize(("session", "where"), EVERY)
def test_what_is_measured_of_sessions_is_what_the_checkers_count(session: str, where: str) -> None:
    trace = run(CROWD.but(session=session, read_from=where))
    served = measures.served(trace)
    own, back = checks.read_your_writes(trace), checks.monotonic_reads(trace)
    guilty = {violation.operations[0] for verdict in (own, back) for violation in verdict}
    assert round(served.broken * served.reads) == len(guilty)
    assert (served.missed_own == 0) == own.holds
    assert (served.went_back == 0) == back.holds


def test_a_sticky_session_never_goes_back_and_one_that_tracks_only_its_writes_does() -> None:
    assert checks.monotonic_reads(run(AUCTION.but(session="sticky"))).holds
    assert len(checks.monotonic_reads(run(AUCTION.but(session="lsn")))) > 300
    assert len(checks.read_your_writes(run(AUCTION.but(session="sticky")))) > 100


def test_a_sticky_session_stays_with_a_replica_that_is_down() -> None:
    trace = run(AUCTION.but(session="sticky", faults=(Crash(node="s1", at_ms=5_000),)))
    reads = trace.ops.where(trace.ops.kind == OpKind.READ)
    late = reads.where(reads.invoked > 5_000)
    assert set(late.client[late.outcome == Outcome.FAILED].tolist()) == {0, 2, 4, 6, 8}
    assert set(late.client[late.outcome == Outcome.OK].tolist()) == {1, 3, 5, 7, 9}


def test_a_read_that_tracks_waits_at_one_replica_and_then_asks_the_leader() -> None:
    trace = run(FORMS.but(session="lsn", read_from="s1", lsn_wait_ms=50))
    reads = trace.ops.where((trace.ops.kind == OpKind.READ) & (trace.ops.outcome == Outcome.OK))
    assert set(reads.node.tolist()) == {0}, "s2 had each write and was not asked"
    assert_allclose(reads.returned - reads.invoked, 50)


def test_both_fixes_leave_no_own_write_unseen_and_tracking_asks_less_of_the_leader() -> None:
    found = {session: measures.served(run(SAVED.but(session=session))) for session in ("none", "pin", "lsn")}
    assert found["none"].missed_own > 0.3
    assert found["pin"].missed_own == found["lsn"].missed_own == 0
    assert found["lsn"].leader_share < found["pin"].leader_share / 3
    assert (found["none"].leader_share, found["pin"].wait_ms) == (0, 0)
    expected = 12 / 212 + 200 / 212 * theory.pinned_share(12 / 40, 1_000)
    assert found["pin"].leader_share == pytest.approx(expected, abs=0.03)


def test_a_pin_runs_out_while_a_replica_stands_still_and_a_position_does_not() -> None:
    report = SAVED.but(faults=(PauseReplay(node="s1", at_ms=2_000, for_ms=6_000),))
    pin, lsn = (run(report.but(session=session)) for session in ("pin", "lsn"))
    assert len(checks.read_your_writes(pin)) > 0
    assert checks.read_your_writes(lsn).holds
    assert measures.served(lsn).leader_share > 2 * measures.served(run(SAVED.but(session="lsn"))).leader_share


@pytest.mark.parametrize("wait_ms", [0, 50, 200])
def test_fallback_and_wait_on_a_moody_link_are_those_of_theory(wait_ms: float) -> None:
    found = measures.served(run(MOODY.but(session="lsn", lsn_wait_ms=wait_ms)))
    assert found.leader_share == pytest.approx(theory.fallback_to_leader(300, 100, wait_ms=wait_ms), abs=0.06)
    assert found.wait_ms == pytest.approx(theory.wait_for_replica(300, 100, limit_ms=wait_ms), rel=0.1)


def test_reads_in_turn_go_back_as_often_as_theory_says() -> None:
    trace = run(AUCTION.but(duration_ms=30_000))
    reads = trace.ops.where(trace.ops.kind == OpKind.READ)
    gaps = np.concatenate([np.diff(reads.invoked[reads.client == bidder]) for bidder in range(10)])
    expected = np.mean([theory.monotonic_read_violation(10, (300, 5), gap, "round_robin") for gap in gaps])
    assert measures.served(trace).went_back == pytest.approx(expected, abs=0.05)


def test_on_disk_is_not_yet_visible_and_only_the_replica_waited_for_is_fresh() -> None:
    late = FORMS.but(lag_ms=0, nodes={"s1": NodeSettings(apply_delay_ms=300)}, read_from="s1")
    missed = {
        (ack, level): measures.served(run(late.but(ack=ack, level=level))).missed_own
        for ack in ("s1", "ANY 1 (s1, s2)")
        for level in ("on", "remote_apply")
    }
    assert missed == {
        ("s1", "on"): 1,
        ("s1", "remote_apply"): 0,
        ("ANY 1 (s1, s2)", "on"): 1,
        ("ANY 1 (s1, s2)", "remote_apply"): 1,
    }


# -- own writes missed, by time to think ------------------------------------------------------------------------------


@pytest.mark.parametrize("think_ms", [0, 100, 290, 320])
@pytest.mark.parametrize("node", ["s1", "s2", "L"])
def test_who_would_miss_a_write_is_who_misses_it(node: str, think_ms: float) -> None:
    shares = measures.missed_after(run(FORMS), node, think_ms)
    found = measures.served(run(FORMS.but(read_from=node, reread_ms=think_ms)))
    assert_allclose(shares, found.missed_own, atol=0.01)


def test_writes_that_nobody_could_read_back_in_time_are_not_counted() -> None:
    trace = run(FORMS)
    late = trace.duration_ms - trace.ops.returned.min() + 1
    assert np.isnan(measures.missed_after(trace, "s1", [late, 1e9])).all()
    with pytest.raises(ValueError, match="node is 's9'"):
        measures.missed_after(trace, "s9", 0)


# -- questions and exercises ------------------------------------------------------------------------------------------


def test_what_is_right_in_the_questions_is_what_the_runs_give() -> None:
    right = {
        "06-form": 100 * measures.served(run(FORMS)).missed_own,
        "06-pin": 100 * measures.served(run(SAVED.but(session="pin"))).leader_share,
        "06-back": 100 * measures.served(run(AUCTION.but(duration_ms=30_000))).went_back,
    }
    for name, answer in right.items():
        reveal = ask(name).reveal(answer)
        assert reveal.points == 100
    assert {name for name, asked in QUESTIONS.items() if "choices" in asked} == {"06-on", "06-linear"}
    assert not checks.linearizability(run(CROWD.but(session="causal"))).holds
    assert checks.linearizability(run(CROWD.but(read_from="leader"))).holds


COLUMNS = "session,kind,key,value,call_ms,return_ms\n"


@pytest.mark.parametrize(
    ("name", "answer", "passes", "words"),
    [
        ("06-pin", 310, True, "the leader answers 14.5%"),
        ("06-pin", "0.31 s", True, "the leader answers 14.5%"),
        ("06-pin", 250, False, "of those who take 290 ms to read"),
        ("06-pin", 1_000, False, "too much load"),
        ("06-pin", -1, False, "pin_ms is -1.0"),
        ("06-stall", {"session": "causal", "read_from": "s2"}, True, "the leader answers 12%"),
        ("06-stall", {"session": "pin"}, False, "read your writes is broken"),
        ("06-stall", {"session": "lsn"}, False, "monotonic reads is broken"),
        ("06-stall", {"session": "causal"}, False, "too much load"),
        ("06-stall", {"session": "causal", "lsn_wait_ms": 400}, False, "too long"),
        ("06-stall", {"session": "glue"}, False, "session is 'glue'"),
        ("06-stall", {"keys": 1_000}, False, "the answer is a dict"),
        ("06-stall", "causal", False, "the answer is a dict"),
        ("06-history", TASKS["06-history"]["unattended"], True, "returned 10 for key bid, but read 2"),
        ("06-history", COLUMNS, False, "no session goes back in time in these 0 operations"),
        (
            "06-history",
            COLUMNS + "a,write,x,1,0,1\na,write,x,2,2,3\na,read,x,2,4,5\na,read,x,1,6,7",
            False,
            "too: read 3",
        ),
        ("06-history", COLUMNS + "a,guess,x,1,0,1", False, "kind"),
        ("06-history", 7, False, "the answer is a text"),
    ],
)
def test_an_answer_is_judged_by_runs_and_checkers(name: str, answer: object, passes: bool, words: str) -> None:
    verdict = task(name).check(answer)
    assert verdict.passed == passes
    assert words in verdict.reason


# -- charts -----------------------------------------------------------------------------------------------------------


def test_a_line_is_the_measured_share_and_theory_stands_beside_it() -> None:
    trace, moody = run(FORMS), run(MOODY)
    chart = MissedByThinkTime().show(
        {"by lot": trace, "moody": moody}, {"moody": lambda ms: theory.stale_after_write(300, ms)}
    )
    think, share = drawn(chart.lines[0])
    both = [measures.missed_after(trace, node, think) for node in ("s1", "s2")]
    assert_allclose(share, np.mean(both, axis=0))
    assert_allclose(drawn(chart.lines[1])[1], measures.missed_after(moody, "s1", think))
    assert_allclose(drawn(chart.theory[1])[1], np.exp(-think / 300))
    assert_allclose(drawn(chart.lines[1])[1], drawn(chart.theory[1])[1], atol=0.06)
    assert legend(chart.axes) == ["by lot", "moody", "theory"]
    assert "by lot: 100% at once, 0.0% after 1,000 ms" in chart.alt
    alone = chart.show({"s1": run(FORMS.but(read_from="s1"))}, upto_ms=200)
    assert legend(alone.axes) == ["s1"]
    assert drawn(alone.lines[0])[1].min() == 1
    assert len(drawn(alone.lines[1])[0]) == 0


def test_each_way_is_a_mark_of_its_own_at_what_it_costs() -> None:
    ways: dict[str, dict[str, Any]] = {
        "random": {},
        "pin": {"session": "pin"},
        "lsn": {"session": "lsn"},
        "causal": {"session": "causal"},
        "leader": {"read_from": "leader"},
    }
    runs = {name: run(CROWD.but(**way)) for name, way in ways.items()}
    chart = SessionCosts().show(runs)
    for marks, (name, trace) in zip(chart.marks, runs.items(), strict=False):
        served = measures.served(trace)
        at = [[float(value[0]) for value in drawn(mark)] for mark in marks]
        load = served.leader_share
        assert at == [[load, served.missed_own], [load, served.went_back], [load, served.wait_ms]]
        assert marks[0].get_label() == name
        for axes, (_, height) in zip(chart.axes, at, strict=True):
            assert axes.get_ylim()[0] < height < axes.get_ylim()[1]
    assert legend(chart.axes[0]) == list(ways)
    assert len({marks[0].get_marker() for marks in chart.marks}) == len(chart.marks) == 12
    assert set(chart.inks.values()) <= set(STYLE.colours("light"))
    assert "lsn: 0.0% miss an own write" in chart.alt


def test_marks_that_are_no_longer_used_are_gone_and_nothing_is_added() -> None:
    runs = {str(pin): run(CROWD.but(session="pin", pin_ms=pin)) for pin in (0, 200, 400)}
    chart = SessionCosts().show(runs)
    before = [id(artist) for axes in chart.figure.axes for artist in (*axes.lines, *axes.texts)]
    chart.show({"one": runs["200"]})
    assert legend(chart.axes[0]) == ["one"]
    assert [len(drawn(marks[0])[0]) for marks in chart.marks] == [1] + [0] * 11
    assert before == [id(artist) for axes in chart.figure.axes for artist in (*axes.lines, *axes.texts)]


@pytest.mark.parametrize(("chart", "most"), [(MissedByThinkTime, 3), (SessionCosts, 12)])
def test_no_run_and_too_many_runs_are_refused(chart: type[Any], most: int) -> None:
    trace = run(FORMS.but(duration_ms=500))
    for count in (0, most + 1):
        with pytest.raises(ValueError, match=f"there are {count} runs: there must be 1 to {most}"):
            chart().show({str(number): trace for number in range(count)})


# -- controls ---------------------------------------------------------------------------------------------------------


def test_each_field_of_sessions_has_a_control_that_works_at_both_ends() -> None:
    lab = Lab(SAVED.but(duration_ms=1_000), knobs=list(Sessions.model_fields))
    for field, knob in lab.knobs.items():
        ends = [knob.options[0], knob.options[-1]] if hasattr(knob, "options") else [knob.min, knob.max]
        for end in ends:
            knob.value = end[1] if isinstance(end, tuple) else end
            assert lab.message == "", field
            assert getattr(lab.scenario, field) == knob.value
        knob.value = getattr(SAVED, field)


def test_where_to_read_offers_each_way_and_each_replica() -> None:
    knob = Lab(SAVED.but(duration_ms=500), knobs=["read_from"]).knobs["read_from"]
    assert list(knob.options) == ["random", "round_robin", "nearest", "leader", "s1", "s2"]
    for where in knob.options:
        scenario, notes = turned(SAVED, {"read_from": where})
        assert (scenario.read_from, notes) == (where, [])


def test_no_read_back_is_called_never_and_not_no_limit() -> None:
    knob = Lab(Scenario(duration_ms=300), knobs=["reread_ms"]).knobs["reread_ms"]
    assert knob.options[-1] == ("never", -1)
    assert knob.value == -1
    assert text("reread_ms", -1) == "never"
    assert text("max_standby_streaming_delay_ms", -1) == "no limit"
