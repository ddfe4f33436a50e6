"""Replicas that feed replicas: what the chain costs, who counts, what breaks with the one in the middle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replication_viz import Scenario, ScenarioError, measures, run
from replication_viz.scenario import Crash, CutLink, NodeSettings, Restart, StallDisk
from replication_viz.trace import FlightKind, MarkKind, Position, Trace

CHAIN = Scenario(
    replicas=3,
    ack="async",
    rate_per_s=500,
    network_ms=10,
    network_shape="constant",
    flush_shape="constant",
    nodes={"s2": NodeSettings(follows="s1"), "s3": NodeSettings(follows="s2")},
)


def typical_lag(trace: Trace, node: str, kind: str = "flush") -> float:
    return float(np.median(measures.lag(trace, node, kind, np.linspace(500, 1_900, 200))))  # type: ignore[arg-type]


def test_lag_adds_up_along_the_chain() -> None:
    trace = run(CHAIN)
    first, second, third = (typical_lag(trace, name) for name in ("s1", "s2", "s3"))
    hop = CHAIN.network_ms + CHAIN.flush_ms
    assert second - first == pytest.approx(hop, abs=2.5)
    assert third - second == pytest.approx(hop, abs=2.5)


def test_the_log_flows_along_the_chain_and_nowhere_else() -> None:
    flights = run(CHAIN).flights
    log = flights.kind == FlightKind.WAL
    assert set(zip(flights.source[log].tolist(), flights.target[log].tolist(), strict=True)) == {(0, 1), (1, 2), (2, 3)}
    replies = set(zip(flights.source[~log].tolist(), flights.target[~log].tolist(), strict=True))
    assert replies == {(1, 0), (2, 1), (3, 2)}


def test_a_commit_never_waits_for_a_cascaded_replica() -> None:
    assert CHAIN.direct == ("s1",)
    trace = run(CHAIN.but(ack="ANY 1 (s1, s2, s3)"))
    assert measures.commit_latency(trace).p50 == pytest.approx(2 + 20 + 2, abs=4)
    named = CHAIN.but(ack="s3")
    assert "no commit will ever return" in named.warnings()[0]
    assert measures.commit_latency(run(named)).unanswered == len(run(named).ops)


def test_a_stall_in_the_middle_holds_up_everyone_below_it() -> None:
    trace = run(CHAIN.but(faults=(StallDisk(node="s1", at_ms=500, flush_ms=1_000),)))
    assert measures.lag(trace, "s3", "flush", 1_450) > 800
    side_by_side = run(CHAIN.but(nodes={}, faults=(StallDisk(node="s1", at_ms=500, flush_ms=1_000),)))
    assert measures.lag(side_by_side, "s3", "flush", 1_450) < 50


def test_without_the_one_in_the_middle_those_below_stand_still_and_catch_up_when_it_is_back() -> None:
    trace = run(CHAIN.but(faults=(Crash(node="s1", at_ms=500), Restart(node="s1", at_ms=1_200)), duration_ms=3_000))
    assert trace.at("s3", Position.FLUSHED, 1_150) == trace.at("s3", Position.FLUSHED, 600)
    for name in ("s1", "s2", "s3"):
        assert trace.at(name, Position.FLUSHED, 3_000) >= trace.at("L", Position.FLUSHED, 2_900)
    texts = trace.marks.text[trace.marks.kind == MarkKind.RECONNECT].tolist()
    assert sorted(texts) == ["s1 is connected again", "s2 is connected again"]


def test_a_link_between_replicas_can_be_cut_and_heals() -> None:
    cut = CHAIN.but(faults=(CutLink(source="s1", target="s2", both_ways=True, at_ms=500, for_ms=500),))
    trace = run(cut)
    assert measures.lag(trace, "s1", "flush", 990) < 50
    assert measures.lag(trace, "s2", "flush", 990) > 400
    assert measures.lag(trace, "s3", "flush", 990) > 400
    assert measures.lag(trace, "s3", "flush", 1_900) < 80


@settings(deadline=None, max_examples=25)
@given(
    st.permutations(["s1", "s2", "s3", "s4"]),
    st.lists(st.tuples(st.sampled_from(["L", "s1", "s2", "s3", "s4"]), st.integers(100, 900)), max_size=4),
)
def test_in_every_tree_all_catch_up_after_all_faults(order: list[str], crashes: list[tuple[str, int]]) -> None:
    nodes = {name: NodeSettings(follows=order[i // 2]) for i, name in enumerate(order) if i}
    down = {name: min(at for node, at in crashes if node == name) for name, _ in crashes}
    faults = [Crash(node=name, at_ms=at) for name, at in down.items()]
    back = [Restart(node=name, at_ms=1_000) for name in down]
    trace = run(Scenario(replicas=4, ack="async", nodes=nodes, faults=(*faults, *back), rate_per_s=300))
    head = trace.at("L", Position.FLUSHED, 1_900)
    for name in trace.scenario.standbys:
        assert trace.at(name, Position.REPLAYED, 2_000) >= head
        times, lsns = trace.steps(name, Position.FLUSHED)
        above = trace.at(trace.scenario.upstream(name), Position.FLUSHED, times)
        assert (lsns <= above).all()  # nobody has what its upstream has not on its disk


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ({"s1": {"follows": "s2"}, "s2": {"follows": "s1"}}, "in a circle"),
        ({"s1": {"follows": "s1"}}, "in a circle"),
        ({"s1": {"follows": "L"}}, "may follow a replica"),
        ({"L": {"follows": "s1"}}, "may follow a replica"),
    ],
)
def test_a_stream_from_nowhere_is_refused(nodes: dict[str, dict[str, str]], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        Scenario(nodes=nodes)
    with pytest.raises(ScenarioError, match="which carries nothing"):
        CHAIN.with_fault(CutLink(source="L", target="s3", at_ms=1))
