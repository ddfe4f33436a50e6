"""Conflicts between two leaders: closed forms, tabulated values, and two leaders that run on the data types."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cache
from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replication_viz import theory
from replication_viz.conflicts import HybridLogicalClock, LWWRegister, VersionVector, Write

from .reference import case_id, cases

RATES = st.floats(0.01, 100)
TIMES = st.floats(0, 10_000)


@pytest.mark.parametrize("case", cases("conflict", "LWW skew: frac of B writes dropped"), ids=case_id)
def test_the_share_that_a_skewed_clock_drops(case: dict[str, Any]):
    inputs = case["inputs"]
    share = theory.lww_newer_dropped_share(inputs["rate_A"], ahead_ms=1000 * inputs["skew_s"])
    assert share == pytest.approx(case["expected"], rel=1e-12)


@pytest.mark.parametrize("case", cases("conflict", "multi-leader: frac of A writes conflicting"), ids=case_id)
def test_the_share_of_writes_that_conflict(case: dict[str, Any]):
    inputs = case["inputs"]
    share = theory.conflicting_share(inputs["rate_B"], delay_ms=1000 * inputs["delay"])
    assert share == pytest.approx(case["expected"], rel=1e-12)


@pytest.mark.parametrize("case", cases("conflict", "multi-leader: concurrent pairs per second"), ids=case_id)
def test_concurrent_pairs_a_second(case: dict[str, Any]):
    inputs = case["inputs"]
    pairs = theory.concurrent_pairs_per_s(inputs["rate_A"], inputs["rate_B"], delay_ms=1000 * inputs["delay"])
    assert pairs == pytest.approx(case["expected"], rel=1e-12)


@dataclass(frozen=True)
class Made:
    """A write as two leaders saw it: when it was truly made, its stamp, and what its leader had seen by then."""

    at_ms: float
    write: Write[int]
    version: VersionVector
    taken: bool  # by its own leader, which holds what it has


@dataclass
class Leader:
    register: LWWRegister[int]
    clock: HybridLogicalClock
    seen: VersionVector


@cache
def two_leaders(
    hybrid: bool, delay_ms: float, ahead_ms: float, seconds: int = 4_000, seed: int = 7
) -> tuple[list[Made], list[Made]]:
    """Return the writes of leaders A and B, one a second each, to one key; A's clock is ahead."""
    chance = np.random.default_rng(seed)
    leaders = {name: Leader(LWWRegister(), HybridLogicalClock(), VersionVector()) for name in "AB"}
    made: dict[str, list[Made]] = {"A": [], "B": []}
    times = [(at, "write", name) for name in "AB" for at in np.cumsum(chance.exponential(1000, seconds)).tolist()]
    arrivals = [(at + delay_ms, "arrival", name) for at, _, name in times]
    sent: dict[str, list[Made]] = {"A": [], "B": []}
    for now, what, name in sorted(times + arrivals):
        if what == "write":
            leader = leaders[name]
            wall = now + (ahead_ms if name == "A" else 0)
            leader.clock, leader.seen = leader.clock.tick(wall), leader.seen.increment(name)
            write = Write(len(made[name]), leader.clock.now if hybrid else wall, name)
            leader.register = leader.register.merge(LWWRegister(write))
            made[name].append(Made(now, write, leader.seen, leader.register.held == write))
            sent[name].append(made[name][-1])
        else:
            leader, message = leaders["B" if name == "A" else "A"], sent[name].pop(0)
            wall = now + (0 if name == "A" else ahead_ms)
            leader.clock = leader.clock.receive(wall, message.write.stamp)
            leader.seen = leader.seen.merge(message.version)
            leader.register = leader.register.merge(LWWRegister(message.write))
    assert leaders["A"].register == leaders["B"].register
    assert leaders["A"].seen == leaders["B"].seen
    return made["A"], made["B"]


def near(mine: Made, others: list[Made], within_ms: float) -> list[Made]:
    first = bisect_left(others, mine.at_ms - within_ms, key=_when)
    return others[first : bisect_right(others, mine.at_ms + within_ms, key=_when)]


def _when(made: Made) -> float:
    return made.at_ms


def assert_share(hits: list[bool], expected: float, window_ms: float) -> None:
    """Judge a share within four standard errors; writes of one window share their fate, which widens it."""
    alike = 1 + 2 * window_ms / 1000
    error = sqrt(max(expected * (1 - expected), 1 / len(hits)) * alike / len(hits))
    assert np.mean(hits) == pytest.approx(expected, abs=4 * error)


@pytest.mark.parametrize("delay_ms", [30, 300])
def test_version_vectors_find_as_many_conflicts_as_the_formula_says(delay_ms: int):
    ours, theirs = two_leaders(False, delay_ms, 0)
    partners = [sum(a.version.compare(b.version) == "concurrent" for b in near(a, theirs, 3 * delay_ms)) for a in ours]
    assert_share([count > 0 for count in partners], theory.conflicting_share(1, delay_ms), 2 * delay_ms)
    pairs = theory.concurrent_pairs_per_s(1, 1, delay_ms)
    assert np.mean(partners) == pytest.approx(pairs, abs=4 * sqrt(pairs * (1 + 4 * delay_ms / 1000) / len(ours)))


@pytest.mark.parametrize("hybrid", [False, True], ids=["wall clocks", "hybrid clocks"])
@pytest.mark.parametrize(("delay_ms", "ahead_ms"), [(100, 500), (100, 30), (400, -200), (50, 0)])
def test_as_many_newer_writes_are_dropped_for_older_ones_as_the_formula_says(
    hybrid: bool, delay_ms: int, ahead_ms: int
):
    theirs, mine = two_leaders(hybrid, delay_ms, ahead_ms)
    window = max(abs(ahead_ms), delay_ms)
    older = [[other for other in near(b, theirs, window) if other.at_ms < b.at_ms] for b in mine]
    dropped = [any(a.write.rank > b.write.rank for a in some) for b, some in zip(mine, older, strict=True)]
    limit = {"delay_ms": delay_ms} if hybrid else {}
    assert_share(dropped, theory.lww_newer_dropped_share(1, ahead_ms, **limit), window)


@pytest.mark.parametrize(("delay_ms", "ahead_ms"), [(100, 500), (100, 30), (400, -200), (50, 0), (100, -150)])
def test_as_many_writes_are_lost_to_one_that_had_not_seen_them_as_the_formula_says(delay_ms: int, ahead_ms: int):
    a, b = two_leaders(False, delay_ms, ahead_ms)
    window = delay_ms + abs(ahead_ms)
    for mine, theirs, ahead in ((b, a, ahead_ms), (a, b, -ahead_ms)):
        lost = [
            any(
                other.write.rank > write.write.rank and not other.version.descends(write.version)
                for other in near(write, theirs, window)
            )
            for write in mine
        ]
        assert_share(lost, theory.lww_lost_share(1, delay_ms, ahead), window)


def test_only_a_wall_clock_drops_a_write_at_once_that_had_seen_the_one_it_loses_to():
    """With the delay longer than the skew nobody does; with hybrid clocks nobody ever does."""
    _, mine = two_leaders(False, 100, 500)
    assert_share([not write.taken for write in mine], theory.lww_newer_dropped_share(1, 500 - 100), 500)
    for hybrid, delay_ms, ahead_ms in ((False, 100, 30), (True, 100, 500)):
        assert all(write.taken for leader in two_leaders(hybrid, delay_ms, ahead_ms) for write in leader)


@given(RATES, TIMES, TIMES)
def test_the_hybrid_clock_never_drops_more_and_with_a_long_delay_as_much(rate: float, ahead: float, delay: float):
    wall = theory.lww_newer_dropped_share(rate, ahead)
    assert theory.lww_newer_dropped_share(rate, ahead, delay) <= wall
    assert theory.lww_newer_dropped_share(rate, ahead, ahead + delay) == wall
    assert theory.lww_newer_dropped_share(rate, -ahead) == 0


@given(RATES, TIMES, TIMES)
def test_with_clocks_that_agree_half_the_window_of_conflict_is_lost(rate: float, delay: float, back: float):
    half = theory.lww_lost_share(rate, delay)
    assert theory.conflicting_share(rate, delay) == pytest.approx(1 - (1 - half) ** 2)
    assert theory.conflicting_share(rate, delay, back) == pytest.approx(theory.conflicting_share(rate, back, delay))
    assert theory.lww_lost_share(rate, delay, ahead_ms=-delay) == 0


def test_keys_that_both_sides_of_a_partition_wrote():
    chance = np.random.default_rng(3)
    keys, runs = 200, 400

    def written(rate: int) -> set[int]:
        return set(chance.integers(keys, size=chance.poisson(10 * rate)).tolist())

    both = [len(written(30) & written(5)) for _ in range(runs)]
    expected = theory.keys_in_conflict(30, 5, partition_s=10, keys=keys)
    assert np.mean(both) == pytest.approx(expected, abs=4 * float(np.std(both)) / sqrt(runs))
    assert theory.keys_in_conflict(30, 5, partition_s=0, keys=keys) == 0
    assert theory.keys_in_conflict(30, 5, partition_s=1e9, keys=keys) == pytest.approx(keys)


@pytest.mark.parametrize("pause", [0, 2, 5])
@pytest.mark.parametrize("case", cases("conflict", "Jepsen: Riak last-write-wins"), ids=case_id)
def test_clients_that_read_change_and_write_lose_the_share_that_jepsen_saw(case: dict[str, Any], pause: int):
    """Five clients add to a set in one register; their pauses are so many times as long as a read or a write."""
    low, high = (float(part) / 100 for part in case["expected"].rstrip("%").split("-"))
    chance = np.random.default_rng(5)
    row = LWWRegister[frozenset[int]]().write(frozenset(), 0, "client 0")
    read: dict[int, frozenset[int]] = {}
    turns = [(float(chance.exponential(1)), client) for client in range(5)]
    written = 0
    for number in range(4_000):
        now, client = min(turns)
        rest = pause * float(chance.exponential(1)) if client in read else 0.0
        turns[client] = (now + rest + float(chance.exponential(1)), client)
        if client in read:
            row = row.write(read.pop(client) | {number}, now, f"client {client}")
            written += 1
        else:
            read[client] = row.value or frozenset()
    assert row.value is not None
    assert low < 1 - len(row.value) / written < high


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: theory.conflicting_share(-1, 1),
        lambda: theory.conflicting_share(1, 1, back_ms=-1),
        lambda: theory.concurrent_pairs_per_s(1, -1, 1),
        lambda: theory.lww_newer_dropped_share(1, 1, delay_ms=-1),
        lambda: theory.lww_newer_dropped_share(1, float("nan")),
        lambda: theory.lww_lost_share(float("nan"), 1),
        lambda: theory.lww_lost_share(1, 1, ahead_ms=float("nan")),
        lambda: theory.keys_in_conflict(1, 1, 1, keys=0),
        lambda: theory.keys_in_conflict(1, 1, -1, keys=5),
    ],
)
def test_what_cannot_be_is_an_error(wrong: Any):
    with pytest.raises(ValueError, match=r"(it must be|there must be) "):
        wrong()


def test_nobody_else_writes_no_conflict_for_however_long():
    assert theory.conflicting_share(0, float("inf")) == theory.lww_newer_dropped_share(0, float("inf")) == 0
    assert theory.conflicting_share(1, float("inf")) == 1
