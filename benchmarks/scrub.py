"""How long the stage takes to draw a random moment in a real browser: the default scenario, and 200,000 messages.

    python -m benchmarks.scrub

The time is what the browser spends on one redraw: script, layout and paint of the frame, up to the next one. It prints
medians and 95th percentiles; it judges nothing.
"""

from __future__ import annotations

import base64
import statistics
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from replication_viz import run, scenarios
from replication_viz.scenario import Scenario
from replication_viz.trace import Trace
from replication_viz.views.detail import encode_window
from tests.browser import CHROMIUM_FLAGS, find_chromium
from tests.test_stage_browser import stage_page

MOMENTS = 150
BIG = Scenario(replicas=9, rate_per_s=3_000, flush_ms=0.5, duration_ms=4_600, lag_ms=20, title="200,000 messages")

_REDRAW = """async (moments) => {
    const frame = () => new Promise(requestAnimationFrame);
    const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
    const times = [];
    for (const t of moments) {
        await frame();
        const begin = performance.now();
        stage.clock.t = t;
        stage.draw(t);
        stage.root.getBoundingClientRect();  // layout
        times.push(performance.now() - begin);
        await painted();
    }
    return times;
}"""


def redraw(page: Page, moments: list[float]) -> list[float]:
    """Return how long each moment took to draw, ms."""
    page.evaluate(_REDRAW, moments[:10])
    times: list[float] = page.evaluate(_REDRAW, moments)
    return times


def say(label: str, times: list[float]) -> None:
    print(f"{label:<44} {statistics.median(times):6.1f} {np.percentile(times, 95):6.1f} {max(times):6.1f}")


def main() -> None:
    """Print one line for each run and view."""
    print(f"{'redraw of a random moment, ms':<44} median   95th    max")
    chance = np.random.default_rng(1)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_FLAGS)
        for scenario in (scenarios["start_here"], BIG):
            trace = run(scenario)
            moments = chance.uniform(0, trace.duration_ms, MOMENTS).round(2).tolist()
            with stage_page(browser, Path(folder), trace) as page:
                label = f"{scenario.title}: {len(trace.flights):,} messages"
                say(label, redraw(page, moments))
                page.evaluate("stage.choose('view', 'space-time')")
                say("  as a space-time diagram", redraw(page, moments))
                page.evaluate("stage.choose('view', 'logs')")
                say_window(page, trace)
        browser.close()


def say_window(page: Page, trace: Trace) -> None:
    """Draw moments of a window that holds every message, as where the clock rests."""
    middle = trace.duration_ms / 2
    text = base64.b64encode(encode_window(trace, middle)).decode()
    page.evaluate("(text) => stage.answered({ did: 'window', of: 'now' }, [bytes(text)])", text)
    begin, end = page.evaluate("[stage.now.detail.from, stage.now.detail.to]")
    say("  in a window with all of them", redraw(page, np.linspace(begin, end, MOMENTS).tolist()))


if __name__ == "__main__":
    main()
