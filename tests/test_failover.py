"""Failover: detection, majority, promotion, who follows whom, and what becomes of a log that has forked."""

import numpy as np
import pytest
from scipy.stats import norm

from replication_viz import Scenario, Trace, checks, measures, run, scenarios
from replication_viz.engine.controllers import improbable
from replication_viz.scenario import (
    Change,
    Crash,
    CutLink,
    Freeze,
    LinkDelay,
    Partition,
    Promote,
    Restart,
    ScenarioError,
)
from replication_viz.timelines import Timelines
from replication_viz.trace import MarkKind, OpKind, Outcome, Position, Role

BASE = Scenario(
    ack="async", rate_per_s=200, clients=20, controllers="s1, s2, s3", detect_ms=400, promote_ms=100, duration_ms=3_000
)
CUT_OFF = Partition(nodes=("L",), at_ms=500, for_ms=1_500)
SPLIT = BASE.but(controllers="s1", remote_clients=0.5, faults=(CUT_OFF,))


def moments(trace: Trace, kind: MarkKind):
    return trace.marks.time[trace.marks.kind == kind].tolist()


def texts(trace: Trace, kind: MarkKind):
    return trace.marks.text[trace.marks.kind == kind].tolist()


# -- detection and agreement ------------------------------------------------------------------------------------------


def test_a_dead_leader_is_given_up_after_the_timeout_and_writes_go_on_at_the_next():
    trace = run(BASE.but(faults=(Crash(node="L", at_ms=1_050),)))
    last_sign = 1_000
    assert moments(trace, MarkKind.SUSPECTED)[0] == pytest.approx(last_sign + 400, abs=2)
    (promoted,) = moments(trace, MarkKind.PROMOTED)
    assert promoted == pytest.approx(last_sign + 400 + 100, abs=2)
    drill = measures.drill(trace)
    assert drill.outage_ms == pytest.approx(promoted - 1_050 + BASE.follow_ms, abs=25)
    assert measures.reigns(trace)[0].node == "L"
    assert len(measures.reigns(trace)) == 2
    assert measures.acknowledged_by(trace)[measures.reigns(trace)[1].node, 2] > 200


def test_without_controllers_nobody_fails_over_unless_an_operator_does():
    dead = BASE.but(controllers="", faults=(Crash(node="L", at_ms=500),))
    assert len(measures.reigns(run(dead))) == 1
    by_hand = run(dead.with_fault(Promote(node="s2", at_ms=1_000)))
    assert moments(by_hand, MarkKind.PROMOTED) == [pytest.approx(1_100)]
    assert measures.reigns(by_hand)[1].node == "s2"


def test_a_minority_of_the_controllers_cannot_promote_anybody():
    """Behind the wall stands one of three: it gives the leader up, and that is all."""
    alone = BASE.but(controllers="L, s1, s2", faults=(Partition(nodes=("s1",), at_ms=500),))
    trace = run(alone)
    assert [text.split(" gives")[0] for text in texts(trace, MarkKind.SUSPECTED)] == ["the controller at s1"]
    assert moments(trace, MarkKind.PROMOTED) == []
    assert moments(run(alone.but(controllers="s1")), MarkKind.PROMOTED) != []


def test_controllers_on_both_sides_of_an_even_split_agree_on_nothing():
    split = BASE.but(controllers="L, s1, s2, s3", faults=(Partition(nodes=("L", "s1"), at_ms=500),))
    trace = run(split)
    assert len(moments(trace, MarkKind.SUSPECTED)) == 2
    assert moments(trace, MarkKind.PROMOTED) == []


def test_a_slow_network_makes_an_impatient_controller_depose_a_living_leader():
    slow = LinkDelay(source="L", target="s1", extra_ms=600, at_ms=1_000, for_ms=1_000)
    assert moments(run(BASE.but(controllers="s1", faults=(slow,))), MarkKind.PROMOTED) != []
    assert moments(run(BASE.but(controllers="s1", detect_ms=900, faults=(slow,))), MarkKind.PROMOTED) == []


def test_signs_of_life_that_come_irregularly_make_an_accrual_detector_patient():
    """It waits for what would be improbable: on a steady network less than on one that jitters."""
    dead = BASE.but(detector="phi", network_ms=40, faults=(Crash(node="L", at_ms=2_050),))
    noticed = [moments(run(dead.but(network_spread=spread)), MarkKind.SUSPECTED)[0] - 2_050 for spread in (0, 0.2, 0.8)]
    assert noticed[0] < noticed[2]
    assert noticed[1] < noticed[2]


@pytest.mark.parametrize("phi", [0.5, 1, 3, 8, 12, 100])
def test_how_improbable_a_silence_is(phi: float):
    assert improbable(phi) == pytest.approx(norm.isf(10.0**-phi), abs=1e-6)


# -- who comes next ---------------------------------------------------------------------------------------------------

UNEVEN = BASE.but(
    rate_per_s=1_000,
    nodes={"s1": {"lag_ms": 200}, "s2": {"lag_ms": 50}, "s3": {"lag_ms": 5, "network_ms": 20}},
    faults=(Crash(node="L", at_ms=1_000),),
)


@pytest.mark.parametrize(("promote", "chosen"), [("most_advanced", "s3"), ("s2", "s2"), ("s1", "s1"), ("first", "s1")])
def test_who_is_promoted_decides_what_is_lost(promote: str, chosen: str):
    """The first to answer a controller at s1 is s1 itself."""
    trace = run(UNEVEN.but(promote=promote, controllers="s1"))
    assert measures.reigns(trace)[1].node == chosen
    behind = {"s1": 202, "s2": 52, "s3": 27}[chosen]
    assert len(measures.lost(trace)) == pytest.approx(behind, abs=4 * np.sqrt(behind))
    assert len(checks.no_lost_write(trace)) == len(measures.lost(trace))


def test_a_replica_ahead_of_the_promoted_one_is_stranded_and_comes_back_by_a_rewind():
    trace = run(UNEVEN.but(promote="s1"))
    stranded = texts(trace, MarkKind.STRANDED)
    assert [text.split(" cannot")[0] for text in stranded] == ["s2", "s3"]
    rewound = texts(trace, MarkKind.REWOUND)
    assert [text.split(" is")[0] for text in rewound] == ["s2", "s3"]
    ahead = [text.split("it has ")[1].split(" writes")[0] for text in stranded]
    assert ahead == [text.split("its ")[1].split(" writes")[0] for text in rewound]
    for name in ("s2", "s3"):
        assert trace.at(name, Position.FLUSHED, 3_000) > trace.at("s1", Position.FLUSHED, 3_000) - 400


def test_a_stranded_replica_that_nobody_rewinds_stays_behind_for_good():
    trace = run(UNEVEN.but(promote="s1", rejoin="none"))
    assert moments(trace, MarkKind.REWOUND) == []
    times, _ = trace.steps("s3", Position.FLUSHED)
    assert times.max() < moments(trace, MarkKind.STRANDED)[0] + 50
    rebuilt = run(UNEVEN.but(promote="s1", rejoin="rebuild", database_mb=50))
    assert moments(rebuilt, MarkKind.REBUILT)[0] == pytest.approx(moments(rebuilt, MarkKind.STRANDED)[0] + 420, abs=30)


def test_promotion_takes_as_long_as_the_replica_needs_to_replay_what_it_has():
    slow = BASE.but(replicas=1, controllers="s1", replay_us=8_000, faults=(Crash(node="L", at_ms=1_500),))
    trace = run(slow)
    decided = moments(trace, MarkKind.SUSPECTED)[0]
    behind = trace.at("s1", Position.FLUSHED, decided) - trace.at("s1", Position.REPLAYED, decided)
    assert behind > 50
    assert moments(trace, MarkKind.PROMOTED)[0] - decided == pytest.approx(8 * behind, abs=10)


# -- two histories ----------------------------------------------------------------------------------------------------


def test_without_a_fence_two_leaders_acknowledge_and_the_histories_diverge_by_rate_times_time():
    trace = run(SPLIT)
    assert measures.two_leaders_ms(trace) == pytest.approx(2_000 - moments(trace, MarkKind.PROMOTED)[0], abs=1)
    gone = measures.lost(trace)
    beside_it = 0.5
    assert len(gone) == pytest.approx(200 * beside_it * 1.5, abs=4 * np.sqrt(150))
    assert set(gone.node.tolist()) == {0}
    assert len(checks.no_lost_write(trace)) == len(gone)
    assert len(checks.one_leader_acknowledges(trace)) == 1
    assert len(checks.one_leader_per_term(trace)) == 0
    (rewound,) = texts(trace, MarkKind.REWOUND)
    assert f"its {len(gone)} writes" in rewound or f"its {len(gone) + 1} writes" in rewound


def test_an_old_leader_that_nobody_tells_goes_on_until_its_clients_leave():
    trace = run(SPLIT.but(rejoin="none", follow_ms=300))
    last = measures.reigns(trace)[0]
    assert last.end_ms == trace.duration_ms
    own = trace.ops.where((trace.ops.kind == OpKind.WRITE) & (trace.ops.node == 0))
    assert 2_250 < own.invoked.max() < 2_300


def test_under_any_1_the_old_leader_fences_itself():
    """Its commits wait for a replica that cannot hear it: nothing is acknowledged twice. Measured on real servers."""
    trace = run(SPLIT.but(ack="ANY 1 (s1, s2, s3)"))
    assert measures.two_acknowledge_ms(trace) == 0
    assert len(measures.lost(trace)) == 0
    assert measures.acknowledged_by(trace)["s1", 2] > 100


def test_positions_of_two_timelines_are_told_apart():
    timelines = Timelines(run(SPLIT))
    fork = timelines.forks[2]
    assert (fork.parent, fork.node) == (1, "s1")
    assert timelines.lineage(2, fork.lsn + 5) == [(1, 0, fork.lsn), (2, fork.lsn, fork.lsn + 5)]
    assert timelines.lineage(1, fork.lsn + 5) == [(1, 0, fork.lsn + 5)]
    assert timelines.common(1, 2) == fork.lsn
    assert timelines.common(2, 2) == float("inf")


def test_a_reader_finds_what_its_side_of_the_wall_has_written():
    trace = run(SPLIT.but(reads_per_s=500, read_from="leader", keys=3))
    ops = trace.ops
    reads = ops.where(
        (ops.kind == OpKind.READ) & (ops.outcome == Outcome.OK) & (ops.invoked > 1_300) & (ops.invoked < 2_000)
    )
    writes = ops.where(ops.kind == OpKind.WRITE)
    for number in (0, 1):
        here = reads.where(reads.node == number)
        assert len(here) > 50
        for key, value, at in zip(here.key.tolist(), here.value.tolist(), here.invoked.tolist(), strict=True):
            own = writes.where((writes.node == number) & (writes.key == key) & (writes.returned <= at))
            assert value == own.value[-1] or number == 1
    one, other = checks.read_your_writes(trace), checks.linearizability(trace)
    assert len(other) > 0
    assert len(one) >= 0


def test_a_rewound_node_holds_in_the_end_what_the_leader_holds():
    quiet = SPLIT.but(faults=(CUT_OFF, Change(setting="rate_per_s", value=0, at_ms=2_400)))
    assert len(checks.convergence(run(quiet), quiet_ms=500)) == 0
    assert len(checks.convergence(run(quiet.but(rejoin="none")), quiet_ms=500)) > 0


# -- restarts, clients ------------------------------------------------------------------------------------------------


def test_an_old_leader_that_comes_back_follows_the_new_one():
    trace = run(BASE.but(faults=(Crash(node="L", at_ms=500), Restart(node="L", at_ms=2_000))))
    assert any(text.startswith("L follows") for text in texts(trace, MarkKind.FOLLOWED))
    assert trace.at("L", Position.REPLAYED, 2_999) == pytest.approx(
        int(trace.at("s1", Position.COMMITTED, 2_999)), abs=5
    )
    last = trace.states.where(trace.states.node == 0)
    assert (int(last.role[-1]), int(last.term[-1])) == (Role.REPLICA, 2)


@pytest.mark.parametrize(("fence", "serves"), [("none", True), ("tokens", False)])
def test_one_that_comes_back_alone_serves_only_where_nothing_fences_it(fence: str, serves: bool):
    alone = SPLIT.but(fence=fence, faults=(CUT_OFF, Crash(node="L", at_ms=600), Restart(node="L", at_ms=1_300)))
    again = [reign for reign in measures.reigns(run(alone)) if reign.node == "L" and reign.begin_ms > 1_000]
    assert bool(again) == serves


def test_a_leader_that_restarts_before_anybody_gave_it_up_goes_on():
    trace = run(BASE.but(faults=(Crash(node="L", at_ms=500), Restart(node="L", at_ms=700))))
    assert moments(trace, MarkKind.PROMOTED) == []
    assert len(measures.reigns(trace)) == 2


@pytest.mark.parametrize("arrivals", ["poisson", "constant", "closed"])
def test_clients_on_the_far_side_write_nothing_until_they_have_a_leader_and_those_beside_the_old_one_go_on(
    arrivals: str,
):
    trace = run(SPLIT.but(arrivals=arrivals, think_ms=20))
    writes = measures.writes(trace)
    promoted = moments(trace, MarkKind.PROMOTED)[0]
    between = writes.where((writes.invoked > 520) & (writes.invoked < promoted))
    far = between.client >= 10
    assert set(between.outcome[far].tolist()) <= {Outcome.FAILED, Outcome.UNKNOWN}
    assert (between.outcome[~far] == Outcome.OK).mean() > 0.99
    later = writes.where((writes.invoked > promoted + 150) & (writes.invoked < 1_950))
    assert set(later.node[later.client >= 10].tolist()) == {1}
    assert set(later.node[later.client < 10].tolist()) == {0}


def test_a_frozen_leader_does_nothing_and_what_waited_is_done_when_it_wakes():
    trace = run(BASE.but(controllers="", faults=(Freeze(node="L", at_ms=500, for_ms=700),)))
    answers = measures.writes(trace).returned
    assert not ((answers > 500) & (answers < 1_200)).any()
    waited = measures.writes(trace)
    waited = waited.where((waited.invoked > 510) & (waited.invoked < 1_190))
    assert len(waited) > 100
    assert (waited.returned < 1_210).all()


@pytest.mark.parametrize(
    "fault", [Promote(node="s2", at_ms=700), Freeze(node="L", at_ms=700), Crash(node="L", at_ms=700)]
)
@pytest.mark.parametrize("arrivals", ["poisson", "closed"])
def test_a_fork_leaves_its_past_alone(fault, arrivals: str):
    plain = SPLIT.but(arrivals=arrivals, reads_per_s=100, reread_ms=20, session="lsn")
    before, after = (run(scenario).until(700) for scenario in (plain, plain.with_fault(fault)))
    for table in before:
        for column in before[table]:
            np.testing.assert_array_equal(before[table][column], after[table][column], err_msg=f"{table}.{column}")


# -- under load -------------------------------------------------------------------------------------------------------


def promotions(scenario: Scenario) -> int:
    return len(moments(run(scenario), MarkKind.PROMOTED))


def test_a_small_successor_tips_over_and_leadership_flaps_until_somebody_stops_it():
    flapping = scenarios["cascading_failover"]
    assert promotions(flapping) > 4
    assert promotions(flapping.but(latency_limit_ms=0)) == 1
    assert promotions(flapping.but(nodes={"s1": {"write_us": 500}, "s2": {"write_us": 500}})) == 1
    assert promotions(flapping.but(cooldown_ms=3_000)) in (2, 3)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"controllers": "s9"}, "controllers names 's9'"),
        ({"controllers": "s1, s1"}, "names 's1' twice"),
        ({"promote": "nobody"}, "promote is 'nobody'"),
        ({"servers": 2}, "application servers know one leader"),
        ({"nodes": {"s2": {"follows": "s1"}}}, "all must follow L"),
        ({"heartbeat_ms": 1, "duration_ms": 500_000}, "signs of life"),
        ({"faults": (Promote(node="s7", at_ms=1),)}, "'s7', which is not in this run"),
    ],
)
def test_what_does_not_fit_is_one_sentence(values: dict, words: str):
    with pytest.raises(ScenarioError, match=words) as caught:
        BASE.but(**values)
    assert str(caught.value).count(". ") == 0


def test_cuts_between_two_replicas_are_allowed_where_either_may_lead():
    cut = CutLink(source="s1", target="s2", at_ms=100)
    run(BASE.but(faults=(cut,)))
    with pytest.raises(ScenarioError, match="carries nothing"):
        BASE.but(controllers="", faults=(cut,))


# -- numbers ----------------------------------------------------------------------------------------------------------


def test_lag_is_behind_the_newest_leader_whoever_that_is():
    trace = run(SPLIT)
    promoted = moments(trace, MarkKind.PROMOTED)[0]
    assert measures.lag(trace, "s2", "replay", promoted - 10) > 300  # behind the wall
    assert measures.lag(trace, "s2", "replay", 1_900) < 20
    assert measures.lag(trace, "L", "replay", 1_900) == pytest.approx(1_900 - promoted - BASE.follow_ms, abs=60)
    assert measures.lag(trace, "L", "replay", 2_900) < 20
    assert measures.lag(trace, "s1", "replay", 2_900) == 0
    times, worst = measures.lag_curve(trace, "L", "replay", bins=60)
    assert times[worst.argmax()] == pytest.approx(2_000 + BASE.rewind_ms, abs=51)


def test_the_table_of_a_run_that_failed_over_is_about_that():
    rows = {row.name: row.value for row in measures.summary(run(SPLIT))}
    assert rows["promotions"] == 1
    assert rows["acknowledged writes lost"] == len(measures.lost(run(SPLIT)))
    assert "lost if the leader dies, mean" not in rows
