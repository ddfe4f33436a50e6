"""What holds in every run, whatever goes wrong: checked over random scenarios with random faults."""

import numpy as np
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from replication_viz import Scenario, Trace, measures, run
from replication_viz.scenario import Fault, Restart
from replication_viz.trace import MarkKind, OpKind, Outcome, Position

from .strategies import faults, scenarios

relaxed = settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def traced(scenario: Scenario) -> Trace:
    note(f"Scenario.from_share({scenario.share()!r})")
    note(scenario.to_json())
    return run(scenario)


@relaxed
@given(scenarios())
def test_a_replica_never_replays_what_it_has_not_flushed_nor_flushes_what_it_has_not_received(scenario: Scenario):
    trace = traced(scenario)
    moments = np.unique(trace.levels.time)
    leader = trace.at("L", Position.FLUSHED, moments)
    for name in trace.nodes[1:]:
        received, flushed, replayed = (
            trace.at(name, which, moments) for which in (Position.RECEIVED, Position.FLUSHED, Position.REPLAYED)
        )
        assert (replayed <= flushed).all()
        assert (flushed <= received).all()
        assert (received <= leader).all()


@relaxed
@given(scenarios())
def test_commits_only_move_on_and_never_past_the_leaders_disk(scenario: Scenario):
    trace = traced(scenario)
    moments = np.unique(trace.levels.time)
    committed = trace.at("L", Position.COMMITTED, moments)
    assert (np.diff(committed) >= 0).all()
    assert (committed <= trace.at("L", Position.FLUSHED, moments)).all()
    assert (np.diff(trace.at("L", Position.FLUSHED, moments)) >= 0).all()


@relaxed
@given(scenarios())
def test_a_write_is_answered_after_it_was_made_in_the_order_of_the_log_and_not_before_it_is_committed(
    scenario: Scenario,
):
    trace = traced(scenario)
    ops = measures.writes(trace)
    ops = ops.where(ops.outcome == Outcome.OK)
    assert (ops.returned >= ops.invoked).all()
    assert (np.diff(ops.lsn) > 0).all()
    assert (np.diff(ops.returned) >= 0).all()
    assert (ops.lsn <= trace.at("L", Position.COMMITTED, ops.returned)).all()


@relaxed
@given(scenarios())
def test_messages_of_a_link_arrive_in_the_order_in_which_they_were_sent(scenario: Scenario):
    flights = traced(scenario).flights
    assert (np.diff(flights.sent) >= 0).all()
    assert (flights.arrived >= flights.sent).all()
    for link in set(zip(flights.source.tolist(), flights.target.tolist(), strict=True)):
        mine = (flights.source == link[0]) & (flights.target == link[1])
        assert (np.diff(flights.arrived[mine]) >= 0).all()


@relaxed
@given(scenarios())
def test_no_position_lies_beyond_what_was_appended(scenario: Scenario):
    trace = traced(scenario)
    levels = trace.levels
    appended = np.maximum.accumulate(np.where(levels.which == Position.APPENDED, levels.lsn, 0))
    assert (levels.lsn <= appended).all()
    assert (levels.lsn >= 0).all()
    assert (np.diff(levels.time) >= 0).all()
    assert (trace.flights.lsn_to <= appended.max(initial=0)).all()


@relaxed
@given(scenarios())
def test_a_replica_receives_the_log_without_gap_and_without_repetition(scenario: Scenario):
    """What raises a replica's position is a batch that begins at or before it, arrived at that moment."""
    trace = traced(scenario)
    flights = trace.flights
    for name in trace.nodes[1:]:
        number = trace.number(name)
        times, lsns = trace.steps(name, Position.RECEIVED)
        before = np.concatenate([[0], lsns])[: len(lsns)]
        for time, lsn, had in zip(times.tolist(), lsns.tolist(), before.tolist(), strict=True):
            if lsn < had:
                continue  # a crash took what was not flushed
            batch = (flights.target == number) & (flights.arrived == time) & ~flights.lost & (flights.lsn_to == lsn)
            assert (flights.lsn_from[batch] <= had).any()


@relaxed
@given(scenarios())
def test_each_node_has_one_state_at_every_moment(scenario: Scenario):
    trace = traced(scenario)
    for number in range(len(trace.nodes)):
        mine = trace.states.where(trace.states.node == number)
        assert mine.begin[0] == 0
        assert mine.end[-1] == trace.duration_ms
        assert (mine.begin[1:] == mine.end[:-1]).all()
        assert (mine.up[1:] != mine.up[:-1]).all()


@relaxed
@given(scenarios())
def test_nothing_happens_after_the_end_and_rows_are_in_order(scenario: Scenario):
    trace = traced(scenario)
    for times in (trace.ops.invoked, trace.flights.sent, trace.levels.time, trace.marks.time):
        assert (np.diff(times) >= 0).all()
        assert (times >= 0).all()
        assert (times <= trace.duration_ms).all()


@relaxed
@given(scenarios())
def test_a_write_that_failed_is_in_no_log_and_every_other_write_has_a_position(scenario: Scenario):
    ops = measures.writes(traced(scenario))
    failed = ops.outcome == Outcome.FAILED
    assert (ops.lsn[failed] == -1).all()
    assert (ops.lsn[~failed] > 0).all()


@relaxed
@given(scenarios(), st.sampled_from(["best", "worst", "s1"]))
def test_loss_at_many_moments_is_the_loss_at_each_and_each_lost_write_is_named(scenario: Scenario, promote: str):
    trace = traced(scenario)
    if promote == "s1" and scenario.replicas == 0:
        return
    moments = np.linspace(0, scenario.duration_ms, 7)
    at_once = measures.loss(trace, moments, promote)
    assert (at_once.lost >= 0).all()
    for i, moment in enumerate(moments.tolist()):
        alone = measures.loss(trace, moment, promote)
        assert alone.lost[0] == at_once.lost[i]
        assert alone.promoted[0] == at_once.promoted[i]
        assert len(alone.writes) == alone.lost[0]
        assert (alone.writes.returned <= moment).all()


@relaxed
@given(scenarios())
def test_every_measure_copes_with_every_trace(scenario: Scenario):
    trace = traced(scenario)
    assert all(isinstance(row.value, float | int) for row in measures.summary(trace))
    for name in trace.nodes[1:]:
        for kind in ("write", "flush", "replay"):
            _, worst = measures.lag_curve(trace, name, kind, bins=20)
            assert (worst >= 0).all()
    _, latency = measures.latency_curve(trace, bins=20)
    assert not (latency < 0).any()
    assert (measures.waiting(trace, np.linspace(0, scenario.duration_ms, 9)) >= 0).all()


@relaxed
@given(scenarios(reads_per_s=500.0))
def test_a_read_sees_what_its_node_shows_at_that_moment(scenario: Scenario):
    trace = traced(scenario)
    reads = trace.ops.where((trace.ops.kind == OpKind.READ) & (trace.ops.outcome == Outcome.OK))
    for number, name in enumerate(trace.nodes):
        mine = reads.where(reads.node == number)
        shows = Position.COMMITTED if name == "L" else Position.REPLAYED
        assert (mine.lsn == trace.at(name, shows, mine.invoked)).all()


@settings(relaxed, max_examples=25)
@given(scenarios(max_faults=2), st.data())
def test_after_everything_has_healed_every_replica_catches_up(scenario: Scenario, data: st.DataObject):
    """Whatever went wrong in the first 200 ms, a second later all is well again and nothing is missing."""
    broken = data.draw(st.lists(faults(max(scenario.replicas, 1), 200.0), max_size=4))
    mended: list[Fault] = []
    for fault in broken:
        if fault.kind in ("crash", "restart"):
            mended += [fault, Restart(node=fault.node, at_ms=260)]
        elif fault.kind != "change":
            mended.append(fault.model_copy(update={"for_ms": 30.0}))  # none lasts
    calm = Scenario(
        **{
            **{name: getattr(scenario, name) for name in ("ack", "level", "arrivals", "seed", "clients", "nodes")},
            "replicas": max(scenario.replicas, 1),
            "rate_per_s": 300,
            "think_ms": 5 * scenario.clients,  # at most 200 writes a second, which the slowest replay drawn can do
            "faults": tuple(mended),
            "duration_ms": 2_000,
        }
    )
    trace = traced(calm)
    head = trace.at("L", Position.FLUSHED, 1_500.0)
    assert head > 0
    for name in trace.nodes[1:]:
        assert trace.at(name, Position.REPLAYED, 2_000.0) >= head
        assert trace.at(name, Position.FLUSHED, 2_000.0) >= head


@settings(relaxed, max_examples=100, phases=[Phase.generate, Phase.shrink])
@given(scenarios(), st.data())
def test_a_fault_leaves_the_past_alone(scenario: Scenario, data: st.DataObject):
    moment = data.draw(st.integers(0, int(scenario.duration_ms * 10)).map(lambda n: n / 10))
    fork = scenario.with_fault(
        data.draw(faults(scenario.replicas, scenario.duration_ms)).model_copy(update={"at_ms": moment})
    )
    base, forked = traced(scenario).until(moment), traced(fork).until(moment)
    for table, columns in base.items():
        for name, column in columns.items():
            np.testing.assert_array_equal(column, forked[table][name], err_msg=f"{table}.{name}")


@relaxed
@given(scenarios())
def test_a_spell_of_waiting_ends_after_it_began(scenario: Scenario):
    marks = traced(scenario).marks
    blocked = marks.where(marks.kind == MarkKind.BLOCKED)
    assert (blocked.until > blocked.time).all()
