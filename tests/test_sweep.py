"""Many runs: the same numbers whoever makes them, intervals that hold what they should, clean ends."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from threading import Event
from types import FunctionType
from typing import Any

import numpy as np
import pytest

from replication_viz import Scenario, ScenarioError, Trace, measures, run
from replication_viz.sweep import Interval, Sweep, SweepCancelledError, SweepError, makers, sweep

SMALL = Scenario(ack="async", replicas=1, rate_per_s=100, lag_ms=50, duration_ms=200)
SEEDS = range(23)


def lost(trace: Trace) -> int:
    """What a crash near the end takes; at module level, so that other processes know it."""
    return int(measures.loss(trace, 190).lost[0])


def lost_at_three_moments(trace: Trace) -> Any:
    return measures.loss(trace, [100, 150, 190]).lost


def made(**who: Any) -> Sweep:
    return sweep(SMALL, lost, SEEDS, **{"grid": {"lag_ms": [20, 80]}, "progress": False, **who})


# -- the same numbers -------------------------------------------------------------------------------------------------


def test_the_values_are_those_of_single_runs_in_the_order_of_grid_and_seeds():
    found = made(workers=1)
    assert found.values.shape == (2, 23)
    for row, lag in enumerate((20, 80)):
        assert found.values[row].tolist() == [lost(run(SMALL.but(lag_ms=lag, seed=seed))) for seed in SEEDS]


@pytest.mark.parametrize("workers", [2, 3])
def test_the_values_do_not_depend_on_how_many_processes_make_them(workers: int):
    assert (made(workers=workers).values == made(workers=1).values).all()
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("kind", [ProcessPoolExecutor, ThreadPoolExecutor])
@pytest.mark.parametrize("workers", [1, 2])
def test_the_values_do_not_depend_on_the_executor(kind: Callable[[int], Executor], workers: int):
    with kind(workers) as executor:
        assert (made(executor=executor).values == made(workers=1).values).all()


def test_an_executor_that_finishes_in_another_order_changes_nothing():
    class Backwards(Executor):
        """Does everything once the last call has come, the last one first."""

        def __init__(self) -> None:
            self.calls: list[tuple[Future[Any], Any, Any]] = []

        def submit(self, function: Any, /, *values: Any, **named: Any) -> Future[Any]:
            future: Future[Any] = Future()
            self.calls.append((future, function, values))
            if sum(len(values[1]) for _, _, values in self.calls) == 2 * len(SEEDS) - 1:
                for done, call, given in reversed(self.calls):
                    done.set_result(call(*given))
            return future

    assert (made(executor=Backwards()).values == made(workers=1).values).all()


def test_a_lambda_is_fine_for_processes_of_our_own():
    same = sweep(SMALL, lambda trace: lost(trace), SEEDS, workers=2, progress=False)
    assert same.values.tolist() == sweep(SMALL, lost, SEEDS, workers=1, progress=False).values.tolist()


# -- shapes -----------------------------------------------------------------------------------------------------------


def test_several_measures_and_arrays_have_axes_of_their_own():
    both = sweep(SMALL, [lost, lambda trace: len(trace.ops)], range(4), progress=False)
    assert both.names == ("lost", "<lambda>")
    assert both.values.shape == (4, 2)
    moments = sweep(SMALL, lost_at_three_moments, range(4), {"rate_per_s": [50, 100, 150]}, progress=False)
    assert moments.values.shape == (3, 4, 3)
    assert moments.mean.shape == (3, 3)
    assert (moments.mean == moments.values.mean(axis=1)).all()
    assert moments.interval().low.shape == (3, 3)


def test_a_grid_is_every_combination_and_the_frame_a_row_for_each_run():
    found = sweep(SMALL, lost, [3, 5], {"lag_ms": [0, 50], "ack": ["async", "s1"]}, progress=False)
    assert found.values.shape == (2, 2, 2)
    frame = found.frame()
    assert list(frame) == ["lag_ms", "ack", "seed", "lost"]
    assert len(frame) == 8
    row = frame[(frame.lag_ms == 50) & (frame.ack == "async") & (frame.seed == 5)]
    assert row.lost.item() == lost(run(SMALL.but(seed=5))) == found.values[1, 0, 1]
    assert not found.values[:, 1].any(), "under s1 nothing is lost"
    columns = list(sweep(SMALL, lost_at_three_moments, [1], progress=False).frame())
    assert columns == ["seed", *(f"lost_at_three_moments {i}" for i in range(3))]


def test_a_sweep_can_be_pickled():
    found = made(workers=1)
    again = pickle.loads(pickle.dumps(found))
    assert (again.values == found.values).all()
    assert again.scenario == found.scenario


# -- intervals --------------------------------------------------------------------------------------------------------


def of_numbers(values: Any) -> Sweep:
    numbers = np.asarray(values, dtype=np.float64)
    return Sweep(SMALL, tuple(range(len(numbers))), {}, ("lost",), numbers)


def test_the_interval_of_the_mean_is_students():
    from scipy.stats import t

    values = np.array([3.0, 5, 4, 8, 6])
    half = t.ppf(0.975, 4) * values.std(ddof=1) / np.sqrt(5)
    found = of_numbers(values).interval(0.95)
    assert tuple(found) == pytest.approx((values.mean() - half, values.mean() + half))
    assert found.method == "Student's t"
    assert values.mean() in found
    assert values.mean() + 2 * half not in found


def test_intervals_hold_the_truth_as_often_as_they_say():
    """600 sweeps of 60 Poisson numbers: the share that holds the truth has a standard error of at most 0.02."""
    chance = np.random.default_rng(5)
    draws = chance.poisson(40, (600, 60))
    held = [40 in of_numbers(row).interval(0.9) for row in draws]
    assert np.mean(held) == pytest.approx(0.9, abs=5 * np.sqrt(0.09 / 600))
    median = [40 in of_numbers(row).interval(0.9, share=0.5) for row in chance.normal(40, 5, (30, 60))]
    assert np.mean(median) == pytest.approx(0.9, abs=5 * np.sqrt(0.09 / 30))


def test_a_quantile_has_a_bootstrap_interval_and_the_same_each_time():
    found = of_numbers(np.random.default_rng(1).exponential(10, 400))
    first = found.interval(0.95, share=0.9)
    assert first.method == "bootstrap"
    assert found.quantile(0.9) in first
    assert tuple(found.interval(0.95, share=0.9)) == tuple(first)
    wide = found.interval(0.99, share=0.9)
    assert wide.low <= first.low < first.high <= wide.high


def test_what_a_sweep_says_of_itself():
    text = repr(of_numbers([999, 1_000, 1_001]))
    assert text == ("Sweep('A replicated database', lost: 3 seeds, mean 1,000, 95 % interval 997.5 to 1,002)")
    assert repr(Interval(0.5, 12_345.6, 0.9, "bootstrap")) == "Interval(0.5 to 12,346, 90 %, bootstrap)"
    assert repr(made(workers=1)) == "Sweep('A replicated database', lost: 2 lag_ms x 23 seeds)"


# -- progress ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
def test_the_bar_counts_every_run_and_can_be_left_out(workers: int, capsys: pytest.CaptureFixture[str]):
    sweep(SMALL, lost, SEEDS, workers=workers, progress=False)
    assert capsys.readouterr().err == ""
    sweep(SMALL, lost, SEEDS, workers=workers, progress=True)
    assert "/22 [" in capsys.readouterr().err


# -- clean ends -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["here", "threads", "processes"])
def test_an_event_stops_it_and_nothing_is_left_waiting(who: str):
    stop = Event()
    begun: list[int] = []

    def stops_at_the_third(trace: Trace) -> int:
        begun.append(trace.scenario.seed)
        if len(begun) == 3:
            stop.set()
        return 0

    if who == "processes":
        stop.set()  # their memory is their own: nobody there can set it
    with ThreadPoolExecutor(1) as threads:
        how: dict[str, Any] = {"executor": threads} if who == "threads" else {"workers": 2 if who == "processes" else 1}
        with pytest.raises(SweepCancelledError, match=r"^cancelled when [\d,]+ runs were"):
            sweep(SMALL, stops_at_the_third, range(2_000), progress=False, cancel=stop, **how)
    assert len(begun) < 1_000
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("who", ["here", "threads", "processes"])
def test_an_interrupt_from_the_keyboard_comes_through_and_nothing_is_left_waiting(
    who: str, monkeypatch: pytest.MonkeyPatch
):
    waited = []

    def interrupted(*args: Any, **named: Any) -> Any:
        waited.append(args[0])
        raise KeyboardInterrupt

    def strikes(trace: Trace) -> int:
        if who == "here" and trace.scenario.seed == 5:
            raise KeyboardInterrupt
        return 0

    monkeypatch.setattr(makers, "wait", interrupted)
    with ThreadPoolExecutor(1) as threads:
        how: dict[str, Any] = {"executor": threads} if who == "threads" else {"workers": 2 if who == "processes" else 1}
        with pytest.raises(KeyboardInterrupt):
            sweep(SMALL, strikes, range(2_000), progress=False, **how)
    assert not multiprocessing.active_children()
    if waited:
        assert all(future.done() for future in waited[0])
        assert any(future.cancelled() for future in waited[0])


def test_a_worker_that_dies_is_one_sentence():
    import os

    parent = os.getpid()

    def dies(trace: Trace) -> int:
        if os.getpid() != parent:
            os._exit(1)
        return 0

    with pytest.raises(SweepError, match=r"^a worker process died: "):
        sweep(SMALL, dies, SEEDS, workers=2, progress=False)
    assert not multiprocessing.active_children()


def test_a_function_that_cannot_travel_is_one_sentence_before_anything_is_sent():
    sentence = (
        r"^<lambda> cannot be sent to another process: define it with def, outside of functions, or leave executor"
    )
    with ProcessPoolExecutor(1) as executor, pytest.raises(SweepError, match=sentence):
        sweep(SMALL, lambda trace: 0, SEEDS, executor=executor, progress=False)


def test_a_function_that_a_worker_does_not_know_is_one_sentence():
    import sys

    with ProcessPoolExecutor(1) as executor:
        executor.submit(int).result()  # the worker is there before the function
        younger = FunctionType(lost.__code__, globals(), "younger")
        younger.__qualname__ = "younger"
        setattr(sys.modules[__name__], "younger", younger)  # noqa: B010
        try:
            with pytest.raises(SweepError, match=r"^a worker process does not know the measure .*'younger'"):
                sweep(SMALL, younger, SEEDS, executor=executor, progress=False)
        finally:
            delattr(sys.modules[__name__], "younger")


def fails(trace: Trace) -> float:
    return 1 / (trace.scenario.seed - 9)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_measure_that_fails_says_at_which_seed(workers: int):
    with pytest.raises(SweepError, match=r"^fails failed at seed 9: ZeroDivisionError: "):
        sweep(SMALL, fails, SEEDS, workers=workers, progress=False)
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(
    ("measure", "sentence"),
    [
        (lambda trace: "many", "<lambda> returned 'many': it must be a number or an array of numbers."),
        (
            lambda trace: np.zeros(trace.scenario.seed + 1),
            "<lambda> returned arrays of shape (1,) and (2,): each run must give the same shape.",
        ),
        (
            [lost, lost_at_three_moments],
            "lost_at_three_moments returned an array of shape (3,): in a list each gives one number.",
        ),
    ],
)
def test_a_measure_that_gives_something_else_is_one_sentence(measure: Any, sentence: str):
    with pytest.raises(SweepError) as caught:
        sweep(SMALL, measure, SEEDS, progress=False)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"seeds": []}, "seeds is empty: at least one is needed."),
        ({"seeds": [1, 2, 1]}, "seeds holds 1 twice: the same run again tells nothing new."),
        ({"seeds": [1.5]}, "seeds holds 1.5: each must be a whole number."),
        ({"seeds": [-1]}, "seed is -1: it must be at least 0."),
        ({"grid": {"lag_ms": []}}, "grid gives no value for lag_ms: at least one is needed."),
        ({"grid": {"seed": [1]}}, "grid names 'seed': seeds have a place of their own."),
        ({"grid": {"lag": [1]}}, "lag is not a field here: did you mean lag_ms?"),
        ({"grid": {"lag_ms": [1, -1]}}, "lag_ms is -1: it must be at least 0."),
        ({"workers": 0}, "workers is 0: it must be at least 1."),
        ({"measure": []}, "measure is empty: at least one is needed."),
    ],
)
def test_what_cannot_be_swept_is_one_sentence_before_anything_is_run(
    wrong: dict[str, Any], sentence: str, monkeypatch: pytest.MonkeyPatch
):
    def never(trace: Trace) -> int:
        raise AssertionError("something was run")

    with pytest.raises((ValueError, ScenarioError)) as caught:
        sweep(SMALL, **{"measure": never, "progress": False, **wrong})
    assert str(caught.value) == sentence


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_that_is_none_is_one_sentence(level: float):
    with pytest.raises(ValueError, match=rf"^level is {level}: it must be between 0 and 1\.$"):
        of_numbers([1, 2]).interval(level)
    with pytest.raises(ValueError, match=r"^an interval needs at least two seeds"):
        of_numbers([1]).interval()


# -- where processes cannot be forked ---------------------------------------------------------------------------------


def test_without_fork_the_job_is_sent_and_what_cannot_be_sent_is_made_here(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(makers, "_CAN_FORK", False)
    assert (made(workers=2).values == made(workers=1).values).all()
    pools: list[int] = []
    monkeypatch.setattr(makers, "ProcessPoolExecutor", lambda *args, **named: pools.append(1))
    same = sweep(SMALL, lambda trace: lost(trace), range(4), workers=2, progress=False)
    assert same.values.tolist() == made(workers=1, grid={}).values[:4].tolist()
    assert not pools
