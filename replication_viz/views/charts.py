"""Charts of commit latency, the three lags and positions over time: `show` moves what is there and adds nothing."""

from __future__ import annotations

from typing import Any, Protocol, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator, PercentFormatter
from numpy.typing import ArrayLike

from .. import measures
from ..trace import Floats, Position, Trace
from .chart import SIZE, Chart, _legend, _time_unit, _verts
from .moment import duration
from .style import Theme


class HasQuantiles(Protocol):
    """A closed form that gives the value which a share (0 to 1) stays within, ms."""

    def at(self, share: ArrayLike) -> Floats: ...


class CommitLatency(Chart):
    """Which share of the writes had its answer within a time, the percentiles, the theory beside it.

    A write without an answer never comes in, so the curve ends below 100 %.
    """

    title = "Commit latency"
    percentiles = ((0.5, "p50", "o"), (0.99, "p99", "s"), (0.999, "p99.9", "D"))

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = SIZE) -> None:
        super().__init__(theme, size)
        self.axes = self.figure.add_axes((0.095, 0.16, 0.63, 0.78))
        self._prepare(self.axes, "commit latency, ms", "writes answered within")
        self.axes.set_xscale("log")
        self.axes.xaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:,g}"))
        self.axes.xaxis.set_minor_formatter(NullFormatter())
        self.axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        self.axes.set_ylim(0, 1.04)
        self.run = self._line(self.axes, "risk", "the run", "solid")
        self.theory = self._line(self.axes, "quiet", "theory", (0, (5, 2.5)))
        self.theory.set_zorder(1.9)
        self.points = [
            self.axes.plot([], [], marker, color=self.colour["ink"], markersize=6, label=name)[0]
            for _, name, marker in self.percentiles
        ]
        self.note = self._note(self.axes)

    def show(self, trace: Trace, theory: ArrayLike | HasQuantiles | None = None) -> Self:
        """Show a run's commit latency.

        Parameters
        ----------
        theory : array_like or closed form, optional
            Samples of the latency that theory expects, ms, or an object whose ``at(share)`` gives
            them; drawn dashed.
        """
        latency = measures.commit_latency(trace)
        asked = len(latency.samples) + latency.unanswered + latency.failed
        took = np.sort(latency.samples)
        share = np.arange(1, len(took) + 1) / max(asked, 1)
        self.run.set_data(*_thinned(took, share))
        expected = _expected(theory)
        self.theory.set_data(*expected)
        self.theory.set_label("theory" if len(expected[0]) else "_theory")
        for point, (quantile, name, _) in zip(self.points, self.percentiles, strict=True):
            value = latency.quantile(quantile)
            reached = quantile * len(took) / max(asked, 1)
            point.set_data(*(([value], [reached]) if len(took) else ([], [])))
            point.set_label(f"{name}  {duration(value)}" if len(took) else "_")
        _log_limits(self.axes, np.concatenate([took, expected[0]]))
        missing = latency.unanswered + latency.failed
        self.note.set_text("" if len(took) else _why_empty(asked))
        self.run.set_label("the run" if len(took) else "_")
        self._legend(f"{missing:,} not answered" if missing else "all answered" * bool(asked))
        if not len(took):
            return self._shown(_why_empty(asked))
        numbers = ", ".join(f"{n} {duration(latency.quantile(q))}" for q, n, _ in self.percentiles)
        alt = f"{numbers} over {len(took):,} answered writes"
        return self._shown(f"{alt}; {missing:,} without an answer." if missing else f"{alt}.")

    def _legend(self, title: str) -> None:
        handles = [h for h in (self.run, self.theory, *self.points) if str(h.get_label())[0] != "_"]
        _legend(self, self.axes, handles, (1.02, 1.02), title)


class Lags(Chart):
    """Write, flush and replay lag of one replica or of all, a strip for each."""

    title = "Lag"
    kinds: tuple[tuple[measures.LagKind, str, Any, str, float], ...] = (
        ("write", "quiet", (0, (1, 1.2)), "v", 1.5),
        ("flush", "flushed", (0, (3, 0.6)), "s", 3.4),
        ("replay", "replayed", "solid", "o", 1.3),
    )

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = SIZE) -> None:
        super().__init__(theme, size)
        self._size = size
        self.lines: dict[str, dict[str, Line2D]] = {}
        self._strips: list[tuple[Axes, PolyCollection, Any]] = []

    def show(self, trace: Trace, node: str | None = None) -> Self:
        """Show the lags of ``node``, or of every replica."""
        if node is not None:
            trace.number(node)  # a name that is not there is refused here
        names = trace.nodes[1:] if node is None else (node,)
        if tuple(self.lines) != tuple(names) or not self._strips:
            self._lay_out(names)
        divisor, unit = _time_unit(trace.duration_ms)
        worst, words = 1.0, []
        for (axes, spans, note), name in zip(self._strips, names, strict=False):
            for kind, *_ in self.kinds:
                times, lag = measures.lag_curve(trace, name, kind, bins=160)
                self.lines[name][kind].set_data(times / divisor, lag)
                worst = max(worst, float(lag.max(initial=0)))
                words.append(f"{kind} lag of {name} at most {duration(float(lag.max(initial=0)))}")
            spans.set_verts(_verts(trace, divisor))
            axes.set_xlim(0, trace.duration_ms / divisor)
            note.set_text("")
        for axes, _, note in self._strips:
            axes.set_ylim(0, worst * 1.6)
            axes.set_yticks(_lag_ticks(worst, len(names)))
            note.set_text("" if names else "There is no replica, so nothing lags.")
        self._strips[-1][0].set_xlabel(f"time, {unit}")
        return self._shown(f"{'; '.join(words)}." if words else "There is no replica.")

    def _lay_out(self, names: tuple[str, ...]) -> None:
        """Make the strips anew, on the same figure: only when other replicas are shown."""
        self.figure.clear()
        self.lines, self._strips = {}, []
        count = max(len(names), 1)
        width, least = self._size
        self.figure.set_size_inches(width, max(least, 0.8 + 0.66 * count))
        bottom = 0.5 / self.figure.get_size_inches()[1]
        height = (0.94 - bottom) / count
        shared: Axes | None = None
        for index in range(count):
            low = bottom + height * (count - 1 - index)
            box = (0.095, low, 0.68, height * (0.86 if count > 1 else 1.0))
            axes = self.figure.add_axes(box, sharex=shared, sharey=shared)
            self._prepare(axes, "", "lag, ms" if index == (count - 1) // 2 else "")
            shared = shared or axes
            axes.set_yscale("symlog", linthresh=1, linscale=0.5)
            axes.yaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:,g}"))
            axes.yaxis.set_minor_locator(NullLocator())
            axes.tick_params(labelbottom=index == count - 1)
            if names:
                self._name(axes, names[index])
            self._strips.append((axes, self._spans(axes), self._note(axes)))
        if names:
            first = self.lines[names[0]]
            _legend(self, self._strips[0][0], list(first.values()), (1.085, 1.0))

    def _name(self, axes: Axes, name: str) -> None:
        style: dict[str, Any] = {"transform": axes.transAxes, "va": "center", "fontsize": 10}
        axes.text(1.015, 0.5, name, weight="bold", color=self.colour["ink"], **style)
        self.lines[name] = {
            kind: self._line(axes, ink, f"{kind} lag", dashes, marker, width)
            for kind, ink, dashes, marker, width in self.kinds
        }


class Positions(Chart):
    """How far the log is: appended, flushed, committed on the leader; received to replayed on a replica."""

    title = "Positions in the log"
    lines_of = (
        ("leader appended", Position.APPENDED, "quiet", (0, (1, 1.2)), "^", 1.5),
        ("leader flushed", Position.FLUSHED, "flushed", (0, (3, 0.6)), "s", 3.4),
        ("acknowledged", Position.COMMITTED, "safe", "solid", "o", 1.7),
        ("received", Position.RECEIVED, "down", (0, (3, 1, 1, 1)), "v", 1.5),
        ("flushed", Position.FLUSHED, "leader", (0, (3, 0.6)), "D", 3.4),
        ("replayed", Position.REPLAYED, "stale", "solid", "P", 1.5),
    )
    _points = 500

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = SIZE) -> None:
        super().__init__(theme, size)
        self.axes = self.figure.add_axes((0.105, 0.16, 0.645, 0.78))
        self._prepare(self.axes, "time, ms", "writes in the log")
        self.axes.yaxis.set_major_locator(MaxNLocator("auto", integer=True))
        self.axes.yaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
        self.lines = {
            name: self._line(self.axes, ink, name, dashes, marker, width)
            for name, _, ink, dashes, marker, width in self.lines_of
        }
        for index, line in enumerate(self.lines.values()):
            line.set_markevery((0.02 + 0.023 * index, 0.14))
        self.spans = self._spans(self.axes)
        self.note = self._note(self.axes)

    def show(self, trace: Trace, node: str | None = None) -> Self:
        """Show the leader's positions and a replica's; by default of the one that is furthest behind."""
        chosen = node or _furthest_behind(trace)
        if node is not None:
            trace.number(node)
        divisor, unit = _time_unit(trace.duration_ms)
        moments = np.linspace(0, trace.duration_ms, self._points)
        top, words = 1.0, []
        for name, which, *_ in self.lines_of:
            line, is_replicas = self.lines[name], name in ("received", "flushed", "replayed")
            place = chosen if is_replicas else trace.nodes[0]
            lsn = trace.at(place, which, moments) if place else np.empty(0)
            line.set_data(moments[: len(lsn)] / divisor, lsn)
            line.set_label(f"{chosen} {name}" if is_replicas and place else name if place else "_")
            if place:
                top = max(top, float(lsn[-1]))
                words.append(f"{line.get_label()} {int(lsn[-1]):,}")
        self.axes.set_xlim(0, trace.duration_ms / divisor)
        self.axes.set_ylim(0, top * 1.06)
        self.axes.set_xlabel(f"time, {unit}")
        self.spans.set_verts(_verts(trace, divisor))
        self.note.set_text("" if top > 1 or trace.ops.lsn.max(initial=0) > 0 else _why_empty(0))
        handles = [line for line in self.lines.values() if str(line.get_label())[0] != "_"]
        _legend(self, self.axes, handles, (1.02, 1.02))
        return self._shown(f"at the end {', '.join(words)}.")


def _expected(theory: ArrayLike | HasQuantiles | None) -> tuple[Floats, Floats]:
    shares = np.linspace(0.001, 0.999, 400)
    if theory is None:
        return np.empty(0), np.empty(0)
    if hasattr(theory, "at"):
        return np.asarray(theory.at(shares), dtype=np.float64), shares
    samples = np.asarray(theory, dtype=np.float64)
    samples = samples[np.isfinite(samples)]
    if not len(samples):
        return np.empty(0), np.empty(0)
    return np.quantile(samples, shares), shares


def _thinned(took: Floats, share: Floats, most: int = 800) -> tuple[Floats, Floats]:
    """Return at most so many points of a distribution, its ends and its tail among them."""
    if len(took) <= most:
        return took, share
    even = np.linspace(0, len(took) - 1, most // 2)
    tail = len(took) - np.geomspace(1, len(took), most // 2)
    keep = np.unique(np.concatenate([even, tail]).astype(np.int64))
    return took[keep], share[keep]


def _log_limits(axes: Axes, values: Floats) -> None:
    values = values[values > 0]
    low, high = (values.min(), values.max()) if len(values) else (1.0, 10.0)
    low, high = low / 1.3, max(high * 1.3, low * 3)
    axes.set_xlim(low, high)
    steps = (1, 2, 3, 4, 6, 8) if high / low < 8 else (1, 2, 5) if high / low < 200 else (1,)
    axes.xaxis.set_major_locator(LogLocator(subs=steps, numticks=12))


def _lag_ticks(worst: float, strips: int) -> list[float]:
    """Return 1, 10, … up to the worst lag, ms; fewer where the strips are low, 0 where they are not."""
    decades = [10.0**n for n in range(int(np.log10(max(worst, 1))) + 1)]
    if strips <= 2:
        return [0.0, *decades]
    return decades if len(decades) <= 2 else decades[(len(decades) + 1) % 2 :: 2]


def _why_empty(asked: int) -> str:
    if asked:
        return f"None of the {asked:,} writes had an answer in this run."
    return "Nothing was written in this run."


def _furthest_behind(trace: Trace) -> str:
    lags = {n: measures.lag_curve(trace, n, "replay", bins=100)[1].mean() for n in trace.nodes[1:]}
    return max(lags, key=lambda name: lags[name], default="")
