"""What was done, and how to take it back: steps between states, each with its name in words.

A history is a value: every method returns another one, so whoever holds one can try first and keep it later.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

LONGEST = 200

S = TypeVar("S")


@dataclass(frozen=True)
class Step(Generic[S]):
    """One thing that was done.

    Attributes
    ----------
    name : str
        What it was, in words.
    before, after : state
        What held before and after.
    mark : hashable or None
        What was turned; a step whose mark equals that of the last one belongs to it. None stands alone.
    """

    name: str
    before: S
    after: S
    mark: Hashable = None


@dataclass(frozen=True)
class History(Generic[S]):
    """Steps done and steps undone, the latest of each last.

    Examples
    --------
    >>> history = History().done("lag 0 → 5 ms", 0, 5, "lag").done("lag 0 → 9 ms", 0, 9, "lag")
    >>> history.undo_name, history.before("lag"), history.before("seed")
    ('lag 0 → 9 ms', 0, None)
    >>> state, history = history.undone()
    >>> state, history.redo_name
    (0, 'lag 0 → 9 ms')
    """

    past: tuple[Step[S], ...] = ()
    future: tuple[Step[S], ...] = ()
    sealed: bool = field(default=True, repr=False)

    @property
    def undo_name(self) -> str:
        """What would be taken back, or nothing."""
        return self.past[-1].name if self.past else ""

    @property
    def redo_name(self) -> str:
        """What would be done again, or nothing."""
        return self.future[-1].name if self.future else ""

    def before(self, mark: Hashable) -> S | None:
        """Return what held before the last step, if one with this mark would belong to it; else None."""
        if self.sealed or mark is None or not self.past or self.past[-1].mark != mark:
            return None
        return self.past[-1].before

    def done(self, name: str, before: S, after: S, mark: Hashable = None) -> History[S]:
        """Return the history after one more step, or after another form of the last one if that has the same mark.

        A step that leads back to where it began is none.
        """
        joins = self.before(mark) is not None
        past = self.past[:-1] if joins else self.past
        if before == after:
            return History(past, () if joins else self.future)
        return History((*past, Step(name, before, after, mark))[-LONGEST:], (), sealed=False)

    def undone(self) -> tuple[S, History[S]]:
        """Return the state before the last step, and the history without it.

        Raises
        ------
        IndexError
            If nothing was done.
        """
        step = self.past[-1]
        return step.before, History(self.past[:-1], (*self.future, step))

    def redone(self) -> tuple[S, History[S]]:
        """Return the state after the step that was undone last, and the history with it.

        Raises
        ------
        IndexError
            If nothing was undone.
        """
        step = self.future[-1]
        return step.after, History((*self.past, step), self.future[:-1])
