"""The tapes in a real browser, without Jupyter: numbers, lanes, arcs, why a write is gone, mouse and keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from replication_viz import run, scenarios
from replication_viz.trace import Trace
from replication_viz.views.tapes_moment import tapes_moment
from replication_viz.views.tapes_view import tapes

from .test_stage_browser import stage_page

pytestmark = pytest.mark.browser

TICK = 0.01


@pytest.fixture(scope="module")
def trace() -> Trace:
    return run(scenarios["clock_skew_discards"])


@pytest.fixture
def shown(browser: Browser, tmp_path: Path, trace: Trace) -> Iterator[Page]:
    with stage_page(browser, tmp_path, trace, 6_000) as page:
        yield page


def seek(page: Page, at_ms: float) -> dict[str, str]:
    page.evaluate("(t) => { stage.clock.play(false); stage.clock.seek(t); stage.draw(t); }", at_ms)
    found: dict[str, str] = page.evaluate("({ ...stage.root.dataset })")
    return found


@pytest.mark.parametrize("name", ["clock_skew_discards", "region_partition", "same_name_twice"])
def test_the_browser_says_what_python_says(browser: Browser, tmp_path: Path, name: str) -> None:
    trace = run(scenarios[name])
    with stage_page(browser, tmp_path, trace) as page:
        for at_ms in np.random.default_rng(3).uniform(20, trace.duration_ms, 10):
            at = round(float(at_ms), 2) + 0.005
            said = seek(page, at)
            either = [tapes_moment(trace, at), tapes_moment(trace, at - TICK)]  # the picture is up to a tick late
            assert page.locator(".rv-card-number").all_inner_texts() in [[n.value for n in m.numbers] for m in either]
            assert page.locator(".rv-card-note").all_inner_texts() in [[n.note for n in m.numbers] for m in either]
            assert said["lacks"] in [" ".join(str(tape.lacks) for tape in m.tapes) for m in either]
            assert said["tie"] in ["-".join(map(str, m.ties[-1].writes)) if m.ties else "" for m in either]
            if said["tie"]:
                assert page.locator(".rv-tie-text").text_content() in [m.words for m in either]


def test_an_arc_ends_on_the_two_writes_and_the_lost_one_is_crossed(shown: Page, trace: Trace) -> None:
    loss = next(loss for loss in tapes(trace).losses if loss.at_ms > 5_000 and loss.what.is_later)
    early = seek(shown, loss.at_ms - 1)
    said = seek(shown, loss.at_ms + 0.02)
    assert int(said["discarded"]) > int(early["discarded"])
    row = shown.locator(f'.rv-row[data-node="{loss.what.leader}"]')
    assert int(row.get_attribute("data-gone") or 0) >= 1
    found = shown.evaluate(
        """() => {
            const line = document.querySelector('.rv-arc-newest path');
            const { scene, facts } = stage;
            const [a, b] = stage.root.dataset.tie.split('-').map((n) => scene.place(facts, Number(n)));
            const ends = [line.getPointAtLength(0).x, line.getPointAtLength(line.getTotalLength()).x];
            return [Math.min(a, b) - Math.min(...ends), Math.max(a, b) - Math.max(...ends)];
        }"""
    )
    assert found == pytest.approx([0, 0], abs=0.2)
    expect(shown.locator(".rv-tie-text")).to_contain_text("thrown away")
    expect(shown.locator('.rv-row[data-node="L2"] .rv-tape-clock').first).to_contain_text("200 ms")


def test_why_a_write_was_lost_is_asked_with_the_keyboard(shown: Page, trace: Trace) -> None:
    loss = next(loss for loss in tapes(trace).losses if loss.at_ms > 5_000 and loss.what.is_later)
    seek(shown, loss.at_ms + 0.02)
    shown.locator(".rv-stage").press("s")
    shown.get_by_role("button", name="Follow the last write that was thrown away").focus()
    shown.keyboard.press("Enter")
    verdict = shown.locator(".rv-verdict")
    expect(verdict).to_contain_text(f"Write {loss.what.write}, taken on {loss.what.leader} at")
    expect(verdict).to_contain_text(f"was thrown away for write {loss.what.kept}, taken on {loss.what.kept_by} at")
    expect(verdict).to_contain_text("In truth it was the later one")
    expect(shown.locator(".rv-chain [data-what=discarded]")).to_contain_text("greater stamp wins")
    assert shown.locator(".rv-tape-pin").get_attribute("data-write") == str(loss.what.write)
    shown.keyboard.press("Escape")
    expect(verdict).to_contain_text("Ask for a write")


def test_a_click_on_a_write_follows_it(shown: Page) -> None:
    seek(shown, 6_000)
    x, y, number = shown.evaluate(
        """() => {
            const { scene, facts, run } = stage;
            const own = run.tapes.logs[0].number.filter((n) => n <= facts.top - 4 && n > facts.left + 9);
            const box = scene.root.getBoundingClientRect();
            const wanted = own[own.length - 1];
            return [box.left + scene.place(facts, wanted), box.top + scene.rows[0].lanes[0].middle, wanted];
        }"""
    )
    shown.mouse.click(x, y)
    expect(shown.locator(".rv-verdict")).to_contain_text(f"Write {number}, taken on L1")


def test_nodes_and_links_are_targets_between_any_two_leaders(browser: Browser, tmp_path: Path) -> None:
    trace = run(scenarios["region_partition"].but(leaders=5))
    with stage_page(browser, tmp_path, trace, 1_000) as page:
        targets = page.locator(".rv-target")
        assert targets.count() == 5 + 10
        boxes = [targets.nth(i).bounding_box() for i in range(5, 15)]
        spots = {(round(box["x"]), round(box["y"])) for box in boxes if box}
        assert len(spots) == 10
        expect(page.get_by_role("button", name="link L1 – L3: cut both ways")).to_be_attached()
        expect(page.get_by_role("button", name="link L1 – L2: whole")).to_be_attached()
        page.locator(".rv-target").first.focus()
        page.keyboard.press("ArrowDown")
        assert page.evaluate("document.activeElement.dataset.target") == "node L2"


@pytest.mark.parametrize("width", [640, 980])
def test_space_time_and_rows_fit_the_page(browser: Browser, tmp_path: Path, trace: Trace, width: int) -> None:
    with stage_page(browser, tmp_path, trace, 6_000, viewport={"width": width, "height": 900}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        over = page.evaluate(
            "(w) => [...document.querySelectorAll('.rv-rows text')].filter((e) => e.textContent && "
            "getComputedStyle(e).visibility === 'visible' && e.getBoundingClientRect().right > w)"
            ".map((e) => e.textContent)",
            width,
        )
        assert over == []
        page.evaluate("model.set('view', 'space-time'); model.save_changes()")
        page.wait_for_selector(".rv-stage[data-view='space-time']")
        page.wait_for_function("document.querySelector('.rv-diagram-canvas').dataset.messages > 0")
