"""Share and keep in a real notebook: files come down, a text and a link restore another run."""

from __future__ import annotations

import io
from pathlib import Path

import nbformat
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from replication_viz import run, scenarios, trace_files
from replication_viz.panels import keep
from replication_viz.panels.shared import Shared
from replication_viz.scenario import Crash
from replication_viz.trace import Position

from .browser import Jupyter, open_notebook, run_all, watched_page
from .test_lessons_browser import shown

pytestmark = pytest.mark.browser

NOTEBOOK = "keep.ipynb"
CELLS = (
    "from replication_viz import scenarios\nfrom replication_viz.panels import Lab",
    'first = Lab(scenarios["idle_network"], knobs=["lag_ms"])\nfirst',
    'second = Lab(scenarios["one_sick_standby"], knobs=["ack", "lag_ms"])\nsecond',
    'third = Lab(scenarios["one_sick_standby"], knobs=["ack", "lag_ms"])\nthird',
)
OTHER = scenarios["one_sick_standby"].but(ack="FIRST 2 (s1, s2, s3)", lag_ms=20).with_fault(Crash(node="s3", at_ms=900))
TEXT = Shared(OTHER, moment=1_300.25, view="space-time", drawer="faults").text()


@pytest.fixture
def notebook(jupyter: Jupyter) -> str:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, jupyter.folder / NOTEBOOK)
    return NOTEBOOK


@pytest.fixture
def stage(page: Page, notebook: str) -> Locator:
    run_all(page, notebook)
    return shown(page, page.locator(".rv-lab").nth(1))


def opened(stage: Locator) -> Locator:
    stage.get_by_role("button", name="Share and keep").click()
    drawer = stage.locator(".rv-drawer-keep")
    drawer.wait_for()
    return drawer


def assert_restored(stage: Locator) -> None:
    """The stage shows what `TEXT` says, and the kernel's panel with it."""
    expect(stage).to_have_attribute("data-view", "space-time", timeout=20_000)
    expect(stage).to_have_attribute("data-moment", "1300.25")
    committed = int(run(OTHER).at("L", Position.COMMITTED, 1_300.25))
    expect(stage).to_have_attribute("data-committed", str(committed))
    expect(stage.locator(".rv-setting")).to_have_text("synchronous_standby_names = 'FIRST 2 (s1, s2, s3)'")
    expect(stage.locator(".rv-drawer-faults")).to_contain_text("s3 crashes")


def test_every_file_that_is_offered_comes_down_whole(page: Page, stage: Locator, tmp_path: Path) -> None:
    drawer = opened(stage)
    offered = [one["format"] for one in keep.formats()]
    buttons = drawer.locator("button[data-format]")
    assert buttons.evaluate_all("(all) => all.map(({ dataset }) => dataset.format)") == offered
    trace = run(scenarios["one_sick_standby"])
    for format in offered:
        with page.expect_download(timeout=120_000) as coming:
            drawer.locator(f"button[data-format={format}]").click()
        name = coming.value.suggested_filename
        assert name.startswith("one_sick_standby.")
        coming.value.save_as(tmp_path / name)
        data = (tmp_path / name).read_bytes()
        expect(drawer.locator(".rv-keep-status").last).to_contain_text(f"{name} is in your downloads")
        if format in trace_files.FORMATS:
            assert trace_files.unpack(data).digest() == trace.digest()
        elif format in ("png", "gif"):
            Image.open(io.BytesIO(data)).verify()
        elif format == "html":
            assert data.decode().startswith("<!doctype html>")
        else:
            assert len(data) > 10_000
    expect(drawer.locator("button[aria-busy=true]")).to_have_count(0)


def test_while_a_file_is_made_the_buttons_say_so_and_a_second_press_is_no_second_file(
    page: Page, stage: Locator
) -> None:
    drawer = opened(stage)
    came: list[str] = []
    page.on("download", lambda download: came.append(download.suggested_filename))
    film = drawer.locator("button[data-format=gif]")
    film.focus()
    page.keyboard.press("Enter")
    expect(film).to_have_attribute("aria-busy", "true")
    expect(drawer.locator(".rv-keep-status").last).to_contain_text("being made")
    page.keyboard.press("Enter")
    drawer.locator("button[data-format=png]").click(force=True)
    expect(film).to_have_attribute("aria-busy", "false", timeout=120_000)
    expect(drawer.locator(".rv-keep-status").last).to_contain_text("one_sick_standby.gif is in your downloads")
    assert came == ["one_sick_standby.gif"]


def test_a_pasted_text_restores_all_and_can_be_undone(page: Page, stage: Locator) -> None:
    drawer = opened(stage)
    field = drawer.get_by_role("textbox", name="A text that somebody gave you")
    field.fill(f"  {TEXT}\n")
    field.press("Enter")
    assert_restored(stage)
    stage.get_by_role("button", name="Undo").click()
    expect(stage.locator(".rv-setting")).to_have_text("synchronous_standby_names = 'FIRST 1 (s1)'")


def test_a_text_that_is_none_is_a_sentence_and_the_picture_stays(stage: Locator) -> None:
    drawer = opened(stage)
    version = stage.get_attribute("data-version")
    for text, part in (("", "Paste a text first"), ("rv1.damaged", "damaged"), ("hello", "begins with 'rv1.'")):
        drawer.get_by_role("textbox", name="A text that somebody gave you").fill(text)
        drawer.get_by_role("button", name="Restore").click()
        expect(drawer.locator("form .rv-keep-status")).to_contain_text(part)
    assert stage.get_attribute("data-version") == version


def test_the_link_opens_the_same_run_in_the_first_panel_that_it_is_meant_for(
    browser: Browser, jupyter: Jupyter, page: Page, stage: Locator, notebook: str
) -> None:
    drawer = opened(stage)
    drawer.get_by_role("textbox", name="A text that somebody gave you").fill(TEXT)
    drawer.get_by_role("button", name="Restore").click()
    assert_restored(stage)
    drawer = opened(stage)
    page.evaluate("() => { navigator.clipboard.writeText = async (text) => { window.copied = text; }; }")
    drawer.get_by_role("button", name="Copy link").click()
    link = page.wait_for_function("window.copied").json_value()
    page.evaluate("() => { delete navigator.clipboard.writeText; delete window.copied; }")
    before, _, query = link.partition("?")
    assert before.endswith(f"/lab/tree/{notebook}")
    assert "token" not in query
    with watched_page(browser, jupyter.url) as fresh:
        run_all(fresh, notebook, query=query.replace("~vspace-time", "~vspace-time~dfaults"))
        labs = fresh.locator(".rv-lab")
        assert_restored(shown(fresh, labs.nth(1)))
        for number, title in ((0, "idle_network"), (2, "one_sick_standby")):
            other = shown(fresh, labs.nth(number))
            expect(other.locator(".rv-title")).to_have_text(scenarios[title].title)
            expect(other).to_have_attribute("data-view", "logs")
            assert "FIRST 2" not in other.locator(".rv-setting").inner_text()


def test_without_a_link_nothing_is_restored(page: Page, notebook: str) -> None:
    open_notebook(page, notebook)
    assert page.evaluate("window.rvAddressTaken") is None


def test_the_text_follows_what_is_shown_but_not_under_a_selection(page: Page, stage: Locator) -> None:
    drawer = opened(stage)
    field = drawer.locator(".rv-keep-text")
    share = scenarios["one_sick_standby"].share()
    stage.evaluate("({ stage }) => stage.go(700)")
    expect(field).to_have_value(f"{share}~t700")
    field.focus()
    stage.evaluate("({ stage }) => stage.go(900)")
    expect(stage).to_have_attribute("data-moment", "900")
    expect(field).to_have_value(f"{share}~t700")
    stage.focus()
    stage.evaluate("({ stage }) => stage.go(901)")
    expect(field).to_have_value(f"{share}~t901")
