"""Several leaders: when all of them agree again, how much they keep for that, and what is missing in the end.

Told from the trace, as in `conflicting`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..conflicts import OptORSet, ShoppingCart, Siblings
from ..rows import Plain, Table, finished, replay
from ..trace import Floats, Ints, Trace


@dataclass(frozen=True, eq=False)
class Growth:
    """How much one leader keeps for its rows, over time; each an ndarray, shape (n_steps,).

    Attributes
    ----------
    times : ndarray
        When it changes, ms.
    entries, bytes : ndarray
        What is kept (`replication_viz.conflicts.Size`).
    tombstones : ndarray
        What a set or a cart without version vectors would have to keep besides: an entry for each one that is gone.
    siblings : ndarray
        Values that stand beside another in their row.
    """

    times: Floats
    entries: Ints
    bytes: Ints
    tombstones: Ints
    siblings: Ints


@dataclass(frozen=True)
class LostUpdates:
    """What counters, sets or carts hold in the end, against what was done to them.

    Attributes
    ----------
    expected : dict of str to int
        For each leader the sum of what was done by the writes that it has: counts, elements, or things in carts.
    shows : dict of str to int
        What it shows.
    lost, back : dict of str to int
        How much is missing, and how much is there that should not be, such as an item that was taken out.
    """

    expected: dict[str, int]
    shows: dict[str, int]
    lost: dict[str, int]
    back: dict[str, int]


def divergence(trace: Trace) -> tuple[Floats, Ints]:
    """Return on how many rows the leaders differ, over time.

    A leader that is down counts with what it showed last.

    Returns
    -------
    times : ndarray, shape (n_steps,)
        When the number changes, ms; the first is 0.
    rows : ndarray, shape (n_steps,)
        How many rows differ from then on.

    Raises
    ------
    ValueError
        If the run has one leader, or none.
    """
    times, counts, differ = [0.0], [0], set[int]()
    story = replay(trace)
    shown: list[dict[int, tuple[Plain, ...]]] = [{} for _ in story.tables]
    for step in story:
        for key in step.keys:
            shown[step.node][key] = story.tables[step.node].values(key)
            first = shown[0].get(key, ())
            if all(here.get(key, ()) == first for here in shown[1:]):
                differ.discard(key)
            else:
                differ.add(key)
        if len(differ) != counts[-1]:
            times.append(step.time)
            counts.append(len(differ))
    return np.array(times), np.array(counts, dtype=np.int64)


def converged_ms(trace: Trace) -> float:
    """Return since when all leaders have shown the same until the end of the run, ms; NaN if they differ in the end.

    Raises
    ------
    ValueError
        If the run has one leader, or none.
    """
    times, counts = divergence(trace)
    return float(times[-1]) if counts[-1] == 0 else float("nan")


def shown_by_leaders(trace: Trace, at_ms: float) -> dict[str, dict[int | str, tuple[Plain, ...]]]:
    """Return what each leader that is up shows at a moment (ms), row by row; `checks.convergence` takes it.

    Each row has one value, or several if the client must choose: numbers of writes, counts, elements, things in carts.

    Raises
    ------
    ValueError
        If the run has one leader, or none.
    """
    tables = finished(trace, at_ms).tables
    states = trace.states
    last = np.where(states.end >= trace.duration_ms, np.inf, states.end)
    up = set(states.node[states.up & (states.begin <= at_ms) & (at_ms < last)].tolist())
    return {
        name: {key: values for key in sorted(table.keys) if (values := table.values(key))}
        for node, (name, table) in enumerate(zip(trace.nodes, tables, strict=True))
        if node in up
    }


def state_growth(trace: Trace, node: str) -> Growth:
    """Return how much a leader keeps for its rows, over time.

    Raises
    ------
    ValueError
        If no node has that name, or the run has one leader, or none.
    """
    number, story = trace.number(node), replay(trace)
    table = story.tables[number]
    times, sizes = [0.0], [[0, 0, 0, 0]]
    of: dict[int, tuple[int, int, int, int]] = {}
    total = np.zeros(4, dtype=np.int64)
    for step in story:
        if step.node != number or not step.keys:
            continue
        for key in step.keys:
            size = _size(table, key)
            total += np.subtract(size, of.get(key, (0, 0, 0, 0)))
            of[key] = size
        times.append(step.time)
        sizes.append(total.tolist())
    return Growth(np.array(times), *np.array(sizes, dtype=np.int64).T)


def lost_updates(trace: Trace) -> LostUpdates:
    """Return what counters, sets and carts hold in the end, against what was done to them.

    What was done is what a CRDT would show that had taken the same writes: the sum of the increments, or what was put
    in and not taken out by anybody who had seen it.

    Raises
    ------
    ValueError
        If the run has one leader, or none, or its rows are registers or names.
    """
    scenario = trace.scenario
    if scenario.data in ("register", "unique_name"):
        raise ValueError(f"data is {scenario.data!r}: it must be 'counter', 'set' or 'cart'.")
    here = finished(trace)
    ideal = finished(replace(trace, scenario=scenario.but(resolve="crdt")))
    tallies = [
        _compared(ours, theirs, is_count=scenario.data == "counter")
        for ours, theirs in zip(here.tables, ideal.tables, strict=True)
    ]
    expected, shows, lost, back = (dict(zip(trace.nodes, column, strict=True)) for column in zip(*tallies, strict=True))
    return LostUpdates(expected, shows, lost, back)


# -- how ---------------------------------------------------------------------------------------------------------------


def _size(table: Table, key: int) -> tuple[int, int, int, int]:
    state = table.row(key).state
    size = state.size() if hasattr(state, "size") else (len(table.values(key)), 8 * len(table.values(key)))
    dotted = state.units if isinstance(state, ShoppingCart) else state
    gone = 0
    if isinstance(dotted, OptORSet):
        gone = sum(count for _, count in dotted.seen.entries) - len(dotted.entries)
    beside = max(len(state.entries) - 1, 0) if isinstance(state, Siblings) else 0
    return size[0], size[1], gone, beside


def _compared(ours: Table, ideal: Table, *, is_count: bool) -> tuple[int, int, int, int]:
    """Return how much there should be, how much is shown, how much is missing, and how much should not be there."""
    expected = shows = lost = back = 0
    for key in ideal.keys:
        wanted, here = _parts(ideal.one(key), is_count), _parts(ours.one(key), is_count)
        expected += sum(wanted.values())
        shows += sum(here.values())
        for part in wanted.keys() | here.keys():
            missing = wanted.get(part, 0) - here.get(part, 0)
            lost += max(missing, 0)
            back += max(-missing, 0)
    return expected, shows, lost, back


def _parts(value: Plain, is_count: bool) -> dict[str, int]:
    """Return what a value is made of: each thing, and how often."""
    if value is None:
        return {}
    if isinstance(value, int):
        return {"count": value}
    return dict(part if isinstance(part, tuple) else (part, 1) for part in value)
