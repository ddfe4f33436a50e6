"""Exported pages in a real browser: from a file, with the network cut, by mouse and by keyboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, expect

from replication_viz import measures, run, scenarios
from replication_viz.panels.pages import PageError, grid_page, scenario_page
from replication_viz.scenario import Scenario, ScenarioError
from replication_viz.trace import Position
from replication_viz.views import page as drawn
from replication_viz.views.page import fragment

from .browser import until, watched_page
from .test_stage_browser import data

pytestmark = pytest.mark.browser

SICK = scenarios["one_sick_standby"]
WAS = SICK.but(ack="ANY 1 (s1, s2, s3)")
GRID: dict[str, list[Any]] = {"ack": ["async", "ANY 1 (*)"], "lag_ms": [0, 50, 200]}
BASE = Scenario(title="A grid <b>of</b> runs", duration_ms=800, rate_per_s=150)


@contextmanager
def opened(browser: Browser, folder: Path, html: str, address: str = "", **options: Any) -> Iterator[Page]:
    """Open a page from a file, with the network cut; any request but the one for the file itself fails the test."""
    file = folder / "page.html"
    file.write_text(html, encoding="utf-8")
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    with watched_page(browser, **options) as page:
        page.context.set_offline(True)
        page.on("request", note)
        page.goto(file.as_uri() + address)
        page.wait_for_selector(".rv-stage[data-ready=true]")
        yield page
        assert [url.partition("#")[0] for url in asked] == [file.as_uri()] * len(asked)
        assert len(asked) == 1


@pytest.fixture(scope="module")
def compared() -> str:
    return scenario_page(SICK, WAS, moment=1_300)


@pytest.fixture(scope="module")
def choosing() -> str:
    return grid_page(BASE, GRID, moment=400)


@pytest.fixture
def shown(browser: Browser, tmp_path: Path, compared: str) -> Iterator[Page]:
    with opened(browser, tmp_path, compared) as page:
        yield page


@pytest.fixture
def grid(browser: Browser, tmp_path: Path, choosing: str) -> Iterator[Page]:
    with opened(browser, tmp_path, choosing) as page:
        yield page


def moment(page: Page) -> float:
    return float(data(page)["moment"])


def at_rest(page: Page) -> None:
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


# -- one run, or two --------------------------------------------------------------------------------------------------


def test_a_page_plays_and_stops(shown: Page) -> None:
    assert moment(shown) == 1_300
    shown.get_by_role("button", name="Play").click()
    until(shown, "Number(document.querySelector('.rv-stage').dataset.moment) > 1301")
    shown.get_by_role("button", name="Pause").click()
    shown.wait_for_selector(".rv-stage[data-playing=false]")


def test_a_page_scrubs_by_mouse_and_by_keyboard(shown: Page) -> None:
    line = shown.locator(".rv-timeline").last
    line.scroll_into_view_if_needed()
    box = line.bounding_box()
    assert box
    shown.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2)
    shown.mouse.down()
    shown.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2, steps=4)
    shown.mouse.up()
    at_rest(shown)
    assert moment(shown) == pytest.approx(3_050, abs=120)
    line.focus()
    shown.keyboard.press("Home")
    at_rest(shown)
    assert moment(shown) == 0
    shown.keyboard.press("Shift+ArrowRight")
    at_rest(shown)
    assert moment(shown) == 1_000  # the disk stalls


def test_a_page_compares_two_runs_with_their_own_numbers(shown: Page) -> None:
    assert shown.locator(".rv-picture").count() == 2
    settings = shown.locator(".rv-setting").all_inner_texts()
    assert settings == [
        f"synchronous_standby_names = '{WAS.ack}'",
        "synchronous_standby_names = 'FIRST 1 (s1)'",
    ]
    at = shown.evaluate("() => document.querySelector('.rv-stage').stage.all.map(({ facts }) => facts.committed)")
    assert at == [int(run(scenario).at("L", Position.COMMITTED, 1_300)) for scenario in (WAS, SICK)]
    rows = dict(zip(shown.locator(".rv-numbers tbody th").all_inner_texts(), _cells(shown, ".rv-numbers"), strict=True))
    for index, scenario in enumerate((WAS, SICK)):
        for measure in measures.summary(run(scenario)):
            assert rows[measure.name][index] == f"{measure.text()} {measure.unit}".strip()


def _cells(page: Page, table: str) -> list[list[str]]:
    found: list[list[str]] = page.locator(f"{table} tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [...row.querySelectorAll('td')].map((cell) => cell.textContent))"
    )
    return found


@pytest.mark.parametrize("way", ["mouse", "keyboard"])
def test_drawers_and_the_other_view_open(shown: Page, way: str) -> None:
    def press(name: str, key: str) -> None:
        if way == "mouse":
            shown.get_by_role("button", name=name, exact=True).click()
        else:
            shown.locator(".rv-stage").focus()
            shown.keyboard.press(key)

    press("Story", _key(shown, "Story"))
    expect(shown.locator(".rv-drawer-story table")).to_be_visible()
    assert "disk stalls" in shown.locator(".rv-drawer-story").inner_text()
    press("Space–time", "v")
    shown.wait_for_selector(".rv-stage[data-view=space-time]")
    press("Share and keep", "k")
    expect(shown.locator(".rv-drawer-keep")).to_be_visible()
    expect(shown.locator(".rv-drawer-story")).to_be_hidden()


def _key(page: Page, name: str) -> str:
    return page.get_by_role("button", name=name, exact=True).get_attribute("aria-keyshortcuts") or ""


def test_what_needs_a_kernel_says_so_and_nothing_offers_it(shown: Page) -> None:
    for name in ("Undo", "Redo", "Compare"):
        assert shown.get_by_role("button", name=name).count() == 0
    shown.keyboard.press("Tab")
    shown.get_by_role("button", name="Share and keep").click()
    drawer = shown.locator(".rv-drawer-keep")
    assert "open it live" in drawer.inner_text()
    assert drawer.get_by_role("button", name="Restore").count() == 0
    assert drawer.get_by_role("textbox", name="This run").input_value() == f"{SICK.share()}~t1300"
    cell = shown.locator("[data-follows=cell]").inner_text()
    assert f'Lab.from_share("{SICK.share()}")' in cell
    assert "pip install" in shown.locator("main").inner_text()


def test_the_link_of_a_page_restores_moment_view_and_drawer(browser: Browser, tmp_path: Path, compared: str) -> None:
    with opened(browser, tmp_path, compared, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.locator(".rv-stage").focus()
        page.keyboard.press("v")
        page.keyboard.press("k")
        page.evaluate("document.querySelector('.rv-stage').stage.go(2500.25)")
        page.evaluate("navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }")
        page.get_by_role("button", name="Copy link").click()
        link = until(page, "window.copied")
        expect(page.locator(".rv-keep-status").first).to_have_text("Copied: a link.")
    address = link.partition("#")[2]
    assert address == f"rv=~t2500.25~vspace-time&rvfor={SICK.name}"
    with opened(browser, tmp_path, compared, f"#{address}") as page:
        assert moment(page) == 2_500.25
        assert data(page)["view"] == "space-time"
        # Another address on the same page, as by a click on a link.
        page.evaluate("location.hash = '#rv=~t700~vlogs~dstory'")
        page.wait_for_selector(".rv-stage[data-view=logs][data-moment='700']")
        expect(page.locator(".rv-drawer-story")).to_be_visible()


@pytest.mark.parametrize("address", ["#rv=~tsoon~vnowhere~dnothing", "#rv=", "#rv=~t-5", "#rv=~t1e9&rvfor=other"])
def test_an_address_that_makes_no_sense_changes_nothing(
    browser: Browser, tmp_path: Path, compared: str, address: str
) -> None:
    with opened(browser, tmp_path, compared, address) as page:
        assert moment(page) == 1_300
        assert data(page)["view"] == "logs"


def test_where_the_browser_refuses_to_copy_the_text_is_selected(shown: Page) -> None:
    shown.get_by_role("button", name="Share and keep").click()
    shown.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
    shown.get_by_role("button", name="Copy as a cell").click()
    expect(shown.locator(".rv-keep-status").first).to_contain_text("press Ctrl+C")
    selected = shown.evaluate(
        "() => { const { value, selectionStart, selectionEnd } = document.activeElement; "
        "return value.slice(selectionStart, selectionEnd); }"
    )
    assert selected == f'from replication_viz.panels import Lab\nLab.from_share("{SICK.share()}~t1300")'


def test_several_stages_of_one_page_share_the_code(browser: Browser, tmp_path: Path) -> None:
    first, second = run(scenarios["start_here"]), run(scenarios["far_region"])
    rest = fragment(second, moment=500, library=False)
    assert len(rest) < 60_000 < len(fragment(second))
    with opened(browser, tmp_path, f'<!doctype html><meta charset="utf-8">{fragment(first, moment=100)}{rest}') as page:
        until(page, "document.querySelectorAll('.rv-stage[data-ready=true]').length === 2")
        assert page.locator(".rv-title").all_inner_texts() == [first.scenario.title, second.scenario.title]
        told = page.locator(".rv-stage").evaluate_all("(stages) => stages.map(({ dataset }) => dataset.moment)")
        assert told == ["100", "500"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_a_page(browser: Browser, tmp_path: Path, choosing: str, theme: str) -> None:
    with opened(browser, tmp_path, choosing, color_scheme=theme) as page:
        found = Axe().run(page).response["violations"]
        assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == []


def test_a_title_cannot_break_out_of_the_page(browser: Browser, tmp_path: Path) -> None:
    title = "</script></style><script>window.broken = 1</script>"
    with opened(browser, tmp_path, scenario_page(BASE.but(title=title))) as page:
        assert page.locator("h1").inner_text() == page.locator(".rv-title").inner_text() == title
        assert page.title() == title
        assert page.evaluate("window.broken") is None


def test_pages_are_small_and_the_same_each_time(compared: str, choosing: str) -> None:
    for name in ("start_here", "one_sick_standby", "write_outage", "loss_window"):
        assert len(scenario_page(scenarios[name]).encode()) < 600_000
    assert len(choosing.encode()) < 600_000
    assert compared == scenario_page(SICK, WAS, moment=1_300)
    assert "http://" not in compared.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in compared


def test_a_page_follows_the_theme_that_it_was_given(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, tmp_path, scenario_page(BASE, theme="dark"), color_scheme="light") as page:
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 20, 24)"


# -- a run for each combination ---------------------------------------------------------------------------------------


def _run_of(page: Page) -> int:
    return int(page.evaluate("document.body.dataset.run"))


def _chosen(page: Page, version: int) -> None:
    until(page, "(before) => Number(document.querySelector('.rv-stage').dataset.version) > before", arg=version)


def test_each_combination_shows_its_own_run(grid: Page) -> None:
    sliders = grid.get_by_role("slider", name="wait for"), grid.get_by_role("slider", name="lag", exact=True)
    for number, (ack, lag) in enumerate(product(*GRID.values())):
        before = int(data(grid)["version"])
        for slider, field, value in zip(sliders, GRID, (ack, lag), strict=True):
            slider.evaluate(
                "(el, v) => { el.value = v; el.dispatchEvent(new Event('input')); }", str(GRID[field].index(value))
            )
        if number:
            _chosen(grid, before)
        until(grid, "(n) => document.body.dataset.run === String(n)", arg=number)
        trace = run(BASE.but(ack=ack, lag_ms=lag))
        until(
            grid,
            "(n) => Number(document.querySelector('.rv-stage').dataset.committed) === n",
            arg=int(trace.at("L", Position.COMMITTED, 400)),
        )
        said = data(grid)
        assert said["moment"] == "400", "the clock stays where it stood"
        assert int(said["lost"]) == measures.loss(trace, 400 + 1e-6).lost[0]
        row = grid.locator(".rv-outcomes tr[aria-current=true]")
        assert row.count() == 1
        cells = row.locator("th, td").all_inner_texts()
        assert [cell.strip() for cell in cells[:2]] == [ack, str(lag)]
        assert cells[5] == next(m for m in measures.summary(trace) if m.name == "commit latency, median").text()
        assert grid.locator("output").all_inner_texts() == [ack, f"{lag} ms"]
        assert trace.scenario.share() in grid.locator("[data-follows=cell]").inner_text()
        assert (
            trace.scenario.postgres_settings()["synchronous_standby_names"]
            in grid.locator("[data-follows=settings]").inner_text()
        )


def test_sliders_move_by_keyboard_and_by_mouse_and_say_their_value(grid: Page) -> None:
    ack, lag = grid.get_by_role("slider", name="wait for"), grid.get_by_role("slider", name="lag", exact=True)
    ack.focus()
    grid.keyboard.press("ArrowRight")
    until(grid, "document.body.dataset.run === '3'")
    assert ack.get_attribute("aria-valuetext") == "ANY 1 (*)"
    grid.keyboard.press("Tab")
    grid.keyboard.press("End")
    until(grid, "document.body.dataset.run === '5'")
    assert lag.get_attribute("aria-valuetext") == "200 ms"
    box = lag.bounding_box()
    assert box
    grid.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    until(grid, "document.body.dataset.run === '4'")
    grid.locator(".rv-outcomes tbody tr").first.click()
    until(grid, "document.body.dataset.run === '0'")
    assert ack.input_value() == lag.input_value() == "0"


def test_a_burst_of_moves_ends_on_the_last(grid: Page) -> None:
    grid.get_by_role("slider", name="wait for").focus()
    for key in ("ArrowRight", "ArrowLeft") * 10 + ("ArrowRight",):
        grid.keyboard.press(key)
    wanted = int(run(BASE.but(ack="ANY 1 (*)", lag_ms=0)).at("L", Position.COMMITTED, 400))
    until(grid, "(n) => Number(document.querySelector('.rv-stage').dataset.committed) === n", arg=wanted)
    assert _run_of(grid) == 3
    assert grid.locator(".rv-setting").inner_text() == "synchronous_standby_names = 'ANY 1 (*)'"


def test_an_address_restores_the_combination(browser: Browser, tmp_path: Path, choosing: str) -> None:
    with opened(browser, tmp_path, choosing, "#rv=~t250~g4") as page:
        assert _run_of(page) == 4
        assert moment(page) == 250
        page.get_by_role("button", name="Share and keep").click()
        page.evaluate("navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }")
        page.get_by_role("button", name="Copy link").click()
        link = until(page, "window.copied")
        assert "~t250~g4&" in link


class Cells(HTMLParser):
    """The rows of the first table of a class."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.inside, self.rows, self.cell = name, False, [], False  # type: ignore[var-annotated]

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.inside = dict(attributes).get("class") == self.name
        if self.inside and tag == "tr":
            self.rows.append([])
        if self.inside and tag in ("th", "td"):
            self.rows[-1].append("")
            self.cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("th", "td"):
            self.cell = False

    def handle_data(self, text: str) -> None:
        if self.inside and self.cell:
            self.rows[-1][-1] += text


def test_without_javascript_every_outcome_can_be_read(browser: Browser, tmp_path: Path, choosing: str) -> None:
    parser = Cells("rv-outcomes")
    parser.feed(choosing)
    head, *body = parser.rows
    assert head[:3] == ["wait for", "lag (ms)", "writes answered"]
    assert [row[:2] for row in body] == [[ack, str(lag)] for ack, lag in product(*GRID.values())]
    file = tmp_path / "still.html"
    file.write_text(choosing, encoding="utf-8")
    with watched_page(browser, java_script_enabled=False) as page:
        page.goto(file.as_uri())
        expect(page.get_by_text("The picture needs JavaScript")).to_be_visible()
        expect(page.locator(".rv-outcomes tbody tr").last).to_be_visible()
        expect(page.get_by_role("slider").first).to_be_disabled()


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({}, "0 were asked for"),
        ({"lag_ms": [1], "ack": ["async"], "seed": [1]}, "3 were asked for"),
        ({"lagg": [1]}, "'lagg' is not a knob"),
        ({"nodes": [{}]}, "'nodes' is not a knob"),
        ({"lag_ms": []}, "needs a list of values"),
        ({"ack": "async"}, "needs a list of values: it has 'async'"),
        ({"lag_ms": [0, 5, 0]}, "the value 0 twice"),
        ({"lag_ms": list(range(9)), "seed": list(range(8))}, "72 combinations: at most 64"),
    ],
)
def test_a_grid_that_is_none_is_one_sentence(values: dict[str, Any], part: str) -> None:
    with pytest.raises(PageError) as caught:
        grid_page(BASE, values)
    assert part in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_value_or_a_moment_out_of_range_is_one_sentence_and_names_it() -> None:
    with pytest.raises(ScenarioError, match=r"^with lag_ms = -3: lag_ms is -3"):
        grid_page(BASE, {"lag_ms": [0, -3]})
    with pytest.raises(PageError, match=r"the moment is 700 ms: it must be from 0 to 600 ms"):
        grid_page(BASE, {"duration_ms": [600, 900]}, moment=700)
    with pytest.raises(PageError, match="the moment is -1 ms"):
        scenario_page(BASE, moment=-1)


def test_a_page_that_would_be_too_large_says_how_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn, "MAX_BYTES", 200_000)
    with pytest.raises(
        PageError, match=r"the page would be 0\.\d MB: at most 0\.2 MB are allowed, so take a shorter run"
    ):
        scenario_page(BASE)


def test_what_a_page_holds_is_data_not_markup(compared: str) -> None:
    state = compared.rpartition("window.rvStage.place(")[2].partition(");\n")[0]
    assert "<" not in state
    assert json.loads(state)["bench"]["table"]["measures"]
