"""A still picture of the stage at one moment: for the README, print, and viewers without JavaScript."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Polygon, Rectangle
from matplotlib.text import Text

from ..trace import Trace
from .moment import Moment, Number, Packet, Row, duration, moment, telling_moment
from .plot import curves
from .style import STYLE, TYPE, Theme

WIDTH = 980.0
SANS, MONO = "DejaVu Sans", "DejaVu Sans Mono"
LEFT, RIGHT = 208.0, 752.0  # the tapes' edges
TOP = 66.0


def poster(
    trace: Trace,
    at_ms: float | None = None,
    theme: Theme = "light",
    size: tuple[float, float] = (9.8, 5.6),
) -> Figure:
    """Return the stage at a moment as a figure; save it as PNG, SVG or PDF.

    Parameters
    ----------
    at_ms : float, optional
        The moment, ms, from 0 to the run's end. By default the most telling one.
    size : (float, float)
        Width and height in inches; letters scale with the width.

    Raises
    ------
    ValueError
        If the moment is not within the run.
    """
    when = telling_moment(trace) if at_ms is None else float(at_ms)
    if not 0 <= when <= trace.duration_ms:
        raise ValueError(f"at_ms is {at_ms}: it must be from 0 to {trace.duration_ms:g}.")
    return _Poster(moment(trace, when), trace, theme, size).figure


class _Poster:
    """Draws in pixels of a stage that is 980 wide, from the top down."""

    def __init__(
        self, now: Moment, trace: Trace, theme: Theme, size: tuple[float, float]
    ) -> None:
        self.now, self.trace = now, trace
        self.colour = STYLE.colours(theme)
        self.scale = size[0] / (WIDTH / 100)
        self.height = WIDTH * size[1] / size[0]
        self.figure = Figure(figsize=size, dpi=100, facecolor=self.colour["ground"])
        self.renderer = FigureCanvasAgg(self.figure).get_renderer()
        self.axes: Axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, WIDTH), ylim=(self.height, 0))
        self.axes.axis("off")
        self.tapes_end = self.height - 206
        self.pitch = min((self.tapes_end - TOP) / len(now.rows), 92.0)
        self.bar = min(26.0, self.pitch * 0.5)
        self.low = now.window[0]
        self.span = now.window[1] - self.low
        self._draw()

    def _draw(self) -> None:
        self._heading()
        self._grid()
        for index, row in enumerate(self.now.rows):
            self._row(index, row)
        self._loss()
        self._acknowledged()
        for packet in self.now.packets:
            self._packet(packet)
        for index, number in enumerate(self.now.numbers):
            self._number(24 + index * 316, self.height - 194, number)
        self._timeline(self.height - 104, self.height - 54)
        self.text(24, self.height - 13, self.now.sentence, TYPE.note, "quiet")

    # -- the pens -------------------------------------------------------------------------------

    def text(
        self, x: float, y: float, words: str, size: float, ink: str = "ink", **more: Any
    ) -> Text:
        """Write, with the baseline at y; ``size`` in pixels."""
        points = size * 0.72 * self.scale
        style = {"family": SANS, "va": "baseline", "zorder": 6, **more}
        return self.axes.text(x, y, words, fontsize=points, color=self.colour[ink], **style)

    def width(self, text: Text) -> float:
        """Return how wide a text is, in pixels of the stage."""
        return float(text.get_window_extent(self.renderer).width) / self.scale

    def line(self, xs: Any, ys: Any, ink: str, width: float = 2, **more: Any) -> None:
        style = {"solid_capstyle": "butt", "zorder": 3, **more}
        self.axes.plot(xs, ys, color=self.colour[ink], lw=width * 0.72 * self.scale, **style)

    def box(self, x: float, y: float, w: float, h: float, ink: str, r: float = 4, **more: Any) -> None:
        if w <= 0:
            return
        r = min(r, w / 2, h / 2)
        style = {"facecolor": self.colour[ink], "linewidth": 0, "zorder": 2, **more}
        shape = f"round,pad=0,rounding_size={r}"
        self.axes.add_patch(FancyBboxPatch((x, y), w, h, boxstyle=shape, **style))

    def shape(self, points: Any, ink: str, x: float, y: float, **more: Any) -> None:
        moved = np.asarray(points, dtype=float) + (x, y)
        style = {"facecolor": self.colour[ink], "linewidth": 0, "zorder": 5, **more}
        self.axes.add_patch(Polygon(moved, closed=True, **style))

    def bolt(self, x: float, y: float, size: float = 1.0) -> None:
        points = np.array([(2, -9), (-5, 1), (-1, 1), (-3, 9), (5, -2), (1, -2)]) * size
        self.shape(points, "fault", x, y)

    def tick(self, x: float, y: float, size: float = 1.0, width: float = 2.4) -> None:
        points = np.array([(-5, -1), (-1, 3), (6, -6)]) * size
        self.line(x + points[:, 0], y + points[:, 1], "safe", width, zorder=7)

    def x(self, lsn: float) -> float:
        """Return where an LSN lies, kept within the window."""
        share = (lsn - self.low) / self.span
        return LEFT + (RIGHT - LEFT) * min(max(share, 0.0), 1.0)

    def y(self, row: float) -> float:
        """Return the middle of a row's bar."""
        return TOP + self.bar / 2 + 2 + row * self.pitch

    # -- the parts ------------------------------------------------------------------------------

    def _heading(self) -> None:
        title = self.text(24, 34, self.now.title, TYPE.title, weight="bold")
        clock = f"t = {self.now.at_ms:,.1f} ms".replace(",", "\u2009")
        time = self.text(WIDTH - 24, 34, clock, 15, weight="bold", ha="right", family=MONO)
        begin = 24 + self.width(title) + 16
        room = WIDTH - 24 - self.width(time) - 16 - begin
        setting = self.text(begin, 34, self.now.setting, 13, "quiet", family=MONO)
        if self.width(setting) > room:
            setting.set_fontsize(setting.get_fontsize() * max(room / self.width(setting), 0.6))

    def _grid(self) -> None:
        bottom = self.y(len(self.now.rows) - 1) + self.bar / 2 + 6
        for x in np.linspace(LEFT, RIGHT, 11):
            self.line([x, x], [TOP, bottom], "hair", 1, linestyle=(0, (2, 5)), zorder=1)

    def _row(self, index: int, row: Row) -> None:
        y, roomy = self.y(index), self.pitch >= 54
        faded = 1.0 if row.is_up else 0.35
        self._badge(row, y)
        name_y = y + 2 if roomy else y + 5
        name = self.text(72, name_y, row.name, TYPE.name if roomy else 14, weight="bold")
        if row.ailment and row.is_up and roomy:
            self.text(72, y + 19, row.about, TYPE.note, "quiet")
            self._pill(72, y + 25, row.ailment)
        elif row.ailment and row.is_up:
            self._pill(72 + self.width(name) + 8, y - 9, row.ailment)
        elif roomy:
            self.text(72, y + 19, row.about if row.is_up else "down", TYPE.note, "quiet")
        else:
            about = row.about if row.is_up else "down"
            note = self.text(72 + self.width(name) + 8, y + 5, about, 11, "quiet")
            _shorten(note, LEFT - 10, self)
        top, low = y - self.bar / 2, self.bar * 0.35
        self.box(LEFT, top, RIGHT - LEFT, self.bar, "raised", zorder=1)
        self.box(LEFT, top, self.x(row.head) - LEFT, self.bar, "appended", alpha=faded)
        self.box(LEFT, top, self.x(row.flushed) - LEFT, self.bar, "flushed", alpha=faded)
        end = self.x(row.replayed) - LEFT
        self.box(LEFT, top + self.bar - low, end, low, "replayed", r=2, alpha=faded)
        self._row_numbers(row, y, roomy)

    def _row_numbers(self, row: Row, y: float, roomy: bool) -> None:
        size = TYPE.note if roomy else min(11.0, self.pitch / 2 - 3.5)
        gap = size * 0.66
        first = self.text(RIGHT + 14, y - gap + 4, f"flushed {row.flushed:,}", size, family=MONO)
        if not row.is_up:
            words, ink = "down", "risk"
        elif row.is_leader:
            words, ink = "leader's head", "quiet"
            words = f"appended {row.head:,}"
        else:
            late = row.lag_ms >= 100
            words, ink = f"replay lag {duration(row.lag_ms)}", "risk" if late else "quiet"
        self.text(RIGHT + 14, y + gap + 4, words, size, ink, family=MONO)
        if row.is_up and max(row.head, row.replayed) < self.low:
            gone = f"{self.low - row.head:,} writes left of this window"
            self.text(LEFT + 10, y + 4, f"◂ {gone}", 11, "risk")
        first.set_gid(f"flushed-{row.name}")

    def _badge(self, row: Row, y: float) -> None:
        if not row.is_up:
            for way in (-1, 1):
                self.line([37, 51], [y - 7 * way, y + 7 * way], "down", 3, zorder=5)
        elif row.is_leader:
            crown = [(-16, 8), (-12, -5), (-6, 2), (0, -8), (6, 2), (12, -5), (16, 8)]
            self.shape(crown, "leader", 44, y)
        else:
            ink = "fault" if row.ailment else "replica"
            size = min(9.0, self.pitch * 0.26)
            ring = {"fill": False, "edgecolor": self.colour[ink], "zorder": 5}
            self.axes.add_patch(Circle((44, y), size, lw=2.6 * 0.72 * self.scale, **ring))
            if row.ailment:
                self.bolt(44, y, size / 9 * 0.72)

    def _pill(self, x: float, y: float, words: str) -> None:
        label = self.text(x + 9, y + 12.7, words, 10.5, "fault", weight="bold")
        _shorten(label, LEFT - 12, self)
        self.box(x, y, self.width(label) + 18, 18, "fault_ground", r=9, zorder=5)

    def _acknowledged(self) -> None:
        x, rows = self.x(self.now.committed), self.now.rows
        self.line([x, x], [58, self.y(len(rows) - 1) + self.bar / 2 + 6], "safe", 2, zorder=4)
        self.tick(x, 54)
        label = "acknowledged up to here"
        self.text(x - 11, 57, label, TYPE.note, "safe", ha="right", weight="bold")
        if self.now.waiting <= 0:
            return
        end = self.x(rows[0].head)
        if end - x > 8:
            self.line([x + 3, end], [62, 62], "risk", 2)
            for edge in (x + 3, end):
                self.line([edge, edge], [59, 65], "risk", 2)
        noun = "commit waits" if self.now.waiting == 1 else "commits wait"
        words = f"{self.now.waiting:,} {noun} for {self.now.waits_for}"
        note = self.text(x + 13, 57, words, TYPE.note, "risk", weight="bold")
        middle = (x + 3 + end) / 2 - self.width(note) / 2
        note.set_x(min(max(middle, x + 13), WIDTH - 24 - self.width(note)))

    def _loss(self) -> None:
        """Hatch what a crash would take, on the row that would be promoted."""
        if self.now.lost <= 0:
            return
        row = max(self.now.promoted, 0)
        head = self.now.rows[row].head if self.now.promoted >= 0 else 0
        begin, end = self.x(head), self.x(self.now.committed)
        top = self.y(row) - self.bar / 2
        style = {"hatch": "////", "fill": False, "linewidth": 0, "zorder": 3}
        edge = self.colour["risk"]
        self.axes.add_patch(Rectangle((begin, top), end - begin, self.bar, edgecolor=edge, **style))
        words = f"{self.now.lost:,} would be lost"
        self.text(end + 8, self.y(row) + 4, words, TYPE.note, "risk", weight="bold")

    def _packet(self, packet: Packet) -> None:
        if packet.lsn < self.low or packet.lsn > self.low + self.span:
            return
        share = min(packet.progress, 0.5) if packet.is_lost else packet.progress
        # From edge to edge of the bars: in a bar's middle a packet would hide the bar's end.
        begin, end = self.y(packet.source), self.y(packet.target)
        edge = np.sign(end - begin) * (self.bar / 2 + 4)
        y = begin + edge + (end - begin - 2 * edge) * share
        x = self.x(packet.lsn)
        ground = {"facecolor": self.colour["ground"], "zorder": 8}
        if packet.is_reply:
            ring = {"edgecolor": self.colour["safe"], "lw": 2.2 * 0.72 * self.scale, **ground}
            self.axes.add_patch(Circle((x, y), 6, alpha=0.5 if packet.is_lost else 1, **ring))
            if not packet.is_lost:
                points = np.array([(-3, 0), (-1, 2.4), (3, -2.6)])
                self.line(x + points[:, 0], y + points[:, 1], "safe", 1.8, zorder=9)
        else:
            words = f"{packet.count:,}"
            w = max(22.0, 10 + 7 * len(words))
            box = {"edgecolor": self.colour["leader"], "linewidth": 2 * 0.72 * self.scale, **ground}
            self.box(x - w / 2, y - 7, w, 14, "ground", **box)
            style = {"ha": "center", "weight": "bold", "zorder": 9}
            self.text(x, y + 3.7, words, 10, "leader", **style)
        if packet.is_lost:
            for way in (-1, 1):
                self.line([x - 7, x + 7], [y - 7 * way, y + 7 * way], "risk", 2.4, zorder=10)

    def _number(self, x: float, y: float, number: Number) -> None:
        self.box(x, y, 300, 64, "raised", r=8)
        self.text(x + 16, y + 22, number.caption, TYPE.note, "quiet")
        value = self.text(x + 16, y + 50, number.value, TYPE.number, number.tone, weight="bold")
        note = self.text(x + 30 + self.width(value), y + 50, number.note, TYPE.note, "quiet")
        _shorten(note, x + 292, self)

    def _timeline(self, top: float, bottom: float) -> None:
        left, right, whole = 60.0, WIDTH - 40, self.trace.duration_ms
        curves = self._curves()
        peak = max([float(np.nanmax(c)) for _, c, *_ in curves if not np.isnan(c).all()], default=0)
        peak = peak or 1.0

        def across(ms: Any) -> Any:
            return left + (right - left) * np.asarray(ms) / whole

        self.line([left, right], [bottom, bottom], "hair", 1, zorder=1)
        x = left + 40
        self.text(left, bottom + 18, "0 s", 11, "quiet")
        self.text(right, bottom + 18, f"{whole / 1000:g} s", 11, "quiet", ha="right")
        self.text(left - 8, top + 9, duration(peak), 10, "quiet", ha="right")
        for times, curve, ink, dashes, words in curves:
            level = bottom - 3 - (bottom - top - 6) * curve / peak
            self.line(across(times), level, ink, 2, linestyle=dashes)
            self.line([x, x + 26], [bottom + 14] * 2, ink, 2, linestyle=dashes)
            x += 44 + self.width(self.text(x + 33, bottom + 18, words, 11)) + 16
        self._flags(across, top, bottom)
        at = float(across(self.now.at_ms))
        self.line([at, at], [top - 4, bottom + 6], "ink", 2, zorder=7)
        self.axes.add_patch(Circle((at, bottom), 6, facecolor=self.colour["ink"], zorder=7))

    def _curves(self) -> list[tuple[Any, Any, str, Any, str]]:
        times, latency = measures.latency_curve(self.trace)
        found: list[tuple[Any, Any, str, Any, str]] = [
            (times, latency, "risk", "solid", "commit latency")
        ]
        slowest = slowest_replica(self.trace)
        if slowest:
            lag = measures.lag_curve(self.trace, slowest, "replay")
            found.append((*lag, "replayed", (0, (4, 1.5)), f"replay lag of {slowest}"))
        return found

    def _flags(self, across: Any, top: float, bottom: float) -> None:
        free_from = 0.0
        for time, words in fault_flags(self.trace):
            x = float(across(time))
            self.bolt(x, top - 11, 0.9)
            dashes = {"linestyle": (0, (3, 3)), "zorder": 2}
            self.line([x, x], [top - 2, bottom], "fault", 1.4, **dashes)
            if x < free_from:
                continue
            label = self.text(x + 10, top - 8, words, 11, "fault", weight="bold")
            if x + 10 + self.width(label) > WIDTH - 24:
                label.set(ha="right", x=x - 10)
                if x - 10 - self.width(label) < free_from:
                    label.remove()
                    continue
            free_from = x + 20 + self.width(label)


def _shorten(text: Text, right: float, pen: _Poster) -> None:
    """Cut a text so that it ends left of ``right``, pixels of the stage."""
    room = right - float(text.get_position()[0])
    words = text.get_text()
    while len(words) > 1 and pen.width(text) > room:
        words = words[:-1].rstrip()
        text.set_text(words + "…")
