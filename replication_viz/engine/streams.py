"""Chance: one named stream per source, so that moving one knob leaves every other source's draws alone."""

from __future__ import annotations

from zlib import crc32

import numpy as np

_BLOCK = 256


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the generator of one source of chance in a run."""
    return np.random.default_rng([seed, crc32(name.encode())])


class Varying:
    """A time that varies around a typical value: draws a factor, scales it.

    The factors come in blocks and do not depend on the typical value, so the same seed stretches, and does not
    reshuffle, when a knob changes it.

    Parameters
    ----------
    typical_ms : float
        The median (lognormal), or the mean (the others), ms.
    shape : str
        ``constant``; ``lognormal`` with sigma = spread; ``uniform`` on typical x (1 ± spread); ``exponential``:
        typical x (1 - spread) plus an exponential with mean typical x spread.
    """

    def __init__(self, typical_ms: float, shape: str, spread: float, seed: int, name: str) -> None:
        self.typical_ms = typical_ms
        self.shape = shape if spread > 0 else "constant"
        self.spread = spread
        self._chance = stream(seed, name)
        self._factors: list[float] = []

    def draw(self) -> float:
        """Return the next time, ms."""
        if not self._factors:
            self._factors = self._block()
        return self.typical_ms * self._factors.pop()

    def _block(self) -> list[float]:
        spread = self.spread
        if self.shape == "constant":
            return [1.0] * _BLOCK
        if self.shape == "lognormal":
            block = np.exp(spread * self._chance.standard_normal(_BLOCK))
        elif self.shape == "uniform":
            block = self._chance.uniform(1 - spread, 1 + spread, _BLOCK)
        else:
            block = 1 - spread + spread * self._chance.standard_exponential(_BLOCK)
        factors: list[float] = block[::-1].tolist()
        return factors
