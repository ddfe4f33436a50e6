"""All that a run depends on, as data."""

from .errors import ScenarioError
from .faults import (
    CancelWaits,
    Change,
    Crash,
    CutLink,
    DropSlot,
    Fault,
    LinkDelay,
    LongQuery,
    LoseArchive,
    Partition,
    PauseReplay,
    Rebuild,
    Restart,
    SlowReplay,
    StallDisk,
    Statement,
)
from .limits import LEADER
from .model import NodeSettings, Scenario, field_info
from .registry import scenarios
from .sync_names import SyncNamesError, SyncRule, parse

__all__ = [
    "LEADER",
    "CancelWaits",
    "Change",
    "Crash",
    "CutLink",
    "DropSlot",
    "Fault",
    "LinkDelay",
    "LongQuery",
    "LoseArchive",
    "NodeSettings",
    "Partition",
    "PauseReplay",
    "Rebuild",
    "Restart",
    "Scenario",
    "ScenarioError",
    "SlowReplay",
    "StallDisk",
    "Statement",
    "SyncNamesError",
    "SyncRule",
    "field_info",
    "parse",
    "scenarios",
]
