"""Panels: knobs, the stage, numbers and charts, put together."""

from typing import TYPE_CHECKING, Any

from .lab import Lab
from .matrix import Matrix

if TYPE_CHECKING:
    from .restore import RestoreDesk

__all__ = ["Lab", "Matrix", "RestoreDesk"]


def __getattr__(name: str) -> Any:
    """Load the restore desk when it is asked for: it draws, and the drawing library takes a second."""
    if name != "RestoreDesk":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .restore import RestoreDesk

    return RestoreDesk
