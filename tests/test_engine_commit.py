"""When a commit is answered: simulation against the order statistic, the levels, and what live servers did."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import stats

from replication_viz import Scenario, measures, run, theory
from replication_viz.scenario import CancelWaits, Crash, NodeSettings, Partition, Restart, StallDisk
from replication_viz.trace import Outcome, Position

from .reference import case_id, cases
from .tiny import TINY, marks, ops

# One write every 200 ms: nothing waits for a flush, a link or an earlier message.
LONELY = Scenario(
    arrivals="constant",
    rate_per_s=5,
    duration_ms=150_000,
    network_ms=2,
    flush_ms=2,
    bandwidth_mbit=400_000,
    replay_us=100,
    seed=7,
)
SHAPES: dict[str, dict[str, Any]] = {
    "constant": {"network_shape": "constant", "flush_shape": "constant"},
    "exponential": {
        "network_shape": "exponential",
        "flush_shape": "exponential",
        "network_spread": 1,
        "flush_spread": 1,
    },
    "lognormal": {"network_spread": 0.5, "flush_spread": 0.5},
    "uniform": {"network_shape": "uniform", "flush_shape": "uniform", "network_spread": 0.9, "flush_spread": 0.9},
}


def assert_same_distribution(simulated: np.ndarray, expected: np.ndarray) -> None:
    """Compare two samples: equal where constant, else by Kolmogorov-Smirnov at one in a million, and by the mean."""
    if np.ptp(expected) < 1e-9:
        assert simulated == pytest.approx(np.full(len(simulated), expected[0]), abs=1e-4)
        return
    assert stats.ks_2samp(simulated, expected).pvalue > 1e-6
    error = np.hypot(simulated.std() / np.sqrt(len(simulated)), expected.std() / np.sqrt(len(expected)))
    assert simulated.mean() == pytest.approx(expected.mean(), abs=5 * error)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("ack", "replicas", "level"),
    [
        ("async", 3, "on"),
        ("all", 3, "local"),
        ("ANY 1 (*)", 1, "remote_write"),
        ("ANY 1 (*)", 3, "on"),
        ("ANY 2 (*)", 3, "on"),
        ("ANY 3 (*)", 3, "remote_apply"),
        ("ANY 3 (*)", 5, "remote_write"),
        ("all", 5, "on"),
        ("FIRST 1 (s2, s1)", 3, "on"),
        ("FIRST 2 (s3, s1, s2)", 3, "remote_apply"),
        ("s2, s3", 3, "remote_write"),
    ],
)
def test_commit_latency_is_the_order_statistic(shape: str, ack: str, replicas: int, level: str):
    scenario = LONELY.but(ack=ack, replicas=replicas, level=level, **SHAPES[shape])
    latency = measures.commit_latency(run(scenario))
    assert latency.unanswered == latency.failed == 0
    assert_same_distribution(latency.samples, theory.commit_latency(scenario, samples=10_000))


def test_commit_latency_under_an_apply_delay_is_what_theory_says():
    scenario = LONELY.but(ack="ANY 1 (*)", level="remote_apply", apply_delay_ms=8, **SHAPES["exponential"])
    assert_same_distribution(
        measures.commit_latency(run(scenario)).samples, theory.commit_latency(scenario, samples=10_000)
    )


@pytest.mark.parametrize(("n", "k"), [(1, 1), (3, 1), (3, 2), (5, 3), (7, 7)])
def test_with_one_exponential_leg_the_latency_is_the_closed_form(n: int, k: int):
    """Flushes and the way back of next to nothing: what is left is the k-th of n exponentials and what is constant."""
    scenario = LONELY.but(
        replicas=n,
        ack=f"ANY {k} (*)",
        network_ms=0,
        flush_ms=10,
        flush_shape="exponential",
        flush_spread=1,
        nodes={"L": NodeSettings(flush_ms=0.01)},
    )
    samples = measures.commit_latency(run(scenario)).samples
    kth = theory.OrderStatistic(stats.expon(scale=10).ppf, n=n, k=k)
    assert samples.mean() - 0.01 == pytest.approx(kth.mean, abs=5 * samples.std() / np.sqrt(len(samples)))
    for share in (0.5, 0.9):
        error = np.sqrt(share * (1 - share) / len(samples))
        below = (samples - 0.01 <= float(kth.at(share))).mean()
        assert below == pytest.approx(share, abs=5 * error)


@pytest.mark.parametrize(
    ("ack", "expected"),
    [
        ("s1", 74),
        ("FIRST 1 (s1, s2, s3)", 74),
        ("FIRST 2 (s1, s2, s3)", 74),
        ("FIRST 1 (s2, s3, s1)", 5),
        ("FIRST 2 (s2, s3, s1)", 9),
        ("ANY 1 (s1, s2, s3)", 5),
        ("ANY 2 (s1, s2, s3)", 9),
        ("ANY 3 (s1, s2, s3)", 74),
    ],
)
def test_round_trips_of_70_1_and_5_ms_as_measured_on_real_servers(ack: str, expected: float):
    """Measured: 73.5, 73, 73, 4.9, 8.2, 4.3, 8.1 and 74 ms, with flushes of about 2 ms."""
    scenario = LONELY.but(
        ack=ack,
        duration_ms=2_000,
        nodes={"s1": {"network_ms": 35}, "s2": {"network_ms": 0.5}, "s3": {"network_ms": 2.5}},
        **SHAPES["constant"],
    )
    assert measures.commit_latency(run(scenario)).samples == pytest.approx(np.full(9, expected), abs=0.01)


@pytest.mark.parametrize(("clients", "per_second"), [(1, 14), (4, 55), (16, 225)])
def test_group_commit_over_a_round_trip_of_70_ms_as_measured_on_real_servers(clients: int, per_second: float):
    """Measured: 14, 55 and 225 commits a second at a constant 75 ms or so."""
    scenario = Scenario(
        arrivals="closed",
        clients=clients,
        think_ms=0,
        replicas=1,
        ack="s1",
        network_ms=35,
        network_spread=0.01,
        flush_ms=1.5,
        duration_ms=20_000,
    )
    latency = measures.commit_latency(run(scenario))
    assert len(latency.samples) / 20 == pytest.approx(per_second, rel=0.06)
    assert latency.p50 == pytest.approx(74, abs=3)


def test_the_levels_cost_more_the_more_they_promise():
    base = LONELY.but(ack="ANY 2 (*)", duration_ms=20_000)
    levels = ("local", "remote_write", "on", "remote_apply")
    taken = [measures.commit_latency(run(base.but(level=level))).samples for level in levels]
    for cheap, dear in pairwise(taken):
        assert (cheap < dear).all()


def test_an_apply_delay_is_paid_by_remote_apply_alone():
    """Measured with a delay of 100 ms: remote_write 0.9, on 0.75, remote_apply 102."""
    base = TINY.but(apply_delay_ms=10, duration_ms=59)
    assert [row[1] for row in ops(run(base.but(level="remote_write")))] == [24, 44]
    assert [row[1] for row in ops(run(base.but(level="on")))] == [26, 46]
    assert [row[1] for row in ops(run(base.but(level="remote_apply")))] == [31.05, 51.05]


def commits(scenario: Scenario) -> bool:
    """Return whether every write was answered that had half a second for it."""
    written = measures.writes(run(scenario))
    old = written.where(written.invoked < scenario.duration_ms - 500)
    assert len(old) > 5
    answered = old.outcome == Outcome.OK
    assert answered.all() or not answered.any()
    return bool(answered.all())


PAUSED = NodeSettings(apply_delay_ms=80_000_000)  # replay that never comes is replay that is paused


@pytest.mark.parametrize("case", [c for c in cases("pg_sync_commit") if "names" in c["inputs"]], ids=case_id)
def test_a_commit_blocks_where_a_live_server_blocked(case: dict[str, Any]):
    inputs = case["inputs"]
    scenario = Scenario(
        ack=inputs["names"],
        level=inputs["level"],
        faults=tuple(Crash(node=name, at_ms=0) for name in inputs["down"]),
        nodes=dict.fromkeys(inputs["replay_paused"], PAUSED),
        rate_per_s=20,
    )
    assert commits(scenario) == (not case["expected"]["commit_blocks"])


def test_while_a_commit_waits_its_row_is_visible_on_a_replica_that_replayed_it_and_not_on_the_leader():
    """Reference pg_sync_commit.0726."""
    trace = run(TINY.but(replicas=2, ack="ANY 2 (s1, s2)", faults=(Crash(node="s2", at_ms=0),), duration_ms=39))
    assert trace.at("s1", Position.REPLAYED, 39.0) == 1
    assert trace.at("L", Position.COMMITTED, 39.0) == 0
    assert ops(trace)[0][2] == "UNKNOWN"


def test_a_cancelled_wait_is_committed_on_the_leader_alone_and_told_as_a_success():
    stuck = LONELY.but(ack="s1", replicas=1, duration_ms=1_000).with_fault(Partition(nodes=("s1",), at_ms=300))
    trace = run(stuck.with_fault(CancelWaits(at_ms=700)))
    waited = ops(trace)[1:3]
    assert [(returned, outcome, lsn) for _, returned, outcome, lsn in waited] == [(700, "OK", 2), (700, "OK", 3)]
    assert trace.at("L", Position.COMMITTED, [699, 701]).tolist() == [1, 3]
    assert trace.at("s1", Position.RECEIVED, 1_000) == 1
    assert measures.loss(trace, 701).lost[0] == 2
    assert ops(trace)[3][2] == "UNKNOWN", "the next one waits again"


def test_what_waited_when_the_leader_crashed_is_visible_after_its_restart_but_nobody_was_told():
    """Reference pg_sync_commit.0727."""
    faults = (Partition(nodes=("s1",), at_ms=0), Crash(node="L", at_ms=30), Restart(node="L", at_ms=35))
    trace = run(TINY.but(faults=faults, duration_ms=39))
    assert trace.at("L", Position.COMMITTED, 34.0) == 0
    assert trace.at("L", Position.COMMITTED, 36.0) == 1
    assert ops(trace) == [(20, 30, "UNKNOWN", 1)]


STUCK = (StallDisk(node="s1", at_ms=0, flush_ms=50_000),)
DEAD = (Crash(node="s1", at_ms=0),)
CUT = (Partition(nodes=("s1",), at_ms=0),)


@pytest.mark.parametrize(
    ("ack", "stuck", "dead"),
    [
        ("s1", False, False),
        ("FIRST 1 (s1, s2, s3)", False, True),
        ("FIRST 2 (s1, s2, s3)", False, True),
        ("FIRST 3 (s1, s2, s3)", False, False),
        ("FIRST 2 (s3, s2, s1)", True, True),
        ("ANY 1 (s1, s2, s3)", True, True),
        ("ANY 2 (s1, s2, s3)", True, True),
        ("ANY 3 (s1, s2, s3)", False, False),
    ],
)
def test_first_waits_for_a_stuck_standby_and_passes_over_a_dead_one_any_does_not_care(
    ack: str, stuck: bool, dead: bool
):
    base = Scenario(rate_per_s=20, ack=ack)
    assert commits(base.but(faults=STUCK)) == stuck
    assert commits(base.but(faults=CUT)) == stuck
    assert commits(base.but(faults=DEAD)) == dead


def test_first_passes_over_a_partitioned_standby_after_the_senders_timeout():
    base = TINY.but(replicas=2, ack="FIRST 1 (s1, s2)", faults=(Partition(nodes=("s1",), at_ms=30),), duration_ms=200)
    assert [row[2] for row in ops(run(base))] == ["OK"] + ["UNKNOWN"] * 8
    trace = run(base.but(wal_sender_timeout_ms=100))
    assert [row[1] for row in ops(trace)[:8]] == [26, 130, 130, 130, 130, 130, 146, 166]
    assert (
        marks(trace)
        == [
            (30, "network partition: s1 cut off"),
            (130, "s1 dropped: silent for 100 ms"),
            (140, "a write has waited 100 ms for its answer"),
        ][:2]
    )


def test_a_standby_that_comes_back_counts_again_only_when_it_has_caught_up():
    """PostgreSQL passes over a walsender in state 'catchup'. The 200 kB that s1 lacks take 400 ms at 4 Mbit/s."""
    scenario = TINY.but(
        replicas=2,
        ack="FIRST 1 (s1, s2)",
        rate_per_s=100,
        record_bytes=2_000,
        bandwidth_mbit=4,
        faults=(Crash(node="s1", at_ms=100), Restart(node="s1", at_ms=1_100)),
        duration_ms=2_500,
    )
    trace = run(scenario)
    back = next(time for time, text in marks(trace) if text == "s1 is connected again")
    during = measures.commit_latency(trace, since_ms=back, until_ms=back + 250)
    assert len(during.samples) == 25
    assert during.samples.max() < 40  # s2 answers while s1 catches up
    assert measures.commit_latency(trace, since_ms=2_000).p50 == pytest.approx(10, abs=1)


def test_a_replica_that_crashes_behind_a_cut_is_not_missed_before_the_timeout():
    """No message says so: to the leader it is one more silent replica."""
    faults = (Partition(nodes=("s1",), at_ms=30, for_ms=300), Crash(node="s1", at_ms=50))
    base = TINY.but(replicas=2, ack="FIRST 1 (s1, s2)", faults=faults, duration_ms=400)
    dropped = run(base.but(wal_sender_timeout_ms=100))
    assert (130, "s1 dropped: silent for 100 ms") in marks(dropped)
    healed = run(base)
    assert (330, "s1 is gone: its connection closed") in marks(healed)
    assert [row[1] for row in ops(healed)[1:3]] == [330, 330]
