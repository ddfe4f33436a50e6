"""Knobs made from the scenario's own fields: range, step, unit and help come from there.

Here a field becomes a control, and the controls' values become a scenario. Where a control stands is not always what
the field holds: the rule over all replicas is told by its mode, and nobody cut off is a choice. Nothing is drawn and
nothing is run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, get_args

import ipywidgets as widgets

from ..scenario import LEADER, Scenario, ScenarioError, field_info
from ..scenario.failover import CHOICES as PROMOTABLE
from ..scenario.limits import READ_FROM, replica_names

ACK_MODES = ("async", "s1", "FIRST 1", "ANY 1", "FIRST 2", "ANY 2", "all")
PRODUCT = ("ack", "replicas", "lag_ms", "partition")
NOBODY = "nobody"
MAY_NAME_NOBODY = ("partition", "controllers")  # fields that are empty then
NO_LIMIT = "no limit"  # what -1 means, wherever a field allows it, but for these:
LESS_THAN_NOTHING = {"reread_ms": "never"}
BOTH_WAYS = ("clock_skew_ms",)  # fields in which less than nothing is a number like any other
NOT_SAID = {"consistency": "W and R", "delays": "as set"}  # what an empty text means
_AT_MOST = {"copies": "members", "write_quorum": "copies", "read_quorum": "copies"}
_FAR_BEYOND = 10  # a value so many times the end of its slider stands on round numbers, not on even steps

_MOST_BATCHES = 20_000  # in a coarse run
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


def cut_choices(standbys: tuple[str, ...], *, leader_too: bool = False) -> list[str]:
    """Return who may be cut off: nobody, the first replica, the first two, … all; the leader alone if wanted.

    The leader cut off is more than all replicas cut off where controllers and clients stand on the other side.
    """
    together = (", ".join(standbys[:count]) for count in range(1, len(standbys) + 1))
    return [NOBODY, *together, *([LEADER] if leader_too else [])]


def seat_choices(standbys: tuple[str, ...]) -> list[str]:
    """Return where controllers may stand: nowhere, on either side of a cut, one on each, three; beside each replica."""
    seats = [(LEADER,), standbys[:1], (LEADER, *standbys[:1]), (LEADER, *standbys[:2]), standbys]
    return list(dict.fromkeys([NOBODY, *(", ".join(names) for names in seats if names)]))


def position(field: str, scenario: Scenario) -> Any:
    """Return where the control of a field stands for a scenario."""
    if field == "ack":
        return ack_mode(scenario.ack, scenario.standbys)
    return (getattr(scenario, field) or NOBODY) if field in MAY_NAME_NOBODY else getattr(scenario, field)


def text(field: str, value: Any, unit: bool = True) -> str:
    """Return in words where a control stands, with the field's unit or without.

    Examples
    --------
    >>> text("lag_ms", 1500), text("lag_ms", 0.5, unit=False), text("partition", "nobody")
    ('1,500 ms', '0.5', 'nobody')
    """
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str):
        return value or NOT_SAID.get(field, value)
    if value < 0 and field not in BOTH_WAYS:
        return LESS_THAN_NOTHING.get(field, NO_LIMIT)
    extra = field_info(field).json_schema_extra
    of = extra["unit"] if unit and isinstance(extra, dict) else ""
    return f"{value:,.12g} {of}".rstrip()


def same(value: Any, other: Any) -> bool:
    """Return whether a control stands where it stood: a slider in the browser answers 20 with 20.000000000000004."""
    if isinstance(value, float) and not isinstance(other, str):
        return math.isclose(value, other, rel_tol=1e-9)
    return bool(value == other)


def title(field: str) -> str:
    """Return what a field is called."""
    return field_info(field).title or field


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
    value = position(field, scenario)
    label = title(field)
    look = {
        "description": label,
        "tooltip": f"{label}: {info.description}",
        "layout": widgets.Layout(width="auto"),
        "continuous_update": True,
    }
    choices = _choices(field, scenario)
    if choices:
        return widgets.SelectionSlider(options=_with(choices, field, value), value=value, **look)
    knob = _number(field, value, extra, info.annotation is int, {**look, "description": _with_unit(label, extra)})
    _limit(knob, field, scenario)
    return knob


def stand(knob: Any, field: str, value: Any, scenario: Scenario) -> None:
    """Put a control where it should stand, stretched so far that it can, with the choices that the scenario has."""
    if not hasattr(knob, "options"):
        _limit(knob, field, scenario)
        if not knob.min <= value <= knob.max:
            knob.min, knob.max = min(knob.min, value), max(knob.max, value)
        knob.value = value
        return
    choices = list(knob.options)
    if field in ("partition", "read_from", "controllers", "promote"):
        choices = _choices(field, scenario)
    choices = _with(choices, field, value)
    # Two messages: in one the browser would cut the new place down to the old choices, and send that back.
    if list(knob.options) != choices:
        knob.options = choices
    if knob.value != value:
        knob.value = value


def _choices(field: str, scenario: Scenario) -> list[Any]:
    """Return what a field offers, if it is no number."""
    annotation = field_info(field).annotation
    if field == "ack":
        return list(ACK_MODES)
    if field == "partition":
        if scenario.topology == "leaderless":
            return cut_choices(scenario.node_names[:-1])  # all of them cut off would be nobody cut off
        if scenario.topology == "multi_leader":
            return cut_choices(scenario.node_names[1:])
        return cut_choices(scenario.standbys, leader_too=bool(scenario.seats()))
    if field == "controllers":
        return seat_choices(scenario.standbys)
    if field == "promote":
        return [(choice.replace("_", " "), choice) for choice in (*PROMOTABLE, *scenario.standbys)]
    if field == "coordinator":
        return ["random", "nearest", *scenario.node_names]
    if field in ("exchange", "data"):
        return [(choice.replace("_", " "), choice) for choice in get_args(annotation)]
    if field in NOT_SAID:
        return [(text(field, choice), choice) for choice in get_args(annotation)]
    if field == "read_from":
        return [*READ_FROM, *scenario.standbys] if scenario.topology == "single_leader" else ["random"]
    return [("off", False), ("on", True)] if annotation is bool else list(get_args(annotation))


def _with(choices: list[Any], field: str, value: Any) -> list[Any]:
    """Return the choices and, if it is not among them, where a control should stand: numbers in order, texts last."""
    if value in [choice[1] if isinstance(choice, tuple) else choice for choice in choices]:
        return choices
    if isinstance(value, str):
        return [*choices, value]
    return sorted([*choices, (text(field, value, unit=False), value)], key=lambda choice: _rank(choice[1]))


def _rank(value: float) -> float:
    """Return where a stop belongs: -1, which sets no limit, beyond all others."""
    return math.inf if value < 0 else float(value)


def _limit(knob: Any, field: str, scenario: Scenario) -> None:
    """Let a slider end where another field of the scenario sets the limit: no more copies than nodes."""
    if field in _AT_MOST and scenario.topology == "leaderless":
        knob.max = max(knob.value, getattr(scenario, _AT_MOST[field]))


def _number(field: str, value: float, extra: Mapping[str, Any], whole: bool, look: dict[str, Any]) -> Any:
    lo, hi = extra["slider"]
    lo, hi, step = min(lo, value), max(hi, value), extra["step"]
    if extra["log"] or extra["slider"][0] < 0 or value > _FAR_BEYOND * extra["slider"][1]:
        least = lo if extra["log"] else step
        ends = [lo] if extra["log"] else [0.0, -1.0] if lo < 0 else [0.0]
        stops = sorted({value, *ends, hi, *_round_numbers(least, hi)}, key=_rank)
        options = [(text(field, stop, unit=False), stop) for stop in stops]
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
    """Return the fields that have a control, those of the product first."""
    apart = ("name", "title", "nodes", "faults", *PRODUCT)
    return [*PRODUCT, *(name for name in Scenario.model_fields if name not in apart)]


def turned(base: Scenario, values: Mapping[str, Any]) -> tuple[Scenario, list[str]]:
    """Return the base scenario with the knobs' values, and a sentence for each thing that had to stay away.

    ``values`` may hold other fields too, such as ``faults``. With fewer replicas, faults of those that are gone wait
    until they are back. In a coarse run the grain follows the rate: batches come neither too rarely nor too often.

    Raises
    ------
    ScenarioError
        If the result is not valid.
    """
    changes = dict(values)
    if base.grain > 1 and "rate_per_s" in changes:
        changes.setdefault("grain", _grain(base, changes))
    standbys = replica_names(int(changes.get("replicas", base.replicas)))
    known = _nodes(base, changes, standbys)
    notes = []
    if "ack" in changes or "replicas" in changes:
        mode = changes.get("ack", ack_mode(base.ack, base.standbys))
        changes["ack"] = ack_text(mode, standbys)
    cut = changes.get("partition", base.partition)
    there = [name for name in names(cut) if name in known]
    changes["partition"] = ", ".join(there)
    wanted = changes.get("faults", base.faults)
    faults = [fault for fault in wanted if set(fault.places()) <= set(known)]
    changes["faults"] = tuple(faults)
    if changes.get("coordinator", base.coordinator) not in ("random", "nearest", *known):
        changes["coordinator"] = "random"
        notes.append("The coordinator is not in this run: any node serves.")
    if changes.get("read_from", base.read_from) not in (*READ_FROM, *known):
        changes["read_from"] = "random"
        notes.append("The replica to read from is not in this run: reads go to any replica.")
    seats = names(changes.get("controllers", base.controllers))
    changes["controllers"] = ", ".join(seat for seat in seats if seat in known)
    if changes.get("promote", base.promote) not in (*PROMOTABLE, *standbys):
        changes["promote"] = PROMOTABLE[0]
        notes.append("The replica to promote is not in this run: the most advanced one is promoted.")
    absent = [f.sentence() for f in wanted if f not in faults]
    absent += [f"a controller at {seat}" for seat in seats if seat not in known]
    gone = [name for name in names(cut) if name not in known]
    if gone:
        absent.append(f"{', '.join(gone)} cut off")
    if absent:
        more = "replicas" if base.topology == "single_leader" else "nodes"
        notes.append(f"Waiting for more {more}: {'; '.join(absent)}.")
    return base.but(**changes), notes


def _nodes(base: Scenario, changes: Mapping[str, Any], standbys: tuple[str, ...]) -> tuple[str, ...]:
    """Return the nodes that there are once some fields are changed."""
    if base.topology == "leaderless":
        return base.model_copy(update={"members": changes.get("members", base.members)}).member_names()
    if base.topology == "multi_leader":
        return base.model_copy(update={"leaders": changes.get("leaders", base.leaders)}).leader_names()
    return (LEADER, *standbys)


def _grain(base: Scenario, changes: Mapping[str, Any]) -> int:
    """Return how many writes to simulate as one at another rate."""
    rate = float(changes["rate_per_s"])
    duration_ms = float(changes.get("duration_ms", base.duration_ms))
    rarely: float = base.grain * min(1.0, rate / max(base.rate_per_s, 1e-9))
    return math.ceil(max(1.0, rarely, rate * duration_ms / 1000 / _MOST_BATCHES))


def names(cut: str) -> tuple[str, ...]:
    """Return the names in a choice of whom to cut off."""
    return tuple(part.strip() for part in cut.split(",") if part.strip() and cut != NOBODY)
