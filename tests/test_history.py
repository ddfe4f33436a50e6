"""Undo and redo: a history is a value, consecutive turns of one knob are one step, and nothing grows without end."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replication_viz.panels.history import LONGEST, History


def test_what_was_done_last_is_undone_first_and_done_again_first():
    history: History[int] = History[int]().done("one", 0, 1).done("two", 1, 2)
    assert (history.undo_name, history.redo_name) == ("two", "")
    state, history = history.undone()
    assert (state, history.undo_name, history.redo_name) == (1, "one", "two")
    state, history = history.undone()
    assert (state, history.undo_name, history.redo_name) == (0, "", "one")
    state, history = history.redone()
    assert (state, history.undo_name, history.redo_name) == (1, "one", "two")


def test_consecutive_steps_of_one_mark_are_one_step():
    history: History[int] = History[int]().done("lag", 0, 1, "lag")
    assert history.before("lag") == 0
    assert history.before("seed") is None
    history = history.done("lag", 0, 5, "lag").done("seed", 5, 6, "seed").done("lag", 6, 7, "lag")
    assert [(step.before, step.after) for step in history.past] == [(0, 5), (5, 6), (6, 7)]


def test_a_step_without_a_mark_stands_alone():
    history: History[int] = History[int]().done("crash", 0, 1).done("crash", 1, 2)
    assert history.before(None) is None
    assert len(history.past) == 2


def test_a_step_that_leads_back_to_where_it_began_is_none():
    history: History[int] = History[int]().done("crash", 0, 1).done("lag", 1, 2, "lag").done("lag", 1, 1, "lag")
    assert [step.name for step in history.past] == ["crash"]
    _, undone = history.undone()
    assert undone.done("nothing", 0, 0) == undone  # and what was undone can still be done again


def test_after_undo_the_same_knob_begins_another_step():
    _, history = History[int]().done("lag", 0, 1, "lag").done("seed", 1, 2, "seed").undone()
    assert history.before("lag") is None
    history = history.done("lag", 1, 3, "lag")
    assert [(step.before, step.after) for step in history.past] == [(0, 1), (1, 3)]
    assert history.redo_name == ""


def test_it_forgets_what_is_long_ago():
    history: History[int] = History()
    for i in range(LONGEST + 50):
        history = history.done(str(i), i, i + 1)
    assert len(history.past) == LONGEST
    assert history.undo_name == str(LONGEST + 49)


def test_with_nothing_to_undo_there_is_an_error():
    for method in ("undone", "redone"):
        with pytest.raises(IndexError):
            getattr(History(), method)()


@given(st.lists(st.one_of(st.integers(0, 9), st.sampled_from(["undo", "redo"])), max_size=60))
def test_undo_and_redo_walk_over_the_same_states(what: list[Any]):
    """Against the plain model: a list of states and a place in it."""
    states, place = [0], 0
    history: History[int] = History()
    now = 0
    for step in what:
        if step == "undo" and place:
            now, history = history.undone()
            place -= 1
        elif step == "redo" and place < len(states) - 1:
            now, history = history.redone()
            place += 1
        elif isinstance(step, int) and step != now:
            history = history.done(str(step), now, step)
            states, now = [*states[: place + 1], step], step
            place += 1
        assert now == states[place]
        assert (len(history.past), len(history.future)) == (place, len(states) - 1 - place)
