"""What was predicted and what was measured in one picture: an interval for each case, and where the real thing fell."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from textwrap import fill
from typing import Any, Protocol, Self

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from .chart import Chart
from .style import Theme

_ROW, _HALF, _SPREAD = 0.40, 0.33, 0.19  # inches a case; in rows: half a bar, how far measured points are set apart
_BELOW, _LINE = 0.82, 0.175  # inches: axis, its label and the legend; a line of the heading
_LABEL, _HEADING = 30, 97  # characters of a line
_GAP = 0.1  # inches between the axes and the words beside them
_THIN = 0.02  # of the axis: a bar that a point would cover


class Predicted(Protocol):
    """One case: an interval that was predicted, and the numbers that were measured afterwards."""

    @property
    def label(self) -> str: ...
    @property
    def low(self) -> float: ...
    @property
    def middle(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def measured(self) -> tuple[float, ...]: ...


class Compared(Protocol):
    """Some cases, with what they answer, their unit, and which server was measured."""

    @property
    def question(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def lines(self) -> Sequence[Predicted]: ...
    @property
    def server(self) -> str: ...
    @property
    def recorded(self) -> bool: ...


class VerdictChart(Chart):
    """A row for each case: the predicted interval, a bar with its middle, and each measured number, inside or outside.

    As long as nothing was measured the bars stand alone.
    """

    title = "Predicted and measured"

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = (7.2, 2.6)) -> None:
        super().__init__(theme, size)
        self.axes = self.figure.add_axes((0.3, 0.3, 0.5, 0.5))
        self._prepare(self.axes, "", "")
        self.axes.grid(visible=False, axis="y")
        self.axes.tick_params(axis="y", length=0, pad=6, labelcolor=self.colour["ink"])
        leader, pale, ink = (self.colour[name] for name in ("leader", "appended", "ink"))
        self.bars = PolyCollection([], facecolor=pale, edgecolor=leader, linewidth=1.2, label="predicted, 19 of 20")
        self.axes.add_collection(self.bars, autolim=False)
        self.middles = self._points("|", leader, "its middle", size=13, edge=2.0)
        self.inside = self._points("o", self.colour["safe"], "measured, inside", size=6.5)
        self.outside = self._points("D", self.colour["risk"], "measured, outside", size=7.5, filled=False, edge=2.0)
        self.heading = self.figure.text(0.012, 1.0, "", color=ink, fontsize=9.5, va="top", linespacing=1.25)
        self.words: list[Text] = []

    def show(self, compared: Compared) -> Self:
        """Show a comparison.

        Raises
        ------
        ValueError
            If it has no lines.
        """
        lines = compared.lines
        if not lines:
            raise ValueError("the comparison has no lines: there must be at least 1.")
        low, high = self._scale(lines, compared.unit)
        rows = range(len(lines))
        self.bars.set_verts([_bar(line, row, low, high) for row, line in zip(rows, lines, strict=True)])
        self.middles.set_data(*_columns([(_within(line.middle, low, high), row) for row, line in enumerate(lines)]))
        points = [
            (is_inside(line, value), _within(value, low, high), row + shift)
            for row, line in enumerate(lines)
            for value, shift in zip(line.measured, _shifts(len(line.measured)), strict=True)
            if not np.isnan(value)
        ]
        self.inside.set_data(*_columns([(x, y) for good, x, y in points if good]))
        self.outside.set_data(*_columns([(x, y) for good, x, y in points if not good]))
        self.axes.set_ylim(len(lines) - 0.5, -0.5)
        self.axes.set_yticks(rows, [fill(line.label, _LABEL) for line in lines])
        self._write(compared)
        self._lay_out(len(lines))
        return self._shown(said(compared))

    def _points(self, marker: str, ink: str, label: str, *, size: float, filled: bool = True, edge: float = 1.0) -> Any:
        face = ink if filled else self.colour["ground"]
        style: dict[str, Any] = {"linestyle": "none", "markersize": size, "markeredgewidth": edge, "clip_on": False}
        [drawn] = self.axes.plot([], [], marker=marker, color=ink, markerfacecolor=face, label=label, **style)
        return drawn

    def _scale(self, lines: Sequence[Predicted], unit: str) -> tuple[float, float]:
        """Choose the axis and return its ends: logarithmic over two decades, or where a point would hide a bar."""
        numbers = [number for line in lines for number in (line.low, line.middle, line.high, *line.measured)]
        finite = [number for number in numbers if np.isfinite(number)] or [0.0, 1.0]
        least, most = min(finite), max(finite)
        thinnest = min((line.high - line.low for line in lines if np.isfinite(line.high)), default=most)
        by_factors = least > 0 and (most > 100 * least or (most > 5 * least and thinnest < _THIN * most))
        self.axes.set_xscale("log" if by_factors else "linear")
        if by_factors:
            low, high = least / 1.3, most * 1.3
            self.axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 1e3 * low else (1.0,)))
        else:
            high = 1.06 * most if most > 0 else 1.0
            low = -0.03 * high  # a point at 0 does not lie on the words beside it
            self.axes.xaxis.set_major_locator(MaxNLocator(7, integer=not unit and high > 3))
        self.axes.xaxis.set_minor_locator(NullLocator())
        self.axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.10g}"))
        self.axes.set_xlim(low, high)
        self.axes.set_xlabel(unit or "how many", color=self.colour["ink"], fontsize=9)
        return low, high

    def _write(self, compared: Compared) -> None:
        """Write the heading, and the measured number and the verdict beside each row."""
        self.heading.set_text("\n".join(fill(part, _HEADING) for part in (compared.question, source(compared))))
        for word in self.words:
            word.remove()
        style: dict[str, Any] = {"fontsize": 8.5, "va": "center", "transform": self.axes.get_yaxis_transform()}
        self.words = []
        for row, line in enumerate(compared.lines):
            good = all(is_inside(line, value) for value in line.measured)
            ink = self.colour["ink" if good else "risk"]
            self.words.append(self.axes.text(1.0, row, verdict(line, compared.unit), color=ink, **style))

    def _lay_out(self, rows: int) -> None:
        """Give each row its height, and the words at both sides the width that they need."""
        self.axes.figure.legends.clear()
        drawn: list[Line2D | PolyCollection] = [self.bars, self.middles]
        drawn += [points for points in (self.inside, self.outside) if len(points.get_xdata())]
        above = 0.16 + _LINE * (1 + self.heading.get_text().count("\n"))
        tall = max(1, *(label.get_text().count("\n") for label in self.axes.get_yticklabels()))
        width, height = self.figure.get_figwidth(), above + _ROW * rows * (1 if tall < 2 else 1.3) + _BELOW
        self.figure.set_figheight(height)
        pen = self._canvas.get_renderer()
        left = max(label.get_window_extent(pen).width for label in self.axes.get_yticklabels()) / self.figure.dpi
        right = max(word.get_window_extent(pen).width for word in self.words) / self.figure.dpi
        begin, end = left + 2 * _GAP, width - right - 2 * _GAP
        self.axes.set_position((begin / width, _BELOW / height, (end - begin) / width, 1 - (above + _BELOW) / height))
        for word in self.words:
            word.set_x(1 + _GAP / (end - begin))
        self.heading.set_y(1 - 0.07 / height)
        self.figure.legend(
            handles=drawn,
            loc="lower center",
            ncols=len(drawn),
            frameon=False,
            fontsize=8.5,
            labelcolor=self.colour["ink"],
            borderaxespad=0.2,
            columnspacing=1.8,
        )


def is_inside(line: Predicted, value: float) -> bool:
    """Whether a measured number lies in the predicted interval."""
    return line.low <= value <= line.high


def verdict(line: Predicted, unit: str = "") -> str:
    """Return what was measured in a case and whether it was inside; of several numbers their median.

    Examples
    --------
    >>> from types import SimpleNamespace as Case
    >>> verdict(Case(low=3.5, middle=4, high=4.6, measured=(4.13,)), "ms")
    '4.13 ms, inside'
    >>> verdict(Case(low=14, middle=16, high=18, measured=(16, 19, 17)))
    'median 17, 2 of 3 inside'
    """
    count = len(line.measured)
    if not count:
        return ""
    inside = sum(is_inside(line, value) for value in line.measured)
    if count == 1:
        return f"{amount(line.measured[0], unit)}, {'inside' if inside else 'outside'}"
    return f"median {amount(float(np.median(line.measured)), unit)}, {inside} of {count} inside"


def amount(number: float, unit: str = "") -> str:
    """Return a number with three digits, all of them from a hundred on, and its unit.

    Examples
    --------
    >>> amount(4.126, "ms"), amount(1234.5), amount(float("inf"), "ms")
    ('4.13 ms', '1,234', 'never')
    """
    if np.isnan(number):
        return "no number"
    if np.isinf(number):
        return "never"
    digits = f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
    return f"{digits} {unit}".rstrip()


def interval(line: Predicted, unit: str = "") -> str:
    """Return a predicted interval as text.

    Examples
    --------
    >>> from types import SimpleNamespace as Case
    >>> interval(Case(low=3.5, high=4.6), "ms"), interval(Case(low=0, high=0))
    ('3.5 to 4.6 ms', '0')
    """
    low, high = amount(line.low), amount(line.high)
    return amount(line.high, unit) if low == high else f"{low} to {amount(line.high, unit)}"


def source(compared: Compared) -> str:
    """Return which server was measured, or that it was another machine's, in plain words."""
    if compared.recorded:
        return f"Recorded earlier on another machine ({compared.server}); nothing was measured here."
    if not any(line.measured for line in compared.lines):
        return "Not measured yet."
    return f"Measured here, {compared.server}."


def said(compared: Compared) -> str:
    """Return a comparison in words."""
    cases = [
        f"{line.label}: predicted {interval(line, compared.unit)}"
        + (f", measured {verdict(line, compared.unit)}" if line.measured else "")
        for line in compared.lines
    ]
    return f"{compared.question} {source(compared)} {'; '.join(cases)}."


def table(compared: Compared) -> str:
    """Return a comparison as an HTML table: the picture for who cannot see it, and for who wants the digits."""
    unit = f", {escape(compared.unit)}" if compared.unit else ""
    columns = ("case", f"predicted{unit}", f"middle{unit}", f"measured{unit}", "verdict")
    head = "".join(f'<th scope="col">{name}</th>' for name in columns)
    rows = []
    for line in compared.lines:
        inside = sum(is_inside(line, value) for value in line.measured)
        cells = (
            interval(line),
            amount(line.middle),
            ", ".join(map(amount, line.measured)) or "–",
            f"{inside} of {len(line.measured)} inside" if line.measured else "not measured yet",
        )
        named = f'<th scope="row">{escape(line.label)}</th>'
        rows.append(f"<tr>{named}{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>")
    caption = f"<caption>{escape(compared.question)} {escape(source(compared))}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _bar(line: Predicted, row: int, low: float, high: float) -> Any:
    begin, end = _within(line.low, low, high), _within(line.high, low, high)
    return np.array([(begin, row - _HALF), (end, row - _HALF), (end, row + _HALF), (begin, row + _HALF)])


def _within(number: float, low: float, high: float) -> float:
    return float(np.clip(number, low, high))


def _shifts(count: int) -> list[float]:
    """Return how far from the middle of the row each of several points stands, so that none covers another."""
    return [0.0] if count == 1 else np.linspace(-_SPREAD, _SPREAD, count).tolist()


def _columns(points: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]
