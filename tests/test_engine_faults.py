"""Faults one by one: what each does, what it leaves alone, and that everything heals."""

import numpy as np
import pytest

from replication_viz import Scenario, Trace, measures, run
from replication_viz.scenario import (
    Change,
    Crash,
    CutLink,
    LinkDelay,
    NodeSettings,
    Partition,
    PauseReplay,
    Restart,
    SlowReplay,
    StallDisk,
)
from replication_viz.trace import MarkKind, Outcome, Position

from .tiny import TINY, flights, marks, ops

STEADY = TINY.but(rate_per_s=100, duration_ms=1_000, replicas=2, ack="ANY 1 (*)")  # a write every 10 ms


def positions(trace: Trace, at_ms: float, which: Position = Position.RECEIVED) -> list[int]:
    return [int(trace.at(name, which, at_ms)) for name in trace.nodes[1:]]


def test_a_partition_stops_the_stream_to_one_side_and_leaves_the_other_alone():
    trace = run(STEADY.but(faults=(Partition(nodes=("s1",), at_ms=205, for_ms=400),)))
    assert positions(trace, 604.0) == [20, 60]
    assert positions(trace, 700.0) == [69, 69]
    assert (trace.ops.outcome[:99] == Outcome.OK).all()


def test_a_partition_around_the_leader_cuts_off_every_replica():
    trace = run(STEADY.but(faults=(Partition(nodes=("L",), at_ms=205, for_ms=400),)))
    assert positions(trace, 604.0) == [20, 20]
    assert positions(trace, 700.0) == [69, 69]


def test_replicas_on_the_same_side_of_a_partition_as_the_leader_do_not_notice():
    trace = run(STEADY.but(faults=(Partition(nodes=("L", "s2"), at_ms=205, for_ms=400),)))
    assert positions(trace, 604.0) == [20, 60]


def test_the_partition_knob_is_the_partition_fault():
    by_knob = run(STEADY.but(partition="s1, s2", partition_at_ms=200, partition_for_ms=300))
    by_fault = run(STEADY.but(faults=(Partition(nodes=("s1", "s2"), at_ms=200, for_ms=300),)))
    assert by_knob.digest() == by_fault.digest()


def test_with_the_way_to_the_replica_cut_nothing_arrives_and_nothing_commits():
    trace = run(STEADY.but(ack="s1", faults=(CutLink(source="L", target="s1", at_ms=205, for_ms=400),)))
    assert positions(trace, 604.0) == [20, 60]
    waited = trace.ops.where((trace.ops.invoked > 205) & (trace.ops.invoked < 600))
    assert (waited.returned > 605).all()


def test_with_the_way_back_cut_the_data_arrive_and_nothing_commits_until_it_heals():
    trace = run(STEADY.but(ack="s1", faults=(CutLink(source="s1", target="L", at_ms=205, for_ms=400),)))
    assert positions(trace, 604.0) == [60, 60]
    waited = trace.ops.where((trace.ops.invoked > 200) & (trace.ops.invoked < 600))
    assert waited.returned == pytest.approx(np.full(len(waited), 606), abs=0.01)
    assert [
        row for row in flights(trace) if row[:3] == ("WAL", "L", "s1") and row[5] < 60 < row[6]
    ] == []  # none resent


def test_a_cut_both_ways_is_a_partition_of_one_replica():
    both = CutLink(source="s1", target="L", both_ways=True, at_ms=205, for_ms=400)
    cut, partition = (
        run(STEADY.but(faults=(fault,))) for fault in (both, Partition(nodes=("s1",), at_ms=205, for_ms=400))
    )
    assert (ops(cut), flights(cut)) == (ops(partition), flights(partition))


def test_cuts_that_overlap_or_meet_are_one_cut():
    parts = (
        Partition(nodes=("s1",), at_ms=205, for_ms=200),
        CutLink(source="L", target="s1", both_ways=True, at_ms=300, for_ms=200),
        Partition(nodes=("s1",), at_ms=500, for_ms=105),
    )
    whole = (Partition(nodes=("s1",), at_ms=205, for_ms=400),)
    a, b = run(STEADY.but(faults=parts)), run(STEADY.but(faults=whole))
    assert (ops(a), flights(a)) == (ops(b), flights(b))


def test_silence_shorter_than_the_timeout_disconnects_nobody():
    """Two cuts of 90 ms with a word between them are not 180 ms of silence."""
    faults = tuple(Partition(nodes=("s1",), at_ms=at, for_ms=90) for at in (200, 300))
    patient = STEADY.but(ack="s1", wal_sender_timeout_ms=100, faults=faults)
    assert not (run(patient).marks.kind == MarkKind.DISCONNECT).any()
    impatient = patient.but(wal_sender_timeout_ms=80)
    assert [text for _, text in marks(run(impatient)) if "dropped" in text] == ["s1 dropped: silent for 80 ms"] * 2


def test_a_replica_that_hears_nothing_hangs_up():
    """Its way back is whole, so the leader learns of it; PostgreSQL's wal_receiver_timeout."""
    faults = (CutLink(source="L", target="s1", at_ms=205),)
    trace = run(STEADY.but(ack="FIRST 1 (s1, s2)", wal_sender_timeout_ms=100, faults=faults))
    assert (305, "s1 hung up: it has heard nothing for 100 ms") in marks(trace)
    late = measures.commit_latency(trace, since_ms=310)
    assert late.p99 == pytest.approx(6, abs=0.01)


def test_a_dropped_replica_that_can_be_reached_again_connects_again():
    trace = run(STEADY.but(wal_sender_timeout_ms=100, faults=(Partition(nodes=("s1",), at_ms=205, for_ms=400),)))
    assert marks(trace)[1:] == [(305, "s1 dropped: silent for 100 ms"), (606, "s1 is connected again")]
    assert positions(trace, 999.0) == [99, 99]


def test_a_crashed_leader_refuses_writes_and_ships_nothing():
    trace = run(STEADY.but(faults=(Crash(node="L", at_ms=505),)))
    assert positions(trace, 1_000.0) == [50, 50]
    assert (trace.ops.outcome[50:] == Outcome.FAILED).all()
    assert (trace.flights.sent[trace.flights.source == 0] < 505).all()


def test_a_crashed_replica_receives_nothing_and_says_nothing():
    trace = run(STEADY.but(faults=(Crash(node="s1", at_ms=507),)))
    assert positions(trace, 1_000.0) == [50, 99]
    mine = trace.flights.where(((trace.flights.source == 1) | (trace.flights.target == 1)) & (trace.flights.sent > 507))
    assert len(mine) == 0


def test_what_is_under_way_to_a_node_that_crashes_is_lost():
    trace = run(STEADY.but(network_ms=20, faults=(Crash(node="s1", at_ms=505),)))
    fate = [row[0] for row in flights(trace) if row[2] == "s1" and row[4] > 505]
    assert fate == ["wal"] * 2
    assert positions(trace, 1_000.0)[0] == 48


def test_a_restarted_replica_replays_what_its_disk_holds_before_anything_new_comes():
    faults = (Crash(node="s1", at_ms=405), Restart(node="s1", at_ms=500), Partition(nodes=("s1",), at_ms=405))
    trace = run(STEADY.but(replay_us=20_000, faults=faults))  # replay keeps up with half of the writes
    behind = positions(trace, 405.0, Position.REPLAYED)[0]
    assert behind < 25
    assert positions(trace, 499.0, Position.REPLAYED)[0] == behind
    assert positions(trace, 1_000.0, Position.REPLAYED)[0] > behind + 15


def test_replay_slows_down_by_its_factor():
    """A write every 10 ms takes 2 ms to replay, then 20 ms: half of them stay behind."""
    trace = run(STEADY.but(replay_us=2_000, faults=(SlowReplay(node="s1", at_ms=300, for_ms=400, factor=10),)))
    behind = [int(measures.lag_writes(trace, "s1", "replay", float(at))) for at in (299, 699, 999)]
    assert behind == [0, pytest.approx(20, abs=2), 0]
    assert measures.lag_writes(trace, "s2", "replay", 699.0) == 0
    assert measures.lag(trace, "s1", "flush", 699.0) < 10


def test_a_paused_replay_stands_still_while_the_log_is_received_and_flushed():
    paused = run(STEADY.but(faults=(PauseReplay(node="s1", at_ms=300, for_ms=400),)))
    steps, _ = paused.steps("s1", Position.REPLAYED)
    assert not ((steps >= 300) & (steps < 700)).any()
    for which in (Position.RECEIVED, Position.FLUSHED):
        np.testing.assert_array_equal(paused.steps("s1", which), run(STEADY).steps("s1", which))
    assert positions(paused, 699.9, Position.REPLAYED) == [29, 69]
    assert positions(paused, 702.1, Position.REPLAYED) == [69, 69]  # 40 writes of 0.05 ms, then level again
    assert ops(paused) == ops(run(STEADY))


def test_work_under_way_when_replay_pauses_is_finished_afterwards():
    """The write at 200 ms is flushed at 205 and takes 4 ms to replay: two of them before the pause, two after it."""
    slow = STEADY.but(rate_per_s=5, replay_us=4_000)
    pauses = (PauseReplay(node="s1", at_ms=207, for_ms=30), PauseReplay(node="s1", at_ms=210, for_ms=5))
    assert run(slow).steps("s1", Position.REPLAYED)[0][0] == pytest.approx(209)
    assert run(slow.but(faults=pauses)).steps("s1", Position.REPLAYED)[0][0] == pytest.approx(239)
    assert run(slow.but(faults=pauses)).steps("s2", Position.REPLAYED)[0][0] == pytest.approx(209)


def test_under_remote_apply_commits_wait_for_a_paused_replay_and_a_restart_does_not_end_the_pause():
    pause = PauseReplay(node="s1", at_ms=300, for_ms=400)
    restarted = (pause, Crash(node="s1", at_ms=400), Restart(node="s1", at_ms=450))
    for faults in ((pause,), restarted):
        trace = run(STEADY.but(ack="s1", level="remote_apply", faults=faults))
        assert trace.ops.returned[29:69].min() >= 701
        assert (trace.ops.outcome == Outcome.OK)[:99].all()


def test_a_stall_of_the_leaders_disk_stops_every_commit_and_then_takes_all_at_once():
    trace = run(STEADY.but(faults=(StallDisk(node="L", at_ms=300, for_ms=100, flush_ms=250),)))
    assert [row[1] for row in ops(trace)[29:33]] == [554, 556, 556, 556]  # the write at 300 began the stalled flush


def test_a_stall_never_makes_a_disk_faster():
    assert ops(run(STEADY.but(faults=(StallDisk(node="L", at_ms=0, flush_ms=0.5),)))) == ops(run(STEADY))


def test_a_stall_of_one_replica_is_felt_by_whoever_waits_for_it():
    stall = (StallDisk(node="s1", at_ms=300, for_ms=400, flush_ms=400),)
    for ack, slowest in (("ANY 1 (s1, s2)", 6), ("s2", 6), ("FIRST 2 (s1, s2)", 404), ("s1", 404)):
        samples = measures.commit_latency(run(STEADY.but(ack=ack, faults=stall))).samples
        assert samples.max() == pytest.approx(slowest, abs=5)
        assert samples.min() == pytest.approx(6, abs=0.01)


def test_a_link_delay_delays_one_way_and_keeps_the_order():
    trace = run(STEADY.but(ack="s1", faults=(LinkDelay(source="L", target="s1", at_ms=300, for_ms=100, extra_ms=55),)))
    arrivals = [row[4] for row in flights(trace) if row[:3] == ("WAL", "L", "s1")]
    assert arrivals[28:31] == [293, 303 + 55, 313 + 55]
    assert arrivals[38:46] == [393 + 55, 448, 448, 448, 448, 448, 453, 463]  # who is sent later does not overtake
    back = run(STEADY.but(ack="s1", faults=(LinkDelay(source="s1", target="L", at_ms=300, for_ms=100, extra_ms=55),)))
    assert measures.lag(back, "s1", "write", np.arange(300.0, 400.0)).max() < 2
    assert measures.commit_latency(back, 300, 390).samples.max() == pytest.approx(61, abs=0.01)


@pytest.mark.parametrize(
    ("setting", "value", "before", "after"),
    [
        ("lag_ms", 30, 6, 36),
        ("network_ms", 11, 6, 26),
        ("flush_ms", 5, 6, 12),
        ("replay_us", 4_000, 6, 6),
        ("ack", "async", 6, 2),
        ("ack", "ANY 2 (*)", 6, 6),
        ("level", "local", 6, 2),
        ("level", "remote_write", 6, 4),
        ("level", "remote_apply", 6, 6.05),
    ],
)
def test_an_operator_changes_a_setting_in_mid_run(setting: str, value: object, before: float, after: float):
    """Writes come every 50 ms here, so that none meets another."""
    calm = STEADY.but(rate_per_s=20, faults=(Change(setting=setting, value=value, at_ms=525),))
    trace = run(calm)
    assert measures.commit_latency(trace, 0, 525).samples == pytest.approx(np.full(10, before), abs=0.001)
    assert measures.commit_latency(trace, 525, 940).samples == pytest.approx(np.full(8, after), abs=0.001)


def test_a_change_of_replay_cost_changes_the_replay_lag_alone():
    trace = run(STEADY.but(faults=(Change(setting="replay_us", value=4_000, at_ms=507),)))
    steps = trace.steps("s1", Position.REPLAYED)[0] - trace.steps("s1", Position.FLUSHED)[0][:99]
    assert steps[:50] == pytest.approx(np.full(50, 0.05))
    assert steps[50:98] == pytest.approx(np.full(48, 4.0))


def test_freeing_the_rule_frees_the_waiters():
    """synchronous_standby_names = '' on a server whose only standby is cut off."""
    faults = (Partition(nodes=("s1",), at_ms=205), Change(setting="ack", value="async", at_ms=500))
    trace = run(STEADY.but(ack="s1", faults=faults))
    assert [row[1] for row in ops(trace)[20:49]] == [500] * 29
    assert ops(trace)[60] == (610, 612, "OK", 61)


def test_a_level_that_asks_for_more_does_not_wait_for_reports_that_were_made_before():
    """The write at 500 ms is flushed at 505, replayed at 505.05; the level rises at 505.5, before anyone hears."""
    faults = (Change(setting="level", value="remote_apply", at_ms=505.5),)
    trace = run(TINY.but(rate_per_s=2, duration_ms=900, faults=faults))
    assert ops(trace) == [(500, 506.5, "OK", 1)]


def test_the_rate_changes_exactly():
    faults = (Change(setting="rate_per_s", value=1_000, at_ms=45), Change(setting="rate_per_s", value=0, at_ms=50))
    later = Change(setting="rate_per_s", value=20, at_ms=100)
    trace = run(TINY.but(duration_ms=200, faults=(*faults, later)))
    due = [20, 40, 45.75, 46.75, 47.75, 48.75, 49.75, 137.5, 187.5]  # a share of an interval carries over
    assert trace.ops.invoked == pytest.approx(due)


def test_changing_the_rate_leaves_the_earlier_arrivals_alone_to_the_last_bit():
    base = Scenario(rate_per_s=333, duration_ms=3_000, ack="async")
    for at_ms in (100.0, 333.3, 1_000 / 3):
        moved = run(base.with_fault(Change(setting="rate_per_s", value=777, at_ms=at_ms))).ops.invoked
        before = run(base).ops.invoked
        np.testing.assert_array_equal(moved[moved < at_ms], before[before < at_ms])


def test_a_replica_that_lost_something_behind_a_cut_takes_no_later_batch_and_asks_again():
    """s1 receives the write at 200 ms, crashes in its flush and restarts, and its way back is cut: the leader knows
    nothing and ships on. What comes after the gap must wait for what is missing.
    """
    faults = (
        CutLink(source="s1", target="L", at_ms=203.5, for_ms=100),
        Crash(node="s1", at_ms=204),
        Restart(node="s1", at_ms=210),
    )
    trace = run(STEADY.but(faults=faults))
    assert positions(trace, 303.4) == [19, 30]
    assert positions(trace, 330.0) == [32, 32]
    assert positions(trace, 999.0, Position.REPLAYED) == [99, 99]


def test_a_cut_to_come_does_not_make_a_replica_ask_early():
    """Its hello arrives at 325 ms; the batch sent at 322 will be lost at 330, which nobody can know yet."""
    base = STEADY.but(network_ms=20, faults=(CutLink(source="s1", target="L", at_ms=205, for_ms=100),))
    fork = base.with_fault(CutLink(source="L", target="s1", at_ms=330))
    before, forked = run(base).until(330), run(fork).until(330)
    for table, columns in before.items():
        for name, column in columns.items():
            np.testing.assert_array_equal(column, forked[table][name])


def test_an_apply_delay_survives_a_restart_of_the_leader():
    """The write at 200 ms is replayed 150 ms later although the leader's count of writes broke at 205."""
    faults = (Crash(node="L", at_ms=205), Restart(node="L", at_ms=255))
    trace = run(STEADY.but(apply_delay_ms=150, faults=faults))
    times, lsns = trace.steps("s1", Position.REPLAYED)
    assert times[lsns == 20] == pytest.approx(350.05)
    assert times[lsns == 21] == pytest.approx(410.05)  # the first write after the restart, at 260
    assert positions(trace, 1_000.0, Position.REPLAYED)[0] == 79


def test_a_stream_goes_on_after_the_leader_restarts():
    trace = run(STEADY.but(faults=(Crash(node="L", at_ms=505), Restart(node="L", at_ms=700))))
    assert positions(trace, 1_000.0) == [79, 79]  # 99 writes, 20 refused
    answered = trace.ops.outcome == Outcome.OK
    assert answered.sum() == 78
    assert trace.ops.lsn[answered][-1] == 79  # the one in doubt, at 500, kept its place in the log


def test_every_fault_has_a_mark_that_says_what_happens_and_for_how_long():
    faults = (
        Crash(node="s2", at_ms=100),
        Restart(node="s2", at_ms=200),
        StallDisk(node="L", at_ms=300, for_ms=50),
        SlowReplay(node="s1", at_ms=400),
        PauseReplay(node="s1", at_ms=450, for_ms=20),
        Partition(nodes=("s1", "s2"), at_ms=500, for_ms=10),
        CutLink(source="L", target="s1", at_ms=600, for_ms=10),
        LinkDelay(source="s1", target="L", at_ms=700, for_ms=10),
        Change(setting="lag_ms", value=5, at_ms=800),
    )
    trace = run(STEADY.but(faults=faults))
    shown = trace.marks.where(trace.marks.kind <= MarkKind.CHANGE)
    rows = zip(shown.time, shown.until, shown.kind, shown.node, shown.peer, strict=True)
    nan, inf = float("nan"), float("inf")
    np.testing.assert_array_equal(
        np.array(list(rows), dtype=float),
        [
            (100, nan, MarkKind.CRASH, 2, -1),
            (200, nan, MarkKind.RESTART, 2, -1),
            (300, 350, MarkKind.DISK, 0, -1),
            (400, inf, MarkKind.REPLAY, 1, -1),
            (450, 470, MarkKind.REPLAY, 1, -1),
            (500, 510, MarkKind.PARTITION, 1, -1),
            (500, 510, MarkKind.PARTITION, 2, -1),
            (600, 610, MarkKind.LINK, 0, 1),
            (700, 710, MarkKind.LINK, 1, 0),
            (800, nan, MarkKind.CHANGE, -1, -1),
        ],
    )
    assert shown.text.tolist()[:5] == [
        "s2 crashes",
        "s2 restarts",
        "L: disk stalls, 400 ms a flush",
        "s1: replay 10 times slower",
        "s1: replay stands still",
    ]


def test_a_long_wait_is_marked_from_when_it_is_long_until_it_ends():
    trace = run(STEADY.but(ack="s1", faults=(Partition(nodes=("s1",), at_ms=207, for_ms=400),)))
    blocked = trace.marks.where(trace.marks.kind == MarkKind.BLOCKED)
    assert blocked.time.tolist() == [310]
    assert blocked.until == pytest.approx([612], abs=0.1)


def test_one_slow_node_slows_nobody_else():
    slow = run(STEADY.but(nodes={"s1": NodeSettings(network_ms=40, flush_ms=30, replay_us=9_000, lag_ms=5)}))
    plain = run(STEADY)
    for which in (Position.RECEIVED, Position.FLUSHED, Position.REPLAYED):
        np.testing.assert_array_equal(slow.steps("s2", which), plain.steps("s2", which))
    assert measures.lag(slow, "s1", "write", np.arange(100.0, 900.0)).max() == pytest.approx(45, abs=1)
