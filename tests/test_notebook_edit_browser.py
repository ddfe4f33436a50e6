"""A fault by click in a real notebook: panel, stage and kernel together, by mouse and by keyboard."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from .browser import run_all
from .test_lessons_browser import LESSONS, shown

pytestmark = pytest.mark.browser


@pytest.fixture
def stage(page: Page) -> Locator:
    run_all(page, LESSONS[0])
    return shown(page, page.locator(".rv-lab").first)


def version(stage: Locator) -> int:
    return int(stage.get_attribute("data-version") or 0)


def another_run(page: Page, stage: Locator, before: int) -> None:
    """Wait until the stage shows a run that came after one."""
    page.wait_for_function(
        "([stage, before]) => Number(stage.dataset.version) > before", arg=[stage.element_handle(), before]
    )


def past(stage: Locator, until: float) -> Any:
    """Every step of every position and every message up to a moment."""
    return stage.evaluate(
        """({ stage }, until) => ({
            steps: stage.run.steps.map(({ t, v }) => [...t].map((at, i) => [at, v[i]]).filter(([at]) => at < until)),
            flights: stage.run.flights.map((flights) => [...flights.sent].filter((at) => at < until)),
        })""",
        until,
    )


def test_a_click_on_a_replica_breaks_it_and_leaves_the_past_alone(page: Page, stage: Locator) -> None:
    moment = float(stage.get_attribute("data-moment") or "nan")
    before, history = version(stage), past(stage, moment)
    stage.locator('[data-target="node s1"]').click()
    stage.get_by_role("menuitem", name="Crash").click()
    another_run(page, stage, before)
    assert float(stage.get_attribute("data-moment") or "nan") == pytest.approx(moment, abs=0.01)
    assert stage.locator(".rv-row[data-node=s1]").get_attribute("data-up") == "false"
    assert past(stage, moment) == history
    expect(stage.locator("[aria-live=polite].rv-unseen")).to_contain_text("s1 crashes at ")
    before = version(stage)
    stage.locator('[data-target="node s1"]').click()
    assert stage.get_by_role("menuitem", name="Crash").count() == 0
    page.keyboard.press("Escape")
    stage.get_by_role("button", name="Undo: s1 crashes").click()
    another_run(page, stage, before)
    assert stage.locator(".rv-row[data-node=s1]").get_attribute("data-up") == "true"


def test_all_of_it_goes_by_keyboard_and_the_notebook_keeps_out(page: Page, stage: Locator) -> None:
    cells = "window.jupyterapp.shell.currentWidget.content.widgets.length"
    many = page.evaluate(cells)
    before = version(stage)
    stage.locator(".rv-timeline").last.focus()
    for key in ("Shift+Tab", "ArrowDown", "ArrowDown", "ArrowUp", "Enter", "ArrowDown", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    another_run(page, stage, before)
    expect(stage.locator('[data-target="node s1"]')).to_be_focused()
    expect(stage.locator('[data-target="node s1"]')).to_have_attribute("aria-label", "s1, replica, down: faults")
    page.keyboard.press("f")
    at = stage.locator(".rv-faults tbody [data-part=at]")
    at.focus()
    before = version(stage)
    page.keyboard.press("Control+a")
    page.keyboard.type("300")
    page.keyboard.press("Enter")
    another_run(page, stage, before)
    expect(at).to_be_focused()
    assert at.input_value() == "300"
    before = version(stage)
    stage.locator(".rv-timeline").last.focus()
    page.keyboard.press("c")
    another_run(page, stage, before)
    assert stage.locator(".rv-badge").all_inner_texts() == ["A · was", "B · now"]
    before = version(stage)
    stage.get_by_role("button", name="Remove: s1 crashes at 300 ms").focus()
    page.keyboard.press("Enter")
    another_run(page, stage, before)
    rows = stage.get_by_role("table", name="Settings").locator("tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("s1 crashes")
    for key, gone in (("Control+z", 1), ("Control+Shift+z", 0)):
        before = version(stage)
        stage.locator(".rv-timeline").last.focus()
        page.keyboard.press(key)
        another_run(page, stage, before)
        expect(stage.locator(".rv-faults tbody tr")).to_have_count(gone)
    assert page.evaluate(cells) == many


def run_in_kernel(page: Page, code: str) -> str:
    """Run code in the notebook's kernel and return what it printed."""
    said: str = page.evaluate(
        """async (code) => {
            const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
            const running = kernel.requestExecute({ code });
            let said = '';
            running.onIOPub = (message) => { said += message.content.text ?? ''; };
            await running.done;
            return said;
        }""",
        code,
    )
    return said


def test_a_choice_that_a_knob_did_not_have_is_not_sent_back_as_another(page: Page, stage: Locator) -> None:
    before = version(stage)
    run_in_kernel(page, "lab.show(lab.scenario.but(ack='ANY 2 (*)'))")
    another_run(page, stage, before)
    page.locator(".rv-lab .widget-readout").filter(has_text="ANY 2 (*)").first.wait_for()
    page.wait_for_timeout(500)  # time for an answer that must not come
    assert (
        run_in_kernel(page, "print(lab.scenario.ack, '|', lab.knobs['ack'].value)").strip() == "ANY 2 (*) | ANY 2 (*)"
    )
    assert version(stage) == before + 1
