"""Runs that many tests look at."""

from __future__ import annotations

from functools import cache

from replication_viz import run, scenarios
from replication_viz.trace import Trace


@cache
def named_run(name: str) -> Trace:
    """Return the run of a named scenario, made once for each pytest worker: nobody can change a trace."""
    return run(scenarios[name])
