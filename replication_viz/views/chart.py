"""What every chart is: a matplotlib figure that lives on, with its text alternative, in the colours of a theme.

No pyplot, so no global state.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, Self
from weakref import WeakKeyDictionary

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from ..trace import Floats, Trace
from .story import header
from .style import STYLE, Theme

SIZE = (7.2, 3.2)
DPI = 100


class Chart:
    """A figure that lives on, with its text alternative.

    Parameters
    ----------
    theme : {"light", "dark"}
        Its colours; every kind of chart takes them first. `wear` changes them.
    size : (float, float)
        Width and height, inches.

    Attributes
    ----------
    figure : Figure
        The same one for as long as the theme holds.
    alt : str
        What the chart shows now, in a sentence or two.
    """

    title = "Chart"
    _made: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *arguments: Any, **keywords: Any) -> Self:
        """Remember how it is made: in other colours it is made anew."""
        chart = super().__new__(cls)
        chart._made = (arguments, keywords)
        return chart

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = SIZE) -> None:
        self.theme = theme
        self.alt = f"{self.title}: nothing is shown yet."
        self.colour = STYLE.colours(theme)
        self.figure = Figure(figsize=size, dpi=DPI, facecolor=self.colour["ground"])
        self._canvas = FigureCanvasAgg(self.figure)
        self._marked: WeakKeyDictionary[Line2D, tuple[float, float]] = WeakKeyDictionary()
        self._image: Any = None
        self._caption: Any = None

    def wear(self, theme: Theme) -> None:
        """Take the colours of a theme: an empty chart in the same widget, for the next `show` to fill."""
        if theme == self.theme:
            return
        image, caption = self._image, self._caption
        arguments, keywords = self._made
        if arguments:
            self.__init__(theme, *arguments[1:], **keywords)  # type: ignore[misc]
        else:
            self.__init__(**{**keywords, "theme": theme})  # type: ignore[misc]
        self._image, self._caption = image, caption

    def png(self, scale: float = 1.0) -> bytes:
        """Return the picture, ``scale`` times 100 dots per inch, quick to make and small.

        64 colours are enough for lines and letters: a third of the bytes, and less time than all colours.
        """
        self.figure.set_dpi(DPI * scale)
        self._canvas.draw()
        pixels = Image.fromarray(np.asarray(self._canvas.buffer_rgba())).convert("RGB")
        self.figure.set_dpi(DPI)
        few = pixels.quantize(64, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        palette = few.getpalette() or []
        ground = int(np.asarray(few)[0, 0])  # its average over all that is almost the ground is off by one
        palette[3 * ground : 3 * ground + 3] = np.asarray(pixels)[0, 0].tolist()
        few.putpalette(palette)
        buffer = BytesIO()
        few.save(buffer, "png", compress_level=1)
        return buffer.getvalue()

    def widget(self) -> Any:
        """Return a picture for a live panel; each `show` brings it up to date in place."""
        import ipywidgets

        if self._image is None:
            layout = ipywidgets.Layout(max_width="100%")
            self._image = ipywidgets.Image(value=b"", format="png", layout=layout)
            self._caption = ipywidgets.HTML()
            self._refresh()
        return ipywidgets.VBox([self._image, self._caption])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        width, height = (round(side * DPI) for side in self.figure.get_size_inches())
        shown = {"width": width, "height": height, "alt": self.alt}
        data = {"text/plain": self.alt, "image/png": self.png(scale=2)}
        return data, {"image/png": shown}

    def __repr__(self) -> str:
        return self.alt

    def _shown(self, alt: str) -> Self:
        for line, (first, every) in self._marked.items():
            points = len(np.asarray(line.get_xdata()))
            line.set_markevery((round(first * points), max(1, round(every * points))))
        self.alt = f"{self.title}: {alt}"
        if self._image is not None:
            self._refresh()
        return self

    def _refresh(self) -> None:
        from html import escape

        # Read aloud, not seen: ipywidgets' Image has no text alternative of its own.
        hidden = "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)"
        self._image.value = self.png()
        self._caption.value = f'<span style="{hidden}" role="status">{escape(self.alt)}</span>'

    def _prepare(self, axes: Axes, x: str, y: str) -> None:
        quiet, hair = self.colour["quiet"], self.colour["hair"]
        axes.set_facecolor(self.colour["ground"])
        axes.set_xlabel(x, color=self.colour["ink"], fontsize=9)
        axes.set_ylabel(y, color=self.colour["ink"], fontsize=9)
        axes.tick_params(which="both", colors=quiet, labelsize=8.5, length=3)
        axes.grid(color=hair, linewidth=0.7, alpha=0.7)
        axes.set_axisbelow(True)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(hair)

    def _line(self, axes: Axes, ink: str, label: str, dashes: Any, marker: str = "", width: float = 1.7) -> Line2D:
        drawn = {"marker": marker, "markersize": 5} if marker else {}
        style = {"color": self.colour[ink], "linestyle": dashes, "linewidth": width, **drawn}
        [line] = axes.plot([], [], label=label, **style)
        if marker:
            self._mark(line)
        return line

    def _mark(self, line: Line2D, first: float = 0.0, every: float = 0.14) -> None:
        """Put a line's markers evenly in time, by shares of its points: along a jagged line they would be a crowd."""
        self._marked[line] = (first, every)

    def _note(self, axes: Axes) -> Any:
        style: dict[str, Any] = {"ha": "center", "va": "center", "color": self.colour["quiet"], "wrap": True}
        return axes.text(0.5, 0.5, "", transform=axes.transAxes, fontsize=10, **style)

    def _spans(self, axes: Axes) -> PolyCollection:
        """Return the ground that marks the time of faults; empty until there are any."""
        ground = PolyCollection(
            [],
            transform=axes.get_xaxis_transform(),
            facecolor=self.colour["fault_ground"],
            edgecolor="none",
            alpha=0.55,
            zorder=0.5,
        )
        axes.add_collection(ground, autolim=False)
        return ground


def _legend(chart: Chart, axes: Axes, handles: list[Any], at: tuple[float, float], title: str = "") -> None:
    legend = axes.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=at,
        frameon=False,
        fontsize=8.5,
        handlelength=2.6,
        borderaxespad=0,
        labelcolor=chart.colour["ink"],
        title=title or None,
        title_fontsize=8.5,
        alignment="left",
    )
    legend.get_title().set_color(chart.colour["quiet"])


def _time_unit(duration_ms: float) -> tuple[float, str]:
    """Return what ms are divided by, and the unit that this gives."""
    for divisor, unit in ((3_600_000.0, "h"), (60_000.0, "min"), (1_000.0, "s")):
        if duration_ms >= 2 * divisor:
            return divisor, unit
    return 1.0, "ms"


def _verts(trace: Trace, divisor: float) -> list[Floats]:
    """Return the time of each fault that lasts, as corners of a ground of full height."""
    lasting = [(s["t"], s["until"]) for s in header(trace)["spans"] if s["until"] is not None]
    return [np.array([(a, 0), (b, 0), (b, 1), (a, 1)]) / [divisor, 1] for a, b in lasting]
