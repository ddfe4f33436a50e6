"""Panels: knobs, the stage, numbers and charts, put together."""

from .lab import Lab
from .matrix import Matrix

__all__ = ["Lab", "Matrix"]
