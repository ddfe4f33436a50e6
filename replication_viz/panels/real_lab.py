"""Real servers for a notebook: started once, used cell after cell; where none can run, what was recorded elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from html import escape
from typing import Any, Self, TypeVar

import ipywidgets as widgets

from ..engine import run as simulate
from ..measures import lost
from ..real.calibration import Calibration, calibrate
from ..real.cluster import Cluster
from ..real.errors import LabError, MissingServerError
from ..real.experiments import EXPERIMENTS
from ..real.experiments.measurement import recorded as recorded_comparisons
from ..real.experiments.measurement import recorded_measurement
from ..real.lab import run
from ..real.predicting import Comparison, Experiment, Line, predict
from ..real.recorded_runs import lost_on_valkey, of_case, result
from ..real.recorded_runs import trace as recorded_trace
from ..scenario import Scenario
from ..trace import Trace
from ..views.stage import Stage
from .verdict import VerdictPanel

Tell = Callable[[int, int, str], None]
T = TypeVar("T")
_RUNS = 24  # simulated runs a prediction: enough for a lesson


class RealLab:
    """A primary and its standbys that stay up from cell to cell, and the experiments that are done on them.

    Where no server can run, every experiment shows the measurement that the package brings, and says so.

    Parameters
    ----------
    replicas : int
        How many standbys.
    recorded : bool
        Whether to use the recorded measurements though servers could run.

    Attributes
    ----------
    cluster : Cluster or None
        The servers, as long as they are up.
    calibration : Calibration or None
        This machine in a few numbers, once it was measured.
    why_recorded : str
        Why nothing is measured here, one sentence; empty if servers can run.
    """

    def __init__(self, replicas: int = 3, *, recorded: bool = False) -> None:
        self.replicas = replicas
        self.cluster: Cluster | None = None
        self.calibration: Calibration | None = None
        self.why_recorded = "You asked for the recorded measurements." if recorded else ""
        self._predicted: dict[str, Comparison] = {}
        self._traces: dict[tuple[str, str], Trace] = {}
        if not recorded:
            self._start()

    def _start(self) -> None:
        try:
            self.cluster = Cluster(self.replicas).__enter__()
        except ImportError as error:
            self.why_recorded = f"{error.name} is not installed: `pip install 'replication-viz[real]'` brings it."
        except (LabError, OSError) as error:
            self.why_recorded = str(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the servers and remove their folder; an experiment after that starts servers of its own."""
        if self.cluster is not None:
            self.cluster.close()
        self.cluster = None

    @property
    def is_real(self) -> bool:
        """Whether servers can run here."""
        return not self.why_recorded

    @contextmanager
    def running(self) -> Iterator[Cluster]:
        """Lend the servers; where they are closed, others for as long as the context lasts.

        Raises
        ------
        LabError
            If no server can run here.
        """
        if self.why_recorded:
            raise LabError(self.why_recorded)
        if self.cluster is None:
            with Cluster(self.replicas) as own:
                yield own
            return
        try:
            yield self.cluster
        except BaseException:
            self.cluster.changed = True  # nobody knows what was left half done: the next run begins anew
            raise

    # -- one experiment -------------------------------------------------------------------------------------------

    def calibrate(self) -> Calibration:
        """Measure this machine's flush and network, once, in about 15 s; or return what was recorded of another."""
        if self.calibration is None and self.is_real:
            with self.running() as cluster:
                self.calibration = calibrate(cluster)
        return self.calibration or recorded_measurement().calibration

    def predict(self, name: str, tell: Tell | None = None) -> VerdictPanel:
        """Say what the simulator expects of every case of an experiment, before anything is measured.

        Parameters
        ----------
        name : str
            One of `real.experiments.EXPERIMENTS`.
        tell : callable, optional
            Is told before each case: how many are done, of how many, and which one comes next. By default a bar is
            shown.

        Raises
        ------
        LabError
            If there is no such experiment.
        """
        return VerdictPanel(self.predicted(name, tell))

    def measure(self, name: str, repetitions: int = 1, tell: Tell | None = None) -> VerdictPanel:
        """Predict, if that was not done, then measure every case; return both.

        Parameters
        ----------
        repetitions : int
            How often all is measured, each time with another seed.
        """
        return VerdictPanel(self.compared(name, repetitions, tell))

    def predicted(self, name: str, tell: Tell | None = None) -> Comparison:
        """Return the predictions of an experiment: a comparison without measurements."""
        experiment = _known(name)
        if self.why_recorded:
            found = _recorded(name)
            return replace(found, lines=tuple(replace(line, measured=()) for line in found.lines))
        if name not in self._predicted:
            calibration = self.calibrate()
            lines = tuple(
                Line(case.label, *predict(case, experiment, calibration, _RUNS), ())
                for case in _telling(experiment, tell, "predicting")
            )
            self._predicted[name] = Comparison(name, experiment.question, experiment.unit, lines, calibration.server)
        return self._predicted[name]

    def compared(self, name: str, repetitions: int = 1, tell: Tell | None = None) -> Comparison:
        """Return the predictions and the measurements of an experiment."""
        experiment = _known(name)
        if self.why_recorded:
            return _recorded(name)
        predicted = self.predicted(name, tell)
        measured: dict[str, list[float]] = {case.label: [] for case in experiment.cases}
        with self.running() as cluster:
            for repetition in range(repetitions):
                for case in _telling(experiment, tell, "measuring"):
                    trace = run(case.scenario.but(seed=1_000 + repetition), cluster)
                    measured[case.label].append(float(experiment.measure(trace)))
                    self._traces[name, case.label] = trace
        return replace(
            predicted, lines=tuple(replace(line, measured=tuple(measured[line.label])) for line in predicted.lines)
        )

    # -- one run --------------------------------------------------------------------------------------------------

    def scenario(self, name: str, label: str) -> Scenario:
        """Return what a case of an experiment runs.

        Raises
        ------
        LabError
            If there is no such experiment or case.
        """
        cases = {case.label: case.scenario for case in _known(name).cases}
        if label not in cases:
            raise LabError(f"label is {label!r}: it must be one of {', '.join(cases)}.")
        return cases[label]

    def trace(self, name: str, label: str) -> Trace:
        """Return what happened in a case: the last measurement, or a recorded one; else the simulated run."""
        scenario = self.scenario(name, label)
        recorded = of_case(name, label) if self.why_recorded else None
        if recorded is not None:
            return recorded
        if (name, label) not in self._traces:
            self._traces[name, label] = self.run(scenario)
        return self._traces[name, label]

    def run(self, scenario: Scenario) -> Trace:
        """Run a scenario on the servers; where none can run, in the simulator."""
        if self.why_recorded:
            return simulate(scenario)
        with self.running() as cluster:
            return run(scenario, cluster)

    def shows(self, name: str, label: str) -> str:
        """Return a sentence on what a picture of a case shows."""
        if self.is_real:
            return f"“{label}”, as it happened on the servers here: messages as they passed the wires."
        if of_case(name, label) is not None:
            return f"“{label}”, as it happened on another machine's servers: messages as they passed the wires."
        return f"“{label}”, simulated: no server runs here, and this case was not recorded."

    def stage(self, name: str, label: str) -> Any:
        """Return the moving picture of a case, with a sentence that says what it shows."""
        return widgets.VBox([widgets.HTML(f"<p>{escape(self.shows(name, label))}</p>"), Stage(self.trace(name, label))])

    def do(self, function: Callable[..., T], **keywords: Any) -> T:
        """Call one of the functions of `real.rescue` with the servers; where none runs, return what was recorded.

        Raises
        ------
        LabError
            If it was not recorded.
        """
        if self.why_recorded:
            found: T = result(function.__name__ + "_with_a_gap" * bool(keywords.get("lose_a_file")))
            return found
        with self.running() as cluster:
            return function(cluster, **keywords)

    def lost_on_valkey(self, scenario: Scenario) -> int:
        """Return how many acknowledged writes a scenario loses on Valkey servers that are started for it.

        Where there are none, it is the number that was recorded for the crash under async, 200 ms one way.
        """
        from ..real import valkey

        try:
            if self.is_real:
                return len(lost(valkey.run(scenario)))
        except MissingServerError:
            pass
        return lost_on_valkey()

    def on_mariadb(self, scenario: Scenario) -> Trace:
        """Run a scenario on MariaDB servers that are started for it, and say whether they were.

        Where there are none, it is what was recorded of ``semi_sync_falls_back``.
        """
        from ..real import mariadb
        from ..real.binaries import mariadb as find

        why = self.why_recorded
        try:
            find()
        except LabError as error:
            why = why or str(error)
        if why:
            print(f"{why} What follows was recorded on another machine.")
            return recorded_trace("mariadb")
        found = mariadb.run(scenario)
        print("MariaDB ran here, and is stopped again.")
        return found

    # -- what it says ---------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        if self.why_recorded:
            return f"No server runs here. {self.why_recorded} What follows was recorded on another machine."
        if self.cluster is None:
            return "The servers are stopped, and their folder is gone."
        names = ", ".join(self.cluster.standbys)
        return (
            f"PostgreSQL {self.cluster.programs.version} is running: the primary {self.cluster.leader}, "
            f"the standbys {names}. A private folder, no open port; all of it goes with close(), or with this kernel."
        )

    def _repr_html_(self) -> str:
        return f'<p role="status">{escape(repr(self))}</p>'


def _known(name: str) -> Experiment:
    if name not in EXPERIMENTS:
        raise LabError(f"there is no experiment {name!r}: there are {', '.join(EXPERIMENTS)}.")
    return EXPERIMENTS[name]


def _recorded(name: str) -> Comparison:
    found = recorded_comparisons()
    if name not in found:
        raise LabError(f"no measurement of {name!r} was recorded: there are {', '.join(found)}.")
    return found[name]


def _telling(experiment: Experiment, tell: Tell | None, doing: str) -> Iterator[Any]:
    """Go through the cases and tell which one is next; by default with a bar."""
    count = len(experiment.cases)
    if tell is None:
        from tqdm.auto import tqdm

        yield from tqdm(experiment.cases, desc=f"{doing} {experiment.name}", unit="case", leave=False)
        return
    for number, case in enumerate(experiment.cases):
        tell(number, count, f"{doing}: {case.label}")
        yield case
