"""``synchronous_standby_names``: what a live PostgreSQL accepted, rejected and made of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replication_viz.scenario import Scenario, ScenarioError, SyncNamesError, SyncRule, parse
from replication_viz.scenario.sync_names import rule

from .reference import case_id, cases

STANDBYS = ("s1", "s2", "s3")


@pytest.mark.parametrize("case", cases("pg_sync_names"), ids=case_id)
def test_a_live_server_agrees(case: dict[str, Any]):
    value, expected = case["inputs"]["value"], case["expected"]
    if expected["accept"]:
        understood = parse(value)
        states = understood.states(STANDBYS)
        seen = {name: [understood.priority(name), states[name]] for name in STANDBYS}
        assert seen == expected["standbys [priority,state]"]
    else:
        with pytest.raises(SyncNamesError) as error:
            parse(value)
        assert (error.value.sqlstate, error.value.detail) == (expected["sqlstate"], expected["detail"])


@pytest.mark.parametrize("case", [c for c in cases("pg_sync_commit") if "names" in c["inputs"]], ids=case_id)
def test_the_states_of_the_standbys_that_are_up_are_those_of_a_live_server(case: dict[str, Any]):
    up = [name for name in STANDBYS if name not in case["inputs"]["down"]]
    assert parse(case["inputs"]["names"]).states(up) == case["expected"]["sync_state"]


@pytest.mark.parametrize("case", [c for c in cases("pg_sync_names") if not c["expected"]["accept"]], ids=case_id)
def test_what_the_server_rejects_is_one_sentence_that_names_the_field_the_value_and_what_is_allowed(
    case: dict[str, Any],
):
    value = case["inputs"]["value"]
    with pytest.raises(ScenarioError) as error:
        Scenario(ack=value)
    assert str(error.value).startswith(f"ack is {value!r}: ")
    assert "allowed are" in str(error.value)
    assert "\n" not in str(error.value)


def test_first_prefers_the_order_of_the_list_to_the_order_of_the_standbys():
    assert parse("FIRST 1 (s3, s1)").candidates(STANDBYS) == ["s3", "s1"]
    assert parse("s3, s1").states(STANDBYS) == {"s1": "potential", "s2": "async", "s3": "sync"}


def test_under_any_every_listed_standby_is_a_quorum_candidate_of_priority_one():
    any_two = parse("ANY 2 (s3, s1)")
    assert any_two.candidates(STANDBYS) == ["s1", "s3"]
    assert [any_two.priority(name) for name in STANDBYS] == [1, 0, 1]


def test_a_standby_that_is_gone_leaves_its_place_to_the_next():
    assert parse("FIRST 1 (s1, s2, s3)").states(["s2", "s3"]) == {"s2": "sync", "s3": "potential"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", SyncRule("async", 0, ())),
        ("s1", SyncRule("first", 1, ("s1",))),
        ("first 2(s1,s2)", SyncRule("first", 2, ("s1", "s2"))),
        ("3 (a, b, c, d)", SyncRule("first", 3, ("a", "b", "c", "d"))),
        ("aNy 01 (\n*\t)", SyncRule("any", 1, ("*",))),
        ('"Any 1"', SyncRule("first", 1, ("Any 1",))),
        ("größe, _x$1", SyncRule("first", 1, ("größe", "_x$1"))),
    ],
)
def test_a_text_becomes_a_rule(text: str, expected: SyncRule):
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text", ["  ", "s1 s2", "ANY", "ANY 1", "ANY 1 s1", "(s1)", "ANY 1 ()", "s1,", '"s1', "ANY (s1)", "1 (s1"]
)
def test_half_a_rule_is_an_error(text: str):
    with pytest.raises(SyncNamesError):
        parse(text)


def test_a_count_of_thousands_of_digits_is_read_as_the_server_reads_it():
    with pytest.raises(SyncNamesError) as error:
        parse(f"ANY {'9' * 5_000} (s1)")
    assert error.value.sqlstate == "22023"
    assert parse(f"ANY {'0' * 5_000}2 (s1)").count == 2


@pytest.mark.parametrize("word", ["async", "ASYNC", " async "])
def test_async_waits_for_nobody(word: str):
    assert rule(word, replicas=3) == SyncRule("async", 0, ())


@pytest.mark.parametrize("replicas", [1, 3, 9])
def test_all_waits_for_every_replica(replicas: int):
    assert rule("all", replicas) == SyncRule("any", replicas, ("*",))


def test_all_of_no_replicas_waits_for_nobody():
    assert rule("all", replicas=0).method == "async"


names = st.text(st.sampled_from("abS1_ ,()*$\"'é"), min_size=1, max_size=8)


@given(st.sampled_from(["first", "any"]), st.integers(1, 2**31 - 1), st.lists(names, min_size=1, max_size=5))
def test_the_setting_of_a_rule_reads_back_as_the_rule(method: Any, count: int, listed: list[str]):
    original = SyncRule(method, count, tuple(listed))
    setting = original.setting()
    assert setting[0] == setting[-1] == "'"
    assert parse(setting[1:-1].replace("''", "'")) == original


def test_the_setting_of_async_is_the_empty_text():
    assert SyncRule("async", 0, ()).setting() == "''"


@given(st.text(max_size=30))
def test_any_text_is_a_rule_or_an_error_that_says_why(text: str):
    try:
        understood = parse(text)
    except SyncNamesError as error:
        understood = None
        reason = error
    if understood is None:
        assert reason.sqlstate in ("42601", "22023")
        assert reason.detail
    else:
        assert understood.count > 0 or text == ""
