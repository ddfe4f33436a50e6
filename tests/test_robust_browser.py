"""Ten stages on one page, opened and closed again and again: nothing stays behind, and each keeps to itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, CDPSession, Page

from replication_viz import run, scenarios

from .test_stage_browser import stage_page

pytestmark = pytest.mark.browser

TEN = """async () => {
    const model = window.model;
    const frame = () => new Promise(requestAnimationFrame);
    const settle = async () => { await frame(); await frame(); await new Promise((done) => setTimeout(done, 50)); };
    const places = Array.from({ length: 10 }, () => document.body.appendChild(document.createElement('div')));
    const fresh = () => shimModel({ payload: model.get('payload'), moment: 1300 });
    const closers = places.map((el) => render({ model: fresh(), el }));
    const all = () => [...document.querySelectorAll('.rv-stage')].map((root) => root.stage);
    const stages = () => all().filter((s) => s !== stage);
    while (stages().some((s) => s.root.dataset.ready !== 'true')) await settle();
    for (const [i, s] of stages().entries()) {
        s.choose('view', i % 2 ? 'space-time' : 'logs');
        s.choose('drawer', ['story', 'faults', 'keep'][i % 3]);
        s.clock.play();
    }
    await settle();
    const seen = stages().map((s) => s.clock.t);
    for (const close of closers) close();
    for (const place of places) place.remove();
    await settle();
    return [stages().length, new Set(seen.map((t) => t.toFixed(3))).size, document.querySelectorAll('.rv-menu').length];
}"""


def left(session: CDPSession) -> dict[str, float]:
    """Return what the page holds after the garbage is gone."""
    for _ in range(3):
        session.send("HeapProfiler.collectGarbage")
    metrics = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
    return {name: metrics[name] for name in ("Nodes", "JSEventListeners", "JSHeapUsedSize")}


@pytest.fixture
def at_hand(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """A page with one stage; `render` and `shimModel` are at hand for more."""
    with stage_page(browser, tmp_path, run(scenarios["one_sick_standby"]), moment=1_300) as page:
        yield page


def test_ten_panels_opened_and_closed_leave_nothing_behind(at_hand: Page) -> None:
    session = at_hand.context.new_cdp_session(at_hand)
    session.send("Performance.enable")
    at_hand.evaluate(TEN)
    at_hand.evaluate(TEN)
    before = left(session)
    for _ in range(3):
        assert at_hand.evaluate(TEN)[0] == 0
    after = left(session)
    assert after["Nodes"] - before["Nodes"] < 100, (before, after)
    assert after["JSEventListeners"] - before["JSEventListeners"] < 20, (before, after)
    assert after["JSHeapUsedSize"] - before["JSHeapUsedSize"] < 2_000_000, (before, after)
    frames = at_hand.evaluate(
        """async () => {
            let asked = 0;
            const own = window.requestAnimationFrame;
            window.requestAnimationFrame = (f) => { asked++; return own.call(window, f); };
            await new Promise((done) => setTimeout(done, 300));
            window.requestAnimationFrame = own;
            return asked;
        }"""
    )
    assert frames == 0


def test_a_stage_that_stays_works_on(at_hand: Page) -> None:
    at_hand.evaluate(TEN)
    at_hand.locator(".rv-stage").focus()
    at_hand.keyboard.press("End")
    at_hand.wait_for_selector(".rv-stage[data-moment='4000']")
