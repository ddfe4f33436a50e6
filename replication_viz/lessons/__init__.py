"""Lesson tools: predict before the run and reveal after it, exercises that say why, progress.

>>> from replication_viz.lessons import exercise, predict, progress
"""

from .exercise import Exercise, Verdict, exercise
from .prediction import Prediction, Reveal, predict
from .progress import progress

__all__ = ["Exercise", "Prediction", "Reveal", "Verdict", "exercise", "predict", "progress"]
