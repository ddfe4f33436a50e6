"""Which runs a sweep is made of, and what one parcel of them gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from itertools import product
from operator import index
from threading import Event
from time import perf_counter
from typing import Any

import numpy as np

from ..engine import run
from ..scenario import Scenario
from ..trace import Floats, Trace
from .makers import Left, SweepError, make, usable_cores
from .result import Sweep

Measure = Callable[[Trace], Any]

_WORTH_PROCESSES_S = 1.0  # a sweep that takes less is made here
_PARCEL_S = 0.4  # how long one parcel of runs should take: it bounds how long cancelling takes


def sweep(
    scenario: Scenario,
    measure: Measure | Sequence[Measure],
    seeds: Iterable[int] = range(100),
    grid: Mapping[str, Iterable[Any]] | None = None,
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: bool = True,
    cancel: Event | None = None,
) -> Sweep:
    """Return what a measure gives for each seed, at each point of a grid of settings.

    The first run is made here, so that a measure that fails says so at once.

    Parameters
    ----------
    measure : callable or sequence of callables
        Takes a trace; returns a number or an array, of the same shape for each run. Of several each returns a number.
    seeds : iterable of int
        Different from each other.
    grid : mapping, optional
        Settings of the scenario and the values to try, such as ``{"lag_ms": [0, 50, 200]}``; every combination is run.
    executor : Executor, optional
        Who makes the runs: processes, threads, or a cluster's. By default processes of its own, or nobody else if the
        runs take no longer than about a second.
    workers : int, optional
        How many processes of its own; by default one for each usable core. 1 means: here.
    progress : bool
        Whether to show a bar.
    cancel : threading.Event, optional
        Setting it stops the sweep. So does an interrupt from the keyboard.

    Raises
    ------
    ScenarioError
        If a point of the grid, or a seed, is not valid: before anything is run.
    ValueError
        If seeds, grid or measures are empty, or a seed comes twice.
    SweepError
        If a measure fails or cannot be sent to another process.
    SweepCancelledError
        If ``cancel`` was set; what was not begun is not run.
    """
    is_list = isinstance(measure, Sequence)
    measures = tuple(measure) if isinstance(measure, Sequence) else (measure,)
    numbers = tuple(_whole(seed) for seed in seeds)
    settings = {name: tuple(values) for name, values in (grid or {}).items()}
    _check(measures, numbers, settings, workers)
    points = [scenario.but(**dict(zip(settings, values, strict=True))) for values in product(*settings.values())]
    for seed in (min(numbers), max(numbers)):
        scenario.but(seed=seed)
    names = tuple(map(_name, measures))
    job = partial(_values, measures=measures, is_list=is_list)

    begin = perf_counter()
    first = job(points[0], numbers[:1])
    took = max(perf_counter() - begin, 1e-6)
    total = len(points) * len(numbers)
    if workers is None:
        workers = usable_cores() if total * took > _WORTH_PROCESSES_S else 1
    rest = [(points[0], numbers[1:]), *((point, numbers) for point in points[1:])]
    size = max(1, int(min(_PARCEL_S / took, total / 16)))
    parcels = [(point, them[at : at + size]) for point, them in rest for at in range(0, len(them), size)]
    left = Left(total - 1, progress, cancel)
    done = [first, *make(job, parcels, left, executor, workers, tuple(zip(names, measures, strict=True)))]
    _check_shapes([values.shape[1:] for values in done], measures[0])
    shape = (*map(len, settings.values()), len(numbers), *first.shape[1:])
    return Sweep(scenario, numbers, settings, names, np.concatenate(done).reshape(shape))


def _values(scenario: Scenario, seeds: tuple[int, ...], measures: tuple[Measure, ...], is_list: bool) -> Floats:
    """Return the measured values of one point for some seeds, ndarray, shape (n_seeds, *measure)."""
    rows = []
    for seed in seeds:
        trace = run(scenario.but(seed=seed))
        values = [_value(measure, trace, is_list) for measure in measures]
        rows.append(np.array(values) if is_list else values[0])
    _check_shapes([row.shape for row in rows], measures[0])
    return np.array(rows)


def _value(measure: Measure, trace: Trace, must_be_number: bool) -> Floats:
    try:
        found = measure(trace)
    except Exception as error:
        raise SweepError(
            f"{_name(measure)} failed at seed {trace.scenario.seed}: {type(error).__name__}: {error}"
        ) from error
    try:
        value = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        raise SweepError(f"{_name(measure)} returned {found!r}: it must be a number or an array of numbers.") from None
    if must_be_number and value.ndim:
        raise SweepError(f"{_name(measure)} returned an array of shape {value.shape}: in a list each gives one number.")
    return value


def _check(
    measures: tuple[Measure, ...], seeds: tuple[int, ...], grid: Mapping[str, tuple[Any, ...]], workers: int | None
) -> None:
    if not measures:
        raise ValueError("measure is empty: at least one is needed.")
    if not seeds:
        raise ValueError("seeds is empty: at least one is needed.")
    if len(set(seeds)) < len(seeds):
        twice = next(seed for seed in seeds if seeds.count(seed) > 1)
        raise ValueError(f"seeds holds {twice} twice: the same run again tells nothing new.")
    if "seed" in grid:
        raise ValueError("grid names 'seed': seeds have a place of their own.")
    for name, values in grid.items():
        if not values:
            raise ValueError(f"grid gives no value for {name}: at least one is needed.")
    if workers is not None and workers < 1:
        raise ValueError(f"workers is {workers}: it must be at least 1.")


def _whole(seed: Any) -> int:
    try:
        return index(seed)
    except TypeError:
        raise ValueError(f"seeds holds {seed!r}: each must be a whole number.") from None


def _check_shapes(shapes: list[tuple[int, ...]], measure: Measure) -> None:
    other = next((shape for shape in shapes if shape != shapes[0]), None)
    if other is not None:
        both = f"{shapes[0]} and {other}"
        raise SweepError(f"{_name(measure)} returned arrays of shape {both}: each run must give the same shape.")


def _name(measure: Measure) -> str:
    inner = measure.func if isinstance(measure, partial) else measure
    return str(getattr(inner, "__name__", type(inner).__name__))
