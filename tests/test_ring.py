"""The ring without a browser: what the message holds, what is at hand, what is counted, poster, offers, panel."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from replication_viz import Scenario, ScenarioError, measures, run, scenarios
from replication_viz.panels import Lab
from replication_viz.scenario import Change, Crash, CutLink, LinkDelay, Partition
from replication_viz.scenario.offers import offers
from replication_viz.trace import OpKind, Outcome, Trace
from replication_viz.views import ring_story
from replication_viz.views.moment import telling_moment
from replication_viz.views.poster import picture
from replication_viz.views.ring_geometry import angles, hull
from replication_viz.views.ring_moment import ring_moment
from replication_viz.views.ring_view import BACK, STALE, RingView
from replication_viz.views.stage import Stage, decode, encode
from replication_viz.views.wire import FLIGHT_BUDGET

LEADERLESS = [name for name, scenario in scenarios.items() if scenario.topology == "leaderless"]
each = pytest.mark.parametrize("name", LEADERLESS)


@pytest.fixture(scope="module")
def traces() -> dict[str, Trace]:
    return {name: run(scenarios[name]) for name in LEADERLESS}


def names(trace: Trace, mask: int) -> set[str]:
    return {name for node, name in enumerate(trace.nodes) if mask >> node & 1}


# -- what is drawn is what the measures say ---------------------------------------------------------------------------


@each
def test_the_sets_are_those_of_the_measures(name: str, traces: dict[str, Trace]) -> None:
    trace = traces[name]
    view = RingView(trace)
    for row in range(0, len(trace.ops), 7):
        found = measures.quorum_set(trace, row)
        assert names(trace, int(view.homes[row])) == set(found.homes)
        assert names(trace, int(view.asked[row])) == set(found.asked)
        assert names(trace, int(view.answered[row])) == set(found.answered)
        heard = [trace.nodes[node] for _, node, _ in view.heard(row, math.inf)]
        assert heard == list(found.answered)


@each
def test_stale_and_failed_are_counted_as_the_measures_count(name: str, traces: dict[str, Trace]) -> None:
    trace = traces[name]
    fresh = measures.freshness(trace)
    for at_ms in np.linspace(0, trace.duration_ms, 7):
        told = fresh.reads.returned <= at_ms
        numbers = {number.caption: number.value for number in ring_moment(trace, float(at_ms)).numbers}
        assert numbers["Stale reads so far"] == f"{int((~fresh.fresh & told).sum())} of {int(told.sum())}"
        ended = trace.ops.returned <= at_ms
        failed = int((ended & (trace.ops.outcome != Outcome.OK)).sum())
        assert numbers["Requests that failed so far"] == f"{failed} of {int(ended.sum())}"


@each
def test_copies_behind_are_counted_one_by_one(name: str, traces: dict[str, Trace]) -> None:
    trace = traces[name]
    view, ops = RingView(trace), trace.ops
    moments = np.linspace(0, trace.duration_ms, 6)[1:]
    for at_ms, found in zip(moments.tolist(), view.behind(moments).tolist(), strict=True):
        late = 0
        for key in np.unique(ops.key[view.is_write]).tolist():
            row = int(np.flatnonzero(ops.key == key)[0])
            newest, _ = measures.newest_acknowledged(trace, np.array([key]), np.array([at_ms]))
            held = measures.holders(trace, key, at_ms)
            gone = {trace.nodes[n]: -v for n, v in last_steps(trace, key, at_ms).items() if v < 0}
            late += sum(max(held[n], gone.get(n, 0)) < newest[0] for n in names(trace, int(view.homes[row])))
        assert found == late


def last_steps(trace: Trace, key: int, at_ms: float) -> dict[int, int]:
    levels, ops = trace.levels, trace.ops
    of_key = set(ops.lsn[(ops.key == key) & (ops.lsn > 0)].tolist())
    rows = zip(levels.node.tolist(), levels.which.tolist(), levels.time.tolist(), levels.lsn.tolist(), strict=True)
    return {node: lsn for node, which, time, lsn in rows if which == 6 and time <= at_ms and abs(lsn) in of_key}


def test_a_read_that_goes_back_in_time_is_called_so(traces: dict[str, Trace]) -> None:
    trace = traces["quorum_races"]
    view, ops = RingView(trace), trace.ops
    back = np.flatnonzero(view.judged == BACK)
    assert len(back) > 0
    for row in back:
        before = (ops.kind == OpKind.READ) & (ops.key == ops.key[row]) & (ops.returned <= ops.invoked[row])
        assert ops.lsn[before].max() > ops.lsn[row] >= view.missed[row]


# -- which operation is at hand ---------------------------------------------------------------------------------------


@each
def test_an_operation_at_hand_has_begun_and_those_that_go_wrong_come_first(name: str, traces: dict[str, Trace]) -> None:
    trace = traces[name]
    view = RingView(trace)
    times = [begin for begin, _ in view.programme]
    rows = [row for _, row in view.programme]
    assert times == sorted(times)
    assert rows == sorted(set(rows))
    assert all(trace.ops.invoked[row] == begin for begin, row in view.programme)
    wrong = set(np.flatnonzero((view.judged == STALE) | view.failed).tolist())
    if wrong:
        assert len(wrong & set(rows)) / len(wrong) > len(rows) / len(trace.ops)


def test_a_pair_is_a_read_and_the_write_that_it_should_see(traces: dict[str, Trace]) -> None:
    trace = traces["partial_quorum"]
    view, ops = RingView(trace), trace.ops
    for row in np.flatnonzero(view.judged == STALE):
        write, read = view.pair(int(row), float(ops.returned[row]))
        assert (read, int(ops.lsn[write])) == (int(row), int(view.missed[row]))
        assert ops.returned[write] <= ops.invoked[read]


def test_with_a_strict_quorum_no_two_sets_miss_each_other(traces: dict[str, Trace]) -> None:
    for name, is_strict in [("quorum_overlap", True), ("partial_quorum", False)]:
        trace = traces[name]
        view = RingView(trace)
        empty = 0
        for row in np.flatnonzero((view.judged > 0) & (trace.ops.kind == OpKind.READ)).tolist():
            write, read = view.pair(row, float(trace.ops.returned[row]))
            told = trace.ops.returned[write] <= trace.ops.invoked[read]
            empty += bool(told and not view.answered[write] & view.answered[read])
        assert (empty == 0) == is_strict


# -- the message ------------------------------------------------------------------------------------------------------


def test_the_message_of_one_leader_has_nothing_of_the_ring() -> None:
    head, _ = decode(encode(run(Scenario(duration_ms=50))))
    assert not {"ring", "topology"} & set(head)
    assert head["cards"] == ["loss", "commit", "stale"]


@each
def test_the_header_says_how_it_is_drawn(name: str, traces: dict[str, Trace]) -> None:
    head, _ = decode(encode(traces[name]))
    assert head["topology"] == "leaderless"
    assert head["cards"] == list(ring_story.CARDS)
    assert head["setting"].startswith("N = ")
    assert [curve["unit"] for curve in head["curves"]] == ["ms", "copies"]
    assert head["ring"]["rows"] == len(traces[name].ops)


def test_a_busy_run_shows_some_keys_whole_and_says_so() -> None:
    trace = run(scenarios["quorum_overlap"].but(rate_per_s=2_000, reads_per_s=2_000, keys=200))
    head, _ = decode(encode(trace))
    drawn = sum(n for *_, n in head["flights"])
    assert FLIGHT_BUDGET / 3 < drawn < FLIGHT_BUDGET * 2
    assert head["notes"] == [f"{200 * FLIGHT_BUDGET // len(trace.flights)} of 200 keys drawn"]
    one = run(scenarios["quorum_overlap"].but(rate_per_s=2_000, reads_per_s=2_000, keys=1))
    head, _ = decode(encode(one))
    assert sum(n for *_, n in head["flights"]) < FLIGHT_BUDGET * 2
    assert "operations drawn" in head["notes"][0]
    assert len(encode(one)) < 80_000


@pytest.mark.parametrize(
    "changes",
    [
        {"members": 1, "copies": 1, "write_quorum": 1, "read_quorum": 1},
        {"members": 12, "copies": 12, "write_quorum": 12, "read_quorum": 1},
        {"rate_per_s": 0, "reads_per_s": 0, "reread_ms": -1},
        {"duration_ms": 1},
        {"faults": tuple(Crash(node=f"n{i}", at_ms=0) for i in range(1, 6))},
    ],
    ids=["one node", "twelve nodes", "nothing asked", "one millisecond", "all down"],
)
def test_every_ring_that_is_allowed_can_be_shown(changes: dict[str, Any]) -> None:
    trace = run(scenarios["quorum_overlap"].but(**changes))
    stage = Stage(trace)
    assert 0 <= stage.moment <= trace.duration_ms
    data, _ = stage._repr_mimebundle_()
    assert {"text/html", "image/png"} <= set(data)


# -- geometry ---------------------------------------------------------------------------------------------------------


def inside(point: tuple[float, float], line: list[tuple[float, float]]) -> bool:
    """Whether a closed line runs around a point: by its winding number."""
    turns = 0.0
    for a, b in zip(line, [*line[1:], line[0]], strict=True):
        turn = math.atan2(b[1] - point[1], b[0] - point[0]) - math.atan2(a[1] - point[1], a[0] - point[0])
        turns += math.remainder(turn, 2 * math.pi)
    return abs(turns) > math.pi


@pytest.mark.parametrize("nodes", range(2, 8))
def test_a_hull_runs_around_its_nodes_and_no_others(nodes: int) -> None:
    turns = angles([""] * nodes)
    spots = [(265 + 163 * math.sin(turn), 165 - 109 * math.cos(turn)) for turn in turns]
    r = 26 if nodes <= 5 else 22
    for size in range(1, nodes + 1):
        for members in combinations(range(nodes), size):
            order = sorted(members, key=lambda node: turns[node] % (2 * math.pi))
            others = [spot for node, spot in enumerate(spots) if node not in members]
            line = hull([spots[node] for node in order], others, (265, 165), r + 9, r + 5)
            assert all(inside(spots[node], line) for node in members), members
            assert not any(inside(spot, line) for spot in others), members


def test_nodes_of_one_place_stand_together() -> None:
    turns = angles(["east", "west", "east", "west", "east", "west"])
    assert all(math.sin(turns[node]) < 0 for node in (0, 2, 4))
    assert all(math.sin(turns[node]) > 0 for node in (1, 3, 5))


# -- poster and words -------------------------------------------------------------------------------------------------


@each
def test_a_poster_of_the_ring_is_text_that_can_be_searched(name: str, traces: dict[str, Trace]) -> None:
    trace = traces[name]
    at_ms = telling_moment(trace)
    drawn = picture(trace, "svg", at_ms, theme="dark").decode()
    now = ring_moment(trace, at_ms)
    for words in (trace.scenario.title, now.title, *trace.nodes, *(number.value for number in now.numbers)):
        assert f">{words}<" in drawn.replace("&#x27;", "'").replace("&apos;", "'")
    assert picture(trace, "svg", at_ms, theme="dark").decode() == drawn


def test_a_telling_moment_is_when_somebody_is_told_something_old(traces: dict[str, Trace]) -> None:
    now = ring_moment(traces["partial_quorum"], telling_moment(traces["partial_quorum"]))
    assert now.tone == "stale"
    assert now.overlap.startswith("No node is in both: this read can miss v")
    assert not set(now.write_set) & set(now.read_set)


def test_the_promise_of_the_sizes_is_the_share_of_pairs_without_a_common_node() -> None:
    for n, w, r in [(3, 1, 1), (5, 2, 2), (5, 3, 2), (4, 1, 2)]:
        pairs = [not set(a) & set(b) for a in combinations(range(n), w) for b in combinations(range(n), r)]
        assert ring_story.miss_share(n, w, r) == pytest.approx(sum(pairs) / len(pairs))
    assert ring_story.promise(3, 2, 2) == "any two such sets share a node."
    assert "sloppy" in ring_story.promise(3, 2, 2, is_sloppy=True)


# -- offers and panel -------------------------------------------------------------------------------------------------

EVERY = [(place, offer) for place, some in offers("leaderless").items() for offer in some]


@pytest.mark.parametrize(("place", "offer"), EVERY, ids=lambda part: getattr(part, "label", part))
@pytest.mark.parametrize("members", [2, 5, 12])
def test_every_offer_fits_a_ring(place: str, offer: Any, members: int) -> None:
    ends = {"node": f"n{members}"} if place == "peer" else {"one": "n1", "other": f"n{members}"}
    small = Scenario(topology="leaderless", members=members, copies=2, rate_per_s=50, duration_ms=60)
    fault = offer.at(20, **ends)
    assert getattr(fault, "for_ms", None) is None
    assert fault.sentence() in run(small.with_fault(fault)).marks.text
    assert len(offer.label) <= 24
    assert len(offer.hint) <= 48


@pytest.fixture
def lab() -> Lab:
    return Lab(scenarios["quorum_overlap"], knobs=["write_quorum", "read_quorum", "copies", "members", "partition"])


@pytest.mark.parametrize("field", ["write_quorum", "read_quorum", "copies", "members"])
def test_a_knob_runs_to_both_ends_or_says_why_not(lab: Lab, field: str) -> None:
    knob = lab.knobs[field]
    for end in (knob.max, knob.min):
        knob.value = end
        if getattr(lab.scenario, field) != end:
            assert "must be at most" in lab.message
            assert "still shows the last settings" in lab.message
        assert lab.stage.trace is lab.trace
    knob.value = getattr(scenarios["quorum_overlap"], field)
    assert lab.scenario == scenarios["quorum_overlap"]
    assert lab.message == ""


def test_a_click_on_a_ring_forks_its_run(lab: Lab) -> None:
    def click(**fault: Any) -> None:
        lab._heard(lab.stage, {"do": "add", "fault": {"at_ms": 700.0, **fault}}, [])

    click(kind="crash", node="n2")
    click(kind="cut_link", source="n1", target="n3", both_ways=True)
    click(kind="link_delay", source="n4", target="n5")
    assert [type(fault) for fault in lab.scenario.faults] == [Crash, CutLink, LinkDelay]
    assert (lab.message, set(lab.stage.bench["offers"])) == ("", {"peer", "link"})
    click(kind="restart", node="n1")
    assert lab.message == "n1 is up at 700 ms: only a node that is down can restart."
    lab.knobs["members"].value = 3
    assert lab.message == "Waiting for more nodes: link n4 → n5: 100 ms slower."
    lab.undo()
    assert len(lab.scenario.faults) == 3


def test_a_quorum_changes_in_mid_run_and_nodes_are_cut_off(lab: Lab) -> None:
    lab.stage.moment = 800.0
    lab.onward.value = True
    lab.knobs["write_quorum"].value = 1
    lab.knobs["partition"].value = "n1, n2"
    change, cut = lab.scenario.faults
    assert isinstance(change, Change)
    assert (change.setting, change.value, change.at_ms) == ("write_quorum", 1, 800)
    assert cut == Partition(nodes=("n1", "n2"), at_ms=800)
    assert lab.knobs["partition"].value == "n1, n2"
    assert [w for _, w, _ in decode(encode(lab.trace))[0]["ring"]["quorums"]] == [2, 1]


def test_a_ring_is_compared_shared_and_kept(lab: Lab) -> None:
    lab.compare()
    lab.knobs["read_quorum"].value = 1
    table = lab.stage.bench["table"]
    assert [row["label"] for row in table["knobs"]] == ["read quorum"]
    assert {row["name"] for row in table["measures"]} >= {"reads answered", "read latency, median"}
    again = Lab.from_share(lab.share(), knobs=["read_quorum"])
    assert again.scenario == lab.scenario
    assert again.was is not None
    from replication_viz.panels import keep

    _, _, page = keep.file("html", lab)
    assert b"The same on a real Cassandra" in page
    with pytest.raises(ScenarioError, match="is no format"):
        keep.file("doc", lab)
