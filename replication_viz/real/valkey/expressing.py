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
from ..sampled.expressing import changed, refused

_POSSIBLE = (CancelWaits, Change, Crash, CutLink, Freeze, LinkDelay, Partition, Promote, Restart)
_CHANGES = ("ack", "level", "rate_per_s", "lag_ms", "network_ms")
_MOST_PER_S = 3_000


def cannot(scenario: Scenario) -> list[str]:
    """Return one sentence for each thing in a scenario that real Valkey servers cannot do; empty if they can do all."""
    found = refused(scenario, "Valkey", _POSSIBLE, _CHANGES, _MOST_PER_S)
    if scenario.ack_timeout_ms >= 0:
        found.append("ack_timeout_ms is set: Valkey never stops waiting for good; a WAIT has a timeout of its own.")
    found += _waits(scenario)
    found += [sentence for fault in scenario.timeline for sentence in _restart(fault, scenario)]
    return list(dict.fromkeys(found))


def waits(scenario: Scenario, ack: str, level: str) -> int:
    """Return how many replicas a rule waits for: the n of ``WAIT n``."""
    return 0 if level == "local" else scenario.sync_rule(ack).count


def _waits(scenario: Scenario) -> list[str]:
    """Say what a rule asks of WAIT that it cannot do: it names nobody, and knows one level only."""
    acks, levels = changed(scenario, "ack"), changed(scenario, "level")
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


def _restart(fault: Fault, scenario: Scenario) -> list[str]:
    if isinstance(fault, Restart):
        leads = [LEADER, *(f.node for f in scenario.timeline if isinstance(f, Promote) and f.at_ms <= fault.at_ms)]
        if fault.node == leads[-1] or (fault.node in leads and scenario.rejoin == "none"):
            return [f"a restart of {fault.node} as a leader: it keeps its data in memory here and would begin empty."]
    return []
