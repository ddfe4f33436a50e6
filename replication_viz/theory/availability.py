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
