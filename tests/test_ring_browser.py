"""The ring in a real browser: nodes, hulls, numbers, story, menus, space-time diagram; by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from replication_viz import run, scenarios
from replication_viz.scenario import Crash, CutLink, LinkDelay, Partition
from replication_viz.scenario.offers import offers
from replication_viz.trace import Trace
from replication_viz.views.ring_moment import ring_moment
from replication_viz.views.ring_view import STALE, RingView
from replication_viz.views.stage import fragment

from .bench import bench_page, labels, open_menu, sent, take, target
from .browser import watched_page
from .test_access_browser import findings
from .test_stage_browser import _bytes, data, picture, press, seek, stage_page

pytestmark = pytest.mark.browser

TICK = 0.0101  # ms: the message counts in hundredths, rounded up
RING = scenarios["partial_quorum"]
SICK = scenarios["quorum_overlap"].but(
    faults=(
        Crash(node="n2", at_ms=300),
        CutLink(source="n1", target="n3", at_ms=500, for_ms=200, both_ways=True),
        LinkDelay(source="n4", target="n5", at_ms=500, for_ms=200),
        Partition(nodes=("n4", "n5"), at_ms=900, for_ms=300),
    )
)
OFFERS = {place: [asdict(offer) for offer in found] for place, found in offers("leaderless").items()}


@pytest.fixture(scope="module")
def trace() -> Trace:
    return run(RING)


@pytest.fixture
def shown(browser: Browser, tmp_path: Path, trace: Trace) -> Iterator[Page]:
    with stage_page(browser, tmp_path, trace, moment=600) as page:
        yield page


@pytest.fixture
def sick(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    with bench_page(browser, tmp_path, SICK, 600) as page:
        page.evaluate("(offers) => model.set('bench', { ...model.get('bench'), offers })", OFFERS)
        yield page


def settled(page: Page) -> None:
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def stale_read(trace: Trace, number: int = 0) -> tuple[int, float]:
    """A stale read without a node in common: its row, and a moment just after it was told."""
    view = RingView(trace)
    rows = [
        row
        for row in np.flatnonzero(view.judged == STALE).tolist()
        if not view.answered[row] & view.answered[view.pair(row, float(trace.ops.returned[row]))[0]]
    ]
    return rows[number], float(trace.ops.returned[rows[number]]) + 0.02


# -- what is shown ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["partial_quorum", "sloppy_quorum", "resurrection", "per_region_quorums", "dynamo_cart"]
)
def test_the_browser_says_what_python_says(browser: Browser, tmp_path: Path, name: str) -> None:
    trace = run(scenarios[name])
    with stage_page(browser, tmp_path, trace) as page:
        for at_ms in np.random.default_rng(5).uniform(20, trace.duration_ms, 14):
            at = round(float(at_ms), 2) + 0.005  # between two ticks: rounding cannot tell
            said = seek(page, at)
            ticked = [ring_moment(trace, at), ring_moment(trace, at - TICK)]  # the picture is up to a tick late
            now = next((one for one in ticked if str(one.operation) == said["operation"]), ticked[0])
            assert said["operation"] == str(now.operation)
            versions = page.evaluate(
                "[...document.querySelectorAll('.rv-peer')].map((g) => [g.dataset.up, Number(g.dataset.version), "
                "g.dataset.mark, Number(g.dataset.hints), g.dataset.both])"
            )
            both = set(now.write_set) & set(now.read_set)
            alike = [
                [[str(p.is_up).lower(), p.version, p.mark, p.hints] for p in one.peers] == [row[:4] for row in versions]
                for one in ticked
            ]
            assert any(alike), (at, versions)
            names = [" ".join(trace.nodes[n] for n in group) for group in (now.write_set, now.read_set)]
            if ticked[0].write_set == ticked[1].write_set and ticked[0].read_set == ticked[1].read_set:
                assert [said["writeSet"], said["readSet"]] == names
                assert [row[4] == "true" for row in versions] == [n in both for n in range(len(trace.nodes))]
            cards = page.locator(".rv-card-number").all_inner_texts()
            assert cards in [[number.value for number in one.numbers] for one in ticked]


def test_each_set_is_a_hull_around_its_nodes_and_no_others(shown: Page, trace: Trace) -> None:
    for number in range(4):
        seek(shown, stale_read(trace, number)[1])
        found = shown.evaluate(
            """() => ['write', 'read'].map((name) => {
                const hull = document.querySelector(`.rv-rows .rv-set-${name}`);
                const at = (g) => { const { e, f } = g.transform.baseVal[0].matrix; return new DOMPoint(e, f); };
                const inside = [...document.querySelectorAll('.rv-peer')].filter((g) => hull.isPointInFill(at(g)));
                return [inside.map((g) => g.dataset.node).join(' '), hull.dataset.set,
                        getComputedStyle(hull).strokeDasharray !== 'none'];
            })"""
        )
        said = data(shown)
        assert found == [[said["writeSet"]] * 2 + [False], [said["readSet"]] * 2 + [True]]


def test_an_empty_overlap_is_said_in_words_and_a_node_in_both_is_outlined(shown: Page, trace: Trace) -> None:
    row, at = stale_read(trace)
    assert seek(shown, at)["readOf"] == str(row)
    expect(shown.locator(".rv-side-overlap")).to_contain_text("No node is in both: this read can miss v")
    expect(shown.locator(".rv-side-result")).to_contain_text("stale, v")
    expect(shown.locator(".rv-side-promise")).to_contain_text("W + R = 2 ≤ N = 3: drawn at random, 67 %")
    assert shown.locator(".rv-both[visibility=visible]").count() == 0
    page_of = "() => document.querySelectorAll('.rv-both[visibility=visible]').length"
    take(shown, scenarios["quorum_overlap"])
    for _, begin in [(0, 640.0), (1, 900.0), (2, 1_400.0)]:
        said = seek(shown, begin)
        common = set(said["writeSet"].split()) & set(said["readSet"].split())
        assert shown.evaluate(page_of) == len(common)
        if common:
            expect(shown.locator(".rv-side-overlap")).to_contain_text("in both")


def test_messages_are_drawn_between_two_nodes_only(shown: Page, trace: Trace) -> None:
    flights = trace.flights
    for at in (600.0, 823.0, 1_200.0):
        said = seek(shown, at + 0.005)
        flying = (flights.sent <= at) & (at < flights.arrived) & (flights.source != flights.target)
        assert abs(int(said["flightsInView"]) - int(flying.sum())) <= 1


def test_a_picture_of_a_ring_depends_on_its_moment_only(shown: Page) -> None:
    seek(shown, 700)
    before = picture(shown)
    seek(shown, 1_500)
    assert picture(shown) != before
    seek(shown, 700)
    assert picture(shown) == before


@pytest.mark.parametrize("width", [980, 640])
def test_nothing_is_cut_off_beside_the_ring(browser: Browser, tmp_path: Path, width: int) -> None:
    for name in ("dynamo_cart", "per_region_quorums"):
        trace = run(scenarios[name])
        with stage_page(browser, tmp_path, trace, viewport={"width": width, "height": 900}) as page:
            for at in (400, 800, 1_300, 1_700):
                seek(page, at)
                over = page.evaluate(
                    """() => {
                        const side = document.querySelector('.rv-side');
                        const edge = document.querySelector('.rv-stage').getBoundingClientRect().right;
                        return [side.scrollHeight - side.clientHeight, side.getBoundingClientRect().right - edge,
                                document.documentElement.scrollWidth - innerWidth];
                    }"""
                )
                assert max(over) <= 0, (name, at, over)


def test_it_plays_and_steps_by_keyboard(shown: Page) -> None:
    shown.locator(".rv-timeline").focus()
    assert press(shown, "ArrowRight") > 600
    assert press(shown, "Home") == 0
    shown.keyboard.press("Space")
    shown.wait_for_function("() => Number(stage.root.dataset.moment) > 4")
    shown.keyboard.press("Space")
    shown.wait_for_selector(".rv-stage[data-playing=false]")
    assert int(data(shown)["operation"]) >= 0


def test_at_speed_the_operation_at_hand_follows_the_clock(shown: Page, trace: Trace) -> None:
    shown.evaluate("() => { stage.clock.factor = 8; stage.clock.play(true); }")
    shown.wait_for_function("() => Number(stage.root.dataset.moment) > 1700")
    said = data(shown)
    shown.evaluate("() => stage.clock.play(false)")
    late = float(said["moment"]) - float(trace.ops.invoked[int(said["operation"])])
    assert 0 <= late < 1_000, "it is kept for about a second of the reader's time, no longer"


# -- the story: an operation is held ----------------------------------------------------------------------------------


def test_an_operation_of_the_story_can_be_held(shown: Page, trace: Trace) -> None:
    row, at = stale_read(trace)
    shown.get_by_role("button", name="Story").click()
    line = shown.locator(".rv-event-stale").first
    line.get_by_role("button", name="Hold it").click()
    shown.wait_for_function("(row) => stage.root.dataset.operation === String(row)", arg=row)
    assert float(data(shown)["moment"]) == pytest.approx(at, abs=0.05)
    expect(shown.locator(".rv-verdict")).to_contain_text("no node was in both")
    told = shown.locator(".rv-line:visible").all_inner_texts()
    assert any("is acknowledged" in text for text in told)
    assert any("stale" in text for text in told)
    seek(shown, 1_900)
    assert data(shown)["operation"] == str(row), "it stays, wherever the clock is"
    shown.keyboard.press("Escape")
    shown.wait_for_function("(row) => stage.root.dataset.operation !== String(row)", arg=row)


def test_ordinary_operations_are_listed_when_their_kind_is_asked_for(shown: Page, trace: Trace) -> None:
    shown.get_by_role("button", name="Story").click()
    view = RingView(trace)
    assert shown.locator(".rv-event-write").count() == 0
    shown.get_by_label("Kind of events").select_option("write")
    assert shown.locator(".rv-event-write").count() == int(view.is_write.sum())
    shown.get_by_label("Kind of events").select_option("stale")
    assert shown.locator(".rv-event-stale").count() == int((view.judged >= STALE).sum())


def test_an_operation_is_held_by_its_number(shown: Page) -> None:
    shown.get_by_role("button", name="Story").click()
    field = shown.get_by_label("Hold operation")
    field.fill("57")
    field.press("Enter")
    shown.wait_for_function("() => stage.root.dataset.operation === '57'")
    field.fill("99999")
    field.press("Enter")
    expect(shown.locator(".rv-verdict")).to_contain_text("There is no operation 99,999")


# -- nodes and links as buttons ---------------------------------------------------------------------------------------


def test_each_node_and_each_link_says_its_state(sick: Page) -> None:
    said = [button.get_attribute("aria-label") for button in sick.locator(".rv-target:visible").all()]
    assert said[:5] == [f"n{i}, {'down' if i == 2 else 'up'}: faults" for i in range(1, 6)]
    assert len(said) == 5 + 10
    assert "link n1 – n3: cut both ways" in said
    assert "link n4 – n5: 100 ms slower n4 → n5" in said
    seek(sick, 950)
    assert target(sick, "node n4").get_attribute("aria-label") == "n4, up, cut off: faults"
    assert target(sick, "link n1 – n4").get_attribute("aria-label") == "link n1 – n4: cut both ways"


def test_targets_of_a_ring_do_not_cover_each_other(browser: Browser, tmp_path: Path) -> None:
    for members in (2, 4, 6, 7, 12):
        scenario = SICK.but(members=members, copies=2, faults=())
        with bench_page(browser, tmp_path, scenario, 100) as page:
            overlaps = page.evaluate(
                """() => {
                    const middle = (box) => [box.x + box.width / 2, box.y + box.height / 2, box.width];
                    const spots = [...document.querySelectorAll('.rv-target')]
                        .map((button) => middle(button.getBoundingClientRect()));
                    const close = ([x, y, a], [u, v, b]) => Math.hypot(x - u, y - v) < (a + b) / 2 - 4;
                    return spots.flatMap((a, i) => spots.slice(i + 1).filter((b) => close(a, b))).length;
                }"""
            )
            assert overlaps == 0, members


def test_a_node_is_broken_by_keyboard_alone(sick: Page) -> None:
    target(sick, "node n1").focus()
    sick.keyboard.press("ArrowDown")
    sick.keyboard.press("ArrowDown")
    sick.keyboard.press("Enter")
    assert labels(sick)[:3] == ["Crash", "Stall the disk", "Cut off"]
    sick.keyboard.press("Enter")
    assert sent(sick) == [{"do": "add", "fault": {"kind": "crash", "node": "n3", "at_ms": 600}}]


def test_a_link_between_any_two_nodes_is_cut_or_slowed_by_mouse(sick: Page) -> None:
    open_menu(sick, "link n1 – n4")
    assert labels(sick)[:5] == ["Cut both ways", "Cut n1 → n4", "Cut n4 → n1", "Delay n1 → n4", "Delay n4 → n1"]
    sick.get_by_role("menuitem", name="Delay n4 → n1").click()
    (message,) = sent(sick)
    assert message["fault"] == {"kind": "link_delay", "extra_ms": 100, "source": "n4", "target": "n1", "at_ms": 600}
    open_menu(sick, "link n1 – n3")
    assert "End: link n1 ↔ n3 is cut" in labels(sick)


def test_a_node_that_is_down_can_only_be_brought_back(sick: Page) -> None:
    open_menu(sick, "node n2")
    assert labels(sick)[0] == "Restart"


# -- other views, other runs ------------------------------------------------------------------------------------------


def test_the_space_time_diagram_has_a_row_for_each_node(shown: Page, trace: Trace) -> None:
    shown.get_by_role("button", name="Space–time").click()
    shown.wait_for_selector(".rv-stage[data-view=space-time]")
    assert shown.locator(".rv-row .rv-name").all_text_contents() == list(trace.nodes)
    assert shown.locator(".rv-side").count() == 0
    assert "request, at its coordinator" in shown.locator(".rv-diagram-legend").inner_text()
    box = shown.locator(".rv-diagram-canvas").bounding_box()
    assert box is not None
    found = False
    for x in range(int(box["x"] + 260), int(box["x"] + 700), 5):
        shown.mouse.move(x, box["y"] + 135)
        if shown.locator(".rv-tip").is_visible():
            text = shown.locator(".rv-tip").inner_text()
            found = True
            assert "→" in text
            shown.mouse.click(x, box["y"] + 135)
            break
    assert found
    assert shown.locator(".rv-drawer-story").is_visible()
    shown.keyboard.press("v")
    shown.wait_for_selector(".rv-stage[data-view=logs]")
    assert shown.locator(".rv-side").count() == 1


def test_knob_ends_and_other_topologies_on_one_stage(shown: Page) -> None:
    for changes in (
        {"members": 1, "copies": 1, "write_quorum": 1, "read_quorum": 1},
        {"members": 12, "copies": 12, "write_quorum": 12, "read_quorum": 1},
        {"members": 9, "copies": 5, "write_quorum": 1, "read_quorum": 5},
        {"rate_per_s": 0, "reads_per_s": 0, "reread_ms": -1},
    ):
        take(shown, scenarios["quorum_overlap"].but(**changes))
        assert shown.locator(".rv-peer").count() == changes.get("members", 5)
        for view in ("space-time", "logs"):
            shown.evaluate("(view) => model.set('view', view)", view)
            seek(shown, 1_000)
    take(shown, scenarios["one_sick_standby"])
    assert (shown.locator(".rv-peer").count(), shown.locator(".rv-side").count()) == (0, 0)
    assert shown.locator(".rv-row").count() == 4
    take(shown, RING)
    assert shown.locator(".rv-side").count() == 1


def test_two_runs_that_are_compared_show_the_same_operation(shown: Page) -> None:
    shown.evaluate("(was) => model.set('was', bytes(was))", _bytes(run(RING.but(write_quorum=2))))
    shown.wait_for_function("() => stage.was !== null && stage.root.dataset.version === '2'")
    same = 0
    for at in range(200, 1_900, 100):
        seek(shown, at)
        now, was = shown.evaluate(
            """[stage.now, stage.was].map(({ run, facts }) => {
                const { ops } = run.ring; return [ops.kind[facts.op], ops.key[facts.op], ops.begun[facts.op]]; })"""
        )
        same += now == was
    assert same >= 8
    assert shown.locator(".rv-side").count() == 2


def test_a_page_without_a_kernel_plays_a_ring(browser: Browser, tmp_path: Path, trace: Trace) -> None:
    page_file = tmp_path / "page.html"
    page_file.write_text(f"<!doctype html><meta charset='utf-8'>{fragment(trace, 600)}", encoding="utf-8")
    with watched_page(browser) as page:
        page.goto(page_file.as_uri())
        page.wait_for_selector(".rv-stage[data-ready=true]")
        assert page.locator(".rv-peer").count() == 5


def test_a_ring_has_no_findings_of_access(shown: Page) -> None:
    shown.get_by_role("button", name="Story").click()
    shown.locator(".rv-events-table").wait_for()
    assert not findings(shown, ".rv-stage")
