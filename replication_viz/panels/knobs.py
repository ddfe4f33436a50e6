"""Knobs made from the scenario's own fields: range, step, unit and help come from there.

Here a field becomes a control, and the controls' values become a scenario. Nothing is drawn and nothing is run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, get_args

import ipywidgets as widgets

from ..scenario import Scenario, ScenarioError, field_info

ACK_MODES = ("async", "s1", "FIRST 1", "ANY 1", "FIRST 2", "ANY 2", "all")
PRODUCT = ("ack", "replicas", "lag_ms", "partition")
NOBODY = "nobody"

_READOUTS = {0.01: ".2f", 0.05: ".2f", 0.1: ".1f", 0.5: ".1f"}


def ack_text(mode: str, standbys: tuple[str, ...]) -> str:
    """Return an acknowledgement mode, such as ``ANY 1``, as the rule over these standbys; other texts stay."""
    method, _, count = mode.partition(" ")
    if method in ("ANY", "FIRST") and count.isdigit():
        return f"{mode} ({', '.join(standbys) or '*'})"
    return mode


def ack_mode(ack: str, standbys: tuple[str, ...]) -> str:
    """Return the mode that `ack_text` makes this rule from, or the text itself."""
    return next((mode for mode in ACK_MODES if ack_text(mode, standbys) == ack), ack)


def cut_choices(standbys: tuple[str, ...]) -> list[str]:
    """Return who may be cut off: nobody, the first replica, the first two, … all."""
    return [NOBODY, *(", ".join(standbys[:count]) for count in range(1, len(standbys) + 1))]


def make(field: str, scenario: Scenario) -> Any:
    """Return the control of one field, standing where the scenario stands.

    Raises
    ------
    ScenarioError
        If a scenario has no such field, or the field is no single choice or number.
    """
    if field not in available():
        raise ScenarioError(f"{field!r} is not a knob: knobs are {', '.join(available())}.")
    info = field_info(field)
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    value = getattr(scenario, field)
    label = info.title or field
    look = {
        "description": label,
        "tooltip": f"{label}: {info.description}",
        "layout": widgets.Layout(width="auto"),
        "continuous_update": True,
    }
    if field == "ack":
        modes = list(dict.fromkeys([*ACK_MODES, ack_mode(scenario.ack, scenario.standbys)]))
        return widgets.SelectionSlider(options=modes, value=ack_mode(value, scenario.standbys), **look)
    if field == "partition":
        choices = list(dict.fromkeys([*cut_choices(scenario.standbys), value or NOBODY]))
        return widgets.SelectionSlider(options=choices, value=value or NOBODY, **look)
    if field == "read_from":
        return widgets.SelectionSlider(options=["random", *scenario.node_names], value=value, **look)
    choices = list(get_args(info.annotation))
    if choices:
        return widgets.SelectionSlider(options=choices, value=value, **look)
    return _number(value, extra, info.annotation is int, {**look, "description": _with_unit(label, extra)})


def _number(value: float, extra: Mapping[str, Any], whole: bool, look: dict[str, Any]) -> Any:
    lo, hi = extra["slider"]
    lo, hi, step = min(lo, value), max(hi, value), extra["step"]
    if extra["log"]:
        stops = sorted({value, lo, hi, *_round_numbers(lo, hi)})
        options = [(f"{stop:,g}".replace(",", " "), stop) for stop in stops]
        return widgets.SelectionSlider(options=options, value=value, **look)
    if whole:
        return widgets.IntSlider(value=int(value), min=int(lo), max=int(hi), step=int(step), **look)
    readout = _READOUTS.get(step, ".0f")
    return widgets.FloatSlider(value=value, min=lo, max=hi, step=step, readout_format=readout, **look)


def _round_numbers(lo: float, hi: float) -> list[float]:
    """Return 1, 1.5, 2, 3, 5, 7 and their multiples by ten, between two bounds."""
    exponents = range(math.floor(math.log10(max(lo, 1e-3))), math.ceil(math.log10(hi)) + 1)
    stops = [float(f"{digit}e{exponent}") for exponent in exponents for digit in (1, 1.5, 2, 3, 5, 7)]
    return [stop for stop in stops if lo <= stop <= hi]


def _with_unit(label: str, extra: Mapping[str, Any]) -> str:
    return f"{label} ({extra['unit']})" if extra["unit"] else label


def available() -> list[str]:
    """Return the fields that have a control."""
    compound = ("name", "title", "nodes", "faults")
    return [name for name in Scenario.model_fields if name not in compound]


def turned(base: Scenario, values: Mapping[str, Any]) -> tuple[Scenario, list[str]]:
    """Return the base scenario with the knobs' values, and a sentence for each thing that had to stay away.

    With fewer replicas, faults of those that are gone wait until they are back.

    Raises
    ------
    ScenarioError
        If the result is not valid.
    """
    changes = dict(values)
    replicas = int(changes.get("replicas", base.replicas))
    standbys = tuple(f"s{i}" for i in range(1, replicas + 1))
    notes = []
    if "ack" in changes or "replicas" in changes:
        mode = changes.get("ack", ack_mode(base.ack, base.standbys))
        changes["ack"] = ack_text(mode, standbys)
    cut = changes.get("partition", base.partition)
    there = [name for name in _list(cut) if name in standbys]
    changes["partition"] = ", ".join(there)
    faults = [fault for fault in base.faults if set(fault.places()) <= {"L", *standbys}]
    changes["faults"] = tuple(faults)
    if changes.get("read_from", base.read_from) not in ("random", "L", *standbys):
        changes["read_from"] = "random"
        notes.append("The replica to read from is not in this run: reads go to any replica.")
    absent = [f.sentence() for f in base.faults if f not in faults]
    gone = [name for name in _list(cut) if name not in standbys]
    if gone:
        absent.append(f"{', '.join(gone)} cut off")
    if absent:
        notes.append(f"Waiting for more replicas: {'; '.join(absent)}.")
    return base.but(**changes), notes


def _list(cut: str) -> list[str]:
    return [part.strip() for part in cut.split(",") if part.strip() and cut != NOBODY]
