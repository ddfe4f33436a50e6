"""What is counted about conflicts: against brute force, against closed forms, and against published cases."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest

from replication_viz import Scenario, Trace, checks, measures, run, scenarios, theory
from replication_viz.conflicts import ORSet
from replication_viz.rows import Deeds, StepKind, finished, replay
from replication_viz.scenario import Change, Crash, Partition, SkewClock, StallDisk
from replication_viz.trace import MarkKind, OpKind, Outcome

from .reference import case_id, cases
from .test_multi_leader import BUSY, QUIET, pasts
from .test_theory_conflict import assert_share

# One row, two leaders, each with half of the writes; hardly any time is lost on disks.
ONE_ROW = Scenario(
    topology="multi_leader",
    clients=1_000,
    hot_share=1,
    network_shape="constant",
    flush_shape="constant",
    flush_ms=0.01,
)


def one_row(rate_per_s: float, delay_ms: float, seconds: float, **others: Any) -> Trace:
    """Return a run in which each of two leaders gets so many writes a second, all to one row."""
    values = {"rate_per_s": 2 * rate_per_s, "network_ms": delay_ms, "duration_ms": 1_000 * seconds}
    return run(ONE_ROW.but(**{**values, **others}))


def of(trace: Trace, leader: str) -> list[int]:
    """Return the numbers of the writes that a leader took."""
    numbers: list[int] = trace.ops.value[trace.ops.node == trace.number(leader)].tolist()
    return numbers


# -- theory ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", cases("conflict", "LWW skew: frac of B writes dropped"), ids=case_id)
def test_a_skewed_clock_drops_the_share_that_is_published(case: dict[str, Any]):
    inputs = case["inputs"]
    trace = one_row(inputs["rate_A"], 40, 2_500, clock_skew_ms=1_000 * inputs["skew_s"])
    later = {one.write for one in measures.discarded(trace) if one.is_later and one.leader == "L2"}
    assert_share([number in later for number in of(trace, "L2")], case["expected"], 1_000 * inputs["skew_s"])


@pytest.mark.parametrize("case", cases("conflict", "multi-leader: frac of A writes conflicting"), ids=case_id)
def test_as_many_writes_conflict_as_is_published(case: dict[str, Any]):
    inputs = case["inputs"]
    trace = one_row(inputs["rate_A"], 1_000 * inputs["delay"], 40_000)
    inside = set(measures.concurrent_pairs(trace).ravel().tolist())
    hits = [number in inside for leader in ("L1", "L2") for number in of(trace, leader)]
    assert_share(hits, case["expected"], 2_000 * inputs["delay"])


@pytest.mark.parametrize("case", cases("conflict", "multi-leader: concurrent pairs per second"), ids=case_id)
def test_as_many_pairs_are_concurrent_as_is_published(case: dict[str, Any]):
    inputs = case["inputs"]
    seconds = 40_000
    pairs = len(measures.concurrent_pairs(one_row(inputs["rate_A"], 1_000 * inputs["delay"], seconds)))
    expected = case["expected"] * seconds
    assert pairs == pytest.approx(expected, abs=4 * sqrt(expected))


@pytest.mark.parametrize(("delay_ms", "skew_ms"), [(100, 0), (100, 300), (40, -200), (300, 100)])
@pytest.mark.parametrize("resolve", ["lww", "hlc"])
def test_the_reader_can_predict_how_many_writes_are_thrown_away(resolve: str, delay_ms: float, skew_ms: float):
    trace = one_row(2, delay_ms, 800, clock_skew_ms=skew_ms, resolve=resolve)
    gone = measures.discarded(trace)
    for leader, ahead in (("L2", skew_ms), ("L1", -skew_ms)):
        later = {one.write for one in gone if one.is_later and one.leader == leader}
        limit = {"delay_ms": delay_ms} if resolve == "hlc" else {}
        share = theory.lww_newer_dropped_share(2, ahead, **limit)
        assert_share([number in later for number in of(trace, leader)], share, max(abs(skew_ms), delay_ms))
        if resolve == "lww":
            lost = {one.write for one in gone if one.leader == leader}
            share = theory.lww_lost_share(2, delay_ms, ahead)
            assert_share([number in lost for number in of(trace, leader)], share, delay_ms + abs(skew_ms))


def test_a_partition_leaves_as_many_rows_in_conflict_as_the_formula_says():
    cut = Partition(nodes=("L2",), at_ms=0, for_ms=10_000)
    wide = ONE_ROW.but(hot_share=0, keys=400, rate_per_s=40, network_ms=0, faults=(cut,), duration_ms=10_000)
    found = [
        len({c.key for c in measures.conflicts(run(wide.but(seed=seed, duration_ms=10_001)))}) for seed in range(6)
    ]
    expected = theory.keys_in_conflict(20, 20, partition_s=10, keys=400)
    assert np.mean(found) == pytest.approx(expected, abs=4 * sqrt(expected / 6))


# -- brute force -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("faults", [(), (SkewClock(node="L1", at_ms=400, by_ms=-250),)], ids=["steady", "jumping"])
@pytest.mark.parametrize(("resolve", "leaders"), [("lww", 2), ("hlc", 2), ("lww", 4)])
def test_thrown_away_is_what_a_greater_stamp_beat_that_had_not_seen_it(
    resolve: str, leaders: int, faults: tuple[SkewClock, ...]
):
    trace = run(BUSY.but(resolve=resolve, leaders=leaders, clock_skew_ms=60, faults=(*faults, QUIET)))
    past = pasts(trace)
    made = dict(zip(trace.ops.value.tolist(), trace.ops.invoked.tolist(), strict=True))
    rank = {r.number: (r.stamp, r.dot.node) for table in finished(trace).tables for r in table.log}
    beaten = {
        w: [o for o in past if past[o][0] == past[w][0] and rank[o] > rank[w] and w not in past[o][1]] for w in past
    }
    found = measures.discarded(trace)
    assert {one.write for one in found} == {w for w, winners in beaten.items() if winners}
    for one in found:
        assert one.kept in beaten[one.write]
        assert one.is_later == any(made[o] < made[one.write] for o in beaten[one.write])
    told = {int(text.split("write ")[1].split()[0]) for text in _texts(trace, MarkKind.DISCARDED)}
    assert told <= {one.write for one in found}
    assert len(told) > len(found) / 2


def _texts(trace: Trace, kind: MarkKind) -> list[str]:
    texts: list[str] = trace.marks.text[trace.marks.kind == kind].tolist()
    return texts


def test_only_acknowledged_writes_are_counted_as_thrown_away():
    faults = (StallDisk(node="L1", at_ms=500, flush_ms=300), Crash(node="L1", at_ms=700), QUIET)
    trace = run(BUSY.but(clock_skew_ms=-100, faults=faults))
    answered = set(trace.ops.value[trace.ops.outcome == Outcome.OK].tolist())
    found = {one.write for one in measures.discarded(trace)}
    assert found
    assert found <= answered


def test_the_checker_of_lost_writes_names_what_last_write_wins_throws_away_and_nothing_else():
    trace = run(BUSY.but(clock_skew_ms=80))
    verdict = checks.no_lost_write(trace)
    named = {violation.history[violation.operations[0]].value for violation in verdict if violation.history}
    assert named == {one.write for one in measures.discarded(trace)} != set()
    for resolve in ("siblings", "crdt"):
        assert checks.no_lost_write(run(BUSY.but(resolve=resolve, informed_share=1))).holds


def test_divergence_counts_the_rows_on_which_leaders_differ_at_each_moment():
    trace = run(BUSY.but(leaders=3, faults=(Partition(nodes=("L2",), at_ms=300, for_ms=300), QUIET)))
    times, counts = measures.divergence(trace)
    assert (times[0], counts[0]) == (0, 0)
    assert (np.diff(counts) != 0).all()
    for moment in np.linspace(1, 1_500, 40).tolist():
        shown = list(measures.shown_by_leaders(trace, moment).values())
        rows = {key for one in shown for key in one}
        differ = sum(len({one.get(key) for one in shown}) > 1 for key in rows)
        assert counts[np.searchsorted(times, moment, side="right") - 1] == differ
    assert measures.converged_ms(trace) == times[-1]
    assert np.isnan(measures.converged_ms(run(BUSY.but(faults=(Partition(nodes=("L2",), at_ms=300),)))))


# -- what is missing in the end ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["counter", "set", "cart"])
@pytest.mark.parametrize("faults", [(), (Partition(nodes=("L2",), at_ms=200, for_ms=500),)], ids=["calm", "cut"])
def test_a_crdt_loses_nothing_and_last_write_wins_does(data: str, faults: tuple[Partition, ...]):
    base = BUSY.but(data=data, informed_share=1, hot_share=0.5, remove_share=0.3, faults=(*faults, QUIET))
    kept = measures.lost_updates(run(base.but(resolve="crdt")))
    assert set(kept.lost.values()) == set(kept.back.values()) == {0}
    assert kept.shows == kept.expected
    last = measures.lost_updates(run(base.but(resolve="lww")))
    assert min(last.lost.values()) + min(last.back.values()) > 0


def test_counters_and_carts_hold_the_sum_of_what_was_acknowledged_and_under_last_write_wins_less():
    for data in ("counter", "cart"):
        base = BUSY.but(data=data, remove_share=0, informed_share=1)
        trace = run(base.but(resolve="crdt"))
        acknowledged = int(((trace.ops.kind == OpKind.WRITE) & (trace.ops.outcome == Outcome.OK)).sum())
        assert measures.lost_updates(trace).shows == {"L1": acknowledged, "L2": acknowledged}
        found = measures.lost_updates(run(base))
        assert set(found.expected.values()) == {acknowledged}
        for name in ("L1", "L2"):
            assert 0 < found.lost[name] == acknowledged - found.shows[name]


@pytest.mark.parametrize("case", cases("crdt", "read-modify-write counter via LWW register"), ids=case_id)
def test_two_regions_that_count_to_a_hundred_without_hearing_of_each_other(case: dict[str, Any]):
    low, high = 100, case["expected"]["value_pncounter"]
    cut = Partition(nodes=("L2",), at_ms=0, for_ms=2_500)
    apart = ONE_ROW.but(data="counter", rate_per_s=100, faults=(cut,), duration_ms=2_600, arrivals="constant")
    trace = next(
        trace
        for trace in (run(apart.but(seed=seed, faults=(cut, _stop_at(2_005)))) for seed in range(1, 200))
        if len(of(trace, "L1")) == len(of(trace, "L2")) == 100
    )
    assert low <= measures.lost_updates(trace).shows["L1"] < high
    merged = run(trace.scenario.but(resolve="crdt"))
    assert measures.lost_updates(merged).shows == {"L1": high, "L2": high}


def _stop_at(moment: float) -> Change:
    return Change(setting="rate_per_s", value=0, at_ms=moment)


def test_registers_and_names_have_nothing_to_add_up():
    with pytest.raises(ValueError, match="data is 'register': it must be 'counter', 'set' or 'cart'"):
        measures.lost_updates(run(BUSY.but(rate_per_s=1)))
    with pytest.raises(ValueError, match="topology is 'single_leader': it must be 'multi_leader'"):
        measures.conflicts(run(Scenario(rate_per_s=10, duration_ms=100)))


def test_a_cart_merged_by_union_brings_back_what_was_taken_out():
    named = scenarios["shopping_cart"]
    union = measures.lost_updates(run(named))
    assert min(union.back.values()) > 0
    assert set(measures.lost_updates(run(named.but(resolve="crdt"))).back.values()) == {0}


@pytest.mark.parametrize("resolve", ["lww", "siblings", "crdt"])
def test_a_name_is_given_twice_whatever_the_merge_and_once_the_leaders_have_heard_nobody_gets_it_again(resolve: str):
    trace = run(scenarios["same_name_twice"].but(resolve=resolve))
    twice = measures.given_twice(trace)
    assert twice
    claims = trace.ops.where(trace.ops.outcome == Outcome.OK)
    for key, accounts in twice.items():
        asked = claims.where(claims.key == key)
        assert asked.value.tolist() == list(accounts)
        assert len(set(asked.node.tolist())) == len(accounts), "each by another leader"
    assert {tuple(pair) for pair in measures.concurrent_pairs(trace).tolist()} == set(twice.values())
    shown = measures.shown_by_leaders(trace, trace.duration_ms)["L1"]
    for key, accounts in twice.items():
        assert (len(shown[key]) == 1) == (resolve == "lww"), "last-write-wins takes a promise back"
        assert set(shown[key]) <= set(accounts)
    assert len(_texts(trace, MarkKind.GIVEN_TWICE)) == len(twice)


# -- what is kept for it -----------------------------------------------------------------------------------------------


def test_tombstones_are_what_a_set_that_keeps_them_holds_besides():
    """The same writes to sets that keep a tombstone for each removed add."""
    trace = run(BUSY.but(data="set", resolve="crdt", remove_share=0.4, keys=3))
    found = measures.state_growth(trace, "L1")
    assert (np.diff(found.tombstones) >= 0).all()
    keeping: list[dict[int, ORSet[str]]] = [{}, {}]
    after: dict[int, ORSet[str]] = {}
    deeds = Deeds(trace.scenario, len(trace.ops))
    story = replay(trace)
    for step in story:
        if step.found is None:
            continue
        record, rows = step.found.record, keeping[step.node]
        row = rows.get(record.key, ORSet())
        if step.kind == StepKind.APPLY:
            rows[record.key] = row.merge(after[record.number])
            continue
        deed = deeds[record.number]
        after[record.number] = rows[record.key] = (
            row.remove(deed.item) if deed.removes else row.add(deed.item, record.dot.node)
        )
    table = story.tables[0]
    for key, row in keeping[0].items():
        assert (tuple(sorted(row.value)),) == table.values(key)
    held = sum(len(table.row(key).state.entries) for key in table.keys)
    assert found.tombstones[-1] == sum(row.size().entries for row in keeping[0].values()) - held
    assert found.tombstones[-1] > 5 * held, "most of what was ever added is gone"
    sizes = [table.row(key).state.size() for key in table.keys]
    assert (found.entries[-1], found.bytes[-1]) == tuple(map(sum, zip(*sizes, strict=True)))


def test_siblings_pile_up_where_clients_do_not_read_and_vanish_where_they_do():
    base = BUSY.but(resolve="siblings", hot_share=1, rate_per_s=60)
    blind = measures.state_growth(run(base.but(informed_share=0)), "L1").siblings
    assert blind[-1] == run(base).ops.lsn.size - 1, "each write beside all others"
    informed = measures.state_growth(run(base.but(informed_share=1)), "L1").siblings
    assert 0 < informed.max() < 8
    assert measures.state_growth(run(base.but(resolve="crdt")), "L1").siblings.max() == 0
