"""Lesson tools: predict before the run and reveal after it, exercises that say why, riddles, drills, progress.

>>> from replication_viz.lessons import exercise, predict, progress
"""

from .drills import Rehearsal, rehearse
from .exercise import Exercise, Verdict, exercise
from .prediction import Prediction, Reveal, predict
from .progress import progress
from .questions import ask, task
from .riddles import unlabelled

__all__ = [
    "Exercise",
    "Prediction",
    "Rehearsal",
    "Reveal",
    "Verdict",
    "ask",
    "exercise",
    "predict",
    "progress",
    "rehearse",
    "task",
    "unlabelled",
]
