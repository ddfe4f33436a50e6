"""One leader, no lost write, the same everywhere: on runs, on runs that were tampered with, and on plain histories."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from replication_viz import Scenario, Trace, run
from replication_viz.checks import (
    History,
    Operation,
    convergence,
    no_lost_write,
    one_leader_acknowledges,
    one_leader_per_term,
)
from replication_viz.checks.from_trace import held, leading, up
from replication_viz.scenario import LEADER, Change, Crash, Partition, Restart
from replication_viz.trace import OpKind, Outcome, Position, Role, States

from .strategies import scenarios

CALM = Scenario(duration_ms=2_000, rate_per_s=200, reads_per_s=50, keys=4, replicas=2, ack="async")
QUIET = Change(setting="rate_per_s", value=0, at_ms=800)


def with_states(trace: Trace, *rows: tuple[int, float, float, Role, bool, int]) -> Trace:
    """Return a trace with other states: node, begin, end, role, up, term."""
    node, begin, end, role, is_up, term = (np.array(column) for column in zip(*rows, strict=True))
    fenced = np.zeros(len(rows), dtype=np.bool_)
    return replace(trace, states=States(node.astype(np.int8), begin, end, role.astype(np.int8), is_up, fenced, term))


def two_leaders(trace: Trace, term: int) -> Trace:
    """Return a trace in which s1 leads as well from 500 ms on."""
    return with_states(
        trace,
        (0, 0.0, 2_000.0, Role.LEADER, True, 1),
        (1, 0.0, 500.0, Role.REPLICA, True, 1),
        (1, 500.0, 2_000.0, Role.LEADER, True, term),
        (2, 0.0, 2_000.0, Role.REPLICA, True, 1),
    )


def acknowledged(*rows: tuple[str, int | None, float]) -> History:
    """Return answered writes: node, term, time of the answer."""
    return History(
        tuple(
            Operation("a", "write", "x", value, at - 1, at, node=node, term=term)
            for value, (node, term, at) in enumerate(rows)
        )
    )


# -- one leader -------------------------------------------------------------------------------------------------------


def test_two_leaders_of_one_term_are_named_with_their_times():
    verdict = one_leader_per_term(two_leaders(run(CALM), term=1))
    assert str(verdict) == (
        "one leader per term: 1 violation in 1 term. Term 1 had 2 leaders: L from 0.0 ms and s1 from 500.0 ms."
    )
    assert (verdict[0].nodes, verdict[0].begin_ms, verdict[0].end_ms) == (("L", "s1"), 500, 2_000)


def test_two_leaders_of_two_terms_are_none():
    assert one_leader_per_term(two_leaders(run(CALM), term=2)).holds
    assert str(one_leader_per_term(run(CALM))) == "one leader per term: holds in 1 term."


def test_two_nodes_that_acknowledge_by_turns_are_named_with_how_often_the_first_went_on():
    history = acknowledged(("L", 1, 10), ("s1", 2, 20), ("L", 1, 30), ("s1", 2, 40), ("L", 1, 50), ("s1", 2, 60))
    (violation,) = one_leader_acknowledges(history)
    assert str(violation) == (
        "L (term 1) still acknowledged 2 writes, the last at 50.0 ms, after s1 (term 2) had begun to at 20.0 ms."
    )
    assert (violation.operations, violation.nodes) == ((2, 1), ("L", "s1"))
    assert (violation.begin_ms, violation.end_ms) == (20, 50)
    assert violation.named[1] == "write 1 (session a, key x) at 19.0–20.0 ms on s1 wrote 1"


@pytest.mark.parametrize(
    ("rows", "holds"),
    [
        ([("L", 1, 10), ("L", 1, 20), ("s1", 2, 30), ("s1", 2, 40)], True),
        ([("L", 1, 10), ("s1", 2, 20), ("L", 3, 30)], True),
        ([("L", None, 10), ("s1", None, 20), ("L", None, 30)], False),
        ([("L", 1, 10), ("s1", 2, 20), ("L", 1, 30)], False),
        ([("L", 1, 10), ("L", 1, 20), ("s1", 2, 20), ("s1", 2, 30)], True),
        ([("L", 1, 10), ("s1", 2, 20), ("L", 1, 20), ("s1", 2, 30)], True),
        ([("s1", 2, 10), ("L", 1, 10), ("L", 1, 20)], False),
        ([("L", 1, 15), ("s1", 2, 10), ("s1", 2, 20)], False),
        ([], True),
    ],
)
def test_who_stops_before_the_other_begins_or_leads_again_in_a_later_term_breaks_nothing(rows: Any, holds: bool):
    assert one_leader_acknowledges(acknowledged(*rows)).holds is holds


def test_what_is_read_or_refused_or_in_doubt_acknowledges_nothing():
    write = Operation("a", "write", "x", 1, 0, 10, node="L")
    others = [
        Operation("a", "read", "x", 1, 4, 5, node="s1"),
        Operation("a", "write", "x", 2, 4, 5, "failed", node="s1"),
        Operation("a", "write", "x", 3, 4, 5, "unknown", node="s1"),
    ]
    assert one_leader_acknowledges(History((write, *others, write._replace(return_ms=1, value=4)))).holds


# -- no lost write ----------------------------------------------------------------------------------------------------


def test_an_acknowledged_write_that_the_log_lacks_is_lost():
    history = History(
        (
            Operation("a", "write", "x", 1, 0, 1),
            Operation("a", "write", "x", 2, 2, 3),
            Operation("b", "write", "y", 3, 2, 3, "failed"),
            Operation("b", "write", "y", 4, 4, None, "unknown"),
        )
    )
    verdict = no_lost_write(history, log={"x": [1]})
    assert str(verdict) == (
        "no acknowledged write is lost: 1 violation in 2 acknowledged writes. "
        "write 1 of 2 to key x was acknowledged at 3.0 ms, but nothing that survived holds it."
    )
    assert verdict[0].operations == (1,)
    assert no_lost_write(history, log={"x": [2, 1]}).holds
    assert len(no_lost_write(history, log={})) == 2


def test_of_a_final_value_it_is_certain_only_that_what_is_newer_than_it_is_lost():
    history = History(
        (
            Operation("a", "write", "x", 1, 0, 1),
            Operation("a", "write", "x", 2, 2, 3),
            Operation("b", "write", "x", 3, 2, 9),
        )
    )
    older = no_lost_write(history, state={"x": 1})
    assert older[0].why == (
        "write 1 of 2 to key x was acknowledged at 3.0 ms, but in the end the key holds 1 of write 0, which is older."
    )
    assert [violation.operations for violation in older] == [(1, 0), (2, 0)]
    assert no_lost_write(history, state={"x": 2}).holds
    assert no_lost_write(history, state={"x": 3}).holds
    assert len(no_lost_write(history, state={})) == 3
    assert no_lost_write(history, state={})[0].why.endswith("but in the end the key holds nothing.")


def test_a_history_alone_does_not_tell_what_survived():
    with pytest.raises(ValueError, match=r"^log and state are None: a history does not tell what survived"):
        no_lost_write(History(()))


def test_a_run_whose_leader_dies_behind_a_partition_loses_what_no_replica_had_received():
    dies = (Partition(nodes=("s1", "s2"), at_ms=500), Crash(node=LEADER, at_ms=700))
    trace = run(CALM.but(faults=dies))
    verdict = no_lost_write(trace)
    acknowledged_later = (trace.ops.lsn > max(trace.at(name, Position.RECEIVED, 2_000) for name in ("s1", "s2"))) & (
        trace.ops.outcome == Outcome.OK
    )
    assert [v.operations[0] for v in verdict] == np.flatnonzero(
        acknowledged_later & (trace.ops.kind == OpKind.WRITE)
    ).tolist()
    assert 20 < len(verdict) < 60  # 200 ms of 200 writes a second
    assert verdict[0].why.endswith("ms, but no node that is up in the end (s1 and s2) holds it.")
    assert no_lost_write(run(CALM.but(faults=(*dies, Restart(node=LEADER, at_ms=900))))).holds


@settings(deadline=None)
@given(scenarios())
def test_a_leader_that_is_up_in_the_end_has_every_write_that_it_ever_acknowledged(scenario: Scenario):
    trace = run(scenario)
    if leading(trace, trace.duration_ms):
        verdict = no_lost_write(trace)
        assert verdict.holds, f"{verdict} {scenario.share()}"


def test_who_leads_and_who_is_up_is_told_for_any_moment():
    trace = run(CALM.but(faults=(Crash(node=LEADER, at_ms=500), Restart(node=LEADER, at_ms=700))))
    assert [leading(trace, at) for at in (0, 499, 500, 699, 700, 2_000)] == ["L", "L", "", "", "L", "L"]
    assert [up(trace, at) for at in (0, 600)] == [["L", "s1", "s2"], ["s1", "s2"]]
    split = two_leaders(trace, term=2)
    assert leading(split, 400) == "L"
    assert leading(split, 600) == "s1"


def test_the_log_of_a_replica_holds_what_it_has_received():
    trace = run(CALM.but(lag_ms=100))
    values = {value for values in held(trace, "s1", 1_000).values() for value in values}
    received = int(trace.at("s1", Position.RECEIVED, 1_000))
    assert values == set(trace.ops.value[(trace.ops.kind == OpKind.WRITE) & (trace.ops.lsn <= received)].tolist())


# -- convergence ------------------------------------------------------------------------------------------------------


def test_after_a_quiet_second_all_nodes_of_a_calm_run_show_the_same():
    assert str(convergence(run(CALM.but(faults=(QUIET,))))) == "convergence: holds in 3 nodes."


def test_while_writes_come_nothing_is_said():
    verdict = convergence(run(CALM))
    assert verdict.holds is None
    assert verdict.undecided[0].endswith("ms before the end: nodes need 1,000 ms of quiet to be judged.")
    assert convergence(run(CALM.but(faults=(QUIET,))), quiet_ms=1_300).holds is None


def test_a_node_that_is_cut_off_differs_key_by_key_and_one_that_is_down_is_not_asked():
    cut = Partition(nodes=("s2",), at_ms=300)
    verdict = convergence(run(CALM.but(faults=(cut, QUIET))))
    assert len(verdict) == 4
    assert verdict[0].why.startswith(f"Key {verdict[0].key} holds ")
    assert " on L and s1 and " in verdict[0].why
    assert verdict[0].why.endswith(" ms after the last write.")
    assert convergence(run(CALM.but(faults=(cut, QUIET, Crash(node="s2", at_ms=900))))).holds


def test_any_contents_can_be_compared():
    verdict = convergence({"eu": {"cart": {1, 2}, "name": "Ada"}, "us": {"cart": {2, 1}}})
    assert [violation.why for violation in verdict] == ["Key name holds Ada on eu and nothing on us."]
    assert convergence({"eu": {}, "us": {}}).holds


@settings(deadline=None)
@given(scenarios(max_faults=0, arrivals="constant"))
def test_every_calm_run_converges_when_writes_end(scenario: Scenario):
    end = scenario.duration_ms
    if scenario.network_ms > 20 or scenario.replay_us > 500 or scenario.bandwidth_mbit < 10 or scenario.apply_delay_ms:
        return  # too slow to be done in the time that is left
    if scenario.sync_rule().count > scenario.replicas:
        return  # no commit ever returns: what replicas show the leader never does
    calm = scenario.but(duration_ms=end + 2_000, faults=(Change(setting="rate_per_s", value=0, at_ms=end),), nodes={})
    verdict = convergence(run(calm))
    assert verdict.holds, f"{verdict} {calm.share()}"
