"""Panels: knobs, the stage, numbers and charts, put together."""

from .lab import Lab
from .matrix import Matrix
from .restore import RestoreDesk

__all__ = ["Lab", "Matrix", "RestoreDesk"]
