"""Drive JupyterLab in a real Chromium: start a server, open a notebook, run it, watch for errors."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response

from replication_viz.real.binaries import MARIADB_VARIABLE, POSTGRES_VARIABLE, VALKEY_VARIABLE

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# What JupyterLab itself says on the console when nothing is wrong, each with its reason.
HARMLESS: tuple[str, ...] = (
    # The test was over, and its notebook closed, before JupyterLab had an answer to what it asks a kernel by itself.
    r"^(uncaught: Error|console: Could not restore the debugger state): Canceled future for \w+ message before replies",
)

# Asked once, and answered by the page when it is so: a question costs it as much as a frame of a stage.
_STATE = """async ([name, all, seconds]) => {
    const state = (look) => {
        const panel = window.jupyterapp?.shell.currentWidget;
        if (panel?.context?.path !== name || !panel.context.isReady || !panel.content) return {done: false};
        const {isReady: ready, session} = panel.sessionContext;
        const idle = session?.kernel?.status === 'idle';
        if (!idle && !look) return {done: false};  // whatever a cell says, the kernel is idle after it
        const code = panel.content.widgets.filter(
            cell => cell.model.type === 'code' && cell.model.sharedModel.getSource().trim());
        const left = code.filter(cell => !cell.model.executionCount).length;
        // Not all of them as JSON: pictures are large.
        const errors = code
            .flatMap(({model: {outputs}}) => Array.from({length: outputs.length}, (_, i) => outputs.get(i)))
            .filter(output => output.type === 'error')
            .map(output => output.toJSON().traceback.join('\\n'));
        return {done: ready && idle && !(all && left), ready, idle, left, errors};
    };
    const end = performance.now() + 1000 * seconds;
    for (;;) {
        const late = performance.now() > end, found = state(late);
        if (found.done || found.errors?.length || late) return found;
        await new Promise(done => setTimeout(done, 50));
    }
}"""


_OPEN = """async (path) => {
    const app = window.jupyterapp;
    if (!app || [...app.shell.widgets('main')].some((widget) => widget.context)) return false;
    await app.commands.execute('docmanager:open', {path, factory: 'Notebook'});
    return true;
}"""

_CLOSE = """() => {
    for (const widget of [...window.jupyterapp.shell.widgets('main')]) {
        if (widget.context) widget.context.model.dirty = false;
        widget.dispose();
    }
}"""


def find_chromium() -> str | None:
    """Return the path of the first Chromium on the PATH."""
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


# -- a server ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Jupyter:
    """A running JupyterLab: its address, without a slash at the end, and the folder that it serves."""

    url: str
    folder: Path

    def end_sessions(self) -> None:
        """Shut every kernel down, so that the next test begins with none."""
        with urllib.request.urlopen(f"{self.url}/api/sessions", timeout=10) as answer:
            sessions = json.load(answer)
        for session in sessions:
            request = urllib.request.Request(f"{self.url}/api/sessions/{session['id']}", method="DELETE")
            try:
                urllib.request.urlopen(request, timeout=20).close()
            except urllib.error.HTTPError as error:
                if error.code != 404:  # it went by itself
                    raise


@contextmanager
def jupyter_server(folder: Path, home: Path, python: str = sys.executable) -> Iterator[Jupyter]:
    """Serve `folder` with the JupyterLab of `python`, every setting and trace of it inside `home`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Jupyter(f"http://127.0.0.1:{port}", folder)
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True, exist_ok=True)
    # Without it JupyterLab asks whether to fetch news, in a box over the page.
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(
            [python, "-m", "jupyterlab", *_flags(folder, port)],
            env=_environment(home),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_up(server, process, home / "server.log")
        yield server
    finally:
        _stop(process)


def _flags(folder: Path, port: int) -> list[str]:
    return [
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={folder}",
        "--ServerApp.disable_check_xsrf=True",
        "--IdentityProvider.token=",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]


def _environment(home: Path) -> dict[str, str]:
    own = {
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        "IPYTHONDIR": home / "ipython",
        "MPLCONFIGDIR": home / "matplotlib",
    }
    # Real servers run under nbval. Here is what a machine without them shows, and a lesson that takes a third as long.
    own |= dict.fromkeys((POSTGRES_VARIABLE, VALKEY_VARIABLE, MARIADB_VARIABLE), home / "none")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "PYTEST"))}
    return kept | {name: str(path) for name, path in own.items()}


def _wait_until_up(server: Jupyter, process: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{server.url}/api", timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"JupyterLab did not start within {seconds:g} s:\n{log.read_text()[-4000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to end, which ends its kernels; after 15 s end the whole group."""
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


# -- a page -----------------------------------------------------------------------------------------------------------


@dataclass
class Complaints:
    """What a page said that it should not have said."""

    seen: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self._add(f"uncaught: {error}"))
        page.on("crash", lambda _: self.seen.append("the page crashed"))
        page.on("response", self._on_response)

    def _on_console(self, message: ConsoleMessage) -> None:
        # A failed request is reported by `_on_response`, which knows its address and its status.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self._add(f"console: {message.text}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400:
            self._add(f"request: {response.url} {response.status}")

    def _add(self, text: str) -> None:
        if not any(re.search(pattern, text) for pattern in HARMLESS):
            self.seen.append(text)

    def assert_none(self) -> None:
        assert not self.seen, "the page complained:\n" + "\n".join(self.seen)


# What a page can be told after it was opened; anything else needs a context of its own.
OF_ONE_PAGE = {"viewport", "color_scheme", "reduced_motion"}
_shared_contexts: dict[Browser, BrowserContext] = {}


def _shared_context(browser: Browser) -> BrowserContext:
    """The context of all pages without a server; its first page stays, or its window would close with each test's."""
    if browser not in _shared_contexts:
        _shared_contexts[browser] = browser.new_context()
        _shared_contexts[browser].new_page()
    _shared_contexts[browser].set_offline(False)
    return _shared_contexts[browser]


@contextmanager
def watched_page(browser: Browser, base_url: str | None = None, **options: Any) -> Iterator[Page]:
    """Open a new page; at the end it must have said nothing on the console.

    Pages without a server share a window, which takes Chromium longer to open than most tests take: they leave nothing
    there.
    """
    options = {"viewport": {"width": 1280, "height": 900}, **options}
    is_own = base_url is not None or not options.keys() <= OF_ONE_PAGE
    context = browser.new_context(base_url=base_url, **options) if is_own else _shared_context(browser)
    complaints = Complaints()
    page = context.new_page()
    complaints.watch(page)
    try:
        if not is_own:
            page.set_viewport_size(options.pop("viewport"))
            page.emulate_media(**options)
        yield page
        complaints.assert_none()
    except BaseException:
        if not is_own:
            _shared_contexts.pop(browser, None)
            context.close()
        raise
    finally:
        (context if is_own else page).close()
    complaints.assert_none()


@dataclass
class LabPage:
    """A page on JupyterLab that test after test uses: to load it anew takes several times as long as most of them."""

    browser: Browser
    server: Jupyter
    _page: Page | None = None
    _complaints: Complaints = field(default_factory=Complaints)

    @contextmanager
    def borrowed(self) -> Iterator[Page]:
        """Lend the page for one test, with no notebook open and no kernel; after a failure the next gets a new one.

        The test must leave the page as it was, but for the notebooks that it opens, and without errors on the console;
        or it closes it.
        """
        if self._page is None:
            context = self.browser.new_context(base_url=self.server.url, viewport={"width": 1280, "height": 900})
            self._page, self._complaints = context.new_page(), Complaints()
            self._complaints.watch(self._page)
        try:
            yield self._page
            if self._page is not None:
                self._page.evaluate(_CLOSE)
            self.server.end_sessions()
            self._complaints.assert_none()
        except BaseException:
            self.close()
            self.server.end_sessions()
            raise

    def close(self) -> None:
        """Close it; the next one that is lent is another."""
        if self._page is not None:
            self._page.context.close()
        self._page = None


def until(page: Page, expression: str, arg: Any = None, seconds: float = 30) -> Any:
    """Wait until an expression is true on a page, and return its value; also where a page's own policy forbids `eval`.

    Playwright's `wait_for_function` asks again from inside the page, by `eval`: there it works only if the first answer
    is true already.
    """
    deadline = time.monotonic() + seconds
    while not (value := page.evaluate(expression, arg)):
        assert time.monotonic() < deadline, f"not so after {seconds:g} s: {expression} of {arg}"
        page.wait_for_timeout(20)
    return value


def open_notebook(page: Page, notebook: str, seconds: float = 60, query: str = "") -> None:
    """Show a notebook of the served folder and wait until its kernel is idle; `query` ends its address, after a `?`."""
    if query or not page.evaluate(_OPEN, notebook):
        # A workspace of its own: JupyterLab would otherwise restore what an earlier test had open.
        page.goto(f"/lab/workspaces/{uuid.uuid4().hex}/tree/{notebook}" + (f"?{query}" if query else ""))
    _wait(page, notebook, False, seconds)


def run_all(page: Page, notebook: str, seconds: float = 120, query: str = "") -> None:
    """Open a notebook, run all its cells, and wait until each has a number and the kernel is idle.

    Raises
    ------
    AssertionError
        If a cell raised, with its traceback, or if it takes longer than `seconds`.
    """
    open_notebook(page, notebook, query=query)
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
    # Idle alone comes too early: the kernel is idle, too, between two cells.
    _wait(page, notebook, True, seconds)


def _wait(page: Page, notebook: str, all_cells: bool, seconds: float) -> None:
    """Wait until the kernel is idle and, where `all_cells` is true, each cell has a number."""
    state = page.evaluate(_STATE, [notebook, all_cells, seconds])
    errors = state.get("errors")
    assert not errors, f"{notebook} raised:\n{_plain(errors[0])}"
    assert state["done"], f"{notebook} was not done after {seconds:g} s: {state}"


def _plain(traceback: str) -> str:
    """Return a traceback without its colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", traceback)
