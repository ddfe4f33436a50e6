"""What readers do to a setup: turn a knob, add a fault, end, move or remove one.

Each returns the setup that it leads to and what was done in words. Nothing is run; what cannot be is a `ScenarioError`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..scenario import CancelWaits, Change, Crash, Fault, Partition, Restart, ScenarioError
from ..scenario.errors import shown
from ..scenario.faults import fault_from
from ..trace import Trace
from . import knobs as controls
from .setup import Setup, can_change, on_the_grid


class Edit(NamedTuple):
    """What came of it.

    Attributes
    ----------
    name : str
        What was done, in words.
    note : str
        What a reader should know about it, as a sentence; empty if nothing.
    """

    setup: Setup
    name: str
    note: str = ""


def ms(time: float) -> str:
    """Return a time in words.

    Examples
    --------
    >>> ms(1300), ms(0.25)
    ('1,300 ms', '0.25 ms')
    """
    return f"{round(time, 2):,.12g} ms"


# -- knobs ------------------------------------------------------------------------------------------------------------


def turn(setup: Setup, field: str, value: Any, at_ms: float | None = None) -> Edit:
    """Turn a knob for the whole run, or from a moment (ms) on, as an operator does it.

    What cannot change in mid-run is turned for the whole run all the same, with a note.
    """
    if at_ms is None or not can_change(field):
        held = f"{controls.title(field).capitalize()} holds for the whole run: it cannot change in mid-run."
        return Edit(setup.but(**{field: value}), _turned(field, setup.get(field), value), "" if at_ms is None else held)
    at_ms = on_the_grid(at_ms)
    _check_before_end(at_ms, setup)
    name = f"{_turned(field, setup.holds(field, at_ms), value)} from {ms(at_ms)} on"
    if field == "partition":
        return Edit(_cut_from(setup, value, at_ms), name)
    faults = [f for f in setup.faults if not (isinstance(f, Change) and (f.setting, f.at_ms) == (field, at_ms))]
    before = setup.but(faults=tuple(faults))
    if before.holds(field, at_ms) == value:
        return Edit(before, name)
    told = controls.ack_text(value, setup.standbys) if field == "ack" else value
    return Edit(before.but(faults=(*faults, Change(setting=field, value=told, at_ms=at_ms))), name)


def _turned(field: str, old: Any, new: Any) -> str:
    return f"{controls.title(field)} {controls.text(field, old, unit=False)} → {controls.text(field, new)}"


def _cut_from(setup: Setup, value: str, at_ms: float) -> Setup:
    """Cut these replicas off from a moment on and no others: what holds then ends there."""
    if setup.holds("partition", at_ms) == value:
        return setup
    under_way = list(setup.cuts(at_ms))
    for number in reversed(range(len(setup.listed))):
        fault = setup.listed[number].fault
        if fault in under_way:
            setup = _without(setup, number) if fault.at_ms == at_ms else _ended(setup, number, at_ms)
    nodes = controls.names(value)
    return setup.but(faults=(*setup.faults, Partition(nodes=nodes, at_ms=at_ms))) if nodes else setup


# -- faults -----------------------------------------------------------------------------------------------------------


def add(setup: Setup, values: Any, trace: Trace) -> Edit:
    """Add the fault that a mapping describes.

    Parameters
    ----------
    trace : Trace
        The run so far: who is up cannot be restarted, who is down cannot crash.
    """
    fault = fault_from(values)
    fault = fault_from({**fault.model_dump(), "at_ms": on_the_grid(fault.at_ms)})
    _check_before_end(fault.at_ms, setup)
    setup.scenario()[0].with_fault(fault)  # else a fault of a node that is not there would wait for it
    _check_sense(fault, trace)
    return Edit(setup.but(faults=(*setup.faults, fault)), _told(fault))


def end(setup: Setup, number: Any, at_ms: Any) -> Edit:
    """End a fault that is under way at a moment (ms)."""
    fault, _ = setup.numbered(number)
    at_ms = on_the_grid(_time(at_ms))
    if "for_ms" not in type(fault).model_fields:
        raise ScenarioError(f"{_told(fault)}: that is a moment, it has no end.")
    if not fault.at_ms < at_ms:
        raise ScenarioError(f"{fault.sentence()} from {ms(fault.at_ms)} on: it cannot end at {ms(at_ms)}.")
    if not at_ms < fault.until_ms:
        raise ScenarioError(f"{fault.sentence()} until {ms(fault.until_ms)}: at {ms(at_ms)} it is over.")
    return Edit(_ended(setup, number, at_ms), f"{fault.sentence()} until {ms(at_ms)}")


def move(setup: Setup, number: Any, at_ms: Any, lasts_ms: Any) -> Edit:
    """Let a fault begin at another moment (ms), or last as long (ms) or, if that is None, to the end of the run."""
    fault, _ = setup.numbered(number)
    values = {**fault.model_dump(), "at_ms": on_the_grid(_time(at_ms))}
    if "for_ms" in values:
        values["for_ms"] = lasts_ms if lasts_ms is None else round(_time(lasts_ms, "lasts_ms"), 2)
    elif lasts_ms is not None:
        raise ScenarioError(f"{_told(fault)}: that is a moment, it cannot last {shown(lasts_ms)} ms.")
    moved = fault_from(values)
    _check_time(moved.at_ms, setup)
    if moved.at_ms != fault.at_ms:
        name = f"{_told(fault)} moved to {ms(moved.at_ms)}"
    else:
        name = f"{_told(fault)} lasts {ms(lasts_ms) if lasts_ms is not None else 'to the end'}"
    return Edit(_with(setup, number, moved), name)


def remove(setup: Setup, number: Any, knob_shown: bool) -> Edit:
    """Remove a fault.

    Parameters
    ----------
    knob_shown : bool
        Whether the panel has a knob for the field ``partition``: then its partition is removed by that alone.
    """
    fault, of_knob = setup.numbered(number)
    if of_knob and knob_shown:
        raise ScenarioError(f"{_told(fault)}: that is the knob 'cut off', so set it to nobody.")
    return Edit(_without(setup, number), f"{_told(fault)} removed")


def _ended(setup: Setup, number: int, at_ms: float) -> Setup:
    fault = setup.listed[number].fault
    return _with(setup, number, fault_from({**fault.model_dump(), "for_ms": round(at_ms - fault.at_ms, 2)}))


def _with(setup: Setup, number: int, fault: Fault) -> Setup:
    """Put a fault in the place of one."""
    if not setup.listed[number].of_knob:
        return setup.but(faults=(*setup.faults[:number], fault, *setup.faults[number + 1 :]))
    lasts = getattr(fault, "for_ms", None)
    if lasts is None:
        lasts = max(setup.get("duration_ms") - fault.at_ms, 1.0)
    return setup.but(partition_at_ms=fault.at_ms, partition_for_ms=lasts)


def _without(setup: Setup, number: int) -> Setup:
    if setup.listed[number].of_knob:
        return setup.but(partition=controls.NOBODY)
    return setup.but(faults=(*setup.faults[:number], *setup.faults[number + 1 :]))


def _told(fault: Fault) -> str:
    return f"{fault.sentence()} at {ms(fault.at_ms)}"


# -- what makes no sense ----------------------------------------------------------------------------------------------


def _time(value: Any, name: str = "at_ms") -> float:
    """Return a time that came from outside as a number; its range is checked elsewhere."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < float("inf"):
        raise ScenarioError(f"{name} is {shown(value)}: it must be a number of milliseconds.")
    return float(value)


def _check_before_end(at_ms: float, setup: Setup) -> None:
    """Refuse what would begin when nothing is left of the run."""
    _check_time(at_ms, setup)
    if at_ms >= setup.get("duration_ms"):
        raise ScenarioError(f"The run is over at {ms(at_ms)}: go back in time to change it.")


def _check_time(at_ms: float, setup: Setup) -> None:
    duration = setup.get("duration_ms")
    if not 0 <= at_ms <= duration:
        raise ScenarioError(f"{ms(at_ms)} is not a moment of this run: it lasts from 0 to {ms(duration)}.")


def _check_sense(fault: Fault, trace: Trace) -> None:
    """Refuse what the engine would pass over without a word."""
    nodes = fault.places() or trace.nodes[:1]
    states = trace.states
    mine = (states.node == trace.number(nodes[0])) & (states.begin <= fault.at_ms) & (fault.at_ms <= states.end)
    up = bool(states.up[mine][-1])
    if isinstance(fault, Restart) and up:
        raise ScenarioError(f"{nodes[0]} is up at {ms(fault.at_ms)}: only a node that is down can restart.")
    if isinstance(fault, Crash | CancelWaits) and not up:
        raise ScenarioError(f"{nodes[0]} is down at {ms(fault.at_ms)}: it can only be restarted.")
