"""Which knob moves which outcome: one run per turned knob, same seed, set against the run with none turned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from .. import measures
from ..engine import run
from ..scenario import Scenario
from ..trace import Trace

PATIENCE_MS = 250.0


@dataclass(frozen=True)
class Outcome:
    """One thing that a reader of the numbers cares about.

    Attributes
    ----------
    noise : float
        A difference up to this is not called a move: what chance does over the length of a run.
    """

    name: str
    unit: str
    noise: float
    of: Callable[[Trace], float]


def _at_risk(trace: Trace) -> float:
    moments = np.linspace(0, trace.duration_ms, 401)[1:]
    return float(measures.loss(trace, moments).lost.mean())


OUTCOMES = (
    Outcome("a commit takes", "ms", 0.5, lambda trace: measures.commit_latency(trace).p50),
    Outcome("a crash of the leader takes", "writes", 0.5, _at_risk),
    Outcome("reads that get an old value", "%", 3.0, lambda trace: 100 * measures.stale_reads(trace)),
    Outcome(
        f"writes answered in {PATIENCE_MS:g} ms",
        "%",
        1.0,
        lambda trace: 100 * measures.answered_within(trace, PATIENCE_MS),
    ),
)


class Matrix:
    """A table: a row for each turned knob, a column for each outcome, was → is.

    Parameters
    ----------
    base : Scenario
        The run that all others are set against.
    turns : mapping of str to mapping
        What each row is called, and the fields that it changes.

    Attributes
    ----------
    values : dict of str to dict of str to float
        Row → outcome → value; the row ``""`` is the base.
    moved : dict of str to set of str
        Row → the outcomes that it moved.
    """

    def __init__(self, base: Scenario, turns: Mapping[str, Mapping[str, Any]]) -> None:
        self.values = {"": _outcomes(base)} | {name: _outcomes(base.but(**turn)) for name, turn in turns.items()}
        was = self.values[""]
        self.moved = {
            name: {o.name for o in OUTCOMES if abs(self.values[name][o.name] - was[o.name]) > o.noise} for name in turns
        }

    def __repr__(self) -> str:
        lines = [f"unturned: {'; '.join(self._cell('', o) for o in OUTCOMES)}"]
        for name, moved in self.moved.items():
            lines.append(f"{name}: moves {', '.join(sorted(moved)) or 'nothing'}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{escape(o.name)}</th>' for o in OUTCOMES)
        rows = "".join(
            f'<tr><th scope="row">{escape(name or "nothing turned")}</th>'
            + "".join(f"<td>{self._cell(name, o)}</td>" for o in OUTCOMES)
            + "</tr>"
            for name in self.values
        )
        return (
            "<style>.rv-matrix{border-collapse:collapse;font-variant-numeric:tabular-nums}"
            ".rv-matrix th,.rv-matrix td{text-align:left!important;padding:6px 18px 6px 0!important}"
            ".rv-matrix th[scope=row]{font-weight:600}.rv-matrix .stays{opacity:.75}</style>"
            f'<table class="rv-matrix"><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table>'
        )

    def _cell(self, name: str, outcome: Outcome) -> str:
        was, value = self.values[""][outcome.name], self.values[name][outcome.name]
        text = f"{value:.1f}".removesuffix(".0") + f" {outcome.unit}"
        if not name:
            return text
        if outcome.name not in self.moved[name]:
            return '<span class="stays">stays</span>'
        return f"<b>{'▲' if value > was else '▼'} {text}</b>"


def _outcomes(scenario: Scenario) -> dict[str, float]:
    trace = run(scenario)
    return {outcome.name: outcome.of(trace) for outcome in OUTCOMES}
