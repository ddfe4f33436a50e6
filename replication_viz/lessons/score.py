"""Points for a prediction: by its error on a ratio scale, or right and wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .amounts import text_of

FULL = 100
NEAR = 1.1
FAR = 10.0
RULE = "100 points within 10 %, 0 from ten times too high or too low, evenly by the logarithm between"


@dataclass(frozen=True)
class Score:
    """Points from 0 to 100, ``None`` where there is nothing to score, and how far off in words."""

    points: int | None
    distance: str

    @property
    def right(self) -> bool:
        return self.points == FULL


def score_number(said: float, answer: float, floor: float = 0.0) -> Score:
    """Return the score of a number by the ratio of what was said to the answer.

    100 points within 10 %, 0 from a factor of ten on, and between these evenly in the logarithm of
    the factor. Too high and too low by one factor cost the same. A ratio with zero means nothing:
    amounts below ``floor`` count as ``floor``, and with no floor zero is only right for zero.

    Examples
    --------
    >>> score_number(4.2, 4).points, score_number(8, 4).points, score_number(40, 4).points
    (100, 73, 0)
    """
    if math.isnan(answer):
        return Score(None, "the run gave no number to compare it with")
    if answer < 0:
        return Score(None, "the run gave a number below zero, which has no ratio")
    near_said, near_answer = max(said, floor), max(answer, floor)
    if near_said == near_answer:
        return Score(FULL, "exactly right" if said == answer else "right: both are close to zero")
    if near_answer == 0 or near_said == 0 or math.isinf(near_said) or math.isinf(near_answer):
        return Score(0, "not comparable: one of the two is zero or never")
    decades = abs(math.log10(near_said) - math.log10(near_answer))
    lost = (decades - math.log10(NEAR)) / (math.log10(FAR) - math.log10(NEAR))
    points = round(FULL * min(max(1.0 - lost, 0.0), 1.0))
    return Score(points, _distance(near_said, near_answer))


def score_choice(said: str, answer: str) -> Score:
    """Return 100 points for the right choice, 0 for another."""
    return Score(FULL, "right") if said == answer else Score(0, "not that one")


def _distance(said: float, answer: float) -> str:
    way = "high" if said > answer else "low"
    decades = abs(math.log10(said) - math.log10(answer))
    if decades > 15:
        return f"more than {10**15:,} times too {way}"
    ratio = 10**decades
    if round(ratio, 1) >= 2:
        return f"{text_of(float(f'{ratio:.2g}'))} times too {way}"
    percent = abs(said / answer - 1) * 100
    return f"{percent:.0f} % too {way}" if percent >= 0.5 else f"less than 1 % too {way}"
