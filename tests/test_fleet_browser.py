"""The application servers on the stage, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from replication_viz import measures, run, scenarios
from replication_viz.trace import Trace

from .test_stage_browser import _SET, _bytes, seek, stage_page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def trace() -> Trace:
    return run(scenarios["write_outage"])


@pytest.fixture
def shown(browser: Browser, tmp_path: Path, trace: Trace) -> Iterator[Page]:
    with stage_page(browser, tmp_path, trace, moment=2_700) as page:
        yield page


def test_the_boxes_say_what_the_measures_say(shown: Page, trace: Trace) -> None:
    for moment in np.linspace(0, trace.duration_ms, 601)[::37]:
        seek(shown, float(moment))
        state = [
            ("ready" if ready else "drained") if not queue or not ready else "queues"
            for ready, queue in (
                (measures.in_rotation(trace, moment, s), measures.queueing(trace, moment, s)) for s in range(4)
            )
        ]
        boxes = shown.locator(".rv-server")
        assert [boxes.nth(s).get_attribute("class") for s in range(4)] == [f"rv-server rv-server-{s}" for s in state]
        busy = [int(measures.connections(trace, moment, s)) for s in range(4)]
        assert shown.locator(".rv-server-busy").all_text_contents() == [f"{n} of 25" for n in busy]
        assert shown.locator(".rv-card-number").last.inner_text() == f"{sum(busy)} of 100"


def test_first_the_pools_then_the_servers_then_the_users(shown: Page) -> None:
    def says() -> tuple[str, str, str]:
        strip, card = shown.locator(".rv-fleet"), shown.locator(".rv-card-note").last
        return (
            card.inner_text(),
            strip.locator(".rv-note").text_content() or "",
            strip.locator(".rv-figure").text_content() or "",
        )

    assert says() == ("220 queue", "4 of 4 in rotation", "✓ no user turned away")
    seek(shown, 1_500)
    assert says() == ("no request queues", "4 of 4 in rotation", "✓ no user turned away")
    seek(shown, 3_130)
    assert says()[1] == "2 of 4 in rotation"
    seek(shown, 4_000)
    note, rotation, users = says()
    assert (note, rotation) == ("all drained", "0 of 4 in rotation")
    assert users.endswith("users/s turned away")
    seek(shown, 5_900)
    assert says()[1:] == ("4 of 4 in rotation", "✓ no user turned away")


@pytest.mark.parametrize("width", [640, 980])
def test_no_text_of_the_servers_and_of_the_lane_lies_on_another(
    browser: Browser, tmp_path: Path, trace: Trace, width: int
) -> None:
    with stage_page(browser, tmp_path, trace, viewport={"width": width, "height": 900}) as page:
        for moment in (1_500, 2_700, 3_130, 4_000, 5_900):
            seek(page, moment)
            boxes = page.evaluate(
                """() => [...document.querySelectorAll('.rv-fleet text, .rv-lane text, .rv-axis')]
                    .filter((text) => text.textContent)
                    .map((text) => { const b = text.getBoundingClientRect();
                        return [b.left, b.right, b.top, b.bottom, text.textContent]; })"""
            )
            assert {box[4] for box in boxes} >= {"drained", "back"}
            for i, (left, right, top, bottom, text) in enumerate(boxes):
                assert left >= 0, text
                assert right <= width, text
                for other in boxes[i + 1 :]:
                    apart = right <= other[0] or other[1] <= left or bottom <= other[2] + 4 or other[3] <= top + 4
                    assert apart, (text, other[4], moment)


def test_a_run_without_application_servers_takes_the_strip_away(shown: Page) -> None:
    assert shown.locator(".rv-fleet").is_visible()
    shown.evaluate(f"(text) => ({_SET})('payload', bytes(text))", _bytes(run(scenarios["start_here"])))
    shown.wait_for_selector(".rv-stage[data-version='2']")
    assert not shown.locator(".rv-fleet").is_visible()
    assert shown.locator(".rv-card-label").last.inner_text() == "Replicas that read stale"
