"""All that a run depends on, as data."""

from .clocks import clock_offset_ms
from .errors import ScenarioError
from .faults import (
    CancelWaits,
    Change,
    Crash,
    CutLink,
    DropSlot,
    Fault,
    Freeze,
    LinkDelay,
    LongQuery,
    LoseArchive,
    Partition,
    PauseReplay,
    Promote,
    Rebuild,
    Restart,
    SkewClock,
    SlowReplay,
    StallDisk,
    Statement,
)
from .levels import ANYWHERE
from .limits import LEADER
from .model import NodeSettings, Scenario, field_info
from .registry import scenarios
from .ring import Ring
from .sync_names import SyncNamesError, SyncRule, parse

__all__ = [
    "ANYWHERE",
    "LEADER",
    "CancelWaits",
    "Change",
    "Crash",
    "CutLink",
    "DropSlot",
    "Fault",
    "Freeze",
    "LinkDelay",
    "LongQuery",
    "LoseArchive",
    "NodeSettings",
    "Partition",
    "PauseReplay",
    "Promote",
    "Rebuild",
    "Restart",
    "Ring",
    "Scenario",
    "ScenarioError",
    "SkewClock",
    "SlowReplay",
    "StallDisk",
    "Statement",
    "SyncNamesError",
    "SyncRule",
    "clock_offset_ms",
    "field_info",
    "parse",
    "scenarios",
]
