"""Every lesson in a real JupyterLab: it runs, the console stays empty, its stages move and its knobs change them."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page

from .browser import run_all
from .checkout import ROOT

LESSONS = sorted(path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
pytestmark = pytest.mark.browser


def shown(page: Page, lab: Locator) -> Locator:
    """Bring a panel's stage into view, where it draws itself, and return it."""
    stage = lab.locator(".rv-stage")
    stage.scroll_into_view_if_needed()
    page.wait_for_function("stage => stage.dataset.ready === 'true'", arg=stage.element_handle())
    return stage


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_runs_and_each_of_its_stages_plays_and_follows_a_knob(page: Page, lesson: str) -> None:
    run_all(page, lesson)
    labs = page.locator(".rv-lab")
    assert labs.count() >= 1
    for number in range(labs.count()):
        lab = labs.nth(number)
        stage = shown(page, lab)
        assert lab.locator(".rv-row, .rv-peer").count() >= 2
        _plays(page, stage)
        _follows(page, lab, stage)
    charts = page.locator(".rv-lab img")
    if charts.count():
        _wears_the_theme(page, charts.first)


def _wears_the_theme(page: Page, chart: Locator) -> None:
    """When JupyterLab turns dark a chart is drawn anew, dark at its corner; and light again."""
    chart.scroll_into_view_if_needed()
    for light, least, most in (("false", 0, 60), ("true", 200, 255)):
        page.evaluate("(light) => { document.body.dataset.jpThemeLight = light; }", light)
        page.wait_for_function(_CORNER, arg=[chart.element_handle(), least, most])


_CORNER = """async ([image, least, most]) => {
    try { await image.decode(); } catch { return false; }  // it was replaced meanwhile
    const sheet = new OffscreenCanvas(1, 1).getContext("2d");
    sheet.drawImage(image, 0, 0, 1, 1, 0, 0, 1, 1);
    const [red] = sheet.getImageData(0, 0, 1, 1).data;
    return least <= red && red <= most;
}"""


def _plays(page: Page, stage: Locator) -> None:
    """From the beginning: at its end a run stops by itself, and the key would start it again."""
    stage.focus()
    page.keyboard.press("Home")
    page.wait_for_function("stage => Number(stage.dataset.moment) === 0", arg=stage.element_handle())
    page.keyboard.press("Space")
    page.wait_for_function("stage => Number(stage.dataset.moment) > 0", arg=stage.element_handle())
    page.keyboard.press("Space")
    page.wait_for_function("stage => stage.dataset.playing === 'false'", arg=stage.element_handle())


def _follows(page: Page, lab: Locator, stage: Locator) -> None:
    handle = lab.locator(".noUi-handle").first
    handle.focus()
    upper = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
    version = stage.get_attribute("data-version")
    page.keyboard.press("ArrowLeft" if upper else "ArrowRight")
    page.wait_for_function(
        "([stage, version]) => stage.dataset.version !== version", arg=[stage.element_handle(), version]
    )


def test_both_ends_of_each_knob_of_the_first_panel_leave_a_whole_picture(page: Page) -> None:
    run_all(page, LESSONS[0])
    lab = page.locator(".rv-lab").first
    stage = shown(page, lab)
    for number in range(lab.locator(".noUi-handle").count()):
        handle = lab.locator(".noUi-handle").nth(number)
        for key in ("End", "Home"):
            version = stage.get_attribute("data-version")
            handle.focus()
            page.keyboard.press(key)
            page.wait_for_function(
                "([stage, version]) => stage.dataset.version !== version", arg=[stage.element_handle(), version]
            )
            assert stage.get_attribute("data-ready") == "true"
            assert stage.locator(".rv-row").count() >= 2


def test_the_lessons_are_there() -> None:
    assert LESSONS[:3] == ["00_start_here.ipynb", "01_wal_stream.ipynb", "02_ack_modes.ipynb"]
    assert Path(ROOT / "notebooks" / "glossary.ipynb").exists()
