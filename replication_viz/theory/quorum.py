"""Quorums as sets: how often a read misses a write when nothing spreads it further, and how often a quorum is up.

Here a quorum is chosen at random, and each anew. What delays do to quorums is in `pbs`, what products call their
quorums in `levels`.
"""

from __future__ import annotations

import math

from .availability import at_least_k_up


def least_overlap(n: int, r: int, w: int) -> int:
    """Return how many replicas any read quorum shares with any write quorum at least: R + W - N, or 0.

    Source
    ------
    D. K. Gifford, "Weighted Voting for Replicated Data", SOSP 1979: R + W > N makes an empty overlap impossible.

    Examples
    --------
    >>> least_overlap(3, 2, 2), least_overlap(3, 1, 1)
    (1, 0)
    """
    check_sizes(n, r, w)
    return max(0, r + w - n)


def miss_probability(n: int, r: int, w: int) -> float:
    """Return the probability that a random read quorum shares no replica with a random write quorum.

    Parameters
    ----------
    n, r, w : int
        Replicas, read quorum, write quorum; 1 <= r, w <= n.

    Raises
    ------
    ValueError
        If a size is out of its range.

    Source
    ------
    C(N - W, R) / C(N, R): Malkhi, Reiter, Wool & Wright, "Probabilistic Quorum Systems", Information and
    Computation 170(2), 2001. W counts those that hold the version when the read comes, so of a write that was
    acknowledged by W and meanwhile reached c replicas the miss is ``miss_probability(n, r, c)``; and where a sloppy
    quorum left c of the N home replicas with the version, readers of these miss it as if W were c, whatever W was.

    Examples
    --------
    >>> miss_probability(5, 2, 1), miss_probability(5, 3, 3)
    (0.6, 0.0)
    """
    check_sizes(n, r, w)
    return math.comb(n - w, r) / math.comb(n, r)


def within_versions(n: int, r: int, w: int, versions: int) -> float:
    """Return the probability that a read returns one of the last so many versions, or a newer one.

    Parameters
    ----------
    versions : int
        k; 1 asks for the latest.

    Source
    ------
    1 - (C(N - W, R) / C(N, R))^k: Bailis et al., "Probabilistically Bounded Staleness for Practical Partial
    Quorums", PVLDB 5(8), 2012, section 3.1 (k-staleness). Each write's quorum is chosen anew, and nothing spreads.

    Examples
    --------
    >>> round(within_versions(3, 1, 1, versions=2), 6)
    0.555556
    """
    if versions < 1:
        raise ValueError(f"versions is {versions}: it must be at least 1.")
    return 1 - miss_probability(n, r, w) ** versions


def monotonic_reads(n: int, r: int, w: int, writes_per_read: float, strict: bool = False) -> float:
    """Return the probability that a client's read is not older than its read before.

    Parameters
    ----------
    writes_per_read : float
        Writes of the item by anybody for each read of it by this client, at least 0.
    strict : bool
        Whether it must be newer than the read before, which without a write it never is.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Source
    ------
    Bailis et al. 2012, section 3.2: k-staleness with k = 1 + writes per read; strictly, k = writes per read. The
    client's last read is taken to have returned what was the latest then.

    Examples
    --------
    >>> round(monotonic_reads(3, 1, 1, writes_per_read=4), 4)
    0.8683
    """
    if not 0 <= writes_per_read < math.inf:
        raise ValueError(f"writes_per_read is {writes_per_read}: it must be a number from 0 up.")
    return 1 - math.pow(miss_probability(n, r, w), writes_per_read + (0 if strict else 1))


def quorum_availability(n: int, needed: int, p_up: float, fallbacks: int = 0) -> float:
    """Return the share of time in which an operation finds its quorum.

    Parameters
    ----------
    n : int
        Replicas of the key, at least 1.
    needed : int
        R for a read, W for a write; 1 to n.
    p_up : float
        Probability that one node is up, 0 to 1, each on its own.
    fallbacks : int
        Further nodes of the ring that take the place of replicas that are down (sloppy quorum); 0 for a strict one.

    Source
    ------
    The binomial tail over n + fallbacks nodes. DeCandia et al., "Dynamo", SOSP 2007, section 4.6: reads and writes
    go to the first N healthy nodes, so a key is unavailable only when fewer than W nodes are left at all. What a
    stand-in holds is seen by nobody who does not ask that stand-in, until it is handed over: availability is bought
    with overlap.

    Examples
    --------
    >>> round(quorum_availability(3, 3, 0.99), 6), round(quorum_availability(3, 3, 0.99, fallbacks=2), 6)
    (0.970299, 0.99999)
    """
    if not 1 <= needed <= n:
        raise ValueError(f"needed is {needed}: it must be from 1 to n = {n}.")
    if fallbacks < 0:
        raise ValueError(f"fallbacks is {fallbacks}: it must be at least 0.")
    return at_least_k_up(n + fallbacks, needed, p_up)


def check_sizes(n: int, r: int, w: int) -> None:
    """Raise if there can be no read quorum of r and write quorum of w among n replicas."""
    if n < 1:
        raise ValueError(f"n is {n}: there must be at least 1 replica.")
    for name, size in (("r", r), ("w", w)):
        if not 1 <= size <= n:
            raise ValueError(f"{name} is {size}: it must be from 1 to n = {n}.")
