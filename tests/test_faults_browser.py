"""The list of faults below the picture and their flags on the timeline."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from replication_viz.scenario import Crash

from .bench import FAULTS, FIXED, SICK, WAITS, bench, focus, sent, take
from .test_stage_browser import data, seek

pytestmark = pytest.mark.browser


@pytest.fixture
def listed(sick: Page) -> Page:
    sick.evaluate("(bench) => model.set('bench', bench)", bench(SICK, FIXED, WAITS))
    sick.locator(".rv-timeline").focus()
    sick.keyboard.press("f")
    sick.locator(".rv-faults").wait_for()
    return sick


def cell(page: Page, fault: int, part: str) -> Locator:
    return page.locator(f".rv-faults tr[data-fault='{fault}'] [data-part={part}]")


def test_the_list_holds_every_fault_in_order_of_time(listed: Page) -> None:
    assert listed.get_by_role("button", name="Faults · 8").get_attribute("aria-expanded") == "true"
    rows = listed.locator(".rv-faults tbody tr")
    assert rows.locator(".rv-faults-go").all_inner_texts() == [
        "Network partition: s1 cut off",
        "s6 crashes",
        "s1: disk stalls, 300 ms a flush",
        "Link s2 → L is cut",
        "Link L → s3: 80 ms slower",
        "Network partition: s2, s3 cut off",
        "s1 crashes",
        "s1 restarts",
    ]
    assert "by the knob" in rows.nth(0).inner_text()
    assert rows.nth(0).locator("input").count() == 2
    assert rows.nth(0).locator("[data-part=remove]").count() == 0
    assert "waits for more replicas" in rows.nth(1).inner_text()
    assert "until 600 ms" in rows.nth(2).inner_text()
    assert rows.nth(6).locator("input").count() == 1  # a crash is a moment
    assert listed.get_by_role("table", name="What goes wrong in this run").locator("thead th[scope=col]").count() == 3
    seek(listed, 550)
    assert listed.locator(".rv-in-force .rv-faults-go").all_inner_texts() == [
        "s1: disk stalls, 300 ms a flush",
        "Link s2 → L is cut",
        "Link L → s3: 80 ms slower",
    ]


def test_a_fault_is_moved_and_stretched_by_its_numbers(listed: Page) -> None:
    cell(listed, 0, "at").fill("350.5")
    assert sent(listed) == []
    listed.keyboard.press("Enter")
    assert sent(listed) == [{"do": "move", "fault": 0, "at_ms": 350.5, "lasts_ms": 200}]
    cell(listed, 1, "lasts").fill("")
    listed.keyboard.press("Tab")
    assert sent(listed) == [{"do": "move", "fault": 1, "at_ms": 500, "lasts_ms": None}]
    cell(listed, 4, "at").focus()
    listed.keyboard.press("ArrowUp")
    assert sent(listed) == [{"do": "move", "fault": 4, "at_ms": 1101, "lasts_ms": None}]
    assert data(listed)["moment"] == "200"
    cell(listed, 2, "at").fill("500")
    listed.keyboard.press("Enter")
    assert sent(listed) == []  # nothing new
    # The list follows, and the focus stays on what was changed.
    cell(listed, 4, "at").fill("20")
    listed.keyboard.press("Enter")
    sent(listed)
    moved = SICK.but(faults=(*FAULTS[:4], Crash(node="s1", at_ms=20), FAULTS[5]))
    take(listed, moved, FIXED, WAITS)
    assert focus(listed) == "4 at"
    assert listed.locator(".rv-faults tbody tr").first.get_attribute("data-fault") == "4"
    expect(listed.locator("[aria-live=polite].rv-unseen")).to_have_text(
        "s1 crashes at 20 ms, no longer at 1,100 ms. Undo with Ctrl+Z."
    )


@pytest.mark.parametrize(
    ("part", "typed", "sentence"),
    [
        ("at", "", "A fault needs a time at which it begins."),
        ("at", "-5", "It cannot begin before the run does: at least 0 ms."),
        ("at", "1501", "The run ends at 1,500 ms: at most that."),
        ("at", "12e", "This is not a number of milliseconds."),
        ("lasts", "0", "It must last longer than 0 ms; empty: until the end."),
        ("lasts", "--", "This is not a number of milliseconds."),
    ],
)
def test_a_bad_number_is_a_sentence_and_nothing_is_sent(listed: Page, part: str, typed: str, sentence: str) -> None:
    box = cell(listed, 0, part)
    box.focus()
    listed.keyboard.press("Control+a")
    listed.keyboard.press("Delete")
    listed.keyboard.type(typed)
    listed.keyboard.press("Enter")
    line = listed.locator(".rv-faults tr[data-fault='0']")
    expect(line.get_by_role("alert")).to_have_text(sentence)
    assert box.get_attribute("aria-invalid") == "true"
    assert sent(listed) == []
    listed.keyboard.press("Escape")
    assert box.input_value() == {"at": "400", "lasts": "200"}[part]
    assert line.get_by_role("alert").count() == 0 or line.get_by_role("alert").inner_text() == ""
    assert box.get_attribute("aria-invalid") is None


def test_what_the_kernel_refuses_is_told_beside_the_number(listed: Page) -> None:
    cell(listed, 0, "lasts").fill("")
    listed.keyboard.press("Enter")
    assert sent(listed) == [{"do": "move", "fault": 0, "at_ms": 400, "lasts_ms": None}]
    listed.evaluate("stage.forks.hear({ did: 'sorry', text: 'That cannot be.' })")
    expect(listed.locator(".rv-faults tr[data-fault='0']").get_by_role("alert")).to_have_text("That cannot be.")
    cell(listed, 0, "remove").click()
    sent(listed)
    listed.evaluate("stage.forks.hear({ did: 'sorry', text: 'Nor that.' })")
    expect(listed.locator(".rv-problem")).to_have_text("Nor that.")
    assert listed.locator(".rv-problem").is_visible()
    cell(listed, 0, "remove").click()
    assert listed.locator(".rv-problem").is_hidden()


def test_a_fault_is_removed_and_the_focus_goes_to_the_next(listed: Page) -> None:
    listed.get_by_role("button", name="Remove: s1 crashes at 1,100 ms").click()
    assert sent(listed) == [{"do": "remove", "fault": 4}]
    take(listed, SICK.but(faults=(*FAULTS[:4], FAULTS[5])))
    assert focus(listed) == "4 remove"
    assert cell(listed, 4, "remove").get_attribute("aria-label") == "Remove: s1 restarts at 1,300 ms"
    listed.keyboard.press("Enter")
    assert sent(listed) == [{"do": "remove", "fault": 4}]
    take(listed, SICK.but(faults=()))
    assert listed.evaluate("document.activeElement.textContent") == "Faults"
    assert listed.locator(".rv-faults").is_hidden()
    assert listed.get_by_text("Nothing goes wrong yet. Click a node or a link to break it.").is_visible()


def test_the_words_of_a_fault_lead_to_its_moment(listed: Page) -> None:
    listed.get_by_role("button", name="s1 crashes", exact=True).click()
    listed.wait_for_selector(".rv-stage[data-moment='1100']")


def test_a_flag_is_dragged_along_the_timeline(listed: Page) -> None:
    assert listed.locator(".rv-flag-handle").count() == len(FAULTS) + 1  # what waits has no place on it
    handle = listed.locator(".rv-flag-handle[data-fault='4']")
    handle.scroll_into_view_if_needed()
    box, line = handle.bounding_box(), listed.locator(".rv-timeline").bounding_box()
    assert box is not None
    assert line is not None
    per_ms = (line["width"] - 48) / 1_500
    x, y = box["x"] + box["width"] / 2, box["y"] + 8
    listed.mouse.move(x, y)
    listed.mouse.down()
    listed.mouse.move(x - 200 * per_ms, y, steps=4)
    assert listed.locator(".rv-flag-time:visible").inner_text() == "900 ms"
    assert sent(listed) == []
    listed.mouse.up()
    assert sent(listed) == [{"do": "move", "fault": 4, "at_ms": 900, "lasts_ms": None}]
    assert data(listed)["moment"] == "200"  # dragging a flag is not scrubbing
    listed.mouse.move(box["x"] + 10, y)
    handle.click(position={"x": 10, "y": 5}, force=True)
    assert sent(listed) == []
