"""What `replication-viz measure` does."""

from __future__ import annotations

from collections.abc import Sequence

from ..calibration import Calibration
from ..predicting import Comparison
from .measurement import Measurement, find, measure, recorded_measurement, table


def measured(names: Sequence[str] = (), repetitions: int = 1, recorded: bool = False) -> Measurement:
    """Measure experiments, all if none is named, and print each as soon as it is done.

    Parameters
    ----------
    recorded : bool
        Whether to measure nothing, and to print what comes with the package.

    Raises
    ------
    LabError
        If a name is unknown, or there is no server.
    """
    if recorded:
        found = _of(recorded_measurement(), names)
        print("Recorded on another machine.\n")
        _tell(found.calibration)
        for comparison in found.comparisons:
            _tell(comparison)
    else:
        found = measure(names, repetitions, _tell)
    print(found.verdict())
    return found


def _of(measurement: Measurement, names: Sequence[str]) -> Measurement:
    wanted = {experiment.name for experiment in find(names)}
    chosen = (one for one in measurement.comparisons if one.experiment in wanted)
    return Measurement(measurement.calibration, tuple(chosen))


def _tell(news: Calibration | Comparison) -> None:
    text = f"{news}." if isinstance(news, Calibration) else table(news)
    print(text + "\n", flush=True)
