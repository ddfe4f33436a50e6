"""Session guarantees: by positions, by times, and by the writes that a node held."""

from typing import Any

import pytest
from hypothesis import assume, given, settings

from replication_viz import Scenario, run
from replication_viz.checks import (
    SESSION_GUARANTEES,
    History,
    Operation,
    monotonic_reads,
    monotonic_writes,
    read_your_writes,
    session_guarantees,
    writes_follow_reads,
)
from replication_viz.scenario import LEADER

from .reference import case_id, cases
from .strategies import scenarios

SHORT = dict(zip(("RYW", "MR", "MW", "WFR"), SESSION_GUARANTEES, strict=True))


def broken(history: History) -> list[str]:
    """Return the short names of the guarantees that a history breaks."""
    verdicts = session_guarantees(history)
    return [short for short, name in SHORT.items() if not verdicts[name].holds]


def in_order(ops: list[dict[str, Any]]) -> History:
    """Return operations that follow one another, as the reference writes them."""
    return History(
        tuple(
            Operation(
                session=op["session"],
                kind="write" if op["op"] == "w" else "read",
                key=op.get("key", "x"),
                value=op["id"] if op["op"] == "w" else None,
                call_ms=place,
                return_ms=place + 0.5,
                node=op.get("server", ""),
                name=op.get("id", ""),
                seen=tuple(op["seen"]) if "seen" in op else None,
            )
            for place, op in enumerate(ops)
        )
    )


def by_position(text: str) -> History:
    """Return operations on one key that follow one another: session, what, value, position, and the node of a read."""
    rows = [line.split() for line in text.strip().splitlines()]
    return History(
        tuple(
            Operation(
                session=session,
                kind="write" if what == "w" else "read",
                key="x",
                value=None if value == "-" else int(value),
                call_ms=10 * place,
                return_ms=10 * place + 5,
                node=node[0] if node else "",
                lsn=int(lsn) if lsn != "-" else None,
            )
            for place, (session, what, value, lsn, *node) in enumerate(rows)
        )
    )


# -- by the writes that a node held -----------------------------------------------------------------------------------


@pytest.mark.parametrize("case", cases("session", "guarantee checker"), ids=case_id)
def test_the_guarantees_that_are_broken_are_those_of_the_reference(case: dict[str, Any]):
    assert sorted(broken(in_order(case["inputs"]["ops"]))) == sorted(case["expected"])


def w(session: str, name: str, **more: Any) -> dict[str, Any]:
    return {"session": session, "op": "w", "id": name, "server": "L", **more}


def r(session: str, *seen: str, **more: Any) -> dict[str, Any]:
    return {"session": session, "op": "r", "seen": list(seen), "server": "R", **more}


@pytest.mark.parametrize(
    ("ops", "expected"),
    [
        ([w("a", "w1"), r("a", "w1"), r("a", "w1", "w2")], []),
        ([w("b", "w1"), r("a", "w1"), r("a")], ["MR"]),
        ([w("a", "w1"), w("a", "w2"), r("b", "w2")], ["MW"]),
        ([w("a", "w1"), w("a", "w2"), r("b", "w2", "w1")], ["MW"]),
        ([w("a", "w1"), w("a", "w2"), r("b", "w1", "w2")], []),
        ([w("a", "w1"), w("a", "w2"), r("b", "w1")], []),
        ([w("a", "w1"), w("a", "w2"), r("a", "w2")], ["RYW", "MW"]),
        ([w("b", "w1"), r("a", "w1"), w("a", "w2"), r("c", "w2")], ["WFR"]),
        ([w("b", "w1"), r("a", "w1"), w("a", "w2"), r("c", "w2", "w1")], ["WFR"]),
        ([w("b", "w1"), r("a", "w1"), w("a", "w2"), r("c", "w1", "w2")], []),
        ([w("b", "w1"), r("a"), w("a", "w2"), r("c", "w2")], []),
        ([w("a", "w1"), w("a", "w2", seen=[])], ["MW"]),
        ([w("b", "w1"), r("a", "w1"), w("a", "w2", seen=["w0"])], ["WFR"]),
        ([w("a", "w1"), r("a", key="y")], []),
    ],
)
def test_a_node_must_hold_what_a_session_wrote_and_read_before_and_in_that_order(
    ops: list[dict[str, Any]], expected: list[str]
):
    assert broken(in_order(ops)) == expected


def test_the_reason_names_what_the_node_lacked():
    verdicts = session_guarantees(in_order([w("a", "w1"), w("a", "w2"), r("b", "w2"), r("a")]))
    assert verdicts["read your writes"][0].why == (
        "R, asked by read 3 at 3.0–3.5 ms, did not hold w1 and w2, which session a had written before "
        "(write 0 at 0.0–0.5 ms)."
    )
    assert verdicts["monotonic writes"][0].why == (
        "R, asked by read 2 at 2.0–2.5 ms, held w2, but not w1 before it, which session a had written before it wrote "
        "w2 (write 0 at 0.0–0.5 ms)."
    )
    assert verdicts["monotonic writes"][0].operations == (2, 1, 0)


# -- by positions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a w 1 5 \n a r 1 5", []),
        ("a w 1 5 \n a r - 4", ["RYW"]),
        ("a w 1 5 \n b r - 4", []),
        ("b w 7 4 \n a w 1 5 \n a r 7 4", ["RYW"]),
        ("a w 1 5 \n b w 7 6 \n a r 7 6", []),
        ("b w 7 4 \n b w 8 5 \n a r 8 5 \n a r 7 4", ["MR"]),
        ("b w 7 4 \n b w 8 5 \n a r 8 5 \n a r 7 4 \n a r 7 4 \n a r 8 5", ["MR"]),
        ("a w 1 5 \n a w 2 4", ["MW"]),
        ("a w 1 5 \n b w 2 4", []),
        ("b w 1 5 \n a r 1 5 \n a w 2 4", ["WFR"]),
        ("b w 1 5 \n a r 1 5 \n a w 2 6", []),
        ("b w 1 5 \n a r 9 9", []),
    ],
)
def test_an_older_position_than_the_session_has_written_or_read_is_a_violation(text: str, expected: list[str]):
    assert broken(by_position(text)) == expected


def test_a_violation_says_why_with_numbers_and_units_and_where_to_see_it():
    history = by_position("b w 7 40 L \n a w 8 43 L \n a r 8 43 s1 \n a r 7 40 s2")
    (own,) = read_your_writes(history)
    assert str(own) == (
        "read 3 at 30.0–35.0 ms on s2 returned 7 (LSN 40) for key x, but write 1 of the same session had put "
        "8 (LSN 43) there, answered at 15.0 ms."
    )
    assert own.named == (
        "read 3 (session a, key x) at 30.0–35.0 ms on s2 returned 7",
        "write 1 (session a, key x) at 10.0–15.0 ms on L wrote 8",
    )
    assert (own.operations, own.nodes, own.key, own.session) == ((3, 1), ("s2", "L"), "x", "a")
    assert (own.begin_ms, own.end_ms) == (10, 35)
    (back,) = monotonic_reads(history)
    assert str(back) == (
        "read 3 at 30.0–35.0 ms on s2 returned 7 (LSN 40) for key x, but read 2 of the same session had returned "
        "8 (LSN 43) at 20.0–25.0 ms on s1."
    )
    assert str(monotonic_writes(by_position("a w 1 5 \n a w 2 4"))) == (
        "monotonic writes: 1 violation in 2 operations of 1 session. write 1 at 10.0–15.0 ms put 2 (LSN 4) into key x, "
        "which is before 1 (LSN 5) of write 0, answered to the same session at 5.0 ms."
    )
    assert writes_follow_reads(by_position("b w 1 5 \n a r 1 5 \n a w 2 4"))[0].why == (
        "write 2 at 20.0–25.0 ms put 2 (LSN 4) into key x, which is before 1 (LSN 5) that read 1 of the same session "
        "had returned at 10.0–15.0 ms."
    )


def test_a_later_term_is_newer_whatever_the_position():
    operations = by_position("a w 1 100 \n b w 2 90 \n a r 2 90").operations
    assert broken(History(operations)) == ["RYW"]
    assert broken(History((operations[0], *(o._replace(term=2) for o in operations[1:])))) == []


def test_of_two_writes_of_one_value_the_position_of_the_read_tells_which_it_showed():
    assert broken(by_position("b w 7 4 \n a w 8 5 \n b w 7 9 \n a r 7 6")) == ["RYW"]
    assert broken(by_position("b w 7 4 \n a w 8 5 \n b w 7 9 \n a r 7 9")) == []


# -- by times ---------------------------------------------------------------------------------------------------------


def test_without_positions_a_write_that_was_answered_before_another_was_asked_is_the_older():
    assert broken(by_position("b w 7 - \n a w 8 - \n a r 7 -")) == ["RYW"]
    assert broken(by_position("b w 7 - \n b w 8 - \n a r 8 - \n a r 7 -")) == ["MR"]


def test_without_positions_writes_that_overlap_have_no_order_so_nothing_is_said():
    first = Operation("b", "write", "x", 7, 0, 30)
    second = Operation("a", "write", "x", 8, 10, 20)
    for value in (7, 8):
        assert broken(History((first, second, Operation("a", "read", "x", value, 40, 41)))) == []
    assert broken(History((first, second, Operation("a", "read", "x", None, 40, 41)))) == ["RYW"]


@pytest.mark.parametrize("outcome", ["failed", "unknown"])
def test_a_write_that_was_not_acknowledged_need_not_be_seen(outcome: Any):
    write = Operation("a", "write", "x", 1, 0, 1, outcome)
    assert broken(History((write, Operation("a", "read", "x", None, 2, 3)))) == []


def test_what_overlaps_in_a_session_has_no_order():
    write = Operation("a", "write", "x", 1, 0, 10)
    assert broken(History((write, Operation("a", "read", "x", None, 5, 6)))) == []
    assert broken(History((write, Operation("a", "read", "x", None, 10, 11)))) == ["RYW"]


# -- runs -------------------------------------------------------------------------------------------------------------


def plainly_stale(history: History) -> set[int]:
    """Return the reads at positions below the last acknowledged write of their session to their key."""
    return {
        number
        for number, read in enumerate(history)
        if read.kind == "read" and read.outcome == "ok" and seen_lsn(history, read) < own_lsn(history, read)
    }


def seen_lsn(history: History, read: Operation) -> int:
    return max((o.lsn for o in history if o.writes and (o.key, o.value) == (read.key, read.value)), default=0)  # type: ignore[return-value,type-var]


def own_lsn(history: History, read: Operation) -> int:
    own = (o for o in history if o.writes and (o.session, o.key) == (read.session, read.key))
    return max((o.lsn for o in own if o.end_ms <= read.call_ms), default=0)  # type: ignore[return-value,type-var]


@settings(deadline=None)
@given(scenarios(reads_per_s=800, keys=3, clients=3, arrivals="poisson", rate_per_s=400))
def test_the_reads_of_any_run_that_miss_their_sessions_own_writes_are_those_found_one_by_one(scenario: Scenario):
    history = History.of(run(scenario))
    logged = [o.lsn for o in history if o.writes and o.lsn is not None]
    assume(len(set(logged)) == len(logged))  # no crash let a position be used twice
    assert {violation.operations[0] for violation in read_your_writes(history)} == plainly_stale(history)


@settings(deadline=None)
@given(scenarios(reads_per_s=500, read_from=LEADER, keys=3, clients=3))
def test_who_reads_from_the_leader_keeps_every_guarantee(scenario: Scenario):
    for verdict in session_guarantees(run(scenario)).values():
        assert verdict.holds, f"{verdict} {scenario.share()}"


def test_who_reads_from_slow_replicas_in_turn_loses_its_own_writes_and_goes_back_in_time():
    slow = Scenario(duration_ms=2_000, rate_per_s=300, reads_per_s=600, keys=5, clients=3, ack="async", seed=3)
    verdicts = session_guarantees(run(slow.but(lag_ms=60, network_ms=20, network_shape="exponential")))
    assert len(verdicts["read your writes"]) > 50
    assert len(verdicts["monotonic reads"]) > 5
    assert verdicts["monotonic writes"].holds
    assert verdicts["writes follow reads"].holds
    assert all(violation.nodes[0] in ("s1", "s2", "s3") for violation in verdicts["read your writes"])
