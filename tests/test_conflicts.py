"""Version vectors, siblings, last-write-wins, and names that two leaders gave away."""

import pickle
from functools import reduce
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replication_viz.conflicts import (
    NOTHING_SEEN,
    Dot,
    HybridTime,
    LWWRegister,
    NameTakenError,
    OptORSet,
    Siblings,
    UndottedSiblings,
    UniqueNames,
    VersionVector,
    Write,
    last_write_wins,
)

from .reference import case_id, cases

OPPOSITE = {"before": "after", "after": "before", "equal": "equal", "concurrent": "concurrent"}
vectors = st.builds(VersionVector, st.dictionaries(st.sampled_from("ABC"), st.integers(0, 3)))


@pytest.mark.parametrize("case", cases("crdt", "version vector compare"), ids=case_id)
def test_two_vectors_compare_as_in_the_reference(case: dict[str, Any]):
    a, b = VersionVector(case["inputs"]["a"]), VersionVector(case["inputs"]["b"])
    assert a.compare(b) == case["expected"]
    assert b.compare(a) == OPPOSITE[case["expected"]]


@given(vectors, vectors)
def test_a_vector_is_the_set_of_its_dots(a: VersionVector, b: VersionVector):
    """The dots written out say who descends from whom, and what a merge has seen."""
    every = [Dot(node, number) for node in "ABC" for number in range(1, 5)]
    in_a, in_b = ({dot for dot in every if dot in vector} for vector in (a, b))
    assert a.descends(b) == (in_a >= in_b)
    assert {dot for dot in every if dot in a.merge(b)} == in_a | in_b
    assert (a == b) == (in_a == in_b)


@given(vectors, vectors, vectors)
def test_descent_is_a_partial_order_and_merge_its_least_upper_bound(
    a: VersionVector, b: VersionVector, c: VersionVector
):
    assert a.descends(a)
    assert not (a.descends(b) and b.descends(a)) or a == b
    assert not (a.descends(b) and b.descends(c)) or a.descends(c)
    assert a.compare(b) == OPPOSITE[b.compare(a)]
    assert a.merge(b).descends(a)
    assert not (c.descends(a) and c.descends(b)) or c.descends(a.merge(b))
    assert a.merge(b).merge(c) == a.merge(b.merge(c)) == c.merge(b).merge(a)


@given(vectors, st.sampled_from("ABCD"))
def test_a_nodes_next_write_is_the_one_that_an_increment_adds(vector: VersionVector, node: str):
    dot = vector.next_dot(node)
    assert dot not in vector
    assert dot in vector.increment(node)
    assert vector.increment(node).compare(vector) == "after"


def test_a_node_that_wrote_nothing_is_not_kept():
    assert VersionVector({"A": 0, "B": 2}) == VersionVector({"B": 2})
    assert VersionVector({"A": 0})["A"] == NOTHING_SEEN["A"] == 0
    assert repr(VersionVector({"B": 2, "A": 1})) == "VersionVector({'A': 1, 'B': 2})"
    assert hash(VersionVector({"B": 2, "A": 1})) == hash(VersionVector({"A": 1, "B": 2}))


def test_counts_are_whole_numbers_from_0_up():
    with pytest.raises(ValueError, match=r"^the count of 'A' is -1: it must be at least 0\.$"):
        VersionVector({"A": -1})
    with pytest.raises(TypeError):
        VersionVector({"A": 1.5})  # type: ignore[dict-item]


def test_a_state_survives_the_way_to_another_process():
    state = OptORSet[str]().add("x", "A").merge(OptORSet[str]().add("y", "B"))
    assert pickle.loads(pickle.dumps(state)) == state


@pytest.mark.parametrize("case", cases("crdt", "dotted version vectors siblings"), ids=case_id)
def test_a_write_replaces_what_its_context_covers_and_nothing_else(case: dict[str, Any]):
    assert case["inputs"]["steps"][0] == "put bob ctx {}"
    row = Siblings[str]()
    seen = []
    row = row.write("bob", "r")
    seen.append(sorted(row.values))
    row = row.write("sue", "r")
    seen.append(sorted(row.values))
    row = row.write("rita", "r", VersionVector({"r": 1}))
    seen.append(sorted(row.values))
    row = row.write("all", "r", row.context)
    seen.append(sorted(row.values))
    assert seen == case["expected"]


def test_a_context_may_come_from_another_replica_than_the_one_that_takes_the_write():
    at_a = Siblings[str]().write("old", "A")
    at_b = Siblings[str]().write("other", "B")
    at_b_after = at_b.write("new", "B", at_a.context)
    assert at_b_after.values == ("other", "new")
    assert at_b_after.merge(at_a).values == ("other", "new"), "what the client had read at A is replaced"


def _take_turns(row: Any, writes: int) -> list[int]:
    """Return how many siblings there are after each write of two clients, neither of whom reads again."""
    contexts, counts = [row.context, row.context], []
    for turn in range(writes):
        row = row.write(f"write {turn}", "r", contexts[turn % 2])
        contexts[turn % 2] = row.context
        counts.append(len(row.values))
    return counts


def test_dots_keep_two_clients_at_two_siblings_and_without_them_every_write_adds_one():
    assert _take_turns(Siblings(), 8) == [1, 2, 2, 2, 2, 2, 2, 2]
    assert _take_turns(UndottedSiblings(), 8) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_without_dots_the_merge_depends_on_the_order_and_a_replaced_value_comes_back():
    a, b = UndottedSiblings[str]().write("x", "A"), UndottedSiblings[str]().write("y", "B")
    c = a.write("z", "A", a.context)
    assert a.merge(b.merge(c)).values == ("y", "z")
    assert a.merge(b).merge(c).values == ("x", "y", "z")
    assert c.merge(a) == a.merge(c) == c
    assert a.merge(b).size() == (4, 2 + 2 * (1 + 8))


times = st.integers(0, 2) | st.builds(HybridTime, st.integers(0, 2), st.integers(0, 1))
writes = st.builds(Write, st.sampled_from("pqr"), times, st.sampled_from("AB"))


@given(st.lists(writes, min_size=1, max_size=5))
def test_the_greatest_is_kept_and_all_others_are_named_whatever_the_order(some: list[Write[str]]):
    choice = last_write_wins(some)
    assert {choice.kept, *choice.discarded} == set(some)
    assert all(write.rank <= choice.kept.rank and write != choice.kept for write in choice.discarded)
    assert len(choice.discarded) == len(set(some)) - 1
    assert last_write_wins(reversed(some)).kept.rank == choice.kept.rank
    registers = [LWWRegister(write) for write in some]
    for order in list(permutations(registers))[:24]:
        assert reduce(LWWRegister.merge, order).value == choice.kept.value


@given(writes, writes)
def test_a_register_says_which_write_a_merge_throws_away(a: Write[str], b: Write[str]):
    one, other = LWWRegister(a), LWWRegister(b)
    if a == b:
        assert one.discards(other) is None
    else:
        assert {one.discards(other), one.merge(other).held} == {a, b}
    assert LWWRegister[str]().discards(one) is None


@pytest.mark.parametrize("case", cases("crdt", "lww tie-break by node id"), ids=case_id)
def test_the_name_of_the_node_breaks_a_tie(case: dict[str, Any]):
    some = [Write(value, time, node) for time, node, value in (case["inputs"]["a"], case["inputs"]["b"])]
    choice = last_write_wins(some)
    assert choice.kept.value == case["expected"]["winner"]
    assert [write.value for write in choice.discarded] == case["expected"]["lost"]


def test_a_wall_clock_and_a_hybrid_one_compare_and_the_logical_part_decides_last():
    some = [Write("late", HybridTime(5, 1), "A"), Write("early", 5, "B"), Write("later", HybridTime(5, 2), "A")]
    choice = last_write_wins(some)
    assert [write.value for write in (*choice.discarded, choice.kept)] == ["early", "late", "later"]
    assert [str(write) for write in some[:2]] == ["'late'@A 5 ms +1", "'early'@B 5 ms"]


def test_with_a_clock_ahead_the_later_write_is_thrown_away_at_once_though_its_author_had_seen_the_other():
    """Region A's clock is 600 ms ahead. B reads A's value and corrects it half a second later."""
    seen_at_b = LWWRegister[str]().write("typo", 1_600, "A")
    corrected = seen_at_b.write("corrected", 1_500, "B")
    assert corrected == seen_at_b
    vectors = VersionVector({"A": 1}), VersionVector({"A": 1}).increment("B")
    assert vectors[1].compare(vectors[0]) == "after", "a version vector knows which is which"


def test_a_wall_clock_is_a_hybrid_one_that_never_counted():
    assert Write("x", 5, "A") == Write("x", HybridTime(5), "A")


def test_nothing_to_choose_from_and_a_time_that_is_none_are_errors():
    with pytest.raises(ValueError, match="there is no write to choose from"):
        last_write_wins([])
    with pytest.raises(ValueError, match=r"^time is nan: it must be a finite number\.$"):
        Write("x", float("nan"), "A")


def test_two_leaders_accept_the_same_name_and_no_merge_repairs_it():
    eu, us = UniqueNames().claim("ada", "account 1", "eu"), UniqueNames().claim("ada", "account 2", "us")
    us = us.claim("bob", "account 3", "us")
    assert eu.violated() == us.violated() == {}
    merged = eu.merge(us)
    assert merged == us.merge(eu) == merged.merge(eu)
    assert merged.violated() == {"ada": ("account 1", "account 2")}
    assert merged.holders("bob") == ("account 3",)


def test_a_leader_that_has_heard_of_a_claim_refuses_another_account_and_not_the_same_one():
    names = UniqueNames().claim("ada", "account 1", "eu")
    with pytest.raises(NameTakenError, match=r"^name is 'ada': .* no other account has, and 'account 1' has it\.$"):
        names.claim("ada", "account 2", "us")
    assert names.claim("ada", "account 1", "us").violated() == {}
    assert names.holders("nobody") == ()


claims = st.lists(st.tuples(st.sampled_from(["eu", "us"]), st.sampled_from("xy"), st.integers(1, 3), st.booleans()))


@given(claims)
def test_the_rule_holds_at_each_leader_until_they_hear_of_each_other(steps: list[tuple[str, str, int, bool]]):
    leaders = dict.fromkeys(["eu", "us"], UniqueNames())
    told: set[tuple[str, str]] = set()
    for leader, name, number, then_meet in steps:
        account = f"account {number}"
        others = set(leaders[leader].holders(name)) - {account}
        if others:
            with pytest.raises(NameTakenError):
                leaders[leader].claim(name, account, leader)
        else:
            leaders[leader] = leaders[leader].claim(name, account, leader)
            told.add((name, account))
        if then_meet:
            leaders.update(dict.fromkeys(leaders, leaders["eu"].merge(leaders["us"])))
    merged = leaders["eu"].merge(leaders["us"])
    promised = {name: tuple(sorted(a for n, a in told if n == name)) for name in "xy"}
    assert {name: merged.holders(name) for name in "xy"} == promised
    assert merged.violated() == {name: accounts for name, accounts in promised.items() if len(accounts) > 1}
