"""Semi-synchronous replication as MySQL and MariaDB have it: a commit waits for so many replicas, and not for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .model import Scenario


def settings(scenario: Scenario) -> dict[str, str]:
    """Return MySQL's settings for a scenario whose commits lose their patience.

    Source: MySQL Reference Manual, "Semisynchronous Replication".
    """
    count = 0 if scenario.level == "local" else scenario.sync_rule().count
    if not count:
        return {"rpl_semi_sync_source_enabled": "OFF"}
    return {
        "rpl_semi_sync_source_enabled": "ON",
        "rpl_semi_sync_source_wait_for_replica_count": str(count),
        "rpl_semi_sync_source_timeout": f"{scenario.ack_timeout_ms:g}",
    }


def warnings(scenario: Scenario) -> list[str]:
    """Return what semi-sync cannot do of what a scenario asks for, one sentence each."""
    rule = scenario.sync_rule()
    found = []
    if rule.count and (rule.method == "first" or set(rule.candidates(scenario.direct)) != set(scenario.direct)):
        found.append(f"{scenario.ack} names replicas: MySQL's semi-sync counts them and names none.")
    if rule.count and scenario.level == "remote_apply":
        found.append("level is 'remote_apply': in MySQL's semi-sync a replica counts once it has the log.")
    return found
