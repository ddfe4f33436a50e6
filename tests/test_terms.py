"""What the stage says where another node takes over: the message, the poster, and the numbers behind both."""

from dataclasses import replace

import numpy as np
import pytest

from replication_viz import Scenario, run, scenarios
from replication_viz.scenario import Freeze, Partition
from replication_viz.timelines import Timelines
from replication_viz.trace import MarkKind, OpKind, Outcome, Position, Role, Trace
from replication_viz.views.moment import moment, telling_moment
from replication_viz.views.plot import curves, view
from replication_viz.views.poster import poster
from replication_viz.views.stage import decode, encode
from replication_viz.views.terms import Terms, total

CHANGING = ("split_brain", "failover", "false_alarm", "frozen_leader", "cascading_failover")
traces = {name: run(scenarios[name]) for name in CHANGING}
SPLIT = traces["split_brain"]
each = pytest.mark.parametrize("trace", traces.values(), ids=CHANGING)


def acknowledged(trace: Trace, at_ms: float) -> list[tuple[int, int]]:
    """Term and LSN of each write whose client had its answer by then: from the operations alone."""
    ops = trace.ops
    done = ops.where((ops.kind == OpKind.WRITE) & (ops.outcome == Outcome.OK) & (ops.returned <= at_ms))
    return list(zip(Timelines(trace).term_of(done).tolist(), done.lsn.tolist(), strict=True))


@each
def test_the_two_sides_count_every_acknowledged_write_once(trace: Trace) -> None:
    terms = Terms(trace)
    for at in np.linspace(terms.forks[1].at_ms, trace.duration_ms, 23).tolist():
        newest, sides = terms.newest(at), terms.sides(at)
        kept = {term: upto for term, _, upto in terms.timelines.lineage(newest.term, 10**9)}
        answered = [(term, lsn) for term, lsn in acknowledged(trace, at) if term <= newest.term]
        assert sides.doomed + sides.gone == sum(lsn > kept.get(term, 0) for term, lsn in answered)
        assert sides.new == sum(term == newest.term for term, _ in answered)


def test_what_an_old_leader_has_acknowledged_is_doomed_until_it_rejoins_and_gone_then() -> None:
    terms = Terms(SPLIT)
    before, after = terms.sides(5_100), terms.sides(5_300)
    assert (before.doomed, before.gone, before.holders) == (796, 0, ("L",))
    assert (after.doomed, after.gone, after.holders) == (0, 796, ())
    (rewound,) = np.flatnonzero(SPLIT.marks.kind == MarkKind.REWOUND)
    assert "its 796 writes after that are discarded" in str(SPLIT.marks.text[rewound])


def test_two_leaders_are_two_that_take_writes_not_one_that_is_fenced_or_frozen() -> None:
    lasted = {name: total(Terms(trace).two, trace.duration_ms) for name, trace in traces.items()}
    begun = Terms(SPLIT).forks[1].at_ms
    assert lasted["split_brain"] == pytest.approx(5_000 - begun)
    assert [lasted[name] for name in ("failover", "frozen_leader", "cascading_failover")] == [0, 0, 0]
    fenced = Terms(run(scenarios["split_brain"].but(fence="lease")))
    assert {reign.kind for reign in fenced.reigns()} == {"leads", "fenced"}
    assert fenced.two == []


@each
def test_time_without_writes_is_time_in_which_nobody_got_an_answer(trace: Trace) -> None:
    ops = trace.ops.where(trace.ops.kind == OpKind.WRITE)
    answers = np.sort(ops.returned[ops.outcome == Outcome.OK])
    for begin, end in Terms(trace).silent:
        inside = np.unique(answers[(answers > begin) & (answers < end)])  # one flush may answer many
        gaps = np.diff([begin, *inside, end])
        assert gaps.min() > 100, "a spell is made of long gaps only"
    assert len(Terms(SPLIT).silent) == 0, "somebody answered all the time: nothing alarmed"


@each
def test_a_lag_is_an_age_and_a_leader_has_none(trace: Trace) -> None:
    terms, moments = Terms(trace), np.linspace(0, trace.duration_ms, 400)
    for number in range(len(trace.nodes)):
        lag, track = terms.lag(number, moments), terms.tracks(number, moments)
        assert (lag >= 0).all()
        assert (lag <= moments).all()
        assert (lag[track.leads] == 0).all()
    for curve in curves(trace):
        assert np.nanmin(curve.values) >= 0


def test_a_lag_counts_from_the_flush_by_the_leader_of_that_time() -> None:
    """While the old leader is rewound it lacks what the new one wrote first after the fork."""
    times, lsns = SPLIT.steps("s1", Position.FLUSHED)
    first = times[(lsns > 300) & (times >= Terms(SPLIT).forks[1].at_ms)][0]
    assert Terms(SPLIT).lag(0, np.array([5_100.0]))[0] == pytest.approx(5_100 - first)


@each
def test_the_window_holds_the_fork_while_a_doomed_log_is_in_use(trace: Trace) -> None:
    head, octaves = view(trace)
    moments = np.linspace(0, trace.duration_ms, len(head))
    for at, right, width in zip(moments.tolist(), head, 2**octaves, strict=True):
        for node in Terms(trace).standings(at):
            if node.doomed > 0 and (node.up or not node.leads):
                assert right + 0.06 * width - width <= node.shared


def test_a_message_tells_forks_only_where_there_are_some() -> None:
    plain, _ = decode(encode(run(scenarios["start_here"])))
    assert "terms" not in plain
    assert all(len(state) == 6 for state in plain["states"])
    head, _ = decode(encode(SPLIT))
    assert head["cards"] == ["sides", "leaders", "silence"]
    (first, second) = head["terms"]["forks"]
    assert (first[:4], second[:4]) == ([1, 0, 0, 0], [2, 1, 300, 1])
    assert second[4] == pytest.approx(Terms(SPLIT).forks[1].at_ms, abs=0.011)
    fenced, _ = decode(encode(run(scenarios["split_brain"].but(fence="lease"))))
    assert [state[6] for state in fenced["states"] if len(state) > 6] == [True]


def test_who_waits_for_whom_follows_the_leader() -> None:
    head, _ = decode(encode(SPLIT))
    epoch = head["epochs"][-1]
    assert epoch["sync"] == ["async", "leader", "async", "async"]
    strict = run(scenarios["split_brain"].but(ack="ANY 1 (s1, s2, s3)"))
    last = decode(encode(strict))[0]["epochs"][-1]
    assert set(last["candidates"]) == {2, 3}, "the new leader does not wait for itself"


def test_freezing_is_told_as_a_fault_even_where_nobody_takes_over() -> None:
    faults = (Freeze(node="s1", at_ms=100, for_ms=200),)
    head, _ = decode(encode(run(Scenario(duration_ms=500, faults=faults))))
    (span,) = head["spans"]
    assert (span["short"], span["rows"]) == ("frozen 0.2 s", [1])
    assert "terms" not in head


@each
def test_events_are_told_in_order_and_two_leaders_are_told(trace: Trace) -> None:
    events = decode(encode(trace))[0]["events"]
    assert [event["t"] for event in events] == sorted(event["t"] for event in events)
    said = [event["text"] for event in events if event["text"].startswith("Two leaders")]
    assert len(said) == len(Terms(trace).two)
    if trace is SPLIT:
        assert said == ["Two leaders take writes: L on timeline 1 and s1 on timeline 2."]


def test_a_moment_says_who_leads_and_whose_log_is_doomed() -> None:
    now = moment(SPLIT, 4_800)
    assert [row.crown for row in now.rows if row.is_leader] == ["old", "leader"]
    assert [row.about for row in now.rows] == ["old leader, still serving", "promoted", "follows s1", "follows s1"]
    assert [row.doomed for row in now.rows] == [751, 0, 0, 0]
    assert (now.fork, now.histories, now.is_split) == (300, 2, True)
    assert [number.value for number in now.numbers[:2]] == ["1,022", "2\u2009749 ms"]
    assert now.numbers[0].note == "751 vanish when L rejoins"
    later = moment(SPLIT, 6_500)
    assert [row.about for row in later.rows] == [
        "follows s1 · timeline 2",
        "leader · timeline 2",
        "follows s1 · timeline 2",
        "follows s1 · timeline 2",
    ]
    assert (later.histories, later.is_split, later.numbers[0].value) == (1, False, "796")
    assert later.committed == SPLIT.at("s1", Position.COMMITTED, 6_500)


def test_before_anybody_takes_over_a_moment_is_as_ever() -> None:
    now = moment(SPLIT, 800)
    alone = moment(run(replace_faults(scenarios["split_brain"])), 800)
    assert [replace(row, shared=np.inf) for row in now.rows] == list(alone.rows)
    assert now.numbers[0] == alone.numbers[0]


def replace_faults(scenario: Scenario) -> Scenario:
    return scenario.but(faults=(), controllers="")


@each
@pytest.mark.parametrize("share", [0.0, 0.3, 0.45, 0.72, 1.0])
def test_a_poster_of_every_moment_can_be_drawn(trace: Trace, share: float) -> None:
    drawn = poster(trace, share * trace.duration_ms)
    said = {text.get_text() for text in drawn.axes[0].texts}
    assert "Time with two leaders" in said


def test_the_poster_shows_two_histories_and_two_leaders() -> None:
    said = {text.get_text() for text in poster(SPLIT).axes[0].texts}
    assert {"one history", "two histories", "acknowledged", "timeline 1", "timeline 2"} <= said
    doomed = moment(SPLIT, telling_moment(SPLIT)).rows[0].doomed
    assert f"{doomed:,} writes doomed" in said
    assert "two leaders: 2.95 s" in said
    calm = {text.get_text() for text in poster(SPLIT, 6_500).axes[0].texts}
    assert "two histories" not in calm
    assert "acknowledged up to here" in calm


def test_a_node_that_leads_again_is_told_term_by_term() -> None:
    terms = Terms(traces["cascading_failover"])
    states = terms.trace.states
    led = np.flatnonzero((states.role == Role.LEADER) & states.up)
    assert len(list(terms.reigns())) == len(led)
    assert [fork.node for fork in terms.forks[:4]] == ["L", "s1", "s2", "s1"]


def test_a_partition_alone_forks_nothing() -> None:
    cut = Scenario(ack="async", duration_ms=300, faults=(Partition(nodes=("L",), at_ms=100, for_ms=100),))
    assert not Terms(run(cut)).changes
