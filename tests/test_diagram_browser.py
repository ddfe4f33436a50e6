"""The space-time diagram in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from replication_viz import run
from replication_viz.scenario import Scenario
from replication_viz.trace import FlightKind, Trace

from .telling import plain, settled, verdict
from .test_stage_browser import _bytes, seek, stage_page

pytestmark = pytest.mark.browser

TICK = 0.0101  # ms: the message counts in hundredths, rounded up


def test_the_diagram_is_chosen_by_mouse_and_by_key(browser: Browser, tmp_path: Path, sick_run: Trace) -> None:
    with stage_page(browser, tmp_path, sick_run, moment=1_010) as page:
        button = page.get_by_role("button", name="Space–time")
        button.click()
        page.wait_for_selector(".rv-stage[data-view=space-time]")
        assert button.get_attribute("aria-pressed") == "true"
        assert page.locator(".rv-diagram-canvas").is_visible()
        assert not page.locator(".rv-packets").is_visible()
        page.locator(".rv-timeline").focus()
        page.keyboard.press("v")
        page.wait_for_selector(".rv-stage[data-view=logs]")
        assert not page.locator(".rv-diagram").is_visible()
        page.keyboard.press("v")
        page.wait_for_selector(".rv-stage[data-view=space-time]")
        assert page.evaluate("model.get('view')") == "space-time"


def test_it_draws_the_messages_under_way_and_all_of_its_window(diagram: Page, sick_run: Trace) -> None:
    kept = sick_run.flights.where(sick_run.flights.kind != FlightKind.WROTE)
    for moment in (1_010.0, 1_300.0, 2_999.0, 60.0):
        said = seek(diagram, moment)
        canvas = diagram.locator(".rv-diagram-canvas")
        told = {
            name: float(canvas.get_attribute(f"data-{name}") or -1) for name in ("from", "to", "messages", "under-way")
        }
        at = moment + 1e-6
        flying = int(((kept.sent <= at) & (kept.arrived > at)).sum())
        assert int(said["flightsInView"]) == told["under-way"] == pytest.approx(flying, abs=1)
        inside = int(((kept.sent <= told["to"]) & (kept.arrived >= told["from"])).sum())
        assert told["messages"] == pytest.approx(inside, abs=2)
        assert told["from"] < moment < told["to"]
        name = plain(canvas.get_attribute("aria-label") or "")
        assert name.startswith("Space–time diagram, ")
        assert f"{int(told['messages'])} messages" in name
    # It says the same of the messages under way as the logs do.
    logs = {}
    diagram.evaluate("model.set('view', 'logs')")
    for moment in (1_010.0, 1_300.0):
        logs[moment] = seek(diagram, moment)["flightsInView"]
    diagram.evaluate("model.set('view', 'space-time')")
    assert logs == {moment: seek(diagram, moment)["flightsInView"] for moment in logs}


def test_the_playhead_stands_at_its_place_and_the_window_ends_with_the_run(diagram: Page) -> None:
    def window() -> tuple[float, float]:
        canvas = diagram.locator(".rv-diagram-canvas")
        return float(canvas.get_attribute("data-from") or -1), float(canvas.get_attribute("data-to") or -1)

    begin, end = window()
    assert (1_010 - begin) / (end - begin) == pytest.approx(0.7, abs=0.01)
    seek(diagram, 0)
    assert window()[0] == 0
    seek(diagram, 4_000)
    assert window()[1] == 4_000


def test_more_and_less_time_by_button_by_key_and_by_wheel(diagram: Page) -> None:
    def wide() -> float:
        settled(diagram)
        canvas = diagram.locator(".rv-diagram-canvas")
        return float(canvas.get_attribute("data-to") or -1) - float(canvas.get_attribute("data-from") or -1)

    first = wide()
    diagram.get_by_role("button", name="Show more time").click()
    more = wide()
    assert more == pytest.approx(1.6 * first, rel=0.01)
    diagram.locator(".rv-timeline").focus()
    diagram.keyboard.press("=")
    assert wide() == pytest.approx(first, rel=0.01)
    diagram.keyboard.press("-")
    assert wide() == pytest.approx(more, rel=0.01)
    canvas = diagram.locator(".rv-diagram-canvas").bounding_box()
    assert canvas is not None
    diagram.mouse.move(canvas["x"] + 500, canvas["y"] + 100)
    diagram.keyboard.down("Control")
    diagram.mouse.wheel(0, -100)
    diagram.keyboard.up("Control")
    diagram.wait_for_function(f"stage.now.spacetime.span < {more * 0.9}")
    for _ in range(30):
        diagram.keyboard.press("-")
    assert wide() == pytest.approx(4_000, rel=0.01), "not wider than the run"


_FREE_PLACE = """() => {
    const { spacetime } = stage.now;
    const { messages } = spacetime.shown;
    const box = spacetime.canvas.getBoundingClientRect();
    const far = (x, y, a, b) => {
        const [dx, dy] = [b.x - a.x, b.y - a.y];
        const way = Math.min(Math.max(((x - a.x) * dx + (y - a.y) * dy) / (dx * dx + dy * dy), 0), 1);
        return Math.hypot(a.x + way * dx - x, a.y + way * dy - y);
    };
    for (const message of messages) {
        const { from, to } = spacetime.ends(message);
        for (const way of [0.3, 0.4, 0.5, 0.6, 0.7]) {
            const [x, y] = [from.x + way * (to.x - from.x), from.y + way * (to.y - from.y)];
            const others = messages.filter((one) => one !== message).map((one) => spacetime.ends(one));
            const inside = x > spacetime.left + 10 && x < spacetime.right - 10;
            const alone = others.every(({ from, to }) => far(x, y, from, to) > 12);
            if (inside && alone) return [box.x + x, box.y + y, message.to];
        }
    }
}"""


def test_a_click_on_a_message_follows_its_last_write(diagram: Page) -> None:
    x, y, lsn = diagram.evaluate(_FREE_PLACE)
    diagram.mouse.move(x, y)
    tip = diagram.locator(".rv-tip")
    tip.wait_for()
    assert f"{lsn:,}" in tip.inner_text()
    diagram.mouse.click(x, y)
    diagram.locator(".rv-verdict").wait_for()
    settled(diagram)
    assert verdict(diagram).startswith(f"Write {lsn} ")
    assert diagram.evaluate("stage.now.spacetime.followed") == lsn
    seek(diagram, 500)
    assert tip.is_hidden(), "what the pointer was at has moved on"


def test_of_a_thousand_messages_it_says_that_some_are_left_out(browser: Browser, tmp_path: Path) -> None:
    busy = run(Scenario(rate_per_s=700, replicas=3, lag_ms=20, duration_ms=2_000, flush_ms=1))
    with stage_page(browser, tmp_path, busy, moment=1_000) as page:
        page.evaluate("model.set('view', 'space-time')")
        page.locator(".rv-timeline").focus()
        for _ in range(20):
            page.keyboard.press("-")
            settled(page)
            if int(page.locator(".rv-diagram-canvas").get_attribute("data-messages") or 0) >= 1_000:
                break
        assert int(page.locator(".rv-diagram-canvas").get_attribute("data-messages") or 0) >= 1_000
        assert re.fullmatch(r"1 of \d+ messages drawn", page.locator(".rv-diagram-thinned").inner_text())


def test_two_runs_share_the_scale_of_their_diagrams(diagram: Page) -> None:
    diagram.evaluate("(text) => model.set('was', bytes(text))", _bytes(run(Scenario(duration_ms=4_000, rate_per_s=50))))
    diagram.wait_for_selector(".rv-stage.rv-pair")
    seek(diagram, 1_200)
    windows = diagram.evaluate(
        "[...document.querySelectorAll('.rv-diagram-canvas')].map(({ dataset }) => [dataset.from, dataset.to])"
    )
    assert len(windows) == 2
    assert windows[0] == windows[1]


def test_the_diagram_takes_the_colours_of_the_theme(diagram: Page) -> None:
    for theme, ground in (("dark", "#111418"), ("light", "#ffffff")):
        diagram.evaluate("(theme) => { document.body.dataset.theme = theme; }", theme)
        settled(diagram)
        assert diagram.evaluate("stage.now.spacetime.ink.colour.ground") == ground
