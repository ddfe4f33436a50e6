"""Linearizability: against the reference, against a judge that tries every order, and the reasons given."""

from math import inf
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from replication_viz import Scenario, run
from replication_viz.checks import History, Operation, Verdict, linearizability
from replication_viz.checks.operation import ANSWERS, KINDS, Answer
from replication_viz.scenario import LEADER

from .reference import case_id, cases
from .registers import correct, fits, spoiled
from .strategies import scenarios


def of_case(case: dict[str, Any]) -> History:
    """Return the history of a reference case."""
    return History(
        tuple(
            Operation(
                session=str(op["client"]),
                kind=op["op"],
                key=op["key"],
                value=op["to"] if op["op"] == "cas" else op["value"],
                call_ms=op["call"],
                return_ms=op["return"],
                outcome="unknown" if op["return"] is None else "ok",
                expected=op.get("from"),
                swapped=None if op["return"] is None else op.get("ok"),
            )
            for op in case["inputs"]["history"]
        )
    )


def history(text: str) -> History:
    """Return operations on one key: w, r or c (compare-and-set), values, call and return (- for no answer)."""
    operations = []
    for place, line in enumerate(text.strip().splitlines()):
        kind, values, call, end = line.split()
        before, _, after = values.partition(">")
        missed = kind == "c" and values.startswith("!")
        operations.append(
            Operation(
                session=str(place),
                kind={"w": "write", "r": "read", "c": "cas"}[kind],  # type: ignore[arg-type]
                key="x",
                value=None if values == "0" else int(after or before.lstrip("!")),
                call_ms=float(call),
                return_ms=None if end == "-" else float(end),
                outcome="unknown" if end == "-" else "ok",
                expected=int(before.lstrip("!")) or None if kind == "c" else None,
                swapped=(not missed) if kind == "c" and end != "-" else None,
            )
        )
    return History(tuple(operations))


@pytest.mark.parametrize("case", cases("linearizability"), ids=case_id)
def test_the_verdict_is_that_of_the_reference(case: dict[str, Any]):
    assert linearizability(of_case(case)).holds is case["expected"]


# -- against every order ----------------------------------------------------------------------------------------------


# Two ways lead to the same place, and one of them has used up a write without an answer that is needed later.
USED_UP = "c 3>3 6 7\nr 0 3 3\nw 1 4 -\nw 3 4 -\nc 1>1 3 -\nw 2 0 -\nr 1 6 9\nr 3 13 13"


@st.composite
def any_history(draw: st.DrawFn) -> History:
    """Return up to 7 operations on one key with few values and many overlaps."""
    values = st.integers(1, draw(st.integers(1, 4)))
    contents = st.none() | values
    operations = []
    for place in range(draw(st.integers(1, 7))):
        kind = draw(st.sampled_from(KINDS))
        outcome: Answer = draw(st.sampled_from(ANSWERS)) if draw(st.integers(0, 2)) == 0 else "ok"
        call, took = draw(st.integers(0, 12)), draw(st.integers(0, 6))
        operations.append(
            Operation(
                session=str(place),
                kind=kind,
                key="x",
                value=draw(contents) if kind == "read" else draw(values),
                call_ms=call,
                return_ms=call + took if outcome == "ok" else None,
                outcome=outcome,
                expected=draw(contents) if kind == "cas" else None,
                swapped=draw(st.booleans()) if kind == "cas" and outcome == "ok" else None,
            )
        )
    return History(tuple(operations))


@settings(max_examples=500, deadline=None)
@example(history(USED_UP))
@given(any_history())
def test_the_search_agrees_with_trying_every_order(history: History):
    assert linearizability(history).holds is fits(history.operations)


@settings(max_examples=200, deadline=None)
@given(any_history())
def test_the_operation_that_is_named_is_the_first_answer_that_no_order_explains_and_the_order_given_is_one(
    history: History,
):
    for violation in linearizability(history):
        answers = [n for n, o in enumerate(history) if o.end_ms < inf]
        answers.sort(key=lambda n: (history[n].end_ms, n))
        rank = answers.index(violation.operations[0])
        assert fits(known(history, answers[:rank]))
        assert not fits(known(history, answers[: rank + 1]))
        assert {n for n in answers[:rank] if history[n].outcome == "ok"} <= set(violation.order)
        assert fits_in_order([history[n] for n in violation.order])
        assert violation.why.endswith(".")
        assert violation.why.startswith(history[violation.operations[0]].called(violation.operations[0]))


def known(history: History, answered: list[int]) -> list[Operation]:
    """Return what was known when the last of these answers came."""
    now = history[answered[-1]].end_ms if answered else -inf
    rest = [o for n, o in enumerate(history) if n not in answered and o.call_ms <= now and o.writes]
    return [history[n] for n in answered] + [o._replace(outcome="unknown", swapped=None) for o in rest]


def fits_in_order(operations: list[Operation]) -> bool:
    """Return whether operations fit one after the other; those without an answer take effect there."""
    return fits(
        [o._replace(call_ms=n, return_ms=n + 0.5, outcome="ok", swapped=taken(o)) for n, o in enumerate(operations)]
    )


def taken(operation: Operation) -> bool | None:
    return None if operation.kind != "cas" else operation.outcome == "unknown" or operation.swapped


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([None, 2, 5]), st.sampled_from([0.0, 0.3]), st.sampled_from([0.0, 0.2]))
def test_what_correct_registers_answer_always_passes(seed: int, values: int | None, swaps: float, unknown: float):
    history = correct(120, keys=2, clients=4, values=values, swaps=swaps, unknown=unknown, in_turn=True, seed=seed)
    assert linearizability(history).holds


def test_one_wrong_answer_among_sixty_is_nearly_always_found():
    found = 0
    for seed in range(100):
        history = spoiled(correct(60, clients=3, seed=seed), seed)
        verdict = linearizability(history)
        found += verdict.holds is False
    assert found > 90


# -- the reasons ------------------------------------------------------------------------------------------------------


def told(text: str) -> tuple[str, tuple[int, ...]]:
    (violation,) = linearizability(history(text))
    return violation.why, violation.operations


def test_a_value_that_nobody_wrote():
    assert told("r 7 1 2") == ("read 0 at 1.0–2.0 ms returned 7, but nobody wrote 7.", (0,))


def test_a_value_from_the_future():
    why = "read 0 at 1.0–2.0 ms returned 7, but write 1 of 7 began only at 3.0 ms."
    assert told("r 7 1 2\nw 7 3 4") == (why, (0, 1))


def test_a_value_that_was_overwritten():
    why = (
        "read 2 at 10.0–11.0 ms returned 1, but write 1 of 2 had been answered at 3.0 ms and nothing wrote 1 after it."
    )
    assert told("w 1 0 1\nw 2 2 3\nr 1 10 11") == (why, (2, 1))


def test_a_value_that_had_vanished():
    why = "read 1 at 10.0–11.0 ms returned nothing, but write 0 of 1 had been answered at 1.0 ms."
    assert told("w 1 0 1\nr 0 10 11") == (why, (1, 0))


def test_a_value_that_came_back_after_another_was_read():
    why = "read 3 at 4.0–5.0 ms returned 2, but read 2 at 2.0–3.0 ms returned 1 and nothing wrote 2 after it."
    assert told("w 1 0 1\nw 2 0 1\nr 1 2 3\nr 2 4 5") == (why, (3, 2))


def test_two_values_at_the_same_time():
    why, shown = told("w 1 0 1\nw 2 0 1\nr 1 2 3\nr 2 2 3")
    other = "read 2 returned 1 at 2.0–3.0 ms, and nothing wrote 2 or 1 after 1.0 ms"
    assert why == f"read 3 at 2.0–3.0 ms returned 2, but {other}."
    assert shown == (3, 2, 1, 0)


def test_a_value_that_must_come_before_and_after_another():
    why, shown = told("w 1 0 9\nw 2 0 9\nr 1 1 2\nr 2 3 4\nr 1 5 6")
    assert why == (
        "read 4 at 5.0–6.0 ms returned 1, but 1 cannot be there both before and after 2, each written only once: "
        "read 2 ended at 2.0 ms, before read 3 began at 3.0 ms, and read 3 ended at 4.0 ms, before read 4 began at "
        "5.0 ms."
    )
    assert shown == (4, 2, 3)


def test_one_value_replaced_twice():
    why = (
        "compare-and-set 2 at 2.0–4.0 ms put 6 in the place of 1, but compare-and-set 1 did the like, "
        "and 1 was written only once."
    )
    assert told("w 1 0 1\nc 1>5 2 3\nc 1>6 2 4") == (why, (2, 1))


def test_a_compare_and_set_that_missed_what_was_there():
    why = (
        "compare-and-set 1 at 4.0–5.0 ms did not find 1, but write 0 of 1 had been answered at 1.0 ms "
        "and nothing wrote anything else after it."
    )
    assert told("w 1 0 1\nc !1>2 4 5") == (why, (1, 0))


def test_what_has_no_simple_cause_is_told_by_how_far_the_best_order_came():
    why, _ = told("w 3 1 1\nr 3 2 2\nw 1 3 6\nr 1 4 4\nr 3 5 5\nw 3 0 -\nr 1 8 8\nr 3 9 9")
    assert why == (
        "read 6 at 8.0 ms returned 1, but no order of the 7 operations begun until then gives that: "
        "the longest that fits leaves 3 there."
    )


# -- what counts ------------------------------------------------------------------------------------------------------


def test_an_answer_at_the_very_moment_of_a_call_overlaps_it():
    assert linearizability(history("w 1 0 1\nr 0 1 2")).holds
    assert linearizability(history("w 1 0 1\nr 0 1.001 2")).holds is False


def test_a_write_without_an_answer_may_happen_at_any_later_time_once_or_never():
    assert linearizability(history("w 1 0 -\nr 0 10 11")).holds
    assert linearizability(history("w 1 0 -\nr 0 10 11\nr 1 50 51")).holds
    assert linearizability(history("w 1 0 -\nr 1 50 51\nr 0 60 61")).holds is False
    assert linearizability(history("r 1 0 1\nw 1 2 -")).holds is False


def test_a_refused_write_never_happens_even_if_somebody_reads_it():
    refused = Operation("a", "write", "x", 1, 0, 1, "failed")
    assert linearizability(History((refused, Operation("b", "read", "x", None, 2, 3)))).holds
    assert linearizability(History((refused, Operation("b", "read", "x", 1, 2, 3)))).holds is False


def test_keys_are_judged_apart_and_the_first_violation_in_time_comes_first():
    stale = history("w 1 0 1\nw 2 2 3\nr 1 10 11").operations
    later = [o._replace(key="y", call_ms=o.call_ms + 5, return_ms=(o.return_ms or 0) + 5) for o in stale]
    fine = [o._replace(key="z") for o in history("w 1 0 1\nr 1 2 3")]
    verdict = linearizability(History((*later, *stale, *fine)))
    assert [violation.key for violation in verdict] == ["x", "y"]
    assert str(verdict).startswith("linearizability: 2 violations in 8 operations on 3 keys. First: read 5 ")


def test_a_search_that_would_take_too_long_gives_up_and_says_so():
    hard = correct(400, clients=10, values=5, swaps=0.5, unknown=0.25)
    verdict = linearizability(hard, budget=2_000)
    assert verdict.holds is None
    assert verdict.undecided[0].startswith("Key 0 is undecided: the search gave up after 2,000 steps over ")
    assert str(verdict).startswith("linearizability: undecided in 400 operations on 1 key. Key 0 ")
    assert len(verdict) == 0


def test_an_empty_history_is_linearizable():
    assert linearizability(History(())).holds
    assert isinstance(linearizability(History(())), Verdict)


def test_ten_thousand_operations_of_which_hundreds_overlap_are_decided():
    assert linearizability(correct(10_000, keys=1, clients=300)).holds


# -- runs -------------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(scenarios(reads_per_s=500, read_from=LEADER, keys=3))
def test_3_one_leader_that_answers_all_reads_shows_no_anomaly_to_a_checker_that_sees_every_write(scenario: Scenario):
    verdict = linearizability(run(scenario))
    assert verdict.holds, f"{verdict} {scenario.share()}"


def test_3_the_same_writes_read_from_replicas_show_some():
    scenario = Scenario(duration_ms=500, rate_per_s=400, reads_per_s=400, keys=3, lag_ms=30, ack="async")
    verdict = linearizability(run(scenario))
    assert [violation.key for violation in verdict] == sorted(range(3), key=lambda key: violation_time(verdict, key))
    assert all(violation.nodes[0] != LEADER for violation in verdict)


def violation_time(verdict: Verdict, key: int) -> float:
    return next(violation.end_ms for violation in verdict if violation.key == key)
