"""Predict, then reveal: the reader's answer is locked before the run is shown, then scored.

Until it is committed nothing of the answer reaches the browser; cells further down run all the
same and their reveals wait.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .amounts import AmountError, read_amount, text_of
from .book import Book, Entry, current_book, is_unattended
from .card import Face, Form, Line, Shown
from .score import RULE, Score, score_choice, score_number

Answer = float | str


class Prediction(Shown):
    """A question and the reader's answer to it.

    Attributes
    ----------
    value : float, str or None
        What was committed, in ``unit``, or the choice; ``None`` as long as nothing is.
    """

    def __init__(self, name: str, question: str, unit: str, choices: tuple[str, ...], floor: float, book: Book) -> None:
        self.name = name
        self.question = question
        self.unit = unit
        self.choices = choices
        self.floor = floor
        self.value: Answer | None = None
        self._book = book
        self._message = ""
        self._is_restored = False
        self._reveals: list[Reveal] = []
        self._restore()

    @property
    def committed(self) -> bool:
        """Whether the answer is locked."""
        return self.value is not None

    @property
    def said(self) -> str:
        """The committed answer as text; empty as long as there is none."""
        return "" if self.value is None else self._text(self.value)

    def commit(self, answer: object) -> Prediction:
        """Lock the answer, a number or a text such as "0.4 s", or say in one sentence why not."""
        if self.committed:
            self._message = f"Your answer is locked: {self.said}. On to the next one."
        else:
            try:
                self.value = self._understood(answer)
            except AmountError as error:
                self._message = str(error)
            else:
                self._message = ""
                self._keep({"said": self.said, "value": _stored(self.value)}, is_new=True)
        self._refresh_all()
        return self

    def answer_again(self) -> Prediction:
        """Open a prediction that an earlier session committed; in the session itself it stays."""
        if self._is_restored:
            self.value, self._is_restored, self._message = None, False, ""
        elif self.committed:
            self._message = f"Your answer is locked: {self.said}. On to the next one."
        self._refresh_all()
        return self

    def reveal(self, answer: Any, because: str = "") -> Reveal:
        """Return what the run gave, beside what was said, with points and the reason.

        Parameters
        ----------
        answer : float or str
            A number in the prediction's unit (NaN: the run measured nothing), or a choice.
        because : str
            Why it is so.
        """
        known: Answer = str(answer) if self.choices else float(answer)
        result = Reveal(self, known, because)
        self._reveals.append(result)
        result.refresh()
        return result

    def score(self, answer: Answer) -> Score:
        """Keep and return the score of the committed answer."""
        if self.value is None:
            raise ValueError(f"prediction {self.name!r} is not committed: there is nothing to score.")
        if isinstance(answer, str) or isinstance(self.value, str):
            if str(answer) not in self.choices:
                return Score(None, "the run's answer is none of the choices")
            score = score_choice(str(self.value), str(answer))
        else:
            score = score_number(self.value, answer, self.floor)
        self._keep({"points": score.points, "distance": score.distance}, is_new=False)
        return score

    def face(self) -> Face:
        notes = [Line(self._message, "bad")] if self._message else []
        if not self.committed:
            example = "" if self.choices else f"e.g. {text_of(4, self.unit)}"
            waiting = Line("Nothing is committed yet. Once it is, it stays.", "wait")
            form = Form(self.unit, self.choices, example)
            return Face("Prediction", self.question, (*notes, waiting), form)
        when = "last time" if self._is_restored else "and that stays"
        buttons = (("again", "Answer again"),) if self._is_restored else ()
        said = Line(f"You said {self.said}, {when}.")
        return Face("Prediction", self.question, (said, *notes), buttons=buttons)

    def heard(self, kind: str, value: str) -> None:
        if kind == "answer":
            self.commit(value)
        elif value == "again":
            self.answer_again()

    def take_over(self, older: Prediction) -> None:
        """Let reveals that wait for an older copy of this question wait for this one."""
        self._reveals = older._reveals
        for waiting in self._reveals:
            waiting.prediction = self
        self._refresh_all()

    def _understood(self, answer: object) -> Answer:
        if self.choices:
            wanted = str(answer).strip().casefold()
            for choice in self.choices:
                if choice.casefold() == wanted:
                    return choice
            raise AmountError(
                f"“{answer}” is none of the choices: choose {_listed(self.choices)}."
                if wanted
                else f"There is no answer yet: choose {_listed(self.choices)}."
            )
        if isinstance(answer, str):
            return read_amount(answer, self.unit)
        try:
            if isinstance(answer, bool):
                raise TypeError
            number = float(answer)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise AmountError(f"{answer!r} is not a number: write one such as {text_of(4, self.unit)}.") from None
        if math.isnan(number) or number < 0:
            raise AmountError(f"{number} cannot be the answer: it is a number from 0 up.")
        return number

    def _text(self, value: Answer) -> str:
        return value if isinstance(value, str) else text_of(value, self.unit)

    def _restore(self) -> None:
        tries = _tries(self._book.entry("predictions", self.name))
        if tries and tries[-1].get("said"):
            try:
                stored = tries[-1].get("value")
                self.value = self._understood("never" if stored == "never" else stored)
                self._is_restored = True
            except AmountError:
                self.value = None  # the question was another one then

    def _keep(self, facts: Entry, *, is_new: bool) -> None:
        entry = self._book.entry("predictions", self.name)
        tries = _tries(entry)
        if is_new or not tries:
            tries = [*tries, {}]
        changed = {**tries[-1], **facts}
        if changed != tries[-1]:
            entry = {"question": self.question, "tries": [*tries[:-1], changed]}
            self._book.record("predictions", self.name, entry)

    def _refresh_all(self) -> None:
        self.refresh()
        for waiting in self._reveals:
            waiting.refresh()


class Reveal(Shown):
    """What the run gave beside what was said; while nothing is committed it only says so."""

    def __init__(self, prediction: Prediction, answer: Answer, because: str) -> None:
        self.prediction = prediction
        self._answer = answer
        self._because = because
        self._score: Score | None = None

    @property
    def points(self) -> int | None:
        """Points from 0 to 100; ``None`` before the commitment and where nothing can be scored."""
        return self._score.points if self._score is not None else None

    def refresh(self) -> None:
        self._score = self.prediction.score(self._answer) if self.prediction.committed else None
        super().refresh()

    def face(self) -> Face:
        asked, score = self.prediction, self._score
        if score is None:
            wait = Line("Commit your answer first: the prediction is still open.", "wait")
            return Face("Answer", asked.question, (wait,))
        lines = [_outcome(asked, self._answer, score)]
        if score.points is not None and not asked.choices:
            lines.append(Line(f"{score.points} of 100 points: {RULE}."))
        if self._because:
            lines.append(Line(f"Why: {self._because}", "why"))
        return Face("Answer", asked.question, tuple(lines))


def predict(
    name: str,
    question: str,
    *,
    unattended: Answer,
    unit: str = "",
    choices: Sequence[str] = (),
    floor: float = 0.0,
) -> Prediction:
    """Ask for a number with a unit, or for one of some choices, before the run is shown.

    Parameters
    ----------
    name : str
        The prediction's name in the progress file. What stands before the first dash is the lesson
        ("02-p50").
    question : str
        What is asked; `code` stands between backticks.
    unattended : float or str
        What is committed when nobody sits in front (`book.is_unattended`).
    unit : str
        Unit of the number; answers in related units are converted ("0.4 s" → 400 ms).
    choices : sequence of str
        The choices, where it is not a number.
    floor : float
        Amounts below this count as this much when the error is taken.

    Raises
    ------
    ValueError
        If the name is empty, the choices are fewer than two, or ``unattended`` is no answer.

    Notes
    -----
    A number scores 100 points within 10 %, 0 from ten times too high or too low, and evenly by
    the logarithm of the ratio between; a choice scores 100 or 0.
    """
    if not name.strip():
        raise ValueError("name is empty: a prediction needs one, such as '02-p50'.")
    if choices and len(set(choices)) < 2:
        raise ValueError(f"choices are {list(choices)}: at least two different ones are needed.")
    book = current_book()
    prediction = Prediction(name, question, unit, tuple(choices), floor, book)
    try:
        given = prediction._understood(unattended)
    except AmountError as error:
        raise ValueError(f"unattended of {name!r}: {error}") from None
    if is_unattended():
        prediction._is_restored = False
        prediction.value = given
    older = _latest.get((id(book), name))
    if older is not None:
        prediction.take_over(older)
    _latest[id(book), name] = prediction
    return prediction


# The newest copy of each question in this kernel: a cell that runs again keeps its waiting reveals.
_latest: dict[tuple[int, str], Prediction] = {}


def _outcome(asked: Prediction, answer: Answer, score: Score) -> Line:
    gave, said = asked._text(answer), asked.said
    if score.points is None:
        return Line(f"You said {said}. It is not scored: {score.distance}.")
    if asked.choices:
        if score.right:
            return Line(f"Right: {gave}. 100 of 100 points.", "good")
        return Line(f"It is {gave}; you said {said}. 0 of 100 points.", "bad")
    tone = {100: "good", 0: "bad"}.get(score.points, "plain")
    return Line(f"The run gave {gave}; you said {said}: {score.distance}.", tone)  # type: ignore[arg-type]


def _stored(value: Answer) -> Answer:
    return "never" if value == math.inf else value


def _tries(entry: Entry) -> list[Entry]:
    tries = entry.get("tries", [])
    return [t for t in tries if isinstance(t, dict)] if isinstance(tries, list) else []


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
