"""Closed forms against tabulated values, and against the cases in which a second formula exists."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from replication_viz import Scenario, theory
from replication_viz.scenario import NodeSettings

from .reference import case_id, cases

DISTRIBUTIONS = {
    "exp(mean 1)": stats.expon(),
    "0.5 + exp(mean 1.5)": stats.expon(loc=0.5, scale=1.5),
    "lognormal(median 1, sigma 1)": stats.lognorm(s=1, scale=1),
    "lognormal(median 2, sigma 0.5)": stats.lognorm(s=0.5, scale=2),
    "uniform(1,3)": stats.uniform(loc=1, scale=2),
}


@pytest.mark.parametrize("case", cases("commit_latency", "k-th of n ack"), ids=case_id)
def test_the_order_statistic_agrees_with_the_reference(case: dict[str, Any]):
    inputs, expected = case["inputs"], case["expected"]
    kth = theory.OrderStatistic(DISTRIBUTIONS[inputs["dist"]].ppf, n=inputs["n"], k=inputs["k"])
    assert kth.mean == pytest.approx(expected["mean"], rel=1e-6)
    assert kth.at([0.5, 0.99, 0.999]) == pytest.approx([expected["p50"], expected["p99"], expected["p999"]], rel=1e-9)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_mean_of_the_kth_of_n_exponentials_is_a_partial_harmonic_sum(n: int):
    for k in range(1, n + 1):
        kth = theory.OrderStatistic(stats.expon().ppf, n=n, k=k)
        assert kth.mean == pytest.approx(sum(1 / (n - i) for i in range(k)), rel=1e-8)


@pytest.mark.parametrize(("n", "k"), [(3, 0), (3, 4), (0, 0), (2, -1)])
def test_there_is_no_kth_of_n_outside_1_to_n(n: int, k: int):
    with pytest.raises(ValueError, match=rf"^k is {k}: it must be from 1 to n = {n}\.$"):
        theory.OrderStatistic(stats.expon().ppf, n=n, k=k)


@pytest.mark.parametrize("case", cases("commit_latency", "tail at scale"), ids=case_id)
def test_the_tail_at_scale(case: dict[str, Any]):
    inputs = case["inputs"]
    assert theory.slow_if_any(inputs["n"], inputs["p_slow"]) == pytest.approx(
        case["expected"], abs=case["tolerance"]["abs"]
    )


@pytest.mark.parametrize("case", cases("commit_latency", "P(commit > per-replica p99)"), ids=case_id)
def test_waiting_for_all_multiplies_the_tail_and_waiting_for_any_divides_it(case: dict[str, Any]):
    n, expected = case["inputs"]["n"], case["expected"]
    assert theory.slow_if_any(n, 0.01) == pytest.approx(expected["full_sync"], abs=1e-12)
    assert theory.slow_if_all(n, 0.01) == pytest.approx(expected["any1"], rel=1e-9)


@pytest.mark.parametrize("case", cases("availability"), ids=case_id)
def test_at_least_k_of_n_up(case: dict[str, Any]):
    inputs = case["inputs"]
    up = theory.at_least_k_up(inputs["n"], inputs["k"], inputs["p_up"])
    assert up == pytest.approx(case["expected"], abs=case["tolerance"]["abs"])


def test_at_least_none_is_sure_and_more_than_all_is_impossible():
    assert theory.at_least_k_up(3, 0, 0.5) == 1
    assert theory.at_least_k_up(3, 4, 0.5) == 0


@pytest.mark.parametrize(
    ("n", "k", "p_up"), [(3, 2, 1.5), (3, 2, -0.1), (-1, 0, 0.5), (3, -1, 0.5), (3, 2, float("nan"))]
)
def test_availability_of_what_cannot_be_is_an_error(n: int, k: int, p_up: float):
    with pytest.raises(ValueError, match="must be"):
        theory.at_least_k_up(n, k, p_up)


CONSTANT = Scenario(network_shape="constant", flush_shape="constant", network_ms=3, flush_ms=2)


@pytest.mark.parametrize(
    ("ack", "level", "expected"),
    [
        ("async", "on", 2),
        ("all", "local", 2),
        ("ANY 1 (*)", "remote_write", 2 + 6),
        ("ANY 1 (*)", "on", 2 + 6 + 2),
        ("ANY 2 (*)", "on", 2 + 16 + 2),
        ("all", "on", 2 + 46 + 2),
        ("FIRST 1 (s3, s1)", "on", 2 + 46 + 2),
        ("s1, s3", "on", 2 + 6 + 2),
        ("s1", "remote_apply", 2 + 6 + 2 + 0.05),
        ("ANY 4 (*)", "on", np.inf),
    ],
)
def test_constant_times_add_up(ack: str, level: str, expected: float):
    scenario = CONSTANT.but(
        ack=ack, level=level, nodes={"s2": NodeSettings(lag_ms=10), "s3": NodeSettings(network_ms=23)}
    )
    latencies = theory.commit_latency(scenario, samples=5)
    assert latencies == pytest.approx(np.full(5, expected))


def test_an_apply_delay_counts_from_the_write_and_hides_the_way_there():
    scenario = CONSTANT.but(ack="s1", level="remote_apply", apply_delay_ms=100)
    assert theory.commit_latency(scenario, samples=1)[0] == pytest.approx(100 + 0.05 + 3)
    assert theory.commit_latency(scenario.but(apply_delay_ms=6), samples=1)[0] == pytest.approx(2 + 3 + 2 + 0.05 + 3)


def test_a_slow_disk_of_one_replica_counts_only_where_its_flush_is_awaited():
    scenario = CONSTANT.but(ack="s1", nodes={"s1": NodeSettings(flush_ms=40)})
    assert theory.commit_latency(scenario, samples=1)[0] == pytest.approx(2 + 6 + 40)
    assert theory.commit_latency(scenario.but(level="remote_write"), samples=1)[0] == pytest.approx(2 + 6)


@pytest.mark.parametrize(("shape", "mean"), [("exponential", 1.0), ("uniform", 1.0), ("lognormal", np.exp(0.5**2 / 2))])
def test_the_drawn_times_have_the_mean_that_their_shape_promises(shape: str, mean: float):
    scenario = CONSTANT.but(ack="async", flush_shape=shape, flush_spread=0.5)
    draws = theory.commit_latency(scenario, samples=40_000)
    assert draws.mean() == pytest.approx(2 * mean, abs=4 * draws.std() / np.sqrt(40_000))
