"""The panel of a restore: choose the moment to go back to, and the base backup to begin with."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from .. import measures
from ..engine import run
from ..measures import Restored
from ..scenario import Scenario
from ..views.restore_chart import RestoreChart, sentence
from ..views.style import css_variables
from ..views.theme import PageTheme

_STYLE = Path(__file__).parent / "static" / "lab.css"
_MINUTE = 60_000.0


class RestoreDesk(widgets.VBox):
    """Two sliders over one run: the moment of the base backup, and the moment to restore to.

    Parameters
    ----------
    scenario : Scenario
        What is run, once; its archive must be on.
    to_min : float, optional
        Where the slider of the moment begins, min; by default half way.

    Attributes
    ----------
    moment, backup : widget
        The sliders, min. The backup is taken no later than the moment.
    found : Restored
        What the restore that is shown brings back.

    Raises
    ------
    ValueError
        If the scenario has no archive.
    """

    def __init__(self, scenario: Scenario, to_min: float | None = None) -> None:
        self.trace = run(scenario)
        self.chart = RestoreChart()
        whole = scenario.duration_ms / _MINUTE
        look: dict[str, Any] = {"min": 0.0, "max": whole, "step": whole / 1_800, "readout_format": ".1f"}
        wide = widgets.Layout(width="auto")
        begin = whole / 2 if to_min is None else to_min
        self.backup = widgets.FloatSlider(value=0.0, description="base backup at (min)", layout=wide, **look)
        self.moment = widgets.FloatSlider(value=begin, description="restore to (min)", layout=wide, **look)
        self._says = widgets.HTML()
        self._says.add_class("rv-says")
        knobs = widgets.Box([self.backup, self.moment])
        knobs.add_class("rv-knobs")
        look_of_lab = _STYLE.read_text(encoding="utf-8").replace(".rv-lab", ".rv-desk")
        style = widgets.HTML(f"<style>{css_variables(scope='.rv-desk')}{look_of_lab}</style>")
        self.found = self._restore()
        self._page = PageTheme()
        super().__init__([style, knobs, self._says, self.chart.widget(), self._page])
        self.add_class("rv-desk")
        for slider in (self.backup, self.moment):
            slider.observe(self._moved, names="value")
        self._page.observe(self._recolour, names="theme")

    def __repr__(self) -> str:
        return f"RestoreDesk({self.trace.scenario.title!r}, to {self.moment.value:.1f} min): {sentence(self.found)}"

    def _moved(self, change: Any) -> None:
        if self.backup.value > self.moment.value:  # nobody restores to before the backup: the other one gives way
            other = self.moment if change.owner is self.backup else self.backup
            other.value = change.owner.value
            return
        self.found = self._restore()

    def _recolour(self, change: Any) -> None:
        self.chart.wear(change.new)
        self._restore()

    def _restore(self) -> Restored:
        to_ms, backup_ms = (min(s.value * _MINUTE, self.trace.duration_ms) for s in (self.moment, self.backup))
        found = measures.restore(self.trace, to_ms, backup_ms)
        self.chart.show(self.trace, to_ms, backup_ms)
        self._says.value = f"<p>{escape(sentence(found))}</p>"
        return found
