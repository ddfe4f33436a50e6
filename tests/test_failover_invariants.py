"""What holds in every run in which leaders come and go; one that fails prints its share string."""

import numpy as np
from hypothesis import HealthCheck, given, note, settings

from replication_viz import Scenario, Trace, checks, measures, run
from replication_viz.timelines import Timelines
from replication_viz.trace import OpKind, Outcome, Position

from .strategies import failovers

relaxed = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def traced(scenario: Scenario) -> Trace:
    note(f"Scenario.from_share({scenario.share()!r})")
    return run(scenario)


@relaxed
@given(failovers())
def test_each_timeline_has_one_leader_and_begins_in_its_parent(scenario: Scenario):
    trace = traced(scenario)
    assert len(checks.one_leader_per_term(trace)) == 0
    forks = Timelines(trace).forks
    assert list(forks) == list(range(1, len(forks) + 1))
    for fork in forks.values():
        assert fork.parent < fork.term
        assert fork.lsn >= 0


@relaxed
@given(failovers())
def test_the_measure_and_the_checker_name_the_same_lost_writes(scenario: Scenario):
    trace = traced(scenario)
    leading = measures.leaders_at(trace, trace.duration_ms)
    forks = Timelines(trace).forks
    if leading and leading[-1].term == max(forks):
        named = {value for violation in checks.no_lost_write(trace) for value in _values(violation)}
        assert named == set(measures.lost(trace).value.tolist())


def _values(violation: checks.Violation) -> list[int]:
    assert violation.history is not None
    return [int(str(violation.history[number].value)) for number in violation.operations[:1]]


@relaxed
@given(failovers())
def test_positions_are_in_order_on_every_node(scenario: Scenario):
    trace = traced(scenario)
    moments = np.unique(trace.levels.time)
    for name in trace.nodes:
        flushed = trace.at(name, Position.FLUSHED, moments)
        assert (trace.at(name, Position.REPLAYED, moments) <= np.maximum.accumulate(flushed)).all()
        assert (trace.at(name, Position.COMMITTED, moments) <= np.maximum.accumulate(flushed)).all()


@relaxed
@given(failovers())
def test_every_operation_is_answered_once_and_not_before_it_was_asked(scenario: Scenario):
    trace = traced(scenario)
    ops = trace.ops
    told = ~np.isnan(ops.returned)
    assert (ops.returned[told] >= ops.invoked[told]).all()
    assert told[ops.outcome != Outcome.UNKNOWN].all()
    written = (ops.kind == OpKind.WRITE) & (ops.lsn > 0) & ~Timelines(trace).erased(ops)
    term = Timelines(trace).term_of(ops)
    places = list(zip(term[written].tolist(), ops.lsn[written].tolist(), strict=True))
    assert len(places) == len(set(places))


@relaxed
@given(failovers())
def test_the_same_scenario_gives_the_same_run(scenario: Scenario):
    assert traced(scenario).digest() == run(scenario).digest()
