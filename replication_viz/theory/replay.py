"""How far a replica falls behind when replay is a queue (chance) or a stream (too much work, a pause)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Waiting:
    """Mean times at one server that takes one write after the other, in service times of one write.

    Attributes
    ----------
    queueing : float
        From arrival until work begins.
    total : float
        From arrival until it is done: the replay lag of a write, over the cost of one write.
    """

    queueing: float

    @property
    def total(self) -> float:
        """Queueing and the write's own service."""
        return self.queueing + 1.0

    def total_quantile(self, share: float) -> float:
        """Return the time within which this share of the writes is done, for M/M/1, where it is exponential.

        Raises
        ------
        ValueError
            If the share is not in [0, 1).
        """
        if not 0 <= share < 1:
            raise ValueError(f"share is {share}: it must be at least 0 and less than 1.")
        return -math.log1p(-share) * self.total


def replay_queue(
    load: float, arrivals: Literal["poisson", "constant"] = "poisson", service_variation: float = 1.0
) -> Waiting:
    """Return how long writes wait for serial replay.

    Parameters
    ----------
    load : float
        Writes a second times the cost of one in seconds: at least 0; from 1 on the queue grows without bound.
    arrivals : {"poisson", "constant"}
        At random, or evenly spaced; then the service must be exponential (``service_variation`` 1).
    service_variation : float
        Squared coefficient of variation of the cost of one write: 0 constant, 1 exponential, more for a few heavy ones.

    Raises
    ------
    ValueError
        If a number is out of its range, or arrivals are constant and the service is not exponential.

    Source
    ------
    Pollaczek and Khinchine: W = ρ (1 + c²) / (2 (1 - ρ)) for M/G/1, with M/M/1 (c² = 1) and M/D/1 (c² = 0) inside;
    D/M/1: σ / (1 - σ) with σ = exp(-(1 - σ) / ρ). Cooper, *Introduction to Queueing Theory*, 2nd ed. 1981.

    Examples
    --------
    >>> replay_queue(0.8).queueing, round(replay_queue(0.8, service_variation=0).queueing, 3)
    (4.000000000000001, 2.0)
    """
    if not (load >= 0 and service_variation >= 0):
        raise ValueError(f"load is {load} and service_variation is {service_variation}: both must be at least 0.")
    if load >= 1:
        return Waiting(math.inf)
    if arrivals == "poisson":
        return Waiting(load * (1 + service_variation) / (2 * (1 - load)))
    if service_variation != 1:
        raise ValueError(f"service_variation is {service_variation}: where arrivals are constant it must be 1.")
    sigma = chance_to_wait(load)
    return Waiting(sigma / (1 - sigma))


def chance_to_wait(load: float) -> float:
    """Return σ of D/M/1: the chance that an evenly spaced write finds replay busy; 1 where the load is 1 or more.

    Source
    ------
    The root below 1 of σ = exp(-(1 - σ) / ρ): Cooper 1981, section 5.11.
    """
    if load >= 1:
        return 1.0
    if load <= 0:
        return 0.0
    from scipy.special import lambertw

    # With u = -σ/ρ the equation reads u exp(u) = -exp(-1/ρ)/ρ; the principal branch is the root below 1.
    return float(-load * lambertw(-math.exp(-1 / load) / load).real)


@dataclass(frozen=True)
class Backlog:
    """Writes that wait for replay, and the two things that "seconds behind" may mean.

    Attributes
    ----------
    writes : float
        How many wait.
    age_s : float
        How old the oldest of them is, s: how old the data are that a reader sees. This is what PostgreSQL's
        ``replay_lag`` and the age of the last replayed transaction measure.
    drain_s : float
        How long replay would need for them if no more came, s: how long a failover waits before it may promote.
    """

    writes: float
    age_s: float
    drain_s: float


def overload(writes_per_s: float, replayed_per_s: float, for_s: float) -> Backlog:
    """Return the backlog after a spell in which more is written than replay can do.

    Parameters
    ----------
    writes_per_s, replayed_per_s : float
        Rates, writes a second, greater than 0.
    for_s : float
        Length of the spell, s, at least 0.

    Raises
    ------
    ValueError
        If a rate is not positive or the spell is negative.

    Source
    ------
    A fluid queue (Newell, *Applications of Queueing Theory*, 2nd ed. 1982, chapter 2): the backlog grows by
    λ - μ. Its age grows by 1 - μ/λ a second, its drain time by λ/μ - 1: at twice the load the data grow older by half
    a second a second, and each second of it costs a whole one to catch up.
    """
    _positive(writes_per_s=writes_per_s, replayed_per_s=replayed_per_s)
    if for_s < 0:
        raise ValueError(f"for_s is {for_s}: it must be at least 0.")
    waiting = max(0.0, writes_per_s - replayed_per_s) * for_s
    return Backlog(waiting, waiting / writes_per_s, waiting / replayed_per_s)


def catch_up_s(backlog_writes: float, writes_per_s: float, replayed_per_s: float) -> float:
    """Return how long a backlog takes to go while writes keep coming, s; infinite where replay is not the faster.

    Source
    ------
    The same fluid queue: what is replayed beyond what arrives, μ - λ, eats the backlog.

    Examples
    --------
    >>> catch_up_s(1_200 * 800, 800, 1_000) / 60
    80.0
    """
    _positive(writes_per_s=writes_per_s, replayed_per_s=replayed_per_s)
    if backlog_writes <= 0:
        return 0.0
    spare = replayed_per_s - writes_per_s
    return backlog_writes / spare if spare > 0 else math.inf


@dataclass(frozen=True)
class Pause:
    """What a pause of replay does, such as a report that blocks it.

    Attributes
    ----------
    peak_lag_s : float
        The largest replay lag, s: as long as the pause.
    catch_up_s : float
        From the end of the pause until the replica has caught up, s; infinite at full load.
    """

    peak_lag_s: float
    catch_up_s: float
    load: float

    def lag_s(self, after_s: float) -> float:
        """Return the replay lag so many seconds after the pause has ended, s."""
        if self.load == 0:
            return 0.0 if after_s > 0 else self.peak_lag_s
        return max(0.0, self.peak_lag_s - after_s * (1 / self.load - 1))


def replay_pause(pause_s: float, load: float) -> Pause:
    """Return what a pause of replay does at a steady load.

    Parameters
    ----------
    pause_s : float
        How long replay stands still, s, at least 0.
    load : float
        Share of its capacity that replay uses otherwise, at least 0.

    Raises
    ------
    ValueError
        If a number is negative.

    Source
    ------
    A fluid queue: Q ρ / (1 - ρ) to catch up; after the pause the lag falls by 1/ρ - 1 a second.

    Examples
    --------
    >>> twenty_minutes = replay_pause(20 * 60, load=0.8)
    >>> round(twenty_minutes.catch_up_s / 60, 6)
    80.0
    """
    if not (pause_s >= 0 and load >= 0):
        raise ValueError(f"pause_s is {pause_s} and load is {load}: both must be at least 0.")
    return Pause(pause_s, pause_s * load / (1 - load) if load < 1 else math.inf, load)


def _positive(**rates: float) -> None:
    for name, rate in rates.items():
        if not rate > 0:
            raise ValueError(f"{name} is {rate}: it must be greater than 0.")
