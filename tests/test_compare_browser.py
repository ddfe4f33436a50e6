"""Was and now: two pictures on one clock and the table of what differs."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from replication_viz import run

from .bench import SICK, labels, open_menu, take
from .test_stage_browser import _bytes, seek, stage_page

pytestmark = pytest.mark.browser


TABLE = {
    "knobs": [
        {"label": "wait for", "was": "ANY 1 (*)", "now": "FIRST 1 (s1)"},
        {"label": "replicas", "was": 3, "now": 3},
        {"label": "lag, ms", "was": 0, "now": 0},
        {"label": "disk flush, ms", "was": 2, "now": 2},
    ],
    "measures": [
        {"name": "median commit", "unit": "ms", "was": 5.2, "now": 7.35, "note": ""},
        {"name": "lost at most", "unit": "writes", "was": 12, "now": 2, "note": "promoting the best"},
        {"name": "committed", "unit": "writes", "was": 150, "now": 150, "note": ""},
        {"name": "longest gap", "unit": "ms", "was": None, "now": 40, "note": ""},
        {"name": "stale reads", "unit": "", "was": 0, "now": 0, "note": ""},
    ],
}


@pytest.fixture
def pair(sick: Page) -> Page:
    take(sick, SICK.but(ack="FIRST 1 (s1)"), was=SICK, table=TABLE)
    return sick


def playheads(page: Page) -> list[float]:
    """How far right the playhead of each picture stands, in pixels."""
    found: list[float] = page.evaluate(
        "[...document.querySelectorAll('.rv-playhead')].map((head) => head.getBoundingClientRect().x)"
    )
    return found


def test_two_pictures_stand_on_one_clock(pair: Page) -> None:
    assert pair.locator(".rv-badge").all_inner_texts() == ["A · was", "B · now"]
    assert pair.locator(".rv-setting").all_inner_texts() == [
        "synchronous_standby_names = 'ANY 1 (*)'",
        "synchronous_standby_names = 'FIRST 1 (s1)'",
    ]
    for moment in (0, 700, 1_500):
        seek(pair, moment)
        heads = playheads(pair)
        assert len(heads) == 2
        assert heads[0] == pytest.approx(heads[1])
        assert heads[0] == pytest.approx(24 - 1 + moment / 1_500 * (980 - 48), abs=1)
    assert pair.locator(".rv-bar").count() == 1
    assert pair.locator(".rv-targets").count() == 1  # what was cannot be broken any more
    # Dragging on either timeline moves both.
    upper = pair.locator(".rv-timeline").first
    upper.click(position={"x": 24 + 932 / 2, "y": 60})
    pair.wait_for_function("Math.abs(stage.root.dataset.moment - 750) < 2")
    stage, tools = (pair.locator(part).bounding_box() for part in (".rv-stage", ".rv-tools"))
    assert stage is not None
    assert tools is not None
    assert tools["y"] + tools["height"] - stage["y"] <= 900


def test_the_table_says_what_differs(pair: Page) -> None:
    section = pair.get_by_role("region", name="Was and now")
    tables = section.get_by_role("table").all()
    assert [table.locator("caption").inner_text() for table in tables] == ["Settings", "Measures over the whole run"]
    for table in tables:
        assert table.locator("th[scope=row]").count() == table.locator("tbody tr").count()

    def cells() -> list[list[str]]:
        rows = section.locator("tbody tr").all()
        return [row.locator("th, td").all_inner_texts() for row in rows]

    differing = [
        ["wait for", "ANY 1 (*)", "FIRST 1 (s1)"],
        ["median commit", "5.2 ms", "7.3 ms", "+2.1 ms"],
        ["lost at most\npromoting the best", "12 writes", "2 writes", "−10 writes"],
        ["longest gap", "–", "40 ms", ""],
    ]
    found = cells()
    assert [found[0], found[2], found[3]] == [differing[0], differing[2], differing[3]]
    assert found[1][0] == "median commit"
    assert found[1][3].startswith("+2.")
    more = section.get_by_role("button", name="Show all: 5 more rows that are equal")
    more.focus()
    pair.keyboard.press("Enter")
    assert len(cells()) == 9
    assert section.locator(".rv-differs").count() == 4
    assert pair.evaluate("document.activeElement.textContent") == "Show only what differs"
    pair.keyboard.press("Enter")
    assert len(cells()) == 4
    # No longer compared: one picture, no table, as before.
    take(pair, SICK)
    assert section.is_hidden()
    assert pair.locator(".rv-picture").count() == 1


def test_the_shorter_run_says_that_it_is_over(sick: Page) -> None:
    take(sick, SICK.but(duration_ms=1_350), was=SICK, table=None)
    seek(sick, 1_200)
    assert sick.locator(".rv-clock").all_inner_texts() == ["1,200.0 ms"] * 2
    seek(sick, 1_450)
    assert sick.locator(".rv-clock").all_inner_texts() == ["1,450.0 ms", "over at 1,350.0 ms"]
    assert sick.locator(".rv-timeline").last.get_by_text("this run is over").is_visible()
    heads = playheads(sick)
    assert heads[0] == pytest.approx(heads[1])
    open_menu(sick, "node s2")
    assert labels(sick) == []


def test_a_page_without_a_kernel_compares_too(browser: Browser, tmp_path: Path) -> None:
    with stage_page(browser, tmp_path, run(SICK.but(ack="FIRST 1 (s1)")), moment=550) as page:
        page.evaluate(
            "([was, bench]) => { model.set('bench', bench); model.set('was', bytes(was)); }",
            [_bytes(run(SICK)), {"live": False, "table": TABLE}],
        )
        page.wait_for_selector(".rv-stage[data-version='2']")
        assert page.locator(".rv-badge").all_inner_texts() == ["A · was", "B · now"]
        assert page.get_by_role("region", name="Was and now").locator("tbody tr").count() == 4
        assert page.get_by_role("button", name="Compare").is_hidden()
