"""The story in a real browser: following a write, the table of events, room and reach."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from replication_viz import run, scenarios
from replication_viz.scenario import StallDisk
from replication_viz.trace import Trace
from replication_viz.views.stage import fragment

from .browser import watched_page
from .telling import CUT, NASTY, chain, follow, follow_in_pair, plain, rows, settled, verdict
from .test_access_browser import findings
from .test_stage_browser import _bytes, data, press, seek, stage_page

pytestmark = pytest.mark.browser


# -- following --------------------------------------------------------------------------------------------------------


def test_a_click_on_a_log_follows_the_write_that_lies_there(story: Page) -> None:
    for name in ("L", "s2"):
        bar = story.locator(f".rv-row[data-node={name}] .rv-bar-track").bounding_box()
        assert bar is not None
        x = bar["x"] + 0.4 * bar["width"]
        story.mouse.click(x, bar["y"] + bar["height"] / 2)
        settled(story)
        left, writes = story.evaluate("[stage.facts.left, stage.facts.writes]")
        lsn = int(np.ceil(left + 0.4 * writes))
        assert verdict(story).startswith(f"Write {lsn} ")
        pin = story.locator(".rv-pin")
        assert pin.get_attribute("data-lsn") == str(lsn)
        assert pin.locator("text").text_content() == str(lsn)
        line = pin.locator("line").bounding_box()
        assert line is not None
        assert line["x"] == pytest.approx(x, abs=bar["width"] / writes)
    marked = [story.locator(".rv-pin path").nth(i).is_visible() for i in range(4)]
    assert marked == [story.evaluate(f"stage.facts.received[{i}] >= {lsn}") for i in range(4)]


def test_a_click_on_a_message_between_two_logs_follows_its_last_write(story: Page) -> None:
    x, y, lsn = story.evaluate(
        """() => {
            const box = stage.now.rows.getBoundingClientRect();
            const { facts, packets } = stage;
            for (const flights of facts.run.flights) {
                for (let i = 0; i < flights.sent.length; i++) {
                    if (flights.sent[i] > facts.t || flights.arrived[i] <= facts.t) continue;
                    const { x, y } = packets.place(flights, i, facts);
                    const { at, rows } = stage.scene;
                    const between = rows.every((row) => y < row.y - 4 || y > row.y + at.bar + 4);
                    if (between) return [box.x + x - 3, box.y + y, flights.to[i]];
                }
            }
        }"""
    )
    story.mouse.click(x, y)
    settled(story)
    assert verdict(story).startswith(f"Write {lsn} ")


def test_following_ends_with_escape_and_with_its_button(story: Page) -> None:
    for end in (lambda: story.keyboard.press("Escape"), lambda: story.get_by_label("Stop following").click()):
        story.get_by_role("button", name="Follow the newest acknowledged write").click()
        settled(story)
        assert story.locator(".rv-pin").is_visible()
        assert story.get_by_label("Follow write").input_value() == data(story)["committed"]
        end()
        settled(story)
        assert not story.locator(".rv-pin").is_visible()
        assert chain(story) == []
        assert story.get_by_label("Follow write").input_value() == ""
        assert story.get_by_label("Stop following").is_hidden()


def test_a_number_typed_and_entered_is_followed_and_a_line_is_a_way_through_time(story: Page) -> None:
    story.get_by_label("Follow write").fill("200")
    story.keyboard.press("Enter")
    settled(story)
    assert verdict(story).startswith("Write 200 has waited ")
    lines = chain(story)
    story.locator(".rv-line .rv-when").first.focus()
    story.keyboard.press("ArrowDown")
    story.keyboard.press("ArrowDown")
    assert data(story)["moment"] == "1300", "arrows walk through the lines and leave the clock alone"
    story.keyboard.press("Enter")
    settled(story)
    assert float(data(story)["moment"]) == pytest.approx(lines[2]["t"], abs=1e-3)
    story.get_by_label("Follow write").fill("99999")
    story.keyboard.press("Enter")
    settled(story)
    assert verdict(story) == "There is no write 99,999: the last one of this run is 820."


def test_a_shortcut_is_offered_only_while_there_is_something_to_follow(story: Page) -> None:
    lost, waiting, newest, stale = (
        story.locator(f"button[aria-label='{name}']")
        for name in (
            "Follow a write that would be lost now",
            "Follow the oldest waiting write",
            "Follow the newest acknowledged write",
            "Follow a stale read",
        )
    )
    assert [button.is_visible() for button in (lost, waiting, newest, stale)] == [False, True, True, False]
    seek(story, 0)
    assert [button.is_visible() for button in (lost, waiting, newest, stale)] == [False, False, False, False]


# -- the table --------------------------------------------------------------------------------------------------------


def test_the_story_is_a_table_that_keeps_step_with_the_clock(story: Page) -> None:
    table = story.get_by_role("table", name="What happened, in order of time")
    assert table.get_by_role("columnheader").all_inner_texts() == ["Time", "Where", "What", "Kind"]
    assert all(head.get_attribute("scope") == "col" for head in table.get_by_role("columnheader").all())
    events = story.evaluate("stage.run.events.map(({ t, text }) => ({ t, text }))")
    assert [row[2] for row in rows(story)] == [plain(event["text"]) for event in events]
    assert [row[1] for row in rows(story)] == ["all", "s1", "L", "s1", "L"]
    assert [row[3] for row in rows(story)] == ["Setting", "Fault", "Waiting", "Fault", "Waiting"]
    for moment in (0, 999, 1_000, 1_500, 3_000, 4_000):
        seek(story, moment)
        now = [event["text"] for event in events if event["t"] <= moment]
        assert plain(story.locator("tr[aria-current=true] .rv-told").inner_text()) == plain(now[-1])
        assert story.locator("tr[aria-current=true]").count() == 1
        assert story.locator(".rv-event.rv-later").count() == len(events) - len(now)


def test_the_row_that_holds_now_is_in_view_and_the_page_stays_where_it_is(browser: Browser, tmp_path: Path) -> None:
    trace = run(scenarios["write_outage"])
    with stage_page(browser, tmp_path, trace, viewport={"width": 1000, "height": 500}) as page:
        page.evaluate("model.set('drawer', 'story')")
        page.evaluate("scrollTo(0, 100)")
        for moment in (0, 2_226.5, 3_500, 6_000, 2_950, 0):
            seek(page, moment)
            box, row = (page.locator(part).bounding_box() for part in (".rv-events-box", "tr[aria-current=true]"))
            assert box is not None
            assert row is not None
            assert row["y"] >= box["y"] - 1
            assert row["y"] + row["height"] <= box["y"] + box["height"] + 1
        assert page.evaluate("scrollY") == 100


def test_events_are_filtered_by_node_and_by_kind(browser: Browser, tmp_path: Path) -> None:
    with stage_page(browser, tmp_path, run(NASTY), moment=500) as page:
        page.get_by_role("button", name="Story").click()
        every = rows(page)
        page.get_by_role("button", name="s3", exact=True).click()
        settled(page)
        assert page.get_by_role("button", name="s3", exact=True).get_attribute("aria-pressed") == "true"
        own = [row for row in every if "s3" in row[1] or "3 nodes" in row[1]]
        assert 0 < len(own) < len(every)
        assert rows(page) == own
        page.get_by_role("table", name="What happened: of s3, in order of time").wait_for()
        page.get_by_role("button", name="network", exact=True).click()
        settled(page)
        kinds = {row[-1] for row in rows(page)}
        assert kinds == {"Fault", "Connection"}
        assert not any("disk" in row[2] for row in rows(page))
        page.get_by_role("button", name="all", exact=True).click()
        page.get_by_label("Kind of events").select_option("connection")
        settled(page)
        assert rows(page) == [row for row in every if row[-1] == "Connection"]
        assert len(rows(page)) >= 2
        page.get_by_role("button", name="network", exact=True).focus()
        page.keyboard.press("Enter")
        settled(page)
        assert page.evaluate("document.activeElement.textContent") == "network", "the focus stays on the button"


def test_an_event_is_a_way_through_time_by_mouse_and_by_keyboard(story: Page) -> None:
    story.get_by_role("button", name="1,000 ms: go there").click()
    settled(story)
    assert data(story)["moment"] == "1000"
    times = story.locator(".rv-events-table .rv-when")
    assert [times.nth(i).get_attribute("tabindex") for i in range(5)] == ["-1", "0", "-1", "-1", "-1"]
    story.keyboard.press("ArrowDown")
    story.keyboard.press("ArrowDown")
    assert times.nth(3).evaluate("(button) => button === document.activeElement")
    assert data(story)["moment"] == "1000"
    story.keyboard.press("Enter")
    settled(story)
    assert data(story)["moment"] == "3000"
    story.keyboard.press("Home")
    assert times.nth(0).evaluate("(button) => button === document.activeElement")
    story.keyboard.press(" ")
    settled(story)
    assert (data(story)["moment"], data(story)["playing"]) == ("0", "false")


def test_the_menu_of_a_node_opens_the_story_at_its_events(browser: Browser, tmp_path: Path, sick_run: Trace) -> None:
    with stage_page(browser, tmp_path, sick_run, moment=1_300) as page:
        page.evaluate("stage.filterStory('s1')")
        settled(page)
        assert page.evaluate("model.get('drawer')") == "story"
        assert page.get_by_role("button", name="s1", exact=True).get_attribute("aria-pressed") == "true"
        assert [row[1] for row in rows(page)] == ["s1", "s1"]
        page.evaluate("stage.filterStory('s2')")
        settled(page)
        assert rows(page) == [["Nothing happens on s2 in this run."]]


def test_two_runs_tell_their_events_in_one_list(story: Page) -> None:
    calm = scenarios["one_sick_standby"].but(faults=(StallDisk(node="s1", at_ms=1_000, for_ms=500, flush_ms=400),))
    story.evaluate("(text) => model.set('was', bytes(text))", _bytes(run(calm)))
    story.wait_for_selector(".rv-stage.rv-pair")
    settled(story)
    heads = story.locator(".rv-events-table th").all_inner_texts()
    assert heads == ["Time", "Run", "Where", "What", "Kind"]
    by_text = {(row[0], row[3]): row[1] for row in rows(story)}
    stalls = {run_: time for (time, text), run_ in by_text.items() if text.startswith("Over: s1: disk")}
    assert stalls == {"A": "1,500.0 ms", "B": "3,000.0 ms"}
    assert {run_ for (_, text), run_ in by_text.items() if text.startswith("s1: disk")} == {"A and B"}
    assert [row[0] for row in rows(story)] == sorted(
        [row[0] for row in rows(story)], key=lambda t: float(t[:-3].replace(",", ""))
    )
    # The same write in both runs, each with a fate of its own.
    lsn = follow_in_pair(story)
    b = verdict(story)
    story.get_by_role("button", name="A", exact=True).click()
    settled(story)
    assert verdict(story).startswith(f"Write {lsn} ")
    assert verdict(story) != b
    assert [pin.get_attribute("data-lsn") for pin in story.locator(".rv-pin").all()] == [str(lsn)] * 2


# -- room and reach ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [980, 640])
@pytest.mark.parametrize("view", ["logs", "space-time"])
def test_nothing_of_it_sticks_out(browser: Browser, tmp_path: Path, width: int, view: str) -> None:
    busy = run(NASTY.but(replicas=7, reads_per_s=300))
    with stage_page(browser, tmp_path, busy, moment=900, viewport={"width": width, "height": 900}) as page:
        page.evaluate("(view) => { model.set('view', view); model.set('drawer', 'story'); }", view)
        follow(page, 160)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        wide = page.evaluate(
            """['events-box', 'chain-box', 'verdict', 'filters', 'diagram-head'].filter((name) => {
                const box = document.querySelector(`.rv-${name}`);
                return box?.offsetParent && box.scrollWidth > box.clientWidth + 1;
            })"""
        )
        assert wide == []


def test_all_of_it_can_be_reached_and_has_a_name(story: Page) -> None:
    story.evaluate("model.set('view', 'space-time')")
    story.get_by_role("button", name="Follow the newest acknowledged write").click()
    settled(story)
    stops = story.locator(".rv-drawer-story button, .rv-drawer-story input, .rv-drawer-story select, .rv-zoom")
    assert stops.count() > 15
    for stop in stops.all():
        named = stop.evaluate("(one) => one.ariaLabel || one.textContent.trim() || [...one.labels].length > 0")
        assert named, stop.evaluate("(one) => one.outerHTML")
        assert stop.get_attribute("data-lm-suppress-shortcuts") == "true"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_it(story: Page, theme: str) -> None:
    story.evaluate("(theme) => { document.body.dataset.theme = theme; }", theme)
    for view in ("logs", "space-time"):
        story.evaluate("(view) => model.set('view', view)", view)
        for lsn in (100, 250, 999):
            follow(story, lsn)
            assert findings(story, ".rv-stage") == []


def test_with_reduced_motion_nothing_of_it_moves_by_itself(browser: Browser, tmp_path: Path, sick_run: Trace) -> None:
    with stage_page(browser, tmp_path, sick_run, moment=1_300, reduced_motion="reduce") as page:
        page.evaluate("() => { model.set('view', 'space-time'); model.set('drawer', 'story'); }")
        follow(page, 250)
        assert page.evaluate("document.getAnimations().filter((one) => one.playState === 'running').length") == 0


def test_an_exported_page_tells_the_story_without_a_kernel(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(f'<!doctype html><meta charset="utf-8">{fragment(run(CUT), moment=800)}', encoding="utf-8")
    with watched_page(browser, offline=True) as page:
        page.goto(file.as_uri())
        page.wait_for_selector(".rv-stage[data-ready=true]")
        page.locator(".rv-timeline").focus()
        assert press(page, "s") == 800
        assert "Link L → s1 is cut." in [row[2] for row in rows(page)]
        page.get_by_role("button", name="Follow a write that would be lost now").click()
        settled(page)
        assert "it is lost if L dies now, because the link L → s1 has been cut since 500 ms" in verdict(page)
        page.locator(".rv-timeline").focus()
        page.keyboard.press("v")
        page.wait_for_selector(".rv-stage[data-view=space-time]")
        assert page.locator(".rv-diagram-canvas").is_visible()
        page.keyboard.press("Escape")
        settled(page)
        assert chain(page) == []
