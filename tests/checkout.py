"""The checkout as a test sees it: its tracked files, copies of them, and environments made from it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@cache
def tracked_files() -> tuple[Path, ...]:
    """Return the files that are, or with the next commit would be, in the repository; skip outside of one."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("This is no git checkout, so there is no list of its files.")
    return tuple(Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file())


def copy_tracked(target: Path) -> Path:
    """Copy the tracked files, as a clone would hold them, and return the copy's folder."""
    for path in tracked_files():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, target / path)
    return target


def copy_notebooks(target: Path) -> Path:
    """Copy the lessons, without checkpoints, and return the copy's folder."""
    shutil.copytree(ROOT / "notebooks", target, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    return target


def uv(*arguments: str | Path) -> str:
    """Run uv and return what it printed; a failure shows its own words."""
    command = [sys.executable, "-m", "uv", "--no-progress", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"UV_PYTHON_DOWNLOADS": "never"})
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
    return done.stdout


def new_environment(folder: Path, *, python: str = sys.executable) -> Path:
    """Make an empty environment in `folder` and return its Python."""
    uv("venv", "--quiet", "--python", python, folder)
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install(python: Path, *packages: str | Path, pinned: bool = True) -> None:
    """Install packages for `python`, as constraints.txt pins them unless told otherwise."""
    pins: list[str | Path] = ["--constraints", ROOT / "constraints.txt"] if pinned else []
    uv("pip", "install", "--quiet", "--python", python, *pins, *packages)
