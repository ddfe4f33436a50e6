"""The browser helpers themselves: a good notebook passes, and each kind of error is seen."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser

from .browser import Jupyter, run_all, watched_page

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


def test_a_good_notebook_runs_to_its_last_cell_and_shows_its_widget(browser: Browser, server: Jupyter):
    with watched_page(browser, server.url) as page:
        run_all(page, "good.ipynb")
        assert page.locator(".noUi-handle").count() == 1
        assert page.locator(".jp-InputPrompt").all_inner_texts()[-1] == "[3]:"
    server.end_sessions()


def test_a_cell_that_raises_fails_with_its_traceback(browser: Browser, server: Jupyter):
    with watched_page(browser, server.url) as page, pytest.raises(AssertionError, match="ZeroDivisionError"):
        run_all(page, "raises.ipynb")
    server.end_sessions()


def test_an_error_on_the_console_fails_the_page(browser: Browser, server: Jupyter):
    with (
        pytest.raises(AssertionError, match="out of the widget"),
        watched_page(browser, server.url) as page,
    ):
        run_all(page, "throws.ipynb")
    server.end_sessions()
