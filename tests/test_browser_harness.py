"""The browser helpers themselves: a good notebook passes, and each kind of error is seen."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser

from .browser import Jupyter, LabPage, run_all, watched_page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(jupyter: Jupyter) -> Jupyter:
    folder = jupyter.folder
    write(folder / "good.ipynb", "x = 1", "import ipywidgets; ipywidgets.IntSlider(x)", "", "assert x == 1")
    write(folder / "raises.ipynb", "x = 1", "x / 0", "x")
    script = "setTimeout(() => { throw new Error('out of the widget') }, 0)"
    write(folder / "throws.ipynb", f'from IPython.display import Javascript\nJavascript("{script}")')
    return jupyter


def write(path: Path, *cells: str) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


def test_a_good_notebook_runs_to_its_last_cell_and_shows_its_widget(lab_page: LabPage, server: Jupyter):
    with lab_page.borrowed() as page:
        run_all(page, "good.ipynb")
        assert page.locator(".noUi-handle").count() == 1
        assert page.locator(".jp-InputPrompt").all_inner_texts()[-1] == "[3]:"


def test_a_cell_that_raises_fails_with_its_traceback(lab_page: LabPage, server: Jupyter):
    with lab_page.borrowed() as page, pytest.raises(AssertionError, match="ZeroDivisionError"):
        run_all(page, "raises.ipynb")


def test_an_error_on_the_console_fails_the_page(lab_page: LabPage, server: Jupyter):
    with pytest.raises(AssertionError, match="out of the widget"), lab_page.borrowed() as page:
        run_all(page, "throws.ipynb")


SEEN = "[innerWidth, innerHeight, matchMedia('(prefers-color-scheme: dark)').matches]"


def test_a_page_without_a_server_that_complained_is_the_last_of_its_window(browser: Browser):
    with watched_page(browser) as page:
        window = page.context
    with pytest.raises(AssertionError, match="out of the page"), watched_page(browser) as page:
        page.evaluate("console.error('out of the page')")
    with watched_page(browser) as page:
        assert page.context is not window
    with watched_page(browser, viewport={"width": 640, "height": 400}, color_scheme="dark") as other:
        assert other.context is page.context
        assert other.evaluate(SEEN) == [640, 400, True]
    with watched_page(browser) as page:
        assert page.evaluate(SEEN) == [1280, 900, False]
