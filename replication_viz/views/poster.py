"""A still picture of the stage at one moment: for the README, for print, for viewers without JavaScript."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import Any, Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from ..trace import Trace
from .forked_poster import fork, own_history, reigns
from .instant import Moment, Number, Packet, Row
from .moment import moment, telling_moment
from .pen import MONO, WIDTH, Pen
from .plot import CURVE_BINS, curves
from .ring_moment import RingMoment
from .ring_poster import RingDrawing
from .story import header
from .style import TYPE, Theme
from .tapes_moment import TapesMoment
from .tapes_poster import TapesDrawing
from .terms import Terms
from .units import duration

LEFT, RIGHT, TOP = 208.0, 752.0, 66.0  # the tapes' edges
STRIP_LEFT, STRIP_RIGHT = 60.0, WIDTH - 40  # the timeline's
_ROOMY = 54.0  # from this distance of the rows on a row has room for two lines of text
_DASHES = ("solid", (0, (4, 1.5)), (0, (1, 1)))


def poster(
    trace: Trace,
    at_ms: float | None = None,
    theme: Theme = "light",
    size: tuple[float, float] | None = None,
) -> Figure:
    """Return the stage at a moment as a figure; save it as PNG, SVG or PDF.

    Parameters
    ----------
    at_ms : float, optional
        The moment, ms, from 0 to the run's end. By default the most telling one.
    size : (float, float), optional
        Width and height in inches; letters scale with the width. By default 9.8 by 5.6, and less
        high with fewer than four nodes.

    Raises
    ------
    ValueError
        If the moment is not within the run.
    """
    when = telling_moment(trace) if at_ms is None else float(at_ms)
    if not 0 <= when <= trace.duration_ms:
        raise ValueError(f"at_ms is {at_ms}: it must be from 0 to {trace.duration_ms:g}.")
    drawing = Drawing(trace, theme, size)
    drawing.still()
    drawing.moving(when)
    return drawing.pen.figure


def picture(trace: Trace, format: Literal["png", "svg"], at_ms: float | None = None, theme: Theme = "light") -> bytes:
    """Return `poster` as the content of a file; the same picture gives the same bytes.

    Text in an SVG is text: it can be searched, read aloud and edited.
    """
    out = BytesIO()
    told: dict[str, Any] = {"Title": trace.scenario.title}
    if format == "svg":
        told["Date"] = None
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "replication_viz"}):
        poster(trace, at_ms, theme).savefig(out, format=format, metadata=told)
    return out.getvalue()


class Drawing:
    """The stage on a sheet, in two parts: what stays the same during the run, and one moment of it.

    Attributes
    ----------
    pen : Pen
        What it is drawn with; ``pen.figure`` is the sheet.
    """

    def __init__(self, trace: Trace, theme: Theme, size: tuple[float, float] | None = None) -> None:
        self.trace = trace
        self.terms = Terms(trace)
        self.reigns = 14.0 * len({fork.node for fork in self.terms.forks}) + 4 if self.terms.changes else 0.0
        # Less high with fewer than four nodes.
        self.is_ring = trace.scenario.topology == "leaderless"
        self.is_tapes = trace.scenario.topology == "multi_leader"
        fewer = 0 if self.is_ring or self.is_tapes else max(4 - len(trace.nodes), 0)
        self.pen = pen = Pen(theme, size or (9.8, 5.6 - 0.7 * fewer + self.reigns / 100))
        self.pitch = min((pen.height - 200 - self.reigns - TOP) / len(trace.nodes), 92.0)
        self.bar = min(26.0, self.pitch * 0.5)
        self.bottom = self.y(len(trace.nodes) - 1) + self.bar / 2 + 6
        self.strip = (pen.height - 104 - self.reigns, pen.height - 54 - self.reigns)

    def still(self) -> None:
        """Draw what stays the same during the run."""
        self._heading()
        self._timeline(*self.strip)
        if self.terms.changes:
            reigns(self, *self.strip)

    def moving(self, at_ms: float) -> None:
        """Draw one moment, ms."""
        self.pen.text(WIDTH - 24, 34, _clock(at_ms), 15, weight="bold", ha="right", family=MONO)
        if self.is_ring:
            ring = RingDrawing(self, at_ms)
            ring.draw()
            self._below(ring.now)
            return
        if self.is_tapes:
            tapes = TapesDrawing(self, at_ms)
            tapes.draw()
            self._below(tapes.now)
            return
        self.now = moment(self.trace, at_ms)
        self._walls()
        for index, row in enumerate(self.now.rows):
            self._row(index, row)
        self._loss()
        if self.now.fork >= 0:
            fork(self)
        if not self.now.is_split:
            self._acknowledged()
        self._packets()
        self._below(self.now)

    def _below(self, now: Moment | RingMoment | TapesMoment) -> None:
        """Draw what stands below every scene: three numbers, the playhead, a sentence."""
        pen = self.pen
        for index, number in enumerate(now.numbers):
            self._number(24 + index * 316, pen.height - 194 - self.reigns, number)
        self._playhead(now.at_ms, *self.strip)
        pen.fit(pen.text(24, pen.height - 13, now.sentence, TYPE.note, "quiet"), WIDTH - 24)

    def x(self, lsn: float) -> float:
        """Return where an LSN lies, kept within the window."""
        low, high = self.now.window
        return LEFT + (RIGHT - LEFT) * min(max((lsn - low) / (high - low), 0.0), 1.0)

    def y(self, row: int) -> float:
        """Return the middle of a row's bar."""
        return TOP + self.bar / 2 + 2 + row * self.pitch

    def _heading(self) -> None:
        pen, story = self.pen, header(self.trace)
        title = pen.text(24, 34, story["title"], TYPE.title, weight="bold")
        longest = pen.text(0, 0, _clock(self.trace.duration_ms), 15, weight="bold", family=MONO)
        begin = 24 + pen.width(title) + 16
        room = WIDTH - 24 - pen.width(longest) - 16
        pen.erase(longest)
        settings = story["setting"].split(" · ")
        setting = pen.text(begin, 34, " · ".join(settings), 13, "quiet", family=MONO)
        while len(settings) > 1 and begin + pen.width(setting) > room:
            settings.pop()
            setting.set_text(" · ".join(settings))
        if begin + pen.width(setting) > room:
            setting.set_text(settings[0].partition(" = ")[2])
        pen.fit(setting, room)
        for x in [] if self.is_ring or self.is_tapes else np.linspace(LEFT, RIGHT, 11):
            dots: Any = (0, (2, 5))
            pen.line([x, x], [TOP, self.bottom], "hair", 1, linestyle=dots, zorder=1)

    def _walls(self) -> None:
        """Draw a partition as a dashed line between neighbours that it separates."""
        for wall in self.now.walls:
            for row in range(1, len(self.now.rows)):
                if (row in wall) != (row - 1 in wall):
                    y = self.y(row) - self.pitch / 2 + (6 if self.pitch >= _ROOMY else 0)
                    self.pen.line([24, WIDTH - 24], [y, y], "fault", 2.4, linestyle=(0, (4, 2.5)))

    def _row(self, index: int, row: Row) -> None:
        y, pen = self.y(index), self.pen
        self._badge(row, y)
        self._name(row, y)
        top, low = y - self.bar / 2, self.bar * 0.35
        faded = 1.0 if row.is_up else 0.35
        pen.box(LEFT, top, RIGHT - LEFT, self.bar, "raised", zorder=1)
        pen.box(LEFT, top, self.x(row.head) - LEFT, self.bar, "appended", alpha=faded)
        pen.box(LEFT, top, self.x(row.flushed) - LEFT, self.bar, "flushed", alpha=faded)
        pen.box(LEFT, y + self.bar / 2 - low, self.x(row.replayed) - LEFT, low, "replayed", r=2, alpha=faded)
        own_history(self, row, y)
        gone = self.now.window[0] - row.replayed
        if row.is_up and gone > 0:
            pen.text(LEFT + 6, top + 10.5, f"◂ replay is {gone:,.0f} writes further left", 10)
        self._row_numbers(row, y)

    def _name(self, row: Row, y: float) -> None:
        pen, is_roomy = self.pen, self.pitch >= _ROOMY
        about = row.about if row.is_up else row.ailment
        ailment = row.ailment if row.is_up else ""
        size = TYPE.name if is_roomy else 14
        name = pen.text(72, y + (2 if is_roomy else 5), row.name, size, weight="bold")
        beside = 72 + pen.width(name) + 8
        if is_roomy:
            old = row.is_leader and row.crown.startswith("old")
            pen.fit(pen.text(72, y + 19, about, TYPE.note, "risk" if old else "quiet"), LEFT - 6, smallest=8)
            if ailment:
                self._pill(72, y + 25, ailment)
        elif ailment:
            self._pill(beside, y - 9, ailment)
        else:
            pen.fit(pen.text(beside, y + 5, about, 11, "quiet"), LEFT - 8)

    def _row_numbers(self, row: Row, y: float) -> None:
        size = TYPE.note if self.pitch >= _ROOMY else min(11.0, self.pitch / 2 - 3.5)
        gap = size * 0.66
        first = f"timeline {row.term}" if self.now.histories > 1 else f"flushed {row.flushed:,}"
        self.pen.text(RIGHT + 14, y - gap + 4, first, size, family=MONO)
        ink = "quiet"
        if row.doomed:
            words, ink = f"{row.doomed:,} writes doomed", "risk"
        elif not row.is_up:
            words, ink = "down", "risk"
        elif row.is_leader:
            words = f"appended {row.head:,}"
            if self.now.histories > 1:
                words, ink = f"{row.flushed - self.now.fork:,} new writes", "safe"
        else:
            words = f"replay lag {duration(row.lag_ms)}"
            ink = "risk" if row.lag_ms >= 100 else "quiet"
        self.pen.text(RIGHT + 14, y + gap + 4, words, size, ink, family=MONO)

    def _badge(self, row: Row, y: float) -> None:
        size = min(9.0, self.pitch * 0.26)
        if not row.is_up:
            self.pen.cross(44, y, size - 1, "down", 3.4)
        elif row.is_leader:
            self.pen.crown(44, y, "risk" if row.crown.startswith("old") else "leader", is_hollow="idle" in row.crown)
        else:
            self.pen.ring(44, y, size, "fault" if row.ailment else "replica")
            if row.ailment:
                self.pen.bolt(44, y, size / 9 * 0.72)

    def _pill(self, x: float, y: float, words: str) -> None:
        label = self.pen.text(x + 7, y + 12.7, words, 10.5, "fault", weight="bold")
        self.pen.fit(label, LEFT - 9, smallest=8.5)
        self.pen.box(x, y, self.pen.width(label) + 14, 18, "fault_ground", r=9, zorder=5)

    def _acknowledged(self) -> None:
        pen, x = self.pen, self.x(self.now.committed)
        pen.line([x, x], [58, self.bottom], "safe", 2, zorder=4)
        pen.tick(x, 54)
        pen.text(x - 11, 57, "acknowledged up to here", TYPE.note, "safe", ha="right", weight="bold")
        if self.now.waiting <= 0:
            return
        end = self.x(self.now.rows[self.now.leader].head)
        if end - x > 8:
            pen.line([x + 3, end], [62, 62], "risk", 2)
            for edge in (x + 3, end):
                pen.line([edge, edge], [59, 65], "risk", 2)
        noun = "commit waits" if self.now.waiting == 1 else "commits wait"
        words = f"{self.now.waiting:,} {noun} for {self.now.waits_for}"
        note = pen.text(x + 13, 57, words, TYPE.note, "risk", weight="bold")
        middle = (x + 3 + end) / 2 - pen.width(note) / 2
        note.set_x(max(min(middle, WIDTH - 24 - pen.width(note)), x + 13))
        pen.fit(note, WIDTH - 20)

    def _loss(self) -> None:
        """Hatch what a crash would take, on the row that would be promoted."""
        if self.now.lost <= 0:
            return
        row = max(self.now.promoted, 0)
        head = self.now.rows[row].head if self.now.promoted >= 0 else 0
        begin, end = self.x(head), self.x(self.now.committed)
        self.pen.hatch(begin, self.y(row) - self.bar / 2, end - begin, self.bar, "risk")
        words = f"{self.now.lost:,} lost"
        style: dict[str, Any] = {"weight": "bold", "ha": "center", "zorder": 7}
        note = self.pen.text(0, self.y(row) + 4, words, TYPE.note, "risk", **style)
        width = self.pen.width(note) + 12
        x = (begin + end) / 2 if end - begin > width + 12 else end + 3 + width / 2
        note.set_x(x)
        self.pen.box(x - width / 2, self.y(row) - 9, width, 18, "ground", zorder=6)

    def _packets(self) -> None:
        """Draw the messages, close ones of a link as one; where links cross the upper one is read."""
        low, high = self.now.window
        placed: list[tuple[Packet, float, float]] = []
        for packet in self.now.packets:
            if not low <= packet.lsn <= high:
                continue
            x, y = self._place(packet)
            for index, (other, u, v) in enumerate(placed):
                if other.link == packet.link and abs(x - u) < 25 and abs(y - v) < 15:
                    count = other.count + packet.count
                    placed[index] = (replace(packet, count=count), u, v)
                    break
            else:
                placed.append((packet, x, y))
        for index, (packet, x, y) in enumerate(placed):
            above = placed[index + 1 :]
            is_bare = any(abs(x - u) < 25 and abs(y - v) < 15 for _, u, v in above)
            self._packet(packet, x, y, 8 + index / 1000, is_bare)

    def _place(self, packet: Packet) -> tuple[float, float]:
        # From edge to edge of the bars: in a bar's middle a packet would hide where the bar ends.
        begin, end = self.y(packet.source), self.y(packet.target)
        edge = float(np.sign(end - begin)) * (self.bar / 2 + 4)
        share = min(packet.progress, 0.5) if packet.is_lost else packet.progress
        return self.x(packet.lsn), begin + edge + (end - begin - 2 * edge) * share

    def _packet(self, packet: Packet, x: float, y: float, zorder: float, is_bare: bool) -> None:
        pen = self.pen
        if packet.is_reply:
            pen.ring(x, y, 6, "safe", 2.2, zorder=zorder)
            if not packet.is_lost and not is_bare:
                pen.tick(x - 0.3, y + 0.6, 0.55, 1.8, zorder=zorder)
        else:
            words = f"{packet.count:,}"
            w = max(22.0, 10 + 7 * len(words))
            pen.box(x - w / 2, y - 7, w, 14, "ground", edge="leader", zorder=zorder)
            if not is_bare:
                style = {"ha": "center", "weight": "bold", "zorder": zorder}
                pen.text(x, y + 3.7, words, 10, "leader", **style)
        if packet.is_lost:
            pen.cross(x, y, 7, "risk")

    def _number(self, x: float, y: float, number: Number) -> None:
        pen = self.pen
        pen.box(x, y, 300, 64, "raised", r=8)
        pen.text(x + 16, y + 22, number.caption, TYPE.note, "quiet")
        value = pen.text(x + 16, y + 50, number.value, TYPE.number, number.tone, weight="bold")
        note = pen.text(x + 30 + pen.width(value), y + 50, number.note, TYPE.note, "quiet")
        pen.fit(note, x + 292)

    def _timeline(self, top: float, bottom: float) -> None:
        pen, left, right, whole = self.pen, STRIP_LEFT, STRIP_RIGHT, self.trace.duration_ms
        shown = curves(self.trace)
        peaks: dict[str, float] = {}
        for curve in shown:
            peaks[curve.unit] = max(peaks.get(curve.unit, 0.0), float(np.nanmax(curve.values, initial=0)))
        times = np.arange(1, CURVE_BINS + 1) * whole / CURVE_BINS

        pen.line([left, right], [bottom, bottom], "hair", 1, zorder=1)
        pen.text(left, bottom + 18, "0 s", 11, "quiet")
        pen.text(right, bottom + 18, f"{whole / 1000:g} s", 11, "quiet", ha="right")
        most = duration(peaks["ms"] or 1.0) if "ms" in peaks else f"{peaks[shown[0].unit]:,.0f}"
        pen.text(left - 8, top + 9, most, 10, "quiet", ha="right")
        x = left + 40
        for curve, dashes in zip(shown, _DASHES, strict=False):
            known = ~np.isnan(curve.values)
            level = bottom - 3 - (bottom - top - 6) * curve.values[known] / (peaks[curve.unit] or 1.0)
            pen.line(self.across(times[known]), level, curve.meaning, 2, linestyle=dashes)
            pen.line([x, x + 26], [bottom + 14] * 2, curve.meaning, 2, linestyle=dashes)
            x += 60 + pen.width(pen.text(x + 33, bottom + 18, curve.label, 11))
        self._flags(top, bottom)

    def across(self, ms: Any) -> Any:
        """Return where moments (ms) lie on the timeline."""
        return STRIP_LEFT + (STRIP_RIGHT - STRIP_LEFT) * np.asarray(ms) / self.trace.duration_ms

    def _playhead(self, at_ms: float, top: float, bottom: float) -> None:
        at = float(self.across(at_ms))
        self.pen.line([at, at], [top - 4, bottom + 6], "ink", 2, zorder=7)
        self.pen.disc(at, bottom, 6, "ink")

    def _flags(self, top: float, bottom: float) -> None:
        pen, free_from = self.pen, 24.0
        flags = [(float(self.across(span["t"])), span["text"]) for span in header(self.trace)["spans"]]
        places = [x for x, _ in flags]
        for index, (x, words) in enumerate(flags):
            pen.bolt(x, top - 11, 0.9)
            pen.line([x, x], [top - 2, bottom], "fault", 1.4, linestyle=(0, (3, 3)), zorder=2)
            label = pen.text(x + 10, top - 8, words, 11, "fault", weight="bold")
            width = pen.width(label)
            free_to = min([u - 8 for u in places[index + 1 :] if u > x], default=WIDTH - 24)
            if x + 10 >= free_from and x + 10 + width <= free_to:
                free_from = x + 20 + width
            elif x - 10 - width >= free_from:
                label.set(ha="right", x=x - 10)
                free_from = x + 10
            else:
                pen.erase(label)


def _clock(at_ms: float) -> str:
    return f"t = {at_ms:,.1f} ms".replace(",", "\u2009")
