"""Counting what chance brought: delays in fine bins."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FINENESS = 12  # 2**12 bins between a delay and its double
_DROPPED = 23 - _FINENESS  # of the 23 bits of a float32's fraction
_LEAST, _MOST = 2.0**-20, 2.0**24  # ms: a nanosecond, four hours and a half
_FIRST, _LAST = (int(np.float32(edge).view(np.int32)) >> _DROPPED for edge in (_LEAST, _MOST))


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
