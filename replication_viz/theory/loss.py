"""The loss window: how many acknowledged writes a crash of the leader takes.

A write is lost if the client had its OK and the promoted replica had not received it. So loss follows how late
replicas *receive*; how late they replay is not in any of these formulas. Writes arrive at random (Poisson) throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb, exp, inf
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Promote = Literal["best", "random", "worst"]
Delays = Callable[[np.random.Generator, tuple[int, int]], Floats]


@dataclass(frozen=True)
class PoissonLoss:
    """A number of lost writes that is Poisson: as many as arrive in a stretch of time of fixed length.

    Parameters
    ----------
    mean : float
        Writes; 0 or more.

    Source
    ------
    Kingman, *Poisson Processes*, 1993, section 1.4: counts of a Poisson process have variance = mean.
    """

    mean: float

    def __post_init__(self) -> None:
        _check("mean", self.mean)

    @property
    def variance(self) -> float:
        """Variance, writes squared."""
        return self.mean

    @property
    def p_none(self) -> float:
        """Probability that nothing is lost."""
        return exp(-self.mean)

    def pmf(self, lost: ArrayLike) -> Floats:
        """Return the probability of each number of lost writes: ndarray, shape of ``lost``."""
        from scipy.stats import poisson

        return np.asarray(poisson.pmf(np.asarray(lost, dtype=np.int64), self.mean))

    def quantile(self, share: float) -> float:
        """Return the number of lost writes that a share (0 to 1) of all crashes stays within."""
        from scipy.stats import poisson

        return float(poisson.ppf(share, self.mean))


@dataclass(frozen=True)
class ExponentialLagLoss:
    """The writes lost if each replica's lag at the crash is exponential, and the lags are independent.

    Parameters
    ----------
    rate_per_s : float
        Writes a second.
    mean_lag_ms : float
        Mean lag of each replica, ms.
    replicas : int
        How many there are, at least 1.
    promote : {"best", "random", "worst"}
        Which one takes over: the most advanced, any, the least advanced.

    Source
    ------
    The smallest of k exponential lags is exponential with mean / k; of the largest, P(lag > x) is
    Σ (-1)^(j+1) C(k, j) exp(-j x / mean) by inclusion and exclusion, with mean x (1 + 1/2 + … + 1/k) (David &
    Nagaraja, *Order Statistics*, 3rd ed. 2003, section 2.1). A Poisson count over an exponential time with
    r = rate x mean expected is geometric: P(n) = (1 / (1 + r)) (r / (1 + r))^n. So each term gives a geometric one.
    """

    rate_per_s: float
    mean_lag_ms: float
    replicas: int = 1
    promote: Promote = "best"

    def __post_init__(self) -> None:
        _check("rate_per_s", self.rate_per_s)
        _check("mean_lag_ms", self.mean_lag_ms)
        _check_replicas(self.replicas)
        _check_policy(self.promote)

    @property
    def mean(self) -> float:
        """Expected number of lost writes."""
        return sum(weight * r for weight, r in self._terms())

    @property
    def variance(self) -> float:
        """Variance, writes squared."""
        return sum(weight * (r + 2 * r * r) for weight, r in self._terms()) - self.mean**2

    @property
    def p_none(self) -> float:
        """Probability that nothing is lost."""
        return float(self.pmf(0))

    def pmf(self, lost: ArrayLike) -> Floats:
        """Return the probability of each number of lost writes: ndarray, shape of ``lost``."""
        n = np.asarray(lost, dtype=np.float64)
        return np.asarray(sum(weight * (r / (1 + r)) ** n / (1 + r) for weight, r in self._terms()))

    def _terms(self) -> list[tuple[float, float]]:
        """Return the geometric distributions that this one is made of: weight, mean."""
        r, k = self.rate_per_s * self.mean_lag_ms / 1000, self.replicas
        if self.promote == "worst":
            return [((-1) ** (j + 1) * comb(k, j), r / j) for j in range(1, k + 1)]
        return [(1.0, r / k if self.promote == "best" else r)]


def fixed_delay_loss(rate_per_s: float, delay_ms: float, ack_ms: float = 0.0) -> PoissonLoss:
    """Return what is lost if each write reaches the promoted replica ``delay_ms`` after it was made.

    Lost are the writes younger than the delay that are old enough to have been acknowledged: Poisson with mean
    rate x (delay - ack), or nothing where the acknowledgement comes later than the copy.

    Parameters
    ----------
    rate_per_s : float
        Writes a second.
    delay_ms, ack_ms : float
        From the write to its copy on the replica, and to the client's OK, ms.

    Source
    ------
    Kingman, *Poisson Processes*, 1993, section 1.4, over the time from T - delay to T - ack.
    """
    _check("rate_per_s", rate_per_s)
    _check("delay_ms", delay_ms)
    _check("ack_ms", ack_ms)
    return PoissonLoss(rate_per_s * max(0.0, delay_ms - ack_ms) / 1000)


def any_of_loss(rate_per_s: float, lags_ms: Sequence[float], wait_for: int, promote: Promote | int) -> float:
    """Return how many acknowledged writes are lost on average under ``ANY wait_for`` with fixed lags.

    The client has its OK once the ``wait_for``-th fastest replica has the write, so the promoted one lacks what was
    made between that lag and its own: rate x max(0, own lag - that lag). It is 0 for every replica among the
    fastest, and that is all that ``ANY`` promises.

    Parameters
    ----------
    lags_ms : sequence of float
        Each replica's lag, ms.
    wait_for : int
        How many must have a write; 0 is async.
    promote : {"best", "random", "worst"} or int
        Who takes over, or its number, from 1.

    Source
    ------
    `fixed_delay_loss` with ack = the ``wait_for``-th smallest lag.
    """
    _check("rate_per_s", rate_per_s)
    for lag in lags_ms:
        _check("lags_ms", lag)
    _check_replicas(len(lags_ms))
    _check_wait(wait_for, len(lags_ms))
    answered = sorted(lags_ms)[wait_for - 1] if wait_for else 0.0
    missing = [rate_per_s * max(0.0, lag - answered) / 1000 for lag in lags_ms]
    if isinstance(promote, int):
        if not 1 <= promote <= len(missing):
            raise ValueError(f"promote is {promote}: it must be from 1 to {len(missing)}.")
        return missing[promote - 1]
    _check_policy(promote)
    return {"best": min(missing), "worst": max(missing), "random": sum(missing) / len(missing)}[promote]


def in_order_loss(
    rate_per_s: float, mean_ms: float, replicas: int = 1, wait_for: int = 0, promote: Promote = "best"
) -> float:
    """Return how many acknowledged writes are lost on average if records travel in order with exponential delays.

    One slow record holds up all that follow it (head-of-line blocking), so more is lost than rate x mean delay: with
    one replica and r = rate x mean, it is 1 - exp(-r) + r Ein(r), where Ein(r) = ∫ (1 - exp(-y)) / y dy from 0 to r.

    Parameters
    ----------
    rate_per_s : float
        Writes a second.
    mean_ms : float
        Mean delay of a record, ms; each record and replica has its own, independent of the others.
    replicas : int
        How many there are, at least 1.
    wait_for : int
        How many must have a write before it is acknowledged, at once; 0 is async.
    promote : {"best", "random", "worst"}
        Who takes over.

    Source
    ------
    Derived here. Let X be the age of the oldest record still on its way to a replica; lost to it are this record and
    all later ones, 1 + rate x X on average, since later arrivals are independent of what is older. The records of age
    u that some of s replicas lack are a Poisson process of density rate x (1 - (1 - exp(-u / mean))^s) (M/G/∞;
    Kingman, *Poisson Processes*, 1993, section 5.1), so with p = exp(-x / mean) none of the s lacks one older than x
    with probability exp(-r Σ (1 - (1 - p)^i) / i), i = 1 … s. Inclusion and exclusion over the replicas gives the
    i-th smallest X. Under ``ANY q`` the q-th most advanced replica says what is acknowledged.
    """
    _check("rate_per_s", rate_per_s)
    _check("mean_ms", mean_ms)
    _check_replicas(replicas)
    _check_wait(wait_for, replicas)
    _check_policy(promote)
    r = rate_per_s * mean_ms / 1000
    behind = [_behind(r, replicas, place) for place in range(1, replicas + 1)]
    acknowledged = behind[wait_for - 1] if wait_for else 0.0
    missing = [max(0.0, writes - acknowledged) for writes in behind]
    return {"best": missing[0], "worst": missing[-1], "random": sum(missing) / replicas}[promote]


def in_order_losses(
    rate_per_s: float,
    delays: Delays,
    replicas: int = 1,
    wait_for: int = 0,
    promote: Promote = "best",
    records: int = 200_000,
    seed: int = 0,
) -> Ints:
    """Return the losses of many crashes of one long run in which records travel in order, by Monte Carlo.

    Parameters
    ----------
    delays : callable
        Draws delays, ms, given a generator and a shape.
    records : int
        Length of the run, writes. The first tenth is left out.

    Returns
    -------
    ndarray, shape (records // 10,)
        Lost writes at moments drawn at random, in order of time; neighbours are correlated.
    """
    _check_replicas(replicas)
    _check_wait(wait_for, replicas)
    _check_policy(promote)
    chance = np.random.default_rng(seed)
    made = np.cumsum(chance.exponential(1000 / rate_per_s, records))
    arrived = np.maximum.accumulate(made + delays(chance, (replicas, records)), axis=1)
    crashes = np.sort(chance.uniform(made[records // 10], made[-1], records // 10))
    head = np.sort([np.searchsorted(stream, crashes, side="right") for stream in arrived], axis=0)[::-1]
    acknowledged = head[wait_for - 1] if wait_for else np.searchsorted(made, crashes, side="right")
    if promote == "random":
        who = chance.integers(replicas, size=len(crashes))
    else:
        who = np.full(len(crashes), 0 if promote == "best" else replicas - 1)
    lost: Ints = np.maximum(acknowledged - head[who, np.arange(len(crashes))], 0)
    return lost


def patroni_bound(
    rate_per_s: float, record_bytes: float, maximum_lag_on_failover: float = 1_048_576, ttl_s: float = 30.0
) -> float:
    """Return how many writes a failover by Patroni may take at most in asynchronous mode.

    Patroni promotes no replica that lags more than ``maximum_lag_on_failover`` behind the leader's last known position;
    that position may be as old as the leader's lease.

    Parameters
    ----------
    rate_per_s : float
        Writes a second.
    record_bytes : float
        Log bytes of one write, more than 0.
    maximum_lag_on_failover : float
        Bytes of log; Patroni's default is 1 MiB.
    ttl_s : float
        Length of the lease, s; Patroni's default is 30.

    Source
    ------
    Patroni documentation, "Replication modes", section "Asynchronous mode durability": the worst case is
    maximum_lag_on_failover bytes plus what is written in the last ttl seconds.
    """
    _check("rate_per_s", rate_per_s)
    _check("maximum_lag_on_failover", maximum_lag_on_failover)
    _check("ttl_s", ttl_s)
    if not 0 < record_bytes < inf:
        raise ValueError(f"record_bytes is {record_bytes}: it must be more than 0.")
    return maximum_lag_on_failover / record_bytes + rate_per_s * ttl_s


def _behind(r: float, replicas: int, place: int) -> float:
    """Return by how many records the ``place``-th most advanced replica is behind on average."""
    from scipy.integrate import quad

    def none_older(p: float, count: int) -> float:
        return exp(-r * sum((1 - (1 - p) ** i) / i for i in range(1, count + 1)))

    def is_behind(p: float) -> float:
        """Return P(its oldest missing record is older than x): fewer than ``place`` replicas lack none of those."""
        total = sum(
            comb(replicas, n)
            * sum((-1) ** i * comb(replicas - n, i) * none_older(p, n + i) for i in range(replicas - n + 1))
            for n in range(place)
        )
        return float(total)

    if r == 0:
        return 0.0
    waited, _ = quad(lambda p: is_behind(p) / p, 0, 1, limit=400)  # dx = mean dp / p
    return is_behind(1.0) + r * float(waited)


def _check(name: str, value: float) -> None:
    if not 0 <= value < inf:
        raise ValueError(f"{name} is {value}: it must be a number from 0 up.")


def _check_replicas(replicas: int) -> None:
    if replicas < 1:
        raise ValueError(f"replicas is {replicas}: there must be at least 1.")


def _check_wait(wait_for: int, replicas: int) -> None:
    if not 0 <= wait_for <= replicas:
        raise ValueError(f"wait_for is {wait_for}: it must be from 0 to {replicas}, the number of replicas.")


def _check_policy(promote: object) -> None:
    if promote not in get_args(Promote):
        raise ValueError(f"promote is {promote!r}: it must be one of {', '.join(get_args(Promote))}.")
