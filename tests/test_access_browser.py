"""Access in a real browser: axe-core's findings, contrast in both themes, keyboard, zoom, projector, reduced motion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from replication_viz import run, scenarios
from replication_viz.trace import Trace

from .browser import run_all
from .test_lessons_browser import LESSONS
from .test_lessons_browser import shown as shown_stage
from .test_stage_browser import data, press, stage_page

pytestmark = pytest.mark.browser

BENCH: dict[str, Any] = {
    "live": True,
    "name": "one_sick_standby",
    "share": "rv1.abc",
    "undo": "s1 crashes",
    "redo": "",
    "faults": [
        {
            "at": 900,
            "until": None,
            "lasts": None,
            "spell": False,
            "text": "s2 crashes",
            "places": ["s2"],
            "kind": "crash",
        },
        {
            "at": 1000,
            "until": 1800,
            "lasts": 800,
            "spell": True,
            "text": "s1: disk stalls",
            "places": ["s1"],
            "kind": "d",
        },
    ],
    "offers": {
        "leader": [{"label": "Crash", "hint": "stops", "when": "up", "fault": {"kind": "crash", "node": "$node"}}],
        "replica": [{"label": "Crash", "hint": "stops", "when": "up", "fault": {"kind": "crash", "node": "$node"}}],
        "link": [],
    },
    "table": {
        "knobs": [{"label": "lag", "was": "0 ms", "now": "200 ms"}],
        "measures": [{"name": "commit latency", "unit": "ms", "was": 4.1, "now": 204.2, "note": ""}],
    },
    "keeps": [{"format": "csv", "label": "Trace as CSV (zip)", "note": ""}],
}


def findings(page: Page, within: str) -> list[str]:
    """Return what axe-core finds serious or critical, with the elements."""
    violations = Axe().run(page, context=within).response["violations"]
    return [
        f"{found['id']} ({found['impact']}): {found['help']}: {[node['html'][:160] for node in found['nodes'][:4]]}"
        for found in violations
        if found["impact"] in ("serious", "critical")
    ]


@pytest.fixture(scope="module")
def trace() -> Trace:
    return run(scenarios["one_sick_standby"])


@pytest.fixture(params=["light", "dark"])
def shown(request: pytest.FixtureRequest, browser: Browser, tmp_path: Path, trace: Trace) -> Iterator[Page]:
    with stage_page(browser, tmp_path, trace, moment=1_300) as page:
        page.evaluate("(theme) => { document.body.dataset.theme = theme; }", request.param)
        page.evaluate("document.documentElement.lang = 'en'")
        yield page


def test_axe_finds_nothing_serious(shown: Page) -> None:
    assert findings(shown, ".rv-stage") == []
    shown.evaluate("(bench) => { model.send = () => {}; model.set('live', true); model.set('bench', bench); }", BENCH)
    for view in ("space-time", "logs"):
        shown.evaluate("(view) => model.set('view', view)", view)
        shown.wait_for_selector(f".rv-stage[data-view={view}]")
        assert findings(shown, ".rv-stage") == []
    assert shown.locator(".rv-tool[aria-expanded]").count() == 3
    for name in ("story", "faults", "keep"):
        shown.evaluate("(name) => model.set('drawer', name)", name)
        shown.locator(f".rv-drawer-{name}").wait_for()
        assert findings(shown, ".rv-stage") == []


def test_axe_finds_nothing_serious_in_a_comparison_and_an_open_menu(shown: Page) -> None:
    shown.evaluate(
        "(bench) => { model.send = () => {}; model.set('live', true); model.set('bench', bench); "
        "model.set('was', model.get('payload')); }",
        BENCH,
    )
    shown.wait_for_selector(".rv-stage.rv-pair[data-version='2']")
    shown.locator(".rv-picture").nth(1).wait_for()
    assert findings(shown, ".rv-stage") == []
    shown.locator(".rv-stage [aria-haspopup=menu]").first.click()
    shown.get_by_role("menu").wait_for()
    assert findings(shown, ".rv-stage") == []


def test_axe_finds_nothing_serious_on_a_panel_in_jupyterlab(page: Page) -> None:
    run_all(page, LESSONS[0])
    panel = page.locator(".rv-lab").first
    stage = shown_stage(page, panel)
    assert findings(page, ".rv-lab") == []
    handle = panel.locator(".noUi-handle").first
    assert handle.get_attribute("aria-label") == "wait for"
    said = handle.get_attribute("aria-valuetext")
    version = stage.get_attribute("data-version")
    handle.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "([stage, version]) => stage.dataset.version !== version", arg=[stage.element_handle(), version]
    )
    page.wait_for_function("([handle, said]) => handle.ariaValueText !== said", arg=[handle.element_handle(), said])


def test_a_projector_shows_the_same_picture_one_and_a_half_times_as_large(
    browser: Browser, tmp_path: Path, trace: Trace
) -> None:
    with stage_page(browser, tmp_path, trace, moment=1_300, viewport={"width": 1_600, "height": 1_000}) as page:
        title = page.locator(".rv-title")
        before = title.bounding_box()
        assert before is not None
        page.locator(".rv-stage").focus()
        page.keyboard.press("p")
        page.wait_for_selector(".rv-stage.rv-projector")
        after, larger = title.bounding_box(), page.locator(".rv-pictures").bounding_box()
        assert after is not None
        assert larger is not None
        assert after["height"] == pytest.approx(1.5 * before["height"], rel=0.03)
        assert larger["width"] == pytest.approx(1_470)
        assert page.evaluate("document.documentElement.scrollWidth") == 1_600
        # The pointer still finds the moment under it.
        box = page.locator(".rv-timeline").bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_function("Math.abs(document.querySelector('.rv-stage').dataset.moment - 2000) < 10")
        page.keyboard.press("p")
        page.wait_for_selector(".rv-stage:not(.rv-projector)")


@pytest.mark.parametrize("width", [640, 420])
def test_zoomed_in_to_200_percent_and_more_nothing_is_lost(
    browser: Browser, tmp_path: Path, trace: Trace, width: int
) -> None:
    """A window of 1,280 pixels zoomed in to 200 % has 640 of its own; JupyterLab's side bar takes some of them."""
    size = {"width": width, "height": 450}
    with stage_page(browser, tmp_path, trace, moment=1_300, viewport=size, device_scale_factor=2) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == width
        for part in (".rv-title", ".rv-clock", ".rv-rows", ".rv-card >> nth=2", ".rv-timeline", ".rv-tools"):
            box = page.locator(part).bounding_box()
            assert box is not None
            assert box["x"] >= -0.5
            assert box["x"] + box["width"] <= width + 0.5
            assert box["width"] > 10
        for name in ("Play", "Space–time", "Story", "Projector"):
            assert page.get_by_role("button", name=name, exact=True).is_visible()


def test_with_reduced_motion_the_clock_takes_steps_and_nothing_pulses(
    browser: Browser, tmp_path: Path, trace: Trace
) -> None:
    with stage_page(browser, tmp_path, trace, moment=900, reduced_motion="reduce") as page:
        page.evaluate("() => { for (const row of stage.scene.rows.keys()) stage.scene.pulse(row); }")
        assert page.evaluate("document.getAnimations().length") == 0
        page.locator(".rv-stage").focus()
        assert press(page, "v") == 900
        assert data(page)["view"] == "space-time"
