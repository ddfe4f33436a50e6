"""Charts of failovers: who took writes when, and what a short patience costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, MaxNLocator

from .. import measures
from ..trace import Floats, OpKind, Outcome, Trace
from .chart import SIZE, Chart, _legend, _time_unit, _verts
from .style import Theme

_BINS = 240
_NARROW = 0.035  # a reign that lasts for a smaller share of the run carries no text


class Reigns(Chart):
    """A row for each node: when it took writes, when it acknowledged some, and when two did so at once."""

    title = "Who is the leader"

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = (7.2, 2.6)) -> None:
        super().__init__(theme, size)
        self.axes = self.figure.add_axes((0.06, 0.2, 0.68, 0.74))
        self._prepare(self.axes, "time, s", "")
        self.axes.grid(visible=False, axis="y")
        leader, flushed, risk = (self.colour[name] for name in ("leader", "flushed", "risk"))
        self.takes = PolyCollection([], facecolor=self.colour["appended"], edgecolor=leader, linewidth=0.8)
        self.answers = PolyCollection([], facecolor=flushed, edgecolor="none")
        self.twice = PolyCollection([], facecolor="none", edgecolor=risk, hatch="////", linewidth=1.4)
        for bars, label in ((self.takes, "takes writes"), (self.answers, "acknowledges"), (self.twice, "two do")):
            bars.set_label(label)
            self.axes.add_collection(bars, autolim=False)
        self.spans = self._spans(self.axes)
        self.spans.set_label("a fault")
        self.terms: list[Text] = []

    def show(self, trace: Trace) -> Self:
        """Show a run."""
        divisor, unit = _time_unit(trace.duration_ms)
        row = {name: number for number, name in enumerate(trace.nodes)}
        reigns, twice = measures.reigns(trace), measures.both_acknowledge(trace)
        self.takes.set_verts(
            [_bar(reign.begin_ms, reign.end_ms, row[reign.node], 0.34) / [divisor, 1] for reign in reigns]
        )
        self.answers.set_verts(
            [_bar(begin, end, number, 0.16) / [divisor, 1] for number, begin, end in _answering(trace)]
        )
        middle, half = (len(row) - 1) / 2, len(row) / 2 - 0.06
        self.twice.set_verts([_bar(begin, end, middle, half) / [divisor, 1] for begin, end in twice])
        self.spans.set_verts(_verts(trace, divisor))
        self._write_terms(reigns, row, divisor, trace.duration_ms)
        self.axes.set_xlim(0, trace.duration_ms / divisor)
        self.axes.set_ylim(len(row) - 0.5, -0.5)
        self.axes.set_yticks(range(len(row)), list(row))
        self.axes.set_xlabel(f"time, {unit}")
        _legend(
            self, self.axes, [self.takes, self.answers, self.twice, self.spans], (1.02, 1.02), "number: its timeline"
        )
        told = [f"{r.node} from {r.begin_ms:,.0f} to {r.end_ms:,.0f} ms as leader of timeline {r.term}" for r in reigns]
        both = f"two leaders acknowledge for {sum(end - begin for begin, end in twice):,.0f} ms"
        return self._shown(f"{'; '.join(told)}; {both}.")

    def _write_terms(self, reigns: list[measures.Reign], row: dict[str, int], divisor: float, lasts: float) -> None:
        for text in self.terms:
            text.remove()
        style: dict[str, Any] = {"color": self.colour["ink"], "fontsize": 7, "va": "top"}
        self.terms = [
            self.axes.text(reign.begin_ms / divisor, row[reign.node] - 0.33, f" {reign.term}", **style)
            for reign in reigns
            if reign.end_ms - reign.begin_ms > _NARROW * lasts
        ]


@dataclass(frozen=True)
class Detector:
    """What a setting of a failure detector gave: time without writes after a crash (s), false alarms a minute."""

    setting: str
    outage_s: float
    false_alarms: float


class Patience(Chart):
    """The price of a short patience: time without writes after a crash against false alarms without one."""

    title = "Time without writes against false alarms"

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = SIZE) -> None:
        super().__init__(theme, size)
        self.axes = self.figure.add_axes((0.095, 0.16, 0.66, 0.78))
        self._prepare(self.axes, "time without writes after a crash, s", "false alarms a minute")
        self.axes.set_yscale("symlog", linthresh=1, linscale=0.6)
        self.axes.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,g}"))
        self.axes.yaxis.set_minor_locator(MaxNLocator(1))
        self.lines = [
            self._line(self.axes, "risk", "", "solid", "o"),
            self._line(self.axes, "leader", "", (0, (5, 2)), "^"),
        ]
        for line in self.lines:
            self._mark(line, every=0)
        self.settings: list[Text] = []

    def show(self, found: Mapping[str, Sequence[Detector]]) -> Self:
        """Show up to two kinds of detector: by name, what each of its settings gave.

        Raises
        ------
        ValueError
            If there is none, or more than two.
        """
        if not 1 <= len(found) <= len(self.lines):
            raise ValueError(f"found has {len(found)} kinds of detector: there must be 1 or 2.")
        for text in self.settings:
            text.remove()
        self.settings = []
        for line in self.lines:
            line.set_data([], [])
        told = []
        for place, (line, (kind, points)) in enumerate(zip(self.lines, found.items(), strict=False)):
            line.set_data([p.outage_s for p in points], [p.false_alarms for p in points])
            line.set_label(kind)
            self._write_settings(points, above=not place)
            told.append(f"{kind}: {', '.join(map(_told, points))}")
        every = [point for points in found.values() for point in points]
        self.axes.set_xlim(0, 1.1 * max(point.outage_s for point in every))
        self.axes.set_ylim(-0.5, 3 * max(1.0, *(point.false_alarms for point in every)))
        _legend(self, self.axes, self.lines[: len(found)], (1.02, 1.02))
        return self._shown(f"{'; '.join(told)}.")

    def _write_settings(self, points: Sequence[Detector], *, above: bool) -> None:
        style: dict[str, Any] = {"color": self.colour["quiet"], "fontsize": 7.5, "textcoords": "offset points"}
        place: dict[str, Any] = {"xytext": (5, 4), "ha": "left", "va": "bottom"}
        if not above:
            place = {"xytext": (-6, -4), "ha": "right", "va": "top"}
        for point in points:
            turned = 35 if above and not point.false_alarms else 0  # on the ground they stand close together
            at = (point.outage_s, point.false_alarms)
            self.settings.append(self.axes.annotate(point.setting, at, rotation=turned, **place, **style))


def _told(point: Detector) -> str:
    return f"{point.setting} {point.outage_s:.1f} s and {point.false_alarms:.3g} a minute"


def _bar(begin: float, end: float, middle: float, half: float) -> Floats:
    low, high = middle - half, middle + half
    return np.array([(begin, low), (end, low), (end, high), (begin, high)])


def _answering(trace: Trace) -> list[tuple[int, float, float]]:
    """Return the spells in which each node acknowledged writes: node, begin, end, ms."""
    ops, width = trace.ops, trace.duration_ms / _BINS
    done = (ops.kind == OpKind.WRITE) & (ops.outcome == Outcome.OK)
    spells = []
    for number in range(len(trace.nodes)):
        times = np.sort(ops.returned[done & (ops.node == number)])
        parts = np.split(times, np.flatnonzero(np.diff(times) > 4 * width) + 1) if len(times) else []
        spells += [(number, float(part[0]), float(max(part[-1], part[0] + width))) for part in parts]
    return spells
