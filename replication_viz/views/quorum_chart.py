"""Charts of quorums: what two sets share, how soon a write is seen, and what each choice of R and W costs."""

from __future__ import annotations

from functools import cache
from math import comb
from typing import Any, NamedTuple, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, NullFormatter, PercentFormatter

from .. import measures
from ..scenario import Scenario
from ..theory import DELAY_FITS, Choice, Wars, wars
from ..trace import Floats, Trace
from .chart import SIZE, Chart, _legend
from .style import Theme

_TRIALS = 100_000
_POINTS = 200
_EDGES = np.array([0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1_000, np.inf])
_DASHES = (0, (5, 2))


class OverlapSizes(Chart):
    """How many nodes the read set had in common with the write set, over the reads of a run; old values are hatched.

    Beside it all pairs of sets that there are: what chance alone would give.
    """

    title = "Nodes in both sets"

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = (7.2, 2.6)) -> None:
        super().__init__(theme, size)
        self.axes = self.figure.add_axes((0.095, 0.2, 0.6, 0.72))
        self._prepare(self.axes, "nodes in both the write set and the read set", "reads")
        self.axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        self.axes.grid(visible=False, axis="x")
        ground, risk, ink = (self.colour[name] for name in ("ground", "risk", "ink"))
        self.fresh = PolyCollection([], facecolor=self.colour["flushed"], edgecolor="none", label="fresh")
        self.old = PolyCollection([], facecolor=ground, edgecolor=risk, hatch="////", label="an old value")
        for bars in (self.fresh, self.old):
            self.axes.add_collection(bars, autolim=False)
        style: dict[str, Any] = {"linestyle": "none", "markersize": 7, "markerfacecolor": ground, "zorder": 4}
        [self.pairs] = self.axes.plot([], [], marker="D", color=ink, label="all pairs of sets", clip_on=False, **style)
        self.note = self._note(self.axes)

    def show(self, trace: Trace) -> Self:
        """Show a run without a leader."""
        scenario, found = trace.scenario, measures.overlaps(trace)
        n, w, r = scenario.copies, scenario.write_quorum, scenario.read_quorum
        counts = [np.bincount(found.shared[some], minlength=n + 1) for some in (found.fresh, ~found.fresh)]
        fresh, old = (count / max(1, len(found)) for count in counts)
        pairs = [] if scenario.consistency else [_both(n, w, r, size) for size in range(n + 1)]
        self.fresh.set_verts([_bar(size, 0, share) for size, share in enumerate(fresh) if share])
        self.old.set_verts([_bar(size, fresh[size], share) for size, share in enumerate(old) if share])
        self.pairs.set_data(range(len(pairs)), pairs)
        self.axes.set_xlim(-0.5, len(fresh) - 0.5)
        self.axes.set_xticks(range(len(fresh)), ["none", *map(str, range(1, len(fresh)))])
        self.axes.set_ylim(0, 1.08 * max(0.1, *(fresh + old), *pairs))
        self.note.set_text("" if len(found) else "No read came after an acknowledged write.")
        handles: list[Any] = [self.fresh, self.old, *([self.pairs] if pairs else [])]
        _legend(self, self.axes, handles, (1.03, 1.02), scenario.consistency or f"N = {n}, W = {w}, R = {r}")
        return self._shown(
            f"{(found.shared == 0).sum():,} of {len(found):,} reads had no node in common with the newest write; "
            f"{(~found.fresh).sum():,} got an old value."
        )


class TVisibility(Chart):
    """The share of reads that see a write, by how long after its acknowledgement they begin.

    Points are runs, with the interval that the probability is likely in; the line is the WARS model, where the run's
    delays are a published fit.
    """

    title = "Seen by a read"
    looks = (("risk", "o"), ("stale", "s"), ("leader", "^"), ("safe", "D"))

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = SIZE) -> None:
        super().__init__(theme, size)
        self.axes = self.figure.add_axes((0.095, 0.16, 0.66, 0.78))
        self._prepare(self.axes, "from the acknowledgement of the write to the read, ms", "reads that see it")
        self.axes.set_xscale("symlog", linthresh=1, linscale=0.6)
        self.axes.xaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:,g}"))
        self.axes.xaxis.set_minor_formatter(NullFormatter())
        self.axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        self.lines = [self._line(self.axes, ink, "_", _DASHES) for ink, _ in self.looks]
        self.points = [_points(self, self.axes, ink, marker) for ink, marker in self.looks]
        self.bars = [_intervals(self, self.axes, ink) for ink, _ in self.looks]
        self.note = self._note(self.axes)

    def show(self, *traces: Trace) -> Self:
        """Show one run or several; those of the same delays, N, W and R share a line.

        Raises
        ------
        ValueError
            If there is no run, or more than four kinds of runs.
        """
        kinds = list(dict.fromkeys(map(_kind, traces)))
        if not 0 < len(kinds) <= len(self.looks):
            raise ValueError(f"there are {len(kinds)} kinds of runs: there must be 1 to {len(self.looks)}.")
        found = [_seen([trace for trace in traces if _kind(trace) == kind]) for kind in kinds]
        models = [_model(kind.delays, kind.n) if kind.delays else None for kind in kinds]
        last = max(10.0, *(seen.t_ms.max(initial=0) for seen in found))
        for kind, model in zip(kinds, models, strict=True):
            last = max(last, model.visible_ms(kind.r, kind.w, 0.99)) if model else last
        times = np.concatenate([[0.0], np.geomspace(0.02, 1.3 * last, _POINTS)])
        told, low = [], 0.95
        for i, (line, points, bars) in enumerate(zip(self.lines, self.points, self.bars, strict=True)):
            if i >= len(kinds):
                _empty(line, points, bars)
                continue
            kind, seen, model = kinds[i], found[i], models[i]
            curve = model.curve(kind.r, kind.w, times).fresh if model else np.empty(0)
            line.set_data(times[: len(curve)], curve)
            points.set_data(seen.t_ms, seen.share)
            points.set_label(_called(kind, kinds))
            bars.set_segments([np.array([(t, a), (t, b)]) for t, _, a, b in zip(*seen, strict=True)])
            low = min(low, *curve[:1], *seen.low)
            told.append(f"{points.get_label()}: {_few(seen)}")
        low = max(0.0, low - 0.05)
        self.axes.set_xlim(-0.12, 1.3 * last)
        self.axes.set_ylim(low, 1 + 0.06 * (1 - low))
        self.note.set_text("" if any(len(seen.t_ms) for seen in found) else "No read came after a write.")
        model_line = Line2D([], [], color=self.colour["quiet"], linestyle=_DASHES, label="theory (WARS)")
        handles = [*self.points[: len(kinds)], *([model_line] if any(models) else [])]
        _legend(self, self.axes, handles, (1.03, 1.02), _common(kinds))
        return self._shown(f"{'; '.join(told)}.")


class QuorumPrices(Chart):
    """What each R and W costs and gives, a row each: latencies on the left, missed writes on the right.

    Open marks are the WARS model, dots the runs. The pairs that need not overlap come first, the worst on top; a
    row without a triangle is seen at once.
    """

    title = "Latency against staleness"

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = (7.2, 4.2)) -> None:
        super().__init__(theme, size)
        self.axes = self.figure.add_axes((0.1, 0.225, 0.5, 0.745))
        self.missed = self.figure.add_axes((0.65, 0.225, 0.29, 0.745), sharey=self.axes)
        self._prepare(self.axes, "", "")
        self._prepare(self.missed, "writes that a read at once misses", "")
        for axes in (self.axes, self.missed):
            axes.grid(visible=False, axis="y")
        self.axes.set_xscale("log")
        self.axes.xaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:,g}"))
        self.axes.xaxis.set_minor_formatter(NullFormatter())
        self.missed.set_xscale("symlog", linthresh=0.001, linscale=0.6)
        self.missed.set_xlim(-0.0003, 1.3)
        self.missed.set_xticks([0, 0.001, 0.01, 0.1, 1], ["0", "0.1 %", "1 %", "10 %", "100 %"])
        self.missed.tick_params(labelleft=False)
        looks = {"read": ("leader", "o"), "write": ("safe", "s"), "seen": ("stale", "^"), "missed": ("risk", "D")}
        places = {name: self.missed if name == "missed" else self.axes for name in looks}
        self.model = {name: _points(self, places[name], *look, size=8) for name, look in looks.items()}
        self.runs = {name: _dots(self, places[name], looks[name][0]) for name in ("read", "write", "missed")}
        self.bars = _intervals(self, self.missed, "risk")
        self.border = [axes.axhline(0, color=self.colour["quiet"], linewidth=0.9) for axes in (self.axes, self.missed)]
        self.words = [self._word(text) for text in ("R + W ≤ N", "R + W > N")]

    def show(self, model: Wars, *traces: Trace, share: float = 0.99) -> Self:
        """Show the model's choices of R and W, and runs of some of them.

        Parameters
        ----------
        share : float
            The share (0 to 1) of the operations that stay within the latency drawn, and of the reads that are fresh
            after the time drawn as a triangle.
        """
        choices = sorted(
            model.choices(share), key=lambda c: (c.r + c.w > model.n, -c.visible_ms, c.read_ms + c.write_ms)
        )
        rows = np.arange(len(choices))
        partial = sum(choice.r + choice.w <= model.n for choice in choices)
        self.model["read"].set_data([choice.read_ms for choice in choices], rows)
        self.model["write"].set_data([choice.write_ms for choice in choices], rows)
        later = [row for row in rows[:partial].tolist() if choices[row].visible_ms > 0]
        self.model["seen"].set_data([choices[row].visible_ms for row in later], later)
        self.model["missed"].set_data([1 - choice.fresh.value for choice in choices], rows)
        drawn = np.concatenate([np.asarray(mark.get_xdata(), float) for mark in self.model.values()][:3])
        self.axes.set_xlim(0.7 * drawn[drawn > 0].min(), 1.4 * drawn.max())
        self._draw_runs(traces, [(choice.r, choice.w) for choice in choices], share)
        self._label(choices, partial, f"{100 * share:.6g} %")
        told = [
            f"R = {c.r}, W = {c.w}: read {c.read_ms:.3g} ms, write {c.write_ms:.3g} ms, "
            + (f"{1 - c.fresh.value:.2g} missed at once" if c.r + c.w <= model.n else "never missed")
            for c in choices
        ]
        return self._shown(f"{'; '.join(told)}.")

    def _draw_runs(self, traces: tuple[Trace, ...], rows: list[tuple[int, int]], share: float) -> None:
        places = [rows.index((trace.scenario.read_quorum, trace.scenario.write_quorum)) for trace in traces]
        kinds: tuple[measures.What, ...] = ("read", "write")
        for what in kinds:
            took = [measures.operation_latency(trace, what).quantile(share) for trace in traces]
            self.runs[what].set_data(took, places)
        old = [~measures.freshness(trace).fresh for trace in traces]
        self.runs["missed"].set_data([one.mean() for one in old], places)
        ends = [measures.share(one) for one in old]
        self.bars.set_segments(
            [np.array([(end.low, row), (end.high, row)]) for end, row in zip(ends, places, strict=True)]
        )

    def _label(self, choices: list[Choice], partial: int, share: str) -> None:
        self.axes.set_yticks(range(len(choices)), [f"R {choice.r}  W {choice.w}" for choice in choices])
        self.axes.set_ylim(len(choices) - 0.5, -0.5)
        self.axes.set_xlabel(f"{share} stay within, ms")
        for line in self.border:
            line.set_ydata([partial - 0.5] * 2)
        for text, middle in zip(self.words, (partial / 2 - 0.5, (partial + len(choices)) / 2 - 0.5), strict=True):
            text.set_y(middle)
        for name, label in {"read": "read", "write": "write", "seen": f"{share} of reads see it"}.items():
            self.model[name].set_label(label)
        self.model["missed"].set_label("missed")
        dot = Line2D([], [], color=self.colour["ink"], marker="o", markersize=3.5, linestyle="none", label="a run")
        for old in self.figure.legends:
            old.remove()
        self.figure.legend(
            handles=[*self.model.values(), dot],
            loc="lower center",
            ncols=5,
            frameon=False,
            fontsize=8.5,
            labelcolor=self.colour["ink"],
            handletextpad=0.3,
            columnspacing=1.6,
        ).set_in_layout(False)

    def _word(self, text: str) -> Text:
        style: dict[str, Any] = {"color": self.colour["quiet"], "fontsize": 8.5, "rotation": 90}
        style |= {"transform": self.missed.get_yaxis_transform(), "ha": "left", "va": "center"}
        return self.missed.text(1.04, 0, text, **style)


class Kind(NamedTuple):
    """What runs must have in common to share a line."""

    delays: str
    n: int
    w: int
    r: int

    def sizes(self) -> str:
        """Return N, W and R in words."""
        return f"N = {self.n}, W = {self.w}, R = {self.r}"


class Seen(NamedTuple):
    """The share of fresh reads at some times after the acknowledgement, ms, and the ends of its interval."""

    t_ms: Floats
    share: Floats
    low: Floats
    high: Floats


def _both(n: int, w: int, r: int, size: int) -> float:
    """Return the share of all pairs of a write set and a read set that have so many nodes in common."""
    return comb(w, size) * comb(n - w, r - size) / comb(n, r) if size <= r else 0.0


def _bar(middle: float, low: float, height: float) -> Floats:
    left, right = middle - 0.28, middle + 0.28
    return np.array([(left, low), (right, low), (right, low + height), (left, low + height)])


def _points(chart: Chart, axes: Axes, ink: str, marker: str, size: float = 5.5) -> Line2D:
    style: dict[str, Any] = {"linestyle": "none", "markersize": size, "markeredgewidth": 1.5, "zorder": 3}
    style |= {"markerfacecolor": chart.colour["ground"]}
    [points] = axes.plot([], [], marker=marker, color=chart.colour[ink], label="_", clip_on=False, **style)
    return points


def _dots(chart: Chart, axes: Axes, ink: str) -> Line2D:
    style: dict[str, Any] = {"linestyle": "none", "markersize": 3.5, "label": "_", "zorder": 4}
    [dots] = axes.plot([], [], marker="o", color=chart.colour[ink], **style)
    return dots


def _intervals(chart: Chart, axes: Axes, ink: str) -> LineCollection:
    bars = LineCollection([], colors=chart.colour[ink], linewidths=1.3, zorder=2.5)
    axes.add_collection(bars, autolim=False)
    return bars


def _empty(line: Line2D, points: Line2D, bars: LineCollection) -> None:
    line.set_data([], [])
    points.set_data([], [])
    points.set_label("_")
    bars.set_segments([])


def _kind(trace: Trace) -> Kind:
    scenario: Scenario = trace.scenario
    return Kind(scenario.delays, scenario.copies, scenario.write_quorum, scenario.read_quorum)


def _called(kind: Kind, among: list[Kind]) -> str:
    """Return the name of a kind: what is not common to all of them."""
    parts = [kind.delays or "the run"] if len({one.delays for one in among}) > 1 or len(among) == 1 else []
    return ", ".join([*parts, *([] if _common(among) else [kind.sizes()])])


def _common(kinds: list[Kind]) -> str:
    """Return N, W and R in words if all kinds have the same."""
    return kinds[0].sizes() if len({kind.sizes() for kind in kinds}) == 1 else ""


def _seen(traces: list[Trace]) -> Seen:
    """Return the share of fresh reads by time; reads that all begin equally long after their write are one point."""
    rows = []
    for trace in traces:
        found = measures.freshness(trace)
        is_one = not len(found) or np.ptp(found.t_ms) < 0.01
        group = np.searchsorted(_EDGES, found.t_ms, side="right") * (not is_one)
        for one in np.unique(group):
            some = group == one
            share = measures.share(found.fresh[some])
            rows.append((float(found.t_ms[some].mean()), share.value, share.low, share.high))
    return Seen(*np.array(sorted(rows), dtype=np.float64).reshape(-1, 4).T)


@cache
def _model(delays: str, n: int) -> Wars:
    return wars(DELAY_FITS[delays], n=n, trials=_TRIALS)


def _few(seen: Seen) -> str:
    """Return the first, the middle and the last point in words."""
    chosen = sorted({0, len(seen.t_ms) // 2, len(seen.t_ms) - 1}) if len(seen.t_ms) else []
    return ", ".join(f"{seen.share[i]:.0%} after {seen.t_ms[i]:,.3g} ms" for i in chosen) or "no read"
