"""The chart of a restore: what each moment would bring back, what it would give up, and a cut at the chosen one."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from .. import measures
from ..measures import Restored
from ..scenario import LoseArchive, Statement
from ..trace import Floats, Trace
from .chart import Chart, _legend, _time_unit
from .style import Theme

_MOMENTS = 181


class RestoreChart(Chart):
    """Good rows and acknowledged writes given up, for each moment that one may restore to.

    The vertical line is the cut through the log: what lies left of it comes back.
    """

    title = "Restore"

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = (7.2, 3.6)) -> None:
        super().__init__(theme, size)
        self.axes = self.figure.add_axes((0.115, 0.56, 0.58, 0.39))
        self.below = self.figure.add_axes((0.115, 0.14, 0.58, 0.36), sharex=self.axes)
        self._prepare(self.axes, "", "rows")
        self._prepare(self.below, "restored to, ms", "writes given up")
        self.axes.tick_params(labelbottom=False)
        for axes in (self.axes, self.below):
            axes.xaxis.set_major_locator(MaxNLocator(9))
            axes.yaxis.set_major_locator(MaxNLocator(4))
            axes.yaxis.set_major_formatter(
                FuncFormatter(lambda number, _, axes=axes: short(number, axes.get_ylim()[1]))
            )
            axes.yaxis.set_label_coords(-0.145, 0.5)
        self.lost = [self._spans(axes) for axes in (self.axes, self.below)]
        self.good = self._line(self.axes, "safe", "good rows", "solid", "o", 2)
        self.wrong = self._line(self.axes, "stale", "wrong rows", (0, (5, 2)), "v")
        self.given_up = self._line(self.below, "risk", "given up", "solid", "s", 2)
        self.statements = [self._upright(axes, "fault", (0, (1, 1.2)), 2.0) for axes in (self.axes, self.below)]
        self.backups = [self._upright(axes, "leader", (0, (5, 2)), 1.6) for axes in (self.axes, self.below)]
        self.cuts = [self._upright(axes, "ink", "solid", 1.8) for axes in (self.axes, self.below)]
        self._of: tuple[Trace, float] | None = None

    def show(self, trace: Trace, to_ms: float | None = None, backup_ms: float = 0.0) -> Self:
        """Show a run with an archive, cut at ``to_ms``, ms; by default at the last write before the first statement.

        Raises
        ------
        ValueError
            If the run has no archive, or the moments are not in the order backup, chosen moment, end of the run.
        """
        first = next((f for f in trace.scenario.timeline if isinstance(f, Statement)), None)
        chosen = to_ms if to_ms is not None else max(first.at_ms - 1, backup_ms) if first else trace.duration_ms
        found = measures.restore(trace, chosen, backup_ms)
        divisor, unit = _time_unit(trace.duration_ms / 2.5)
        if self._of != (trace, backup_ms):
            self._draw(trace, backup_ms, divisor, unit)
            self._of = (trace, backup_ms)
        for lines, at, name in (
            (self.cuts, chosen, "the cut"),
            (self.backups, backup_ms, "base backup"),
            (self.statements, first.at_ms if first else None, "the statement"),
        ):
            for line in lines:
                line.set_data(*(([at / divisor] * 2, [0, 1]) if at is not None else ([], [])))
            lines[0].set_label("_" if at is None else f"{name}, {at / divisor:.1f} {unit}")
        drawn = [self.good, self.wrong, self.given_up, self.statements[0], self.backups[0], self.cuts[0], self.lost[0]]
        _legend(self, self.axes, [line for line in drawn if str(line.get_label())[0] != "_"], (1.03, 1.02))
        return self._shown(f"to {chosen / divisor:.1f} {unit}: {sentence(found)}")

    def _draw(self, trace: Trace, backup_ms: float, divisor: float, unit: str) -> None:
        moments = np.linspace(backup_ms, trace.duration_ms, _MOMENTS)
        each = [measures.restore(trace, float(at), backup_ms) for at in moments]
        good, wrong, given_up = (_numbers(each, name) for name in ("good", "wrong", "given_up"))
        for line, values in ((self.good, good), (self.wrong, wrong), (self.given_up, given_up)):
            line.set_data(moments / divisor, values)
        self.wrong.set_visible(bool(wrong.any()))
        self.wrong.set_label("wrong rows" if wrong.any() else "_")
        lost = [(f.at_ms, f.until_ms) for f in trace.scenario.timeline if isinstance(f, LoseArchive)]
        ends = [(begin / divisor, min(end, trace.duration_ms) / divisor) for begin, end in lost]
        for ground in self.lost:
            ground.set_verts([np.array([(a, 0), (b, 0), (b, 1), (a, 1)]) for a, b in ends])
            ground.set_label("not in the archive" if ends else "_")
        self.axes.set_xlim(0, trace.duration_ms / divisor)
        self.axes.set_ylim(0, 1.12 * max(1.0, good.max(), wrong.max()))
        self.below.set_ylim(0, 1.12 * max(1.0, given_up.max()))
        self.below.set_xlabel(f"restored to, {unit}")

    def _upright(self, axes: Axes, ink: str, dashes: Any, width: float) -> Line2D:
        [line] = axes.plot([], [], color=self.colour[ink], linestyle=dashes, linewidth=width)
        line.set_transform(axes.get_xaxis_transform())
        return line


def sentence(found: Restored) -> str:
    """Return what a restore brings back, gives up and takes, in one or two sentences."""
    rows = found.rows
    table = f"{rows.good:,} good rows" + (f" and {rows.wrong:,} wrong ones" if rows.wrong else "")
    back = table if rows.exists else "no table"
    minutes = found.took_ms / 60_000
    took = f"{minutes:,.1f} min" if minutes >= 2 else f"{found.took_ms / 1000:,.1f} s"
    words = f"{back} after {took} of recovery, {found.given_up:,} acknowledged writes given up."
    return f"{words} {found.problem[:1].upper()}{found.problem[1:]}" if found.problem else words


def _numbers(each: list[Restored], name: str) -> Floats:
    values = [getattr(found if name == "given_up" else found.rows, name) for found in each]
    return np.array(values, dtype=np.float64)


def short(number: float, top: float) -> str:
    """Return a number of an axis that ends at ``top``, in millions where that is long.

    Examples
    --------
    >>> short(800_000, top=2e6), short(80_000, top=100_000)
    ('0.8 M', '80,000')
    """
    return f"{number / 1e6:.3g} M" if top >= 1e6 and number else f"{number:,.0f}"
