"""From samples of asked servers to a trace: what can be told of moments between two answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from replication_viz import Scenario, Trace, measures
from replication_viz.real.sampled.notes import Mark, Notes, Sample, Turn, Write, planned
from replication_viz.real.sampled.telling import tell
from replication_viz.scenario import Crash, Promote
from replication_viz.trace import FlightKind, MarkKind, Outcome, Position

ZERO = 50.0  # s on the monotonic clock
CRASHED = Scenario(replicas=1, duration_ms=200, faults=(Crash(node="L", at_ms=100), Promote(node="s1", at_ms=120)))
QUIET = Scenario(replicas=1, duration_ms=200)
TURNS = (Turn("L", 100, up=False), Turn("s1", 125, leads=True, count=2, history="b"))


def write(lsn: int, invoked: float, answered: float, node: str = "L") -> Write:
    return Write(0, 0, 100 * (node == "s1") + lsn, invoked, answered, answered, Outcome.OK, node, lsn)


def sample(node: str, at_ms: float, received: int, applied: int | None = None, history: str = "a") -> Sample:
    applied = received if applied is None else applied
    return Sample(node, ZERO + at_ms / 1000, node == "L", history, received, applied)


def told(
    scenario: Scenario, writes: Sequence[Write], samples: Sequence[Sample], turns: Sequence[Turn] = (), **more: Any
) -> Trace:
    return tell(scenario, Notes(ZERO, "a", writes, samples, turns, **more))


def lost_messages(trace: Trace) -> list[tuple[float, int, int]]:
    gone = trace.flights.where(trace.flights.lost & (trace.flights.kind == FlightKind.WAL))
    return [(round(sent, 1), a, b) for sent, a, b in zip(gone.sent, gone.lsn_from, gone.lsn_to, strict=True)]


def test_a_replica_stands_where_it_said_and_shows_what_it_has_applied():
    trace = told(QUIET, [write(1, 5, 10), write(2, 15, 20)], [sample("s1", 30, 2, 1), sample("s1", 40, 2, 2)])
    assert trace.at("s1", Position.RECEIVED, [29, 31]).tolist() == [0, 2]
    assert trace.at("s1", Position.REPLAYED, [31, 41]).tolist() == [1, 2]


def test_a_leader_had_a_write_when_it_said_so_or_answered_or_answered_a_later_one():
    writes = [write(1, 5, 60), write(2, 6, 50), write(3, 7, 90)]
    trace = told(QUIET, writes, [sample("L", 40, 1), sample("L", 80, 3)])
    assert trace.at("L", Position.FLUSHED, [39, 41, 49, 51, 79, 81]).tolist() == [0, 1, 1, 2, 2, 3]


def test_readers_see_a_write_when_it_is_there_or_when_it_is_answered():
    writes, heard = [write(1, 5, 60)], [sample("L", 20, 1)]
    shown = [told(QUIET, writes, heard, shows_when_answered=later) for later in (False, True)]
    assert [trace.at("L", Position.COMMITTED, [19, 21, 59, 61]).tolist() for trace in shown] == [
        [0, 1, 1, 1],
        [0, 0, 0, 1],
    ]


def test_what_never_arrived_is_a_message_for_each_ten_ms():
    writes = [write(lsn, at, at + 1) for lsn, at in ((1, 5), (2, 10), (3, 51), (4, 55), (5, 63), (6, 80))]
    trace = told(CRASHED, writes, [sample("s1", 30, 2)], TURNS)
    assert lost_messages(trace) == [(56, 2, 4), (64, 4, 5), (81, 5, 6)]
    assert sorted(measures.lost(trace).lsn.tolist()) == [3, 4, 5, 6]


def test_an_answer_that_is_read_after_the_crash_was_given_before():
    trace = told(CRASHED, [write(1, 5, 10), write(2, 10, 12), write(3, 90, 104)], [sample("s1", 30, 2)], TURNS)
    assert trace.at("L", Position.FLUSHED, 101) == 3
    assert measures.lost(trace).lsn.tolist() == [3]
    assert lost_messages(trace) == [(100, 2, 3)]


def test_the_new_leaders_writes_go_on_from_what_it_had():
    writes = [write(1, 5, 10), write(2, 15, 20), write(3, 90, 95), write(3, 130, 140, "s1")]
    trace = told(CRASHED, writes, [sample("s1", 30, 2)], TURNS)
    assert trace.at("s1", Position.FLUSHED, [126, 141]).tolist() == [2, 3]
    assert measures.lost(trace).value.tolist() == [3]


def test_marks_are_taken_over_and_a_late_answer_is_none():
    mark = Mark(MarkKind.FELL_BACK, 70.0, "L goes on", "L")
    trace = told(QUIET, [write(1, 5, 260)], [], marks=[mark])
    assert trace.marks.time[trace.marks.kind == MarkKind.FELL_BACK].tolist() == [70.0]
    assert trace.ops.outcome.tolist() == [Outcome.UNKNOWN]
    assert np.isnan(trace.ops.returned).all()


def test_planned_writes_are_the_simulators():
    from replication_viz import run

    scenario = Scenario(rate_per_s=300, duration_ms=400)
    ops = run(scenario).ops
    assert [write.value for write in planned(scenario, Write)] == ops.value.tolist()
    assert [write.invoked for write in planned(scenario, Write)] == ops.invoked.tolist()
    assert [write.key for write in planned(scenario, Write)] == ops.key.tolist()
