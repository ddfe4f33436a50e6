"""The card of a question in a real browser, alone and in JupyterLab."""

from __future__ import annotations

from collections.abc import Callable

import nbformat
import pytest
from playwright.sync_api import Page, expect

from replication_viz.lessons.card import STATIC, Face, Form, Line

from .browser import Jupyter, LabPage, run_all
from .test_lessons import stored


@pytest.fixture
def card(plain_page: Page) -> Callable[[Face], Page]:
    """Draw a face in a real page; what it sends lands in ``window.sent``."""

    def draw(face: Face) -> Page:
        script = (STATIC / "card.js").read_text().replace("export default { render };", "window.render = render;")
        plain_page.set_content(
            f"<style>{(STATIC / 'card.css').read_text()}</style><main></main><script type=module>{script}</script>"
        )
        plain_page.evaluate(
            """state => {
                window.sent = [];
                window.model = {
                    state, draw: null, get: () => window.model.state, send: content => window.sent.push(content),
                    on: (_, draw) => { window.model.draw = draw; }, off: () => {},
                };
                window.change = next => { window.model.state = next; window.model.draw(); };
                window.render({ model: window.model, el: document.querySelector("main") });
            }""",
            face.state(),
        )
        return plain_page

    return draw


@pytest.mark.browser
def test_a_number_is_committed_with_enter_and_a_refused_one_stays_in_its_field(card: Callable[[Face], Page]) -> None:
    asked = Face("Prediction", "How long <b>now</b>?", (), Form("ms"))
    page = card(asked)
    page.keyboard.press("Tab")
    page.keyboard.type("quick")
    page.keyboard.press("Enter")
    assert page.evaluate("window.sent") == [{"kind": "answer", "value": "quick"}]
    page.evaluate("window.change", Face("Prediction", "How long?", (Line("No.", "bad"),), Form("ms")).state())
    field = page.get_by_role("textbox", name="How long?")
    expect(field).to_be_focused()
    expect(field).to_have_value("quick")
    expect(page.get_by_role("status")).to_have_text("✗No.")
    expect(field).to_have_attribute("data-lm-suppress-shortcuts", "true")


@pytest.mark.browser
def test_a_choice_is_made_with_the_arrow_keys_and_its_focus_is_seen(card: Callable[[Face], Page]) -> None:
    page = card(Face("Prediction", "Who?", (), Form(choices=("s1", "s2", "none"))))
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="s2")).to_be_checked()
    assert page.evaluate("getComputedStyle(document.activeElement.closest('.rv-choice')).outlineStyle") == "solid"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("window.sent") == [{"kind": "answer", "value": "s2"}]
    page.evaluate("window.change", Face("Prediction", "Who?", (Line("You said s2."),)).state())
    expect(page.get_by_role("status")).to_be_focused()


@pytest.mark.browser
def test_texts_never_become_markup_and_buttons_send_their_names(card: Callable[[Face], Page]) -> None:
    page = card(Face("Exercise", "<img src=x> `a<b`", (Line("<i>no</i>"),), buttons=(("hint", "Hint 1 of 2"),)))
    assert page.locator("img, i").count() == 0
    expect(page.locator("code")).to_have_text("a<b")
    page.get_by_role("button", name="Hint 1 of 2").click()
    assert page.evaluate("window.sent") == [{"kind": "press", "value": "hint"}]


@pytest.mark.browser
def test_in_jupyterlab_enter_commits_the_reveal_appears_and_a_second_kernel_remembers(
    jupyter: Jupyter, lab_page: LabPage
) -> None:
    folder = jupyter.folder / "card"  # where a kernel works, and so where its answers are kept
    folder.mkdir()
    cells = (
        "import os\nos.environ['REPLICATION_VIZ_UNATTENDED'] = '0'",
        "from replication_viz.lessons import exercise, predict\n"
        "guess = predict('02-p50', 'Median?', unit='ms', unattended=5)\nguess",
        "guess.reveal(4, because='own flush and one round trip')",
        "exercise('02-a', task='Find it.', check=4, hints=['Think.']).check(...)",
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "lesson.ipynb")
    with lab_page.borrowed() as page:
        run_all(page, "card/lesson.ipynb")
        expect(page.get_by_text("Commit your answer first")).to_be_visible()
        page.get_by_role("textbox", name="Median?").click()
        page.keyboard.type("0.008 s")
        page.keyboard.press("Enter")
        expect(page.get_by_text("The run gave 4 ms; you said 8 ms: 2 times too high.")).to_be_visible()
        page.get_by_role("button", name="Hint 1 of 1").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("Hint 1: Think.")).to_be_visible()
        assert stored(folder)["predictions"]["02-p50"]["tries"][0]["points"] == 73
    with lab_page.borrowed() as page:
        run_all(page, "card/lesson.ipynb")
        page.get_by_role("button", name="Answer again").click()
        expect(page.get_by_text("Commit your answer first")).to_be_visible()
