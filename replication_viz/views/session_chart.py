"""Charts of sessions: how long a reader must wait to see an own write, and what each way to keep a promise costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from .. import measures
from ..trace import Floats, Trace
from .chart import SIZE, Chart, _legend
from .style import Theme

_STEPS = 201


class MissedByThinkTime(Chart):
    """Which share of the writes their own writer would miss, by the time from the answer to the read."""

    title = "Own writes missed"
    looks = (("risk", "o"), ("stale", "s"), ("leader", "^"))

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = SIZE) -> None:
        super().__init__(theme, size)
        self.axes = self.figure.add_axes((0.095, 0.16, 0.62, 0.78))
        self._prepare(self.axes, "from the answer to the read, ms", "own writes missed")
        self.axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        self.axes.set_ylim(-0.02, 1.05)
        self.lines = [self._line(self.axes, ink, "_", "solid", marker) for ink, marker in self.looks]
        for index, line in enumerate(self.lines):
            self._mark(line, 0.03 + 0.045 * index)
        self.theory = [self._line(self.axes, "ink", "_", (0, (4, 3)), width=1.1) for _ in self.looks]

    def show(
        self,
        runs: Mapping[str, Trace],
        theory: Mapping[str, Callable[[float], float]] | None = None,
        upto_ms: float = 1_000,
    ) -> Self:
        """Show runs by name; each is read where its scenario reads, and of several replicas on average.

        Parameters
        ----------
        runs : mapping of str to Trace
            At most three.
        theory : mapping of str to callable, optional
            For some of the names the share (0 to 1) that is expected after a time, ms; drawn dashed.
        upto_ms : float
            The longest time, ms.

        Raises
        ------
        ValueError
            If there is no run, or more than three.
        """
        _check(len(runs), len(self.lines))
        expected = theory or {}
        think = np.linspace(0, upto_ms, _STEPS)
        told = []
        names = [*runs, *[""] * (len(self.lines) - len(runs))]
        for line, dashed, name in zip(self.lines, self.theory, names, strict=True):
            share = _missed(runs[name], think) if name in runs else np.empty(0)
            line.set_data(think[: len(share)], share)
            line.set_label(name or "_")
            known = [expected[name](ms) for ms in think.tolist()] if name in expected else []
            dashed.set_data(think[: len(known)], known)
            dashed.set_label("theory" if known else "_")
            if name:
                told.append(f"{name}: {share[0]:.0%} at once, {share[-1]:.1%} after {upto_ms:,.0f} ms")
        self.axes.set_xlim(0, upto_ms)
        handles = [line for line in (*self.lines, *self.theory) if str(line.get_label())[0] != "_"]
        named = {str(line.get_label()): line for line in handles}  # one line of the legend for all theory
        _legend(self, self.axes, list(named.values()), (1.03, 1.02))
        return self._shown(f"{'; '.join(told)}.")


class SessionCosts(Chart):
    """What each way to route reads breaks, and what it costs: load on the leader, and time that reads wait."""

    title = "Promises broken, and their price"
    markers = "osv^DPX*ph<>"
    inks: Mapping[str, str] = {"none": "risk", "sticky": "fault", "pin": "leader", "lsn": "safe", "causal": "stale"}
    # What a strip is about, and how high its axis is at least.
    strips = (
        ("miss an own write", 0.05),
        ("go back in time", 0.05),
        ("added wait, ms", 5.0),
    )

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = (7.2, 5.6)) -> None:
        super().__init__(theme, size)
        self.axes = [self.figure.add_axes((0.1, 0.71 - 0.305 * row, 0.55, 0.265)) for row in range(len(self.strips))]
        for axes, (name, _) in zip(self.axes, self.strips, strict=True):
            self._prepare(axes, "", name)
            axes.yaxis.set_major_locator(MaxNLocator(4))
            axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
            axes.tick_params(labelbottom=axes is self.axes[-1])
        for axes in self.axes[:2]:
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        self.axes[-1].set_xlabel("reads that the leader answers", color=self.colour["ink"], fontsize=9)
        self.marks = [[self._point(axes, marker) for axes in self.axes] for marker in self.markers]

    def show(self, runs: Mapping[str, Trace]) -> Self:
        """Show runs by name, a mark for each in every strip.

        Raises
        ------
        ValueError
            If there is no run, or more than twelve.
        """
        _check(len(runs), len(self.marks))
        found = {name: measures.served(trace) for name, trace in runs.items()}
        prices = np.nan_to_num([(one.missed_own, one.went_back, one.wait_ms) for one in found.values()])
        loads = [one.leader_share for one in found.values()]
        for row, marks in enumerate(self.marks):
            used = row < len(runs)
            name, trace = list(runs.items())[row] if used else ("_", None)
            for strip, mark in enumerate(marks):
                mark.set_data(([loads[row]], [prices[row, strip]]) if used else ([], []))
                mark.set_label(name)
                mark.set_markeredgecolor(self.colour[self._ink(trace) if trace else "ink"])
        for axes, (_, least), most in zip(self.axes, self.strips, prices.max(axis=0).tolist(), strict=True):
            axes.set_xlim(-0.04, 1.06 * max(0.5, *loads))
            axes.set_ylim(-0.09 * max(most, least), 1.15 * max(most, least))
        _legend(self, self.axes[0], [marks[0] for marks in self.marks[: len(runs)]], (1.05, 1.05))
        told = [
            f"{name}: {own:.1%} miss an own write, {back:.1%} go back in time, {wait:.1f} ms of wait, "
            f"{load:.0%} from the leader"
            for name, (own, back, wait), load in zip(runs, prices.tolist(), loads, strict=True)
        ]
        return self._shown(f"{'; '.join(told)}.")

    def _point(self, axes: Axes, marker: str) -> Line2D:
        style: dict[str, Any] = {"linestyle": "none", "markersize": 9, "markerfacecolor": "none", "clip_on": False}
        [mark] = axes.plot([], [], marker=marker, color=self.colour["ink"], markeredgewidth=1.8, label="_", **style)
        return mark

    def _ink(self, trace: Trace) -> str:
        scenario = trace.scenario
        return "ink" if scenario.read_from in ("leader", trace.nodes[0]) else self.inks[scenario.session]


def _missed(trace: Trace, think: Floats) -> Floats:
    where = trace.scenario.read_from
    names = (where,) if where in trace.nodes else trace.nodes[1:]
    shares: Floats = np.mean([measures.missed_after(trace, name, think) for name in names], axis=0)
    return shares


def _check(runs: int, most: int) -> None:
    if not 0 < runs <= most:
        raise ValueError(f"there are {runs} runs: there must be 1 to {most}.")
