"""Charts of the loss window: what each moment of a run would take, and how the losses of many crashes are spread."""

from __future__ import annotations

from itertools import pairwise
from typing import Protocol, Self

import numpy as np
from matplotlib.ticker import FuncFormatter, PercentFormatter
from numpy.typing import ArrayLike

from .. import measures
from ..trace import Floats, Trace
from .chart import SIZE, Chart, _legend
from .style import Theme

_MOMENTS = 600
_BINS = 32


class HasPmf(Protocol):
    """A closed form of the number of lost writes."""

    @property
    def mean(self) -> float: ...

    def pmf(self, lost: ArrayLike) -> Floats: ...


class LossWindow(Chart):
    """What a crash of the leader at each moment would take, if the best replica took over and if the worst did."""

    title = "Lost if the leader dies"

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = SIZE) -> None:
        super().__init__(theme, size)
        self.axes = self.figure.add_axes((0.105, 0.16, 0.61, 0.78))
        self._prepare(self.axes, "moment of the crash, ms", "acknowledged writes lost")
        for axis in (self.axes.xaxis, self.axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.0f}"))
        self.worst = self._line(self.axes, "quiet", "least advanced replica", (0, (5, 2)), "v")
        self.best = self._line(self.axes, "risk", "most advanced replica", "solid", "o")

    def show(self, trace: Trace) -> Self:
        """Show a run: a line for each choice of who is promoted."""
        moments = np.linspace(0, trace.duration_ms, _MOMENTS + 1)[1:]
        most, words = 1, []
        for line, promote in ((self.best, "best"), (self.worst, "worst")):
            lost = measures.loss(trace, moments, promote).lost
            line.set_data(moments, lost)
            most = max(most, int(lost.max()))
            words.append(f"{line.get_label()} promoted, {lost.mean():,.0f} on average and at most {lost.max():,}")
        self.axes.set_xlim(0, trace.duration_ms)
        self.axes.set_ylim(0, most * 1.12)
        _legend(self, self.axes, [self.best, self.worst], (1.02, 1.02), "promoted")
        return self._shown(f"{'; '.join(words)}.")


class LossDistribution(Chart):
    """How the losses of many crashes are spread, with the closed form beside it."""

    title = "Losses of many crashes"

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = SIZE) -> None:
        super().__init__(theme, size)
        self.axes = self.figure.add_axes((0.095, 0.16, 0.62, 0.78))
        self._prepare(self.axes, "acknowledged writes lost in a crash", "crashes")
        self.axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.0f}"))
        self.axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        self.run = self.axes.stairs([0.0], [0.0, 1.0], fill=True, label="the runs")
        self.run.set(facecolor="none", edgecolor=self.colour["risk"], hatch="////", linewidth=1.4)
        self.theory = self._line(self.axes, "ink", "theory", (0, (5, 2)), "D")
        self._mark(self.theory, every=0)
        self.theory.set_markersize(3.5)
        self.mean = self.axes.axvline(0, color=self.colour["risk"], linewidth=1.7)

    def show(self, lost: ArrayLike, theory: HasPmf | None = None) -> Self:
        """Show losses.

        Parameters
        ----------
        lost : array_like
            Lost writes, one for each crash.
        theory : closed form, optional
            What is expected, such as `theory.fixed_delay_loss` gives it; drawn dashed.

        Raises
        ------
        ValueError
            If there is no crash.
        """
        losses = np.asarray(lost, dtype=np.float64).ravel()
        if not len(losses):
            raise ValueError("lost is empty: there must be at least one crash.")
        edges = _edges(losses, theory)
        counts, _ = np.histogram(losses, edges)
        self.run.set_data(counts / len(losses), edges)
        self.mean.set_xdata([losses.mean()] * 2)
        self.mean.set_label(f"mean {losses.mean():,.1f}")
        expected = np.array([_within(theory, *bin_) for bin_ in pairwise(edges)] if theory else [])
        self.theory.set_data((edges[:-1] + edges[1:]) / 2 if theory else [], expected)
        self.theory.set_label(f"theory, mean {theory.mean:,.1f}" if theory else "_theory")
        self.axes.set_xlim(edges[0], edges[-1])
        self.axes.set_ylim(0, 1.15 * max(counts.max() / len(losses), *expected, 0.0))
        handles = [self.run, self.mean, *([self.theory] if theory else [])]
        _legend(self, self.axes, handles, (1.02, 1.02), f"{len(losses):,} crashes")
        beside = f", theory {theory.mean:,.1f}" if theory else ""
        ends = f"from {losses.min():,.0f} to {losses.max():,.0f}"
        return self._shown(f"{len(losses):,} crashes, mean {losses.mean():,.1f}{beside}, {ends}.")


def _edges(losses: Floats, theory: HasPmf | None) -> Floats:
    """Return the edges of bins that hold whole numbers, each as many."""
    low, high = losses.min(), losses.max()
    if theory is not None:
        spread = 3.5 * np.sqrt(theory.mean)
        low, high = min(low, max(0.0, theory.mean - spread)), max(high, theory.mean + spread)
    bins = min(_BINS, int(3 * np.cbrt(len(losses))) + 3)
    step = max(1, int(np.ceil((high - low + 1) / bins)))
    begin = np.floor(low) - 0.5
    return np.arange(begin, high + step + 0.5, step)


def _within(theory: HasPmf, low: float, high: float) -> float:
    numbers = np.arange(np.ceil(low), np.ceil(high))
    return float(np.sum(theory.pmf(numbers[numbers >= 0])))
