"""All experiments predicted and measured on one machine: made, written down, read back; one comes with the package."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Self

from ..calibration import Calibration, calibrate
from ..cluster import Cluster
from ..errors import LabError
from ..predicting import Comparison, Experiment, Line, compare
from . import EXPERIMENTS

RECORDED = Path(__file__).parents[1] / "recorded.json"
_STANDBYS = 3
_RUNS = 18


@dataclass(frozen=True)
class Measurement:
    """What one machine did.

    Attributes
    ----------
    calibration : Calibration
        All that the predictions knew of the machine.
    comparisons : tuple of Comparison
        One for each experiment.
    """

    calibration: Calibration
    comparisons: tuple[Comparison, ...]

    @property
    def count(self) -> int:
        """How many numbers were measured."""
        return sum(len(line.measured) for comparison in self.comparisons for line in comparison.lines)

    @property
    def inside(self) -> int:
        """How many of them lie in their predicted interval."""
        return sum(line.inside for comparison in self.comparisons for line in comparison.lines)

    def text(self) -> str:
        """Return it as a report."""
        parts = [str(self.calibration) + ".", *(table(comparison) for comparison in self.comparisons), self.verdict()]
        return "\n\n".join(parts)

    def verdict(self) -> str:
        """Return how many measurements lie inside, as a sentence."""
        share = self.inside / max(self.count, 1)
        return f"{self.inside} of {self.count} measurements ({share:.0%}) lie in their predicted 95 % interval."

    def to_json(self) -> str:
        """Return it as a text that `from_json` reads back."""
        comparisons = [asdict(comparison) for comparison in self.comparisons]
        told = {"calibration": json.loads(self.calibration.to_json()), "comparisons": comparisons}
        return json.dumps(told, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the measurement that `to_json` wrote.

        Raises
        ------
        LabError
            If the text is none.
        """
        try:
            told = json.loads(text)
            calibration = Calibration.from_json(json.dumps(told["calibration"]))
            return cls(calibration, tuple(Comparison.from_json(json.dumps(one)) for one in told["comparisons"]))
        except (ValueError, TypeError, KeyError):
            raise LabError(f"this is no measurement: {text[:40]!r}.") from None


def find(names: Sequence[str]) -> list[Experiment]:
    """Return the experiments of these names, all if there are none.

    Raises
    ------
    LabError
        If a name is unknown.
    """
    for name in names:
        if name not in EXPERIMENTS:
            raise LabError(f"experiment is {name!r}: it must be one of {', '.join(EXPERIMENTS)}.")
    return [EXPERIMENTS[name] for name in names or EXPERIMENTS]


def measure(
    names: Sequence[str] = (),
    repetitions: int = 1,
    told: Callable[[Calibration | Comparison], None] = lambda _: None,
) -> Measurement:
    """Calibrate, then predict and measure experiments on servers of their own; all of them take about 90 s.

    Parameters
    ----------
    names : sequence of str
        Of experiments; all by default.
    repetitions : int
        How often each case is measured.
    told : callable, optional
        Is given the calibration and each comparison as soon as it is there.

    Raises
    ------
    LabError
        If a name is unknown, or `repetitions` is below 1.
    MissingServerError
        If there is no PostgreSQL.
    """
    chosen = find(names)
    if repetitions < 1:
        raise LabError(f"repetitions is {repetitions}: it must be at least 1.")
    comparisons = []
    with Cluster(_STANDBYS) as cluster:
        calibration = calibrate(cluster)
        told(calibration)
        for experiment in chosen:
            comparison = compare(experiment, cluster, calibration, repetitions, _RUNS)
            told(comparison)
            comparisons.append(comparison)
    return Measurement(calibration, tuple(comparisons))


@cache
def recorded_measurement() -> Measurement:
    """Return the measurement that comes with the package: another machine's."""
    found = Measurement.from_json(RECORDED.read_text(encoding="utf-8"))
    return replace(found, comparisons=tuple(replace(one, recorded=True) for one in found.comparisons))


def recorded() -> dict[str, Comparison]:
    """Return the comparisons that come with the package, each by its experiment's name."""
    return {comparison.experiment: comparison for comparison in recorded_measurement().comparisons}


def table(comparison: Comparison) -> str:
    """Return a comparison as aligned text: case, predicted interval, what was measured, and whether it lies inside."""
    unit = f", {comparison.unit}" if comparison.unit else ""
    rows = [("", f"predicted{unit}", "measured", "")]
    rows += [(line.label, _interval(line), _values(line), _verdict(line)) for line in comparison.lines]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([f"{comparison.experiment}: {comparison.question}", *lines])


def _interval(line: Line) -> str:
    return f"{_number(line.low)} – {_number(line.high)}"


def _values(line: Line) -> str:
    return ", ".join(map(_number, line.measured))


def _verdict(line: Line) -> str:
    count = len(line.measured)
    if count == 1:
        return "inside" if line.inside else "outside"
    return f"{line.inside} of {count} inside"


def _number(value: float) -> str:
    return f"{value:.2f}" if 0 < abs(value) < 10 and value != round(value) else f"{value:,.0f}"
