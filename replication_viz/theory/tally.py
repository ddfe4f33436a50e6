"""Counting what chance brought: delays in fine bins, and the interval around a proportion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FINENESS = 12  # 2**12 bins between a delay and its double
_DROPPED = 23 - _FINENESS  # of the 23 bits of a float32's fraction
_LEAST, _MOST = 2.0**-20, 2.0**24  # ms: a nanosecond, four hours and a half
_FIRST, _LAST = (int(np.float32(edge).view(np.int32)) >> _DROPPED for edge in (_LEAST, _MOST))


@dataclass(frozen=True)
class Proportion:
    """A probability estimated from trials, and the interval that its true value is likely in."""

    value: float
    low: float
    high: float


def wilson(hits: ArrayLike, trials: int, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return the interval that a probability is likely in, given how often something happened.

    Parameters
    ----------
    hits : array_like
        Times that it happened, 0 to trials.
    trials : int
        At least 1.
    confidence : float
        Greater than 0, less than 1.

    Returns
    -------
    low, high : ndarray, shape of hits
        Sensible at the ends too: after no hit in n trials it reaches up to about 4 / n.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Source
    ------
    E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22, 1927.

    Examples
    --------
    >>> low, high = wilson(8, 10)
    >>> round(float(low), 3), round(float(high), 3)
    (0.49, 0.943)
    """
    from scipy.special import ndtri

    counts = np.asarray(hits, dtype=np.float64)
    if trials < 1 or not 0 < confidence < 1:
        raise ValueError(f"trials is {trials} and confidence is {confidence}: at least 1, and between 0 and 1.")
    if counts.size and not (counts.min() >= 0 and counts.max() <= trials):
        raise ValueError(f"hits are from {counts.min():g} to {counts.max():g}: they must be from 0 to {trials}.")
    z2 = float(ndtri((1 + confidence) / 2)) ** 2
    middle = (counts + z2 / 2) / (trials + z2)
    half = np.sqrt(z2 * (counts * (trials - counts) / trials + z2 / 4)) / (trials + z2)
    share = counts / trials
    return np.clip(middle - half, 0.0, share), np.clip(middle + half, share, 1.0)


class Tally:
    """How many delays fell where, in bins that are 1/4096 of their value wide.

    Takes the same memory, 1.5 MB, for any number of delays. What is 0 or less is one bin, and so is what takes longer
    than four hours.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(_LAST - _FIRST + 2, dtype=np.int64)
        self._up_to: Ints | None = None  # how many in each bin or an earlier one, once somebody has asked
        self._sum = 0.0
        self._size = 0

    def add(self, delays: Floats) -> None:
        """Count delays, ms."""
        np.add.at(self._counts, _bins(delays), 1)
        self._up_to = None
        self._sum += float(delays.sum())
        self._size += delays.size

    @property
    def mean(self) -> float:
        """Mean of all delays, ms, exact."""
        return self._sum / self._size

    def within(self, ms: ArrayLike) -> Ints:
        """Return how many delays took so long, ms, or less: ndarray, shape of ms."""
        return np.asarray(self._cumulative()[_bins(np.asarray(ms, dtype=np.float64))])

    def quantile(self, share: float) -> float:
        """Return the least time, ms, within which at least this share (0 to 1) of the delays is; infinite past 4 h."""
        if not 0 <= share <= 1:
            raise ValueError(f"share is {share}: it must be from 0 to 1.")
        place = int(np.searchsorted(self._cumulative(), share * self._size))
        if place == 0:
            return 0.0
        if place == len(self._counts) - 1:
            return float("inf")
        return float(np.int32(place - 1 + _FIRST << _DROPPED).view(np.float32))

    def _cumulative(self) -> Ints:
        if self._up_to is None:
            self._up_to = np.cumsum(self._counts)
        return self._up_to


def _bins(delays: Floats) -> Ints:
    """Return in which bin each delay falls: a float's leading bits are a logarithm."""
    bits = np.maximum(delays, 0.0).astype(np.float32).view(np.int32)
    return np.asarray(np.clip((bits >> _DROPPED) - (_FIRST - 1), 0, _LAST - _FIRST + 1))
