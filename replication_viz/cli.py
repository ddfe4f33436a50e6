"""The command `replication-viz`: open the lessons, run one scenario and print its numbers, or write it as a page, or
report on a replication of the reader's own.

What the commands do lives in the other rooms; here are arguments, text output and exit codes.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import __version__, scenarios
from . import run as simulate
from .measures import Measure, summary
from .real.errors import LabError, MissingServerError
from .real.reports import command as report_command
from .scenario import Scenario, ScenarioError

PACKAGE = Path(__file__).resolve().parent
FIRST_LESSON = "00_start_here.ipynb"
MANIFEST = ".replication_viz.json"


class CommandError(ValueError):
    """The command cannot do what it was asked to. Its text is one sentence."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 could not, 2 the input is wrong."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    jupyter_flags: list[str] = []
    if arguments[:1] == ["lab"]:
        arguments, jupyter_flags = split_flags(arguments)
    options = parser.parse_args(arguments)
    try:
        if options.command == "lab":
            return lab(Path(options.directory), jupyter_flags)
        return {"measure": measure, "page": page, "report": report, "run": run}[options.command](options)
    except (CommandError, ScenarioError) as error:
        print(f"replication-viz: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader closed the pipe, as `| head` does
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="replication-viz", description="A playable laboratory of database replication.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    lab = commands.add_parser(
        "lab",
        help="copy the lessons to a folder and open them in JupyterLab",
        description="Copy the lessons to a folder, keep whatever you changed there, and open JupyterLab on the first.",
        epilog="Any flag after the folder goes on to JupyterLab, such as --no-browser or --port 9999.",
    )
    lab.add_argument("directory", nargs="?", default="replication-viz-lessons", metavar="DIR", help="%(default)s")

    run = commands.add_parser("run", help="run a scenario and print its measures", allow_abbrev=False)
    run.add_argument("scenario", nargs="?", metavar="SCENARIO", help="a name, a share text, or a JSON file")
    run.add_argument("--list", action="store_true", help="list the named scenarios and stop")
    _add_changes(run)
    run.add_argument("--json", action="store_true", help="print JSON instead of a table")

    page = commands.add_parser(
        "page",
        help="write a run as one HTML file that plays without a kernel and without a network",
        epilog="Values of --grid stand between commas; commas in brackets are part of a value, as in "
        "--grid 'ack=async,FIRST 1 (s1, s2)', and where a semicolon stands, only it parts: 'partition=s1;s1, s2'.",
        allow_abbrev=False,
    )
    page.add_argument("scenario", metavar="SCENARIO", help="a name, a share text, or a JSON file")
    page.add_argument("-o", "--output", metavar="FILE", help="where to write it; by default the name, with .html")
    page.add_argument("--was", metavar="SCENARIO", help="a scenario to compare it with")
    page.add_argument(
        "--grid",
        action="append",
        default=[],
        metavar="FIELD=V1,V2,...",
        help="a slider that chooses among runs worked out beforehand; twice for two",
    )
    _add_changes(page)
    page.add_argument("--moment", type=float, metavar="MS", help="where the clock stands at first")
    page.add_argument("--view", choices=["logs", "space-time"], default="logs", help="%(default)s")
    page.add_argument("--theme", choices=["light", "dark"], help="by default the reader's own")
    page.add_argument("--title", metavar="TEXT", help="heading; by default the scenario's")

    report = commands.add_parser(
        "report",
        help="judge your own replication: lag, loss window, checklist, and a scenario that imitates it",
        description="Judge samples of pg_stat_replication from a file, or from a primary over a read-only session.",
        epilog=report_command.EPILOG,
        allow_abbrev=False,
    )
    report_command.add_arguments(report)
    report.add_argument("--html", metavar="FILE", help="write the report there as a page instead of printing it")
    report.add_argument("--scenario", metavar="FILE", help="write the scenario that imitates it there, as JSON")

    measure = commands.add_parser(
        "measure",
        help="predict experiments with the simulator, then measure them on real PostgreSQL servers",
        description="Predict experiments with the simulator, calibrated on this machine, then measure them on real "
        "PostgreSQL servers of their own, and say which measurements lie in their predicted interval.",
        allow_abbrev=False,
    )
    measure.add_argument("experiments", nargs="*", metavar="EXPERIMENT", help="names; by default all, about 90 s")
    measure.add_argument("--repetitions", type=int, default=1, metavar="N", help="of each case; %(default)s")
    measure.add_argument("--recorded", action="store_true", help="start no server; show what comes with the package")
    measure.add_argument("-o", "--output", metavar="FILE", help="write the report there as text, or as JSON if .json")
    return parser


def _add_changes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="change a field; repeatable")
    parser.add_argument("--seed", type=int, metavar="N", help="short for --set seed=N")


# -- lab --------------------------------------------------------------------------------------------------------------


def split_flags(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part what is ours from what is JupyterLab's: ours ends at the first flag, unless that asks for help.

    >>> split_flags(["lab", "here", "--port", "9999"])
    (['lab', 'here'], ['--port', '9999'])
    >>> split_flags(["lab", "--help"])
    (['lab', '--help'], [])
    """
    flags = [i for i, word in enumerate(arguments) if word.startswith("-")]
    end = flags[0] if flags else len(arguments)
    if arguments[end : end + 1] in (["-h"], ["--help"]):
        end += 1
    return list(arguments[:end]), list(arguments[end:])


def lab(directory: Path, jupyter_flags: Sequence[str]) -> int:
    """Bring the lessons in `directory` up to date and open them in JupyterLab."""
    try:
        copy_lessons(shipped_lessons(), directory)
    except OSError as error:
        raise CommandError(f"the lessons cannot be copied to {directory}: {error}") from error
    if importlib.util.find_spec("jupyterlab") is None:
        print(
            "replication-viz: JupyterLab is not installed here: pip install 'replication-viz[lab]' brings it.",
            file=sys.stderr,
        )
        return 1
    print(f"Opening JupyterLab on {directory / FIRST_LESSON}; stop it with Ctrl-C.", flush=True)
    return _become(jupyter_command(directory, jupyter_flags))


def shipped_lessons() -> Path:
    """Return the folder of the lessons: inside the wheel, or beside the package in a checkout."""
    for folder in (PACKAGE / "_notebooks", PACKAGE.parent / "notebooks"):
        if folder.is_dir():
            return folder
    raise CommandError(
        f"this installation holds no lessons: there is neither _notebooks nor ../notebooks at {PACKAGE}."
    )


def copy_lessons(source: Path, target: Path) -> None:
    """Copy every lesson that is new or untouched; keep, and name, each one that the reader has changed.

    The manifest beside the copies holds the digest of each file as it was copied, which tells a reader's edit from an
    older version of ours.
    """
    if target.exists() and target.samefile(source):
        return
    target.mkdir(parents=True, exist_ok=True)
    manifest = target / MANIFEST
    copied: dict[str, str] = _read_manifest(manifest)
    new = 0
    for path in sorted(p for p in source.rglob("*") if p.is_file() and ".ipynb_checkpoints" not in p.parts):
        name = path.relative_to(source).as_posix()
        mine, shipped = target / name, _digest(path)
        if not mine.exists() or _digest(mine) == copied.get(name) != shipped:
            mine.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, mine)
            new += 1
        elif _digest(mine) != shipped:
            print(f"Kept your {mine}: you have changed it. Move it away to get the lesson as shipped.")
            continue
        copied[name] = shipped
    manifest.write_text(json.dumps(copied, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"Lessons in {target}: {new} copied." if new else f"Lessons in {target}: nothing new.")


def jupyter_command(directory: Path, flags: Sequence[str]) -> list[str]:
    """Return the command that opens JupyterLab; without a screen it prints its address instead."""
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={directory.resolve()}"]
    command.append(f"--LabApp.default_url=/lab/tree/{FIRST_LESSON}")
    if not _has_screen(os.environ):
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # the rule inside a container, and JupyterLab would refuse
        command.append("--allow-root")
    return [*command, *flags]


def _has_screen(environment: Mapping[str, str], platform: str = sys.platform) -> bool:
    return not platform.startswith("linux") or any(
        environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME", "BROWSER")
    )


def _become(command: Sequence[str]) -> int:
    """Hand the terminal over, so that Ctrl-C and signals reach JupyterLab itself."""
    if os.name != "nt":
        os.execv(command[0], list(command))
    with subprocess.Popen(command) as child:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return child.wait()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_manifest(path: Path) -> dict[str, str]:
    """Return the digests; a missing or damaged manifest is an empty one, and then nothing is overwritten."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


# -- run --------------------------------------------------------------------------------------------------------------


def run(options: argparse.Namespace) -> int:
    """Run the scenario that the options name and print its measures."""
    if options.list:
        width = max(map(len, scenarios))
        for name in scenarios:
            print(f"{name:<{width}}  {scenarios[name].title}")
        return 0
    if options.scenario is None:
        raise CommandError("run needs a scenario: a name (--list shows them), a share text, or a JSON file.")
    scenario = changed_scenario(options)
    measures = summary(simulate(scenario))
    print(as_json(scenario, measures) if options.json else as_table(scenario, measures))
    return 0


def changed_scenario(options: argparse.Namespace) -> Scenario:
    """Return the scenario that the options name, with their changes; what it warns of goes to stderr."""
    changes = dict(parse_change(text) for text in options.set)
    if options.seed is not None:
        changes["seed"] = options.seed
    scenario = find_scenario(options.scenario).but(**changes)
    for warning in scenario.warnings():
        print(f"replication-viz: warning: {warning}", file=sys.stderr)
    return scenario


def find_scenario(text: str) -> Scenario:
    """Return the scenario that a name, a share text or a JSON file stands for.

    Raises
    ------
    ScenarioError
        If no scenario has that name, or the text or the file does not hold a valid one.
    """
    if text in scenarios:
        return scenarios[text]
    if text.endswith(".json") or Path(text).is_file():
        try:
            return Scenario.from_json(Path(text).read_bytes())
        except OSError as error:
            raise ScenarioError(f"{text} cannot be read: {error.strerror}.") from None
    if text.startswith("rv") and "." in text:
        return Scenario.from_share(text)
    return scenarios[text]


def parse_change(text: str) -> tuple[str, Any]:
    """Return the field and the value in `field=value`; what is not JSON is taken as text.

    >>> parse_change("replicas=5"), parse_change("ack=ANY 2 (*)")
    (('replicas', 5), ('ack', 'ANY 2 (*)'))
    """
    field, equals, value = text.partition("=")
    if not equals or not field:
        raise CommandError(f"--set {text!r} is not a change: it must read field=value, such as replicas=5.")
    return field.strip(), _value(value)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.strip()


def as_table(scenario: Scenario, measures: Sequence[Measure]) -> str:
    """Return the measures as aligned columns: name, value, unit, note."""
    rows = [(m.name, m.text(), m.unit, m.note) for m in measures]
    names, values, units = (max((len(row[i]) for row in rows), default=0) for i in range(3))
    lines = [f"{name:<{names}}  {value:>{values}} {unit:<{units}}  {note}" for name, value, unit, note in rows]
    return "\n".join([f"{scenario.title} (seed {scenario.seed})", "", *(line.rstrip() for line in lines)])


def as_json(scenario: Scenario, measures: Sequence[Measure]) -> str:
    """Return the scenario and its measures as JSON; a value that is no number of this world becomes null."""
    return json.dumps(
        {
            "scenario": json.loads(scenario.to_json()),
            "share": scenario.share(),
            "measures": [
                {
                    "name": m.name,
                    "value": m.value if abs(m.value) < float("inf") else None,
                    "unit": m.unit,
                    "note": m.note,
                }
                for m in measures
            ],
        },
        indent=2,
        ensure_ascii=False,
    )


# -- page -------------------------------------------------------------------------------------------------------------


def page(options: argparse.Namespace) -> int:
    """Write the page that the options describe."""
    from .panels import pages

    scenario = changed_scenario(options)
    look = {"moment": options.moment, "view": options.view, "theme": options.theme, "title": options.title}
    grid = [parse_grid(text) for text in options.grid]
    twice = [field for i, (field, _) in enumerate(grid) if field in dict(grid[:i])]
    if twice:
        raise CommandError(f"--grid names {twice[0]} twice: give all of its values at once.")
    if grid and options.was is not None:
        raise CommandError("--was and --grid cannot go together: a page compares two runs, or chooses among many.")
    try:
        if grid:
            html = pages.grid_page(scenario, dict(grid), **look)
        else:
            was = None if options.was is None else find_scenario(options.was)
            html = pages.scenario_page(scenario, was, **look)
    except pages.PageError as error:
        raise CommandError(str(error)) from None
    _write(Path(options.output or f"{scenario.name}.html"), html)
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
    print(f"Wrote {path}, {len(text.encode()) / 1000:.0f} kB.")


def parse_grid(text: str) -> tuple[str, list[Any]]:
    """Parse a slider: `field=v1,v2`; commas in brackets part nothing, and none does where there is a semicolon.

    >>> parse_grid("ack=async,FIRST 1 (s1, s2)"), parse_grid("partition=s1; s1, s2")
    (('ack', ['async', 'FIRST 1 (s1, s2)']), ('partition', ['s1', 's1, s2']))
    """
    field, equals, values = text.partition("=")
    if not equals or not field or not values:
        raise CommandError(f"--grid {text!r} is no slider: it must read field=value,value, such as lag_ms=0,50,200.")
    parts = values.split(";") if ";" in values else re.split(r",(?![^(]*\))", values)
    return field.strip(), [_value(part) for part in parts]


# -- measure ----------------------------------------------------------------------------------------------------------


def measure(options: argparse.Namespace) -> int:
    """Measure what the options name, or show what was recorded, and write the report if they ask for it."""
    from .real.experiments import command

    try:
        found = command.measured(options.experiments, options.repetitions, options.recorded)
    except MissingServerError as error:
        print(f"replication-viz: {error} With --recorded, measure shows what comes with the package.", file=sys.stderr)
        return 1
    except LabError as error:
        raise CommandError(str(error)) from None
    if options.output is not None:
        path = Path(options.output)
        _write(path, found.to_json() if path.suffix == ".json" else found.text() + "\n")
    return 0


# -- report -----------------------------------------------------------------------------------------------------------


def report(options: argparse.Namespace) -> int:
    """Print the report that the options ask for, or write it."""
    try:
        found = report_command.asked_for(options)
    except LabError as error:
        raise CommandError(str(error)) from None
    if options.html is None:
        print(found)
    else:
        _write(Path(options.html), found.page())
    if options.scenario is not None:
        _write(Path(options.scenario), found.scenario().to_json())
    return 0
