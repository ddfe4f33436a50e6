"""Pages that need no kernel, from scenarios: one run, two compared, or a run for each combination of one or two knobs.

Here the runs are made; `views.page` draws them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from ..engine import run
from ..measures import summary
from ..scenario import Scenario, ScenarioError, field_info
from ..trace import Trace
from ..views import page as drawn
from ..views.page import MAX_BYTES, PageError
from ..views.style import Theme
from . import bench
from . import knobs as controls
from .setup import Setup
from .state import Pinned

if TYPE_CHECKING:
    from .lab import Lab

MAX_KNOBS = 2
MAX_RUNS = 64

__all__ = ["MAX_BYTES", "MAX_KNOBS", "MAX_RUNS", "PageError", "grid_page", "lab_page", "scenario_page"]


def scenario_page(
    scenario: Scenario,
    was: Scenario | None = None,
    *,
    moment: float | None = None,
    view: str = "logs",
    theme: Theme | None = None,
    title: str | None = None,
) -> str:
    """Return the page of a scenario's run, beside that of another one if there is one to compare it with.

    Parameters
    ----------
    was : Scenario, optional
        The other one.
    moment, view, theme, title
        As for `views.page.page`.

    Raises
    ------
    PageError
        If the moment is outside the run, or the page would be too large.
    """
    trace = run(scenario)
    before = None if was is None else run(was)
    _check_moment(moment, [trace])
    return drawn.page(
        trace, was=before, moment=moment, view=view, theme=theme, title=title, bench=_bench(trace, before)
    )


def lab_page(lab: Lab) -> str:
    """Return a page of what a panel shows: its run, the one compared with, moment, view and open drawer.

    Raises
    ------
    PageError
        If the page would be too large.
    """
    stage = lab.stage
    drawer = stage.drawer if stage.drawer != "keep" else ""
    return drawn.page(lab.trace, was=lab.was, moment=stage.moment, view=stage.view, drawer=drawer, bench=stage.bench)


def grid_page(
    scenario: Scenario,
    grid: Mapping[str, Sequence[Any]],
    *,
    moment: float | None = None,
    view: str = "logs",
    theme: Theme | None = None,
    title: str | None = None,
) -> str:
    """Return a whole HTML page whose sliders choose among runs that are worked out now.

    Parameters
    ----------
    grid : mapping of str to sequence
        One or two fields of the scenario, each with the values that it may take, such as
        ``{"lag_ms": [0, 50, 200], "ack": ["async", "ANY 1 (*)"]}``.
    moment, view, theme, title
        As for `scenario_page`.

    Raises
    ------
    PageError
        If a field is no knob, there are no values, too many or the same twice, the moment is outside the shortest
        run, or the page would be too large.
    ScenarioError
        If a value is not allowed.
    """
    _check_grid(grid)
    traces = list(map(run, _combinations(scenario, grid)))
    _check_moment(moment, traces)
    knobs = [_knob(field, values) for field, values in grid.items()]
    return drawn.grid_page(knobs, traces, moment=moment, view=view, theme=theme, title=title)


def _bench(trace: Trace, was: Trace | None) -> dict[str, Any]:
    now = trace.scenario
    table = None if was is None else bench.table(Pinned(Setup(was.scenario), was.scenario, was), now, summary(trace))
    return {"faults": bench.faults(Setup(now), now, knob_shown=False), "table": table}


def _check_moment(moment: float | None, traces: Sequence[Trace]) -> None:
    end = min(trace.duration_ms for trace in traces)
    if moment is not None and not 0 <= moment <= end:
        raise PageError(f"the moment is {moment:g} ms: it must be from 0 to {end:g} ms.")


def _check_grid(grid: Mapping[str, Sequence[Any]]) -> None:
    if not 1 <= len(grid) <= MAX_KNOBS:
        raise PageError(f"a page has one or two sliders: {len(grid)} were asked for.")
    for field, values in grid.items():
        if field not in controls.available():
            raise PageError(f"{field!r} is not a knob: knobs are {', '.join(controls.available())}.")
        if isinstance(values, str) or not len(values):
            raise PageError(f"{field} needs a list of values: it has {values!r}.")
        twice = [value for number, value in enumerate(values) if value in values[:number]]
        if twice:
            raise PageError(f"{field} has the value {twice[0]!r} twice: each belongs there once.")
    count = math.prod(map(len, grid.values()))
    if count > MAX_RUNS:
        raise PageError(f"the values make {count} combinations: at most {MAX_RUNS} runs go into a page.")


def _combinations(scenario: Scenario, grid: Mapping[str, Sequence[Any]]) -> Iterator[Scenario]:
    for values in product(*grid.values()):
        chosen = dict(zip(grid, values, strict=True))
        try:
            yield scenario.but(**chosen)
        except ScenarioError as error:
            told = ", ".join(f"{field} = {value}" for field, value in chosen.items())
            raise ScenarioError(f"with {told}: {error}") from None


def _knob(field: str, values: Sequence[Any]) -> drawn.Knob:
    info = field_info(field)
    extra = info.json_schema_extra
    unit = str(extra["unit"]) if isinstance(extra, dict) else ""
    shown = tuple(_word(field, value) for value in values)
    return drawn.Knob(controls.title(field), unit, info.description or "", shown)


def _word(field: str, value: Any) -> str:
    if field in controls.MAY_NAME_NOBODY and not value:
        return controls.NOBODY
    return controls.text(field, value, unit=False)
