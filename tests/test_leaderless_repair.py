"""Without a leader: what brings late copies up to date, what it costs, and what it brings back from the dead."""

from itertools import pairwise

import numpy as np
import pytest

from replication_viz import Scenario, checks, measures, run, scenarios
from replication_viz.conflicts.merkle import ENTRY_BYTES, HASH_BYTES, Tree, below, leaf_of
from replication_viz.scenario import Change, Crash, CutLink, Partition, Restart
from replication_viz.trace import FlightKind, MarkKind, OpKind, Outcome, Position, Trace

QUIET = Change(setting="rate_per_s", value=0, at_ms=600)
BASE = Scenario(
    topology="leaderless",
    members=5,
    rate_per_s=200,
    keys=40,
    network_ms=2,
    read_repair="off",
    hint_replay_ms=50,
    faults=(QUIET,),
    duration_ms=1_600,
)
AWAY = (Crash(node="n2", at_ms=200), Restart(node="n2", at_ms=700))


def count(trace: Trace, kind: FlightKind) -> int:
    return int((trace.flights.kind == kind).sum())


def marked(trace: Trace, kind: MarkKind) -> list[str]:
    return [str(text) for text in trace.marks.text[trace.marks.kind == kind]]


# -- hints ---------------------------------------------------------------------------------------------------------


def test_a_node_that_comes_back_gets_what_it_missed_by_hints_and_not_without() -> None:
    away = BASE.but(faults=(*AWAY, QUIET))
    assert checks.convergence(run(away), quiet_ms=500).holds
    without = run(away.but(hint_window_ms=0))
    assert checks.convergence(without, quiet_ms=500).holds is False
    assert count(without, FlightKind.HINT) == 0


def test_hints_are_handed_over_at_the_interval_after_the_node_is_back() -> None:
    trace = run(BASE.but(faults=(*AWAY, QUIET)))
    sent = trace.flights.sent[trace.flights.kind == FlightKind.HINT]
    assert sent.min() >= 700
    assert sent.max() <= 700 + 2 * 50
    assert len(marked(trace, MarkKind.HANDED)) == len(set(marked(trace, MarkKind.HANDED))) == 4  # by the four others
    assert marked(trace, MarkKind.HINTED)[0].endswith("keeps hints for n2")
    assert trace.holdings(1_599, Position.HINTED) == [{} for _ in trace.nodes]


def test_for_a_node_that_is_away_for_too_long_no_more_hints_are_kept() -> None:
    trace = run(BASE.but(faults=(*AWAY, QUIET), hint_window_ms=100))
    hinted = trace.levels.where((trace.levels.which == Position.HINTED) & (trace.levels.lsn > 0))
    assert 200 < hinted.time.max() <= 310  # the window, and a write that was on its way
    assert marked(trace, MarkKind.HINTS_OVER) == ["no more hints for n2: away for 100 ms"]
    assert checks.convergence(trace, quiet_ms=500).holds is False


def test_notes_of_a_coordinator_are_lost_when_it_dies() -> None:
    """Only n1 serves, so it has all the hints, and it takes them with it."""
    dies = (*AWAY, QUIET, Crash(node="n1", at_ms=650), Restart(node="n1", at_ms=660))
    trace = run(BASE.but(coordinator="n1", faults=dies))
    (lost,) = marked(trace, MarkKind.HINTS_LOST)
    kept = sum(len(held) for held in trace.holdings(649, Position.HINTED))
    assert lost == f"n1 takes {kept} hints with it"
    assert count(trace, FlightKind.HINT) == 0
    assert checks.convergence(trace, quiet_ms=500).holds is False


def test_what_a_stand_in_took_is_on_its_disk_and_survives_it() -> None:
    dies = (*AWAY, QUIET, Crash(node="n4", at_ms=650), Restart(node="n4", at_ms=680))
    trace = run(BASE.but(sloppy=True, faults=dies))
    before, after = (trace.holdings(at, Position.HINTED)[3] for at in (649, 681))
    assert before == after != {}
    assert not marked(trace, MarkKind.HINTS_LOST)
    assert checks.convergence(trace, quiet_ms=500).holds


def test_a_hint_that_is_lost_on_its_way_is_sent_again() -> None:
    cut = CutLink(source="n1", target="n2", at_ms=690, for_ms=100)
    trace = run(BASE.but(coordinator="n1", quorum_timeout_ms=200, faults=(*AWAY, QUIET, cut)))
    hints = trace.flights.where(trace.flights.kind == FlightKind.HINT)
    assert hints.lost.any()
    assert set(hints.lsn_to[hints.lost]) <= set(hints.lsn_to[~hints.lost])
    assert checks.convergence(trace, quiet_ms=500).holds


def test_a_copy_that_did_not_answer_in_time_gets_a_hint_if_the_write_was_acknowledged() -> None:
    """The cut is younger than the timeout, so n2 is taken for there."""
    cut = Partition(nodes=("n2",), at_ms=100, for_ms=200)
    trace = run(BASE.but(quorum_timeout_ms=250, coordinator="n1", faults=(cut, QUIET)))
    stores = trace.flights.where((trace.flights.kind == FlightKind.STORE) & (trace.flights.target == 1))
    hinted = trace.flights.lsn_to[trace.flights.kind == FlightKind.HINT]
    newest = {int(trace.ops.key[row]): row for row in stores.lsn_from[stores.lost].tolist()}
    assert set(trace.ops.lsn[list(newest.values())].tolist()) <= set(hinted.tolist())
    assert checks.convergence(trace, quiet_ms=500).holds


def test_a_sloppy_quorum_takes_writes_while_a_strict_one_refuses_them() -> None:
    down = tuple(Crash(node=f"n{i}", at_ms=100) for i in (1, 2, 3))
    strict, sloppy = (run(BASE.but(sloppy=sloppy, faults=down, duration_ms=500)) for sloppy in (False, True))
    assert measures.answered_share(strict, "write", 110).value < 0.5
    assert measures.answered_share(sloppy, "write", 110).value == 1
    last_one = run(BASE.but(sloppy=True, faults=(*down, Crash(node="n4", at_ms=100)), duration_ms=500))
    assert measures.answered_share(last_one, "write", 110).value == 0  # W = 2, and n5 is alone


def test_with_stand_ins_overlapping_quorums_may_miss_an_acknowledged_write() -> None:
    """A cut that each side sees as the others being down: both sides write, and read, on their own."""
    cut = Partition(nodes=("n1", "n2"), at_ms=100, for_ms=800)
    scenario = BASE.but(faults=(cut,), quorum_timeout_ms=50, reads_per_s=300, keys=5)
    assert measures.freshness(run(scenario)).fresh.all()
    found = measures.freshness(run(scenario.but(sloppy=True)))
    assert (~found.fresh).sum() > 10


# -- read repair ---------------------------------------------------------------------------------------------------


def test_read_repair_mends_what_is_read_and_only_that() -> None:
    """n2 was away and nobody kept hints. Reads come for all keys; without repair they mend nothing."""
    away = BASE.but(faults=(*AWAY, QUIET), hint_window_ms=0, reads_per_s=600, copies=3)
    verdicts = {
        mode: checks.convergence(run(away.but(read_repair=mode)), quiet_ms=500) for mode in ("off", "background")
    }
    assert verdicts["off"].holds is False
    assert verdicts["background"].holds
    assert checks.convergence(run(away.but(read_repair="blocking")), quiet_ms=500).holds
    few = run(away.but(read_repair="background", reads_per_s=20))
    assert 0 < len(checks.convergence(few, quiet_ms=500)) < len(verdicts["off"])


def test_a_blocking_repair_makes_the_read_wait_a_round_trip_and_a_flush_longer() -> None:
    still = BASE.but(
        members=3, coordinator="n1", network_spread=0, flush_spread=0, read_quorum=3, hint_window_ms=0, reads_per_s=300
    )
    away = still.but(faults=(*AWAY, QUIET))
    slow = {}
    for mode in ("off", "background", "blocking"):
        latency = measures.operation_latency(run(away.but(read_repair=mode)), "read", since_ms=750)
        slow[mode] = latency.samples.max()
    assert slow["off"] == slow["background"] == pytest.approx(4, abs=0.1)
    assert 4 + 4 + 2 <= slow["blocking"] <= 4 + 4 + 2 * 2 + 0.1  # there may be a flush under way


def test_no_repair_is_sent_where_all_copies_agree() -> None:
    trace = run(BASE.but(rate_per_s=0, reads_per_s=300, read_repair="blocking", faults=()))
    assert count(trace, FlightKind.REPAIR) == 0
    assert set(trace.ops.lsn[trace.ops.outcome == Outcome.OK]) == {0}


# -- anti-entropy --------------------------------------------------------------------------------------------------


def test_anti_entropy_brings_all_copies_together_without_a_read_or_a_hint() -> None:
    away = BASE.but(faults=(*AWAY, QUIET), hint_window_ms=0)
    assert checks.convergence(run(away), quiet_ms=500).holds is False
    mended = run(away.but(anti_entropy_ms=100))
    assert checks.convergence(mended, quiet_ms=500).holds
    assert measures.sync_traffic(mended).values > 0


def test_two_nodes_that_agree_exchange_one_hash() -> None:
    trace = run(BASE.but(faults=(), rate_per_s=0, anti_entropy_ms=100, duration_ms=1_050))
    traffic = measures.sync_traffic(trace)
    assert traffic.messages == 10 * 5  # rounds, nodes
    assert traffic.compared_bytes == traffic.bytes == 50 * HASH_BYTES


def test_comparing_costs_far_less_than_sending_all_keys() -> None:
    """One key in 2,000 differs: the root, two levels of 16 hashes, and the few keys of one leaf."""
    held = {key: key + 1 for key in range(2_000)}
    one, other = Tree(held), Tree(held | {77: 5_000})
    places, sent = [0], 0
    for level in range(3):
        sent += len(places) * HASH_BYTES
        differing = one.differing(other.hashes(level, places), level, places)
        assert len(differing) == 1
        places = below(differing)
    assert differing == [leaf_of(77)]
    sent += sum(leaf_of(key) == leaf_of(77) for key in held) * ENTRY_BYTES
    assert sent < 2_000 * ENTRY_BYTES / 20


def test_keys_are_spread_over_the_leaves() -> None:
    sizes = np.bincount([leaf_of(key) for key in range(25_600)], minlength=256)
    assert len(sizes) == 256
    assert 50 < sizes.min() <= sizes.max() < 200


# -- tombstones ----------------------------------------------------------------------------------------------------

DELETED = BASE.but(
    members=3,
    arrivals="closed",
    clients=1,
    think_ms=20,
    keys=8,
    delete_share=0.4,
    hint_window_ms=0,
    reads_per_s=100,
    read_quorum=2,
    tombstone_ms=200,
    faults=(Crash(node="n3", at_ms=300), Restart(node="n3", at_ms=1_000)),
    read_repair="blocking",
)


def test_a_tombstone_is_held_for_its_time_and_then_forgotten_by_every_node_at_once() -> None:
    trace = run(DELETED.but(faults=()))
    deletes = trace.ops.where((trace.ops.kind == OpKind.DELETE) & (trace.ops.invoked < 1_300))
    assert len(deletes) > 5
    for version, made in zip(deletes.lsn.tolist(), deletes.invoked.tolist(), strict=True):
        gone = trace.levels.time[trace.levels.lsn == -version]
        assert (gone == made + 200).all()
    later = trace.ops.where((trace.ops.kind == OpKind.READ) & (trace.ops.value < 0))
    assert len(later) > 20  # a deleted key shows nothing
    assert not marked(trace, MarkKind.RESURRECTED)
    assert checks.linearizability(trace).holds


def test_a_deleted_row_comes_back_from_a_node_that_missed_the_delete_and_every_copy_takes_it() -> None:
    trace = run(scenarios["resurrection"])
    back = marked(trace, MarkKind.RESURRECTED)
    assert back
    assert all("it had been deleted" in text for text in back)
    found = measures.freshness(trace)
    zombies = found.reads.where(~found.fresh)
    assert (zombies.value > 0).all()  # a live value
    missed = found.missed[~found.fresh]
    assert set(trace.ops.kind[np.isin(trace.ops.lsn, missed) & (trace.ops.kind != OpKind.READ)]) == {OpKind.DELETE}


@pytest.mark.parametrize(
    "cure", [{"tombstone_ms": 5_000}, {"hint_window_ms": 5_000}], ids=["keep the tombstone", "keep hints"]
)
def test_it_stays_dead_if_the_tombstone_outlives_the_absence_or_the_delete_is_handed_over(
    cure: dict[str, float],
) -> None:
    """Nobody reads; at 1,200 ms, after the hints, nodes compare what they hold.

    One node has all the hints: of two, one may hand over an old write after the other has handed over its delete.
    """
    quiet = DELETED.but(reads_per_s=0, anti_entropy_ms=300, coordinator="n1")
    assert sum(bool(marked(run(quiet.but(seed=seed)), MarkKind.RESURRECTED)) for seed in range(4)) >= 2
    assert not any(marked(run(quiet.but(seed=seed, **cure)), MarkKind.RESURRECTED) for seed in range(4))


# -- levels and states fit each other ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sloppy_quorum", "hints_over", "resurrection", "dynamo_cart"])
def test_a_node_never_goes_back_to_an_older_version_but_by_resurrection(name: str) -> None:
    trace = run(scenarios[name])
    writes = trace.ops.where(np.isin(trace.ops.kind, (OpKind.WRITE, OpKind.DELETE)) & (trace.ops.lsn > 0))
    key_of = dict(zip(writes.lsn.tolist(), writes.key.tolist(), strict=True))
    levels = trace.levels.where(trace.levels.which == Position.STORED)
    for node in range(len(trace.nodes)):
        steps: dict[int, list[int]] = {}
        for version in levels.lsn[levels.node == node].tolist():
            steps.setdefault(key_of[abs(version)], []).append(version)
        for versions in steps.values():
            for before, after in pairwise(versions):
                assert after == -before if after < 0 else (before < 0 or after > before)


def test_an_acknowledged_write_may_be_gone_only_with_the_node_that_held_it() -> None:
    """W = 1: the one copy that had it dies before it has passed it on."""
    trace = run(
        BASE.but(
            write_quorum=1,
            coordinator="n1",
            network_ms=30,
            faults=(Crash(node="n1", at_ms=400),),
            hint_window_ms=0,
            duration_ms=500,
        )
    )
    gone = checks.no_lost_write(trace)
    assert gone.holds  # what it had sent arrives
    cut = Partition(nodes=("n1",), at_ms=200)
    lost = checks.no_lost_write(
        run(BASE.but(write_quorum=1, coordinator="n1", faults=(cut, Crash(node="n1", at_ms=400)), duration_ms=500))
    )
    assert lost.holds is False
    acknowledged = trace.ops.where((trace.ops.kind == OpKind.WRITE) & (trace.ops.outcome == Outcome.OK))
    assert len(acknowledged) > 20
