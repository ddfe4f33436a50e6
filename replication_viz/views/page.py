"""Pages that play without a kernel and without a network: a piece for any page, a whole page, a page with sliders.

All that a page needs is in it: the stage's code and style sheet, once, and each run as the stage's own message. The
pages here are drawn from traces; what runs scenarios for them is in `panels.pages`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import import_module
from typing import Any

from ..measures import Measure, summary
from ..scenario import Scenario
from ..trace import Trace
from .assets import bare_module, static, styles
from .moment import telling_moment
from .style import Theme, css_variables
from .wire import encode

MAX_BYTES = 1_500_000
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)


class PageError(ValueError):
    """A page cannot be made of this. Its text is one sentence."""


@dataclass(frozen=True)
class Knob:
    """A choice on a page with precomputed runs.

    Attributes
    ----------
    label, unit, help : str
        What is chosen, in which unit, and one line about it; the last two may be empty.
    values : tuple of str
        What it may be, as text without the unit, in order.
    """

    label: str
    unit: str
    help: str
    values: tuple[str, ...]

    @property
    def shown(self) -> list[str]:
        """The values with the unit."""
        return [f"{value} {self.unit}".strip() for value in self.values]


def resting_bench(trace: Trace) -> dict[str, Any]:
    """Return what a stage without a kernel knows of its run: its name and the text to share."""
    return {"live": False, "name": trace.scenario.name, "share": trace.scenario.share()}


def without_kernel(bench: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a live stage's bench is still true on a page: faults, the table of a comparison, texts."""
    kept = {name: bench[name] for name in ("faults", "table", "share", "name") if name in bench}
    return {"live": False, **kept}


def fragment(trace: Trace, moment: float | None = None, theme: Theme | None = None, *, library: bool = True) -> str:
    """Return HTML that plays a trace without a kernel and without a network, to be put into any page.

    Parameters
    ----------
    moment : float, optional
        Where the clock stands at first, ms.
    theme : {"light", "dark"}, optional
        By default the reader's own.
    library : bool
        Whether the stage's code comes with it. Of several on one page only the first needs it.
    """
    state = _state(trace, None, moment, "logs", "", resting_bench(trace))
    themed = f' data-theme="{theme}"' if theme else ""
    code = f"<style>{styles()}</style>{_library()}" if library else ""
    return f'<div class="rv-page"{themed}></div>{code}{_script(f"window.rvStage.place({_json(state)});")}'


def page(
    trace: Trace,
    *,
    was: Trace | None = None,
    moment: float | None = None,
    view: str = "logs",
    drawer: str = "",
    theme: Theme | None = None,
    bench: Mapping[str, Any] | None = None,
    title: str | None = None,
) -> str:
    """Return a whole HTML page that plays, scrubs and explains a run, with no kernel and no network.

    Parameters
    ----------
    was : Trace, optional
        A run to compare it with, shown above it on the same clock.
    moment : float, optional
        Where the clock stands at first, ms; by default at a moment worth a picture. An address that ends in
        ``#rv=~t1300~vspace-time`` overrules it.
    view, drawer : str
        What stands in the middle of the picture, and what is open below it.
    theme : {"light", "dark"}, optional
        By default the reader's own.
    bench : mapping, optional
        What the panel said of the run: its list of faults, the table of the comparison.
    title : str, optional
        Heading; by default the scenario's.

    Raises
    ------
    PageError
        If the page would be larger than `MAX_BYTES`.
    """
    known = {**resting_bench(trace), **without_kernel(bench or {})}
    state = _state(trace, was, moment, view, drawer, known)
    scenario = trace.scenario
    body = [
        _PLACE,
        _section("Numbers over the whole run", _numbers(trace, was)),
        _section(_like(scenario), _settings(scenario, was.scenario if was else None)),
        _section("Play with it", _live(scenario)),
    ]
    script = f"window.rvStage.place({_json(state)});"
    return _document(title or scenario.title, _lead(scenario, was), "".join(body), _script(script), scenario, theme)


def grid_page(
    knobs: Sequence[Knob],
    traces: Sequence[Trace],
    *,
    moment: float | None = None,
    view: str = "logs",
    theme: Theme | None = None,
    title: str | None = None,
) -> str:
    """Return a whole HTML page with a run for each combination of one or two knobs; its sliders need no kernel.

    Parameters
    ----------
    knobs : sequence of Knob
        The sliders.
    traces : sequence of Trace
        A run for each combination; the last knob turns fastest.
    moment, view, theme, title
        As for `page`.

    Raises
    ------
    PageError
        If the page would be larger than `MAX_BYTES`.
    """
    first = traces[0]
    names = [f"rv-knob-{number}" for number in range(1, len(knobs) + 1)]
    grid = {
        "knobs": [{"id": name, "values": knob.shown} for name, knob in zip(names, knobs, strict=True)],
        "runs": [_choice(trace, number) for number, trace in enumerate(traces)],
    }
    state = _state(first, None, moment, view, "", {}) | {"payload": ""}  # the first run is one of the grid's
    body = [
        _sliders(names, knobs),
        _PLACE,
        _section("Every combination", _outcomes(knobs, traces)),
        _section(_like(first.scenario), _settings(first.scenario, None)),
        _section("Play with it", _live(first.scenario)),
    ]
    script = f"window.rvStage.grid({_json(state)}, {_json(grid)});"
    heading = title or first.scenario.title
    lead = f"{len(traces)} runs, worked out beforehand. Move a slider: the picture is the run with that setting."
    return _document(heading, lead, "".join(body), _script(script), first.scenario, theme, code=static("grid.js"))


# -- the document -----------------------------------------------------------------------------------------------------

# What it says is replaced by the stage.
_PLACE = '<div class="rv-page"><p class="rv-lead">The picture needs JavaScript; the numbers below do not.</p></div>'


def _document(
    title: str, lead: str, body: str, script: str, scenario: Scenario, theme: Theme | None, code: str = ""
) -> str:
    themed = f' data-theme="{theme}"' if theme else ""
    version = import_module("replication_viz").__version__  # by name: views import no engine, and the package does
    styled = css_variables(scope=".rv-sheet") + styles() + static("page.css")
    html = (
        f'<!doctype html>\n<html lang="en"{themed}>\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="generator" content="replication_viz {version}">\n'
        '<link rel="icon" href="data:,">\n'  # or a server would be asked for one
        f"<title>{escape(title)}</title>\n<style>{styled}</style>\n</head>\n"
        f'<body class="rv-sheet">\n<main>\n<h1>{escape(title)}</h1>\n<p class="rv-lead">{escape(lead)}</p>\n{body}\n'
        f"</main>\n<footer>Made by replication_viz {version}, seed {scenario.seed}. "
        "This page is whole: it asks no server for anything.</footer>\n"
        f"{_library(code)}\n{script}\n</body>\n</html>\n"
    )
    size = len(html.encode())
    if size > MAX_BYTES:
        raise PageError(
            f"the page would be {size / 1e6:.1f} MB: at most {MAX_BYTES / 1e6:g} MB are allowed, so take a shorter "
            "run, a lower rate or fewer combinations."
        )
    return html


def _library(code: str = "") -> str:
    """Return the stage's code as a script that puts it within reach of the scripts after it."""
    run = bare_module().replace("export default { render };", "")
    offered = "place: placeStage" + (", grid: placeGrid" if code else "")
    return _script(f"{run}\n{static('shim.js')}{code}window.rvStage ??= {{ {offered} }};")


def _script(code: str) -> str:
    return f'<script type="module">\n{code}\n</script>'


def _json(value: Any) -> str:
    """Return JSON for the inside of a script: no text in it can end the script."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _state(
    trace: Trace, was: Trace | None, moment: float | None, view: str, drawer: str, bench: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "moment": telling_moment(trace) if moment is None else moment,
        "playing": False,
        "view": view,
        "drawer": drawer,
        "bench": bench,
        "payload": _base64(trace),
        "was": "" if was is None else _base64(was),
    }


def _base64(trace: Trace) -> str:
    return base64.b64encode(encode(trace)).decode()


# -- what stands around the picture -----------------------------------------------------------------------------------


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>\n"


def _lead(scenario: Scenario, was: Trace | None) -> str:
    if was is None:
        return "A simulated run. Press play, or drag along the timeline."
    return "Two simulated runs on one clock: above as it was, below as it is now. Press play, or drag along a timeline."


def _like(scenario: Scenario) -> str:
    return f"The same on a real {'Cassandra' if scenario.topology == 'leaderless' else 'PostgreSQL'}"


def _settings(scenario: Scenario, was: Scenario | None) -> str:
    now = _code("settings", "Settings", _lines(scenario))
    if was is None or _lines(was) == _lines(scenario):
        return now
    before = _code("settings-before", "Settings as they were", _lines(was))
    return f'<div class="rv-two"><div><h3>A · was</h3>{before}</div><div><h3>B · now</h3>{now}</div></div>'


def _lines(scenario: Scenario) -> str:
    return "\n".join(f"{name} = {value}" for name, value in scenario.postgres_settings().items())


def _cell(scenario: Scenario) -> str:
    return f'from replication_viz.panels import Lab\nLab.from_share("{scenario.share()}")'


def _live(scenario: Scenario) -> str:
    return (
        "<p>This page shows a run that is over. To change it (other knobs, a crash by a click, a comparison) open it "
        "in a notebook: install the package with <code>pip install 'replication-viz[lab]'</code>, start "
        "<code>replication-viz lab</code>, and run this in a cell.</p>"
        + _code("cell", "Cell to paste", _cell(scenario))
    )


def _code(follows: str, name: str, text: str) -> str:
    """Return lines of code; on a page with sliders they follow what is chosen."""
    region = f'tabindex="0" role="region" aria-label="{name}"'
    return f'<pre {region}><code data-follows="{follows}">{escape(text)}</code></pre>'


def _numbers(trace: Trace, was: Trace | None) -> str:
    before = {measure.name: measure for measure in summary(was)} if was else {}
    rows = []
    for measure in summary(trace):
        old = before.get(measure.name)
        cells = [] if was is None else ["–" if old is None else _amount(old)]
        cells += [_amount(measure), f'<span class="rv-quiet-note">{escape(measure.note)}</span>']
        rows.append((measure.name, cells))
    heads = ["A · was", "B · now", "note"] if was else ["value", "note"]
    return _table(["measure", *heads], rows, "rv-numbers", "Numbers over the whole run")


def _outcomes(knobs: Sequence[Knob], traces: Sequence[Trace]) -> str:
    """Return a row for each combination: what a slider chooses, and what comes of it."""
    found = [{m.name: m for m in summary(trace) if " lag of " not in m.name} for trace in traces]
    names = [name for name in found[0] if all(name in measures for measures in found)]
    rows = []
    for number, measures in enumerate(found):
        first, *others = map(escape, _combination(knobs, number))
        rows.append((first, [*others, *(measures[name].text() for name in names)]))
    heads = [_with_unit(knob.label, knob.unit) for knob in knobs]
    heads += [_with_unit(name, found[0][name].unit) for name in names]
    return _table(heads, rows, "rv-outcomes", "What comes of each combination")


def _with_unit(name: str, unit: str) -> str:
    return f"{name} ({unit})" if unit else name


def _combination(knobs: Sequence[Knob], number: int) -> list[str]:
    values: list[str] = []
    for knob in reversed(knobs):
        number, index = divmod(number, len(knob.values))
        values.insert(0, knob.values[index])
    return values


def _amount(measure: Measure) -> str:
    return escape(f"{measure.text()} {measure.unit}".strip())


def _table(heads: Sequence[str], rows: Sequence[tuple[str, list[str]]], name: str, caption: str) -> str:
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\n"
        for first, cells in rows
    )
    return (
        f'<div class="rv-wide" tabindex="0" role="region" aria-label="{escape(caption)}"><table class="{name}">'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


def _sliders(names: Sequence[str], knobs: Sequence[Knob]) -> str:
    rows = "".join(
        f'<div class="rv-knob"><label for="{name}">{escape(knob.label)}</label>'
        f'<input type="range" id="{name}" min="0" max="{len(knob.values) - 1}" step="1" value="0" disabled'
        f' autocomplete="off" aria-describedby="{name}-help">'
        f'<output for="{name}">{escape(knob.shown[0])}</output>'
        f'<small id="{name}-help">{escape(knob.help)}</small></div>'
        for name, knob in zip(names, knobs, strict=True)
    )
    return f'<div class="rv-knobs" role="group" aria-label="Settings to choose">{rows}</div>'


def _choice(trace: Trace, number: int) -> dict[str, Any]:
    scenario = trace.scenario
    return {
        "payload": _base64(trace),
        "bench": {**resting_bench(trace), "choice": number},
        "settings": _lines(scenario),
        "cell": _cell(scenario),
    }
