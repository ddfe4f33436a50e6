"""What a sweep gave: the numbers, their mean and quantiles, and the intervals of these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..scenario import Scenario
from ..trace import Floats

if TYPE_CHECKING:
    import pandas as pd

_RESAMPLES = 1_000


@dataclass(frozen=True)
class Interval:
    """Where a number lies, at a level of confidence. ``x in interval`` asks for every entry of an array."""

    low: Any
    high: Any
    level: float
    method: str

    def __contains__(self, value: Any) -> bool:
        return bool(np.all((self.low <= value) & (value <= self.high)))

    def __iter__(self) -> Iterator[Any]:
        return iter((self.low, self.high))

    def __repr__(self) -> str:
        ends = f"{_shown(self.low)} to {_shown(self.high)}"
        return f"Interval({ends}, {100 * self.level:g} %, {self.method})"


@dataclass(frozen=True, eq=False)
class Sweep:
    """What the runs gave.

    Attributes
    ----------
    scenario : Scenario
        What was varied.
    seeds : tuple of int
        One run for each, at each point of the grid.
    grid : dict of str to tuple
        The values of each varied setting.
    names : tuple of str
        What the measures are called.
    values : ndarray, shape (*grid, n_seeds, *measure)
        An axis for each setting of the grid, in its order; then the seeds; then, if the measure gives an array or
        there is a list of measures, these.
    """

    scenario: Scenario
    seeds: tuple[int, ...]
    grid: dict[str, tuple[Any, ...]]
    names: tuple[str, ...]
    values: Floats

    @property
    def mean(self) -> Any:
        """Mean over the seeds: a number, or an array of the shape of ``values`` without the axis of seeds."""
        return self.values.mean(axis=len(self.grid))

    def quantile(self, share: float) -> Any:
        """Return what a share (0 to 1) of the seeds stays within."""
        return np.quantile(self.values, share, axis=len(self.grid))

    def interval(self, level: float = 0.95, share: float | None = None) -> Interval:
        """Return the confidence interval of the mean over all seeds there could be, or of a quantile.

        The mean's is Student's t interval, right for means of many runs whatever their distribution. A quantile's
        comes from the bootstrap: percentiles over resampled seeds, with chance of its own.

        Parameters
        ----------
        level : float
            Between 0 and 1.
        share : float, optional
            The quantile, 0 to 1, instead of the mean.

        Raises
        ------
        ValueError
            If the level is not between 0 and 1, or there are fewer than two seeds.
        """
        count, axis = len(self.seeds), len(self.grid)
        if not 0 < level < 1:
            raise ValueError(f"level is {level}: it must be between 0 and 1.")
        if count < 2:
            raise ValueError("an interval needs at least two seeds: there is 1.")
        if share is None:
            from scipy.stats import t

            half = t.ppf((1 + level) / 2, count - 1) * self.values.std(axis=axis, ddof=1) / np.sqrt(count)
            return Interval(self.mean - half, self.mean + half, level, "Student's t")
        chance = np.random.default_rng(0)
        draws = [
            np.quantile(self.values.take(chance.integers(count, size=count), axis=axis), share, axis=axis)
            for _ in range(_RESAMPLES)
        ]
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return Interval(low, high, level, "bootstrap")

    def frame(self) -> pd.DataFrame:
        """Return a row for each run: settings of the grid, seed, and a column for each number."""
        import pandas as pd

        rows = pd.MultiIndex.from_product([*self.grid.values(), self.seeds], names=[*self.grid, "seed"])
        flat = self.values.reshape(len(rows), -1)
        names = self.names
        if len(names) != flat.shape[1]:
            names = tuple(f"{names[0]} {i}" for i in range(flat.shape[1]))
        return pd.DataFrame(flat, columns=list(names), index=rows).reset_index()

    def __repr__(self) -> str:
        what = f"{self.scenario.title!r}, {', '.join(self.names)}"
        over = " x ".join(
            [*(f"{len(values)} {name}" for name, values in self.grid.items()), f"{len(self.seeds):,} seeds"]
        )
        if self.values.ndim > 1 or len(self.seeds) < 2:
            return f"Sweep({what}: {over})"
        low, high = self.interval()
        return f"Sweep({what}: {over}, mean {_shown(self.mean)}, 95 % interval {_shown(low)} to {_shown(high)})"


def _shown(value: Any) -> str:
    if np.ndim(value):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.4g}"
