"""A desk for experiments on real servers: choose one, read the prediction, measure, look at what happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import ipywidgets as widgets

from ..real.errors import LabError
from ..real.experiments import EXPERIMENTS
from ..views.stage import Stage
from .real_lab import RealLab
from .verdict import VerdictPanel, look

_FIRST = "First the prediction, then the measurement."


class RealDesk(widgets.VBox):
    """Buttons over a lab: predict, measure, and the moving picture of any case that was measured.

    Servers that this starts for a measurement are gone when it is over.

    Parameters
    ----------
    lab : RealLab
        Whose servers are used while they are up; others are started when they are not.
    name : str
        The experiment that is chosen at first.

    Attributes
    ----------
    experiment, case : widget
        Which experiment, and which of its cases the picture shows.
    predicting, measuring, looking : widget
        The buttons.
    message : str
        What the desk says, as plain text.
    """

    def __init__(self, lab: RealLab, name: str = "acknowledged_but_lost") -> None:
        self.lab = lab
        self.message = ""
        choices = [(one.name.replace("_", " "), one.name) for one in EXPERIMENTS.values()]
        self.experiment = widgets.Dropdown(options=choices, value=name, description="experiment")
        self.predicting = widgets.Button(description="Predict")
        self.measuring = widgets.Button(description="Measure", button_style="primary")
        self.case = widgets.Dropdown(description="case")
        self.looking = widgets.Button(description="Look at it")
        self._bar = widgets.IntProgress(layout=widgets.Layout(width="12em", display="none"))
        self._says = widgets.HTML()
        self._says.add_class("rv-says")
        self._result = widgets.VBox()
        self._picture = widgets.VBox()
        self._panel: VerdictPanel | None = None
        above = widgets.Box([self.experiment, self.predicting, self.measuring, self._bar])
        below = widgets.Box([self.case, self.looking])
        for row in (above, below):
            row.add_class("rv-buttons")
        style = widgets.HTML(f"<style>{look()}</style>")
        super().__init__([style, above, self._says, self._result, below, self._picture])
        self.add_class("rv-verdict")
        self.experiment.observe(self._chosen, names="value")
        for button, does in (
            (self.predicting, self._predict),
            (self.measuring, self._measure),
            (self.looking, self._look),
        ):
            button.on_click(does)
        self._chosen()

    def __repr__(self) -> str:
        return f"RealDesk({self.experiment.value!r}): {self.message}"

    def _chosen(self, change: Any = None) -> None:
        self._result.children, self._picture.children, self._panel = (), (), None
        labels = [case.label for case in EXPERIMENTS[self.experiment.value].cases]
        self.case.options, self.case.value = labels, labels[0]
        self._rest()
        why = "" if self.lab.is_real else f"No server runs here. {self.lab.why_recorded} You see what was recorded."
        self._say(" ".join(filter(None, (EXPERIMENTS[self.experiment.value].question, why or _FIRST))))

    def _predict(self, button: Any) -> None:
        with self._busy():
            self._show(self.lab.predicted(self.experiment.value, self._tell))
            self._say("Would you bet on it? Now measure.")

    def _measure(self, button: Any) -> None:
        with self._busy():
            if self.lab.is_real and self.lab.cluster is None:
                self._say("Servers are started for this measurement, and stopped after it.")
            found = self.lab.compared(self.experiment.value, tell=self._tell)
            self._show(found)
            self._say(f"{found.inside:.0%} of the measurements lie in their predicted interval.")

    def _look(self, button: Any) -> None:
        with self._busy():
            self._tell(0, 1, f"running {self.case.value}")
            stage = Stage(self.lab.trace(self.experiment.value, self.case.value))
            self._picture.children = (stage,)
            self._say(self.lab.shows(self.experiment.value, self.case.value))

    def _show(self, comparison: Any) -> None:
        if self._panel is None:
            self._panel = VerdictPanel(comparison)
            self._result.children = (self._panel,)
        else:
            self._panel.show(comparison)

    @contextmanager
    def _busy(self) -> Iterator[None]:
        """Take no other order meanwhile; say in a sentence what went wrong."""
        for control in (self.experiment, self.predicting, self.measuring, self.case, self.looking):
            control.disabled = True
        try:
            yield
        except LabError as error:
            self._say(str(error), wrong=True)
        except KeyboardInterrupt:
            self._say("Stopped. The next measurement begins with fresh servers.", wrong=True)
        except Exception as error:
            self._say(f"This failed, which it should not: {type(error).__name__}: {error}.", wrong=True)
            raise
        finally:
            self._rest()

    def _rest(self) -> None:
        for control in (self.experiment, self.predicting, self.measuring, self.case, self.looking):
            control.disabled = False
        self._bar.layout.display = "none"

    def _tell(self, done: int, count: int, doing: str) -> None:
        self._bar.layout.display = ""
        self._bar.max, self._bar.value = count, done
        self._say(f"{doing[:1].upper()}{doing[1:]}, {done + 1} of {count} …")

    def _say(self, text: str, wrong: bool = False) -> None:
        self.message = text
        kind = ' class="rv-wrong"' if wrong else ""
        self._says.value = f'<div role="status" aria-live="polite"><p{kind}>{escape(text)}</p></div>'
