"""How quickly a panel answers in a real browser, against `interact` with pyplot and the same picture.

    python -m benchmarks.panel

Both run in one JupyterLab, in turn, on the same scenario. It prints medians and ratios; it judges nothing.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Page, WebSocket, sync_playwright

from tests.browser import CHROMIUM_FLAGS, Jupyter, find_chromium, jupyter_server, run_all, watched_page

MOVES = 25
PLAY_SECONDS = 4.0

LAB = """from replication_viz import scenarios
from replication_viz.panels import Lab
Lab(scenarios["start_here"], knobs=["lag_ms"])"""

# The habit that the stage replaces: a new figure for each move, sent as a PNG through an Output widget.
INTERACT = """%matplotlib inline
from IPython.display import display
from ipywidgets import interact
from replication_viz import run, scenarios
from replication_viz.views.poster import poster
@interact(lag=(0, 500, 5))
def show(lag=0):
    display(poster(run(scenarios["start_here"].but(lag_ms=lag))))"""

# From the key press until the frame with the new picture has been painted.
_TIME_ONE_MOVE = """async ([picture, key]) => {
    const handle = document.querySelector('.jp-Notebook .noUi-handle');
    handle.focus();
    const mark = () => {
        const found = document.querySelector(picture);
        return found && (found.dataset.version || found.src);
    };
    const before = mark();
    const begin = performance.now();
    handle.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
    return await new Promise((resolve, reject) => {
        const look = () => {
            const now = mark();
            if (now && now !== before) {
                const done = () => setTimeout(() => resolve(performance.now() - begin), 0);  // this frame is painted
                const found = document.querySelector(picture);
                if (!found.decode) done();
                else found.decode().then(() => requestAnimationFrame(done));
            } else if (performance.now() - begin > 20000) reject(new Error('the picture did not change'));
            else requestAnimationFrame(look);
        };
        look();
    });
}"""

_COUNT_FRAMES = """async (seconds) => await new Promise(resolve => {
    const begin = performance.now();
    let frames = 0;
    const frame = () => {
        frames += 1;
        const passed = performance.now() - begin;
        if (passed < seconds * 1000) requestAnimationFrame(frame);
        else resolve(frames / passed * 1000);
    };
    requestAnimationFrame(frame);
})"""


class Wire:
    """Bytes that came over the page's web sockets."""

    def __init__(self, page: Page) -> None:
        self.received = 0
        page.on("websocket", self._watch)

    def _watch(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._count)

    def _count(self, payload: str | bytes) -> None:
        self.received += len(payload)


def measure(page: Page, wire: Wire, picture: str) -> dict[str, Any]:
    """Return milliseconds and bytes of each move of the slider."""
    times, sizes = [], []
    for move in range(MOVES + 3):
        before = wire.received
        key = "ArrowRight" if move % 10 < 5 else "ArrowLeft"
        took = page.evaluate(_TIME_ONE_MOVE, [picture, key])
        page.wait_for_timeout(400)  # let the last bytes of this move arrive
        if move >= 3:  # the first warm the kernel and the browser
            times.append(took)
            sizes.append(wire.received - before)
    times.sort()
    return {
        "median_ms": statistics.median(times),
        "p95_ms": times[int(0.95 * (len(times) - 1))],
        "kB": statistics.median(sizes) / 1000,
    }


def play(page: Page) -> dict[str, float]:
    """Return frames a second and the kernel's share of a core while the stage plays."""
    lines = {p: " ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])}
    kernel = next(process for process, line in lines.items() if "ipykernel_launcher" in line)
    page.locator(".rv-stage").first.scroll_into_view_if_needed()
    page.locator(".rv-stage").first.focus()
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelector('.rv-stage').dataset.playing === 'true'")
    before = sum(kernel.cpu_times()[:2])
    fps = page.evaluate(_COUNT_FRAMES, PLAY_SECONDS)
    used = sum(kernel.cpu_times()[:2]) - before
    return {"fps": fps, "kernel_cpu_percent": 100 * used / PLAY_SECONDS}


def one(browser: Any, server: Jupyter, name: str, picture: str) -> dict[str, Any]:
    """Open a notebook of the served folder and measure it."""
    with watched_page(browser, server.url) as page:
        wire = Wire(page)
        run_all(page, name)
        page.wait_for_selector(picture, timeout=60_000)
        page.wait_for_timeout(1_000)
        result = measure(page, wire, picture)
        if name == "lab.ipynb":
            result |= play(page)
    server.end_sessions()
    return result


def write_notebook(path: Path, source: str) -> None:
    """Write a notebook of one cell."""
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps({"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))


def main() -> None:
    """Print the table."""
    chromium = find_chromium()
    if chromium is None:
        sys.exit("There is no Chromium on the PATH: install one to run this benchmark.")
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "notebooks"
        folder.mkdir()
        write_notebook(folder / "lab.ipynb", LAB)
        write_notebook(folder / "interact.ipynb", INTERACT)
        with jupyter_server(folder, Path(home)) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
            naive = one(browser, server, "interact.ipynb", ".jp-Notebook .jp-OutputArea-output img")
            lab = one(browser, server, "lab.ipynb", ".rv-stage")
            browser.close()
    print(f"{'':28} {'median ms':>10} {'95 % ms':>10} {'kB a move':>10}")
    for title, row in {"interact + pyplot": naive, "Lab": lab}.items():
        print(f"{title:28} {row['median_ms']:10.0f} {row['p95_ms']:10.0f} {row['kB']:10.1f}")
    print(f"{'times faster':28} {naive['median_ms'] / lab['median_ms']:10.1f}   (goal: 4)")
    print(f"while playing: {lab['fps']:.0f} frames a second (goal: 55), ", end="")
    print(f"kernel {lab['kernel_cpu_percent']:.1f} % of a core (goal: 2)")


if __name__ == "__main__":
    main()
