"""Runs on real servers that come with the package: what lesson 14 shows where no server can run."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ... import trace_files
from ...measures import lost
from ...scenario import scenarios
from ...trace import Trace
from ..cluster import Cluster
from ..errors import LabError
from ..experiments import EXPERIMENTS
from ..lab import run
from ..rescue import Rejoined, Restored, drill_scenario, drop_and_restore, failover_drill, split_brain

_HERE = Path(__file__).parent
_RESULTS, _VALKEY = "results.json", "valkey"
CASES = {  # file: experiment and case
    "lost": ("acknowledged_but_lost", "async, 200 ms one way"),
    "stale": ("stale_reads", "async, 50 ms one way"),
    "tracked": ("stale_reads", "async, 50 ms one way, LSN tracking"),
}


def trace(name: str) -> Trace:
    """Return a run by its file's name.

    Raises
    ------
    LabError
        If there is no such file.
    """
    path = _HERE / f"{name}.zip"
    if not path.exists():
        known = ", ".join(sorted(file.stem for file in _HERE.glob("*.zip")))
        raise LabError(f"no run {name!r} was recorded: there are {known}.")
    return trace_files.load(path)


def of_case(experiment: str, label: str) -> Trace | None:
    """Return the run of an experiment's case, if it was recorded."""
    return next((trace(name) for name, case in CASES.items() if case == (experiment, label)), None)


def result(name: str) -> Any:
    """Return what one of the functions of `rescue` returned.

    Parameters
    ----------
    name : str
        The function's; for a restore with a file missing "drop_and_restore_with_a_gap".

    Raises
    ------
    LabError
        If it was not recorded.
    """
    if name == "failover_drill":
        return trace(name)
    told = _results()
    if name not in told:
        raise LabError(f"no result of {name!r} was recorded: there are failover_drill, {', '.join(told)}.")
    return Rejoined(**told[name], trace=trace(name)) if name == "split_brain" else Restored(**told[name])


def lost_on_valkey() -> int:
    """Return how many acknowledged writes the crash of "lost" took on Valkey."""
    return int(_results()[_VALKEY]["lost"])


def record(folder: Path = _HERE) -> None:
    """Make all of them anew, here; about half a minute. It takes all three databases."""
    from .. import mariadb, valkey

    def keep(name: str, found: Trace) -> None:
        trace_files.save(found, folder / f"{name}.zip")

    cases = {(one.name, case.label): case.scenario for one in EXPERIMENTS.values() for case in one.cases}
    with Cluster(3) as cluster:
        for name, case in CASES.items():
            keep(name, run(cases[case], cluster))
        rejoined = split_brain(cluster)
        keep("split_brain", rejoined.trace)
        keep("failover_drill", failover_drill(cluster, drill_scenario().but(detect_ms=700, duration_ms=3_000)))
        told = {
            "split_brain": _without_trace(rejoined),
            "drop_and_restore": asdict(drop_and_restore(cluster)),
            "drop_and_restore_with_a_gap": asdict(drop_and_restore(cluster, lose_a_file=True)),
        }
    keep("mariadb", mariadb.run(scenarios["semi_sync_falls_back"]))
    told[_VALKEY] = {"lost": len(lost(valkey.run(cases[CASES["lost"]])))}
    (folder / _RESULTS).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def _results() -> dict[str, Any]:
    told: dict[str, Any] = json.loads((_HERE / _RESULTS).read_text(encoding="utf-8"))
    return told


def _without_trace(rejoined: Rejoined) -> dict[str, Any]:
    return {name: value for name, value in vars(rejoined).items() if name != "trace"}
