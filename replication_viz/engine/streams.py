"""Chance: one named stream per source, so that moving one knob leaves every other source's draws alone."""

from __future__ import annotations

import numpy as np

from ..chance import stream

__all__ = ["SPELL_MS", "Varying", "Weather", "stream"]

SPELL_MS = 10.0  # so long a link's delay stays as it is
_BLOCK = 256


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
        self._shape = shape if spread > 0 else "constant"
        self._spread = spread
        self._seed = seed
        self._name = name
        self._factors: list[float] = []
        self._chance = stream(seed, name)

    def draw(self) -> float:
        """Return the next time, ms."""
        if not self._factors:
            self._factors = self._block(self._chance)[::-1]
        return self.typical_ms * self._factors.pop()

    def _block(self, chance: np.random.Generator) -> list[float]:
        spread = self._spread
        if self._shape == "constant":
            return [1.0] * _BLOCK
        if self._shape == "lognormal":
            block = np.exp(spread * chance.standard_normal(_BLOCK))
        elif self._shape == "uniform":
            block = chance.uniform(1 - spread, 1 + spread, _BLOCK)
        else:
            block = 1 - spread + spread * chance.standard_exponential(_BLOCK)
        factors: list[float] = block.tolist()
        return factors


class Weather(Varying):
    """A varying time that holds for a spell and depends on the moment alone, not on how often it was asked for.

    Messages sent together are delayed alike. Were each drawn for itself, in-order delivery would make every one wait
    for the slowest of those before it, and a link would be slower the more it carries. And what else happens in a run
    leaves the weather as it is: two scenarios of one seed meet the same.
    """

    _first = -_BLOCK  # the first spell of the block at hand

    def at(self, now: float) -> float:
        """Return the time that holds now, ms."""
        index = int(now / SPELL_MS) - self._first
        if index >= _BLOCK:
            self._first += index - index % _BLOCK
            self._factors = self._block(stream(self._seed, f"{self._name} from {self._first}"))
            index %= _BLOCK
        return self.typical_ms * self._factors[index]
