"""Charts of several leaders: how often they collide, what last-write-wins throws away, when all agree, what is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from .. import measures
from ..rows import finished, made_ms
from ..trace import OpKind, Trace
from .chart import SIZE, Chart, _legend, _time_unit, _verts
from .style import Theme

_STEPS = 101
_LOOKS = (("leader", "o"), ("risk", "s"), ("safe", "^"), ("stale", "D"), ("fault", "P"))
_DASHES: tuple[Any, ...] = ("solid", (0, (6, 2)), (0, (2, 1.5)))
_THEORY = (0, (4, 3))
_NEVER_MS = 1e6  # from below the picture


class _Shares(Chart):
    """A share of the writes against a setting: points are runs, dashed lines are theory."""

    axis = ""
    share = ""

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = SIZE) -> None:
        super().__init__(theme, size)
        self.axes = self.figure.add_axes((0.095, 0.16, 0.62, 0.78))
        self._prepare(self.axes, self.axis, self.share)
        self.axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        self.points = [self._line(self.axes, ink, "_", "none", marker) for ink, marker in _LOOKS[:3]]
        for points in self.points:
            self._marked.pop(points)  # each run is shown
            points.set(markersize=7, clip_on=False, zorder=4)
        self.theory = [self._line(self.axes, ink, "_", _THEORY, width=1.3) for ink, _ in _LOOKS[:3]]

    def show(
        self, runs: Mapping[str, Sequence[Trace]], theory: Mapping[str, Callable[[float], float]] | None = None
    ) -> Self:
        """Show series of runs by name.

        Parameters
        ----------
        runs : mapping of str to sequence of Trace
            At most three series.
        theory : mapping of str to callable, optional
            For some of the names the share (0 to 1) that is expected at a setting.

        Raises
        ------
        ValueError
            If there is no series, or more than three, or an empty one.
        """
        _check(len(runs), len(self.points))
        if not all(runs.values()):
            raise ValueError(f"a series of {', '.join(runs)} is empty: each must have at least one run.")
        expected = theory or {}
        found = {
            name: np.array(sorted((self._setting(trace), self._share(trace)) for trace in series)).T
            for name, series in runs.items()
        }
        last = 1.06 * max(1.0, *(float(at.max()) for at, _ in found.values()))
        settings = np.linspace(0, last, _STEPS)
        names = [*runs, *[""] * (len(self.points) - len(runs))]
        most = 0.0
        for points, line, name in zip(self.points, self.theory, names, strict=True):
            at, shares = found.get(name, (np.empty(0), np.empty(0)))
            curve = [expected[name](value) for value in settings.tolist()] if name in expected else []
            points.set_data(at, shares)
            points.set_label(name or "_")
            line.set_data(settings[: len(curve)], curve)
            most = max(most, *shares.tolist(), *curve, 0.01)
        self.axes.set_xlim(0, last)
        self.axes.set_ylim(-0.02 * most, 1.08 * most)
        quiet = Line2D([], [], color=self.colour["quiet"], linestyle=_THEORY, label="theory")
        _legend(self, self.axes, [*self.points[: len(runs)], *([quiet] if expected else [])], (1.03, 1.02))
        told = [
            f"{name}: {', '.join(f'{share:.1%} at {at:,.4g} ms' for at, share in found[name].T.tolist())}"
            for name in runs
        ]
        return self._shown(f"{'; '.join(told)}.")

    def _setting(self, trace: Trace) -> float:
        raise NotImplementedError

    def _share(self, trace: Trace) -> float:
        raise NotImplementedError


class ConflictingWrites(_Shares):
    """Which share of the writes met another that did not know of them, by the time that the leaders are apart."""

    title = "Writes in conflict"
    axis = "from one leader to the other, ms"
    share = "writes in conflict"

    def _setting(self, trace: Trace) -> float:
        return trace.scenario.network_ms

    def _share(self, trace: Trace) -> float:
        writes = int((trace.ops.kind == OpKind.WRITE).sum())
        return len(np.unique(measures.concurrent_pairs(trace))) / max(1, writes)


class NewerDiscarded(_Shares):
    """Which share of the last leader's writes was thrown away for an older one, by how far its clock is behind."""

    title = "Newer writes thrown away"
    axis = "clock of the last leader behind by, ms"
    share = "its writes that lost to an older one"

    def _setting(self, trace: Trace) -> float:
        return trace.scenario.clock_skew_ms

    def _share(self, trace: Trace) -> float:
        last = trace.nodes[-1]
        writes = int(((trace.ops.kind == OpKind.WRITE) & (trace.ops.node == trace.number(last))).sum())
        gone = {one.write for one in measures.discarded(trace) if one.is_later and one.leader == last}
        return len(gone) / max(1, writes)


class Stamps(Chart):
    """The writes to one row: how far each timestamp is from the truth, and how far the greatest one so far is.

    The greatest falls behind as time goes by. A write that is made below it is thrown away.
    """

    title = "Timestamps of one row"

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = SIZE) -> None:
        super().__init__(theme, size)
        self.axes = self.figure.add_axes((0.105, 0.16, 0.59, 0.78))
        self._prepare(self.axes, "made at, ms", "timestamp less true time, ms")
        for axis in (self.axes.xaxis, self.axes.yaxis):
            axis.set_major_locator(MaxNLocator(6))
            axis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:,.0f}"))
        self.greatest = self._line(self.axes, "quiet", "greatest so far", "solid", width=1.2)
        self.writes = [self._dots(ink, marker, 6, 0) for ink, marker in _LOOKS]
        self.newer = self._dots("risk", "x", 11, 2)
        self.older = self._dots("ink", "+", 11, 2)
        self.note = self._note(self.axes)

    def show(self, trace: Trace, key: int = 0, from_ms: float = 0.0, until_ms: float = np.inf) -> Self:
        """Show the writes to a row that were made within a time, ms."""
        until = min(until_ms, trace.duration_ms)
        logs = _stamps(trace, key)
        shown = [{one: at for one, at in log.items() if from_ms <= at[0] <= until} for log in logs]
        self.greatest.set_data(*_greatest([at for log in logs for at in log.values()], until))
        spare = len(self.writes) - len(logs)
        for dots, log, name in zip(self.writes, [*shown, *[{}] * spare], [*trace.nodes, *[""] * spare], strict=True):
            _place(dots, list(log.values()), f"written to {name}" if name else "_")
        places = {one: at for log in shown for one, at in log.items()}
        gone = [one for one in measures.discarded(trace) if one.write in places]
        for dots, is_later, label in ((self.newer, True, "an older one"), (self.older, False, "a newer one")):
            crossed = [places[one.write] for one in gone if one.is_later is is_later]
            _place(dots, crossed, f"lost to {label}" if crossed else "_")
        heights = [stamp - made for made, stamp in places.values()] or [0.0]
        low, high = min(heights), max(heights)
        margin = max(20.0, 0.2 * (high - low))
        self.axes.set_xlim(from_ms, until)
        self.axes.set_ylim(low - margin, high + margin)
        self.note.set_text("" if places else "Nobody wrote this row in this time.")
        drawn = [*self.writes[: len(logs)], self.greatest, self.newer, self.older]
        _legend(self, self.axes, [one for one in drawn if str(one.get_label())[0] != "_"], (1.03, 1.02), f"row {key}")
        later = sum(one.is_later for one in gone)
        return self._shown(
            f"{len(places):,} writes to row {key}; {later:,} lost to one that is older in truth, "
            f"{len(gone) - later:,} to a newer one that had not seen them."
        )

    def _dots(self, ink: str, marker: str, size: float, edge: float) -> Line2D:
        dots = self._line(self.axes, ink, "_", "none", marker)
        self._marked.pop(dots)  # each write is shown
        dots.set(markersize=size, markeredgewidth=edge, zorder=4 + edge)
        return dots


class Divergence(Chart):
    """On how many rows the leaders differ, over time; the ground marks a fault that lasts."""

    title = "Rows on which the leaders differ"

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = SIZE) -> None:
        super().__init__(theme, size)
        self.axes = self.figure.add_axes((0.085, 0.16, 0.585, 0.78))
        self._prepare(self.axes, "time", "rows that differ")
        self.axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
        self.spans = self._spans(self.axes)
        looks = zip(_LOOKS, _DASHES, strict=False)
        self.lines = [self._line(self.axes, ink, "_", dashes, marker) for (ink, marker), dashes in looks]
        for number, line in enumerate(self.lines):
            line.set_drawstyle("steps-post")
            self._mark(line, 0.03 + 0.05 * number, 0.2)

    def show(self, runs: Trace | Mapping[str, Trace]) -> Self:
        """Show one run, or up to three by name; the ground is that of the first.

        Raises
        ------
        ValueError
            If there is no run, or more than three.
        """
        named = {"rows": runs} if isinstance(runs, Trace) else dict(runs)
        _check(len(named), len(self.lines))
        first = next(iter(named.values()))
        longest = max(trace.duration_ms for trace in named.values())
        divisor, unit = _time_unit(longest)
        self.spans.set_verts(_verts(first, divisor))
        most, told = 1, []
        for line, name in zip(self.lines, [*named, *[""] * (len(self.lines) - len(named))], strict=True):
            if not name:
                line.set_data([], [])
                line.set_label("_")
                continue
            trace = named[name]
            times, rows = measures.divergence(trace)
            line.set_data(np.append(times, trace.duration_ms) / divisor, np.append(rows, rows[-1]))
            agreed = measures.converged_ms(trace)
            end = "differ in the end" if np.isnan(agreed) else f"agree at {agreed / divisor:,.2f} {unit}"
            line.set_label(f"{name}: {end}")
            most = max(most, int(rows.max()))
            told.append(f"{name}: up to {rows.max():,} rows differ, all leaders {end}")
        self.axes.set_xlim(0, longest / divisor)
        self.axes.set_ylim(0, 1.1 * most)
        self.axes.set_xlabel(f"time, {unit}")
        _legend(self, self.axes, list(self.lines[: len(named)]), (1.02, 1.02))
        return self._shown(f"{'; '.join(told)}.")


class StateGrowth(Chart):
    """How many entries a leader keeps for its rows, over time; and how many it would be with a tombstone each."""

    title = "What is kept"

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = SIZE) -> None:
        super().__init__(theme, size)
        self.axes = self.figure.add_axes((0.095, 0.16, 0.58, 0.78))
        self._prepare(self.axes, "time", "entries")
        self.tombstones = self._line(self.axes, "risk", "with tombstones", (0, (6, 2)), "s")
        self.kept = self._line(self.axes, "safe", "with version vectors", "solid", "^")
        self.siblings = self._line(self.axes, "stale", "of them siblings", (0, (2, 1.5)), "D")

    def show(self, trace: Trace, node: str = "") -> Self:
        """Show what one leader keeps, by default the first.

        Raises
        ------
        ValueError
            If no node has that name, or the run has one leader, or none.
        """
        name = node or trace.nodes[0]
        grown = measures.state_growth(trace, name)
        divisor, unit = _time_unit(trace.duration_ms)
        times = np.append(grown.times, trace.duration_ms) / divisor
        columns = (grown.entries + grown.tombstones, grown.entries, grown.siblings)
        with_tombstones, kept, siblings = (np.append(values, values[-1]) for values in columns)
        is_used = (grown.tombstones.any(), True, grown.siblings.any())
        lines = (self.tombstones, self.kept, self.siblings)
        for line, values, used in zip(lines, (with_tombstones, kept, siblings), is_used, strict=True):
            line.set_data((times, values) if used else ([], []))
            line.set_drawstyle("steps-post")
        self.axes.set_xlim(0, trace.duration_ms / divisor)
        self.axes.set_ylim(0, 1.1 * max(1, int(with_tombstones.max())))
        self.axes.set_xlabel(f"time, {unit}")
        handles = [line for line, used in zip(lines, is_used, strict=True) if used]
        _legend(self, self.axes, handles, (1.03, 1.02), f"kept by {name}")
        return self._shown(
            f"{name} keeps {kept[-1]:,} entries in the end, {siblings[-1]:,} of them siblings; "
            f"with tombstones it would be {with_tombstones[-1]:,}."
        )


def _stamps(trace: Trace, key: int) -> list[dict[int, tuple[float, float]]]:
    """Return for each leader when its writes to a row were made, and their timestamps, ms; by their numbers."""
    made = made_ms(trace)
    return [
        {one.number: (made[one.number], one.stamp.wall_ms) for one in table.log if one.key == key}
        for table in finished(trace).tables
    ]


def _greatest(writes: list[tuple[float, float]], until: float) -> tuple[list[float], list[float]]:
    """Return the corners of a line: how far the greatest timestamp so far is from the time, ms."""
    times, heights, top = [], [], -np.inf
    for made, stamp in sorted(writes):
        if stamp > top and made <= until:
            times += [made, made]
            heights += [max(top, stamp - _NEVER_MS) - made, stamp - made]
            top = stamp
    return ([*times, until], [*heights, top - until]) if times else ([], [])


def _place(dots: Line2D, writes: list[tuple[float, float]], label: str) -> None:
    dots.set_data([made for made, _ in writes], [stamp - made for made, stamp in writes])
    dots.set_label(label)


def _check(runs: int, most: int) -> None:
    if not 0 < runs <= most:
        raise ValueError(f"there are {runs} runs: there must be 1 to {most}.")
