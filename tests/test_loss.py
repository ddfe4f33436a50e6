"""What a crash takes: closed forms against the reference, the engine against the closed forms."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from replication_viz import Scenario, Trace, measures, run, scenarios, theory
from replication_viz.scenario import NodeSettings
from replication_viz.trace import Position

from .reference import case_id, cases

POLICY: dict[str, Any] = {"most advanced": "best", "least advanced": "worst"}

# A replica that has what was shipped ``lag_ms`` ago, to a hundredth of a millisecond.
EXACT = Scenario(
    ack="async",
    replicas=1,
    network_ms=0,
    flush_ms=0.01,
    flush_shape="constant",
    bandwidth_mbit=400_000,
    level="remote_write",
)


def policy(inputs: dict[str, Any]) -> Any:
    return POLICY.get(inputs["policy"], inputs["policy"])


def agrees(case: dict[str, Any]) -> Any:
    return pytest.approx(case["expected"], rel=case["tolerance"].get("rel", 0), abs=case["tolerance"].get("abs", 0))


def by(*shape: str) -> pytest.MarkDecorator:
    """Parametrize over the cases with just these inputs."""
    found = [c for c in cases("loss") if sorted(c["inputs"]) == sorted(shape)]
    return pytest.mark.parametrize("case", found, ids=case_id)


def mean_and_error(samples: np.ndarray, batches: int = 25) -> tuple[float, float]:
    """Return the mean of a correlated series and its standard error, by batch means."""
    means = np.array([batch.mean() for batch in np.array_split(samples, batches)])
    return float(means.mean()), float(means.std(ddof=1) / np.sqrt(batches))


# -- a fixed delay ----------------------------------------------------------------------------------------------------


@cache
def losses_at_fixed_delay(rate: float, delay_ms: float) -> np.ndarray:
    """Return the losses of crashes in one run, far enough apart to be independent."""
    count = 60 if rate * delay_ms > 100_000 else 2_000
    flush = 0.5 if rate * delay_ms > 100_000 else 0.01
    scenario = EXACT.but(rate_per_s=rate, lag_ms=delay_ms, flush_ms=flush, duration_ms=delay_ms * (count + 2))
    return measures.loss(run(scenario), delay_ms * np.arange(2, count + 2)).lost


def fixed(case: dict[str, Any], law: theory.PoissonLoss) -> float:
    name = case["name"]
    return law.variance if "variance" in name else law.p_none if "P(no loss)" in name else law.mean


@by("lam", "d")
def test_theory_of_a_fixed_delay_agrees_with_the_reference(case: dict[str, Any]):
    law = theory.fixed_delay_loss(case["inputs"]["lam"], 1000 * case["inputs"]["d"])
    assert fixed(case, law) == agrees(case)


@by("lam", "d")
def test_the_engine_with_a_fixed_delay_agrees_with_the_theory(case: dict[str, Any]):
    """Poisson(mu): the mean of n has variance mu / n, the variance (mu + 2 mu²) / n, a share p (1 - p) / n."""
    law = theory.fixed_delay_loss(case["inputs"]["lam"], 1000 * case["inputs"]["d"])
    lost = losses_at_fixed_delay(case["inputs"]["lam"], 1000 * case["inputs"]["d"])
    n, mu, none = len(lost), law.mean, law.p_none
    assert lost.mean() == pytest.approx(mu, abs=5 * np.sqrt(mu / n))
    assert lost.var() == pytest.approx(mu, abs=5 * np.sqrt((mu + 2 * mu**2) / n))
    assert (lost == 0).mean() == pytest.approx(none, abs=5 * np.sqrt(none * (1 - none) / n) + 1e-9)


@by("lam", "d", "a")
def test_what_is_not_yet_acknowledged_is_not_lost(case: dict[str, Any]):
    rate, delay, ack = case["inputs"]["lam"], 1000 * case["inputs"]["d"], 1000 * case["inputs"]["a"]
    law = theory.fixed_delay_loss(rate, delay, ack)
    assert law.mean == agrees(case)
    settings = {"s1": NodeSettings(lag_ms=ack), "s2": NodeSettings(lag_ms=delay)}
    trace = run(EXACT.but(rate_per_s=rate, replicas=2, ack="s1", nodes=settings, duration_ms=5_000))
    lost = measures.loss(trace, np.arange(100, 5_000, delay), promote="s2").lost
    assert lost.mean() == pytest.approx(law.mean, abs=5 * np.sqrt(law.mean / len(lost)))


def test_an_acknowledgement_later_than_the_copy_loses_nothing():
    assert theory.fixed_delay_loss(5_000, delay_ms=10, ack_ms=20).mean == 0
    assert theory.fixed_delay_loss(5_000, delay_ms=10, ack_ms=20).p_none == 1


def test_5_000_a_second_and_200_ms_are_about_1_000():
    trace = run(scenarios["loss_window"])
    lost = measures.loss(trace, range(500, 2_000)).lost
    windows = 1_500 / 200
    assert lost.mean() == pytest.approx(1_000, abs=5 * np.sqrt(1_000 / windows))
    law = theory.fixed_delay_loss(5_000, 200)
    assert law.mean == 1_000
    assert law.pmf(np.arange(3_000)).sum() == pytest.approx(1)
    assert 1_060 < law.quantile(0.99) < 1_090


# -- exponential lags -------------------------------------------------------------------------------------------------


@by("lam", "mean", "k", "policy")
def test_theory_of_exponential_lags_agrees_with_the_reference(case: dict[str, Any]):
    i = case["inputs"]
    assert theory.ExponentialLagLoss(i["lam"], 1000 * i["mean"], i["k"], policy(i)).mean == agrees(case)


@by("lam", "mean", "k", "n")
def test_losses_under_exponential_lags_are_geometric(case: dict[str, Any]):
    i = case["inputs"]
    law = theory.ExponentialLagLoss(i["lam"], 1000 * i["mean"], i["k"])
    assert law.pmf(i["n"]) == agrees(case)
    r = i["lam"] * i["mean"] / i["k"]
    assert law.pmf([0, 1, 7]) == pytest.approx([(r / (1 + r)) ** n / (1 + r) for n in (0, 1, 7)])


@pytest.mark.parametrize("promote", ["best", "random", "worst"])
def test_the_distribution_under_exponential_lags_has_its_mean_and_variance(promote: Any):
    law = theory.ExponentialLagLoss(rate_per_s=20, mean_lag_ms=200, replicas=4, promote=promote)
    n = np.arange(1_000)
    p = law.pmf(n)
    assert p.sum() == pytest.approx(1)
    assert (n * p).sum() == pytest.approx(law.mean)
    assert (n**2 * p).sum() - law.mean**2 == pytest.approx(law.variance)
    assert law.p_none == pytest.approx(p[0])


@cache
def losses_at_drawn_lags(replicas: int, mean_ms: float) -> dict[str, np.ndarray]:
    """Return losses by policy, 50 writes/s: 120 runs, each with lags of its own, one crash in each."""
    chance = np.random.default_rng(replicas)
    found: dict[str, list[int]] = {"best": [], "random": [], "worst": []}
    for seed in range(120):
        lags = chance.exponential(mean_ms, replicas)
        settings = {f"s{i}": NodeSettings(lag_ms=lag) for i, lag in enumerate(lags, start=1)}
        trace = run(EXACT.but(replicas=replicas, nodes=settings, rate_per_s=50, duration_ms=2_000, seed=seed))
        for promote, lost in found.items():
            lost.append(measures.loss(trace, 1_999, promote).lost[0])
    return {promote: np.array(lost) for promote, lost in found.items()}


@by("lam", "mean", "k", "policy")
def test_the_engine_with_drawn_lags_agrees_with_the_theory(case: dict[str, Any]):
    i = case["inputs"]
    law = theory.ExponentialLagLoss(50, 1000 * i["mean"], i["k"], policy(i))
    lost = losses_at_drawn_lags(i["k"], 1000 * i["mean"])[policy(i)]
    assert lost.mean() == pytest.approx(law.mean, abs=5 * np.sqrt(law.variance / len(lost)))


# -- ANY q of n -------------------------------------------------------------------------------------------------------


@by("lam", "lags", "q", "promote")
def test_who_is_promoted_under_any_decides(case: dict[str, Any]):
    """The acknowledgement's way back takes no time here, so that engine and theory have the same model."""
    i = case["inputs"]
    lags = [1000 * lag for lag in i["lags"]]
    assert theory.any_of_loss(i["lam"], lags, i["q"], i["promote"]) == agrees(case)
    lost = measures.loss(any_of_fixed_lags(i["lam"], tuple(lags), i["q"]), range(500, 8_000), f"s{i['promote']}").lost
    windows = 7_500 / max(lags)
    assert lost.mean() == pytest.approx(case["expected"], abs=5 * np.sqrt(case["expected"] / windows) + 1e-9)


@cache
def any_of_fixed_lags(rate: float, lags: tuple[float, ...], count: int) -> Trace:
    names = [f"s{i}" for i in range(1, len(lags) + 1)]
    settings = {name: NodeSettings(lag_ms=lag) for name, lag in zip(names, lags, strict=True)}
    ack = f"ANY {count} ({', '.join(names)})"
    return run(EXACT.but(rate_per_s=rate, replicas=len(lags), nodes=settings, ack=ack, duration_ms=8_000))


def test_any_by_policy_is_made_of_the_single_replicas():
    lags = [5, 50, 300]
    single = [theory.any_of_loss(1_000, lags, 1, number) for number in (1, 2, 3)]
    assert single == pytest.approx([0, 45, 295])
    assert theory.any_of_loss(1_000, lags, 1, "best") == 0
    assert theory.any_of_loss(1_000, lags, 1, "worst") == pytest.approx(295)
    assert theory.any_of_loss(1_000, lags, 1, "random") == pytest.approx(np.mean(single))
    assert theory.any_of_loss(1_000, lags, 0, "best") == pytest.approx(5), "async: the fastest is behind, too"


# -- streams in order -------------------------------------------------------------------------------------------------


@by("lam", "mean", "k", "q", "policy")
def test_streams_in_order_agree_with_the_reference(case: dict[str, Any]):
    i = case["inputs"]
    expected = theory.in_order_loss(i["lam"], 1000 * i["mean"], i["k"], i["q"], policy(i))
    assert expected == agrees(case)
    drawn = theory.in_order_losses(
        i["lam"], lambda chance, shape: chance.exponential(1000 * i["mean"], shape), i["k"], i["q"], policy(i)
    )
    mean, error = mean_and_error(drawn)
    assert mean == pytest.approx(expected, abs=5 * error + 1e-9)


@pytest.mark.parametrize("promote", ["best", "random", "worst"])
@pytest.mark.parametrize(("replicas", "wait_for"), [(1, 0), (2, 1), (3, 0), (5, 2)])
def test_the_closed_form_for_streams_in_order_agrees_with_its_monte_carlo(replicas: int, wait_for: int, promote: Any):
    expected = theory.in_order_loss(500, 20, replicas, wait_for, promote)
    drawn = theory.in_order_losses(500, lambda c, shape: c.exponential(20, shape), replicas, wait_for, promote, seed=3)
    mean, error = mean_and_error(drawn)
    assert mean == pytest.approx(expected, abs=5 * error + 1e-9)


def test_in_order_shipping_loses_far_more_than_rate_times_mean_delay():
    from scipy.special import exp1

    r = 10.0
    one = theory.in_order_loss(500, 20)
    assert one == pytest.approx(1 - np.exp(-r) + r * (np.euler_gamma + np.log(r) + exp1(r)))
    assert one > 2.9 * r
    assert theory.in_order_loss(0, 20) == 0


@cache
def slow_motion() -> Trace:
    """500 writes/s with 20 ms a thousand times slower: records are so far apart that each has a delay of its own."""
    scenario = EXACT.but(
        replicas=3,
        rate_per_s=0.5,
        network_ms=20_000,
        network_shape="exponential",
        network_spread=1,
        duration_ms=20_000_000,
        wal_sender_timeout_ms=86_400_000,
    )
    return run(scenario)


@pytest.mark.parametrize("wait_for", [0, 1, 2, 3])
def test_the_engines_links_agree_with_the_closed_form_for_streams_in_order(wait_for: int):
    trace = slow_motion()
    moments = np.arange(500_000, 20_000_000, 5_000.0)
    heads = np.sort([trace.at(name, Position.RECEIVED, moments) for name in trace.nodes[1:]], axis=0)[::-1]
    known = heads[wait_for - 1] if wait_for else trace.at("L", Position.COMMITTED, moments)
    lost = np.maximum(known - heads, 0)  # what an instant acknowledgement would leave to lose
    for place, promote in ((0, "best"), (2, "worst")):
        mean, error = mean_and_error(lost[place])
        expected = theory.in_order_loss(0.5, 20_000, 3, wait_for, promote)  # type: ignore[arg-type]
        assert mean == pytest.approx(expected, abs=5 * error + 0.02 * expected + 1e-9)


# -- bounds and refusals ----------------------------------------------------------------------------------------------


def test_patronis_bound_is_what_may_lag_and_the_log_of_one_lease():
    assert theory.patroni_bound(5_000, record_bytes=200) == pytest.approx(1_048_576 / 200 + 150_000)
    assert theory.patroni_bound(0, record_bytes=1, maximum_lag_on_failover=7) == 7
    trace = run(scenarios["loss_window"].but(partition="s1, s2"))
    bound = theory.patroni_bound(5_000, trace.scenario.record_bytes)
    assert measures.loss(trace, np.arange(400.0, 2_000)).lost.max() < bound


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: theory.fixed_delay_loss(-1, 5), "rate_per_s is -1: it must be a number from 0 up."),
        (lambda: theory.fixed_delay_loss(1, np.nan), "delay_ms is nan: it must be a number from 0 up."),
        (lambda: theory.ExponentialLagLoss(1, 5, 0), "replicas is 0: there must be at least 1."),
        (lambda: theory.any_of_loss(1, [5], 2, 1), "wait_for is 2: it must be from 0 to 1, the number of replicas."),
        (lambda: theory.any_of_loss(1, [5], 1, 2), "promote is 2: it must be from 1 to 1."),
        (lambda: theory.in_order_loss(1, 5, promote="x"), "promote is 'x': it must be one of best, random, worst."),  # type: ignore[arg-type]
        (lambda: theory.patroni_bound(1, 0), "record_bytes is 0: it must be more than 0."),
    ],
)
def test_theory_refuses_what_cannot_be_in_one_sentence(call: Any, sentence: str):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        call()
    assert str(caught.value) == sentence
