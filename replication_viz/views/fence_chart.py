"""A table in colours of what fences leave: how long two leaders acknowledge, and how many writes diverge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.text import Text
from numpy.typing import ArrayLike

from ..trace import Floats
from .chart import Chart
from .style import Theme


class FenceMap(Chart):
    """A row for each fence, a column for each value of a setting; in each cell the time with two leaders.

    The darker a cell is, the longer that time; a number stands in each, and a tick where it is none.
    """

    title = "Two leaders acknowledge"

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = (7.2, 4.0)) -> None:
        super().__init__(theme, size)
        below, height = 0.52 / size[1], 1 - 0.64 / size[1]  # half an inch for the words below, whatever the height
        self.axes = self.figure.add_axes((0.33, below, 0.64, height))
        self._prepare(self.axes, "", "")
        self.axes.grid(visible=False)
        self.axes.tick_params(length=0)
        for spine in self.axes.spines.values():
            spine.set_visible(False)
        self.cells = PolyCollection([], edgecolor=self.colour["ground"], linewidth=2)
        self.axes.add_collection(self.cells, autolim=False)
        self.numbers: list[Text] = []
        self._scale = LinearSegmentedColormap.from_list("risk", [self.colour["raised"], self.colour["risk"]])

    def show(
        self,
        two_ms: ArrayLike,
        diverged: ArrayLike | None = None,
        *,
        rows: Sequence[str],
        columns: Sequence[str],
        over: str,
    ) -> Self:
        """Show a table.

        Parameters
        ----------
        two_ms : array_like, shape (n_rows, n_columns)
            How long two leaders acknowledged, ms.
        diverged : array_like, shape (n_rows, n_columns), optional
            How many writes diverged.
        rows, columns : sequence of str
            What stands beside each row and below each column.
        over : str
            What the columns are.

        Raises
        ------
        ValueError
            If the shapes do not fit.
        """
        times = np.asarray(two_ms, dtype=np.float64)
        writes = None if diverged is None else np.asarray(diverged, dtype=np.float64)
        shape = (len(rows), len(columns))
        for name, table in (("two_ms", times), ("diverged", writes)):
            if table is not None and table.shape != shape:
                raise ValueError(f"{name} has the shape {table.shape}: rows and columns ask for {shape}.")
        self.cells.set_verts([_square(row, column) for row, column in np.ndindex(shape)])
        shares = np.sqrt(times / max(1.0, times.max(initial=0)))
        colours = self._scale(shares.ravel())
        self.cells.set_facecolor(colours)
        self._write(times, writes, colours)
        self.axes.set_xlim(-0.5, shape[1] - 0.5)
        self.axes.set_ylim(shape[0] - 0.5, -0.5)
        self.axes.set_xticks(range(shape[1]), list(columns))
        self.axes.set_yticks(range(shape[0]), list(rows))
        for label in self.axes.get_yticklabels():
            label.set_color(self.colour["ink"])
        self.axes.set_xlabel(over, color=self.colour["ink"], fontsize=9)
        told = [f"{row}: {', '.join(f'{ms:,.0f} ms' for ms in line)}" for row, line in zip(rows, times, strict=True)]
        return self._shown(f"over {over} {', '.join(columns)}: {'; '.join(told)}.")

    def _write(self, times: Floats, writes: Floats | None, colours: Floats) -> None:
        for text in self.numbers:
            text.remove()
        self.numbers = []
        style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8.5}
        for place, (row, column) in enumerate(np.ndindex(times.shape)):
            ms, count = float(times[row, column]), None if writes is None else float(writes[row, column])
            ink = self.colour["safe"] if not ms and not count else _readable(colours[place])
            self.numbers.append(self.axes.text(column, row, _told(ms, count), color=ink, **style))


def _told(ms: float, count: float | None) -> str:
    if not ms and not count:
        return "✓ 0"
    time = f"{ms / 1000:.1f} s" if ms >= 1_000 else f"{ms:.0f} ms"
    return time if count is None else f"{time}\n{count:,.0f} writes"


def _square(row: int, column: int) -> Floats:
    return np.array([(column + x, row + y) for x, y in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))])


def _readable(ground: Floats) -> str:
    """Return black or white, whichever stands out more from a colour."""
    light = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(tuple(ground[:3]))]
    luminance = float(np.dot(light, [0.2126, 0.7152, 0.0722]))
    return "#000000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#ffffff"
