"""The panel that every lesson uses: knobs above, the stage below, what a real system would be told."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from ..engine import run
from ..scenario import Scenario, ScenarioError
from ..trace import Trace
from ..views.stage import Stage
from . import knobs as controls

_STYLE = Path(__file__).parent / "static" / "lab.css"


class Lab(widgets.VBox):
    """Sliders, the moving picture, and what to tell a real PostgreSQL.

    Parameters
    ----------
    scenario : Scenario
        Where the knobs begin.
    knobs : sequence of str
        Fields of the scenario that get a control, in this order.
    charts : sequence
        Charts of `replication_viz.views.charts` that follow the run; each has ``show(trace)`` and ``widget()``.

    Attributes
    ----------
    knobs : dict of str to widget
        The controls by field: ``lab.knobs["lag_ms"].value = 200`` moves one.
    scenario, trace
        What is shown now.

    Raises
    ------
    ScenarioError
        If a knob is no field of the scenario.
    """

    def __init__(
        self,
        scenario: Scenario,
        knobs: Sequence[str] = (*controls.PRODUCT, "rate_per_s", "flush_ms", "seed"),
        charts: Sequence[Any] = (),
    ) -> None:
        self._base = scenario
        self.scenario = scenario
        self.trace: Trace = run(scenario)
        self.stage = Stage(self.trace)
        self.knobs: dict[str, Any] = {field: controls.make(field, scenario) for field in knobs}
        self._charts = tuple(charts)
        self._says = widgets.HTML()
        self._says.add_class("rv-says")
        self._settings = widgets.HTML()
        self._settings.add_class("rv-settings")
        grid = widgets.Box(list(self.knobs.values()))
        grid.add_class("rv-knobs")
        shown = [chart.widget() for chart in self._charts]
        super().__init__(
            [widgets.HTML(f"<style>{_STYLE.read_text()}</style>"), grid, self._says, self.stage, *shown, self._settings]
        )
        self.add_class("rv-lab")
        for chart in self._charts:
            chart.show(self.trace)
        self._say([])
        for knob in self.knobs.values():
            knob.observe(self._turned, names="value")

    def __repr__(self) -> str:
        return f"Lab({self.scenario.title!r}, knobs: {', '.join(self.knobs)})"

    @property
    def message(self) -> str:
        """What the panel says under its knobs, as plain text; empty if there is nothing to say."""
        return self._message

    def show(self, scenario: Scenario) -> None:
        """Run a scenario and show it: picture, charts and settings together.

        Raises
        ------
        ScenarioError
            If it is not valid; the picture stays as it was.
        """
        self._base = scenario
        self._show(scenario, [])

    def _turned(self, change: Any) -> None:
        values = {field: knob.value for field, knob in self.knobs.items()}
        try:
            scenario, notes = controls.turned(self._base, values)
            self._show(scenario, notes)
        except ScenarioError as error:
            self._say([f"{error} The picture still shows the last settings that work."])
        self._follow()

    def _show(self, scenario: Scenario, notes: list[str]) -> None:
        trace = run(scenario)
        self.scenario, self.trace = scenario, trace
        self.stage.show(trace)
        self._say(notes)
        for chart in self._charts:
            chart.show(trace)

    def _follow(self) -> None:
        """Offer as many replicas in the other knobs as there are now."""
        standbys = self.scenario.standbys
        choices = {"partition": controls.cut_choices(standbys), "read_from": ["random", *self.scenario.node_names]}
        for field, offered in choices.items():
            knob = self.knobs.get(field)
            if knob is None:
                continue
            options = list(dict.fromkeys([*offered, knob.value]))
            if list(knob.options) != options:
                value = knob.value
                knob.unobserve(self._turned, names="value")
                knob.options = options
                knob.value = value
                knob.observe(self._turned, names="value")

    def _say(self, notes: list[str]) -> None:
        sentences = [*notes, *self.scenario.warnings()]
        self._message = " ".join(sentences)
        html = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
        self._says.value = f'<div role="status" aria-live="polite">{html}</div>'
        lines = " · ".join(
            f"<code>{escape(name)} = {escape(value)}</code>"
            for name, value in self.scenario.postgres_settings().items()
        )
        self._settings.value = f"The same on a PostgreSQL leader: {lines}"
