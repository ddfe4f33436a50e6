"""Panels: knobs, the stage, numbers and charts, put together."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .lab import Lab
from .matrix import Matrix

if TYPE_CHECKING:
    from .real_desk import RealDesk
    from .real_lab import RealLab
    from .restore import RestoreDesk

__all__ = ["Lab", "Matrix", "RealDesk", "RealLab", "RestoreDesk"]
_LATER = {"RealDesk": "real_desk", "RealLab": "real_lab", "RestoreDesk": "restore"}


def __getattr__(name: str) -> Any:
    """Load what draws charts when it is asked for: the drawing library takes a second."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_LATER[name]}", __name__), name)
