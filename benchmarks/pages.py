"""How large an exported page is, how soon it shows its run with the network cut, and how long a film takes.

    python -m benchmarks.pages

It prints medians; it judges nothing.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from replication_viz import run, scenarios
from replication_viz.panels.pages import grid_page, scenario_page
from replication_viz.views import encoder, film
from replication_viz.views.moment import telling_moment
from tests.browser import CHROMIUM_FLAGS, find_chromium, watched_page

TIMES = 7
GRID = {"ack": ["async", "ANY 1 (*)", "FIRST 2 (s1, s2)"], "lag_ms": [0, 20, 50, 100, 200]}

_READY = """() => new Promise((done) => {
    const look = () => document.querySelector('.rv-stage')?.dataset.ready === 'true'
        ? done(performance.now()) : requestAnimationFrame(look);
    look();
})"""


def start_ms(browser: Browser, file: Path) -> float:
    """Return the median time from the navigation to the first whole picture, ms."""
    times = []
    for _ in range(TIMES):
        with watched_page(browser, offline=True) as page:
            page.goto(file.as_uri(), wait_until="commit")
            times.append(page.evaluate(_READY))
    return statistics.median(times)


def slide_ms(browser: Browser, file: Path) -> float:
    """Return the median time from a slider's event to the picture of the other run, ms."""
    with watched_page(browser, offline=True) as page:
        page.goto(file.as_uri())
        page.wait_for_selector(".rv-stage[data-ready=true]")
        times: list[float] = page.evaluate(
            """async () => {
                const [slider] = document.querySelectorAll('input[type=range]');
                const stage = document.querySelector('.rv-stage');
                const times = [];
                for (let i = 0; i < 30; i++) {
                    const before = stage.dataset.version;
                    const begin = performance.now();
                    slider.value = String((i + 1) % 3);
                    slider.dispatchEvent(new Event('input'));
                    while (stage.dataset.version === before) await new Promise(requestAnimationFrame);
                    times.push(performance.now() - begin);
                }
                return times;
            }"""
        )
    return statistics.median(times)


def main() -> None:
    """Print the tables."""
    chromium = find_chromium()
    if chromium is None:
        sys.exit("There is no Chromium on the PATH: install one to run this benchmark.")
    sick = scenarios["one_sick_standby"]
    pages = {name: scenario_page(scenarios[name]) for name in ("start_here", "write_outage", "loss_window")}
    pages["one_sick_standby, compared"] = scenario_page(sick, sick.but(ack="ANY 1 (*)"))
    pages["start_here, 15 combinations"] = grid = grid_page(scenarios["start_here"], GRID)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        file = Path(home) / "page.html"
        print(f"{'page':30} {'kB':>8} {'start, ms':>10}   (goals: 1500, 1000)")
        for name, html in pages.items():
            file.write_text(html, encoding="utf-8")
            print(f"{name:30} {len(html.encode()) / 1000:8.0f} {start_ms(browser, file):10.0f}")
        file.write_text(grid, encoding="utf-8")
        print(f"a slider of the last: {slide_ms(browser, file):.0f} ms to the other run's picture")
        browser.close()
    print(f"\n{'film of 4 s, 10 frames a second':34} {'kB':>8} {'s':>6}   (goals for GIF: 1500, 10)")
    formats: list[film.Format] = ["gif", "mp4"] if encoder.is_there() else ["gif"]
    for name in ("start_here", "one_sick_standby"):
        trace = run(scenarios[name])
        begin, end = film.stretch(trace, telling_moment(trace))
        for format in formats:
            began = time.perf_counter()
            made = film.reel(trace, format, begin, end)
            print(f"{name + ', ' + format:34} {len(made) / 1000:8.0f} {time.perf_counter() - began:6.1f}")


if __name__ == "__main__":
    main()
