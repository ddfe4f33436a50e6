"""A broken promise on the stage: the checker's sentence, the moment, and the write that it is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from replication_viz import Trace, checks, run, scenarios
from replication_viz.views.broken import broken_promise
from replication_viz.views.stage import Stage

from .test_stage_browser import stage_page

pytestmark = pytest.mark.browser


def violation(name: str) -> tuple[Trace, checks.Violation]:
    trace = run(scenarios[name])
    found = {
        "stale_after_write": lambda: checks.read_your_writes(trace)[3],
        "split_brain": lambda: checks.no_lost_write(trace)[3],
        "quorum_races": lambda: checks.linearizability(trace)[0],
        "clock_skew_discards": lambda: checks.no_lost_write(trace)[0],
    }
    return trace, found[name]()


def tell(page: Page, broken: dict[str, Any]) -> None:
    page.evaluate("(broken) => model.set('bench', { ...model.get('bench'), broken })", broken)


@pytest.mark.parametrize("name", ["stale_after_write", "split_brain", "quorum_races", "clock_skew_discards"])
def test_the_reason_stands_above_the_picture_and_goes_with_it(name: str, browser: Browser, tmp_path: Path):
    trace, broken = violation(name)
    with stage_page(browser, tmp_path, trace, moment=min(broken.end_ms, trace.duration_ms)) as page:
        assert page.locator(".rv-broken").is_hidden()
        tell(page, broken_promise(trace, broken))
        page.locator(".rv-broken").wait_for()
        assert page.locator(".rv-broken").inner_text() == f"{broken.promise}: {broken.why}"
        page.evaluate("model.set('bench', { live: false })")
        page.locator(".rv-broken").wait_for(state="hidden")


def test_the_write_is_followed_through_logs_and_diagram(browser: Browser, tmp_path: Path):
    trace, broken = violation("stale_after_write")
    (write,) = (number for number in broken.operations if checks.History.of(trace)[number].kind == "write")
    lsn = checks.History.of(trace)[write].lsn
    with stage_page(browser, tmp_path, trace, moment=broken.end_ms) as page:
        tell(page, broken_promise(trace, broken))
        page.wait_for_selector(".rv-stage .rv-pin:not([visibility=hidden])")
        assert page.evaluate("stage.follower.lsn") == lsn
        page.get_by_role("button", name="Space–time").click()
        page.wait_for_selector(".rv-stage[data-view=space-time]")
        assert page.evaluate("stage.now.spacetime.followed") == lsn


def test_a_stage_for_a_violation_stands_where_it_can_be_seen():
    trace, broken = violation("split_brain")
    stage = Stage(trace, violation=broken)
    assert stage.moment == broken.end_ms
    assert stage.bench["broken"]["follow"] == {"kind": "write", "lsn": 304, "term": 1}
    assert "broken" not in Stage(trace).bench


def test_a_violation_of_another_run_is_refused_in_a_sentence():
    _, broken = violation("split_brain")
    with pytest.raises(ValueError, match="it is of another run"):
        broken_promise(run(scenarios["idle_network"].but(duration_ms=100)), broken)
