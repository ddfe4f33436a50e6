"""From a bare Python to the running lab, or to the test report.

    python3 bootstrap.py lab  [JupyterLab's flags]
    python3 bootstrap.py test [pytest's flags]
    python3 bootstrap.py pins

Both first two make `.venv` beside this file if it is not there, install the pinned versions of
`constraints.txt` into it, and skip that when nothing has changed since the last time. `pins` works
out `constraints.txt` and `binder/requirements.txt` anew. Only the standard library is used here.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / ".replication_viz.json"
CONSTRAINTS = ROOT / "constraints.txt"
BINDER = ROOT / "binder" / "requirements.txt"
EXTRAS = {"lab": ["lab"], "test": ["lab", "real", "test"], "pins": []}
REGENERATE = "# Regenerate with: python3 bootstrap.py pins\n"


def main(arguments: Sequence[str]) -> None:
    command, rest = (arguments[0] if arguments else ""), list(arguments[1:])
    if command not in EXTRAS:
        sys.exit(__doc__)
    os.chdir(ROOT)
    make_environment()
    if command == "pins":
        pin()
        return
    install(EXTRAS[command])
    if command == "lab":
        become([PYTHON, "-m", "replication_viz", "lab", "notebooks", *rest])
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # many processes import the same: compiled once, or in each
    say("running every test: python -m pytest " + " ".join(rest))
    become([PYTHON, "-m", "pytest", *rest])


def make_environment() -> None:
    """Make `.venv` with uv in it; keep one that works."""
    if PYTHON.exists() and not works(PYTHON):
        say("the Python in .venv no longer runs, or is older than 3.11: making .venv anew")
        shutil.rmtree(VENV)
    if not PYTHON.exists():
        version = ".".join(map(str, sys.version_info[:3]))
        say(f"making the environment .venv with Python {version}")
        uv = shutil.which("uv")
        if uv:
            run([uv, "venv", "--quiet", "--seed", "--clear", "--python", sys.executable, VENV])
        elif subprocess.call([sys.executable, "-m", "venv", "--clear", VENV]):
            sys.exit(
                "This Python cannot make an environment. On Debian and Ubuntu install the package "
                "python3-venv (sudo apt install python3-venv), then run the same command again."
            )
    if subprocess.call([PYTHON, "-c", "import uv"], stderr=subprocess.DEVNULL):
        say("installing the installer, uv, into .venv")
        run([PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", CONSTRAINTS, "uv"])


def install(extras: list[str]) -> None:
    """Install this checkout with `extras`, unless `.venv` already holds just that."""
    wanted = fingerprint()
    done = json.loads(STAMP.read_text()) if STAMP.exists() else {}
    if done.get("fingerprint") == wanted and set(extras) <= set(done["extras"]):
        say(".venv is up to date")
        return
    project = f".[{','.join(extras)}]"
    say(f"installing {project} and what it needs, pinned by constraints.txt")
    STAMP.unlink(missing_ok=True)
    pins = ["--constraints", CONSTRAINTS, "--build-constraints", CONSTRAINTS]
    run([PYTHON, "-m", "uv", "pip", "install", "--quiet", "--python", PYTHON, *pins, "--editable", project])
    STAMP.write_text(json.dumps({"fingerprint": wanted, "extras": extras}))


def fingerprint() -> str:
    """A digest of all that decides what is installed, and where."""
    parts = [str(ROOT).encode()]
    parts += [(ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def pin() -> None:
    """Write the newest versions that fit together, without any address."""
    import tomllib  # not there before 3.11, and this file has to load far enough to say so

    say("working out constraints.txt")
    compile_pins = [PYTHON, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    compile_pins += ["--python-version", "3.11", "pyproject.toml"]
    CONSTRAINTS.write_text(REGENERATE + output([*compile_pins, "--upgrade", "--universal", "--all-extras"]))
    say("working out binder/requirements.txt")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    own = {name_of(requirement) for requirement in project["dependencies"]} - {"ipywidgets"}
    lines = output(
        [*compile_pins, "--no-deps", "--python-platform", "linux", "--constraints", CONSTRAINTS]
    ).splitlines()
    lines = [line for line in lines if name_of(line) in own]
    BINDER.write_text(REGENERATE + "\n".join(lines) + "\n")


def name_of(requirement: str) -> str:
    """The package's name at the head of a requirement.

    >>> name_of("pandas>=2.2")
    'pandas'
    """
    return requirement.split(";")[0].split("[")[0].rstrip("0123456789.*,=<>!~ ")


def works(python: Path) -> bool:
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    try:
        return subprocess.call([python, "-c", check], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def run(command: Sequence[object]) -> None:
    """Run to the end; stop here with its exit code if it fails."""
    code = subprocess.call([str(word) for word in command])
    if code:
        sys.exit(code)


def output(command: Sequence[object]) -> str:
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True).stdout


def become(command: Sequence[object]) -> NoReturn:
    """Hand the terminal over, so that Ctrl-C and signals reach the command itself."""
    words = [str(word) for word in command]
    if os.name == "nt":
        sys.exit(subprocess.call(words))
    os.execv(words[0], words)


def say(sentence: str) -> None:
    print(f"replication_viz: {sentence}", flush=True)


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs this may have an older one
        sys.exit("replication_viz needs Python 3.11 or newer; this is " + sys.version.split()[0])
    main(sys.argv[1:])
