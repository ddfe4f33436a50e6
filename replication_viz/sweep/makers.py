"""Who makes the runs: this process, processes of our own, or an executor that was given.

All return the parcels' values in the order of the parcels, show a bar, stop when told, and leave nothing waiting.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from threading import Event
from typing import Any, Self

from ..scenario import Scenario
from ..trace import Floats

Parcel = tuple[Scenario, tuple[int, ...]]
Job = Callable[[Scenario, tuple[int, ...]], Floats]
Functions = Sequence[tuple[str, Callable[..., Any]]]

_CAN_FORK = sys.platform == "linux"  # elsewhere a fork is not there, or not safe


class SweepError(RuntimeError):
    """A sweep could not be finished. Its text is one sentence."""


class SweepCancelledError(SweepError):
    """A sweep was told to stop."""


class Left:
    """What is left to do: shows it, and stops when told to."""

    def __init__(self, total: int, progress: bool, cancel: Event | None) -> None:
        from tqdm.auto import tqdm

        self.cancel = cancel
        self._total = total
        self._done = 0
        self._bar: Any = tqdm(total=total, unit="run", leave=False, disable=not progress or total < 2)

    def less(self, runs: int) -> None:
        """Note that so many runs are done."""
        self._done += runs
        self._bar.update(runs)

    def stop_if_told(self) -> None:
        """Raise if the sweep was cancelled."""
        if self.cancel is not None and self.cancel.is_set():
            raise SweepCancelledError(f"cancelled when {self._total - self._done:,} runs were left to do.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()


def make(
    job: Job,
    parcels: list[Parcel],
    left: Left,
    executor: Executor | None,
    workers: int,
    functions: Functions,
) -> list[Floats]:
    """Return what a job gives for each parcel, in the order of the parcels.

    Parameters
    ----------
    executor : Executor or None
        Who does it; ``None`` for as many processes of our own as ``workers`` says, 1 for this one.
    functions : sequence of (str, callable)
        What the job calls, by name: other processes must know it.
    """
    if executor is not None:
        task = _packed(job, functions) if isinstance(executor, ProcessPoolExecutor) else job
        return _made_by(executor, task, parcels, left)
    if workers == 1 or not (_CAN_FORK or _can_send(functions)):
        return _made_here(job, parcels, left)
    with _own_processes(workers, job, functions) as (pool, task):
        return _made_by(pool, task, parcels, left)


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _made_here(job: Job, parcels: list[Parcel], left: Left) -> list[Floats]:
    done = []
    with left:
        for scenario, seeds in parcels:
            for seed in seeds:
                left.stop_if_told()
                done.append(job(scenario, (seed,)))
                left.less(1)
    return done


def _made_by(executor: Executor, task: Job, parcels: list[Parcel], left: Left) -> list[Floats]:
    """Return each parcel's values, in the order of the parcels; whatever ends it early, nothing is left waiting."""
    futures: list[Future[Floats]] = []
    try:
        with warnings.catch_warnings(), left:
            # Python 3.12 warns of forks beside threads. These children run no code that waits for a thread's lock.
            warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)
            futures = [executor.submit(task, *parcel) for parcel in parcels]
            size = {future: len(seeds) for future, (_, seeds) in zip(futures, parcels, strict=True)}
            pending = set(futures)
            while pending:
                left.stop_if_told()
                ready, pending = wait(pending, timeout=0.1 if left.cancel else None, return_when=FIRST_COMPLETED)
                for future in ready:
                    future.result()
                    left.less(size[future])
        return [future.result() for future in futures]
    except BrokenExecutor as error:
        raise SweepError(f"a worker process died: {error}") from error
    finally:
        for future in futures:
            future.cancel()


@contextmanager
def _own_processes(workers: int, job: Job, functions: Functions) -> Iterator[tuple[Executor, Job]]:
    """Give processes for one sweep, and what to ask of them.

    Forked ones have inherited the job, so that any function will do, a lambda in a notebook too.
    """
    context = multiprocessing.get_context("fork" if _CAN_FORK else None)
    inherited = job if _CAN_FORK else None
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(inherited,))
    try:
        yield pool, _inherited if _CAN_FORK else _packed(job, functions)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_job: Job | None = None  # in a forked worker: what it inherited


def _begin(job: Job | None) -> None:
    global _job
    _job = job
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the process that waits


def _inherited(scenario: Scenario, seeds: tuple[int, ...]) -> Floats:
    assert _job is not None
    return _job(scenario, seeds)


def _packed(job: Job, functions: Functions) -> Job:
    """Return the job for processes that have not inherited it."""
    for name, function in functions:
        try:
            pickle.dumps(function)
        except Exception:
            raise SweepError(
                f"{name} cannot be sent to another process: define it with def, outside of functions, or leave "
                f"executor out."
            ) from None
    return partial(_unpacked, pickle.dumps(job))


def _unpacked(packed: bytes, scenario: Scenario, seeds: tuple[int, ...]) -> Floats:
    try:
        job = pickle.loads(packed)
    except AttributeError as error:
        raise SweepError(
            f"a worker process does not know the measure ({error}): put it into a module, or start the executor after "
            f"defining it."
        ) from None
    values: Floats = job(scenario, seeds)
    return values


def _can_send(functions: Functions) -> bool:
    """Return whether a new process would know these functions."""
    is_notebook = not hasattr(sys.modules["__main__"], "__file__")
    for _, function in functions:
        if is_notebook and getattr(function, "__module__", "") == "__main__":
            return False
        try:
            pickle.dumps(function)
        except Exception:
            return False
    return True
