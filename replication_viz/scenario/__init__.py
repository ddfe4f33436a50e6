"""All that a run depends on, as data."""

from .errors import ScenarioError
from .faults import (
    CancelWaits,
    Change,
    Crash,
    CutLink,
    Fault,
    LinkDelay,
    Partition,
    Restart,
    SlowReplay,
    StallDisk,
)
from .model import LEADER, NodeSettings, Scenario, field_info
from .registry import scenarios
from .sync_names import SyncNamesError, SyncRule, parse

__all__ = [
    "LEADER",
    "CancelWaits",
    "Change",
    "Crash",
    "CutLink",
    "Fault",
    "LinkDelay",
    "NodeSettings",
    "Partition",
    "Restart",
    "Scenario",
    "ScenarioError",
    "SlowReplay",
    "StallDisk",
    "SyncNamesError",
    "SyncRule",
    "field_info",
    "parse",
    "scenarios",
]
