"""Connections, queues, outages: measures and theory against each other and against their sources."""

import numpy as np
import pytest
from scipy import stats

from replication_viz import Scenario, measures, run, scenarios, theory
from replication_viz.scenario import Crash, Restart
from replication_viz.trace import Outcome

from .reference import case_id, cases


def test_erlangs_formulas_give_the_published_values():
    """M/M/c with c = 4 and a = 3.2."""
    assert theory.erlang_b(4, 3.2) == pytest.approx(0.2281449299579469, abs=1e-12)
    assert theory.erlang_c(4, 3.2) == pytest.approx(0.5964324717874046, abs=1e-12)
    assert theory.mean_queueing(4, 3.2) == pytest.approx(0.7455405897342559, abs=1e-12)


@pytest.mark.parametrize("servers", [1, 3, 40])
@pytest.mark.parametrize("share", [0.1, 0.7, 0.99])
def test_erlang_b_is_a_truncated_poisson_distribution(servers: int, share: float):
    load = share * servers
    expected = stats.poisson.pmf(servers, load) / stats.poisson.cdf(servers, load)
    assert theory.erlang_b(servers, load) == pytest.approx(expected, rel=1e-9)


def test_erlang_c_at_the_ends():
    assert theory.erlang_c(1, 0.3) == pytest.approx(0.3)  # M/M/1: who comes while it is busy waits
    assert theory.erlang_c(5, 0) == 0
    assert theory.erlang_c(5, 5) == 1
    assert theory.mean_queueing(5, 5) == float("inf")
    assert theory.mean_queueing(1, 0.5) == pytest.approx(1)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="rate_per_s is -1"):
        theory.connections_needed(-1, 5)
    for call in (theory.erlang_b, theory.erlang_c):
        with pytest.raises(ValueError, match="servers is 0"):
            call(0, 1)


@pytest.mark.parametrize("lag_ms", [0, 20, 150])
@pytest.mark.parametrize("ack", ["async", "s1", "ANY 2 (*)"])
def test_littles_law_holds_in_a_run(ack: str, lag_ms: int):
    """Connections in use = rate x time in the database; the edges of 20 s leave an error of latency / duration."""
    trace = run(Scenario(ack=ack, lag_ms=lag_ms, rate_per_s=300, servers=2, pool=200, duration_ms=20_000))
    took = measures.commit_time(trace)
    moments = np.linspace(0, 20_000, 40_001)
    in_use = measures.connections(trace, moments)
    needed = theory.connections_needed(len(took.samples) / 20, took.mean)
    error = 5 * in_use.std() / np.sqrt(20_000 / max(took.mean, 1)) + 0.02 * needed
    assert in_use.mean() == pytest.approx(needed, abs=error)


def test_without_application_servers_each_write_has_a_connection_of_its_own():
    trace = run(scenarios["one_sick_standby"])
    moments = np.linspace(0, trace.duration_ms, 500)
    assert (measures.connections(trace, moments) == measures.waiting(trace, moments)).all()
    assert (measures.queueing(trace, moments) == 0).all()
    assert measures.commit_time(trace).samples == pytest.approx(measures.commit_latency(trace).samples)


def test_a_run_accounts_for_every_request():
    trace = run(scenarios["write_outage"].but(retries=2))
    end = trace.duration_ms
    settled = ~np.isnan(trace.ops.returned)
    assert len(trace.ops) == settled.sum() + (~settled).sum()
    open_now = measures.connections(trace, end) + measures.queueing(trace, end)
    assert open_now == (~settled).sum()  # nobody gave up within the last second
    away = trace.ops.outcome[settled] != Outcome.OK
    assert measures.turned_away(trace, end, end) * end / 1000 == pytest.approx(away.sum())


def test_a_server_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="server is 4: this run has 4"):
        measures.connections(run(scenarios["write_outage"].but(duration_ms=100)), 50, server=4)


def test_retries_after_a_failover_are_not_counted_through_application_servers():
    with pytest.raises(ValueError, match="this run has 4 application servers"):
        measures.retries(run(scenarios["write_outage"].but(ack="async", duration_ms=500)), 400)


def test_availability_and_silence_of_a_run_that_serves_everybody_and_of_one_that_serves_nobody():
    good = run(Scenario(ack="async", duration_ms=3_000))
    assert measures.availability(good) == 1
    assert np.isnan(measures.last_unserved(good))
    never = run(Scenario(ack="ANY 4 (*)", duration_ms=3_000))
    assert measures.availability(never) == 0
    assert measures.longest_silence(never) == (0, 3_000)
    assert np.isnan(measures.availability(run(Scenario(duration_ms=500))))


# -- availability -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", cases("availability"), ids=case_id)
def test_write_availability_is_the_binomial_tail_under_any_and_first(case: dict):
    n, k, p_up = (case["inputs"][name] for name in ("n", "k", "p_up"))
    for method in ("ANY", "FIRST"):
        got = theory.write_availability(f"{method} {k} (*)", n, p_up)
        assert got == pytest.approx(case["expected"], abs=case["tolerance"]["abs"])


def test_one_named_standby_is_less_available_than_none_and_a_pool_is_not():
    for p_up in (0.5, 0.9, 0.999):
        alone = theory.write_availability("async", 3, p_up, p_leader=0.999)
        assert alone == 0.999
        assert theory.write_availability("s1", 3, p_up, p_leader=0.999) == pytest.approx(alone * p_up)
        pool = theory.write_availability("ANY 1 (s1, s2, s3)", 3, p_up, p_leader=0.999)
        assert alone * p_up < pool < alone
        assert pool == pytest.approx(alone * (1 - (1 - p_up) ** 3))


@pytest.mark.parametrize("ack", ["async", "s1", "ANY 1 (s1, s2, s3)", "ANY 2 (s1, s2, s3)", "FIRST 2 (s1, s2, s3)"])
def test_crashes_drawn_by_lot_leave_the_availability_of_the_formula(ack: str):
    """30 periods of 2 s, each node down for 200 ms in each: that two are down at a time varies by 0.01 / √30 or so."""
    chance, faults = np.random.default_rng(5), []
    for node in ("s1", "s2", "s3"):
        for begin in range(0, 60_000, 2_000):
            at = begin + chance.uniform(0, 1_800)
            faults += [Crash(node=node, at_ms=at), Restart(node=node, at_ms=at + 200)]
    trace = run(Scenario(ack=ack, rate_per_s=100, faults=tuple(faults), duration_ms=60_000))
    formula = theory.write_availability(ack, 3, 0.9)
    # Writes of the last 20 ms of a spell are answered in time; a spell of 200 ms is so much shorter.
    assert measures.availability(trace, limit_ms=20) == pytest.approx(formula + 0.1 * (1 - formula), abs=0.015)
