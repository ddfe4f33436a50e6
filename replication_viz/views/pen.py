"""Pens for a still picture: text, lines, boxes and the shapes of `style`, in pixels of a stage 980 wide."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyBboxPatch, Polygon, Rectangle
from matplotlib.text import Text

from .style import STYLE, Theme

WIDTH = 980.0
# The families that matplotlib brings along: a picture is the same on every machine.
SANS, MONO = "DejaVu Sans", "DejaVu Sans Mono"
_POINTS = 0.72  # of a pixel, at 100 dots per inch


class Pen:
    """A figure of one empty sheet, x to the right and y down.

    Attributes
    ----------
    drawn : list of Artist
        All that was drawn so far; what `wipe` takes off again.
    """

    def __init__(self, theme: Theme, size: tuple[float, float]) -> None:
        self.colour = STYLE.colours(theme)
        self.height = WIDTH * size[1] / size[0]
        self.figure = Figure(figsize=size, dpi=100, facecolor=self.colour["ground"])
        self._scale = size[0] / (WIDTH / 100)
        self._renderer = FigureCanvasAgg(self.figure).get_renderer()
        self.axes: Axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, WIDTH), ylim=(self.height, 0))
        self.axes.axis("off")
        self.drawn: list[Artist] = []

    def wipe(self, kept: int = 0) -> None:
        """Take off what was drawn after the first ``kept`` things."""
        for artist in self.drawn[kept:]:
            artist.remove()
        del self.drawn[kept:]

    def text(self, x: float, y: float, words: str, size: float, ink: str = "ink", **more: Any) -> Text:
        """Write in ``size`` pixels, the baseline at y."""
        style = {"family": SANS, "va": "baseline", "zorder": 6, "parse_math": False, **more}
        text = self.axes.text(x, y, words, fontsize=self._points(size), color=self.colour[ink], **style)
        self.drawn.append(text)
        return text

    def erase(self, text: Text) -> None:
        """Take one text off again."""
        self.drawn.remove(text)
        text.remove()

    def width(self, text: Text) -> float:
        """Return how wide a text is."""
        return float(text.get_window_extent(self._renderer).width) / self._scale

    def fit(self, text: Text, right: float, smallest: float = 9.0) -> None:
        """Make a text end left of ``right``: smaller letters first, then fewer."""
        room = right - float(text.get_position()[0])
        wide = self.width(text)
        if wide > room > 0:
            least = min(self._points(smallest), float(text.get_fontsize()))
            text.set_fontsize(max(float(text.get_fontsize()) * room / wide * 0.98, least))
        words = text.get_text()
        while len(words) > 1 and self.width(text) > room + 0.5:
            words = words[:-1].rstrip()
            text.set_text(words + "…")

    def line(self, xs: Any, ys: Any, ink: str, width: float = 2, **more: Any) -> None:
        style = {"solid_capstyle": "butt", "zorder": 3, **more}
        self._put(Line2D(xs, ys, color=self.colour[ink], linewidth=self._points(width), **style))

    def box(self, x: float, y: float, w: float, h: float, ink: str, r: float = 4, **more: Any) -> None:
        """Fill a box with round corners; ``edge`` names its border's colour."""
        if w <= 0:
            return
        r = min(r, w / 2, h / 2)
        style: dict[str, Any] = {"facecolor": self.colour[ink], "linewidth": 0, "zorder": 2, **more}
        if "edge" in style:
            style |= {"edgecolor": self.colour[style.pop("edge")], "linewidth": self._points(2)}
        shape = f"round,pad=0,rounding_size={r}"
        self._put(FancyBboxPatch((x, y), w, h, boxstyle=shape, **style))

    def hatch(self, x: float, y: float, w: float, h: float, ink: str) -> None:
        edge = self.colour[ink]
        area = Rectangle((x, y), w, h, hatch="////", fill=False, lw=0, ec=edge, zorder=3)
        self._put(area)

    def disc(self, x: float, y: float, r: float, ink: str, zorder: float = 7) -> None:
        self._put(Circle((x, y), r, facecolor=self.colour[ink], linewidth=0, zorder=zorder))

    def ring(self, x: float, y: float, r: float, ink: str, width: float = 2.6, **more: Any) -> None:
        style = {"facecolor": self.colour["ground"], "zorder": 5, **more}
        edge, lw = self.colour[ink], self._points(width)
        self._put(Circle((x, y), r, edgecolor=edge, linewidth=lw, **style))

    def crown(self, x: float, y: float, ink: str = "leader", size: float = 1.0, is_hollow: bool = False) -> None:
        points = np.array([(-16, 8), (-12, -5), (-6, 2), (0, -8), (6, 2), (12, -5), (16, 8)]) * size
        if is_hollow:
            closed = np.concatenate([points, points[:1]])
            self.line(x + closed[:, 0], y + closed[:, 1], ink, 1.6, linestyle=(0, (3, 2)), zorder=5)
        else:
            self._shape(points, ink, x, y)

    def bolt(self, x: float, y: float, size: float = 1.0) -> None:
        points = np.array([(2, -9), (-5, 1), (-1, 1), (-3, 9), (5, -2), (1, -2)]) * size
        self._shape(points, "fault", x, y)

    def tick(self, x: float, y: float, size: float = 1.0, width: float = 2.4, zorder: float = 7) -> None:
        points = np.array([(-5, -1), (-1, 3), (6, -6)]) * size
        self.line(x + points[:, 0], y + points[:, 1], "safe", width, zorder=zorder)

    def cross(self, x: float, y: float, r: float, ink: str, width: float = 2.4, zorder: float = 10) -> None:
        for way in (-1, 1):
            self.line([x - r, x + r], [y - r * way, y + r * way], ink, width, zorder=zorder)

    def triangle(self, x: float, y: float, r: float, ink: str) -> None:
        self._shape(np.array([(0, -r), (r, 0.85 * r), (-r, 0.85 * r)]), ink, x, y, zorder=7)

    def envelope(self, x: float, y: float, ink: str) -> None:
        self.box(x - 9, y - 6, 18, 12, "ground", r=1, edge=ink, zorder=6)
        self.line([x - 9, x, x + 9], [y - 6, y + 1, y - 6], ink, 1.7, zorder=6.5)

    def area(self, points: Any, ink: str, alpha: float, zorder: float = 2) -> None:
        """Fill a closed line with a pale colour."""
        self._put(Polygon(points, closed=True, facecolor=self.colour[ink], alpha=alpha, linewidth=0, zorder=zorder))

    def _shape(self, points: Any, ink: str, x: float, y: float, zorder: float = 5) -> None:
        moved = np.add(points, [x, y])
        self._put(Polygon(moved, closed=True, facecolor=self.colour[ink], linewidth=0, zorder=zorder))

    def _put(self, artist: Artist) -> None:
        # Not add_patch or plot: the sheet's limits stand, and working them out anew is a third of the cost.
        self.axes.add_artist(artist)
        self.drawn.append(artist)

    def _points(self, pixels: float) -> float:
        return pixels * _POINTS * self._scale
