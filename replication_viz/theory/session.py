"""What a session sees that writes on the leader and reads from replicas: how often it is told old things, at what cost.

The lag of a replica is how old its data are. Random lags are exponential and independent of one another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Literal


def stale_after_write(
    mean_lag_ms: float,
    think_ms: float,
    leader_share: float = 0.0,
    pin_ms: float = 0.0,
    think: Literal["fixed", "exponential"] = "fixed",
) -> float:
    """Return the probability that a session does not see its own write when it reads after a while.

    Parameters
    ----------
    mean_lag_ms, think_ms : float
        Mean lag of a replica, and the time from the answer to the write until the read, ms, at least 0.
    leader_share : float
        Share of the reads, 0 to 1, that go to the leader whatever has been written before.
    pin_ms : float
        For so long after a write its session reads from the leader, ms, at least 0.
    think : {"fixed", "exponential"}
        Whether the session always takes ``think_ms``, or that is the mean of an exponential time.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Source
    ------
    P(lag > t) = exp(-t / mean) at the moment of the read; (1 - f) of it where a share f of the reads goes to the
    leader. With an exponential time to think of mean τ, integrating from the end of the pin p on gives
    m / (m + τ) exp(-p (1/m + 1/τ)): the race of two exponentials (Ross, *Introduction to Probability Models*,
    section 5.2.3). Routing at random among replicas of the same lag changes nothing.

    Examples
    --------
    >>> round(stale_after_write(300, think_ms=100), 4)
    0.7165
    >>> stale_after_write(300, think_ms=100, leader_share=0.5) == stale_after_write(300, think_ms=100) / 2
    True
    >>> stale_after_write(300, think_ms=100, pin_ms=1_000)
    0.0
    """
    _check(mean_lag_ms=mean_lag_ms, think_ms=think_ms, pin_ms=pin_ms)
    _check_share(leader_share)
    if mean_lag_ms == 0:
        return 0.0
    if think == "fixed" or think_ms == 0:
        behind = math.exp(-think_ms / mean_lag_ms) if think_ms >= pin_ms else 0.0
    else:
        both = mean_lag_ms + think_ms
        behind = mean_lag_ms / both * math.exp(-pin_ms * both / (mean_lag_ms * think_ms))
    return (1 - leader_share) * behind


def fallback_to_leader(mean_lag_ms: float, think_ms: float, replicas: int = 1, wait_ms: float = 0.0) -> float:
    """Return the share of reads that LSN tracking sends to the leader: no replica has the write in time.

    Parameters
    ----------
    mean_lag_ms, think_ms : float
        As for `stale_after_write`.
    replicas : int
        How many are asked, at least 1.
    wait_ms : float
        How long a read waits for one of them, ms, at least 0.

    Source
    ------
    All k lags must be longer than think + wait: exp(-k (think + wait) / mean). The read sees its write in any case.

    Examples
    --------
    >>> round(fallback_to_leader(50, think_ms=200), 4)
    0.0183
    """
    _check(mean_lag_ms=mean_lag_ms, think_ms=think_ms, wait_ms=wait_ms)
    _check_replicas(replicas)
    return math.exp(-replicas * (think_ms + wait_ms) / mean_lag_ms) if mean_lag_ms else 0.0


def wait_for_replica(mean_lag_ms: float, think_ms: float, replicas: int = 1, limit_ms: float = math.inf) -> float:
    """Return how long a read waits on average, ms, until one of the replicas has the session's write.

    Parameters
    ----------
    mean_lag_ms, think_ms, replicas
        As for `fallback_to_leader`.
    limit_ms : float
        After so long the read goes to the leader, ms, at least 0.

    Source
    ------
    The mean of a wait cut off at a limit is the integral of P(wait > x) from 0 to it:
    (mean / k) exp(-k think / mean) (1 - exp(-k limit / mean)).
    """
    _check(mean_lag_ms=mean_lag_ms, think_ms=think_ms, limit_ms=limit_ms)
    _check_replicas(replicas)
    least_lag_ms = mean_lag_ms / replicas
    if least_lag_ms == 0:
        return 0.0
    return least_lag_ms * math.exp(-think_ms / least_lag_ms) * -math.expm1(-limit_ms / least_lag_ms)


def pinned_share(writes_per_s: float, pin_ms: float) -> float:
    """Return the share of a session's reads that a pin sends to the leader.

    Parameters
    ----------
    writes_per_s : float
        Writes of one session a second, at random (Poisson), at least 0.
    pin_ms : float
        For so long after a write the session reads from the leader, ms, at least 0.

    Source
    ------
    P(a write in the last pin_ms) = 1 - exp(-rate x pin): Kingman, *Poisson Processes*, 1993, section 1.4. Reads come
    at any moment, whatever has been written.
    """
    _check(writes_per_s=writes_per_s, pin_ms=pin_ms)
    return -math.expm1(-writes_per_s * pin_ms / 1000)


def monotonic_read_violation(
    writes_per_s: float, lags_ms: Sequence[float], gap_ms: float, routing: Literal["random", "round_robin"] = "random"
) -> float:
    """Return the probability that the second of two reads of a session shows an older value than the first.

    Parameters
    ----------
    writes_per_s : float
        Writes to the key a second, at random (Poisson), at least 0.
    lags_ms : sequence of float
        The fixed lag of each replica, ms, at least 0.
    gap_ms : float
        Time between the two reads, ms, at least 0.
    routing : {"random", "round_robin"}
        Whether each read goes to a replica drawn anew, or to the next in turn.

    Raises
    ------
    ValueError
        If a number is out of its range, or there is no replica.

    Source
    ------
    The first read sees what was written until t - a, the second until t + gap - b, for lags a and b. It goes back if
    a write falls between: 1 - exp(-rate x max(0, b - a - gap)). Averaged over the pairs that the routing brings. A
    session that stays with one replica has pairs with a = b only: 0.

    Examples
    --------
    >>> round(monotonic_read_violation(10, (10, 300), gap_ms=50), 5)
    0.22732
    >>> monotonic_read_violation(10, (300,), gap_ms=50)
    0.0
    """
    _check(writes_per_s=writes_per_s, gap_ms=gap_ms)
    _check_replicas(len(lags_ms))
    for lag in lags_ms:
        _check(lags_ms=lag)
    if routing == "random":
        pairs = list(product(lags_ms, lags_ms))
    else:
        pairs = list(zip(lags_ms, [*lags_ms[1:], lags_ms[0]], strict=True))
    return sum(-math.expm1(-writes_per_s * max(0.0, b - a - gap_ms) / 1000) for a, b in pairs) / len(pairs)


def _check(**numbers: float) -> None:
    for name, value in numbers.items():
        if not value >= 0:
            raise ValueError(f"{name} is {value}: it must be at least 0.")


def _check_share(leader_share: float) -> None:
    if not 0 <= leader_share <= 1:
        raise ValueError(f"leader_share is {leader_share}: it must be from 0 to 1.")


def _check_replicas(replicas: int) -> None:
    if replicas < 1:
        raise ValueError(f"replicas is {replicas}: there must be at least 1.")
