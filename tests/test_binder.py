"""What Binder builds, read from the Dockerfile it would use, and the lessons in an environment like its own."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser

from .browser import LabPage, jupyter_server, run_all
from .checkout import NOTEBOOKS, ROOT, copy_notebooks, copy_tracked, install, new_environment, tracked_files, uv

REQUIREMENTS = ROOT / "binder" / "requirements.txt"
# What the base image brings and `binder/` therefore leaves alone.
BASE = ("jupyterlab", "notebook", "ipywidgets", "jupyter_server", "ipykernel", "traitlets", "widgetsnbextension")

needs_repo2docker = pytest.mark.skipif(find_spec("repo2docker") is None, reason="repo2docker is not on this platform")


def pins(path: Path) -> dict[str, str]:
    """Return the versions in a requirements file, by package, for the Python that the file is for."""
    lines = [line.split(";")[0].strip() for line in path.read_text().splitlines() if line and line[0] != "#"]
    return {name: version for name, _, version in (line.partition("==") for line in lines)}


def test_binder_pins_our_own_needs_and_leaves_its_base_alone():
    own = pins(REQUIREMENTS)
    assert {"anywidget", "matplotlib", "numpy", "pandas", "pydantic", "scipy", "simpy", "tqdm"} == set(own)
    constraints = (ROOT / "constraints.txt").read_text().splitlines()
    for name, version in own.items():
        assert any(line.split(" ;")[0] == f"{name}=={version}" for line in constraints), name


def test_post_build_is_executable_and_installs_this_checkout_only():
    script = ROOT / "binder" / "postBuild"
    assert os.name == "nt" or os.access(script, os.X_OK)
    assert "pip install --no-cache-dir --no-deps ." in script.read_text().splitlines()


def test_only_files_that_binder_reads_stand_in_its_folder():
    found = {path.name for path in tracked_files() if path.parts[0] == "binder"}
    assert found == {"requirements.txt", "runtime.txt", "postBuild"}


@needs_repo2docker
def test_the_dockerfile_builds_python_3_12_then_the_pins_then_this_checkout(tmp_path: Path):
    clone = copy_tracked(tmp_path / "clone")
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "."]
    done = subprocess.run(command, cwd=clone, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    dockerfile = done.stdout
    assert "python=3.12" in done.stderr
    assert "environment-2epy-2d3-2e12" in dockerfile
    order = [
        dockerfile.index('pip install --no-cache-dir -r "binder/requirements.txt"'),
        dockerfile.index("COPY --chown=0:0 src/ ${REPO_DIR}/"),
        dockerfile.index("RUN ./binder/postBuild"),
    ]
    assert order == sorted(order)


# -- the lessons there ------------------------------------------------------------------------------------------------


def base_versions() -> list[str]:
    """Return what Binder's base image pins of `BASE`, from the list that repo2docker carries."""
    spec = find_spec("repo2docker")
    assert spec is not None
    assert spec.origin is not None
    lock = Path(spec.origin).parent / "buildpacks" / "conda" / "environment.py-3.12-linux-64.lock"
    found = dict(re.findall(r"/([a-z_]+)-([0-9.]+)-[^/]*$", re.sub(r"#\w+", "", lock.read_text()), flags=re.MULTILINE))
    return [f"{name}=={found[name]}" for name in BASE]


@pytest.fixture(scope="module")
def binders_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment made as Binder makes it: base image, our requirements, our package."""
    home = tmp_path_factory.mktemp("binder")
    found = shutil.which("python3.12") and subprocess.run(["python3.12", "-c", ""], capture_output=True).returncode == 0
    python = new_environment(home / "env", python="3.12" if found else sys.executable)
    base = base_versions()
    install(python, *base, pinned=False)
    install(python, "--requirements", REQUIREMENTS, pinned=False)
    install(python, "--no-deps", wheel, pinned=False)
    uv("pip", "check", "--python", python)
    installed = uv("pip", "freeze", "--python", python).replace("-", "_").splitlines()
    assert {pin.replace("-", "_") for pin in base} <= set(installed)
    return python


@pytest.fixture(scope="module")
def like_binder(binders_python: Path, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabPage]:
    """A page on the JupyterLab of that environment."""
    home = tmp_path_factory.mktemp("binders_lab")
    with jupyter_server(copy_notebooks(home / "notebooks"), home, python=str(binders_python)) as server:
        page = LabPage(browser, server)
        yield page
        page.close()


@needs_repo2docker
@pytest.mark.browser
@pytest.mark.parametrize("number", ["00"])  # all lessons run elsewhere
def test_the_lesson_runs_in_binders_jupyterlab(number: str, like_binder: LabPage):
    (notebook,) = (path.name for path in NOTEBOOKS if path.name.startswith(number))
    with like_binder.borrowed() as page:
        run_all(page, notebook)


@needs_repo2docker
def test_what_the_lessons_import_is_there(binders_python: Path, tmp_path: Path):
    cells = [cell for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    imports = [line for cell in cells for line in _import_lines(cell.source)]
    assert len(imports) > 50
    subprocess.run([binders_python, "-W", "error", "-c", "\n".join(imports)], check=True, cwd=tmp_path)


def _import_lines(source: str) -> list[str]:
    """Return the imports of a cell, each as it is written."""
    found = [node for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom)]
    return [ast.unparse(node) for node in found]
