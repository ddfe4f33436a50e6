"""Commit latency: order statistics, tails, and single writes by Monte Carlo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..scenario import LEADER, Scenario

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OrderStatistic:
    """The k-th smallest of n independent draws of one distribution.

    Parameters
    ----------
    quantile : callable
        The distribution's quantile function: share (0 to 1) → value.
    n, k : int
        1 <= k <= n.

    Source
    ------
    David & Nagaraja, *Order Statistics*, 3rd ed. 2003, section 2.1: the k-th of n uniforms is Beta(k, n - k + 1).
    """

    quantile: Callable[[Floats], Floats]
    n: int
    k: int

    def __post_init__(self) -> None:
        if not 1 <= self.k <= self.n:
            raise ValueError(f"k is {self.k}: it must be from 1 to n = {self.n}.")

    def at(self, share: Floats | Sequence[float] | float) -> Floats:
        """Return the value that the k-th stays within with a probability."""
        from scipy.stats import beta

        return self.quantile(np.asarray(beta.ppf(np.asarray(share), self.k, self.n - self.k + 1)))

    @property
    def mean(self) -> float:
        """Expected value: the quantile function averaged over Beta(k, n - k + 1)."""
        from scipy.integrate import quad

        value, _ = quad(lambda share: float(self.at(share)), 0, 1, limit=400)
        return float(value)


def slow_if_any(n: int, p_slow: float) -> float:
    """Return the probability that the slowest of n is slow: what waiting for all costs.

    Source
    ------
    Dean & Barroso, "The Tail at Scale", CACM 56(2) 2013.
    """
    return float(-np.expm1(n * np.log1p(-p_slow)))


def slow_if_all(n: int, p_slow: float) -> float:
    """Return the probability that even the fastest of n is slow: what waiting for any one costs."""
    return float(p_slow**n)


def commit_latency(scenario: Scenario, samples: int = 100_000, seed: int = 0) -> Floats:
    """Return commit latencies of single writes on an idle system, by Monte Carlo.

    commit = own flush, then the k-th fastest (``ANY k``) or the slowest of the first k (``FIRST k``) of
    way there + remote work + way back. The sum, not the larger of the two: the walsender ships only what is flushed.
    Queueing (group commit, a busy link, in-order delivery) adds to it and is not in this model.

    Returns
    -------
    ndarray, shape (samples,)
        ms; infinite where too few replicas are listed.
    """
    chance = np.random.default_rng(seed)
    rule = scenario.sync_rule()
    own = _draws(scenario, "flush", scenario.of(LEADER, "flush_ms"), chance, samples)
    if rule.method == "async" or scenario.level == "local":
        return own
    names = rule.candidates(scenario.standbys)
    if len(names) < rule.count:
        return np.full(samples, np.inf)
    acks = np.array([_acknowledged(scenario, name, own, chance) for name in names])
    if rule.method == "any":
        return np.asarray(np.sort(acks, axis=0)[rule.count - 1])
    return np.asarray(acks[: rule.count].max(axis=0))


def _acknowledged(scenario: Scenario, name: str, own: Floats, chance: np.random.Generator) -> Floats:
    """Return when the leader hears of a replica, ms after the write; an apply delay counts from the write."""
    samples = len(own)
    there = _draws(scenario, "network", scenario.of(name, "network_ms"), chance, samples)
    back = _draws(scenario, "network", scenario.of(name, "network_ms"), chance, samples)
    done: Floats = own + there + scenario.of(name, "lag_ms")
    if scenario.level in ("on", "remote_apply"):
        done += _draws(scenario, "flush", scenario.of(name, "flush_ms"), chance, samples)
    if scenario.level == "remote_apply":
        done = np.maximum(done, scenario.of(name, "apply_delay_ms")) + scenario.of(name, "replay_us") / 1000
    return done + back


def _draws(scenario: Scenario, what: str, typical: float, chance: np.random.Generator, samples: int) -> Floats:
    shape, spread = getattr(scenario, f"{what}_shape"), getattr(scenario, f"{what}_spread")
    if shape == "lognormal":
        return np.asarray(typical * np.exp(spread * chance.standard_normal(samples)))
    if shape == "uniform":
        return typical * chance.uniform(1 - spread, 1 + spread, samples)
    if shape == "exponential":
        return np.asarray(typical * (1 - spread + spread * chance.standard_exponential(samples)))
    return np.full(samples, float(typical))
