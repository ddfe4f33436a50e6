"""Quorums as sets: against the reference, and against the enumeration of every quorum and every failure."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product
from math import comb, prod
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replication_viz import theory
from replication_viz.theory.levels import Level

from .reference import case_id, cases

SIZES = [(n, r, w) for n in range(1, 7) for r in range(1, n + 1) for w in range(1, n + 1)]


@st.composite
def sizes(draw: st.DrawFn) -> tuple[int, int, int]:
    n = draw(st.integers(1, 40))
    return n, draw(st.integers(1, n)), draw(st.integers(1, n))


@pytest.mark.parametrize("case", cases("quorum"), ids=case_id)
def test_a_read_misses_a_write_as_often_as_the_reference_says(case: dict[str, Any]) -> None:
    inputs, note, tolerance = case["inputs"], case.get("note", {}), case["tolerance"]["abs"]
    n, r, w = inputs["N"], inputs["R"], inputs["W"]
    if "k" in inputs:
        assert theory.within_versions(n, r, w, inputs["k"]) == pytest.approx(case["expected"], abs=tolerance)
        return
    assert theory.miss_probability(n, r, w) == pytest.approx(case["expected"], abs=tolerance)
    if "overlap_guaranteed" in note:
        assert (theory.least_overlap(n, r, w) > 0) == note["overlap_guaranteed"]
    if "fraction" in note:
        assert theory.miss_probability(n, r, w) == float(Fraction(note["fraction"]))


@pytest.mark.parametrize(("n", "r", "w"), SIZES)
def test_every_pair_of_quorums_enumerated(n: int, r: int, w: int) -> None:
    overlaps = [
        len(set(read) & set(write)) for read in combinations(range(n), r) for write in combinations(range(n), w)
    ]
    assert theory.least_overlap(n, r, w) == min(overlaps)
    assert theory.miss_probability(n, r, w) == overlaps.count(0) / len(overlaps)


@pytest.mark.parametrize(("n", "r", "w"), [(3, 1, 1), (3, 1, 2), (3, 2, 1), (4, 2, 1), (4, 1, 2)])
@pytest.mark.parametrize("versions", [1, 2, 3])
def test_every_run_of_writes_enumerated(n: int, r: int, w: int, versions: int) -> None:
    quorums = [set(write) for write in combinations(range(n), w)]
    seen = [
        any(set(read) & write for write in writes)
        for read in combinations(range(n), r)
        for writes in product(quorums, repeat=versions)
    ]
    assert theory.within_versions(n, r, w, versions) == pytest.approx(sum(seen) / len(seen), abs=1e-12)


@given(sizes())
def test_reads_and_writes_may_change_places(nrw: tuple[int, int, int]) -> None:
    n, r, w = nrw
    assert theory.miss_probability(n, r, w) == theory.miss_probability(n, w, r)
    assert theory.least_overlap(n, r, w) == theory.least_overlap(n, w, r)


@given(sizes())
def test_no_read_misses_exactly_where_the_quorums_must_overlap(nrw: tuple[int, int, int]) -> None:
    n, r, w = nrw
    assert (theory.miss_probability(n, r, w) == 0) == (r + w > n) == (theory.least_overlap(n, r, w) > 0)


@given(sizes(), st.integers(1, 20))
def test_larger_quorums_and_more_versions_miss_less(nrw: tuple[int, int, int], versions: int) -> None:
    n, r, w = nrw
    if w < n:
        assert theory.miss_probability(n, r, w + 1) <= theory.miss_probability(n, r, w)
    assert theory.within_versions(n, r, w, versions + 1) >= theory.within_versions(n, r, w, versions)
    assert theory.within_versions(n, r, w, 1) == 1 - theory.miss_probability(n, r, w)


def test_under_a_sloppy_quorum_overlapping_sizes_do_not_make_overlapping_sets() -> None:
    """R + W > N, but two of three home replicas were down: one holds the version, and nobody asks the stand-in."""
    assert theory.least_overlap(3, 2, 2) == 1
    assert theory.miss_probability(3, 2, 1) == 1 / 3


@pytest.mark.parametrize("writes", [0, 1, 4])
def test_monotonic_reads_ask_for_no_more_than_the_versions_written_meanwhile(writes: int) -> None:
    assert theory.monotonic_reads(5, 2, 1, writes) == pytest.approx(theory.within_versions(5, 2, 1, writes + 1))
    if writes:
        strict = theory.monotonic_reads(5, 2, 1, writes, strict=True)
        assert strict == pytest.approx(theory.within_versions(5, 2, 1, writes))


def test_a_rate_of_writes_need_not_be_whole_and_without_a_write_nothing_is_newer() -> None:
    assert theory.monotonic_reads(3, 1, 1, 0.5) == pytest.approx(1 - (2 / 3) ** 1.5)
    assert theory.monotonic_reads(3, 1, 1, 0, strict=True) == 0
    assert theory.monotonic_reads(3, 2, 2, 0.5) == 1


@pytest.mark.parametrize("case", cases("availability"), ids=case_id)
def test_a_quorum_is_up_as_often_as_the_reference_says(case: dict[str, Any]) -> None:
    inputs = case["inputs"]
    up = theory.quorum_availability(inputs["n"], inputs["k"], inputs["p_up"])
    assert up == pytest.approx(case["expected"], abs=case["tolerance"]["abs"])


@pytest.mark.parametrize(("n", "needed", "fallbacks"), [(3, 2, 0), (3, 3, 0), (3, 2, 2), (3, 3, 3), (5, 3, 1)])
def test_every_pattern_of_failures_enumerated(n: int, needed: int, fallbacks: int) -> None:
    p_up, total = 0.9, 0.0
    for up in product([True, False], repeat=n + fallbacks):
        if sum(up) >= needed:  # a sloppy quorum takes the first n healthy nodes, whichever they are
            total += prod(p_up if node else 1 - p_up for node in up)
    assert theory.quorum_availability(n, needed, p_up, fallbacks) == pytest.approx(total, abs=1e-12)


@given(sizes(), st.floats(0, 1), st.integers(0, 5))
def test_stand_ins_and_smaller_quorums_are_up_more_often(
    nrw: tuple[int, int, int], p_up: float, fallbacks: int
) -> None:
    n, needed, _ = nrw
    strict = theory.quorum_availability(n, needed, p_up)
    assert theory.quorum_availability(n, needed, p_up, fallbacks) >= strict - 1e-12
    assert theory.quorum_availability(n, 1, p_up) >= strict - 1e-12


@pytest.mark.parametrize("case", cases("cassandra", "acks required"), ids=case_id)
def test_cassandra_waits_for_so_many_acknowledgements(case: dict[str, Any]) -> None:
    replicas = case["inputs"]["rf"]
    assert {level: theory.acks_required(level, replicas, "dc1") for level in case["expected"]} == case["expected"]


@pytest.mark.parametrize(
    ("level", "expected"),
    [("ANY", 1), ("ONE", 4), ("QUORUM", 7), ("ALL", 9), ("EACH_QUORUM", 7), ("LOCAL_ONE", 3), ("LOCAL_QUORUM", 4)],
)
def test_each_node_that_joins_adds_an_acknowledgement_where_it_counts(level: Level, expected: int) -> None:
    joining = {"dc1": 2, "dc2": 1}
    assert theory.acks_required(level, {"dc1": 3, "dc2": 3}, "dc1", joining) == expected


@pytest.mark.parametrize("case", cases("cassandra", "hints"), ids=case_id)
def test_the_hint_window_and_what_a_hint_counts_for(case: dict[str, Any]) -> None:
    expected = case["expected"]
    assert f"{theory.HINT_WINDOW_MS:,.0f} ms" in expected["max_hint_window"]
    assert expected["hint_counts_towards"] == "ANY only"
    nobody_up = {level: theory.level_availability(level, {"dc1": 3}, "dc1", p_up=0) for level in LEVELS}
    assert nobody_up == {level: float(level == "ANY") for level in LEVELS}


@pytest.mark.parametrize("case", cases("dynamodb", "read consistency"), ids=case_id)
def test_a_consistent_read_costs_twice_an_eventual_one(case: dict[str, Any]) -> None:
    units = case["expected"]["rcu_per_4KB"]
    for consistency, expected in units.items():
        assert theory.read_units(3_500, consistency) == theory.read_units(4_096, consistency) == expected
        assert theory.read_units(4_097, consistency) == 2 * expected
    assert theory.read_units(1) == units[case["expected"]["default"]]


LEVELS: tuple[Level, ...] = (
    "ANY",
    "ONE",
    "TWO",
    "THREE",
    "QUORUM",
    "ALL",
    "LOCAL_ONE",
    "LOCAL_QUORUM",
    "EACH_QUORUM",
)


def answers(level: Level, up: dict[str, int], replicas: dict[str, int]) -> bool:
    """Whether a coordinator in dc1 gets what the level asks for, said in words of its own."""
    everywhere, all_of_them = sum(up.values()), sum(replicas.values())
    return {
        "ANY": True,
        "ONE": everywhere >= 1,
        "TWO": everywhere >= 2,
        "THREE": everywhere >= 3,
        "QUORUM": 2 * everywhere > all_of_them,
        "ALL": everywhere == all_of_them,
        "LOCAL_ONE": up["dc1"] >= 1,
        "LOCAL_QUORUM": 2 * up["dc1"] > replicas["dc1"],
        "EACH_QUORUM": all(2 * up[name] > replicas[name] for name in replicas),
    }[level]


@pytest.mark.parametrize("replicas", [{"dc1": 3}, {"dc1": 3, "dc2": 3}, {"dc1": 5, "dc2": 1}, {"dc1": 2, "dc2": 2}])
@pytest.mark.parametrize("level", LEVELS)
def test_a_level_is_available_as_every_pattern_of_failures_says(level: Level, replicas: dict[str, int]) -> None:
    p_up = 0.8
    for lost in ([], *([name] for name in replicas)):
        total = 0.0
        for counts in product(*(range(count + 1) for count in replicas.values())):
            up = dict(zip(replicas, counts, strict=True))
            chance = prod(
                comb(replicas[name], k) * p_up**k * (1 - p_up) ** (replicas[name] - k) for name, k in up.items()
            )
            seen = {name: 0 if name in lost else k for name, k in up.items()}
            total += chance * answers(level, seen, replicas)
        found = theory.level_availability(level, replicas, "dc1", p_up, down=lost)
        assert found == pytest.approx(total, abs=1e-12)


def test_with_a_region_lost_local_and_three_region_quorums_go_on_and_the_quorum_of_each_does_not() -> None:
    three = {"dc1": 3, "dc2": 3, "dc3": 3}
    up = {level: theory.level_availability(level, three, "dc1", 0.99, down=["dc3"]) for level in LEVELS}
    assert up["EACH_QUORUM"] == up["ALL"] == 0
    assert up["LOCAL_QUORUM"] == pytest.approx(0.99**3 + 3 * 0.99**2 * 0.01)
    assert up["QUORUM"] == pytest.approx(0.99**6 + 6 * 0.99**5 * 0.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.miss_probability(3, 0, 1), r"^r is 0: it must be from 1 to n = 3\.$"),
        (lambda: theory.miss_probability(3, 1, 4), r"^w is 4: it must be from 1 to n = 3\.$"),
        (lambda: theory.least_overlap(0, 1, 1), r"^n is 0: "),
        (lambda: theory.within_versions(3, 1, 1, 0), r"^versions is 0: "),
        (lambda: theory.monotonic_reads(3, 1, 1, -1), r"^writes_per_read is -1: "),
        (lambda: theory.monotonic_reads(3, 1, 1, float("nan")), r"^writes_per_read is nan: "),
        (lambda: theory.quorum_availability(3, 4, 0.9), r"^needed is 4: "),
        (lambda: theory.quorum_availability(3, 2, 1.1), r"^p_up is 1\.1: "),
        (lambda: theory.quorum_availability(3, 2, 0.9, fallbacks=-1), r"^fallbacks is -1: "),
        (lambda: theory.acks_required("SOME", {"dc1": 3}, "dc1"), r"^level is 'SOME': it must be one of ANY, ONE, "),  # type: ignore[arg-type]
        (lambda: theory.acks_required("ONE", {"dc1": 3}, "dc2"), r"^local is 'dc2': replicas are in dc1\.$"),
        (lambda: theory.acks_required("ONE", {"dc1": 0}, "dc1"), r"^replicas\['dc1'\] is 0: "),
        (lambda: theory.acks_required("ONE", {"dc1": 3}, "dc1", {"dc3": 1}), r"^joining names dc3: replicas are in"),
        (lambda: theory.acks_required("ONE", {"dc1": 3}, "dc1", {"dc1": -1}), r"^joining\['dc1'\] is -1: "),
        (lambda: theory.level_availability("ONE", {"dc1": 3}, "dc1", 0.9, down=["dc9"]), r"^down names dc9: "),
        (lambda: theory.read_units(0), r"^item_bytes is 0: "),
        (lambda: theory.read_units(1, "weak"), r"^consistency is 'weak': it must be one of eventual, strong"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_is_an_error_in_one_sentence(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
