"""Amounts as people write them, and the points that an answer earns."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replication_viz.lessons.amounts import AmountError, read_amount, text_of
from replication_viz.lessons.score import score_choice, score_number

amounts = st.floats(1e-6, 1e9)


# -- amounts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "unit", "amount"),
    [
        ("4", "ms", 4),
        ("4 ms", "ms", 4),
        (" 4ms ", "ms", 4),
        ("0.4 s", "ms", 400),
        ("0,4 s", "ms", 400),
        ("2 min", "s", 120),
        ("250 µs", "ms", 0.25),
        ("1,000", "writes", 1000),
        ("1 000", "writes", 1000),
        ("1\u202f000 writes", "writes", 1000),
        ("1 write", "writes", 1),
        ("1,234.5", "", 1234.5),
        ("1.234,5", "", 1234.5),
        ("1.000.000", "", 1e6),
        ("5k", "writes", 5000),
        ("5 k writes", "writes", 5000),
        ("1e3", "ms", 1000),
        ("~ 30", "ms", 30),
        ("10x", "times", 10),
        ("50 %", "%", 50),
        ("64 MB", "GB", 0.064),
        ("never", "ms", math.inf),
        ("0", "ms", 0),
    ],
)
def test_an_amount_is_read_as_people_write_it(text: str, unit: str, amount: float) -> None:
    assert read_amount(text, unit) == pytest.approx(amount)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no answer yet"),
        ("fast", "not a number"),
        ("4 kg", "does not fit"),
        ("-4", "below zero"),
        ("1,500", "write 1500 or 1.500"),
        ("1 00", "not one number"),
        ("1,2,3", "not one number"),
        ("4 5 ms", "not one number"),
        ("nan", "not a number"),
        ("<script>", "not a number"),
        ("9" * 400, "too large"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(text: str, says: str) -> None:
    with pytest.raises(AmountError, match=says) as refused:
        read_amount(text, "ms")
    sentence = str(refused.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 140


@given(amounts, st.sampled_from(["ms", "writes", "%", "GB", ""]))
def test_what_is_shown_can_be_typed_again(value: float, unit: str) -> None:
    shown = text_of(value, unit)
    if ",000" in shown or "," not in shown:  # 1,500 has two meanings on its own
        assert read_amount(shown, unit) == pytest.approx(value, rel=0.005, abs=1e-9)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    with suppress(AmountError):
        assert read_amount(text, "ms") >= 0


# -- points -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "answer", "points"),
    [(4, 4, 100), (4.3, 4, 100), (3.7, 4, 100), (8, 4, 73), (2, 4, 73), (40, 4, 0), (0.4, 4, 0), (400, 4, 0)],
)
def test_points_follow_the_ratio(said: float, answer: float, points: int) -> None:
    assert score_number(said, answer).points == points


@given(amounts, st.floats(1, 100), st.floats(1, 100))
def test_a_larger_error_never_earns_more(answer: float, one: float, other: float) -> None:
    near, far = sorted((one, other))
    for nearer, farther in ((answer * near, answer * far), (answer / near, answer / far)):
        better, worse = score_number(nearer, answer).points, score_number(farther, answer).points
        assert better is not None
        assert worse is not None
        assert 100 >= better >= worse >= 0


@given(amounts, st.floats(1, 100))
def test_too_high_and_too_low_by_one_factor_cost_the_same(answer: float, factor: float) -> None:
    high, low = score_number(answer * factor, answer).points, score_number(answer / factor, answer).points
    assert high is not None
    assert low is not None
    assert abs(high - low) <= 1


def test_zero_is_only_right_for_zero_unless_a_floor_is_given() -> None:
    assert score_number(0, 0).points == 100
    assert score_number(1, 0).points == 0
    assert score_number(1, 0, floor=1).points == 100
    assert score_number(math.inf, math.inf).points == 100
    assert score_number(10, math.inf).points == 0
    assert score_number(3, math.nan).points is None


def test_the_distance_is_told_in_words() -> None:
    assert score_number(5, 4).distance == "25 % too high"
    assert score_number(1, 4).distance == "4 times too low"
    assert score_choice("s2", "s1").points == 0
