"""Linearizability: each operation seems to happen at one moment between its call and its answer.

Each key is checked by itself, which loses nothing (Herlihy & Wing, "Linearizability: A Correctness Condition for
Concurrent Objects", 1990, section 3.2), as a register that holds None at the start. An operation that was answered at
the very moment at which another was asked is taken to overlap it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf

from ..trace import Trace
from .history import History
from .operation import Key
from .reasons import reason
from .register import Search, Step, UndecidedError, step
from .sessions import as_history
from .verdict import LINEARIZABLE, Verdict, Violation, count, seen_in

BUDGET = 500_000


def linearizability(source: Trace | History, budget: int = BUDGET) -> Verdict:
    """Return for each key the first operation that fits no order; empty if the history is linearizable.

    Parameters
    ----------
    source : Trace or History
        All operations of all clients. Who leaves writes out is told that nobody wrote what was read.
    budget : int
        How many steps the search may look at for each key before it gives up and says so: about a second's worth.

    Returns
    -------
    Verdict
        A violation names the operation that cannot be placed, in ``operations[0]``, and why; its ``order`` is the
        longest that fits, of everything that was answered before.

    Examples
    --------
    >>> history = History.from_csv('''session,kind,key,value,call_ms,return_ms
    ... a,write,x,1,0,1
    ... a,write,x,2,2,3
    ... b,read,x,1,10,11''')
    >>> print(linearizability(history)[0])
    read 2 at 10.0–11.0 ms returned 1, but write 1 of 2 had been answered at 3.0 ms and nothing wrote 1 after it.
    """
    history = as_history(source)
    violations: list[Violation] = []
    undecided: list[str] = []
    keys = history.by_key()
    for key, numbers in keys.items():
        steps = [found for number in numbers if (found := step(number, history[number]))]
        try:
            if Search(steps, budget).order() is None:
                violations.append(_violation(history, steps, budget))
        except UndecidedError:
            undecided.append(_gave_up(key, steps, budget))
    violations.sort(key=lambda violation: violation.end_ms)
    of = f"{count(len(history), 'operation')} on {count(len(keys), 'key')}"
    return Verdict(LINEARIZABLE, of, tuple(violations), tuple(undecided))


def _violation(history: History, steps: Sequence[Step], budget: int) -> Violation:
    must = sorted((step for step in steps if step.end < inf), key=lambda step: (step.end, step.number))
    fits, fits_not = 0, len(must)  # how many of the answers can be explained, and how many cannot
    order: list[int] | None = []
    while fits_not - fits > 1:
        middle = (fits + fits_not) // 2
        try:
            found = Search(_until(steps, must[:middle]), budget).order()
        except UndecidedError:
            fits, order = middle, None  # go on to where it is known
            continue
        if found is None:
            fits_not = middle
        else:
            fits, order = middle, found
    misfit = must[fits_not - 1]
    why, witnesses = reason(history, _until(steps, must[:fits_not]), misfit, order)
    violation = seen_in(history, LINEARIZABLE, why, (misfit.number, *witnesses), history[misfit.number].session)
    return replace(violation, order=tuple(order or ()))


def _until(steps: Sequence[Step], answered: Sequence[Step]) -> list[Step]:
    """Return what was known when the last of these answers came: whatever else had been asked may have happened."""
    now = answered[-1].end
    known = {step.number for step in answered}
    waiting = (step for step in steps if step.number not in known and step.call <= now and step.writes)
    return [*answered, *(replace(step, end=inf) for step in waiting)]


def _gave_up(key: Key, steps: Sequence[Step], budget: int) -> str:
    unanswered = sum(step.end == inf for step in steps)
    return (
        f"Key {key} is undecided: the search gave up after {budget:,} steps over {count(len(steps), 'operation')}, "
        f"{unanswered:,} of them without an answer; check a shorter history or raise the budget."
    )
