"""The panel that every lesson uses: knobs above, the stage below, what a real system would be told.

The panel shows one setup at a time, and takes it back and does it again. It answers the stage's messages: a fault by
click is a fork of the scenario, run anew. A state replaces the last one only when its run and its picture are made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any, Self

import ipywidgets as widgets

from ..engine import run
from ..scenario import Fault, Scenario, ScenarioError
from ..scenario.errors import shown
from ..trace import Trace
from ..views.stage import Stage
from ..views.style import css_variables
from ..views.theme import PageTheme
from . import bench, edits
from . import knobs as controls
from .edits import Edit
from .history import History
from .setup import Setup, can_change, on_the_grid
from .shared import Shared
from .state import Pinned, State

_STYLE = Path(__file__).parent / "static" / "lab.css"
_LIKE = {
    "single_leader": "a PostgreSQL leader",
    "leaderless": "a Cassandra cluster",
    "multi_leader": "PostgreSQL servers that subscribe to each other",
}
_STAYS = "The picture still shows the last settings that work."
_RUNNING = "The clock is running: the change holds from where it stands still next."


class Lab(widgets.VBox):
    """Sliders, the moving picture, and what to tell a real PostgreSQL.

    A click on a node or a link of the picture adds a fault at the moment shown; faults can be moved, ended and removed;
    everything can be undone; two runs can be compared; a text restores it all.

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
    onward : widget
        Whether a knob changes the run from the clock on (``lab.onward.value = True``) or the whole of it. Knobs then
        show what holds at the clock.
    stage : Stage
        The picture and its clock.

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
        self._state = State(Setup(scenario), scenario, run(scenario), History())
        self.stage = Stage(self.trace)
        self.knobs: dict[str, Any] = {field: controls.make(field, scenario) for field in knobs}
        self._labels = {field: knob.description for field, knob in self.knobs.items()}
        self._stood = {field: knob.value for field, knob in self.knobs.items()}
        self._cuts = "partition" in self.knobs
        self._quiet = self._waits = False
        self._charts = tuple(charts)
        self.onward = widgets.Checkbox(
            value=False, description="Knobs change the run from the clock on, not the whole of it", indent=False
        )
        self.onward.add_class("rv-onward")
        self._says = widgets.HTML()
        self._says.add_class("rv-says")
        self._settings = widgets.HTML()
        self._settings.add_class("rv-settings")
        grid = widgets.Box(list(self.knobs.values()))
        grid.add_class("rv-knobs")
        turnable = [self.onward] if any(map(can_change, self.knobs)) else []
        style = widgets.HTML(f"<style>{css_variables(scope='.rv-lab')}{_STYLE.read_text()}</style>")
        drawn = [chart.widget() for chart in self._charts]
        self._page = PageTheme()
        super().__init__([style, grid, *turnable, self._says, self.stage, *drawn, self._settings, self._page])
        self.add_class("rv-lab")
        for chart in self._charts:
            chart.show(self.trace)
        self.stage.bench = bench.make(self._state, self._cuts)
        self._say(())
        for knob in self.knobs.values():
            knob.observe(self._turned, names="value")
        self.onward.observe(self._rested, names="value")
        self.stage.observe(self._rested, names=["moment", "playing"])
        self.stage.on_msg(self._heard)
        self._page.observe(self._recolour, names="theme")

    def __repr__(self) -> str:
        return f"Lab({self.scenario.title!r}, knobs: {', '.join(self.knobs)})"

    # -- what is shown --------------------------------------------------------------------------------------------

    @property
    def scenario(self) -> Scenario:
        """The scenario that is shown."""
        return self._state.scenario

    @property
    def trace(self) -> Trace:
        """Its run."""
        return self._state.trace

    @property
    def was(self) -> Trace | None:
        """The run that it is compared with, if there is one."""
        return self._state.pinned.trace if self._state.pinned else None

    @property
    def message(self) -> str:
        """What the panel says under its knobs, as plain text; empty if there is nothing to say."""
        return self._message

    def show(self, scenario: Scenario) -> None:
        """Run a scenario and show it: picture, charts, knobs and settings together.

        Raises
        ------
        ScenarioError
            If it is not valid; the picture stays as it was.
        """
        self._do(Edit(Setup(scenario), f"the scenario {scenario.title!r}"))

    def add(self, fault: Fault) -> None:
        """Add a fault: the run up to its time stays what it was.

        Raises
        ------
        ScenarioError
            If it does not fit the run; all stays as it was.
        """
        self._do(edits.add(self._state.setup, fault.model_dump(), self.trace))

    def undo(self) -> None:
        """Take the last step back.

        Raises
        ------
        ScenarioError
            If there is none.
        """
        history = self._state.history
        if not history.past:
            raise ScenarioError("There is nothing to undo.")
        self._show(*history.undone())

    def redo(self) -> None:
        """Do again what was undone last.

        Raises
        ------
        ScenarioError
            If nothing was.
        """
        history = self._state.history
        if not history.future:
            raise ScenarioError("There is nothing to redo.")
        self._show(*history.redone())

    def compare(self, on: bool = True) -> None:
        """Keep the run that is shown as A and show it beside every later one, B; or no longer."""
        now = self._state
        pinned = Pinned(now.setup, now.scenario, now.trace) if on else None
        self._put(State(now.setup, now.scenario, now.trace, now.history, now.notes, pinned))

    # -- a text that restores it all ------------------------------------------------------------------------------

    def share(self) -> str:
        """Return a short text that restores the scenario, the moment, what is open, and the run compared with."""
        pinned, stage = self._state.pinned, self.stage
        was = pinned.scenario if pinned else None
        moment = min(stage.moment, self.trace.duration_ms)  # the run compared with may last longer
        return Shared(self.scenario, moment, stage.view, stage.drawer, was).text()

    @classmethod
    def from_share(cls, text: str, **keywords: Any) -> Self:
        """Return a panel that shows what a text holds; keywords are those of the panel.

        Raises
        ------
        ScenarioError
            If the text is damaged.
        """
        found = Shared.read(text)
        lab = cls(found.scenario, **keywords)
        lab._restore(found, "")
        return lab

    def _restore(self, found: Shared, name: str) -> None:
        was, setup = found.was, Setup(found.scenario)
        pinned = Pinned(Setup(was), was, run(was)) if was is not None else None
        history = self._state.history.done(name, self._state.setup, setup) if name else self._state.history
        with self.stage.hold_sync():
            self._show(setup, history, pinned=pinned)
            self.stage.playing = False
            if found.moment is not None:
                self.stage.moment = found.moment
            self.stage.view, self.stage.drawer = found.view, found.drawer

    # -- knobs ----------------------------------------------------------------------------------------------------

    def _turned(self, change: Any = None) -> None:
        if self._quiet:
            return
        turned = {f: knob.value for f, knob in self.knobs.items() if not controls.same(knob.value, self._stood[f])}
        if not turned:  # back from a value that could not be shown
            self._say(self._state.notes)
            return
        with self._answering(_STAYS):
            self._waits = bool(self.onward.value and self.stage.playing)
            if self._waits:
                self._say((_RUNNING,))
            else:
                self._turn(turned)

    def _turn(self, turned: dict[str, Any]) -> None:
        """Turn knobs; the same ones again, with the clock at the same moment, are another form of the last step."""
        now, moment = self._state, self._moment if self.onward.value else None
        mark = (*sorted(turned), moment)
        before = now.history.before(mark)
        setup = begun = now.setup if before is None else before
        names, notes = [], []
        for field, value in turned.items():
            edit = edits.turn(setup, field, value, moment)
            setup = edit.setup
            names.append(edit.name)
            notes.append(edit.note)
        self._show(setup, now.history.done(", ".join(names), begun, setup, mark), *notes)

    @property
    def _moment(self) -> float:
        """Where the clock stands, on the grid, ms."""
        return min(on_the_grid(self.stage.moment), float(self.trace.duration_ms))

    def _rested(self, change: Any) -> None:
        """The clock stands elsewhere, or knobs mean something else: turn what waited for it, show what holds here."""
        if self._waits and not self.stage.playing:
            self._turned()
        if self.onward.value or change.owner is self.onward:
            self._display()

    def _display(self) -> None:
        """Let every knob stand where it belongs, with what it was in the run compared with."""
        (self.add_class if self._state.pinned else self.remove_class)("rv-comparing")
        self._quiet = True
        try:
            for field, knob in self.knobs.items():
                value = self._value(self._state.setup, field)
                controls.stand(knob, field, value, self.scenario)
                self._stood[field] = knob.value
                self._differ(field, knob, value)
        finally:
            self._quiet = False

    def _value(self, setup: Setup, field: str) -> Any:
        return setup.holds(field, self._moment) if self.onward.value and can_change(field) else setup.get(field)

    def _differ(self, field: str, knob: Any, value: Any) -> None:
        """Say on a knob what it was in the run compared with, if that was something else."""
        pinned = self._state.pinned
        was = self._value(pinned.setup, field) if pinned else value
        label = self._labels[field] + (f"\nwas {controls.text(field, was)}" if was != value else "")
        if knob.description != label:
            knob.description = label
            (knob.add_class if was != value else knob.remove_class)("rv-changed")

    # -- what the stage asks for ----------------------------------------------------------------------------------

    def _heard(self, stage: Any, content: Any, buffers: Any) -> None:
        """Do what a message of the browser says; what cannot be done is a sentence, here and in the stage."""
        with self._answering("", tell=True):
            if not isinstance(content, dict) or "do" not in content:
                raise ScenarioError(f"{shown(content)} is no message to a panel.")
            self._answer(content)

    def _answer(self, asked: dict[str, Any]) -> None:
        now, do, number, at_ms = self._state, asked["do"], asked.get("fault"), asked.get("at_ms")
        if do == "add":
            self._do(edits.add(now.setup, number, now.trace))
        elif do == "end":
            self._do(edits.end(now.setup, number, at_ms))
        elif do == "move":
            self._do(edits.move(now.setup, number, at_ms, asked.get("lasts_ms")))
        elif do == "remove":
            self._do(edits.remove(now.setup, number, self._cuts))
        elif do == "undo":
            self.undo()
        elif do == "redo":
            self.redo()
        elif do == "compare":
            if not isinstance(asked.get("on"), bool):
                raise ScenarioError(f"compare is {shown(asked.get('on'))}: it must be true or false.")
            self.compare(asked["on"])
        elif do == "restore":
            self._restore(Shared.read(asked.get("text")), "restored from a text")
        elif do == "keep":
            self._keep(asked.get("format"))
        elif do != "window":  # that one the stage answers
            raise ScenarioError(f"{shown(do)} is nothing that a panel can do.")

    def _keep(self, wanted: Any) -> None:
        from . import keep

        name, kind, data = keep.file(wanted, self)
        self.stage.send({"did": "keep", "format": wanted, "name": name, "type": kind}, [data])

    @contextmanager
    def _answering(self, after: str, tell: bool = False) -> Iterator[None]:
        """Say what went wrong in one sentence; what nobody foresaw is raised as well, for the log."""
        try:
            yield
        except ScenarioError as error:
            self._refuse(str(error), after, tell)
        except Exception as error:
            self._refuse(f"This failed, which it should not: {type(error).__name__}: {error}.", after, tell)
            raise

    def _refuse(self, why: str, after: str, tell: bool) -> None:
        self._say((" ".join(filter(None, (why, after))),))
        if tell:
            self.stage.send({"did": "sorry", "text": why})

    # -- from one state to the next -------------------------------------------------------------------------------

    def _do(self, edit: Edit) -> None:
        now = self._state
        self._show(edit.setup, now.history.done(edit.name, now.setup, edit.setup), edit.note)

    def _show(self, setup: Setup, history: History[Setup], *notes: str, pinned: Any = ...) -> None:
        """Run a setup and show it; the run compared with stays, unless another one is given."""
        now = self._state
        scenario, absent = setup.scenario()
        trace = now.trace if scenario == now.scenario else run(scenario)
        pinned = now.pinned if pinned is ... else pinned
        self._put(State(setup, scenario, trace, history, tuple(filter(None, (*absent, *notes))), pinned))

    def _put(self, state: State) -> None:
        """Show a state: the picture first, for it is what a reader waits for."""
        self.stage.show(state.trace, state.pinned.trace if state.pinned else None, bench.make(state, self._cuts))
        redraw = state.trace is not self._state.trace
        self._state = state
        self._display()
        self._say(state.notes)
        for chart in self._charts if redraw else ():
            chart.show(state.trace)

    def _recolour(self, change: Any) -> None:
        """Draw the charts in the colours of the page; the stage takes them by itself."""
        for chart in self._charts:
            chart.wear(change.new)
            chart.show(self.trace)

    def _say(self, notes: Sequence[str]) -> None:
        sentences = [*notes, *self.scenario.warnings()]
        self._message = " ".join(sentences)
        html = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
        self._says.value = f'<div role="status" aria-live="polite">{html}</div>'
        lines = " · ".join(
            f"<code>{escape(name)} = {escape(value)}</code>"
            for name, value in self.scenario.postgres_settings().items()
        )
        like = "MySQL" if self.scenario.is_semi_sync else _LIKE[self.scenario.topology]
        self._settings.value = f"The same on {like}: {lines}"
