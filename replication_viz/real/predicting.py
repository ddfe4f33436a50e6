"""Prediction first: what the simulator says that real servers will do, with an interval; then both side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from ..engine import run as simulate
from ..scenario import Scenario
from ..trace import Trace
from .calibration import Calibration
from .cluster import Cluster
from .errors import LabError
from .lab import run

Measure = Callable[[Trace], float]
_RUNS = 48
_LEVEL = 0.95


@dataclass(frozen=True)
class Case:
    """One setting of an experiment: what it is called, and the scenario that both engines run."""

    label: str
    scenario: Scenario


@dataclass(frozen=True)
class Experiment:
    """The same measure of the same scenarios, simulated and real.

    Attributes
    ----------
    name : str
        Such as "order_statistic".
    question : str
        What it answers.
    unit : str
        Of the measure, such as "ms"; empty for a count.
    cases : tuple of Case
        In the order in which they are run.
    measure : callable
        Takes a trace, whichever engine it is from, and returns a number.
    whole : bool
        Whether the measure is a count: an interval's ends are then whole numbers.
    resolution : float
        By how much a real measurement may be greater than what it measures: positions are read every 10 ms.
    """

    name: str
    question: str
    unit: str
    cases: tuple[Case, ...]
    measure: Measure
    whole: bool = False
    resolution: float = 0.0


@dataclass(frozen=True)
class Line:
    """One case: what was predicted, then what was measured, in the experiment's unit."""

    label: str
    low: float
    middle: float
    high: float
    measured: tuple[float, ...]

    @property
    def inside(self) -> int:
        """How many of the measured numbers lie in the predicted interval."""
        return sum(self.low <= value <= self.high for value in self.measured)


@dataclass(frozen=True)
class Comparison:
    """An experiment's predictions and measurements.

    Attributes
    ----------
    experiment, question, unit : str
        As the experiment says.
    lines : tuple of Line
        One for each case.
    server : str
        What was measured.
    recorded : bool
        Whether these are the measurements that the package brings, of another machine.
    """

    experiment: str
    question: str
    unit: str
    lines: tuple[Line, ...]
    server: str
    recorded: bool = False

    @property
    def inside(self) -> float:
        """The share of all measurements that lie in their predicted interval, 0 to 1."""
        return sum(line.inside for line in self.lines) / max(sum(len(line.measured) for line in self.lines), 1)

    def line(self, label: str) -> Line:
        """Return the line of a case.

        Raises
        ------
        LabError
            If there is no such case.
        """
        for line in self.lines:
            if line.label == label:
                return line
        raise LabError(f"label is {label!r}: it must be one of {', '.join(line.label for line in self.lines)}.")

    def to_json(self) -> str:
        """Return it as a text that `from_json` reads back."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the comparison that `to_json` wrote."""
        told: dict[str, Any] = json.loads(text)
        lines = tuple(Line(**{**line, "measured": tuple(line["measured"])}) for line in told.pop("lines"))
        return cls(**{**told, "lines": lines})


def predict(
    case: Case, experiment: Experiment, calibration: Calibration, runs: int = _RUNS
) -> tuple[float, float, float]:
    """Return the interval in which a measurement should lie in 19 of 20 cases, and its middle: low, middle, high.

    Each simulated run has a seed of its own, and the flush and network times of one of the calibration's blocks: how
    much these differ is how much the machine may have changed until the measurement. That there are few of them widens
    the interval as Student's t distribution says.
    """
    from scipy.stats import t

    blocks = calibration.blocks
    found = [
        experiment.measure(simulate(calibration.applied(case.scenario.but(seed=seed), blocks[seed % len(blocks)])))
        for seed in range(1, runs + 1)
    ]
    low, middle, high = np.quantile(found, [(1 - _LEVEL) / 2, 0.5, (1 + _LEVEL) / 2]).tolist()
    count = len(blocks)
    wider = float(t.ppf((1 + _LEVEL) / 2, count - 1) / 1.96 * np.sqrt(1 + 1 / count))
    low, high = middle - (middle - low) * wider, middle + (high - middle) * wider + experiment.resolution
    if experiment.whole:
        low, high = np.floor(low), np.ceil(high)
    return max(float(low), 0.0), float(middle), float(high)


def compare(
    experiment: Experiment, cluster: Cluster, calibration: Calibration, repetitions: int = 1, runs: int = _RUNS
) -> Comparison:
    """Predict every case, and only then measure every case, `repetitions` times, each with another seed.

    Raises
    ------
    LabError
        If a scenario asks for what real servers cannot do.
    """
    predicted = [predict(case, experiment, calibration, runs) for case in experiment.cases]
    measured: list[list[float]] = [[] for _ in experiment.cases]
    for repetition in range(repetitions):
        for case, values in zip(experiment.cases, measured, strict=True):
            trace = run(case.scenario.but(seed=1_000 + repetition), cluster)
            values.append(float(experiment.measure(trace)))
    return Comparison(
        experiment.name,
        experiment.question,
        experiment.unit,
        tuple(
            Line(case.label, *interval, tuple(values))
            for case, interval, values in zip(experiment.cases, predicted, measured, strict=True)
        ),
        calibration.server,
    )
