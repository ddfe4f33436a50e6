"""Probabilistically bounded staleness: the WARS model of a write and the read after it, by Monte Carlo.

The coordinator sends the write to all N replicas and answers after W acknowledgements. A read, begun t ms later, goes
to all N and answers after R responses. It is stale if the write had reached none of those R when the request came by.
Nothing else spreads the version: read repair, anti-entropy and failures are the engine's matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..chance import Legs, Proportion, wilson
from .quorum import check_sizes
from .tally import Tally

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_AT_ONCE = 1 << 18  # delays of one leg drawn together: small enough for the cache, and to need little memory


@dataclass(frozen=True)
class Curve:
    """The probability of a fresh read over the time since the write committed.

    Attributes
    ----------
    t_ms, fresh, low, high : ndarray, shape (n_times,)
        Time, ms; the estimate; the interval that the probability is likely in.
    """

    t_ms: Floats
    fresh: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Choice:
    """What one choice of R and W costs and gives.

    Attributes
    ----------
    r, w : int
        Sizes of the quorums.
    read_ms, write_ms : float
        Latencies that the share asked for stays within, ms.
    visible_ms : float
        Time after the commit from which that share of the reads is fresh, ms.
    fresh : Proportion
        Probability that a read begun at the moment of the commit is fresh.
    """

    r: int
    w: int
    read_ms: float
    write_ms: float
    visible_ms: float
    fresh: Proportion


@dataclass(frozen=True, eq=False)
class Wars:
    """What the trials of `wars` found, for every R and W from 1 to n at once.

    Attributes
    ----------
    n : int
        Replicas.
    trials : int
        Writes, each with a read.
    versions : int
        How many of the last versions were followed.
    """

    n: int
    trials: int
    versions: int
    _needed: Mapping[tuple[int, int, int], Tally] = field(repr=False)
    _reads: tuple[Tally, ...] = field(repr=False)
    _writes: tuple[Tally, ...] = field(repr=False)

    def fresh(self, r: int, w: int, t_ms: float = 0.0, within: int = 1, confidence: float = 0.95) -> Proportion:
        """Return the probability that a read begun t_ms after the commit is fresh.

        Parameters
        ----------
        r, w : int
            Sizes of the quorums, 1 to n. With r + w > n every read is fresh: certain, so the interval is a point.
        t_ms : float
            ms, at least 0.
        within : int
            How many of the last versions count as fresh, 1 to versions.
        confidence : float
            Of the interval: `wilson`'s for so many independent reads, so rather too wide than too narrow.

        Raises
        ------
        ValueError
            If a number is out of its range.
        """
        curve = self.curve(r, w, [t_ms], within, confidence)
        return Proportion(float(curve.fresh[0]), float(curve.low[0]), float(curve.high[0]))

    def curve(self, r: int, w: int, t_ms: ArrayLike, within: int = 1, confidence: float = 0.95) -> Curve:
        """Return the probability of a fresh read at each of many times, as `fresh` does at one: the t-visibility."""
        times = np.asarray(t_ms, dtype=np.float64)
        if times.size and not times.min() >= 0:
            raise ValueError(f"t_ms is {times.min()}: it must be at least 0.")
        needed = self._tally(r, w, within)
        if needed is None:
            sure = np.ones_like(times)
            return Curve(times, sure, sure, sure)
        hits = needed.within(times) / self.n  # of n rotations of each trial
        return Curve(times, hits / self.trials, *wilson(hits, self.trials, confidence))

    def visible_ms(self, r: int, w: int, share: float = 0.999, within: int = 1) -> float:
        """Return the time after the commit from which at least this share of the reads is fresh, ms."""
        needed = self._tally(r, w, within)
        return 0.0 if needed is None else needed.quantile(share)

    def read_ms(self, r: int, share: float = 0.999) -> float:
        """Return the latency that a share (0 to 1) of the reads stays within, ms."""
        return self._reads[self._place("r", r)].quantile(share)

    def write_ms(self, w: int, share: float = 0.999) -> float:
        """Return the latency that a share (0 to 1) of the writes stays within, ms."""
        return self._writes[self._place("w", w)].quantile(share)

    def mean_read_ms(self, r: int) -> float:
        """Return the mean latency of reads, ms."""
        return self._reads[self._place("r", r)].mean

    def mean_write_ms(self, w: int) -> float:
        """Return the mean latency of writes, ms."""
        return self._writes[self._place("w", w)].mean

    def choices(self, share: float = 0.999) -> list[Choice]:
        """Return latency against staleness for every R and W, by R, then W."""
        return [
            Choice(
                r, w, self.read_ms(r, share), self.write_ms(w, share), self.visible_ms(r, w, share), self.fresh(r, w)
            )
            for r in range(1, self.n + 1)
            for w in range(1, self.n + 1)
        ]

    def _tally(self, r: int, w: int, within: int) -> Tally | None:
        """Return how long after the commit a read had to begin to be fresh, or None if every read is fresh."""
        check_sizes(self.n, r, w)
        if not 1 <= within <= self.versions:
            raise ValueError(f"within is {within}: it must be from 1 to {self.versions}, the versions followed.")
        return None if r + w > self.n else self._needed[r, w, within]

    def _place(self, name: str, size: int) -> int:
        if not 1 <= size <= self.n:
            raise ValueError(f"{name} is {size}: it must be from 1 to n = {self.n}.")
        return size - 1


def wars(
    legs: Legs, n: int = 3, trials: int = 1_000_000, seed: int = 0, versions: int = 1, apart_ms: float = 0.0
) -> Wars:
    """Return how fresh reads are and how long operations take, by Monte Carlo.

    Parameters
    ----------
    legs : Legs
        How long messages take; `DELAY_FITS` has the published ones.
    n : int
        Replicas, at least 1.
    trials : int
        At least 1. Memory does not grow with it: 1.5 MB for each partial quorum, version and latency.
    seed : int
        Same seed, same numbers. Each leg has its own stream of chance.
    versions : int
        How many of the last versions to follow (k-staleness), at least 1.
    apart_ms : float
        From the commit of one version to that of the next, ms, at least 0.

    Raises
    ------
    ValueError
        If a number is out of its range, or a leg draws what is no delay.

    Source
    ------
    Bailis et al., PVLDB 5(8), 2012, sections 4.1 and 5.1. With w_t, the W-th smallest W + A, a read is fresh if for
    any of the R replicas with the smallest R + S: w_t + t + R >= W. (The paper prints the condition of the opposite,
    w_t + R + t <= W, as if it were this one.) So each trial has one time from which its read would be fresh,
    min(W - R) - w_t, and no t needs trials of its own. As replicas are alike, each read is also tried with its replicas
    taken for others of the write, in n rotations: more precise for the same draws.

    Examples
    --------
    >>> from replication_viz.theory import DELAY_FITS
    >>> disk = wars(DELAY_FITS["LNKD-DISK"], trials=100_000)
    >>> round(disk.fresh(1, 1, t_ms=10).value, 2), disk.fresh(2, 2).value
    (0.93, 1.0)
    """
    check_sizes(n, 1, 1)
    _check_at_least(trials=(trials, 1), versions=(versions, 1), apart_ms=(apart_ms, 0))
    sizes = [(r, w) for r in range(1, n) for w in range(1, n - r + 1)]
    needed = {(r, w, k): Tally() for r, w in sizes for k in range(1, versions + 1)}
    reads, writes = (tuple(Tally() for _ in range(n)) for _ in range(2))
    read_chance = _streams(seed, "read", "RS")
    write_chances = [_streams(seed, f"write {age}", "WA") for age in range(versions)]
    at_once = max(1, _AT_ONCE // n)
    for done in range(0, trials, at_once):
        count = min(at_once, trials - done)
        request, response = legs.draw_read(read_chance, n, count)
        order = np.argsort(request + response, axis=0, kind="stable")
        _add_rows(reads, np.take_along_axis(request + response, order, axis=0))
        sent = [legs.draw_write(chance, n, count) for chance in write_chances]
        written = [(there, np.sort(there + back, axis=0)) for there, back in sent]
        _add_rows(writes, written[0][1])
        for turn in range(n):
            _compare(request, order, written, turn, apart_ms, needed)
    return Wars(n, trials, versions, needed, reads, writes)


def upward_search_ms(t_ms: ArrayLike, fresh: ArrayLike, trials: int, share: float = 0.999) -> float:
    """Return where a search upward in t stops on average, if each t has trials of its own and the first to do ends it.

    Each t before the true one is a further chance to stop too early, so the answer is too low: this is why printed
    figures of t-visibility are lower than those of `Wars.visible_ms`.

    Parameters
    ----------
    t_ms : array_like, shape (n_times,)
        The times tried, ms, ascending.
    fresh : array_like, shape (n_times,)
        The true probability of a fresh read at each.
    trials : int
        Trials at each, at least 1.
    share : float
        Share of fresh reads at which the search stops, 0 to 1.

    Raises
    ------
    ValueError
        If a number is out of its range, or the search may pass the last time.

    Source
    ------
    The procedure of Bailis et al. 2012 (50,000 trials at each t, ``Simulator.java``); its mean from the binomial
    chance to stop at each t.
    """
    from scipy.stats import binom

    times, probabilities = np.asarray(t_ms, dtype=np.float64), np.asarray(fresh, dtype=np.float64)
    _check_at_least(trials=(trials, 1))
    if not 0 <= share <= 1 or times.shape != probabilities.shape:
        raise ValueError(f"share is {share}, with {times.size} times and {probabilities.size} probabilities.")
    allowed = np.floor((1 - share) * trials + 1e-9)
    stops = binom.cdf(allowed, trials, 1 - probabilities)
    reached = np.concatenate([[1.0], np.cumprod(1 - stops)])
    if reached[-1] > 1e-6:
        raise ValueError(f"the search passes {times[-1]:g} ms with probability {reached[-1]:.2g}: add later times.")
    return float((times * stops * reached[:-1]).sum())


def _compare(
    request: Floats,
    order: Ints,
    written: list[tuple[Floats, Floats]],
    turn: int,
    apart_ms: float,
    needed: Mapping[tuple[int, int, int], Tally],
) -> None:
    """Count how long after the commit each read had to begin, the read's replicas numbered from ``turn`` on.

    Parameters
    ----------
    request, order : ndarray, shape (n, n_trials)
        R of each replica, ms; the replicas by when their responses came.
    written : list of two ndarrays, shape (n, n_trials)
        For each version, the latest first: W of each replica, and W + A in ascending order, ms.
    """
    soonest: dict[tuple[int, int], Floats] = {}
    for age, (there, committed) in enumerate(written):
        late = np.take_along_axis(np.roll(there, turn, axis=0) - request, order, axis=0)
        seen = np.minimum.accumulate(late, axis=0)  # row R - 1: from the sending of the write, by any of R replicas
        for r, w, within in needed:
            if within == age + 1:
                need = seen[r - 1] - committed[w - 1] - age * apart_ms
                soonest[r, w] = np.minimum(soonest[r, w], need) if age else need
                needed[r, w, within].add(soonest[r, w])


def _streams(seed: int, operation: str, legs: str) -> dict[str, np.random.Generator]:
    return {name: np.random.default_rng([seed, crc32(f"{operation} {name}".encode())]) for name in (*legs, "near")}


def _add_rows(tallies: tuple[Tally, ...], rows: Floats) -> None:
    for tally, row in zip(tallies, rows, strict=True):
        tally.add(row)


def _check_at_least(**numbers: tuple[float, float]) -> None:
    for name, (value, least) in numbers.items():
        if not least <= value < np.inf:
            raise ValueError(f"{name} is {value}: it must be at least {least}.")
