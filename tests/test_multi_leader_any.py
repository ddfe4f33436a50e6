"""What holds in every run of several leaders, whatever goes wrong: over random scenarios with random faults."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replication_viz import Scenario, checks, measures, run
from replication_viz.rows import StepKind, replay
from replication_viz.rows.replay import FROM
from replication_viz.scenario import (
    Change,
    Crash,
    CutLink,
    Fault,
    LinkDelay,
    Partition,
    Restart,
    SkewClock,
    StallDisk,
)
from replication_viz.trace import OpKind, Position

from .test_multi_leader import EXCHANGES, RESOLVES

DATA = ("register", "counter", "set", "cart", "unique_name")
relaxed = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])


def some_faults(leaders: int, least: int = 0, most: int = 5) -> st.SearchStrategy[tuple[Fault, ...]]:
    """Return faults of every kind that fits, at any moment of a run of 400 ms."""
    names = [f"L{i}" for i in range(1, leaders + 1)]
    at, lasts = st.integers(0, 420).map(float), st.none() | st.integers(1, 300).map(float)
    node = st.sampled_from(names)
    way = st.permutations(names).map(lambda some: some[:2])
    some = st.one_of(
        st.builds(Crash, node=node, at_ms=at),
        st.builds(Restart, node=node, at_ms=at),
        st.builds(StallDisk, node=node, at_ms=at, for_ms=lasts, flush_ms=st.sampled_from([0.0, 30.0, 200.0])),
        st.builds(SkewClock, node=node, at_ms=at, by_ms=st.sampled_from([-500.0, -3.0, 0.0, 80.0])),
        st.builds(lambda n, at_ms, for_ms: Partition(nodes=(n,), at_ms=at_ms, for_ms=for_ms), node, at, lasts),
        st.builds(
            lambda w, both, at_ms, for_ms: CutLink(
                source=w[0], target=w[1], both_ways=both, at_ms=at_ms, for_ms=for_ms
            ),
            way,
            st.booleans(),
            at,
            lasts,
        ),
        st.builds(lambda w, at_ms: LinkDelay(source=w[0], target=w[1], at_ms=at_ms, extra_ms=40, for_ms=100), way, at),
        st.sampled_from([("rate_per_s", 900.0), ("lag_ms", 20.0), ("network_ms", 0.0), ("flush_ms", 9.0)]).flatmap(
            lambda to: st.builds(Change, setting=st.just(to[0]), value=st.just(to[1]), at_ms=at)
        ),
    )
    return st.lists(some, min_size=least, max_size=most).map(tuple)


@st.composite
def wild(draw: st.DrawFn, /, **fixed: Any) -> Scenario:
    """Return any scenario of several leaders, of 400 ms."""
    leaders = draw(st.integers(2, 5))
    values = draw(
        st.fixed_dictionaries(
            {
                "resolve": st.sampled_from(RESOLVES),
                "data": st.sampled_from(DATA),
                "rate_per_s": st.sampled_from([0.0, 20.0, 300.0]),
                "reads_per_s": st.sampled_from([0.0, 100.0]),
                "keys": st.integers(1, 20),
                "hot_share": st.sampled_from([0.0, 0.3, 1.0]),
                "remove_share": st.sampled_from([0.0, 0.4, 1.0]),
                "informed_share": st.sampled_from([0.0, 0.7, 1.0]),
                "exchange_ms": st.sampled_from([0.0, 0.0, 35.0]),
                "network_ms": st.sampled_from([0.0, 5.0, 60.0]),
                "flush_ms": st.sampled_from([0.01, 2.0, 20.0]),
                "record_bytes": st.sampled_from([1, 200, 100_000]),
                "clock_skew_ms": st.sampled_from([0.0, 50.0, -300.0]),
                "arrivals": st.sampled_from(["poisson", "constant"]),
                "clients": st.integers(1, 12),
                "seed": st.integers(0, 50),
            }
        )
    )
    exchange = draw(st.sampled_from(EXCHANGES)) if leaders < 4 else "all_to_all"
    if exchange == "star" and leaders == 3:
        exchange = "ring"  # where every two leaders talk, so that every cut fits
    faults = draw(some_faults(leaders))
    return Scenario(
        **{
            **values,
            "topology": "multi_leader",
            "leaders": leaders,
            "exchange": exchange,
            "faults": faults,
            "duration_ms": 400,
            **fixed,
        }
    )


@relaxed
@given(wild())
def test_no_run_breaks_and_every_measure_tells_something(scenario: Scenario):
    trace = run(scenario)
    assert trace.digest() == run(scenario).digest()
    assert len(measures.summary(trace)) >= 3
    for name in trace.nodes:
        assert measures.state_growth(trace, name).entries.min() >= 0
    checks.convergence(trace, quiet_ms=0)
    checks.no_lost_write(trace)


@relaxed
@given(wild())
def test_a_leader_gets_every_log_without_gap_and_without_repetition(scenario: Scenario):
    trace = run(scenario)
    for node, name in enumerate(trace.nodes):
        for whose in range(len(trace.nodes)):
            _, lsns = trace.steps(name, FROM[whose])
            assert (np.diff(lsns) > 0).all()
            assert whose != node or not len(lsns)
            assert lsns.max(initial=0) <= int(trace.at(trace.nodes[whose], Position.FLUSHED, trace.duration_ms))
    numbers = [step.found.record.number for step in replay(trace) if step.found and step.kind == StepKind.WRITE]
    assert sorted(numbers) == trace.ops.value[(trace.ops.kind == OpKind.WRITE) & (trace.ops.lsn > 0)].tolist()


@relaxed
@given(wild(), st.data())
def test_a_fault_leaves_everything_before_it_alone(scenario: Scenario, data: st.DataObject):
    [fault] = data.draw(some_faults(scenario.leaders, least=1, most=1))
    before, after = (run(one).until(fault.at_ms) for one in (scenario, scenario.with_fault(fault)))
    for table in before:
        for column, values in before[table].items():
            assert np.array_equal(values, after[table][column], equal_nan=values.dtype.kind == "f"), (table, column)


@relaxed
@given(wild(duration_ms=3_000.0, flush_ms=2.0, record_bytes=200))
def test_whatever_went_wrong_once_it_is_over_and_quiet_all_agree(scenario: Scenario):
    over = [f.model_copy(update={"for_ms": 50.0}) for f in scenario.faults if hasattr(f, "for_ms")]
    others = [f for f in scenario.faults if not hasattr(f, "for_ms") and not isinstance(f, Change)]
    back = [Restart(node=name, at_ms=600) for name in scenario.node_names]
    stop = Change(setting="rate_per_s", value=0, at_ms=450)
    trace = run(scenario.but(faults=(*over, *others, *back, stop)))
    verdict = checks.convergence(trace)
    assert verdict.holds, str(verdict)
