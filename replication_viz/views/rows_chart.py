"""The chart of a table: how many good rows each node holds over time, and where nobody can read them."""

from __future__ import annotations

from typing import Self

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from .. import measures
from ..scenario import Statement
from ..trace import Floats, OpKind, Position, Trace
from .chart import SIZE, Chart, _legend, _time_unit
from .restore_chart import short
from .style import Theme

_POINTS = 1_200
_MARKERS = "osvD^P<X>*"


class TableRows(Chart):
    """Good rows in the table of each node, and when a replayed lock keeps readers of a replica away from them."""

    title = "Good rows"

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = SIZE) -> None:
        super().__init__(theme, size)
        self.axes = self.figure.add_axes((0.115, 0.16, 0.61, 0.78))
        self._prepare(self.axes, "time, ms", "good rows")
        self.axes.xaxis.set_major_locator(MaxNLocator(9))
        self.axes.yaxis.set_major_formatter(FuncFormatter(lambda number, _: short(number, self.axes.get_ylim()[1])))
        inks = ("leader", "safe", "stale", "risk")
        self.lines = [
            self._line(self.axes, inks[min(number, 3)], "_", "solid" if number < 2 else (0, (5, 2)), marker)
            for number, marker in enumerate(_MARKERS)
        ]
        for number, line in enumerate(self.lines):
            self._mark(line, 0.02 + 0.03 * number, 0.3)
        self.locked = self._line(self.axes, "fault", "_", "solid", "", 6)
        self.locked.set(alpha=0.55, zorder=1.8)
        self.statement = self._line(self.axes, "fault", "_", (0, (1, 1.2)), "", 2)
        self.statement.set_transform(self.axes.get_xaxis_transform())

    def show(self, trace: Trace) -> Self:
        """Show a run: a line for each node."""
        divisor, unit = _time_unit(trace.duration_ms / 2.5)
        moments = np.linspace(0, trace.duration_ms, _POINTS)
        held = {name: _good(trace, name, moments) for name in trace.nodes}
        for line in self.lines:
            line.set_data([], [])
            line.set_label("_")
        for line, (name, rows) in zip(self.lines, held.items(), strict=False):
            line.set_data(moments / divisor, rows)
            line.set_label(name)
        self._mark_lock(trace, moments, held, divisor)
        first = next((f for f in trace.scenario.timeline if isinstance(f, Statement)), None)
        self.statement.set_data(*(([first.at_ms / divisor] * 2, [0, 1]) if first else ([], [])))
        self.statement.set_label("the statement" if first else "_")
        self.axes.set_xlim(0, trace.duration_ms / divisor)
        self.axes.set_ylim(0, 1.12 * max(1.0, *(float(rows.max()) for rows in held.values())))
        self.axes.set_xlabel(f"time, {unit}")
        drawn = [*self.lines, self.statement, self.locked]
        _legend(self, self.axes, [line for line in drawn if str(line.get_label())[0] != "_"], (1.03, 1.02))
        ends = ", ".join(f"{name} {rows[-1]:,.0f}" for name, rows in held.items())
        lock = f"; {self.locked.get_label()}" if len(self.locked.get_xdata()) else ""  # type: ignore[arg-type]
        return self._shown(f"at the end {ends}{lock}.")

    def _mark_lock(self, trace: Trace, moments: Floats, held: dict[str, Floats], divisor: float) -> None:
        """Mark the longest time for which rows are there and nobody can read them."""
        locks = {name: _lock(trace, name) for name in trace.nodes[1:]}
        name = max(locks, key=lambda n: locks[n][1] - locks[n][0], default="")
        begin, end = locks[name] if name else (0.0, 0.0)
        inside = (begin <= moments) & (moments < end)
        self.locked.set_data(moments[inside] / divisor, held[name][inside] if name else [])
        self.locked.set_label(f"{name} locked for reads" if inside.any() else "_")


def _good(trace: Trace, name: str, moments: Floats) -> Floats:
    """Return a node's good rows at moments: between two statements they grow as the log does."""
    which = Position.COMMITTED if name == trace.nodes[0] else Position.REPLAYED
    reached = trace.at(name, which, moments)
    stops = trace.ops.lsn[(trace.ops.kind == OpKind.STATEMENT) & (trace.ops.lsn > 0)]
    corners = np.unique(np.concatenate([[0, int(reached.max(initial=0))], stops - 1, stops]))
    good: Floats = np.interp(reached, corners, [measures.rows_at(trace, int(lsn)).good for lsn in corners])
    return good


def _lock(trace: Trace, name: str) -> tuple[float, float]:
    """Return from when to when a replica's table is locked by a statement that it replays late, ms."""
    if not ((trace.ops.kind == OpKind.STATEMENT) & (trace.ops.lsn > 0)).any():
        return 0.0, 0.0
    lsn = int(trace.ops.lsn[(trace.ops.kind == OpKind.STATEMENT) & (trace.ops.lsn > 0)][0])
    times, flushed = trace.steps(name, Position.FLUSHED)
    arrived = np.flatnonzero(flushed >= lsn)
    lasts = measures.locked_ms(trace, name) if len(arrived) else 0.0
    begin = float(times[arrived[0]]) if len(arrived) else 0.0
    return begin, begin + lasts
