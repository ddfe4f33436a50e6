"""The interval around a proportion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


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
