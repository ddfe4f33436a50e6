"""The wheel holds what a reader needs and nothing else, and works where only it is installed."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from .checkout import NOTEBOOKS, install, new_environment, tracked_files, uv

DRAWING = ("matplotlib", "ipywidgets", "anywidget", "pandas", "IPython")


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_holds_every_tracked_file_of_the_package(names: set[str]):
    package = {path.as_posix() for path in tracked_files() if path.parts[0] == "replication_viz"}
    assert package <= names
    assert "replication_viz/py.typed" in names


def test_the_wheel_holds_every_lesson(names: set[str]):
    assert {f"replication_viz/_notebooks/{path.name}" for path in NOTEBOOKS} <= names


def test_the_wheel_holds_nothing_but_the_package_and_its_metadata(names: set[str]):
    assert {name.split("/")[0].split("-")[0] for name in names} == {"replication_viz"}
    assert not [name for name in names if "checkpoint" in name or "__pycache__" in name]


def test_the_environment_of_the_wheel_is_consistent(wheel_python: Path):
    uv("pip", "check", "--python", wheel_python)


def test_importing_the_package_loads_no_drawing_library(wheel_python: Path):
    program = f"import sys, replication_viz; print(sorted(set({DRAWING}) & set(sys.modules)))"
    done = subprocess.run([wheel_python, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_module_of_the_wheel_can_be_imported(wheel_python: Path):
    program = (
        "import importlib, pkgutil, replication_viz as package\n"
        "for module in pkgutil.walk_packages(package.__path__, 'replication_viz.'):\n"
        "    if module.name != 'replication_viz.__main__':\n"
        "        importlib.import_module(module.name)\n"
    )
    command = [str(wheel_python), "-I", "-W", "error::SyntaxWarning", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_the_oldest_versions_that_a_page_without_a_server_offers_are_enough(wheel: Path, tmp_path: Path):
    """JupyterLite brings numpy 2.4.6 and matplotlib 3.10.8 and no others."""
    python = new_environment(tmp_path / "env")
    install(python, wheel, "numpy==2.4.6", "matplotlib==3.10.8", pinned=False)
    program = "import replication_viz as r, matplotlib; print(len(r.run(r.scenarios['start_here']).ops) > 0)"
    done = subprocess.run([python, "-I", "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "True", done.stderr
