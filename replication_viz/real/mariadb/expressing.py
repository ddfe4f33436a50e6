"""What a real MariaDB cannot be asked for."""

from __future__ import annotations

from ...scenario import LEADER, Change, Crash, CutLink, Freeze, LinkDelay, Partition, Promote, Scenario
from ..sampled.expressing import refused

_POSSIBLE = (Change, Crash, CutLink, Freeze, LinkDelay, Partition, Promote)
_CHANGES = ("rate_per_s", "lag_ms", "network_ms")
_MOST_PER_S = 1_000


def cannot(scenario: Scenario) -> list[str]:
    """Return one sentence for each thing in a scenario that real MariaDB servers cannot do; empty if there is none."""
    found = refused(scenario, "MariaDB", _POSSIBLE, _CHANGES, _MOST_PER_S)
    rule = scenario.sync_rule()
    if rule.count > 1 or (rule.count and len(rule.candidates(scenario.standbys)) != scenario.replicas):
        found.append(
            f"ack is {scenario.ack!r}: MariaDB's semi-sync waits for one replica, whichever it is, as 'ANY 1 (*)' does."
        )
    if rule.count and scenario.level == "remote_apply":
        found.append("level is 'remote_apply': in semi-sync a replica counts once it has the log.")
    crashes = {fault.node: fault.at_ms for fault in scenario.timeline if isinstance(fault, Crash)}
    leader = LEADER
    for fault in scenario.timeline:
        if isinstance(fault, Promote):
            if crashes.get(leader, float("inf")) > fault.at_ms:
                found.append(f"{fault.node} is promoted while {leader} lives: two leaders at once are not built here.")
            leader = fault.node
    return list(dict.fromkeys(found))


def waits(scenario: Scenario) -> bool:
    """Return whether a commit waits for a replica."""
    return scenario.level != "local" and bool(scenario.sync_rule().count)
