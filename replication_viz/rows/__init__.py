"""Rows that several leaders write: what a write does, what each leader's table makes of it, and a run told again.

The engine keeps such tables while it runs; measures and checks get them back from a trace. Nothing here knows when
messages arrive: that is the engine's business.
"""

from .deeds import Deed, Deeds
from .kinds import Kind, Plain, as_number, kind_of
from .replay import Replay, Step, StepKind, finished, replay
from .table import Found, Record, Row, Table
from .unaware import beaten, concurrent, made_ms

__all__ = [
    "Deed",
    "Deeds",
    "Found",
    "Kind",
    "Plain",
    "Record",
    "Replay",
    "Row",
    "Step",
    "StepKind",
    "Table",
    "as_number",
    "beaten",
    "concurrent",
    "finished",
    "kind_of",
    "made_ms",
    "replay",
]
