"""Charts of what an operator sees: what each system reports as lag, when alarms ring, dead rows on the leader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from .. import measures
from ..trace import Floats, Trace
from .chart import SIZE, Chart, _legend, _time_unit, _verts
from .style import Theme

_MOMENTS = 800
_INTERVALS, _LOOKS = 240, 40


class LagReports(Chart):
    """The true replay lag of a replica, and what three dashboards would show for it."""

    title = "Lag on the dashboards"
    lines_of = (
        ("in truth", "flushed", "solid", "", 5),
        ("replay_lag", "safe", (0, (5, 2)), "o", 1.7),
        ("by the clock", "risk", (0, (3, 1, 1, 1)), "^", 1.7),
        ("Seconds_Behind_Master", "stale", (0, (1, 1.2)), "s", 1.7),
    )

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = SIZE) -> None:
        super().__init__(theme, size)
        self.axes = self.figure.add_axes((0.085, 0.16, 0.625, 0.78))
        self._prepare(self.axes, "time, s", "lag, s")
        self.lines = {
            name: self._line(self.axes, ink, name, dashes, marker, width)
            for name, ink, dashes, marker, width in self.lines_of
        }
        for index, line in enumerate(self.lines.values()):
            self._mark(line, 0.02 + 0.035 * index)
        self.spans = self._spans(self.axes)

    def show(self, trace: Trace, node: str = "s1") -> Self:
        """Show what is said of ``node``: by `measures.lag`, `reported_lag`, `lag_by_clock`, `seconds_behind_master`."""
        moments = np.linspace(0, trace.duration_ms, _MOMENTS)
        values = (
            measures.lag(trace, node, "replay", moments),
            measures.reported_lag(trace, node, "replay", moments),
            measures.lag_by_clock(trace, node, moments),
            1000.0 * measures.seconds_behind_master(trace, node, moments),
        )
        words, most = [], 1.0
        for line, lag in zip(self.lines.values(), values, strict=True):
            line.set_data(moments / 1000, lag / 1000)
            most = max(most, float(np.nanmax(lag)) / 1000)
            told = f"at most {np.nanmax(lag) / 1000:,.3g} s, at the end {lag[-1] / 1000:,.3g} s"
            words.append(f"{line.get_label()} {told}")
        self.axes.set_xlim(0, trace.duration_ms / 1000)
        self.axes.set_ylim(-0.02 * most, 1.12 * most)
        self.spans.set_verts(_verts(trace, 1000))
        _legend(self, self.axes, list(self.lines.values()), (1.03, 1.02), f"{node} is behind")
        return self._shown(f"of {node}: {'; '.join(words)}.")


class Alarms(Chart):
    """When each rule rings, a row for each, below the lag; a line where users notice."""

    title = "Alarms"

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = (7.2, 4.2)) -> None:
        super().__init__(theme, size)
        self.lag = self.figure.add_axes((0.3, 0.55, 0.67, 0.4))
        self.rows = self.figure.add_axes((0.3, 0.12, 0.67, 0.38), sharex=self.lag)
        self._prepare(self.lag, "", "lag, s")
        self._prepare(self.rows, "time, s", "")
        self.lag.tick_params(labelbottom=False)
        self.replay = self._line(self.lag, "replayed", "replay lag", "solid")
        self.clock = self._line(self.lag, "risk", "lag by clock", (0, (3, 1, 1, 1)), "^")
        self.spans = self._spans(self.lag)
        self.bars = PolyCollection([], facecolor="none", edgecolor=self.colour["risk"], hatch="////", linewidth=1.2)
        self.rows.add_collection(self.bars, autolim=False)
        style: dict[str, Any] = {"color": self.colour["stale"], "linewidth": 1.5, "linestyle": (0, (2, 2))}
        self.noticed: list[Line2D] = [axes.axvline(0, **style) for axes in (self.lag, self.rows)]
        self.noticed[0].set_label("users notice")

    def show(self, trace: Trace, rules: Sequence[measures.Rule], missing_ms: float = 1_000) -> Self:
        """Show a run under these rules; a user notices what lacks a write that is ``missing_ms`` old."""
        moments = np.linspace(0, trace.duration_ms, _MOMENTS)
        node = trace.nodes[1]
        replay, clock = measures.lag(trace, node, "replay", moments), measures.lag_by_clock(trace, node, moments)
        self.replay.set_data(moments / 1000, replay / 1000)
        self.clock.set_data(moments / 1000, clock / 1000)
        self.lag.set_xlim(0, trace.duration_ms / 1000)
        self.lag.set_ylim(0, 1.35 * max(1, replay.max() / 1000, np.nanmax(clock) / 1000))
        self.spans.set_verts(_verts(trace, 1000))
        noticed = measures.users_notice(trace, missing_ms)
        for line in self.noticed:
            line.set_xdata([noticed / 1000] * 2)
        rings = [measures.alarms(trace, rule) for rule in rules]
        corners = [_bar(ring, row) for row, found in enumerate(rings) for ring in found]
        self.bars.set_verts(corners)
        self.rows.set_ylim(len(rules) - 0.4, -0.6)
        self.rows.set_yticks(range(len(rules)), [str(rule) for rule in rules])
        self.lag.legend(loc="upper right", frameon=False, fontsize=8.5, labelcolor=self.colour["ink"], ncols=3)
        told = [f"{rule}: {_when(found)}" for rule, found in zip(rules, rings, strict=True)]
        who = "no user notices" if np.isnan(noticed) else f"users notice at {noticed / 1000:,.0f} s"
        return self._shown(f"{'; '.join(told)}; {who}.")


class DeadRows(Chart):
    """Dead rows that the leader keeps: what a query that nobody disturbs costs the others."""

    title = "Dead rows on the leader"

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = (7.2, 2.2)) -> None:
        super().__init__(theme, size)
        self.axes = self.figure.add_axes((0.115, 0.22, 0.66, 0.7))
        self._prepare(self.axes, "time", "dead rows")
        self.axes.yaxis.set_major_formatter(FuncFormatter(lambda rows, _: _short(rows)))
        self.line = self._line(self.axes, "risk", "dead rows", "solid")
        self.spans = self._spans(self.axes)

    def show(self, trace: Trace) -> Self:
        """Show a run: the most dead rows in each of many intervals."""
        divisor, unit = _time_unit(trace.duration_ms)
        ends = np.linspace(0, trace.duration_ms, _INTERVALS + 1)[1:]
        within = np.linspace(0, trace.duration_ms, _INTERVALS * _LOOKS + 1)[1:]
        dead = measures.dead_rows(trace, within).reshape(_INTERVALS, _LOOKS).max(axis=1)
        at_each_vacuum = trace.scenario.rate_per_s * trace.scenario.vacuum_ms / 1000
        self.line.set_data(ends / divisor, dead)
        self.axes.set_xlim(0, trace.duration_ms / divisor)
        self.axes.set_ylim(0, 1.12 * max(1, dead.max(initial=0), 20 * at_each_vacuum))
        self.axes.set_xlabel(f"time, {unit}")
        self.spans.set_verts(_verts(trace, divisor))
        return self._shown(f"at most {dead.max(initial=0):,}.")


def _short(rows: float) -> str:
    """Return a number of rows with few letters: 750, 20 k, 1.2 M."""
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if rows >= size:
            return f"{rows / size:g}{letter}"
    return f"{rows:g}"


def _bar(ring: measures.Ring, row: int) -> Floats:
    low, high = row - 0.3, row + 0.3
    begin, end = ring.at_ms / 1000, ring.until_ms / 1000
    return np.array([(begin, low), (end, low), (end, high), (begin, high)])


def _when(rings: Sequence[measures.Ring]) -> str:
    if not rings:
        return "never rings"
    return f"rings at {', '.join(f'{ring.at_ms / 1000:,.0f} s' for ring in rings)}"
