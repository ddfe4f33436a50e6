"""A window of a long run in full: what Python sends, and what the stage makes of it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from replication_viz import run
from replication_viz.scenario import Scenario
from replication_viz.trace import Position, Trace
from replication_viz.views.detail import encode_window
from replication_viz.views.stage import Stage
from replication_viz.views.wire import FLIGHT_BUDGET, LEVEL_BUDGET, decode

from .test_stage_browser import data, seek, stage_page

TICK = 0.01
MOMENTS = (0.0, 0.2, 1_234.5, 2_500.0, 3_999.9, 4_000.0)


@pytest.fixture(scope="module")
def long() -> Trace:
    """A run with far more messages and steps than a stage holds."""
    return run(Scenario(replicas=7, rate_per_s=1_500, flush_ms=0.5, duration_ms=4_000, lag_ms=30))


def _levels(trace: Trace, node: int, which: int, ticks: np.ndarray) -> np.ndarray:
    """Return where a position stands at moments counted in ticks, as the message counts them: rounded up."""
    at = trace.levels
    mine = (at.node == node) & (at.which == which)
    steps = np.ceil(at.time[mine] / TICK - 1e-6)
    return np.concatenate([[0], at.lsn[mine]])[np.searchsorted(steps, ticks, side="right")]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_window_holds_every_message_and_every_step_around_a_moment(long: Trace, moment: float) -> None:
    head, columns = decode(encode_window(long, moment))
    begin, end = head["from"], head["to"]
    assert begin <= moment <= end
    assert head["notes"] == []
    assert sum(len(column) for column in columns) < 4 * FLIGHT_BUDGET + 2 * LEVEL_BUDGET

    parts = iter(columns)
    inside = np.arange(np.ceil(begin / TICK), np.floor(end / TICK) + 1)
    for node, which, _ in head["levels"]:
        times, lsns = next(parts), next(parts)
        found = np.concatenate([[0], lsns])[np.searchsorted(times, inside, side="right")]
        np.testing.assert_array_equal(found, _levels(long, node, which, inside))

    flights = long.flights
    under_way = (flights.sent <= end) & (flights.arrived >= begin) & (flights.kind != 1)  # nobody waits for WROTE
    assert sum(count for *_, count in head["flights"]) == under_way.sum() > 0
    for kind, source, target, count in head["flights"]:
        sent, transit, upto, packed = (next(parts) for _ in range(4))
        mine = under_way & (flights.kind == kind) & (flights.source == source) & (flights.target == target)
        np.testing.assert_array_equal(upto, flights.lsn_to[mine])
        np.testing.assert_allclose(sent * TICK, flights.sent[mine], atol=TICK)
        np.testing.assert_allclose((sent + transit) * TICK, flights.arrived[mine], atol=TICK)
        assert len(packed) == count


def test_the_stage_answers_a_window_for_either_run_and_nothing_else(long: Trace) -> None:
    stage, sent = Stage(long), []
    stage.send = lambda content, buffers=None: sent.append((content, buffers))
    stage.show(long, was=run(Scenario(duration_ms=500)))
    for content in ({}, {"do": "window"}, {"do": "window", "at": "soon"}, {"do": "window", "at": float("nan")}):
        stage._handle_custom_msg(content, [])
    assert sent == []
    stage._handle_custom_msg({"do": "window", "at": 1_000, "of": "now"}, [])
    stage._handle_custom_msg({"do": "window", "at": 1_000, "of": "was"}, [])
    windows = [decode(buffers[0])[0] for _, buffers in sent]
    assert windows[0]["from"] <= 1_000 <= windows[0]["to"] < 2_000
    assert (windows[1]["from"], windows[1]["to"]) == (0, 500)


@pytest.fixture
def sampled(browser: Browser, tmp_path: Path, long: Trace) -> Iterator[Page]:
    with stage_page(browser, tmp_path, long, moment=2_500) as page:
        page.evaluate(
            "() => { window.asked = []; model.send = (message) => asked.push(message); model.set('live', true); "
            "stage.clock.changed(); }"
        )
        yield page


def _answer(page: Page, trace: Trace) -> None:
    page.wait_for_function("asked.length")
    asked = page.evaluate("asked.splice(0)")
    text = base64.b64encode(encode_window(trace, asked[0]["at"])).decode()
    page.evaluate("(text) => stage.answered({ did: 'window', of: 'now' }, [bytes(text)])", text)
    page.wait_for_selector(".rv-stage[data-sample=false]")


@pytest.mark.browser
def test_where_the_clock_rests_the_whole_of_a_sampled_run_is_drawn(sampled: Page, long: Trace) -> None:
    assert data(sampled)["sample"] == "true"
    few = int(data(sampled)["flightsInView"])
    _answer(sampled, long)
    flights = long.flights
    for moment in (2_500.0, 2_512.34):
        said = seek(sampled, moment)
        under_way = (flights.sent <= moment) & (flights.arrived > moment) & (flights.kind != 1)
        assert abs(int(said["flightsInView"]) - under_way.sum()) <= 3  # within a tick
        assert int(said["flightsInView"]) > 2 * few
        assert int(said["committed"]) == long.at("L", Position.COMMITTED, moment)
    assert sampled.locator(".rv-timeline").get_by_text("all is drawn here").count() == 1
    seek(sampled, 100)
    assert data(sampled)["sample"] == "true"
    _answer(sampled, long)


@pytest.mark.browser
def test_no_window_is_asked_for_while_the_clock_runs_fast_or_nobody_answers(sampled: Page, long: Trace) -> None:
    _answer(sampled, long)
    sampled.evaluate("() => { stage.clock.loop = true; stage.clock.factor = 64; stage.clock.play(); }")  # never at rest
    sampled.wait_for_function("document.querySelector('.rv-stage').dataset.moment > 3500")
    assert sampled.evaluate("asked.length") == 0
    sampled.evaluate("() => { model.set('live', undefined); stage.go(100); }")
    sampled.wait_for_timeout(300)
    assert sampled.evaluate("asked.length") == 0


@pytest.mark.browser
def test_of_a_sample_an_age_is_told_up_to_its_step_only(sampled: Page, long: Trace) -> None:
    step = sampled.evaluate("stage.run.grid")
    assert step > 0
    told = set()
    for moment in np.arange(1_000.0, 3_000.0, 97):
        seek(sampled, moment)
        told.update(sampled.locator(".rv-row .rv-stale").all_text_contents())
    assert any(" < " in text for text in told)
    assert not any(text.startswith("▲ reads 0 ms") for text in told)
