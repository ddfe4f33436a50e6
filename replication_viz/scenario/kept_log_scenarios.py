"""The named scenarios of a log that is kept, removed, archived, and of what no replica saves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .faults import Crash, LoseArchive, Partition, Statement
from .model import NodeSettings

_MINUTE = 60_000.0


def kept_log_scenarios(three_zones: Mapping[str, NodeSettings]) -> dict[str, dict[str, Any]]:
    """Return what each of them sets; the first mistake strikes a database in these three zones."""
    # 5 MB of log a second for two hours; 20,000 writes are simulated as one.
    busy_shop = {
        "ack": "async",
        "replicas": 2,
        "rate_per_s": 5_120,
        "record_bytes": 1_024,
        "grain": 20_000,
        "arrivals": "constant",
        "database_mb": 204_800,
        "duration_ms": 120 * _MINUTE,
    }
    # 200 writes a second for three hours; 2,000 are simulated as one.
    small_shop = {
        "ack": "async",
        "replicas": 2,
        "rate_per_s": 200,
        "record_bytes": 1_024,
        "grain": 2_000,
        "arrivals": "constant",
        "rows": 5_000_000,
        "database_mb": 102_400,
        "archive": True,
        "duration_ms": 180 * _MINUTE,
    }
    return {
        "fell_off_the_wal": {
            "title": "A replica sleeps longer than the log is kept",
            **busy_shop,
            "wal_keep_mb": 4_096,
            "faults": (Partition(nodes=("s1",), at_ms=10 * _MINUTE, for_ms=50 * _MINUTE),),
        },
        "slot_fills_the_disk": {
            "title": "A dead replica with a slot",
            **busy_shop,
            "slots": True,
            "wal_disk_mb": 16_384,
            "faults": (Crash(node="s1", at_ms=10 * _MINUTE),),
        },
        "limited_slot": {
            "title": "A slot that may keep so much and no more",
            **busy_shop,
            "slots": True,
            "max_slot_wal_keep_mb": 8_192,
            "wal_disk_mb": 16_384,
            "faults": (Partition(nodes=("s1",), at_ms=10 * _MINUTE, for_ms=50 * _MINUTE),),
        },
        "dropped_table": {
            "title": "DROP TABLE on the leader",
            "ack": "ANY 1 (s1, s2, s3)",
            "nodes": three_zones,
            "faults": (Statement(at_ms=1_000),),
            "duration_ms": 2_000,
        },
        "delayed_replica": {
            "title": "A replica that lives an hour behind",
            **small_shop,
            "nodes": {"s2": NodeSettings(place="an hour late", apply_delay_ms=60 * _MINUTE)},
            "faults": (Statement(at_ms=90 * _MINUTE),),
        },
        "base_backup_and_archive": {
            "title": "A base backup at midnight, and the log since",
            **small_shop,
            "faults": (Statement(at_ms=90 * _MINUTE),),
        },
        "untested_backup": {
            "title": "A backup that nobody has ever restored",
            **small_shop,
            "faults": (
                LoseArchive(at_ms=40 * _MINUTE, for_ms=5 * _MINUTE),
                Statement(at_ms=90 * _MINUTE),
            ),
        },
        "bad_migration": {
            "title": "A migration that set every price to zero",
            **small_shop,
            "faults": (Statement(at_ms=103.4 * _MINUTE, what="bad_update"),),
        },
    }
