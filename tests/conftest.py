"""Fixtures that every test may use: a browser, a JupyterLab, a page, the built wheel, real servers."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from replication_viz.real.cluster import Cluster
from replication_viz.real.errors import MissingServerError

from .browser import CHROMIUM_FLAGS, Jupyter, LabPage, find_chromium, jupyter_server, watched_page
from .checkout import copy_notebooks, copy_tracked, install, new_environment, uv

if TYPE_CHECKING:
    from replication_viz.trace import Trace

FAILED = pytest.StashKey[bool]()
REAL_LESSON = "14_"
IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: at the end no worker waits for the other.

    These are those that drive JupyterLab, and the lesson that starts real servers.
    """
    needs: dict[Path, set[str]] = {}
    for item in items:
        needs.setdefault(item.path, set()).update(getattr(item, "fixturenames", ()))
    items.sort(
        key=lambda item: (
            0
            if needs[item.path] & {"jupyter", "wheel"} or item.path.name.startswith(REAL_LESSON)
            else 1
            if "browser" in needs[item.path]
            else 2
        )
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With CI set, a browser or database test that skips has failed: there the machine must have both."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    needs = [name for name in ("browser", "real") if item.get_closest_marker(name)]
    if IN_CI and needs and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"a test marked {needs[0]!r} must not skip in CI: {reason}"
    return report


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium."""
    path = find_chromium()
    if path is None:
        pytest.skip("There is no Chromium on the PATH: install one (apt install chromium) to run the browser tests.")
    return path


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """A headless Chromium, one for each pytest worker."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """JupyterLab on a copy of the notebooks, one for each pytest worker."""
    home = tmp_path_factory.mktemp("jupyter")
    folder = copy_notebooks(home / "notebooks")
    with jupyter_server(folder, home) as server:
        yield server


@pytest.fixture(scope="session")
def lab_page(browser: Browser, jupyter: Jupyter) -> Iterator[LabPage]:
    """The page that `page` lends, one for each pytest worker."""
    page = LabPage(browser, jupyter)
    yield page
    page.close()


@pytest.fixture
def page(lab_page: LabPage, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page on JupyterLab without a notebook; fails if it leaves an error on the console."""
    with lab_page.borrowed() as page:
        yield page
        if request.node.stash.get(FAILED, False):
            lab_page.close()


@pytest.fixture
def plain_page(browser: Browser) -> Iterator[Page]:
    """A page without a server, for exported pages and single modules; watched as `page` is."""
    with watched_page(browser) as page:
        yield page


@pytest.fixture
def sick(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The stage with a run full of faults on a plain page; the test plays the kernel."""
    from .bench import SICK, bench_page

    with bench_page(browser, tmp_path, SICK, moment=200) as page:
        yield page


@pytest.fixture(scope="session")
def sick_run() -> Trace:
    """The run of one sick standby."""
    from .runs import named_run

    return named_run("one_sick_standby")


@pytest.fixture
def story(browser: Browser, tmp_path: Path, sick_run: Trace) -> Iterator[Page]:
    """One sick standby with its story open."""
    from .test_stage_browser import stage_page

    with stage_page(browser, tmp_path, sick_run, moment=1_300) as page:
        page.get_by_role("button", name="Story").click()
        page.locator(".rv-events-table").wait_for()
        yield page


@pytest.fixture
def diagram(browser: Browser, tmp_path: Path, sick_run: Trace) -> Iterator[Page]:
    """One sick standby as a space-time diagram."""
    from .test_stage_browser import stage_page

    with stage_page(browser, tmp_path, sick_run, moment=1_010) as page:
        page.get_by_role("button", name="Space–time").click()
        page.wait_for_selector(".rv-stage[data-view=space-time]")
        yield page


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the files that git knows."""
    source = copy_tracked(tmp_path_factory.mktemp("source"))
    out = tmp_path_factory.mktemp("wheel")
    uv("build", "--wheel", "--out-dir", out, "--build-constraints", source / "constraints.txt", source)
    [built] = out.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def wheel_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment that holds the wheel and what it requires, and nothing else."""
    python = new_environment(tmp_path_factory.mktemp("wheel-environment") / "env")
    install(python, wheel)
    return python


# -- real servers -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Real PostgreSQL servers, a primary and three standbys, for all tests of a file."""
    try:
        with Cluster(3) as cluster:
            yield cluster
    except MissingServerError as error:
        pytest.skip(str(error))
