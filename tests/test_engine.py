"""The engine on scenarios whose whole trace can be worked out by hand; and a run is a pure function."""

import os
import subprocess
import sys
from math import nan

import numpy as np
import pytest

from replication_viz import Scenario, measures, run, scenarios
from replication_viz.engine.streams import Weather
from replication_viz.scenario import Change, Crash, NodeSettings, Partition, Restart, StallDisk
from replication_viz.trace import Position, Trace

from .tiny import TINY, flights, levels, marks, ops, states


def test_one_write_to_one_replica_goes_through_flush_link_flush_link():
    trace = run(TINY.but(duration_ms=40))
    assert ops(trace) == [(20, 26, "OK", 1)]
    assert flights(trace) == [
        ("WAL", "L", "s1", 22, 23, 0, 1),
        ("WROTE", "s1", "L", 23, 24, 1, 1),
        ("FLUSHED", "s1", "L", 25, 26, 1, 1),
    ]
    assert levels(trace) == [
        (20, "L", "APPENDED", 1),
        (22, "L", "FLUSHED", 1),
        (23, "s1", "RECEIVED", 1),
        (25, "s1", "FLUSHED", 1),
        (25.05, "s1", "REPLAYED", 1),
        (26, "L", "COMMITTED", 1),
    ]
    assert states(trace) == [("L", 0, 40, True), ("s1", 0, 40, True)]
    assert marks(trace) == []


@pytest.mark.parametrize(
    ("level", "answered"), [("local", 22), ("remote_write", 24), ("on", 26), ("remote_apply", 26.05)]
)
def test_each_level_answers_after_its_own_step(level: str, answered: float):
    trace = run(TINY.but(level=level, duration_ms=40))
    assert ops(trace) == [(20, answered, "OK", 1)]


def test_async_answers_after_the_local_flush_and_ships_all_the_same():
    asynchronous, synchronous = run(TINY.but(ack="async")), run(TINY)
    assert ops(asynchronous) == [(20, 22, "OK", 1), (40, 42, "OK", 2)]
    assert flights(asynchronous) == flights(synchronous)


def test_the_second_of_two_replicas_decides_under_all():
    trace = run(TINY.but(replicas=2, ack="all", duration_ms=40, nodes={"s2": NodeSettings(network_ms=4, flush_ms=3)}))
    assert ops(trace) == [(20, 33, "OK", 1)]
    assert flights(trace) == [
        ("WAL", "L", "s1", 22, 23, 0, 1),
        ("WAL", "L", "s2", 22, 26, 0, 1),
        ("WROTE", "s1", "L", 23, 24, 1, 1),
        ("FLUSHED", "s1", "L", 25, 26, 1, 1),
        ("WROTE", "s2", "L", 26, 30, 1, 1),
        ("FLUSHED", "s2", "L", 29, 33, 1, 1),
    ]
    assert levels(trace)[2:] == [
        (23, "s1", "RECEIVED", 1),
        (25, "s1", "FLUSHED", 1),
        (25.05, "s1", "REPLAYED", 1),
        (26, "s2", "RECEIVED", 1),
        (29, "s2", "FLUSHED", 1),
        (29.05, "s2", "REPLAYED", 1),
        (33, "L", "COMMITTED", 1),
    ]


def test_writes_that_arrive_during_a_flush_share_the_next_one():
    """Writes at 1, 2, 3, … ms and flushes of 2.5 ms: 1 | 2 3 | 4 5 6 | … (a write at the very moment gets in)."""
    trace = run(TINY.but(rate_per_s=1_000, flush_ms=2.5, duration_ms=9, ack="async"))
    assert [row for row in levels(trace) if row[1:3] == ("L", "FLUSHED")] == [
        (3.5, "L", "FLUSHED", 1),
        (6.0, "L", "FLUSHED", 3),
        (8.5, "L", "FLUSHED", 6),
    ]
    assert [row[1] for row in ops(trace)[:6]] == [3.5, 6, 6, 8.5, 8.5, 8.5]
    assert np.isnan(trace.ops.returned[6:]).all()


def test_a_replica_that_flushes_gathers_what_arrives_meanwhile():
    trace = run(TINY.but(rate_per_s=500, flush_ms=0.5, duration_ms=16, nodes={"s1": NodeSettings(flush_ms=5)}))
    assert [(time, lsn) for time, _, which, lsn in levels(trace) if which == "FLUSHED" and _ == "s1"] == [
        (8.5, 1),  # received at 3.5
        (13.5, 3),  # received at 5.5 and 7.5
    ]


def test_replay_is_serial():
    trace = run(TINY.but(duration_ms=80, replay_us=30_000))
    assert [(time, lsn) for time, _, which, lsn in levels(trace) if which == "REPLAYED"] == [(55, 1)]
    later = run(TINY.but(duration_ms=130, rate_per_s=50, replay_us=30_000))
    assert [(time, lsn) for time, _, which, lsn in levels(later) if which == "REPLAYED"] == [(55, 1), (85, 2), (115, 3)]


def test_an_apply_delay_counts_from_the_write():
    trace = run(TINY.but(duration_ms=80, apply_delay_ms=30))
    assert [(time, lsn) for time, _, which, lsn in levels(trace) if which == "REPLAYED"] == [(50.05, 1), (70.05, 2)]


def test_a_large_log_is_sent_in_batches_as_fast_as_the_link_takes_them():
    """10 writes of 64 KiB: two fill a message of 128 KiB, which 1,048.576 Mbit/s carry in 1 ms."""
    scenario = TINY.but(rate_per_s=2_500, flush_ms=4, duration_ms=16, record_bytes=65_536, bandwidth_mbit=1_048.576)
    assert [row[3:] for row in flights(run(scenario)) if row[0] == "WAL"] == [
        (4.4, 5.9, 0, 1),
        (8.4, 10.4, 1, 3),
        (9.4, 11.4, 3, 5),
        (10.4, 12.4, 5, 7),
        (11.4, 13.4, 7, 9),
        (12.4, 14.4, 9, 11),
        (13.4, 15.4, 11, 13),
        (14.4, 16.4, 13, 15),
        (15.4, 17.4, 15, 17),
    ]


def test_the_log_waits_on_the_leader_when_the_link_is_narrower_than_the_load():
    scenario = TINY.but(rate_per_s=1_000, record_bytes=1_000, bandwidth_mbit=4, duration_ms=2_000, ack="async")
    trace = run(scenario)
    assert trace.at("L", Position.FLUSHED, 2_000.0) == pytest.approx(2_000, abs=3)
    batch = 131_072 // 1_000
    assert 1_000 - batch <= trace.at("s1", Position.RECEIVED, 2_000.0) <= 1_000  # 4 Mbit/s are 500 kB/s
    assert measures.lag(trace, "s1", "write", 2_000.0) == pytest.approx(1_000, abs=batch + 5)


def test_a_crash_of_the_leader_takes_what_was_not_flushed_and_doubts_what_was_not_answered():
    """Writes at 20, 40, 60, 80 ms. The crash at 41 ms hits the second in its flush; the third is refused."""
    faults = (Crash(node="L", at_ms=41), Restart(node="L", at_ms=70))
    trace = run(TINY.but(duration_ms=90, faults=faults))
    assert ops(trace) == [(20, 26, "OK", 1), (40, 41, "UNKNOWN", 2), (60, 60, "FAILED", -1), (80, 86, "OK", 2)]
    assert [row for row in levels(trace) if row[1] == "L"] == [
        (20, "L", "APPENDED", 1),
        (22, "L", "FLUSHED", 1),
        (26, "L", "COMMITTED", 1),
        (40, "L", "APPENDED", 2),
        (41, "L", "APPENDED", 1),
        (80, "L", "APPENDED", 2),
        (82, "L", "FLUSHED", 2),
        (86, "L", "COMMITTED", 2),
    ]
    assert states(trace) == [("L", 0, 41, True), ("s1", 0, 90, True), ("L", 41, 70, False), ("L", 70, 90, True)]
    assert marks(trace) == [(41, "L crashes"), (70, "L restarts"), (71, "s1 is connected again")]


def test_a_crash_of_a_replica_takes_what_it_had_not_flushed_and_it_comes_back_for_it():
    """The second write is received at 43 ms; the crash at 44 ms hits its flush."""
    faults = (Crash(node="s1", at_ms=44), Restart(node="s1", at_ms=50))
    trace = run(TINY.but(faults=faults))
    assert [row for row in levels(trace) if row[1] == "s1"][3:] == [
        (43, "s1", "RECEIVED", 2),
        (44, "s1", "RECEIVED", 1),
        (52, "s1", "RECEIVED", 2),
        (54, "s1", "FLUSHED", 2),
        (54.05, "s1", "REPLAYED", 2),
    ]
    assert flights(trace)[3:] == [
        ("WAL", "L", "s1", 42, 43, 1, 2),
        ("wrote", "s1", "L", 43, 44, 2, 2),  # still on its way, a nanosecond short
        ("FLUSHED", "s1", "L", 50, 51, 1, 1),
        ("WAL", "L", "s1", 51, 52, 1, 2),
        ("WROTE", "s1", "L", 52, 53, 2, 2),
        ("FLUSHED", "s1", "L", 54, 55, 2, 2),
    ]
    assert ops(trace) == [(20, 26, "OK", 1), (40, 55, "OK", 2)]
    assert marks(trace) == [
        (44, "s1 crashes"),
        (44, "s1 is gone: its connection closed"),
        (50, "s1 restarts"),
        (51, "s1 is connected again"),
    ]


def test_a_partition_swallows_one_batch_and_the_stream_goes_on_from_where_the_replica_stands():
    trace = run(TINY.but(duration_ms=100, faults=(Partition(nodes=("s1",), at_ms=30, for_ms=40),)))
    assert [row for row in flights(trace) if row[0] in ("WAL", "wal")] == [
        ("WAL", "L", "s1", 22, 23, 0, 1),
        ("wal", "L", "s1", 42, 43, 1, 2),
        ("WAL", "L", "s1", 71, 72, 1, 3),  # the replica asked at 70
        ("WAL", "L", "s1", 82, 83, 3, 4),
    ]
    assert ops(trace) == [(20, 26, "OK", 1), (40, 75, "OK", 2), (60, 75, "OK", 3), (80, 86, "OK", 4)]


def test_a_message_on_its_way_when_the_cut_begins_is_lost():
    trace = run(TINY.but(duration_ms=50, faults=(Partition(nodes=("s1",), at_ms=22.5, for_ms=10),)))
    assert flights(trace)[:3] == [
        ("wal", "L", "s1", 22, 23, 0, 1),
        ("FLUSHED", "s1", "L", 32.5, 33.5, 0, 0),
        ("WAL", "L", "s1", 33.5, 34.5, 0, 1),
    ]


def test_a_stalled_disk_lengthens_the_flush_that_begins_meanwhile():
    trace = run(TINY.but(faults=(StallDisk(node="s1", at_ms=22.5, for_ms=1, flush_ms=30),)))
    assert ops(trace) == [(20, 54, "OK", 1), (40, 56, "OK", 2)]


# -- edges --------------------------------------------------------------------------------------------------------


def test_without_writes_nothing_moves():
    trace = run(TINY.but(rate_per_s=0))
    assert len(trace.ops) == len(trace.flights) == len(trace.levels) == len(trace.marks) == 0
    assert states(trace) == [("L", 0, 60, True), ("s1", 0, 60, True)]


def test_without_replicas_a_commit_is_a_flush():
    trace = run(TINY.but(replicas=0, ack="async"))
    assert ops(trace) == [(20, 22, "OK", 1), (40, 42, "OK", 2)]
    assert len(trace.flights) == 0


def test_without_replicas_a_rule_that_wants_one_blocks():
    assert [row[2] for row in ops(run(TINY.but(replicas=0, ack="ANY 1 (*)")))] == ["UNKNOWN", "UNKNOWN"]


def test_the_shortest_run_is_a_run():
    trace = run(TINY.but(duration_ms=1))
    assert len(trace.ops) == 0
    assert run(TINY.but(duration_ms=1, rate_per_s=5_000)).ops.invoked == pytest.approx([0.2, 0.4, 0.6, 0.8])


def test_nine_replicas_take_part():
    trace = run(TINY.but(replicas=9, ack="all"))
    assert ops(trace) == [(20, 26, "OK", 1), (40, 46, "OK", 2)]
    assert {row[2] for row in flights(trace) if row[0] == "WAL"} == {f"s{i}" for i in range(1, 10)}


def test_what_has_not_happened_by_the_end_has_not_happened():
    trace = run(TINY.but(duration_ms=23))  # the batch arrives a nanosecond after the end
    assert flights(trace) == [("WAL", "L", "s1", 22, 23, 0, 1)]
    assert levels(trace)[-1] == (22, "L", "FLUSHED", 1)
    assert np.isnan(trace.ops.returned).all()


def test_a_fault_at_the_very_beginning_counts_from_the_beginning():
    trace = run(TINY.but(faults=(Crash(node="s1", at_ms=0),)))
    assert len(trace.flights) == 0
    assert [row[2] for row in ops(trace)] == ["UNKNOWN", "UNKNOWN"]


@pytest.mark.parametrize("at_ms", [60, 61, 1e9])
def test_a_fault_at_or_after_the_end_changes_nothing(at_ms: float):
    late = (Crash(node="L", at_ms=at_ms), Partition(nodes=("s1",), at_ms=at_ms), StallDisk(node="L", at_ms=at_ms))
    assert run(TINY.but(faults=late)).digest() == run(TINY).digest()


def test_repeated_crashes_and_restarts_are_one_crash_and_one_restart():
    once = (Crash(node="s1", at_ms=30), Restart(node="s1", at_ms=50))
    often = (
        Crash(node="s1", at_ms=30),
        Crash(node="s1", at_ms=35),
        Restart(node="s1", at_ms=50),
        Restart(node="s1", at_ms=55),
    )
    a, b = run(TINY.but(faults=once)), run(TINY.but(faults=often))
    assert (ops(a), flights(a), levels(a), states(a)) == (ops(b), flights(b), levels(b), states(b))


def test_a_tie_goes_to_the_fault_then_to_what_was_scheduled_first():
    """The answer is due at 26 ms (and a nanosecond); a crash of the leader at 26 ms comes first."""
    trace = run(TINY.but(faults=(Crash(node="L", at_ms=26),)))
    assert ops(trace) == [(20, 26, "UNKNOWN", 1), (40, 40, "FAILED", -1)]
    assert len(levels(trace)) == 6


# -- a pure function ----------------------------------------------------------------------------------------------

BUSY = scenarios["one_sick_standby"].but(
    duration_ms=1_500, reads_per_s=100, rate_per_s=500, faults=(StallDisk(node="s1", at_ms=700, for_ms=300),)
)
DIGEST = """
import sys
from replication_viz import Scenario, run
print(run(Scenario.from_share(sys.argv[1])).digest())
"""


def test_the_same_scenario_gives_the_same_trace_to_the_byte():
    assert run(BUSY).digest() == run(BUSY).digest()


def test_the_same_scenario_gives_the_same_bytes_in_another_process_whatever_its_hash_seed():
    here = run(BUSY).digest()
    for seed in ("0", "4711"):
        process = subprocess.run(
            [sys.executable, "-c", DIGEST, BUSY.share()],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert process.stdout.strip() == here


def test_another_seed_gives_another_trace():
    assert run(BUSY).digest() != run(BUSY.but(seed=2)).digest()


def test_the_digest_sees_every_table():
    trace = run(BUSY.but(faults=(*BUSY.faults, Crash(node="s2", at_ms=900))))
    whole = trace.digest()
    for name, table in trace.tables().items():
        shorter = {**trace.tables(), name: table.where(np.arange(len(table) - 1))}
        assert Trace(trace.scenario, trace.nodes, **shorter).digest() != whole  # type: ignore[arg-type]


def delays(trace: Trace, source: str, target: str) -> list[float]:
    numbers = trace.number(source), trace.number(target)
    mine = (trace.flights.source == numbers[0]) & (trace.flights.target == numbers[1])
    return list(np.round((trace.flights.arrived - trace.flights.sent)[mine], 9))


SPARSE = Scenario(rate_per_s=20, duration_ms=3_000, ack="async")
REGULAR = SPARSE.but(arrivals="constant")  # apart enough that no message waits for an earlier one


@pytest.mark.parametrize(
    "change",
    [
        {"flush_ms": 9},
        {"flush_shape": "uniform"},
        {"network_ms": 7},
        {"replicas": 5},
        {"ack": "all"},
        {"level": "remote_apply"},
        {"bandwidth_mbit": 1},
        {"reads_per_s": 50},
    ],
)
def test_moving_another_knob_leaves_the_arrivals_alone(change: dict[str, object]):
    base, moved = run(SPARSE), run(SPARSE.but(**change))
    writes = moved.ops.where(moved.ops.kind == 0)
    for column in ("invoked", "client", "key"):
        np.testing.assert_array_equal(getattr(writes, column), getattr(base.ops, column))


def test_more_replicas_leave_the_delays_of_the_first_ones_alone():
    assert delays(run(SPARSE), "L", "s1") == delays(run(SPARSE.but(replicas=5)), "L", "s1")


def test_a_slower_network_stretches_the_same_delays():
    slow, fast = (delays(run(REGULAR.but(network_ms=ms)), "L", "s2") for ms in (20, 0.5))
    wire = 200 * 8 / 1e6  # ms for one record at 1,000 Mbit/s
    assert np.array(slow) - wire == pytest.approx(40 * (np.array(fast) - wire), rel=1e-6)


def test_a_disk_that_varies_leaves_the_delays_of_the_network_alone():
    assert delays(run(REGULAR), "L", "s3") == delays(run(REGULAR.but(flush_shape="exponential")), "L", "s3")


def test_the_delay_of_a_link_depends_on_the_moment_and_not_on_who_asked_before():
    def weather() -> Weather:
        return Weather(10, "lognormal", 0.3, seed=5, name="link L s1")

    moments = np.arange(0, 9_000, 7.0)  # several blocks of spells
    asked_often = weather()
    all_of_them = np.array([asked_often.at(t) for t in moments])
    alone = np.array([weather().at(t) for t in moments])
    np.testing.assert_array_equal(all_of_them, alone)
    assert len(np.unique(alone)) == 900  # one for each spell of 10 ms


def test_a_change_to_the_value_that_holds_changes_nothing_but_the_caption():
    same = (
        Change(setting="flush_ms", value=TINY.flush_ms, at_ms=30),
        Change(setting="network_ms", value=TINY.network_ms, at_ms=30),
        Change(setting="rate_per_s", value=TINY.rate_per_s, at_ms=30),
        Change(setting="ack", value=TINY.ack, at_ms=30),
    )
    a, b = run(TINY), run(TINY.but(faults=same))
    assert (ops(a), flights(a), levels(a), states(a)) == (ops(b), flights(b), levels(b), states(b))
    assert [text for _, text in marks(b)] == [
        "disk flush set to 2 ms",
        "network delay set to 1 ms",
        "write rate set to 50 writes/s",
        "acknowledgement rule set to s1",
    ]


def test_a_position_before_its_first_step_is_zero():
    trace = run(TINY)
    assert trace.at("s1", Position.RECEIVED, np.array([0.0, 22.999, 23.001, 1e9])).tolist() == [0, 0, 1, 2]
    with pytest.raises(ValueError, match=r"^node is 's9': it must be one of L, s1\.$"):
        trace.number("s9")


def test_a_trace_cannot_be_written_to():
    trace = run(TINY)
    for table in trace.tables().values():
        for column in table.columns().values():
            with pytest.raises(ValueError, match="read-only"):
                column[...] = 0
    assert trace.ops.returned[0] != nan
