"""Replay as a queue and as a stream, and how long space for the log lasts: against tables and against brute force."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import pytest

from replication_viz import theory

from .reference import case_id, cases

VARIATION = {"M/M/1": 1.0, "M/D/1": 0.0, "D/M/1": 1.0, "M/G/1 (service SCV=3)": 3.0}


@pytest.mark.parametrize("case", [c for c in cases("replay_queue") if "model" in c["inputs"]], ids=case_id)
def test_waiting_for_serial_replay(case: dict[str, Any]) -> None:
    inputs, expected = case["inputs"], case["expected"]
    arrivals: Literal["poisson", "constant"] = "constant" if inputs["model"].startswith("D/") else "poisson"
    found = theory.replay_queue(inputs["rho"], arrivals, VARIATION[inputs["model"]])
    close = {"rel": min(case["tolerance"]["rel"], 1e-6)}
    assert found.queueing / inputs["mu"] == pytest.approx(expected["Wq"], **close)
    assert found.total / inputs["mu"] == pytest.approx(expected["W"], **close)
    if "sigma" in expected:
        assert theory.chance_to_wait(inputs["rho"]) == pytest.approx(expected["sigma"], rel=1e-9)
    if "sojourn_p99" in expected:
        assert found.total_quantile(0.99) == pytest.approx(expected["sojourn_p99"], **close)
        assert found.total_quantile(0.999) == pytest.approx(expected["sojourn_p999"], **close)


@pytest.mark.parametrize("case", [c for c in cases("replay_queue") if "c" in c["inputs"]], ids=case_id)
def test_waiting_for_one_of_several_replay_workers(case: dict[str, Any]) -> None:
    workers, load = case["inputs"]["c"], case["inputs"]["a"]
    expected = case["expected"]
    assert theory.erlang_c(workers, load) == pytest.approx(expected["P_wait"], rel=1e-6)
    assert theory.erlang_b(workers, load) == pytest.approx(expected["erlang_B"], rel=1e-6)
    assert theory.mean_queueing(workers, load) == pytest.approx(expected["Wq_in_service_times"], rel=1e-6)


@pytest.mark.parametrize("variation", [0.0, 1.0])
def test_the_queue_of_a_hundred_thousand_writes_agrees(variation: float) -> None:
    """Lindley's recursion: each write waits for what the one before it still had to do when it came."""
    chance = np.random.default_rng(7)
    n, load = 100_000, 0.7
    gaps = chance.exponential(1 / load, n)
    costs = np.ones(n) if variation == 0 else chance.exponential(1.0, n)
    steps = np.cumsum(costs[:-1] - gaps[1:])
    waits = np.concatenate([[0], steps - np.minimum(np.minimum.accumulate(steps), 0)])
    assert waits.mean() == pytest.approx(theory.replay_queue(load, service_variation=variation).queueing, rel=0.06)


def test_from_full_load_on_the_queue_has_no_end() -> None:
    for arrivals in ("poisson", "constant"):
        assert theory.replay_queue(1.0, arrivals).queueing == math.inf
    assert theory.chance_to_wait(1.2) == 1
    assert theory.chance_to_wait(0.0) == 0


@pytest.mark.parametrize("case", cases("replay_fluid", "long query"), ids=case_id)
def test_a_pause_of_replay(case: dict[str, Any]) -> None:
    found = theory.replay_pause(case["inputs"]["pause_s"], case["inputs"]["rho"])
    assert found.peak_lag_s == case["expected"]["peak_lag_s"]
    assert found.catch_up_s == pytest.approx(case["expected"]["catchup_s"])
    assert found.lag_s(0) == found.peak_lag_s
    assert found.lag_s(found.catch_up_s / 2) == pytest.approx(found.peak_lag_s / 2)
    assert found.lag_s(found.catch_up_s) == pytest.approx(0, abs=1e-9)


def test_an_idle_replica_has_nothing_to_catch_up_and_a_full_one_never_does() -> None:
    assert theory.replay_pause(60, 0).catch_up_s == 0
    assert theory.replay_pause(60, 0).lag_s(1) == 0
    assert theory.replay_pause(60, 1).catch_up_s == math.inf


def test_under_overload_age_and_drain_time_differ() -> None:
    """A stream of writes, one each 1/λ s, each replayed for 1/μ s: both lags read off the last one."""
    writes_per_s, replayed_per_s, for_s = 1_000.0, 600.0, 50.0
    arrived = np.arange(1, int(for_s * writes_per_s) + 1) / writes_per_s
    done = arrived[0] + np.arange(1, len(arrived) + 1) / replayed_per_s
    replayed = int(np.searchsorted(done, for_s, side="right"))
    found = theory.overload(writes_per_s, replayed_per_s, for_s)
    assert found.writes == pytest.approx(len(arrived) - replayed, rel=1e-3)
    assert found.age_s == pytest.approx(for_s - arrived[replayed], rel=1e-3)
    assert found.drain_s == pytest.approx(done[-1] - for_s, rel=1e-3)
    assert found.age_s < found.drain_s
    assert theory.overload(500, 600, 50) == theory.replay.Backlog(0, 0, 0)


def test_a_backlog_goes_while_writes_keep_coming() -> None:
    assert theory.catch_up_s(0, 500, 400) == 0
    assert theory.catch_up_s(1_000, 500, 500) == math.inf
    assert theory.catch_up_s(1_000, 500, 700) == 5
    pause = theory.replay_pause(30, 0.9)
    assert theory.catch_up_s(30 * 900, 900, 1_000) == pytest.approx(pause.catch_up_s)


@pytest.mark.parametrize("case", cases("retention", "hours until a dead slot"), ids=case_id)
def test_how_long_until_a_dead_slot_fills_the_disk(case: dict[str, Any]) -> None:
    free, rate = case["inputs"]["free_GB"] * 2**30, case["inputs"]["MBps"] * 2**20
    assert theory.time_until_full_s(free, rate) / 3600 == pytest.approx(case["expected"])


def test_nothing_written_never_fills_a_disk() -> None:
    assert theory.time_until_full_s(1, 0) == math.inf
    assert theory.base_backup_s(2**30, 2**20) == 1024


@pytest.mark.parametrize(
    "call",
    [
        lambda: theory.replay_queue(-0.1),
        lambda: theory.replay_queue(0.5, "constant", 0.0),
        lambda: theory.replay_queue(0.5).total_quantile(1.0),
        lambda: theory.overload(0, 1, 1),
        lambda: theory.overload(1, 1, -1),
        lambda: theory.catch_up_s(1, 1, 0),
        lambda: theory.replay_pause(-1, 0.5),
        lambda: theory.time_until_full_s(-1, 1),
    ],
)
def test_what_cannot_be_is_an_error(call: Any) -> None:
    with pytest.raises(ValueError, match=r"must be"):
        call()
