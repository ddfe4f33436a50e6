"""The stage in a real browser, on a plain page with a stand-in for the widget's model: no Jupyter, no kernel."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from replication_viz import measures, run, scenarios
from replication_viz.scenario import Crash, Restart, Scenario
from replication_viz.trace import Position, Trace
from replication_viz.views.stage import encode, fragment, module, styles

from .browser import watched_page

pytestmark = pytest.mark.browser

_SHIM = (files("replication_viz.views") / "static" / "shim.js").read_text(encoding="utf-8")
_SET = "(name, value) => { model.set(name, value); model.save_changes(); }"


def _bytes(trace: Trace) -> str:
    return base64.b64encode(encode(trace)).decode()


@contextmanager
def stage_page(browser: Browser, folder: Path, trace: Trace, moment: float = 0.0, **options: Any) -> Iterator[Page]:
    """Open a page that shows a trace; `model`, `stage` and `cleanup` are at hand there."""
    state = json.dumps({"moment": moment, "playing": False})
    page_file = folder / "stage.html"
    page_file.write_text(
        f"""<!doctype html><meta charset="utf-8"><style>body {{ margin: 0 }} {styles()}</style><div id="here"></div>
        <script type="module">{module().replace("export default { render };", "")}{_SHIM}
        window.bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
        window.model = shimModel({{ ...{state}, payload: bytes("{_bytes(trace)}") }});
        Object.assign(window, {{ render, shimModel }});
        window.cleanup = render({{ model, el: document.getElementById("here") }});
        window.stage = document.querySelector(".rv-stage").stage;
        </script>""",
        encoding="utf-8",
    )
    with watched_page(browser, **options) as page:
        page.goto(page_file.as_uri())
        page.wait_for_selector(".rv-stage[data-ready=true]")
        yield page


@pytest.fixture(scope="module")
def trace() -> Trace:
    return run(scenarios["one_sick_standby"])


@pytest.fixture
def shown(browser: Browser, tmp_path: Path, trace: Trace) -> Iterator[Page]:
    with stage_page(browser, tmp_path, trace, moment=1_300) as page:
        yield page


def data(page: Page) -> dict[str, str]:
    """What the stage says of itself."""
    found: dict[str, str] = page.evaluate("({ ...document.querySelector('.rv-stage').dataset })")
    return found


def seek(page: Page, moment: float) -> dict[str, str]:
    page.evaluate(
        "async (t) => { stage.clock.seek(t); await new Promise(requestAnimationFrame); "
        "await new Promise(requestAnimationFrame); }",
        moment,
    )
    return data(page)


def picture(page: Page) -> str:
    """All that is drawn except the canvas, and the canvas."""
    drawn: str = page.evaluate(
        """() => {
            const root = document.querySelector('.rv-stage');
            const parts = [...root.querySelectorAll('.rv-rows, .rv-cards, .rv-strip, .rv-clock, .rv-caption')];
            return parts.map((part) => part.outerHTML).join('\\n') + stage.canvas.toDataURL();
        }"""
    )
    return drawn


def press(page: Page, key: str) -> float:
    page.keyboard.press(key)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return float(data(page)["moment"])


def test_it_shows_the_moment_it_was_given(shown: Page, trace: Trace) -> None:
    said = data(shown)
    assert (said["moment"], said["playing"], said["version"]) == ("1300", "false", "1")
    assert shown.locator(".rv-title").inner_text() == "One sick standby"
    assert shown.locator(".rv-setting").inner_text() == "synchronous_standby_names = 'FIRST 1 (s1)'"
    assert shown.get_by_role("group", name="One sick standby").count() == 1
    assert shown.locator(".rv-row").count() == 4
    assert "disk stall 400 ms" in (shown.locator(".rv-row[data-node=s1]").text_content() or "")


def test_what_it_says_is_what_the_measures_say(shown: Page, trace: Trace) -> None:
    for moment in np.random.default_rng(3).uniform(0, trace.duration_ms, 25).round(2):
        said = seek(shown, float(moment))
        at = float(moment) + 1e-6
        assert int(said["committed"]) == trace.at("L", Position.COMMITTED, at)
        assert int(said["leaderFlushed"]) == trace.at("L", Position.FLUSHED, at)
        assert int(said["lost"]) == measures.loss(trace, at).lost[0]
        assert int(said["waiting"]) == measures.waiting(trace, at)
        behind = [trace.at(name, Position.REPLAYED, at) < int(said["committed"]) for name in trace.nodes[1:]]
        assert int(said["stale"]) == sum(behind)
        for name in trace.nodes[1:]:
            row = shown.locator(f".rv-row[data-node={name}]")
            assert int(row.get_attribute("data-flushed") or -1) == trace.at(name, Position.FLUSHED, at)
            assert int(row.get_attribute("data-replayed") or -1) == trace.at(name, Position.REPLAYED, at)


def test_loss_is_counted_through_crash_and_restart(browser: Browser, tmp_path: Path) -> None:
    faults = (Crash(node="s1", at_ms=300), Crash(node="L", at_ms=500), Restart(node="L", at_ms=700))
    crash = run(Scenario(ack="async", lag_ms=40, rate_per_s=1_000, duration_ms=1_000, faults=faults))
    with stage_page(browser, tmp_path, crash) as page:
        for moment in (250.0, 350.0, 499.0, 501.0, 650.0, 720.0, 999.0):
            assert int(seek(page, moment)["lost"]) == measures.loss(crash, moment + 1e-6).lost[0], moment
        seek(page, 501)
        assert page.locator(".rv-row[data-node=L]").get_attribute("data-up") == "false"
        assert page.locator(".rv-rows").get_by_text("lost unless L returns").is_visible()


def test_it_plays_to_the_end_and_begins_again(shown: Page) -> None:
    seek(shown, 3_500)
    shown.get_by_role("button", name="Play").click()
    shown.wait_for_selector(".rv-stage[data-playing=true]")
    shown.get_by_role("button", name="Pause").wait_for()
    shown.wait_for_selector(".rv-stage[data-playing=false]")
    assert data(shown)["moment"] == "4000"
    shown.get_by_role("button", name="Play").click()
    shown.wait_for_function("document.querySelector('.rv-stage').dataset.moment < 2000")


def test_it_never_jumps_over_a_fault_and_slows_down_there(shown: Page) -> None:
    rates = shown.evaluate("[0, 500, 1000, 1020, 2900].map((t) => stage.clock.pace.at(t))")
    slow, fast = rates[0], rates[1]
    assert slow == pytest.approx(rates[2])
    assert slow < rates[3] < fast == rates[4]
    assert shown.locator(".rv-rate").inner_text().startswith("1 s here = ")


def test_dragging_on_the_timeline_scrubs(shown: Page) -> None:
    box = shown.locator(".rv-timeline").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    shown.mouse.move(box["x"] + box["width"] / 2, y)
    shown.mouse.down()
    shown.wait_for_function("Math.abs(document.querySelector('.rv-stage').dataset.moment - 2000) < 10")
    shown.mouse.move(box["x"] + box["width"] + 50, y)
    shown.wait_for_function("document.querySelector('.rv-stage').dataset.moment == 4000")
    shown.mouse.up()
    shown.mouse.move(box["x"], y)
    assert data(shown)["moment"] == "4000"
    shown.wait_for_function("model.get('moment') === 4000")


def test_each_key_does_what_it_says(shown: Page) -> None:
    shown.locator(".rv-timeline").focus()
    assert press(shown, "Home") == 0
    assert press(shown, "Shift+ArrowRight") == 1_000
    after = press(shown, "ArrowRight")
    assert 1_000 < after < 1_010
    assert press(shown, "ArrowLeft") == 1_000
    assert press(shown, "Shift+ArrowLeft") == 0
    assert press(shown, "PageUp") == 200
    assert press(shown, "PageDown") == 0
    assert press(shown, "End") == 4_000
    press(shown, "]")
    assert shown.evaluate("stage.clock.factor") == 2
    press(shown, "[")
    press(shown, "[")
    assert shown.evaluate("stage.clock.factor") == 0.5
    press(shown, "l")
    assert shown.get_by_role("button", name="Loop").get_attribute("aria-pressed") == "true"
    press(shown, " ")
    assert data(shown)["playing"] == "true"
    press(shown, " ")
    assert data(shown)["playing"] == "false"


def test_everything_that_takes_the_focus_has_a_name_and_keeps_its_arrow_keys(shown: Page) -> None:
    stops = shown.locator(".rv-stage button, .rv-stage [tabindex='0']")
    assert stops.count() >= 9
    for stop in stops.all():
        assert stop.get_attribute("aria-label") or stop.inner_text()
        assert stop.get_attribute("data-lm-suppress-shortcuts") == "true"
    seek(shown, 1_300)
    assert shown.get_by_role("slider").get_attribute("aria-valuetext") == "1,300.0 ms of 4.00 s"


def test_stepping_back_shows_the_earlier_picture(shown: Page) -> None:
    seek(shown, 1_250)
    before = picture(shown)
    for moment in (1_251, 3_000, 10):
        seek(shown, moment)
        assert picture(shown) != before
    seek(shown, 1_250)
    assert picture(shown) == before


def test_another_run_keeps_the_moment_and_the_last_of_a_burst_stays(shown: Page) -> None:
    runs = [run(Scenario(title=f"run {i}", duration_ms=3_000, rate_per_s=100 * i)) for i in range(1, 7)]
    shown.evaluate(
        "(texts) => { for (const text of texts) model.set('payload', bytes(text)); }", [_bytes(r) for r in runs]
    )
    shown.wait_for_function("document.querySelector('.rv-title').textContent === 'run 6'")
    shown.wait_for_timeout(200)
    assert shown.locator(".rv-title").inner_text() == "run 6"
    assert data(shown)["moment"] == "1300"
    assert int(data(shown)["version"]) >= 2
    assert shown.locator(".rv-stage").count() == 1
    shown.evaluate("(text) => model.set('payload', bytes(text))", _bytes(run(Scenario(duration_ms=700))))
    shown.wait_for_function("document.querySelector('.rv-stage').dataset.moment == 700")


def test_python_moves_the_clock_and_hears_when_it_rests(shown: Page) -> None:
    shown.evaluate(f"({_SET})('moment', 2222)")
    shown.wait_for_selector(".rv-stage[data-moment='2222']")
    shown.locator(".rv-timeline").focus()
    press(shown, "End")
    shown.wait_for_function("model.get('moment') === 4000")
    shown.evaluate(f"({_SET})('moment', 100)")
    shown.evaluate(f"({_SET})('playing', true)")
    shown.wait_for_selector(".rv-stage[data-playing=true]")


def test_a_damaged_message_is_a_sentence_and_the_picture_stays(shown: Page) -> None:
    before = picture(shown)
    shown.evaluate("model.set('payload', bytes(btoa('RVS1 and then nothing')))")
    shown.get_by_role("alert").wait_for()
    assert shown.get_by_role("alert").inner_text().startswith("This run cannot be shown: ")
    assert picture(shown) == before


@pytest.mark.parametrize("width", [980, 640])
def test_nothing_sticks_out(browser: Browser, tmp_path: Path, width: int) -> None:
    busy = run(Scenario(replicas=7, rate_per_s=3_000, partition="s3, s4", ack="ANY 3 (*)"))
    with stage_page(browser, tmp_path, busy, moment=900, viewport={"width": width, "height": 800}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == width
        stage, tools = (page.locator(part).bounding_box() for part in (".rv-stage", ".rv-tools"))
        assert stage is not None
        assert tools is not None
        assert tools["y"] - stage["y"] <= (560 if width == 980 else 720)
        outside = page.evaluate(
            """(width) => [...document.querySelectorAll('.rv-rows text, .rv-timeline text')]
                .filter((text) => getComputedStyle(text).visibility === 'visible' && text.textContent)
                .filter((text) => { const b = text.getBoundingClientRect(); return b.left < 0 || b.right > width; })
                .map((text) => text.textContent)""",
            width,
        )
        assert outside == []


def test_the_theme_follows_jupyterlab_and_else_the_reader(browser: Browser, tmp_path: Path, trace: Trace) -> None:
    ground = "getComputedStyle(document.querySelector('.rv-stage')).backgroundColor"
    light, dark = "rgb(255, 255, 255)", "rgb(17, 20, 24)"
    with stage_page(browser, tmp_path, trace, color_scheme="dark") as page:
        assert page.evaluate(ground) == dark
        for theme, expected in (("true", light), ("false", dark)):
            page.evaluate("(theme) => { document.body.dataset.jpThemeLight = theme; }", theme)
            assert page.evaluate(ground) == expected
            ink = page.evaluate("new Promise((done) => requestAnimationFrame(() => done(stage.packets.colour.ground)))")
            assert ink == {light: "#ffffff", dark: "#111418"}[expected]


def test_with_reduced_motion_it_steps(browser: Browser, tmp_path: Path, trace: Trace) -> None:
    with stage_page(browser, tmp_path, trace, moment=500, reduced_motion="reduce") as page:
        page.get_by_role("button", name="Play").click()
        seen = page.evaluate(
            """async () => {
                const seen = new Set();
                const began = performance.now();
                while (performance.now() - began < 1300) {
                    seen.add(document.querySelector('.rv-stage').dataset.moment);
                    await new Promise(requestAnimationFrame);
                }
                return seen.size;
            }"""
        )
        assert 2 <= seen <= 5


def test_closing_it_leaves_nothing_behind(shown: Page) -> None:
    shown.get_by_role("button", name="Play").click()
    shown.wait_for_selector(".rv-stage[data-playing=true]")
    left = shown.evaluate(
        """async () => {
            let heard = 0;
            const draw = stage.scene.draw.bind(stage.scene);
            stage.scene.draw = (...all) => { heard++; draw(...all); };
            cleanup();
            model.set('moment', 50);
            model.set('payload', new DataView(new ArrayBuffer(8)));
            document.body.dataset.theme = 'dark';
            await new Promise((done) => setTimeout(done, 400));
            return [heard, document.querySelectorAll('.rv-stage').length, stage.clock.listeners.size];
        }"""
    )
    assert left == [0, 0, 0]


def test_it_rests_while_nobody_sees_it(shown: Page) -> None:
    shown.get_by_role("button", name="Play").click()
    shown.evaluate(
        "() => { document.body.insertAdjacentHTML('afterbegin', '<div style=\"height: 3000px\"></div>'); "
        "scrollTo(0, 0); }"
    )
    shown.wait_for_function("stage.clock.visible === false")
    moment = data(shown)["moment"]
    shown.wait_for_timeout(200)
    assert data(shown)["moment"] == moment
    shown.evaluate("scrollTo(0, 5000)")
    shown.wait_for_function(f"document.querySelector('.rv-stage').dataset.moment > {moment}")


def test_it_plays_seven_nodes_and_300_messages(browser: Browser, tmp_path: Path) -> None:
    busy = run(Scenario(replicas=6, rate_per_s=800, lag_ms=150, network_ms=40))
    with stage_page(browser, tmp_path, busy, moment=700) as page:
        page.get_by_role("button", name="Play").click()
        page.wait_for_function("Number(stage.root.dataset.flightsInView) >= 250")
        moment = data(page)["moment"]
        page.wait_for_function(f"document.querySelector('.rv-stage').dataset.moment > {moment}")


def test_an_exported_page_plays_without_a_network(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"
    two = fragment(run(scenarios["start_here"])) + fragment(run(scenarios["far_region"]), moment=500, theme="dark")
    file.write_text(
        f'<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">{two}',
        encoding="utf-8",
    )
    with watched_page(browser, offline=True) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        page.wait_for_function("document.querySelectorAll('.rv-stage[data-ready=true]').length === 2")
        titles = page.locator(".rv-title").all_inner_texts()
        assert titles == [scenarios["start_here"].title, scenarios["far_region"].title]
        page.get_by_role("button", name="Play").first.click()
        page.wait_for_selector(".rv-stage[data-playing=true]")
        assert asked == [file.as_uri()]
