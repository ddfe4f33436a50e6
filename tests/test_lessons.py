"""Predict, reveal, exercises, progress: what the reader is told, what is kept, what a grader sees."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replication_viz.lessons import Prediction, exercise, predict, progress
from replication_viz.lessons.book import FILE, Book, is_unattended
from replication_viz.lessons.card import Face, Line


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own with somebody in front."""
    monkeypatch.setenv("REPLICATION_VIZ_UNATTENDED", "0")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ask(name: str = "02-p50", **more: Any) -> Prediction:
    return predict(name, "Median commit latency?", **{"unit": "ms", "unattended": 5, **more})


def stored(folder: Path) -> Any:
    return json.loads((folder / FILE).read_text())


# -- predict and reveal -----------------------------------------------------------------------------------------------


def test_before_the_commitment_no_trace_of_the_answer_is_shown(reader: Path) -> None:
    guess = ask()
    shown = guess.reveal(4.09, because="the fastest round trip")
    everything = json.dumps([shown.face().state(), guess.face().state()]) + shown.face().html() + repr(shown)
    assert "Commit your answer first" in everything
    assert "4.09" not in everything
    assert "round trip" not in everything
    assert shown.points is None
    assert not guess.committed


def test_the_reveal_appears_when_the_reader_commits_later(reader: Path) -> None:
    guess = ask()
    shown = guess.reveal(4.0, because="the fastest round trip and its flush")
    guess.heard("answer", "8 ms")
    text = repr(shown)
    assert "The run gave 4 ms; you said 8 ms: 2 times too high." in text
    assert "73 of 100 points" in text
    assert "100 points within 10 %" in text
    assert "Why: the fastest round trip and its flush" in text


def test_a_committed_answer_is_locked(reader: Path) -> None:
    guess = ask().commit("0.004 s")
    guess.commit("5 ms")
    guess.answer_again()
    assert guess.value == 4
    assert "locked: 4 ms" in repr(guess)
    assert guess.face().form is None
    assert guess.face().buttons == ()


def test_bad_input_is_told_in_a_sentence_and_the_question_stays_open(reader: Path) -> None:
    guess = ask()
    guess.heard("answer", "quick")
    assert "“quick” is not a number" in repr(guess)
    assert guess.face().form is not None
    assert not (reader / FILE).exists()
    assert "not a number" not in repr(guess.commit(4))


@pytest.mark.parametrize("answer", [None, True, math.nan, -1, [], "one"])
def test_values_that_are_no_answer_are_refused(reader: Path, answer: object) -> None:
    assert not ask().commit(answer).committed


def test_a_choice_is_right_or_wrong(reader: Path) -> None:
    def choose() -> Prediction:
        return predict("03-who", "Who blocks?", choices=["s1", "s2", "none"], unattended="s1")

    right = choose().commit("S1").reveal("s1", because="it is the only one named")
    assert "Right: s1. 100 of 100 points." in repr(right)
    again = choose().answer_again().commit("none").reveal("s1")
    assert "It is s1; you said none." in repr(again)
    assert "choose s1, s2 or none" in repr(choose().answer_again().commit("s4"))


def test_an_answer_that_is_no_choice_or_no_number_is_not_scored(reader: Path) -> None:
    who = predict("03-who", "Who?", choices=["s1", "s2"], unattended="s1").commit("s1").reveal("s7")
    nothing = ask().commit(4).reveal(math.nan)
    assert "not scored" in repr(who)
    assert "the run gave no number" in repr(nothing)
    assert nothing.points is None


def test_an_answer_of_an_earlier_session_is_restored_and_may_be_given_again(reader: Path) -> None:
    ask().commit(8).reveal(4)
    later = ask()
    assert later.said == "8 ms"
    assert later.face().buttons == (("again", "Answer again"),)
    shown = later.reveal(4)
    assert shown.points == 73
    later.heard("press", "again")
    assert "Commit your answer first" in repr(shown)
    later.commit(4)
    assert shown.points == 100
    assert [t["points"] for t in stored(reader)["predictions"]["02-p50"]["tries"]] == [73, 100]


def test_a_question_that_has_changed_is_asked_afresh(reader: Path) -> None:
    ask().commit(8)
    assert not predict("02-p50", "Who?", choices=["s1", "s2"], unattended="s1").committed


def test_a_cell_that_runs_again_keeps_the_reveal_further_down_waiting(reader: Path) -> None:
    shown = ask().reveal(4)
    ask().commit(4)
    assert shown.points == 100


def test_infinity_survives_the_progress_file(reader: Path) -> None:
    ask().commit("never")
    assert ask().value == math.inf
    json.dumps(stored(reader), allow_nan=False)


def test_what_an_author_gets_wrong_is_said_at_once(reader: Path) -> None:
    for wrong in ({"unattended": "soon"}, {"name": " "}, {"choices": ["s1"]}, {"choices": ["a", "b"]}):
        with pytest.raises(ValueError, match=r"unattended|name|choices"):
            ask(**wrong)


def test_unattended_the_given_value_is_committed_and_no_file_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REPLICATION_VIZ_UNATTENDED", "1")
    guess = ask(unattended="0.005 s")
    assert guess.value == 5
    assert guess.reveal(4).points is not None
    assert list(tmp_path.iterdir()) == []
    data = guess._repr_mimebundle_()
    assert set(data) == {"text/plain", "text/html"}


@pytest.mark.parametrize(
    ("said", "pytest_runs", "unattended"),
    [("1", False, True), ("0", True, False), ("", True, True), ("", False, False)],
)
def test_who_sits_in_front_is_taken_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, said: str, pytest_runs: bool, unattended: bool
) -> None:
    monkeypatch.setenv("REPLICATION_VIZ_UNATTENDED", said)
    monkeypatch.delenv("PYTEST_VERSION", raising=False)
    if pytest_runs:
        monkeypatch.setenv("PYTEST_VERSION", "9")
    assert is_unattended() is unattended


def test_texts_are_escaped_in_html(reader: Path) -> None:
    shown = Face("Prediction", "<b>1 < 2</b> & `ANY 1 (*)`", (Line("<script>"),)).html()
    assert "&lt;b&gt;1 &lt; 2&lt;/b&gt; &amp; <code>ANY 1 (*)</code>" in shown
    assert "<script>" not in shown


# -- exercises --------------------------------------------------------------------------------------------------------


def task(check: object, **more: Any) -> Any:
    return exercise("02-a", task="Find it.", check=check, **more)


@pytest.mark.parametrize(
    ("check", "right", "wrong", "says"),
    [
        (400, "0.4 s", 40, "10 times too low"),
        (400, 390.0, "quick", "not a number"),
        (12, np.int64(12), None, "put yours in place"),
        ("impossible", " Impossible ", "async", "is not it"),
        ({"s1", "s2"}, ["s2", "s1"], {"s1", "s3"}, "1 missing, 1 too many"),
        ({"s1", "s2"}, ("s1", "s2"), 3, "not a set"),
        ([1, 2], [1, 2], [2, 1], "Not yet"),
        (np.array([1, 2]), np.array([1, 2]), np.array([1, 3]), "Not yet"),
        (lambda n: n > 3, 4, 3, "not what was asked"),
        (lambda n: (n > 3, "four or more hold the quorum."), 4, 3, "four or more hold the quorum"),
        (lambda n: n.share(), type("S", (), {"share": lambda self: True})(), 3, "could not use this answer"),
    ],
)
def test_an_answer_is_judged_and_the_reason_given(
    reader: Path, check: object, right: object, wrong: object, says: str
) -> None:
    asked = task(check, unit="ms", because="so it is.")
    verdict = asked.check(wrong)
    assert not verdict.passed
    assert not asked.passed
    assert says in repr(verdict)
    verdict = asked.check(right)
    assert verdict.passed
    assert verdict
    assert asked.passed
    assert "Right" in repr(verdict)


def test_a_number_may_be_as_far_off_as_the_exercise_allows(reader: Path) -> None:
    assert task(100, within=0.2).check(119)
    assert not task(100, within=0).check(101)


def test_hints_come_one_at_a_time(reader: Path) -> None:
    asked = task(4, hints=["Think of the disk.", "It is twice the round trip."])
    assert "Hint 1" in repr(asked.hint())
    assert "Hint 2" not in repr(asked)
    assert "last hint" in repr(asked.hint())
    assert "Think of the disk" in repr(asked.hint())
    assert "no hint" in repr(task(4).hint())


def test_the_solution_opens_after_a_try_or_on_insistence(reader: Path) -> None:
    asked = task(4, solution="four")
    assert "Try first" in repr(asked.solution())
    assert "four" not in repr(asked)
    asked.check(3)
    assert "Solution: four" in repr(asked.solution())
    assert "Solution: four" in repr(task(4, solution="four").solution(insist=True))
    assert "no written solution" in repr(task(4).solution())


def test_the_buttons_do_what_the_methods_do(reader: Path) -> None:
    asked = task(4, hints=["Think."], solution="four")
    verdict = asked.check(...)
    assert [caption for _, caption in verdict.face().buttons] == ["Hint 1 of 1", "Solution"]
    verdict.heard("press", "hint")
    assert "Hint 1: Think." in repr(verdict)
    verdict.heard("press", "solution")
    assert "Press again" in repr(verdict)
    verdict.heard("press", "solution")
    assert "Solution: four" in repr(verdict)
    assert verdict.face().buttons == ()


def test_unattended_the_placeholder_stands_for_the_exercises_own_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLICATION_VIZ_UNATTENDED", "1")
    assert task(4, unattended=4).check(...)
    with pytest.raises(AssertionError, match="refuses its own answer"):
        task(4, unattended=5).check(...)
    assert not task(4).check(...)


# -- progress ---------------------------------------------------------------------------------------------------------


def test_progress_counts_first_answers_and_solved_exercises_by_lesson(reader: Path) -> None:
    assert "Nothing yet" in repr(progress())
    ask().commit(8).reveal(4)
    ask().answer_again().commit(4).reveal(4)
    ask("03-p99").commit(4).reveal(4)
    asked = task(4, hints=["a", "b"])
    asked.hint()
    asked.check(4)
    rows = progress().face().table
    assert rows[1:] == (
        ("02", "1", "73 of 100", "1 of 1", "1"),
        ("03", "1", "100 of 100", "–", "0"),
        ("all", "2", "86 of 100", "1 of 1", "1"),
    )
    assert "<table>" in progress().face().html()


def test_tries_add_up_over_sessions(reader: Path) -> None:
    task(4).check(3)
    second = task(4)
    second.check(3)
    second.check(4)
    assert stored(reader)["exercises"]["02-a"]["tries"] == 3
    assert "Solved earlier" in repr(task(4))


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"\xff\xfe", b"[]", b'{"version": 9}', b'{"version": 1, "predictions": [1]}']
)
def test_a_damaged_file_is_set_aside_and_the_lesson_goes_on(reader: Path, damage: bytes) -> None:
    (reader / FILE).write_bytes(damage)
    assert ask().commit(4).committed
    assert stored(reader)["predictions"]["02-p50"]["tries"][0]["said"] == "4 ms"
    assert [p.read_bytes() for p in reader.glob("*.damaged.json")] == [damage]
    assert "damaged" in repr(progress())


@pytest.mark.parametrize("tries", [None, 3, [], [3], [{}], [{"said": "x", "value": "x"}], [{"said": 1, "value": {}}]])
def test_entries_of_another_shape_are_ignored(reader: Path, tries: object) -> None:
    (reader / FILE).write_text(json.dumps({"version": 1, "predictions": {"02-p50": {"tries": tries}}}))
    assert not ask().committed
    progress()


def test_a_folder_that_cannot_be_written_keeps_the_progress_in_memory(
    reader: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("replication_viz.lessons.book.tempfile.mkstemp", refuse)
    ask().commit(8).reveal(4)
    assert "not saved: permission denied" in repr(progress())
    assert "73 of 100" in repr(progress())
    assert ask().committed


def test_a_write_that_fails_half_way_leaves_the_old_file(reader: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask().commit(8)
    before = (reader / FILE).read_bytes()

    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    task(4).check(4)
    assert (reader / FILE).read_bytes() == before
    assert [p.name for p in reader.iterdir()] == [FILE]


def test_two_kernels_in_one_folder_keep_each_others_entries(tmp_path: Path) -> None:
    one, other = Book(tmp_path / FILE), Book(tmp_path / FILE)
    one.record("predictions", "01-a", {"tries": []})
    other.record("predictions", "02-b", {"tries": []})
    assert set(one.entries("predictions")) == {"01-a", "02-b"}
