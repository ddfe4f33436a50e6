"""Application servers: pools, health checks, the balancer, users that give up and come again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replication_viz import Scenario, ScenarioError, Trace, measures, run, scenarios
from replication_viz.scenario import Change, Crash, Restart, StallDisk
from replication_viz.trace import MarkKind, Outcome, Position

from .strategies import scenarios as any_scenario
from .tiny import TINY, levels, marks, ops

# One server with one connection, a request at 20, 40, 60, … ms; a commit takes 2 + 1 + 2 + 1 ms.
ONE = TINY.but(servers=1, pool=1, duration_ms=100, health_every_ms=1_000)
SLOW = StallDisk(node="s1", at_ms=0, for_ms=None, flush_ms=47)  # a commit takes 2 + 1 + 47 + 1 = 51 ms
OUTAGE = scenarios["write_outage"]


def kinds(trace: Trace, *wanted: MarkKind) -> list[tuple[float, int]]:
    """Return (time, server) of the marks of some kinds."""
    chosen = np.isin(trace.marks.kind, wanted)
    return list(zip(trace.marks.time[chosen].round(3).tolist(), trace.marks.peer[chosen].tolist(), strict=True))


# -- connections ------------------------------------------------------------------------------------------------------


def test_with_a_free_connection_a_fleet_changes_nothing():
    assert ops(run(ONE)) == ops(run(ONE.but(servers=0)))
    assert levels(run(ONE)) == levels(run(ONE.but(servers=0)))


def test_a_request_queues_for_the_connection_and_is_appended_when_it_gets_it():
    trace = run(ONE.but(faults=(SLOW,), duration_ms=200))
    assert ops(trace)[:3] == [(20, 71, "OK", 1), (40, 122, "OK", 2), (60, 173, "OK", 3)]
    appends = [(time, lsn) for time, node, which, lsn in levels(trace) if (node, which) == ("L", "APPENDED")]
    assert appends == [(20, 1), (71, 2), (122, 3), (173, 4)]
    assert marks(trace)[1:2] == [(40, "app1: all 1 connections in use")]


def test_measures_tell_who_queues_and_who_has_a_connection():
    trace = run(ONE.but(faults=(SLOW,), duration_ms=200))
    assert measures.connections(trace, [19, 20, 70, 71, 199]).tolist() == [0, 1, 1, 1, 1]
    assert measures.queueing(trace, [39, 40, 60, 70.9, 71.1, 121]).tolist() == [0, 1, 2, 2, 1, 4]
    assert measures.commit_time(trace).samples == pytest.approx([51, 51, 51])
    assert measures.commit_time(trace).unanswered == 1
    assert measures.commit_latency(trace).samples == pytest.approx([51, 82, 113])


def test_requests_go_round_the_servers_and_each_serves_in_order_of_arrival():
    trace = run(OUTAGE.but(duration_ms=2_900))
    taken = trace.ops.client
    assert taken.tolist() == [row % 4 for row in range(len(taken))]
    for server in range(4):
        lsns = trace.ops.lsn[(taken == server) & (trace.ops.lsn > 0)]
        assert (np.diff(lsns) > 0).all()


@settings(max_examples=60, deadline=None)
@given(scenario=any_scenario(arrivals="poisson"), data=st.data())
def test_a_pool_never_exceeds_its_size_and_nobody_queues_beside_a_free_connection(scenario, data):
    pool, servers = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 4))
    knobs = {
        "request_timeout_ms": data.draw(st.sampled_from([1, 20, 1_000])),
        "retries": data.draw(st.integers(0, 2)),
        "health_every_ms": data.draw(st.sampled_from([10, 40])),
        "health_timeout_ms": data.draw(st.sampled_from([1, 15, 50])),
        "health_failures": data.draw(st.integers(1, 3)),
    }
    trace = run(scenario.but(pool=pool, servers=servers, **knobs))
    moments = np.unique(np.concatenate([trace.ops.invoked, trace.levels.time]))
    for server in range(servers):
        busy = measures.connections(trace, moments, server)
        assert busy.min(initial=0) >= 0
        assert busy.max(initial=0) <= pool
        waits = measures.queueing(trace, moments, server)
        assert (busy[waits > 0] == pool).all()
    assert (np.diff(trace.ops.invoked) >= 0).all()
    assert trace.digest() == run(trace.scenario).digest()


# -- health checks ----------------------------------------------------------------------------------------------------


def test_health_checks_fail_on_time_and_two_in_a_row_drain_the_server():
    """The connection is busy from 20 ms on. Checks at 30, 60, 90 ms wait 10 ms each: the second failure is at 70 ms."""
    stuck = ONE.but(faults=(StallDisk(node="s1", at_ms=0, for_ms=None, flush_ms=1_000),), request_timeout_ms=500)
    trace = run(stuck.but(health_every_ms=30, health_timeout_ms=10, health_failures=2))
    assert kinds(trace, MarkKind.DRAIN) == [(70, 0)]
    assert ops(trace)[3] == (80, 80, "FAILED", -1)
    assert trace.ops.client.tolist() == [0, 0, 0, -1]
    assert measures.in_rotation(trace, [69, 70], 0).tolist() == [1, 0]


@pytest.mark.parametrize("failures", [1, 2, 3])
def test_a_server_returns_after_as_many_passes_as_failures_drained_it(failures: int):
    """A commit from 20 ms on takes 204 ms. Checks come each 30 ms; those at 210 ms (served at 224) and on pass."""
    stuck = ONE.but(faults=(StallDisk(node="s1", at_ms=0, for_ms=100, flush_ms=200),), rate_per_s=0, duration_ms=600)
    alone = stuck.but(rate_per_s=50, health_every_ms=30, health_timeout_ms=20, health_failures=failures)
    trace = run(alone.with_fault(Change(setting="rate_per_s", value=0.0, at_ms=30)))
    assert kinds(trace, MarkKind.DRAIN) == [(50 + 30 * (failures - 1), 0)]
    assert kinds(trace, MarkKind.RETURN) == [(224 if failures == 1 else 210 + 30 * (failures - 1), 0)]


def test_a_health_check_that_finds_a_free_connection_passes_at_once():
    trace = run(ONE.but(health_every_ms=18, health_timeout_ms=7, health_failures=1, duration_ms=59))
    assert kinds(trace, MarkKind.DRAIN, MarkKind.POOL) == []


def test_a_drained_server_gets_no_request_until_it_is_back():
    trace = run(OUTAGE)
    for server in range(4):
        drained = np.array(measures.in_rotation(trace, trace.ops.invoked, server) == 0)
        assert drained.any()
        assert not (drained & (trace.ops.client == server)).any()


def test_with_every_server_drained_users_are_refused_at_once():
    trace = run(OUTAGE)
    none = measures.in_rotation(trace, trace.ops.invoked) == 0
    refused = trace.ops.where(none)
    assert len(refused) > 500
    assert (refused.outcome == Outcome.FAILED).all()
    assert (refused.returned == refused.invoked).all()
    assert (refused.client == -1).all()


# -- users ------------------------------------------------------------------------------------------------------------


def test_a_user_who_gives_up_in_the_queue_failed_and_one_in_the_database_does_not_know():
    trace = run(ONE.but(faults=(SLOW,), duration_ms=130, request_timeout_ms=45))
    assert ops(trace)[:3] == [(20, 65, "UNKNOWN", 1), (40, 85, "UNKNOWN", 2), (60, 105, "FAILED", -1)]
    assert trace.at("L", Position.COMMITTED, 122.1) == 2  # both were committed all the same


def test_a_write_whose_user_gave_up_commits_all_the_same_and_holds_its_connection_until_then():
    trace = run(ONE.but(faults=(SLOW,), duration_ms=100, request_timeout_ms=10))
    assert ops(trace)[0] == (20, 30, "UNKNOWN", 1)
    assert measures.connections(trace, [30, 70, 70.9]).tolist() == [1, 1, 1]
    assert trace.at("L", Position.COMMITTED, 71.1) == 1


def test_retries_come_after_growing_pauses():
    never = ONE.but(ack="ANY 2 (s1, s2)", request_timeout_ms=10, rate_per_s=1, duration_ms=3_000, retries=3)
    invoked = run(never).ops.invoked[:4]
    assert invoked[0] == 1_000
    pauses = np.diff(invoked) - 10
    assert (pauses > np.array([50, 100, 200])).all()
    assert (pauses < np.array([150, 300, 600])).all()
    assert len(run(never.but(duration_ms=1_999)).ops) == 4  # three retries and no more
    assert len(run(never.but(retries=0, duration_ms=1_999)).ops) == 1


def test_a_retry_storm_multiplies_the_requests_and_delays_recovery():
    small = OUTAGE.but(pool=5)
    calm, storm = run(small), run(small.but(retries=6))
    rate = [np.histogram(t.ops.invoked, bins=np.arange(0, 6_001, 250))[0].max() * 4 for t in (calm, storm)]
    assert rate[0] < 650
    assert rate[1] > 4 * rate[0]
    assert measures.last_unserved(storm, 250) > measures.last_unserved(calm, 250) + 200


# -- faults -----------------------------------------------------------------------------------------------------------


def test_a_crash_of_the_leader_breaks_the_connections_and_refuses_the_queue():
    trace = run(ONE.but(faults=(SLOW, Crash(node="L", at_ms=65), Restart(node="L", at_ms=85)), duration_ms=160))
    assert ops(trace)[:4] == [
        (20, 65, "UNKNOWN", 1),
        (40, 65, "FAILED", -1),
        (60, 65, "FAILED", -1),
        (80, 80, "FAILED", -1),
    ]
    assert ops(trace)[4][0] == 100
    assert ops(trace)[4][3] == 2  # the first write was on disk: the log goes on behind it
    assert measures.connections(trace, [64, 65, 99, 100]).tolist() == [1, 0, 0, 1]


def test_a_write_that_a_crash_undid_stays_in_the_past():
    lost = ONE.but(faults=(StallDisk(node="L", at_ms=0, for_ms=50, flush_ms=500),), duration_ms=160)
    trace = run(lost.with_fault(Crash(node="L", at_ms=50)).with_fault(Restart(node="L", at_ms=55)))
    appends = [(time, lsn) for time, node, which, lsn in levels(trace) if (node, which) == ("L", "APPENDED")]
    assert appends[:3] == [(20, 1), (50, 0), (60, 1)]
    assert measures.connections(trace, [20, 49.9, 50, 59, 60]).tolist() == [1, 1, 0, 0, 1]
    assert len(measures.commit_time(trace).samples) == (trace.ops.outcome == Outcome.OK).sum()


def test_health_checks_fail_while_the_leader_is_down():
    down = ONE.but(faults=(Crash(node="L", at_ms=35),), health_every_ms=30, health_failures=2)
    assert kinds(run(down), MarkKind.DRAIN) == [(90, 0)]


@settings(max_examples=40, deadline=None)
@given(scenario=any_scenario(arrivals="poisson"), node=st.sampled_from(["L", "s1"]), share=st.floats(0.1, 0.9))
def test_a_fault_leaves_the_past_of_a_fleet_alone(scenario, node, share):
    scenario = scenario.but(
        servers=2, pool=3, retries=1, request_timeout_ms=25, health_every_ms=20, health_timeout_ms=9
    )
    if node not in scenario.node_names:
        return
    at_ms = share * scenario.duration_ms
    before, forked = run(scenario), run(scenario.with_fault(Crash(node=node, at_ms=at_ms)))
    for name, columns in before.until(at_ms).items():
        for column, values in columns.items():
            assert np.array_equal(values, forked.until(at_ms)[name][column], equal_nan=values.dtype.kind == "f"), column


def test_a_loss_counts_each_acknowledged_write_once_though_servers_answer_out_of_order():
    trace = run(OUTAGE.but(ack="async", lag_ms=20, duration_ms=3_000))
    at = 2_500.0
    acked = trace.ops.where((trace.ops.outcome == Outcome.OK) & (trace.ops.returned <= at))
    head = max(int(trace.at(name, Position.RECEIVED, at)) for name in trace.nodes[1:])
    assert measures.loss(trace, at).lost.tolist() == [(acked.lsn > head).sum()]


# -- knobs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "ends"),
    [
        ("servers", (0, 50)),
        ("pool", (1, 1_000)),
        ("request_timeout_ms", (1, 600_000)),
        ("retries", (0, 20)),
        ("health_every_ms", (10, 600_000)),
        ("health_timeout_ms", (1, 600_000)),
        ("health_failures", (1, 100)),
    ],
)
def test_both_ends_of_each_knob_work(field: str, ends: tuple[int, int]):
    for value in ends:
        trace = run(OUTAGE.but(duration_ms=3_500, **{field: value}))
        assert len(trace.ops) > 1_000
        assert measures.connections(trace, range(0, 3_500, 50)).max() <= trace.scenario.pool * max(
            trace.scenario.servers, 35
        )


def test_servers_and_clients_that_wait_for_their_answer_exclude_each_other():
    with pytest.raises(ScenarioError, match="servers is 4 and arrivals is 'closed'"):
        OUTAGE.but(arrivals="closed")


def test_a_fleet_that_would_take_hours_is_refused():
    with pytest.raises(ScenarioError, match="retries and health checks: at most 1,000,000"):
        Scenario(servers=50, health_every_ms=10, duration_ms=3_600_000, rate_per_s=1)


# -- the incident -----------------------------------------------------------------------------------------------------


def test_the_incident_happens_in_its_order():
    trace = run(OUTAGE)
    pool, drain, back = (kinds(trace, kind) for kind in (MarkKind.POOL, MarkKind.DRAIN, MarkKind.RETURN))
    assert 2_000 < pool[0][0] < pool[3][0] < drain[0][0] < drain[3][0] < 4_200 < back[0][0]
    assert {server for _, server in pool} == {server for _, server in drain} == {0, 1, 2, 3}
    begin, end = measures.longest_silence(trace)
    assert end - begin > 1_400
    assert measures.availability(trace) < 0.6


def test_under_any_1_nothing_happens():
    trace = run(OUTAGE.but(ack="ANY 1 (s1, s2, s3)"))
    assert kinds(trace, MarkKind.POOL, MarkKind.DRAIN, MarkKind.RETURN) == []
    assert measures.availability(trace) == 1
    assert measures.commit_latency(trace, 2_000, 4_200).p50 == pytest.approx(
        measures.commit_latency(trace, until_ms=1_990).p50, rel=0.05
    )


def test_loaded_commits_wait_for_the_flush_under_way_and_then_for_their_own():
    """Alone: one flush of 400 ms. With the pools in use two batches take turns at one serial disk: up to 800 ms."""
    alone = OUTAGE.but(servers=0, arrivals="closed", clients=1, think_ms=50)
    assert measures.commit_latency(run(alone), 2_000, 4_100).p50 == pytest.approx(402, abs=2)
    loaded = measures.commit_time(run(OUTAGE), 2_010, 3_500).samples
    assert loaded.min() > 392
    assert loaded.max() == pytest.approx(800, abs=5)
