"""Exercises: a task, a check that says why, hints one at a time, a solution after a try."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .amounts import AmountError, read_amount, text_of
from .book import Book, current_book, is_unattended
from .card import Face, Line, Result, Shown
from .score import score_number

NO_ANSWER = ...
Check = Callable[[Any], Any]


class Verdict(Shown):
    """What a check found. ``passed`` and, in one sentence, the ``reason``; true if passed."""

    def __init__(self, asked: Exercise, passed: bool, line: Line) -> None:
        self.passed = passed
        self.reason = line.text
        self._asked = asked
        self._line = line

    def __bool__(self) -> bool:
        return self.passed

    def face(self) -> Face:
        return self._asked.face_after((self._line,))

    def heard(self, kind: str, value: str) -> None:
        self._asked.heard(kind, value)


class Exercise(Shown):
    """A task whose answer is checked.

    Attributes
    ----------
    passed : bool
        Whether the last answer was right. `check` raises nothing, so a grader reads this.
    """

    def __init__(
        self,
        name: str,
        task: str,
        check: object,
        hints: tuple[str, ...],
        solution: str,
        because: str,
        unit: str,
        within: float,
        unattended: object,
        book: Book,
    ) -> None:
        self.name = name
        self.task = task
        self.passed = False
        self._check = check
        self._hints = hints
        self._solution = solution
        self._because = because
        self._unit = unit
        self._within = within
        self._unattended = unattended
        self._book = book
        self._notes: tuple[Line, ...] = ()
        self._latest: Verdict | None = None
        self._hints_shown = 0
        self._tries = 0
        self._earlier_tries = _count(book.entry("exercises", name), "tries")
        self._is_solution_open = False
        self._is_asked_twice = False

    def check(self, answer: object = NO_ANSWER) -> Verdict:
        """Judge an answer; ``...`` is the place to put one.

        Unattended, the placeholder stands for the exercise's own answer.

        Raises
        ------
        AssertionError
            If nobody sits in front and the exercise's own answer fails: the lesson is broken.
        """
        is_own = False
        if answer is NO_ANSWER or answer is None:
            if not is_unattended() or self._unattended is NO_ANSWER:
                return self._verdict(False, Line("No answer yet: put yours in place of `...`.", "wait"))
            answer, is_own = self._unattended, True
        self._tries += 1
        self.passed, reason = self._judged(answer)
        if is_own:
            assert self.passed, f"exercise {self.name!r} refuses its own answer: {reason}"
        self._keep()
        return self._verdict(self.passed, Line(reason, "good" if self.passed else "bad"))

    def hint(self) -> Result:
        """Return the hints so far and one more."""
        if self._hints_shown < len(self._hints):
            self._hints_shown += 1
            self._keep()
        self.refresh()
        lines = self._hint_lines() or (Line("There is no hint for this one."),)
        if self._hints and self._hints_shown == len(self._hints):
            lines = (*lines, Line("That was the last hint.", "wait"))
        return Result(Face("Exercise", self.task, lines))

    def solution(self, insist: bool = False) -> Result:
        """Return the solution after a try, or at once if the reader insists."""
        if not self._solution:
            line = Line("There is no written solution; the check says what is missing.", "wait")
        elif self._tries or insist:
            self._is_solution_open = True
            self._keep()
            line = Line(f"Solution: {self._solution}", "why")
        else:
            line = Line(
                "Try first: any checked answer opens it, and so does `solution(insist=True)`.",
                "wait",
            )
        self.refresh()
        return Result(Face("Exercise", self.task, (line,)))

    def face(self) -> Face:
        return self.face_after(self._notes)

    def face_after(self, notes: tuple[Line, ...]) -> Face:
        """Return the task below some notes, with the hints and the solution as far as they are open."""
        lines = [*notes, *self._hint_lines()]
        if self._is_solution_open:
            lines.append(Line(f"Solution: {self._solution}", "why"))
        elif self._is_asked_twice:
            lines.append(Line("Try first. Press again to see it all the same.", "wait"))
        if not lines:
            seen = self._book.entry("exercises", self.name).get("solved")
            lines = [Line("Solved earlier.", "good") if seen else Line("Not solved yet.", "wait")]
        buttons = []
        if self._hints_shown < len(self._hints):
            buttons.append(("hint", f"Hint {self._hints_shown + 1} of {len(self._hints)}"))
        if self._solution and not self._is_solution_open:
            buttons.append(("solution", "Solution"))
        return Face("Exercise", self.task, tuple(lines), buttons=tuple(buttons))

    def refresh(self) -> None:
        super().refresh()
        if self._latest is not None:
            self._latest.refresh()

    def heard(self, kind: str, value: str) -> None:
        if value == "hint":
            self.hint()
        elif value == "solution" and (self._tries or self._is_asked_twice):
            self.solution(insist=True)
        elif value == "solution":
            self._is_asked_twice = True
            self.refresh()

    def _verdict(self, passed: bool, line: Line) -> Verdict:
        self._notes = (line,)
        self._latest = Verdict(self, passed, line)
        self.refresh()
        return self._latest

    def _hint_lines(self) -> tuple[Line, ...]:
        shown = self._hints[: self._hints_shown]
        return tuple(Line(f"Hint {i}: {text}") for i, text in enumerate(shown, start=1))

    def _judged(self, answer: object) -> tuple[bool, str]:
        if callable(self._check):
            return self._asked(self._check, answer)
        if isinstance(self._check, int | float) and not isinstance(self._check, bool):
            passed, reason = self._compared(float(self._check), answer)
        elif isinstance(self._check, str):
            passed = str(answer).strip().casefold() == self._check.strip().casefold()
            reason = f"“{answer}”." if passed else f"“{answer}” is not it."
        elif isinstance(self._check, set | frozenset):
            passed, reason = _compared_sets(frozenset(self._check), answer)
        else:
            passed, reason = _is_equal(answer, self._check), f"{answer!r}."
        if not passed:
            return False, f"Not yet: {reason}"
        return True, f"Right: {reason} {self._because}".rstrip()

    def _asked(self, check: Check, answer: object) -> tuple[bool, str]:
        try:
            found = check(answer)
            passed, reason = found if isinstance(found, tuple) else (found, "")
            passed = bool(passed)
        except Exception as error:  # the answer may be anything; the reader gets a sentence
            detail = f"{type(error).__name__}: {error}".rstrip(": ").rstrip(".")
            return False, f"Not yet: the check could not use this answer ({detail})."
        reason = str(reason) or (self._because if passed else "that is not what was asked for.")
        return passed, f"{'Right' if passed else 'Not yet'}: {reason}".removesuffix(": ")

    def _compared(self, wanted: float, answer: object) -> tuple[bool, str]:
        try:
            if isinstance(answer, str):
                number = read_amount(answer, self._unit)
            elif isinstance(answer, bool):
                raise TypeError
            else:
                number = float(answer)  # type: ignore[arg-type]
        except AmountError as error:
            return False, str(error)
        except (TypeError, ValueError):
            return False, f"{answer!r} is not a number."
        shown = text_of(number, self._unit) if not math.isnan(number) else "not a number"
        if number == wanted or math.isclose(number, wanted, rel_tol=self._within):
            return True, f"{shown}."
        if math.isnan(number) or number < 0:
            return False, f"{shown} is not a number from 0 up."
        return False, f"{shown} is {score_number(number, wanted).distance}."

    def _keep(self) -> None:
        entry = self._book.entry("exercises", self.name)
        entry.update(
            tries=max(_count(entry, "tries"), self._earlier_tries + self._tries),
            hints=max(_count(entry, "hints"), self._hints_shown),
            solution_shown=bool(entry.get("solution_shown")) or self._is_solution_open,
            solved=bool(entry.get("solved")) or self.passed,
        )
        self._book.record("exercises", self.name, entry)


def exercise(
    name: str,
    *,
    task: str,
    check: object,
    hints: Sequence[str] = (),
    solution: str = "",
    because: str = "",
    unit: str = "",
    within: float = 0.05,
    unattended: object = NO_ANSWER,
) -> Exercise:
    """Set a task.

    Parameters
    ----------
    name : str
        Its name in the progress file; the lesson stands before the first dash ("02-a").
    check : callable, number, text, set or other value
        A callable gets the answer and returns whether it is right or, better, that and the reason.
        A number is right within ``within`` of it, a text whatever its case, a set in any order.
    because : str
        Why the answer is right, shown when it is.
    unit : str
        Unit of a number; answers such as "0.4 s" are converted.
    within : float
        Relative error that a number may have.
    unattended : object
        An answer that the check must pass, tried in place of ``...`` when nobody sits in front.
    """
    if not name.strip():
        raise ValueError("name is empty: an exercise needs one, such as '02-a'.")
    return Exercise(name, task, check, tuple(hints), solution, because, unit, within, unattended, current_book())


def _compared_sets(wanted: frozenset[Any], answer: object) -> tuple[bool, str]:
    try:
        given = frozenset(answer)  # type: ignore[call-overload]
    except TypeError:
        return False, f"{answer!r} is not a set of answers: write {{'…', '…'}}."
    missing, extra = len(wanted - given), len(given - wanted)
    if not missing and not extra:
        return True, f"all {len(wanted)}."
    parts = [f"{missing} missing"] * bool(missing) + [f"{extra} too many"] * bool(extra)
    return False, f"{', '.join(parts)}."


def _is_equal(answer: object, wanted: object) -> bool:
    try:
        return bool(answer == wanted)
    except ValueError:  # arrays compare element by element
        import numpy as np

        return bool(np.array_equal(answer, wanted))  # type: ignore[arg-type]


def _count(entry: dict[str, Any], field: str) -> int:
    value = entry.get(field, 0)
    return value if isinstance(value, int) else 0
