"""Conflicts between leaders: how many writes did not know of each other, and what last-write-wins makes of them.

Writes to one key arrive at random (Poisson) at each leader, independent of the others. Every rate is that of the writes
to *one* key: a rate that spreads evenly over keys is divided by their number first. In each formula a write asks the
same question: how long is the window in which a write of the other leader would matter to me?
"""

from __future__ import annotations

from math import expm1, inf, isnan


def conflicting_share(other_rate_per_s: float, delay_ms: float, back_ms: float | None = None) -> float:
    """Return the share of a leader's writes that are concurrent with at least one write of another leader.

    Parameters
    ----------
    other_rate_per_s : float
        Writes a second of the other leader to the same key; of several others with equal delays, their sum.
    delay_ms, back_ms : float
        From a write until the other leader has it, and the other way round, ms; ``back_ms`` is as ``delay_ms`` if
        left out.

    Raises
    ------
    ValueError
        If a number is negative.

    Source
    ------
    Derived here. Two writes are concurrent if neither had arrived when the other was made: the other's must fall
    within ``back_ms`` before or ``delay_ms`` after. No Poisson arrival in a window w has probability exp(-rate x w)
    (Kingman, *Poisson Processes*, 1993, section 1.4).

    Examples
    --------
    >>> round(conflicting_share(0.1, delay_ms=150), 4)
    0.0296
    """
    _check(other_rate_per_s=other_rate_per_s)
    return _share(other_rate_per_s, _both_ways(delay_ms, back_ms))


def concurrent_pairs_per_s(
    rate_per_s: float, other_rate_per_s: float, delay_ms: float, back_ms: float | None = None
) -> float:
    """Return how many pairs of concurrent writes two leaders make a second, to one key.

    Parameters
    ----------
    rate_per_s, other_rate_per_s : float
        Writes a second of each leader to the key.
    delay_ms, back_ms : float
        As in `conflicting_share`.

    Source
    ------
    Each write meets rate x window of the other's, the window as in `conflicting_share` (Campbell's theorem; Kingman,
    *Poisson Processes*, 1993, section 3.2).

    Examples
    --------
    >>> round(concurrent_pairs_per_s(0.1, 0.1, delay_ms=150), 4)
    0.003
    """
    _check(rate_per_s=rate_per_s, other_rate_per_s=other_rate_per_s)
    return rate_per_s * other_rate_per_s * _both_ways(delay_ms, back_ms) / 1000


def lww_newer_dropped_share(other_rate_per_s: float, ahead_ms: float, delay_ms: float = inf) -> float:
    """Return the share of a leader's writes that last-write-wins drops in favour of an *older* write.

    Parameters
    ----------
    other_rate_per_s : float
        Writes a second of the leader whose clock is ahead, to the same key.
    ahead_ms : float
        By how much that clock is ahead of this leader's, ms. If it is behind (negative), nothing newer is dropped here.
    delay_ms : float, optional
        With hybrid logical clocks: how long the other leader's write is on its way here, ms. Leave it out for
        wall clocks, to which it makes no difference.

    Source
    ------
    Derived here. An older write wins if it was made less than ``ahead_ms`` ago, for its timestamp then lies in the
    future of this clock. A hybrid clock steps over the timestamp of every write that has arrived, so only the last
    ``delay_ms`` remain: it still drops newer writes that are concurrent, and no longer those that had seen the older
    one.

    Examples
    --------
    >>> round(lww_newer_dropped_share(1, ahead_ms=500), 4)
    0.3935
    >>> round(lww_newer_dropped_share(1, ahead_ms=500, delay_ms=80), 4)
    0.0769
    """
    _check(other_rate_per_s=other_rate_per_s, delay_ms=delay_ms)
    _check_number(ahead_ms)
    return _share(other_rate_per_s, min(max(0.0, ahead_ms), delay_ms))


def lww_lost_share(other_rate_per_s: float, delay_ms: float, ahead_ms: float = 0.0) -> float:
    """Return the share of a leader's writes that last-write-wins by wall clock loses to one that had not seen them.

    What only those overwrite who had seen it is not lost. All else is: beaten by a concurrent write with a greater
    timestamp, or by an older one of a clock that is ahead. A write counts even if its own leader has written the key
    again meanwhile. Siblings and CRDTs lose none of these.

    Parameters
    ----------
    other_rate_per_s : float
        Writes a second of the other leader to the same key.
    delay_ms : float
        From a write until the other leader has it, ms.
    ahead_ms : float, optional
        By how much the other leader's clock is ahead, ms; negative if it is behind.

    Source
    ------
    Derived here. The other's write must be newer than ``ahead_ms`` before this one to have the greater timestamp, and
    older than ``delay_ms`` after it not to have seen it: a window of ``delay_ms`` + ``ahead_ms``.

    Examples
    --------
    >>> round(lww_lost_share(1, delay_ms=100), 4), round(lww_lost_share(1, delay_ms=100, ahead_ms=500), 4)
    (0.0952, 0.4512)
    """
    _check(other_rate_per_s=other_rate_per_s, delay_ms=delay_ms)
    _check_number(ahead_ms)
    return _share(other_rate_per_s, max(0.0, delay_ms + ahead_ms))


def keys_in_conflict(rate_per_s: float, other_rate_per_s: float, partition_s: float, keys: int) -> float:
    """Return how many keys both sides of a partition have written by its end, on average.

    Parameters
    ----------
    rate_per_s, other_rate_per_s : float
        Writes a second of each side, to all keys together; each write picks its key evenly.
    partition_s : float
        How long the partition lasts, s.
    keys : int
        At least 1.

    Source
    ------
    Derived here. A side's writes to one key are Poisson with mean rate x time / keys, so it was written with
    probability 1 - exp(-mean); both sides are independent.

    Examples
    --------
    >>> round(keys_in_conflict(100, 100, partition_s=10, keys=10_000), 1)
    90.6
    """
    _check(rate_per_s=rate_per_s, other_rate_per_s=other_rate_per_s, partition_s=partition_s)
    if keys < 1:
        raise ValueError(f"keys is {keys}: there must be at least 1.")
    ms = 1000 * partition_s / keys
    return keys * _share(rate_per_s, ms) * _share(other_rate_per_s, ms)


def _share(rate_per_s: float, window_ms: float) -> float:
    """Return the probability of at least one write within a window."""
    return -expm1(-rate_per_s * window_ms / 1000) if rate_per_s else 0.0


def _both_ways(delay_ms: float, back_ms: float | None) -> float:
    back_ms = delay_ms if back_ms is None else back_ms
    _check(delay_ms=delay_ms, back_ms=back_ms)
    return delay_ms + back_ms


def _check(**numbers: float) -> None:
    for name, value in numbers.items():
        if not value >= 0:
            raise ValueError(f"{name} is {value}: it must be at least 0.")


def _check_number(ahead_ms: float) -> None:
    if isnan(ahead_ms):
        raise ValueError(f"ahead_ms is {ahead_ms}: it must be a number.")
