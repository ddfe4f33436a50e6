"""A commit that loses its patience: semi-sync as MySQL and MariaDB have it."""

from __future__ import annotations

import numpy as np
import pytest

from replication_viz import Scenario, Trace, measures, run, scenarios
from replication_viz.measures import losses
from replication_viz.scenario import Crash, Partition, Promote, Restart, ScenarioError
from replication_viz.trace import MarkKind, Outcome
from replication_viz.views.story import header

from .tiny import TINY, marks, ops

CUT = Partition(nodes=("s1",), at_ms=30, for_ms=100)
BUSY = Scenario(
    replicas=1,
    ack_timeout_ms=100,
    arrivals="constant",
    rate_per_s=200,
    network_ms=20,
    network_spread=0,
    flush_ms=1,
    flush_spread=0,
    duration_ms=2_000,
)


def told(trace: Trace, kind: MarkKind) -> list[float]:
    return [float(time) for time in trace.marks.time[trace.marks.kind == kind]]


def test_a_commit_waits_so_long_after_its_flush_and_then_everybody_is_answered():
    trace = run(TINY.but(duration_ms=120, ack_timeout_ms=30, faults=(CUT,)))
    assert ops(trace)[:5] == [
        (20, 26, "OK", 1),
        (40, 72, "OK", 2),  # flushed at 42
        (60, 72, "OK", 3),
        (80, 82, "OK", 4),  # nobody is waited for
        (100, 102, "OK", 5),
    ]
    assert (72, "L has waited 30 ms for replicas, and goes on without them") in marks(trace)


def test_it_waits_again_once_a_replica_has_all_that_it_has():
    trace = run(TINY.but(duration_ms=200, ack_timeout_ms=30, faults=(CUT,)))
    [again] = told(trace, MarkKind.WAITS_AGAIN)
    assert 130 < again < 140
    later = trace.ops.invoked > again
    assert (trace.ops.returned - trace.ops.invoked)[later] == pytest.approx(6)


def test_without_a_limit_nobody_is_answered_and_nothing_is_said():
    trace = run(TINY.but(duration_ms=120, faults=(CUT,)))
    assert [outcome for _, _, outcome, _ in ops(trace)] == ["OK", "UNKNOWN", "UNKNOWN", "UNKNOWN", "UNKNOWN"]
    assert not told(trace, MarkKind.FELL_BACK)


def test_with_no_patience_at_all_it_is_async():
    hurried, plain = run(BUSY.but(ack_timeout_ms=0)), run(BUSY.but(ack="async"))
    assert len(told(hurried, MarkKind.FELL_BACK)) == 1
    assert hurried.ops.returned[5:] == pytest.approx(plain.ops.returned[5:], nan_ok=True)


def test_on_a_busy_leader_it_waits_again_only_where_reports_come_faster_than_writes():
    """A report is a way back old. Where a write is flushed meanwhile, the replica is behind by one, for ever."""
    faults = (Partition(nodes=("s1",), at_ms=300, for_ms=300),)
    far, near = run(BUSY.but(faults=faults)), run(BUSY.but(network_ms=0.5, faults=faults))
    assert len(told(far, MarkKind.FELL_BACK)) == len(told(near, MarkKind.FELL_BACK)) == 1
    assert told(far, MarkKind.WAITS_AGAIN) == []
    assert len(told(near, MarkKind.WAITS_AGAIN)) == 1


def test_what_is_answered_after_the_fall_back_is_lost_at_a_failover_and_no_client_had_an_error():
    scenario = scenarios["semi_sync_falls_back"]
    patient, hasty, never = (run(scenario.but(ack_timeout_ms=ms)) for ms in (-1, 500, 0))
    answered = [int((trace.ops.outcome == Outcome.OK).sum()) for trace in (patient, hasty, never)]
    lost = [len(measures.lost(trace)) for trace in (patient, hasty, never)]
    assert lost[0] == 0 < lost[1]
    assert lost[1] == pytest.approx(scenario.rate_per_s * 1.4, rel=0.15), "from the cut to the crash"
    assert answered[1] == pytest.approx(answered[0] + lost[1], abs=1)
    assert lost[2] >= lost[1]
    before = hasty.ops.invoked < 2_000
    assert not (hasty.ops.outcome[before] == Outcome.FAILED).any()


def test_a_leader_that_comes_back_is_patient_again():
    faults = (CUT, Crash(node="L", at_ms=80), Restart(node="L", at_ms=90))
    trace = run(TINY.but(duration_ms=160, ack_timeout_ms=20, faults=faults))
    assert len(told(trace, MarkKind.FELL_BACK)) == 2


def test_a_new_leader_has_a_patience_of_its_own():
    scenario = scenarios["semi_sync_falls_back"].but(partition="", ack_timeout_ms=100, duration_ms=3_000)
    trace = run(scenario)
    fell = trace.marks.where(trace.marks.kind == MarkKind.FELL_BACK)
    assert fell.node.tolist() == [1], "s1 leads, and L is dead"
    assert fell.time[0] > 2_150


def test_the_picture_shows_the_rule_as_it_is():
    trace = run(TINY.but(duration_ms=200, ack_timeout_ms=30, faults=(CUT,)))
    story = header(trace)
    assert [epoch["method"] for epoch in story["epochs"]] == ["first", "async", "first"]
    assert story["events"][0]["text"].endswith("After 30 ms the leader goes on without.")


def test_the_old_leaders_patience_does_not_change_the_new_leaders_rule():
    faults = (
        Partition(nodes=("L",), at_ms=600, for_ms=3_000),
        Promote(node="s1", at_ms=650),
    )
    scenario = BUSY.but(replicas=2, ack_timeout_ms=500, faults=faults, promote_ms=0, remote_clients=0.5, clients=20)
    trace = run(scenario)
    assert told(trace, MarkKind.FELL_BACK)
    assert header(trace)["epochs"][-1]["method"] == "any"


def test_the_settings_are_those_of_mysql():
    assert scenarios["semi_sync_falls_back"].postgres_settings() == {
        "rpl_semi_sync_source_enabled": "ON",
        "rpl_semi_sync_source_wait_for_replica_count": "1",
        "rpl_semi_sync_source_timeout": "500",
    }
    for off in ({"ack": "async"}, {"level": "local"}):
        assert BUSY.but(**off).postgres_settings() == {"rpl_semi_sync_source_enabled": "OFF"}
    assert "synchronous_standby_names" in BUSY.but(ack_timeout_ms=-1).postgres_settings()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"ack": "s1", "replicas": 2}, "names none"),
        ({"ack": "FIRST 1 (*)"}, "names none"),
        ({"level": "remote_apply"}, "log"),
    ],
)
def test_what_semi_sync_cannot_do_is_a_warning(changes: dict[str, object], word: str):
    assert any(word in sentence for sentence in BUSY.but(**changes).warnings())
    assert BUSY.warnings() == []
    assert BUSY.but(**changes, ack_timeout_ms=-1).warnings() == []


@pytest.mark.parametrize("wrong", [-2, float("nan"), float("inf"), 600_001])
def test_a_wrong_patience_is_refused(wrong: float):
    with pytest.raises(ScenarioError, match="ack_timeout_ms"):
        Scenario(ack_timeout_ms=wrong)


def test_the_loss_window_of_a_moment_grows_from_the_fall_back_on():
    trace = run(scenarios["semi_sync_falls_back"].but(faults=(), duration_ms=2_500))
    [fell] = told(trace, MarkKind.FELL_BACK)
    lost = losses.loss(trace, np.array([500.0, fell - 1, fell + 500])).lost
    assert lost[:2].tolist() == [0, 0]
    assert lost[2] > 200
