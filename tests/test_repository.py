"""Rules that hold for the repository as a whole: style, types, layers, notebooks, links, and what no file may name."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nbformat
import pytest

from .checkout import NOTEBOOKS, ROOT, tracked_files

FIRST_LESSONS = ["00_start_here.ipynb", "01_wal_stream.ipynb", "02_ack_modes.ipynb"]
MAX_LINES_IN_A_CELL = 10


# -- tools ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tool",
    [
        ["ruff", "check", "--quiet", "."],
        ["ruff", "format", "--check", "--quiet", "."],
        ["mypy"],
        ["importlinter.cli", "--no-cache"],
    ],
    ids=["ruff check", "ruff format", "mypy", "import contracts"],
)
def test_the_tool_finds_nothing(tool: list[str]):
    if tool[0] == "importlinter.cli":
        command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", *tool[1:]]
    else:
        command = [sys.executable, "-m", *tool]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


# -- notebooks --------------------------------------------------------------------------------------------------------


@cache
def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def code_cells(path: Path) -> list[Any]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def test_the_first_lessons_are_there():
    assert set(FIRST_LESSONS) <= {path.name for path in NOTEBOOKS}


each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@each_notebook
def test_a_notebook_is_valid_and_names_no_machine(path: Path):
    nbformat.validate(read(path))
    metadata = read(path).metadata
    assert metadata.kernelspec.name == "python3"
    assert metadata.kernelspec.display_name in ("Python 3", "Python 3 (ipykernel)")
    assert set(metadata) <= {"kernelspec", "language_info"}
    assert "version" not in metadata.get("language_info", {})


@each_notebook
def test_a_notebook_is_committed_without_outputs(path: Path):
    for cell in code_cells(path):
        assert cell.outputs == []
        assert cell.execution_count is None


@each_notebook
def test_prose_stands_before_every_code_cell(path: Path):
    kinds = [cell.cell_type for cell in read(path).cells]
    assert kinds[0] == "markdown"
    assert [i for i, pair in enumerate(pairwise(kinds)) if pair == ("code", "code")] == []


@each_notebook
def test_no_code_cell_is_long_and_none_defines_a_class(path: Path):
    for cell in code_cells(path):
        lines = [line for line in cell.source.splitlines() if line.strip()]
        assert 0 < len(lines) <= MAX_LINES_IN_A_CELL, cell.source
        assert not [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.ClassDef)], cell.source


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if path.stem[:2].isdigit()], ids=lambda path: path.stem)
def test_a_lesson_claims_something(path: Path):
    assert any("assert " in cell.source for cell in code_cells(path))


# -- links ------------------------------------------------------------------------------------------------------------


@cache
def text_of(path: Path) -> str:
    """Return the prose of a Markdown file or a notebook."""
    if path.suffix == ".ipynb":
        return "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    return path.read_text(encoding="utf-8")


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def anchors(path: Path) -> set[str]:
    """Return what a link may name after the `#`: GitHub's form and JupyterLab's."""
    headings = re.findall(r"^#+ +(.*?) *#*$", re.sub(r"^```.*?^```", "", text_of(path), flags=re.M | re.S), flags=re.M)
    plain = [re.sub(r"[`*]|\[(.*?)\]\(.*?\)", r"\1", heading) for heading in headings]
    github = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}
    jupyter = {heading.replace(" ", "-") for heading in plain}
    explicit = set(re.findall(r"<a (?:id|name)=[\"'](.*?)[\"']", text_of(path)))
    return github | jupyter | explicit


@pytest.mark.parametrize(
    "path",
    [ROOT / path for path in tracked_files() if path.suffix in (".md", ".ipynb")],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_every_link_inside_the_repository_leads_somewhere(path: Path):
    for target in re.findall(r"\]\(<?([^)\s>]+)", without_code(text_of(path))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = unquote(target).partition("#")
        file = (path.parent / name) if name else path
        assert file.exists(), f"{path.name} links to {target}"
        if anchor and file.suffix in (".md", ".ipynb"):
            assert anchor in anchors(file), f"{path.name} links to {target}; there are {sorted(anchors(file))}"


def test_the_readme_lists_every_notebook_and_its_badge_opens_the_first():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"\]\(notebooks/(.*?)\)", readme)
    assert listed == [path.name for path in NOTEBOOKS]
    assert "urlpath=lab/tree/notebooks/00_start_here.ipynb" in readme


# -- one command, one version, no addresses ---------------------------------------------------------------------------


def test_make_and_continuous_integration_run_the_readmes_test_command():
    assert "python -m pytest\n" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert '"-m", "pytest"' in (ROOT / "bootstrap.py").read_text(encoding="utf-8")
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith("exec make test")
    assert "run: .ci/run" in (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")


def test_the_package_and_its_metadata_agree_on_the_version():
    from replication_viz import __version__

    assert tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"] == __version__


def test_every_version_is_pinned_and_by_no_address():
    header, *lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert header.startswith("# Regenerate with: ")
    pin = re.compile(r"[a-z0-9.-]+==[\w.!+]+( ; [\w .'\"=<>!()]+)?")
    assert not [line for line in lines if not pin.fullmatch(line)]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(need for extra in project["optional-dependencies"].values() for need in extra),
    ]
    names = {line.split("==")[0] for line in lines}
    assert {re.split(r"[<>=!~; \[]", need)[0] for need in wanted} <= names


# Put together from parts, so that this file does not hold what it looks for.
NEVER = [
    "py" + r"pi\.(org|python)",
    "python" + r"hosted\.org",
    "npm" + r"js\.(org|com)",
    "conda" + r"\.anaconda\.org",
    "deb" + r"ian\.org",
    r"find-" + r"links\s*=",
    r"(?<![\w.])/(work|root|opt)" + r"/[\w.]",
    r"/home/" + r"\w",
    r"/Users/" + r"\w",
]


def test_no_file_names_a_registry_or_a_path_of_one_machine():
    found = []
    for path in tracked_files():
        try:
            text = (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        found += [f"{path}: {match[0]}" for pattern in NEVER for match in re.finditer(pattern, text)]
    assert not found, "\n".join(found)


def test_no_file_of_the_package_loads_anything_from_the_network():
    for path in tracked_files():
        if path.suffix in (".js", ".css", ".html"):
            text = (ROOT / path).read_text(encoding="utf-8")
            loaded = re.findall(r"(?:src=|href=|url\(|import\(?|from|fetch\()\s*[\"']?(?:https?:)?//[^\s\"')]+", text)
            assert not loaded, f"{path}: {loaded}"


def test_generated_files_are_ignored():
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert {".venv/", "uv.lock", ".ipynb_checkpoints/", "dist/", "__pycache__/"} <= set(ignored)
    assert not [path for path in tracked_files() if ".ipynb_checkpoints" in path.parts or path.name == "uv.lock"]
