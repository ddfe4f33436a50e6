"""The tapes without a browser: numbers are those of the measures, what the message holds, poster, offers, panel."""

from __future__ import annotations

import numpy as np
import pytest

from replication_viz import Scenario, measures, run, scenarios
from replication_viz.panels import Lab
from replication_viz.scenario import Crash, CutLink, LinkDelay, Partition, Restart, SkewClock
from replication_viz.scenario.offers import offers
from replication_viz.trace import OpKind, Position, Trace
from replication_viz.views import tapes_story
from replication_viz.views.moment import telling_moment
from replication_viz.views.poster import picture, poster
from replication_viz.views.stage import Stage, decode, encode, fragment
from replication_viz.views.story import header
from replication_viz.views.tapes_moment import tapes_moment
from replication_viz.views.tapes_view import clock_words, tapes

SEVERAL = ("two_leaders", "clock_skew_discards", "region_partition", "shopping_cart", "same_name_twice")
each = pytest.mark.parametrize("name", SEVERAL)


@pytest.fixture(scope="module")
def traces() -> dict[str, Trace]:
    return {name: run(scenarios[name]) for name in SEVERAL}


def crashed() -> Scenario:
    """A leader goes down with writes that are not on its disk, and comes back."""
    faults = (Crash(node="L1", at_ms=800), Restart(node="L1", at_ms=1_100))
    return scenarios["two_leaders"].but(flush_ms=40, rate_per_s=200, faults=faults)


# -- the numbers are those of the measures ----------------------------------------------------------------------------


@each
def test_the_three_numbers_end_as_the_measures_count(name: str, traces: dict[str, Trace]) -> None:
    trace = traces[name]
    lost = measures.discarded(trace)
    conflicts, discarded, differing = tapes_moment(trace, trace.duration_ms).numbers
    assert conflicts.value == str(len(measures.conflicts(trace)))
    assert discarded.value == str(len(lost))
    if lost:
        assert discarded.note.startswith(f"{sum(one.is_later for one in lost)} of them")
    assert differing.value == str(measures.divergence(trace)[1][-1])


def test_the_numbers_at_a_moment_count_what_has_happened_by_then(traces: dict[str, Trace]) -> None:
    trace = traces["clock_skew_discards"]
    found = measures.conflicts(trace)
    times, rows = measures.divergence(trace)
    for at_ms in np.linspace(50, 10_400, 9):
        conflicts, discarded, differing = tapes_moment(trace, float(at_ms)).numbers
        assert conflicts.value == str(sum(one.at_ms <= at_ms for one in found))
        assert differing.value == str(rows[times <= at_ms][-1])
        marked = {loss.what.write for loss in tapes(trace).losses if loss.at_ms <= at_ms}
        assert discarded.value == str(len(marked))
        for number in marked:  # some leader has both, and the client was told that its write is safe
            row = np.flatnonzero((trace.ops.kind == OpKind.WRITE) & (trace.ops.value == number))[0]
            assert trace.ops.returned[row] <= at_ms


@each
def test_an_arc_joins_each_conflict_and_each_discarded_write(name: str, traces: dict[str, Trace]) -> None:
    trace = traces[name]
    ties = {tie.writes: tie for tie in tapes(trace).ties}
    assert {one.writes for one in measures.conflicts(trace)} <= set(ties)
    for loss in measures.discarded(trace):
        assert ties[min(loss.write, loss.kept), max(loss.write, loss.kept)].lost == loss.write


def test_lanes_are_the_positions_of_the_trace(traces: dict[str, Trace]) -> None:
    trace = traces["region_partition"]
    for at_ms in (300.0, 1_200.0, 1_460.0, 1_990.0):
        for number, tape in enumerate(tapes_moment(trace, at_ms).tapes):
            for lane in tape.lanes:
                which = Position.FLUSHED if lane.origin == number else Position(Position.FROM_1 + lane.origin)
                assert len(lane.has) == trace.at(tape.name, which, at_ms)
            assert tape.took == trace.at(tape.name, Position.APPENDED, at_ms)


def test_what_a_crash_takes_is_not_there_and_its_number_is_not_given_again() -> None:
    trace = run(crashed())
    view = tapes(trace)
    assert view.taken
    assert all(800 <= when <= 800 + 1e-6 for when in view.taken.values())
    before, after = tapes_moment(trace, 799.99), tapes_moment(trace, 1_050.0)
    assert before.tapes[0].is_up
    assert not after.tapes[0].is_up
    assert set(view.taken) <= set(after.tapes[0].gone)
    assert not set(view.taken) & set(after.tapes[0].lanes[0].has)
    assert len(after.tapes[0].lanes[0].has) == trace.at("L1", Position.FLUSHED, 1_050.0)


# -- what is sent -----------------------------------------------------------------------------------------------------


@each
def test_the_message_holds_each_write_and_each_arc(name: str, traces: dict[str, Trace]) -> None:
    trace = traces[name]
    head, columns = decode(encode(trace))
    assert head["topology"] == "multi_leader"
    assert head["cards"] == list(tapes_story.CARDS)
    made = trace.ops.where((trace.ops.kind == OpKind.WRITE) & (trace.ops.lsn > 0))
    assert any(np.array_equal(column, np.sort(made.value)) for column in columns)
    lost = sorted(loss.write for loss in measures.discarded(trace))
    assert not lost or any(sorted(column.tolist()) == lost for column in columns)


def test_a_run_of_one_leader_carries_none_of_it() -> None:
    head, _ = decode(encode(run(scenarios["start_here"])))
    assert "tapes" not in head
    assert "topology" not in head


def test_a_long_run_is_sent_in_part_and_its_counts_are_whole() -> None:
    scenario = scenarios["two_leaders"].but(rate_per_s=4_000, duration_ms=4_000, keys=2_000, hot_share=0, faults=())
    trace = run(scenario)
    head, columns = decode(encode(trace))
    assert any("writes drawn" in note for note in head["notes"])
    assert any(len(column) and column[-1] == len(measures.conflicts(trace)) for column in columns[-9:])


# -- words ------------------------------------------------------------------------------------------------------------


def test_settings_sentence_and_clock_in_words(traces: dict[str, Trace]) -> None:
    story = header(traces["clock_skew_discards"])
    assert story["setting"] == "last write wins, by wall clock · 40 ms apart"
    assert "later timestamp stays" in story["events"][0]["text"]
    skewed = tapes_moment(traces["clock_skew_discards"], 5_000.0)
    assert [tape.about for tape in skewed.tapes] == ["", "clock 200 ms behind"]
    assert clock_words(0) == ""
    assert clock_words(30_000) == "clock 30 s ahead"


def test_a_clock_that_jumps_is_a_fault_of_the_story() -> None:
    trace = run(scenarios["two_leaders"].but(faults=(SkewClock(node="L1", at_ms=700, by_ms=-500),)))
    assert [tapes(trace).offset(0, at) for at in (600.0, 700.0)] == [0.0, -500.0]
    assert any(event["fault"] and "L1" in event["text"] for event in header(trace)["events"])


def test_the_arc_in_words_names_the_write_that_is_gone(traces: dict[str, Trace]) -> None:
    trace = traces["clock_skew_discards"]
    now = tapes_moment(trace, telling_moment(trace))
    assert now.words == f"write {now.ties[-1].lost}, the later one, was thrown away"
    assert "siblings" in tapes_moment(traces["region_partition"], 1_600.0).words
    assert "given twice" in tapes_moment(traces["same_name_twice"], 900.0).words


# -- poster, page, offers, panel --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "leaders"), [("clock_skew_discards", 2), ("region_partition", 5)])
def test_the_poster_writes_numbers_names_and_the_arc(name: str, leaders: int) -> None:
    trace = run(scenarios[name].but(leaders=leaders))
    at_ms = telling_moment(trace)
    now = tapes_moment(trace, at_ms)
    texts = [text.get_text() for text in poster(trace, at_ms).axes[0].texts]
    for number in now.numbers:
        assert number.value in texts
    assert now.words in texts
    assert set(trace.nodes) <= set(texts)


def test_the_same_poster_twice_and_a_page(traces: dict[str, Trace]) -> None:
    trace = traces["same_name_twice"]
    assert picture(trace, "svg") == picture(trace, "svg")
    assert "TapesScene" in fragment(trace)
    assert Stage(trace).moment == telling_moment(trace)


def test_every_fault_on_offer_can_be_added() -> None:
    found = offers("multi_leader")
    kinds = set()
    for place, some in found.items():
        names = {"node": "L2"} if place == "peer" else {"one": "L1", "other": "L3"}
        for offer in some:
            fault = offer.at(300, **names)
            kinds.add(type(fault))
            before = (Crash(node="L2", at_ms=100),) if isinstance(fault, Restart) else ()
            assert scenarios["region_partition"].but(faults=(*before, fault)).faults[-1] == fault
    assert {Crash, Restart, Partition, CutLink, LinkDelay, SkewClock} <= kinds


def test_a_click_on_a_leader_or_a_link_forks_the_run() -> None:
    lab = Lab(scenarios["region_partition"], knobs=["leaders"])
    assert set(lab.stage.bench["offers"]) == {"peer", "link"}
    for fault in (
        {"kind": "skew_clock", "node": "L1", "by_ms": -500},
        {"kind": "cut_link", "source": "L1", "target": "L2", "both_ways": True},
    ):
        lab._heard(lab.stage, {"do": "add", "fault": {"at_ms": 500.0, **fault}}, [])
    assert [type(fault) for fault in lab.scenario.faults[-2:]] == [SkewClock, CutLink]
    assert tapes(lab.trace).offset(0, 600.0) == -500
    lab.knobs["leaders"].value = 2
    assert lab.message.startswith("Waiting for more nodes: network partition: L3 cut off.")
    assert decode(lab.stage.payload)[0]["tapes"]["links"] == [[0, 1]]


def test_knobs_at_both_ends() -> None:
    lab = Lab(scenarios["clock_skew_discards"], knobs=["clock_skew_ms", "resolve", "hot_share", "exchange_ms"])
    lost = {}
    for skew in (0, 2_000):
        lab.knobs["clock_skew_ms"].value = skew
        lost[skew] = len(measures.discarded(lab.trace))
    assert lost[0] < lost[2_000]
    for field, value in [("hot_share", 0.0), ("hot_share", 1.0), ("exchange_ms", 1_000.0)]:
        lab.knobs[field].value = value
        assert decode(lab.stage.payload)[0]["topology"] == "multi_leader"
    for resolve in ("hlc", "siblings", "crdt", "lww"):
        lab.knobs["resolve"].value = resolve
        assert lab.trace.scenario.resolve == resolve
        if resolve in ("siblings", "crdt"):
            assert not measures.discarded(lab.trace)
