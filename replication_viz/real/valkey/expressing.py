"""What a real Valkey cannot be asked for."""

from __future__ import annotations

from ...scenario import (
    LEADER,
    CancelWaits,
    Change,
    Crash,
    CutLink,
    Fault,
    Freeze,
    LinkDelay,
    Partition,
    Promote,
    Restart,
    Scenario,
)

_POSSIBLE = CancelWaits | Change | Crash | CutLink | Freeze | LinkDelay | Partition | Promote | Restart
_CHANGES = ("ack", "level", "rate_per_s", "lag_ms", "network_ms")
_ONLY = {  # field: the one value that a real run can have
    "topology": "single_leader",
    "ack_timeout_ms": -1.0,
    "servers": 0,
    "grain": 1,
    "reads_per_s": 0.0,
    "reread_ms": -1.0,
    "session": "none",
    "apply_delay_ms": 0.0,
    "archive": False,
    "slots": False,
    "controllers": "",
    "fence": "none",
    "clock_drift": 0.0,
}
_MOST_PER_S = 3_000
_MOST_MS = 120_000


def cannot(scenario: Scenario) -> list[str]:
    """Return one sentence for each thing in a scenario that real Valkey servers cannot do; empty if they can do all."""
    found = [
        f"{name} is {value!r}: on real Valkey servers it must be {only!r}."
        for name, only in _ONLY.items()
        if (value := getattr(scenario, name)) != only
    ]
    if scenario.arrivals == "closed":
        found.append("arrivals is 'closed': writes to real Valkey servers arrive on their own.")
    if any(own.follows for own in scenario.nodes.values()):
        found.append("a replica that follows a replica is not built here.")
    found += _waits(scenario)
    found += [sentence for fault in scenario.timeline for sentence in _fault(fault, scenario)]
    rates = [scenario.rate_per_s, *(f.value for f in scenario.faults if _changes(f, "rate_per_s"))]  # type: ignore[union-attr]
    if max(rates) > _MOST_PER_S:
        found.append(f"rate_per_s is {max(rates):g}: the clients here reach {_MOST_PER_S:,} writes/s.")
    if scenario.duration_ms > _MOST_MS:
        found.append(f"duration_ms is {scenario.duration_ms:g}: a real run lasts as long, at most {_MOST_MS:,} ms.")
    return list(dict.fromkeys(found))


def waits(scenario: Scenario, ack: str, level: str) -> int:
    """Return how many replicas a rule waits for: the n of ``WAIT n``."""
    return 0 if level == "local" else scenario.sync_rule(ack).count


def _waits(scenario: Scenario) -> list[str]:
    """Say what a rule asks of WAIT that it cannot do: it names nobody, and knows one level only."""
    acks = [scenario.ack, *(str(f.value) for f in scenario.faults if _changes(f, "ack"))]  # type: ignore[union-attr]
    levels = [scenario.level, *(str(f.value) for f in scenario.faults if _changes(f, "level"))]  # type: ignore[union-attr]
    asked = [ack for ack in acks if scenario.sync_rule(ack).count]
    found = [
        f"ack is {ack!r}: WAIT counts replicas and names none, so that it must name all of them, as 'ANY n (*)' does."
        for ack in asked
        if not _names_nobody(scenario, ack)
    ]
    if asked and "on" in levels:
        found.append(
            "level is 'on': WAIT counts a replica that has a write in memory, on its disk or not; "
            "the level must be 'remote_write' or 'remote_apply', which are the same here, or 'local'."
        )
    return found


def _names_nobody(scenario: Scenario, ack: str) -> bool:
    rule = scenario.sync_rule(ack)
    listed = rule.candidates(scenario.standbys)
    return len(listed) == scenario.replicas and (rule.method == "any" or rule.count >= len(listed))


def _fault(fault: Fault, scenario: Scenario) -> list[str]:
    if not isinstance(fault, _POSSIBLE):
        return [f"real Valkey servers cannot be given a {fault.kind}."]
    if isinstance(fault, Change) and fault.setting not in _CHANGES:
        return [f"a change of {fault.setting} is not possible: this machine decides it."]
    if isinstance(fault, Restart):
        leads = [LEADER, *(f.node for f in scenario.timeline if isinstance(f, Promote) and f.at_ms <= fault.at_ms)]
        if fault.node == leads[-1] or (fault.node in leads and scenario.rejoin == "none"):
            return [f"a restart of {fault.node} as a leader: it keeps its data in memory here and would begin empty."]
    return []


def _changes(fault: Fault, setting: str) -> bool:
    return isinstance(fault, Change) and fault.setting == setting
