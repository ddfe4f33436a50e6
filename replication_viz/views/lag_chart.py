"""Charts of lag: of one replica with the theory beside it, and curves of several that do not say what caused them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from .. import measures
from ..trace import Trace
from .chart import SIZE, Chart, _legend, _time_unit, _verts
from .charts import Lags, _furthest_behind
from .fluid import expected_lags
from .style import Theme

_BINS = 240


class LagCurves(Chart):
    """Write, flush and replay lag of one replica, with the replay lag that theory expects.

    Theory is three queues of liquid, link, disk and replay, from the settings alone; see `expected_lags`. It is left
    out where it does not describe the run.

    Parameters
    ----------
    node : str, optional
        The replica; by default the one that is furthest behind.
    """

    title = "Lag over time"

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = SIZE, node: str | None = None) -> None:
        super().__init__(theme, size)
        self._node = node
        self.axes = self.figure.add_axes((0.115, 0.16, 0.66, 0.78))
        self._prepare(self.axes, "time", "lag")
        self.lines = _three_lines(self, self.axes)
        self.theory = self._line(self.axes, "risk", "theory: replay", (0, (5, 2.5)))
        self.spans = self._spans(self.axes)
        self.note = self._note(self.axes)

    def show(self, trace: Trace) -> Self:
        """Show a run."""
        node = self._node or _furthest_behind(trace)
        if not node:
            return self._nothing()
        worst, words = _draw(self.axes, self.lines, trace, node)
        expected = expected_lags(trace, node)
        divisor, _ = _time_unit(trace.duration_ms)
        scale, unit = _time_unit(worst)
        self.theory.set_data([], [])
        if expected:
            self.theory.set_data(expected[0] / divisor, expected[1]["replay"] / scale)
            self.theory.set_label("theory: replay" if expected[1]["replay"].max() > 0 else "theory: no queue")
        handles = [*self.lines.values(), *([self.theory] if expected else [])]
        self.spans.set_verts(_verts(trace, divisor))
        self.note.set_text("")
        _legend(self, self.axes, handles, (1.03, 1.02), node)
        if expected:
            words.append(f"theory expects a replay lag of at most {_amount(expected[1]['replay'].max(), scale, unit)}")
        return self._shown(f"of {node}: {'; '.join(words)}.")

    def _nothing(self) -> Self:
        for line in (*self.lines.values(), self.theory):
            line.set_data([], [])
        self.spans.set_verts([])
        self.note.set_text("There is no replica, so nothing lags.")
        return self._shown("There is no replica.")


class LagRiddles(Chart):
    """Write, flush and replay lag of several runs, each under a letter, in panels two by two; no cause is shown."""

    title = "Lag of unknown cause"

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = (7.2, 4.8)) -> None:
        super().__init__(theme, size)
        self.panels: dict[str, dict[str, Line2D]] = {}

    def show(self, runs: Mapping[str, Trace]) -> Self:
        """Show the replica that is furthest behind of each run.

        Raises
        ------
        ValueError
            If there is no run.
        """
        if not runs:
            raise ValueError("runs is empty: there must be at least one.")
        if tuple(self.panels) != tuple(runs):
            self._lay_out(tuple(runs))
        told = []
        for axes, (letter, trace) in zip(self.figure.axes, runs.items(), strict=True):
            _, words = _draw(axes, self.panels[letter], trace, _furthest_behind(trace))
            told.append(f"{letter}: {', '.join(words)}")
        return self._shown(f"{'; '.join(told)}.")

    def _lay_out(self, letters: tuple[str, ...]) -> None:
        self.figure.clear()
        self.panels = {}
        rows = (len(letters) + 1) // 2
        for index, letter in enumerate(letters):
            low, left = 1 - (index // 2 + 0.9) * 0.93 / rows - 0.02, 0.095 + 0.475 * (index % 2)
            axes = self.figure.add_axes((left, low, 0.4, 0.64 / rows))
            self._prepare(axes, "", "")
            axes.set_title(letter, color=self.colour["ink"], fontsize=11, weight="bold", loc="left")
            self.panels[letter] = _three_lines(self, axes)
        legend = self.figure.legend(
            handles=list(next(iter(self.panels.values())).values()),
            loc="upper center",
            ncols=3,
            frameon=False,
            fontsize=8.5,
            labelcolor=self.colour["ink"],
            borderaxespad=0.2,
        )
        legend.set_in_layout(False)


def _three_lines(chart: Chart, axes: Axes) -> dict[str, Line2D]:
    axes.yaxis.set_major_formatter(FuncFormatter(lambda lag, _: f"{lag:,g}"))
    lines: dict[str, Line2D] = {
        kind: chart._line(axes, ink, f"{kind} lag", dashes, marker, width)
        for kind, ink, dashes, marker, width in Lags.kinds
    }
    for index, line in enumerate(lines.values()):
        chart._mark(line, 0.02 + 0.045 * index)
    lines["write"].set_zorder(2.5)  # thin and dotted: seen where all three are one
    return lines


def _draw(axes: Axes, lines: Mapping[str, Line2D], trace: Trace, node: str) -> tuple[float, list[str]]:
    """Put the three lags into their lines; return the largest, ms, and what each is at most, in words."""
    trace.number(node)  # a name that is not there is refused here
    curves: dict[str, Any] = {kind: measures.lag_curve(trace, node, kind, _BINS) for kind, *_ in Lags.kinds}
    worst = max(1.0, *(float(lag.max(initial=0)) for _, lag in curves.values()))
    divisor, time_unit = _time_unit(trace.duration_ms)
    scale, unit = _time_unit(worst)
    for kind, (times, lag) in curves.items():
        lines[kind].set_data(times / divisor, lag / scale)
    axes.set_xlim(0, trace.duration_ms / divisor)
    axes.set_ylim(-0.02 * worst / scale, 1.12 * worst / scale)
    axes.set_xlabel(f"time, {time_unit}")
    axes.set_ylabel(f"lag, {unit}")
    return worst, [f"{kind} lag at most {_amount(np.max(lag), scale, unit)}" for kind, (_, lag) in curves.items()]


def _amount(ms: float, scale: float, unit: str) -> str:
    return f"{ms / scale:,.3g} {unit}" if ms >= 0.1 * scale else f"{ms:,.3g} ms"
