"""How long the leader keeps its log, and what becomes of a replica that sleeps too long."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from replication_viz import Scenario, run, theory
from replication_viz.scenario import DropSlot, Partition, Rebuild, Restart
from replication_viz.trace import MarkKind, Position, Trace
from replication_viz.wal import Retention

from .reference import case_id, cases

MB = 2**20

# 200 writes of 10 kB a second are 2 MB/s of log; s1 sleeps from second 5 to second 35.
SLEEP = Scenario(
    rate_per_s=200,
    record_bytes=10_000,
    replicas=2,
    ack="async",
    duration_ms=60_000,
    segment_mb=1,
    max_wal_mb=8,
    checkpoint_ms=5_000,
    wal_sender_timeout_ms=5_000,
    faults=(Partition(nodes=("s1",), at_ms=5_000, for_ms=30_000),),
)


def told(trace: Trace, kind: MarkKind) -> list[tuple[float, str]]:
    chosen = trace.marks.kind == kind
    return list(zip(trace.marks.time[chosen].tolist(), trace.marks.text[chosen].tolist(), strict=True))


def kept_mb(trace: Trace, moments: np.ndarray) -> np.ndarray:
    """Return how much log the leader holds, MB."""
    length = trace.at("L", Position.FLUSHED, moments) - trace.at("L", Position.OLDEST, moments)
    return length * trace.scenario.record_bytes / MB


@pytest.mark.parametrize("case", cases("pg_retention", "slot wal_status ladder"), ids=case_id)
def test_the_ladder_of_a_slot_as_on_a_live_server(case: dict[str, Any]) -> None:
    """Each step writes to the end of a segment, and a checkpoint follows."""
    scenario = Scenario(replicas=1, slots=True, max_wal_mb=32, max_slot_wal_keep_mb=64, record_bytes=MB / 100)
    retention = Retention(scenario)
    for step, expected in enumerate(case["expected"]):
        lsn = step * 1600  # 16 MB
        slot = retention.slots.get("s1")
        before = "lost" if slot is None else retention.availability(slot, lsn)
        retention.checkpoint(lsn)
        after = "lost" if "s1" not in retention.slots else retention.availability(retention.slots["s1"], lsn)
        assert (before, after) == (expected["before"], expected["after"]), expected


def test_without_a_slot_a_replica_that_sleeps_falls_off() -> None:
    trace = run(SLEEP)
    [(moment, text)] = told(trace, MarkKind.FALLEN)
    assert text.startswith("s1: requested WAL segment 0000000100000000000000")
    assert text.endswith(" has already been removed")
    assert 5_000 < moment < 15_000
    assert trace.at("s1", Position.FLUSHED, 60_000) < trace.at("L", Position.FLUSHED, 6_000)
    assert trace.at("s2", Position.FLUSHED, 60_000) >= trace.at("L", Position.FLUSHED, 59_900)


def test_log_kept_long_enough_lets_it_catch_up_and_not_long_enough_does_not() -> None:
    """It sleeps for 30 s; the log grows by 1.9 MB a second."""
    grows_mb_per_s = 200 * 10_000 / MB
    for keep_mb in (20, 40, 80, 100):
        trace = run(SLEEP.but(wal_keep_mb=keep_mb))
        lasts_s = theory.time_until_full_s(keep_mb, grows_mb_per_s)
        if lasts_s < 25:
            assert len(told(trace, MarkKind.FALLEN)) == 1
        if lasts_s > 30:
            assert told(trace, MarkKind.FALLEN) == []
            assert trace.at("s1", Position.FLUSHED, 60_000) >= trace.at("L", Position.FLUSHED, 59_900)


def test_a_slot_keeps_what_a_sleeping_replica_lacks_and_no_more() -> None:
    trace = run(SLEEP.but(slots=True))
    assert told(trace, MarkKind.FALLEN) == []
    assert trace.at("s1", Position.FLUSHED, 60_000) >= trace.at("L", Position.FLUSHED, 59_900)
    asleep, awake = kept_mb(trace, np.array([34_000.0, 60_000.0]))
    assert asleep == pytest.approx(29 * 200 * 10_000 / MB, abs=2)
    assert awake < 15


def test_a_limited_slot_is_lost_at_the_first_checkpoint_beyond_its_limit() -> None:
    trace = run(SLEEP.but(slots=True, max_slot_wal_keep_mb=16))
    [(moment, text)] = told(trace, MarkKind.SLOT)
    assert text.startswith("the slot of s1 is lost: ")
    due = 5_000 + 1000 * theory.time_until_full_s(16 * MB, 2_000_000)
    assert due < moment < due + 5_000
    assert len(told(trace, MarkKind.FALLEN)) == 1


def test_a_slot_nobody_reads_fills_the_disk_at_a_time_one_can_compute() -> None:
    trace = run(SLEEP.but(slots=True, wal_disk_mb=40))
    [(moment, _)] = told(trace, MarkKind.FULL)
    assert moment == pytest.approx(5_000 + 1000 * theory.time_until_full_s(40 * MB, 2_000_000), rel=0.06)
    assert trace.at("L", Position.FLUSHED, 60_000) == trace.at("L", Position.FLUSHED, moment)
    assert kept_mb(trace, np.array([60_000.0]))[0] == pytest.approx(40, abs=0.5)


def test_a_full_leader_starts_only_once_there_is_room() -> None:
    full = SLEEP.but(slots=True, wal_disk_mb=40, faults=(Partition(nodes=("s1",), at_ms=5_000),))
    stuck = run(full.with_fault(Restart(node="L", at_ms=40_000)))
    assert stuck.at("L", Position.FLUSHED, 60_000) == stuck.at("L", Position.FLUSHED, 39_000)
    freed = run(full.with_fault(DropSlot(node="s1", at_ms=39_000)).with_fault(Restart(node="L", at_ms=40_000)))
    assert freed.at("L", Position.FLUSHED, 60_000) > freed.at("L", Position.FLUSHED, 39_000) + 3_000
    assert kept_mb(freed, np.array([60_000.0]))[0] < 15


def test_a_base_backup_brings_a_fallen_replica_back_after_size_over_rate() -> None:
    trace = run(SLEEP.but(database_mb=500).with_fault(Rebuild(node="s1", at_ms=40_000)))
    [(moment, text)] = told(trace, MarkKind.REBUILT)
    assert text == "s1 is a copy of the leader again"
    over_the_link = 1_000e6 / 8
    assert moment - 40_000 == pytest.approx(1000 * theory.base_backup_s(500 * MB, over_the_link))
    assert trace.at("s1", Position.REPLAYED, 60_000) >= trace.at("L", Position.FLUSHED, 59_900)
    down = (trace.states.node == 1) & ~trace.states.up
    assert trace.states.begin[down].tolist() == [40_000]
    assert trace.states.end[down].tolist() == [moment]


def test_a_base_backup_of_a_dead_leader_breaks_off() -> None:
    from replication_viz.scenario import Crash

    faults = (Rebuild(node="s1", at_ms=1_000), Crash(node="L", at_ms=2_000))
    trace = run(SLEEP.but(database_mb=500, duration_ms=10_000, faults=faults))
    [(_, text)] = told(trace, MarkKind.REBUILT)
    assert text == "s1: the base backup broke off, the leader is down"
    assert trace.at("s1", Position.FLUSHED, 10_000) < trace.at("L", Position.FLUSHED, 1_100)


def test_from_an_archive_it_catches_up_without_a_copy() -> None:
    trace = run(SLEEP.but(archive=True, archive_mb_per_s=10))
    assert len(told(trace, MarkKind.FETCH)) >= 2
    assert told(trace, MarkKind.REBUILT) == []
    assert trace.at("s1", Position.FLUSHED, 60_000) >= trace.at("L", Position.FLUSHED, 59_900)
    replayed = trace.steps("s1", Position.REPLAYED)[1]
    assert (np.diff(replayed) >= 0).all()


def test_short_runs_with_little_log_remove_nothing() -> None:
    trace = run(Scenario(rate_per_s=1_000))
    assert len(trace.steps("L", Position.OLDEST)[0]) == 0
