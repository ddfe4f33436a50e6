"""A comparison of prediction and measurement, to look at and to read: the picture, and the same as a table."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np

from ..real.predicting import Comparison
from ..views.style import css_variables
from ..views.theme import PageTheme
from ..views.verdict_chart import VerdictChart, table

_STYLE = Path(__file__).parent / "static" / "verdict.css"


class VerdictPanel(widgets.VBox):
    """The picture of a comparison in the colours of the page, and a table of it.

    Attributes
    ----------
    comparison : Comparison
        What is shown.
    """

    def __init__(self, comparison: Comparison) -> None:
        self.chart = VerdictChart()
        self._table = widgets.HTML()
        self._page = PageTheme()
        style = widgets.HTML(f"<style>{look()}</style>")
        super().__init__([style, self.chart.widget(), self._table, self._page])
        self.add_class("rv-verdict")
        self.show(comparison)
        self._page.observe(self._recolour, names="theme")

    def show(self, comparison: Comparison) -> None:
        """Show another comparison."""
        self.comparison = comparison
        self.chart.show(comparison)
        self._table.value = f"<details><summary>The same as a table</summary>{table(comparison)}</details>"

    def measured(self, label: str) -> float:
        """Return what was measured in a case, the median of several numbers.

        Raises
        ------
        LabError
            If there is no such case.
        """
        values = self.comparison.line(label).measured
        return float(np.median(values)) if values else float("nan")

    @property
    def inside(self) -> float:
        """The share of the measurements that lie in their predicted interval, 0 to 1."""
        return self.comparison.inside

    def _recolour(self, change: Any) -> None:
        self.chart.wear(change.new)
        self.chart.show(self.comparison)

    def __repr__(self) -> str:
        return repr(self.chart)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Add what viewers show that have no live widgets: picture and table."""
        live: Any = super()._repr_mimebundle_(**options)
        data, metadata = live if isinstance(live, tuple) else (live or {}, {})
        png = base64.b64encode(self.chart.png(scale=2)).decode()
        picture = f'<img src="data:image/png;base64,{png}" alt="{escape(self.chart.alt)}" style="max-width:720px">'
        html = f'<style>{look()}</style><div class="rv-verdict">{picture}{self._table.value}</div>'
        return {**data, "text/plain": repr(self), "text/html": html}, metadata


def look() -> str:
    """Return the style sheet of the panels of the real lab."""
    return css_variables(scope=".rv-verdict") + _STYLE.read_text(encoding="utf-8")
