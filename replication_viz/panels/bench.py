"""The bench: what a panel tells its stage of the run that is shown, for menus, lists and tables.

A plain dict, sent with each picture. Keys:

``live``
    True: a kernel answers.
``faults``
    Each fault by its number: first those that were added, in their order, last the partition of the field
    ``partition``. ``at``, ``until`` and ``lasts`` in ms (``until`` None: to the end of the run, or a moment; ``lasts``
    None: no length is set), ``text``, ``places``, ``kind``, ``spell`` (that kind has a length), ``waits`` (its replica
    is not in this run), ``fixed`` (it belongs to the knob ``partition`` of the panel: it can be moved and ended, and
    only the knob removes it).
``offers``
    What can be added at the leader, a replica, a peer, a link; see `scenario.offers`.
``undo``, ``redo``
    What would be taken back or done again, in words; empty if nothing.
``table``
    None, or what differs from the run compared with: ``knobs`` (label, was, now) and ``measures`` (name, unit, was,
    now, note); None where a run has no such thing.
``share``
    The scenario as a text, with the part ``~w`` while comparing.
``name``
    The scenario's name.
``keeps``
    What can be kept as a file: format, label, note.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from typing import Any

from ..measures import Measure, summary
from ..scenario import Change, Fault, NodeSettings, Scenario
from ..scenario.offers import offers
from . import knobs as controls
from .edits import ms
from .setup import Listed, Setup
from .shared import Shared
from .state import Pinned, State


def make(state: State, knob_shown: bool) -> dict[str, Any]:
    """Return the bench of a state.

    Parameters
    ----------
    knob_shown : bool
        Whether the panel has a knob for the field ``partition``.
    """
    pinned, scenario = state.pinned, state.scenario
    return {
        "live": True,
        "faults": faults(state.setup, scenario, knob_shown),
        "offers": offered(scenario.topology),
        "undo": state.history.undo_name,
        "redo": state.history.redo_name,
        "table": None if pinned is None else table(pinned, scenario, summary(state.trace)),
        "share": Shared(scenario, was=None if pinned is None else pinned.scenario).text(),
        "name": scenario.name,
        "keeps": keeps(),
    }


@cache
def keeps() -> list[dict[str, str]]:
    """Return what a run can be kept as."""
    from . import keep

    return keep.formats()


@cache
def offered(topology: str = "single_leader") -> dict[str, list[dict[str, Any]]]:
    """Return what can be added at each place of a topology."""
    return {place: [asdict(offer) for offer in some] for place, some in offers(topology).items()}


def faults(setup: Setup, scenario: Scenario, knob_shown: bool) -> list[dict[str, Any]]:
    """Return every fault that was asked for, by its number.

    Parameters
    ----------
    scenario : Scenario
        What is run: faults that are not in it wait.
    """
    return [
        _fault(listed, scenario, waits=_waits(listed, scenario), fixed=listed.of_knob and knob_shown)
        for listed in setup.listed
    ]


def _waits(listed: Listed, scenario: Scenario) -> bool:
    if listed.of_knob:
        return not scenario.partition
    return not set(listed.fault.places()) <= set(scenario.node_names)


def _fault(listed: Listed, scenario: Scenario, *, waits: bool, fixed: bool) -> dict[str, Any]:
    fault = listed.fault
    until = fault.until_ms
    return {
        "at": fault.at_ms,
        "until": until if until < scenario.duration_ms else None,
        "lasts": getattr(fault, "for_ms", None),
        "text": fault.sentence(),
        "places": list(fault.places()),
        "kind": fault.kind,
        "spell": "for_ms" in type(fault).model_fields,
        "waits": waits,
        "fixed": fixed,
    }


# -- was and now ------------------------------------------------------------------------------------------------------


def table(was: Pinned, now: Scenario, numbers: list[Measure]) -> dict[str, Any]:
    """Return in which settings two runs differ, and what `measures.summary` says of each."""
    return {"knobs": list(_knobs(was.scenario, now)), "measures": list(_measures(was.summary, numbers))}


def _knobs(was: Scenario, now: Scenario) -> Iterator[dict[str, str | None]]:
    both = (was, now)
    for field in controls.available():
        yield from _row(controls.title(field), [_told(field, getattr(scenario, field)) for scenario in both])
    for node in dict.fromkeys([*was.nodes, *now.nodes]):
        for field in NodeSettings.model_fields:
            own = [getattr(scenario.nodes.get(node), field, None) for scenario in both]
            name = controls.title(field) if field in controls.available() else field
            yield from _row(f"{name} of {node}", [_told(field, value) for value in own])
    for label, changes in (("change", True), ("fault", False)):
        lists = [[_whole(f) for f in scenario.faults if isinstance(f, Change) == changes] for scenario in both]
        for text in dict.fromkeys([*lists[0], *lists[1]]):
            yield from _row(label, [text if text in texts else None for texts in lists])


def _row(label: str, pair: list[str | None]) -> Iterator[dict[str, str | None]]:
    if pair[0] != pair[1]:
        yield {"label": label, "was": pair[0], "now": pair[1]}


def _told(field: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return controls.NOBODY if value == "" and field in controls.MAY_NAME_NOBODY else value
    return controls.text(field, value)


def _whole(fault: Fault) -> str:
    lasts = getattr(fault, "for_ms", None)
    return f"{fault.sentence()} at {ms(fault.at_ms)}" + ("" if lasts is None else f", for {ms(lasts)}")


def _measures(before: list[Measure], after: list[Measure]) -> Iterator[dict[str, Any]]:
    was, now = ({measure.name: measure for measure in some} for some in (before, after))
    for name in dict.fromkeys([*now, *was]):
        pair = [was.get(name), now.get(name)]
        some = pair[1] or pair[0]
        assert some is not None
        notes = dict.fromkeys(measure.note for measure in pair if measure is not None and measure.note)
        values = [None if measure is None else _finite(measure.value) for measure in pair]
        yield {"name": name, "unit": some.unit, "was": values[0], "now": values[1], "note": " → ".join(notes)}


def _finite(value: float) -> float | int | None:
    """Return a number as JSON has it: NaN and infinity are no numbers there."""
    if not math.isfinite(value):
        return None
    return int(value) if isinstance(value, int) else float(value)
