"""The engine of several leaders: what goes where, who knew of what, what a crash takes, that all agree in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from replication_viz import Scenario, ScenarioError, Trace, checks, measures, run, scenarios
from replication_viz.engine.findings import MOST_TOLD
from replication_viz.rows import finished
from replication_viz.rows.replay import FROM
from replication_viz.scenario import (
    Change,
    Crash,
    CutLink,
    Fault,
    LinkDelay,
    NodeSettings,
    Partition,
    Restart,
    SkewClock,
    StallDisk,
)
from replication_viz.trace import FlightKind, MarkKind, OpKind, Outcome, Position

from . import tiny

EXCHANGES, RESOLVES = ("all_to_all", "ring", "star"), ("lww", "hlc", "siblings", "crdt")
QUIET = Change(setting="rate_per_s", value=0, at_ms=1_000)
BUSY = Scenario(
    topology="multi_leader",
    rate_per_s=150,
    keys=10,
    network_ms=30,
    hot_share=0.3,
    remove_share=0.2,
    informed_share=0.8,
    faults=(QUIET,),
    duration_ms=2_200,
)
TINY = Scenario(
    topology="multi_leader",
    arrivals="constant",
    rate_per_s=50,  # at 20, 40, 60, … ms
    duration_ms=80,
    hot_share=1,
    network_shape="constant",
    network_ms=30,
    flush_shape="constant",
    flush_ms=2,
    record_bytes=1,
    bandwidth_mbit=400_000,
    clock_skew_ms=25,
    seed=11,
)


def origin(kind: int, source: int) -> int:
    """Return whose log a message carries."""
    return source if kind == FlightKind.WAL else kind - FlightKind.PASSED_ON_1


def data_flights(trace: Trace) -> Iterator[tuple[int, int, int, int, int]]:
    """Return (whose log, source, target, after, up to) of each message with a part of a log that arrived."""
    f = trace.flights.where(~trace.flights.lost & (trace.flights.kind != FlightKind.REPLAYED))
    columns = (f.kind, f.source, f.target, f.lsn_from, f.lsn_to)
    for kind, source, target, after, upto in zip(*(c.tolist() for c in columns), strict=True):
        yield origin(kind, source), source, target, after, upto


def pasts(trace: Trace) -> dict[int, tuple[int, frozenset[int]]]:
    """Return of each write its row and all writes to it that had happened before, the long way round: with sets.

    Before means: seen by the leader when it took this one, by itself or inside a later one.
    """
    ops = trace.ops.where((trace.ops.kind == OpKind.WRITE) & (trace.ops.lsn > 0))
    waiting = [ops.where(ops.node == node) for node in range(len(trace.nodes))]
    taken = [0] * len(trace.nodes)
    logs: list[list[tuple[int, int]]] = [[] for _ in trace.nodes]  # number, row
    known: list[dict[int, set[int]]] = [{} for _ in trace.nodes]
    applied = np.zeros((len(trace.nodes),) * 2, dtype=int)
    past: dict[int, tuple[int, frozenset[int]]] = {}
    levels = trace.levels
    for node, which, lsn in zip(levels.node.tolist(), levels.which.tolist(), levels.lsn.tolist(), strict=True):
        if which == Position.APPENDED and lsn > len(logs[node]):
            mine, place = waiting[node], taken[node]
            number, key = int(mine.value[place]), int(mine.key[place])
            taken[node] += 1
            seen = known[node].setdefault(key, set())
            past[number] = (key, frozenset(seen))
            seen.add(number)
            logs[node].append((number, key))
        elif which == Position.APPENDED:
            for number, key in logs[node][lsn:]:
                known[node][key].discard(number)
                del past[number]
            del logs[node][lsn:]
        elif which in FROM:
            other = FROM.index(which)
            for number, key in logs[other][applied[node, other] : lsn]:
                known[node].setdefault(key, set()).update({number} | past[number][1])
            applied[node, other] = lsn
    return past


# -- small runs, written down ------------------------------------------------------------------------------------------


def test_a_write_is_answered_after_the_own_flush_and_shown_elsewhere_after_the_way_and_a_flush_there():
    trace = run(TINY.but(rate_per_s=20, duration_ms=100))  # one write, at 50 ms
    assert tiny.ops(trace) == [(50, 52, "OK", 1)]
    [node] = trace.ops.node.tolist()
    mine, other = trace.nodes[node], trace.nodes[1 - node]
    assert tiny.flights(trace) == [("WAL", mine, other, 52, 82, 0, 1)]
    assert tiny.levels(trace) == [
        (50, mine, "APPENDED", 1),
        (52, mine, "FLUSHED", 1),
        (84, other, f"FROM_{node + 1}", 1),
    ]
    assert tiny.states(trace) == [("L1", 0, 100, True), ("L2", 0, 100, True)]


def test_the_later_write_of_the_slower_clock_is_thrown_away_by_name():
    """L1 writes at 20 ms. L2 writes at 40 ms, by its own clock at 15 ms, and has not heard of L1's."""
    trace = run(TINY)
    assert trace.ops.node.tolist() == [0, 1, 1], "the seed that this test was written for"
    assert [str(one) for one in measures.discarded(trace)] == [
        "row 0: write 2 of L2 lost to write 1 of L1, though made 20 ms later"
    ]
    assert tiny.marks(trace) == [
        (54.0, "row 0: write 1 of L1 and write 2 of L2 did not know of each other"),
        (54.0, "row 0: write 2 of L2 is discarded for write 1 of L1, though made 20 ms later"),
    ]
    assert measures.shown_by_leaders(trace, 80) == {"L1": {0: (1,)}, "L2": {0: (3,)}}
    true = measures.discarded(run(TINY.but(clock_skew_ms=0)))
    assert [str(one) for one in true] == ["row 0: write 1 of L1 lost to write 2 of L2"], "the earlier one"


def test_gathering_delays_what_is_sent_and_sends_it_together():
    at_once, gathered = (run(BUSY.but(exchange_ms=ms, faults=())) for ms in (0, 200))
    assert len(gathered.flights) < len(at_once.flights) / 10
    first = gathered.flights.sent[0]
    assert first == pytest.approx(at_once.flights.sent[0] + 200)


# -- what goes where ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("leaders", range(2, 6))
def test_every_write_reaches_every_other_leader_once_and_never_its_own(exchange: str, leaders: int):
    trace = run(BUSY.but(exchange=exchange, leaders=leaders))
    written = Counter(trace.ops.node[trace.ops.lsn > 0].tolist())
    came: Counter[tuple[int, int]] = Counter()
    for whose, source, target, after, upto in data_flights(trace):
        assert whose != target
        assert trace.nodes[whose] in trace.scenario.carried(trace.nodes[source], trace.nodes[target])
        came[whose, target] += upto - after
    assert came == {(a, b): written[a] for a in range(leaders) for b in range(leaders) if a != b}


@pytest.mark.parametrize(
    ("exchange", "ways"),
    [
        ("all_to_all", {(a, b) for a in range(4) for b in range(4) if a != b}),
        ("ring", {(0, 1), (1, 2), (2, 3), (3, 0)}),
        ("star", {(0, 1), (0, 2), (0, 3), (1, 0), (2, 0), (3, 0)}),
    ],
)
def test_a_ring_and_a_star_pass_on_what_they_got(exchange: str, ways: set[tuple[int, int]]):
    trace = run(BUSY.but(exchange=exchange, leaders=4, clients=16))
    assert {(source, target) for _, source, target, _, _ in data_flights(trace)} == ways
    passed_on = any(whose != source for whose, source, *_ in data_flights(trace))
    assert passed_on == (exchange != "all_to_all")


def test_in_a_ring_one_dead_leader_stops_what_would_pass_it_and_all_to_all_does_not_care():
    crash = Crash(node="L2", at_ms=100)
    for exchange, reaches in (("ring", False), ("all_to_all", True)):
        trace = run(BUSY.but(exchange=exchange, leaders=4, clients=16, faults=(crash, QUIET)))
        got = int(trace.at("L3", Position.FROM_1, 2_200))
        assert (got == int(trace.at("L1", Position.FLUSHED, 2_200))) == reaches


# -- faults ------------------------------------------------------------------------------------------------------------


HEALING: dict[str, tuple[Fault, ...]] = {
    "a region cut off": (Partition(nodes=("L2",), at_ms=200, for_ms=500),),
    "one way cut": (CutLink(source="L1", target="L2", at_ms=150, for_ms=700),),
    "cuts that are short": tuple(CutLink(source="L2", target="L1", at_ms=100 + 60 * i, for_ms=9) for i in range(12)),
    "a leader down": (Crash(node="L2", at_ms=303.3), Restart(node="L2", at_ms=800)),
    "both down, behind a cut": (
        CutLink(source="L1", target="L2", at_ms=200, for_ms=900, both_ways=True),
        Crash(node="L1", at_ms=400),
        Crash(node="L2", at_ms=450),
        Restart(node="L1", at_ms=700),
        Restart(node="L2", at_ms=500),
    ),
    "slow disks, links and clocks": (
        StallDisk(node="L1", at_ms=100, for_ms=300, flush_ms=80),
        LinkDelay(source="L1", target="L2", at_ms=200, for_ms=100, extra_ms=90),
        SkewClock(node="L1", at_ms=300, by_ms=-400),
        SkewClock(node="L2", at_ms=600, by_ms=250),
    ),
}


@pytest.mark.parametrize("resolve", RESOLVES)
@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("faults", HEALING.values(), ids=HEALING)
def test_once_all_has_healed_and_it_is_quiet_all_leaders_show_the_same(
    resolve: str, exchange: str, faults: tuple[Fault, ...]
):
    data, leaders = ("register", 2) if exchange == "all_to_all" else ("cart", 3)
    trace = run(BUSY.but(resolve=resolve, exchange=exchange, data=data, leaders=leaders, faults=(*faults, QUIET)))
    verdict = checks.convergence(trace)
    assert verdict.holds, str(verdict)
    times, counts = measures.divergence(trace)
    assert counts.max() > 0
    assert measures.converged_ms(trace) == times[-1] < 2_200
    ends = [int(trace.at(name, Position.FLUSHED, 2_200)) for name in trace.nodes]
    for node, origins in enumerate(finished(trace).applied):
        assert all(had == end for whose, (had, end) in enumerate(zip(origins, ends, strict=True)) if whose != node)


def test_while_a_region_is_cut_off_the_checker_names_the_rows_that_differ():
    trace = run(BUSY.but(faults=(Partition(nodes=("L2",), at_ms=200),)))
    found = checks.convergence(measures.shown_by_leaders(trace, 1_000))
    assert {violation.key for violation in found} == set(range(10))
    assert "L1" in found[0].why


def test_both_sides_of_a_partition_answer_and_a_leader_that_is_down_does_not():
    trace = run(BUSY.but(faults=(Partition(nodes=("L2",), at_ms=200),)))
    assert (trace.ops.outcome == Outcome.OK).all()
    trace = run(BUSY.but(faults=(Crash(node="L2", at_ms=200), Restart(node="L2", at_ms=700)), reads_per_s=300))
    there, down = trace.ops.node == 1, (trace.ops.invoked > 200) & (trace.ops.invoked < 700)
    assert (trace.ops.outcome[there & down] == Outcome.FAILED).all()
    assert (trace.ops.outcome[~there] != Outcome.FAILED).all()
    assert (trace.ops.outcome[there & (trace.ops.invoked > 700)] != Outcome.FAILED).all()


def test_a_crash_takes_what_was_not_flushed_and_nobody_ever_hears_of_it():
    stall = StallDisk(node="L1", at_ms=300, flush_ms=150)
    trace = run(BUSY.but(faults=(stall, Crash(node="L1", at_ms=400), Restart(node="L1", at_ms=500), QUIET)))
    ops = trace.ops
    doubted = (ops.outcome == Outcome.UNKNOWN) & (ops.node == 0) & (ops.returned == 400)
    assert doubted.sum() > 2
    kept = {record.number for table in finished(trace).tables for record in table.log}
    assert kept.isdisjoint(ops.value[doubted].tolist())
    assert set(ops.value[(ops.outcome == Outcome.OK)].tolist()) <= kept


def test_a_read_shows_what_is_on_the_disk_of_its_leader_and_no_more():
    """Each read against a replay of the run up to its moment."""
    trace = run(BUSY.but(reads_per_s=100, faults=(Crash(node="L1", at_ms=500), Restart(node="L1", at_ms=600))))
    reads = trace.ops.where((trace.ops.kind == OpKind.READ) & (trace.ops.outcome == Outcome.OK))
    assert len(reads) > 100
    for row in range(0, len(reads), 7):
        shown = measures.shown_by_leaders(trace, float(reads.invoked[row]))[trace.nodes[reads.node[row]]]
        assert shown.get(int(reads.key[row]), (-1,))[-1] == reads.value[row]


def test_a_clock_that_jumps_stamps_what_comes_after_it():
    jump = SkewClock(node="L1", at_ms=500, by_ms=-300)
    trace = run(BUSY.but(faults=(jump, QUIET), nodes={"L2": NodeSettings(clock_ms=40)}, clock_skew_ms=10))
    made = dict(zip(trace.ops.value.tolist(), trace.ops.invoked.tolist(), strict=True))
    for node, table in enumerate(finished(trace).tables):
        for record in table.log:
            ahead = 30 if node == 1 else -300 * (made[record.number] >= 500)
            assert record.stamp.wall_ms == pytest.approx(made[record.number] + ahead)
    assert (MarkKind.CLOCK, 500.0) in zip(trace.marks.kind.tolist(), trace.marks.time.tolist(), strict=True)
    own = [one for one in measures.discarded(trace) if one.leader == one.kept_by == "L1"]
    assert own, "a write of L1 loses to an older one of L1 itself"
    assert run(BUSY.but(resolve="hlc", faults=(jump, QUIET))) is not None


@pytest.mark.parametrize("resolve", RESOLVES)
def test_a_hybrid_clock_never_orders_an_effect_before_its_cause_and_a_wall_clock_does(resolve: str):
    """Area hlc: what happened before has a smaller stamp, and a stamp is ahead by the skew at most."""
    trace = run(BUSY.but(resolve=resolve, leaders=3, clock_skew_ms=200, hot_share=1, informed_share=1))
    stamps = {record.number: record.stamp for table in finished(trace).tables for record in table.log}
    made = dict(zip(trace.ops.value.tolist(), trace.ops.invoked.tolist(), strict=True))
    wrong = sum(stamps[cause] >= stamps[number] for number, (_, past) in pasts(trace).items() for cause in past)
    assert (wrong == 0) == (resolve == "hlc")
    if resolve == "hlc":
        assert all(made[n] - 200 - 1e-9 <= stamp.wall_ms <= made[n] + 1e-9 for n, stamp in stamps.items())


# -- what is told ------------------------------------------------------------------------------------------------------


def test_after_a_cut_it_is_told_when_all_hold_what_was_written_before_it_ended():
    trace = run(BUSY.but(faults=(Partition(nodes=("L2",), at_ms=200, for_ms=500), QUIET)))
    told = trace.marks.kind == MarkKind.CONVERGED
    assert trace.marks.text[told].tolist() == [
        "all leaders that are up hold what was written up to 700 ms",
        "all leaders that are up hold what was written up to 1,000 ms",
    ]
    for moment, upto in zip(trace.marks.time[told].tolist(), (700, 1_000), strict=True):
        for name, other, log in (("L1", "L2", FROM[0]), ("L2", "L1", FROM[1])):
            wanted = int(trace.at(name, Position.FLUSHED, upto))
            assert int(trace.at(other, log, moment)) >= wanted
        assert any(
            int(trace.at(other, log, moment - 0.01)) < int(trace.at(name, Position.FLUSHED, upto))
            for name, other, log in (("L1", "L2", FROM[0]), ("L2", "L1", FROM[1]))
        ), "and not before"


def test_of_very_many_conflicts_the_first_are_told_and_all_are_counted():
    trace = run(BUSY.but(rate_per_s=2_000, hot_share=1, duration_ms=600, faults=()))
    told = trace.marks.time[trace.marks.kind == MarkKind.CONFLICT]
    found = measures.conflicts(trace)
    assert len(told) == MOST_TOLD < len(found)
    assert told.tolist() == sorted(conflict.at_ms for conflict in found)[:MOST_TOLD]


# -- who knew of what --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("faults", HEALING.values(), ids=HEALING)
def test_version_vectors_find_exactly_the_pairs_that_did_not_know_of_each_other(
    exchange: str, faults: tuple[Fault, ...]
):
    trace = run(BUSY.but(exchange=exchange, leaders=4, clients=16, faults=(*faults, QUIET)))
    past = pasts(trace)
    rows: dict[int, list[int]] = {}
    for number, (key, _) in past.items():
        rows.setdefault(key, []).append(number)
    pairs = {
        (a, b)
        for numbers in rows.values()
        for a, b in combinations(sorted(numbers), 2)
        if a not in past[b][1] and b not in past[a][1]
    }
    assert len(pairs) > 20
    assert set(map(tuple, measures.concurrent_pairs(trace).tolist())) == pairs
    found = {tuple(sorted(conflict.writes)) for conflict in measures.conflicts(trace)}
    assert found <= pairs
    assert {past[pair[0]][0] for pair in found} == {past[pair[0]][0] for pair in pairs}, "a conflict on each such row"


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"leaders": 6}, "leaders is 6: it must be at most 5."),
        ({"arrivals": "closed"}, "arrivals is 'closed': it must be 'poisson' or 'constant' with several leaders."),
        ({"servers": 2}, "servers is 2: it must be 0 with several leaders, "),
        ({"grain": 5}, "grain is 5: it must be 1 with several leaders, "),
        ({"read_from": "L2"}, "read_from is 'L2': it must be 'random' with several leaders, "),
        ({"reread_ms": 5}, "reread_ms is 5: it must be -1 with several leaders."),
        ({"nodes": {"s1": {}}}, "nodes names 's1': it must be L1 to L5."),
        ({"nodes": {"L1": {"follows": "L2"}}}, "L1 follows 'L2': where topology is 'multi_leader' nobody follows."),
        ({"faults": [{"kind": "crash", "node": "s1", "at_ms": 1}]}, "a crash names 's1', which is not in this run: "),
        ({"faults": [{"kind": "cancel_waits", "at_ms": 1}]}, "a cancel_waits does not fit several leaders: allowed "),
        (
            {"faults": [{"kind": "change", "setting": "ack", "value": "async", "at_ms": 1}]},
            "a change sets ack, which several leaders do not have: it must be one of rate_per_s, ",
        ),
        (
            {"leaders": 3, "exchange": "star", "faults": [CutLink(source="L2", target="L3", at_ms=1)]},
            "a cut_link names the link L2 → L3, which carries nothing where exchange is 'star'.",
        ),
        ({"rate_per_s": 1_000_000}, "2e+06 writes to 2 leaders and 0 reads mean 4e+06 looks at a row: at most "),
        (
            {"rate_per_s": 20_000, "data": "cart", "resolve": "crdt", "hot_share": 1},
            "4e+04 writes to rows that hold up to 4e+04 values pass over 3.2e+09 of them: at most 5,000,000 ",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(values: dict[str, Any], sentence: str):
    with pytest.raises(ScenarioError) as error:
        Scenario(**{"topology": "multi_leader", **values})
    assert str(error.value).startswith(sentence)


def test_a_skew_that_nobody_asks_for_is_a_warning_and_settings_do_not_speak_of_standbys():
    skewed = BUSY.but(clock_skew_ms=5)
    assert skewed.warnings() == []
    assert skewed.but(resolve="crdt").warnings() == [
        "clocks differ and resolve is 'crdt', which asks no clock: the skew does nothing."
    ]
    assert not any("standby" in name or name == "synchronous_commit" for name in skewed.postgres_settings())


@pytest.mark.parametrize(
    "name", ["two_leaders", "clock_skew_discards", "region_partition", "shopping_cart", "same_name_twice"]
)
def test_the_named_scenarios_end_in_agreement(name: str):
    assert measures.converged_ms(run(scenarios[name])) < scenarios[name].duration_ms
