"""Queues as streams: what flows in, what can flow out, and how old the rest is. Works for any rates that vary."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def passed_on(arrived: Floats, able: Floats) -> Floats:
    """Return what has left a queue that serves as much as it can.

    Parameters
    ----------
    arrived : ndarray, shape (n_moments,)
        How much has come up to each moment; never falls.
    able : ndarray, shape (n_moments,)
        How much could have been served up to then if the queue had never been empty; never falls.

    Returns
    -------
    ndarray, shape (n_moments,)
        How much has left; it is what arrives at the next queue.

    Source
    ------
    The reflection of the net flow at zero: Newell, *Applications of Queueing Theory*, 2nd ed. 1982, chapter 2.

    Examples
    --------
    >>> passed_on(np.array([0.0, 2.0, 2.0, 2.0]), np.array([0.0, 1.0, 2.0, 3.0])).tolist()
    [0.0, 1.0, 2.0, 2.0]
    """
    left: Floats = able + np.minimum.accumulate(np.minimum(arrived - able, 0.0))
    return left


def oldest(times: Floats, arrived: Floats, left: Floats) -> Floats:
    """Return how old the oldest is that is still there, in the unit of ``times``; 0 where nothing is.

    Parameters
    ----------
    times : ndarray, shape (n_moments,)
    arrived, left : ndarray, shape (n_moments,)
        What has come and what has gone up to each moment.

    Examples
    --------
    >>> seconds = np.arange(0.0, 5.0)
    >>> oldest(seconds, 100 * seconds, passed_on(100 * seconds, 75 * seconds)).tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    begun = np.interp(left, arrived, times)
    waits = arrived - left > 1e-9 * max(float(arrived[-1]), 1.0)
    age: Floats = np.where(waits, times - begun, 0.0)
    return age
