"""Lengths of time as text."""

from __future__ import annotations

import numpy as np


def duration(ms: float) -> str:
    """Return a length of time in a unit that suits it.

    Examples
    --------
    >>> duration(4.13), duration(406.2), duration(12_300)
    ('4.1 ms', '406 ms', '12.3 s')
    """
    if np.isnan(ms):
        return "–"
    if 0 < ms < 0.05:
        return "< 0.1 ms"
    if ms >= 10_000:
        return f"{ms / 1000:.1f} s"
    return f"{ms:,.0f} ms".replace(",", "\u2009") if ms >= 99.5 or ms == 0 else f"{ms:.1f} ms"
