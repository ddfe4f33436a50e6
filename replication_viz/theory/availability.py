"""How often enough nodes are up, if each is up or down on its own."""

from __future__ import annotations


def at_least_k_up(n: int, k: int, p_up: float) -> float:
    """Return the probability that at least k of n independent nodes are up.

    Parameters
    ----------
    n, k : int
        At least 0; more than n are never up.
    p_up : float
        Probability that one node is up, 0 to 1.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Source
    ------
    The binomial tail. Real nodes share racks, software and operators, so this is the hopeful end of the scale.
    """
    from scipy.stats import binom

    if n < 0 or k < 0:
        raise ValueError(f"n is {n} and k is {k}: both must be at least 0.")
    if not 0 <= p_up <= 1:
        raise ValueError(f"p_up is {p_up}: it must be from 0 to 1.")
    return float(binom.sf(k - 1, n, p_up))


def write_availability(ack: str, replicas: int, p_up: float, p_leader: float = 1.0) -> float:
    """Return the share of time in which writes are answered: the leader up, and as many replicas as the rule waits for.

    Parameters
    ----------
    ack : str
        The rule, as in `Scenario.ack`.
    replicas : int
        How many replicas there are, s1, s2, …
    p_up, p_leader : float
        Probability that one replica, and that the leader, is up, 0 to 1.

    Source
    ------
    A series system of the leader and a k-out-of-m system of the listed replicas: Barlow & Proschan, *Mathematical
    Theory of Reliability*, 1965, chapter 2. ``FIRST k`` and ``ANY k`` of m names block alike: with fewer than k of
    the m connected. So one named standby multiplies a factor below one onto what async has.

    Examples
    --------
    >>> write_availability("async", 3, p_up=0.99, p_leader=0.999)
    0.999
    >>> round(write_availability("s1", 3, p_up=0.99, p_leader=0.999), 5)
    0.98901
    """
    from ..scenario import Scenario

    scenario = Scenario(ack=ack, replicas=replicas)
    rule = scenario.sync_rule()
    return p_leader * at_least_k_up(len(rule.candidates(scenario.standbys)), rule.count, p_up)
