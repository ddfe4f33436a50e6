"""The length of the log on the stage: where it begins, the slot that holds it, the replica that came too late."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from replication_viz import run
from replication_viz.trace import Position

from .test_engine_retention import SLEEP
from .test_stage_browser import seek, stage_page

pytestmark = pytest.mark.browser


def test_a_slot_is_a_pin_that_holds_the_edge_of_the_tape(browser: Browser, tmp_path: Path) -> None:
    trace = run(SLEEP.but(slots=True))
    with stage_page(browser, tmp_path, trace, moment=1_000) as page:
        leader = page.locator(".rv-row[data-node=L]")
        assert not leader.locator(".rv-slot").is_visible()
        seek(page, 20_000)
        assert leader.locator(".rv-slot").is_visible()
        pin = leader.locator(".rv-slot path").bounding_box()
        edge = leader.locator(".rv-log-edge").bounding_box()
        head = page.locator(".rv-row[data-node=s1] .rv-bar-flushed").bounding_box()
        assert pin is not None
        assert edge is not None
        assert head is not None
        assert pin["x"] + pin["width"] / 2 == pytest.approx(head["x"] + head["width"], abs=3)
        assert edge["x"] < pin["x"]
        seek(page, 50_000)
        assert not leader.locator(".rv-slot").is_visible()


def test_who_sleeps_too_long_is_told_that_its_log_is_gone(browser: Browser, tmp_path: Path) -> None:
    trace = run(SLEEP)
    with stage_page(browser, tmp_path, trace, moment=6_000) as page:
        gone = page.locator(".rv-rows").get_by_text("its log is gone")
        assert gone.count() == 0
        seek(page, 30_000)
        assert gone.is_visible()
        edge = page.locator(".rv-row[data-node=L] .rv-log-edge").bounding_box()
        bar = page.locator(".rv-row[data-node=L] .rv-bar-flushed").bounding_box()
        assert edge is not None
        assert bar is not None
        assert bar["x"] == pytest.approx(edge["x"] + edge["width"], abs=4)
        assert trace.at("L", Position.OLDEST, 30_000) > trace.at("s1", Position.FLUSHED, 30_000)
