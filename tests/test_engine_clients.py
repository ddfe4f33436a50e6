"""Where writes and reads come from, and what they are told: simulation against queueing theory."""

import numpy as np
import pytest
from scipy import stats

from replication_viz import Scenario, measures, run
from replication_viz.scenario import Crash, Restart
from replication_viz.trace import OpKind, Outcome, Position

from .tiny import TINY, ops

ASYNC = Scenario(ack="async", replicas=0, flush_ms=5, duration_ms=20_000)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_poisson_arrivals_are_poisson(seed: int):
    """n arrivals have a deviation of √n, their gaps are exponential, counts per interval vary by their mean."""
    times = run(ASYNC.but(rate_per_s=500, seed=seed)).ops.invoked
    assert len(times) == pytest.approx(10_000, abs=5 * np.sqrt(10_000))
    assert stats.kstest(np.diff(times), stats.expon(scale=2).cdf).pvalue > 1e-6
    counts = np.histogram(times, bins=1_000, range=(0, 20_000))[0]
    assert counts.var() / counts.mean() == pytest.approx(1, abs=5 * np.sqrt(2 / 1_000))


@pytest.mark.parametrize("rate", [0.1, 7, 333, 4_999])
def test_constant_arrivals_come_at_equal_intervals(rate: float):
    times = run(ASYNC.but(rate_per_s=rate, arrivals="constant")).ops.invoked
    expected = np.arange(1, round(20 * rate) + 1) * 1_000 / rate
    assert times == pytest.approx(expected[expected < 20_000], rel=1e-12)


def test_keys_and_clients_are_spread_evenly():
    trace = run(ASYNC.but(rate_per_s=1_000, keys=10, clients=5))
    for column, kinds in ((trace.ops.key, 10), (trace.ops.client, 5)):
        counts = np.bincount(column, minlength=kinds)
        assert len(counts) == kinds
        assert stats.chisquare(counts).pvalue > 1e-6


def test_every_write_has_a_value_of_its_own():
    values = run(ASYNC.but(rate_per_s=1_000)).ops.value
    assert len(np.unique(values)) == len(values)


def test_a_closed_loop_obeys_littles_law():
    """clients = throughput x (think time + latency): Little 1961, to the error of the drawn think times."""
    for clients, think_ms in ((1, 0), (5, 50), (40, 20)):
        scenario = ASYNC.but(arrivals="closed", clients=clients, think_ms=think_ms)
        latency = measures.commit_latency(run(scenario))
        per_ms = len(latency.samples) / scenario.duration_ms
        error = think_ms / np.sqrt(len(latency.samples)) * 5
        assert per_ms * (think_ms + latency.mean) == pytest.approx(clients, abs=max(per_ms * error, 0.02 * clients))


def test_a_client_of_a_closed_loop_has_one_write_at_a_time():
    trace = run(ASYNC.but(arrivals="closed", clients=6, think_ms=3, replicas=3, ack="ANY 2 (*)", duration_ms=3_000))
    for client in range(6):
        mine = trace.ops.where(trace.ops.client == client)
        assert len(mine) > 50
        assert (mine.invoked[1:] >= mine.returned[:-1]).all()
        assert not np.isnan(mine.returned[:-1]).any()


def test_a_closed_loop_without_pause_writes_again_the_moment_it_has_its_answer():
    trace = run(TINY.but(arrivals="closed", clients=1, think_ms=0, duration_ms=20))
    assert [row[:2] for row in ops(trace)[:3]] == [(0, 6), (6, 12), (12, 18)]


def test_a_refused_client_comes_back():
    faults = (Crash(node="L", at_ms=7), Restart(node="L", at_ms=40))
    trace = run(TINY.but(arrivals="closed", clients=1, think_ms=0, duration_ms=60, faults=faults))
    assert ops(trace) == [
        (0, 6, "OK", 1),
        (6, 7, "UNKNOWN", 2),
        (17, 17, "FAILED", -1),
        (27, 27, "FAILED", -1),
        (37, 37, "FAILED", -1),
        (47, 53, "OK", 2),
        (53, 59, "OK", 3),
        (59, pytest.approx(float("nan"), nan_ok=True), "UNKNOWN", 4),
    ]


def test_reads_come_at_their_rate_and_cost_the_writes_nothing():
    base = Scenario(duration_ms=5_000)
    trace, without = run(base.but(reads_per_s=400)), run(base)
    reads = trace.ops.where(trace.ops.kind == OpKind.READ)
    assert len(reads) == pytest.approx(2_000, abs=5 * np.sqrt(2_000))
    written = measures.writes(trace)
    np.testing.assert_array_equal(written.returned, without.ops.returned)
    np.testing.assert_array_equal(written.lsn, without.ops.lsn)
    assert (np.diff(trace.ops.invoked) >= 0).all()


@pytest.mark.parametrize("node", ["L", "s2"])
def test_reads_go_where_they_are_sent(node: str):
    trace = run(Scenario(reads_per_s=400, read_from=node))
    reads = trace.ops.where(trace.ops.kind == OpKind.READ)
    assert (reads.node == trace.number(node)).all()


def test_random_reads_go_to_every_replica_alike_and_never_to_the_leader():
    trace = run(Scenario(reads_per_s=1_000, duration_ms=4_000))
    counts = np.bincount(trace.ops.node[trace.ops.kind == OpKind.READ], minlength=4)
    assert counts[0] == 0
    assert stats.chisquare(counts[1:]).pvalue > 1e-6


def test_random_reads_without_replicas_go_to_the_leader():
    trace = run(Scenario(reads_per_s=100, replicas=0, ack="async"))
    assert (trace.ops.node == 0).all()


def test_a_read_of_a_replica_sees_what_is_replayed_and_of_the_leader_what_is_committed():
    base = TINY.but(duration_ms=2_000, reads_per_s=500, nodes={"s1": {"apply_delay_ms": 100}})
    behind = run(base.but(read_from="s1"))
    fresh = run(base.but(read_from="L"))
    for trace, node, which in ((behind, "s1", Position.REPLAYED), (fresh, "L", Position.COMMITTED)):
        reads = trace.ops.where(trace.ops.kind == OpKind.READ)
        assert (reads.outcome == Outcome.OK).all()
        assert (reads.returned == reads.invoked).all()
        np.testing.assert_array_equal(reads.lsn, trace.at(node, which, reads.invoked))
    assert measures.stale_reads(behind) > 0
    assert measures.stale_reads(fresh) == 0


def test_reads_of_a_node_that_is_down_fail_and_see_nothing():
    faults = (Crash(node="s1", at_ms=500), Restart(node="s1", at_ms=1_000))
    trace = run(TINY.but(duration_ms=2_000, reads_per_s=200, read_from="s1", faults=faults))
    reads = trace.ops.where(trace.ops.kind == OpKind.READ)
    down = (reads.invoked >= 500) & (reads.invoked < 1_000)
    assert down.sum() > 50
    np.testing.assert_array_equal(reads.outcome == Outcome.FAILED, down)
    np.testing.assert_array_equal(reads.lsn == -1, down)
