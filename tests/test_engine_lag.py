"""Why a replica lags: each cause alone, told by which of its three lags grow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from replication_viz import Scenario, measures, run, theory
from replication_viz.scenario import LongQuery, NodeSettings
from replication_viz.trace import MarkKind, Position, Trace

from .reference import case_id, cases

CALM = Scenario(rate_per_s=500, replicas=1, ack="async", duration_ms=20_000, record_bytes=2_000)
KINDS: tuple[Any, ...] = ("write", "flush", "replay")


def lags(trace: Trace, at_ms: float) -> dict[str, float]:
    return {kind: float(measures.lag(trace, "s1", kind, at_ms)) for kind in KINDS}


# What grows under each cause: its signature.
CAUSES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "slow replay": ({"replay_us": 4_000}, {"replay"}),
    "a long query": ({"faults": (LongQuery(node="s1", at_ms=100),), "max_standby_streaming_delay_ms": -1}, {"replay"}),
    "a small disk": ({"nodes": {"s1": NodeSettings(disk_mb_per_s=0.5)}}, {"flush", "replay"}),
    "a saturated link": ({"bandwidth_mbit": 4}, {"write", "flush", "replay"}),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_has_its_signature(cause: str) -> None:
    changes, grows = CAUSES[cause]
    trace = run(CALM.but(**changes))
    half, end = lags(trace, 10_000), lags(trace, 19_900)
    for kind in KINDS:
        if kind in grows:
            assert end[kind] > 1.7 * half[kind] > 1_000, kind
        else:
            assert max(half[kind], end[kind]) < 50, kind


def test_without_a_cause_all_three_stay_small() -> None:
    assert max(lags(run(CALM), 19_900).values()) < 50


def test_a_slow_query_and_slow_replay_differ_in_how_they_end() -> None:
    """After a query replay is as quick as ever; what is too slow never catches up."""
    query = run(CALM.but(faults=(LongQuery(node="s1", at_ms=100, for_ms=10_000),)))
    assert lags(query, 10_000)["replay"] > 8_000
    assert lags(query, 19_900)["replay"] < 50


def test_parallel_replay_cures_what_does_not_depend() -> None:
    slow = CALM.but(replay_us=4_000)
    assert lags(run(slow.but(replay_workers=4)), 19_900)["replay"] < 50
    assert lags(run(slow.but(replay_workers=4, dependent_share=1)), 19_900)["replay"] > 5_000
    # Amdahl: half of the work is serial, so no number of workers does more than twice as much.
    half = run(slow.but(replay_workers=128, dependent_share=0.5))
    done = half.at("s1", Position.REPLAYED, 20_000)
    assert done == pytest.approx(20_000 / (4 * (0.5 + 0.5 / 128)), rel=0.01)


def test_compression_cures_a_saturated_link_and_costs_the_leader_time() -> None:
    narrow = CALM.but(bandwidth_mbit=4)
    assert lags(run(narrow.but(log_left=0.4)), 19_900)["write"] < 50
    dear = run(CALM.but(log_left=0.4, compress_us=1_000))
    assert measures.commit_latency(dear).p50 > measures.commit_latency(run(CALM)).p50 + 1


def test_under_overload_age_and_backlog_grow_as_a_fluid_says() -> None:
    trace = run(CALM.but(replay_us=4_000, arrivals="constant"))
    fluid = theory.overload(500, 250, 19.9)
    assert measures.lag_writes(trace, "s1", "replay", 19_900) == pytest.approx(fluid.writes, rel=0.01)
    assert lags(trace, 19_900)["replay"] == pytest.approx(1000 * fluid.age_s, rel=0.01)


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_after_a_query_the_replica_catches_up_as_a_fluid_says(share: float) -> None:
    """A minute of simulated time for the twenty minutes of a report: the same at any scale."""
    trace = run(
        Scenario(
            rate_per_s=500,
            replicas=1,
            ack="async",
            arrivals="constant",
            replay_us=2_000 * share,
            max_standby_streaming_delay_ms=-1,
            vacuum_ms=10,
            duration_ms=120_000,
            faults=(LongQuery(node="s1", at_ms=5_000, for_ms=20_000),),
        )
    )
    pause = theory.replay_pause(20, share)
    assert lags(trace, 25_000)["replay"] == pytest.approx(1000 * pause.peak_lag_s, rel=0.01)
    assert lags(trace, 25_000)["flush"] < 10
    middle = 25_000 + 500 * pause.catch_up_s
    assert lags(trace, middle)["replay"] == pytest.approx(1000 * pause.lag_s(pause.catch_up_s / 2), rel=0.02)
    assert lags(trace, 25_000 + 1000 * pause.catch_up_s + 500)["replay"] < 50
    assert lags(trace, 25_000 + 1000 * pause.catch_up_s - 2_000)["replay"] > 200


def eight_seconds(delay_ms: float, feedback: bool) -> Trace:
    """The live server's experiment: a query of 8 s, vacuum half a second later, then a write to look for."""
    return run(
        Scenario(
            rate_per_s=20,
            arrivals="constant",
            replicas=1,
            ack="async",
            duration_ms=15_000,
            vacuum_ms=510,
            max_standby_streaming_delay_ms=delay_ms,
            hot_standby_feedback=feedback,
            faults=(LongQuery(node="s1", at_ms=0, for_ms=8_010),),
        )
    )


@pytest.mark.parametrize("case", cases("pg_hot_standby", "vacuum conflict"), ids=case_id)
def test_a_long_query_against_vacuum_as_on_a_live_server(case: dict[str, Any]) -> None:
    inputs, expected = case["inputs"], case["expected"]
    text = inputs["max_standby_streaming_delay"]
    delay = -1.0 if text == "-1" else float(text.rstrip("ms")) * (1 if text.endswith("ms") else 1000)
    trace = eight_seconds(delay, inputs["hot_standby_feedback"])
    cancelled = trace.marks.time[trace.marks.kind == MarkKind.CANCELLED]
    assert (len(cancelled) == 0) == expected["query_survives"]
    slack = 1000 * case["tolerance"]["abs_s"]
    if len(cancelled):
        assert cancelled[0] == pytest.approx(1000 * expected["query_ends_s"], abs=slack)
    later = trace.at("L", Position.FLUSHED, 700)  # a write after the vacuum
    times, lsns = trace.steps("s1", Position.REPLAYED)
    seen = times[np.searchsorted(lsns, later)]
    assert seen == pytest.approx(1000 * expected["later_write_visible_on_standby_s"], abs=slack)


@pytest.mark.parametrize(("delay_ms", "ends"), [(0, 510), (1_000, 1_510), (-1, None), (30_000, None)])
def test_patience_counts_from_when_the_log_came(delay_ms: float, ends: float | None) -> None:
    trace = eight_seconds(delay_ms, feedback=False)
    cancelled = trace.marks.time[trace.marks.kind == MarkKind.CANCELLED].tolist()
    assert cancelled == ([] if ends is None else [pytest.approx(ends, abs=110)])


def test_with_feedback_nobody_waits_and_nobody_is_cancelled() -> None:
    trace = eight_seconds(0, feedback=True)
    assert not (trace.marks.kind == MarkKind.CANCELLED).any()
    assert lags(trace, 8_000)["replay"] < 10


def test_on_a_replica_that_is_behind_a_query_needs_what_was_removed_before_it_began() -> None:
    """Its snapshot is as old as the replica: a record that is on its way already conflicts with it."""
    late = CALM.but(apply_delay_ms=3_000, max_standby_streaming_delay_ms=-1)
    query = LongQuery(node="s1", at_ms=10_000, for_ms=5_000)
    trace = run(late.but(faults=(query,)))
    before, during, after = measures.lag(trace, "s1", "replay", [9_990, 14_900, 19_900])
    assert before == pytest.approx(3_000, abs=20)
    assert during > 3_000 + 3_800
    assert after == pytest.approx(3_000, abs=20)


def test_a_crash_ends_the_queries_of_its_node() -> None:
    from replication_viz.scenario import Crash, Restart

    faults = (LongQuery(node="s1", at_ms=0), Crash(node="s1", at_ms=2_000), Restart(node="s1", at_ms=2_500))
    trace = run(CALM.but(faults=faults, max_standby_streaming_delay_ms=-1))
    assert lags(trace, 1_990)["replay"] > 500
    assert lags(trace, 5_000)["replay"] < 50


DAY = Scenario(
    rate_per_s=5_000,
    load_swing=0.8,
    grain=20_000,
    replicas=1,
    ack="async",
    duration_ms=86_400_000,
    nodes={"s1": NodeSettings(disk_mb_per_s=1.2)},
    replay_us=10,
)


def test_an_undersized_disk_lags_by_day_and_recovers_at_night() -> None:
    trace = run(DAY)
    hours = np.arange(0, 24) * 3_600_000.0
    flush = measures.lag(trace, "s1", "flush", hours) / 60_000
    write = measures.lag(trace, "s1", "write", hours) / 60_000
    assert write.max() < 1
    assert flush[:5].max() < 1
    assert flush[12] > 60
    assert flush.argmax() in range(17, 23)
    assert len(trace.ops) == pytest.approx(86_400 * 5_000 / 20_000, rel=0.02)


def test_the_load_swings_around_its_mean() -> None:
    swinging = Scenario(rate_per_s=2_000, load_swing=0.5, load_period_ms=10_000, duration_ms=20_000, replicas=0)
    counts = np.histogram(run(swinging).ops.invoked, bins=20, range=(0, 20_000))[0]
    expected = 2_000 * (1 - 0.5 * np.cos(2 * np.pi * (np.arange(20) + 0.5) / 10))
    assert counts == pytest.approx(expected, rel=0.12)
    assert counts.sum() == pytest.approx(40_000, rel=0.02)


def test_coarse_writes_lag_and_lose_as_fine_ones_do() -> None:
    fine = CALM.but(rate_per_s=1_000, lag_ms=2_000, arrivals="constant")
    coarse = fine.but(grain=10)
    for scenario in (fine, coarse):
        trace = run(scenario)
        assert trace.at("L", Position.FLUSHED, 10_000) == pytest.approx(10_000, abs=20)
        assert lags(trace, 10_000)["write"] == pytest.approx(2_000, rel=0.02)
        assert measures.loss(trace, 10_000).lost[0] == pytest.approx(2_000, rel=0.02)
