"""What a real server cannot be asked for, and what this machine decides instead of the scenario."""

from __future__ import annotations

from ..scenario import (
    Change,
    LoseArchive,
    Scenario,
    SkewClock,
    SlowReplay,
    StallDisk,
    Statement,
)

_SEGMENTS = {2.0**power for power in range(11)}
_NO_FAULT = {
    StallDisk: "a stalled disk: nothing here may slow this machine's disk",
    SlowReplay: "slower replay: replay takes what it takes; PauseReplay or apply_delay_ms hold it back",
    SkewClock: "a wrong clock: all servers share this machine's",
    Statement: "an operator's statement within a run: the lesson runs it by hand",
    LoseArchive: "an archive that loses its files",
}
_ONLY = {  # field: the one value that a real run can have
    "topology": "single_leader",
    "ack_timeout_ms": -1.0,
    "servers": 0,
    "load_swing": 0.0,
    "grain": 1,
    "replay_workers": 1,
    "dependent_share": 0.0,
    "archive": False,
    "detector": "timeout",
    "latency_limit_ms": 0.0,
    "log_left": 1.0,
    "compress_us": 0.0,
    "clock_drift": 0.0,
}
_MACHINE = ("flush_ms", "flush_spread", "disk_mb_per_s", "replay_us", "write_us", "database_mb", "wal_disk_mb", "rows")
_MOST_PER_S = 2_000
_MOST_MS = 120_000


def cannot(scenario: Scenario) -> list[str]:
    """Return one sentence for each thing in a scenario that real servers cannot do; empty if they can do it all."""
    found = [
        f"{name} is {value!r}: on real servers it must be {only!r}."
        for name, only in _ONLY.items()
        if (value := getattr(scenario, name)) != only
    ]
    kinds = dict.fromkeys(type(fault) for fault in scenario.timeline)
    found += [f"real servers cannot be given {_NO_FAULT[kind]}." for kind in kinds if kind in _NO_FAULT]
    for fault in scenario.timeline:
        if isinstance(fault, Change) and fault.setting in ("flush_ms", "replay_us"):
            found.append(f"a change of {fault.setting} is not possible: this machine decides it.")
    if len(scenario.seats()) > 1:
        found.append(f"controllers is {scenario.controllers!r}: here there is one, which decides alone.")
    if scenario.fence not in ("none", "stonith"):
        found.append(f"fence is {scenario.fence!r}: here it is 'none' or 'stonith'.")
    if any(own.follows for own in scenario.nodes.values()):
        found.append("a replica that follows a replica is not built here.")
    if scenario.segment_mb not in _SEGMENTS:
        found.append(f"segment_mb is {scenario.segment_mb:g}: a real one is a power of two from 1 to 1024 MB.")
    if scenario.rate_per_s > _MOST_PER_S:
        found.append(f"rate_per_s is {scenario.rate_per_s:g}: these clients reach {_MOST_PER_S:,} writes/s.")
    if scenario.duration_ms > _MOST_MS:
        found.append(
            f"duration_ms is {scenario.duration_ms:g}: a real run takes as long as it says, at most {_MOST_MS:,} ms."
        )
    return found


def decided_here(scenario: Scenario) -> list[str]:
    """Return one sentence for each setting of a scenario that this machine decides instead."""
    return [
        f"{name} is {getattr(scenario, name):g} in the scenario; in a real run it is what this machine has."
        for name in _MACHINE
        if name in scenario.model_fields_set
    ]
