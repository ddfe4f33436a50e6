"""The named scenarios of a database without a leader."""

from __future__ import annotations

from typing import Any

from .faults import Crash, Partition, Restart, StallDisk
from .model import NodeSettings


def quorum_scenarios() -> dict[str, dict[str, Any]]:
    """Return what each of them sets, by name."""
    # Five nodes, three copies of each key, and nothing that spreads a write but the write itself.
    quorums = {
        "topology": "leaderless",
        "rate_per_s": 60,
        "reads_per_s": 60,
        "reread_ms": 1,
        "keys": 10,
        "network_ms": 3,
        "network_spread": 0.5,
        "read_repair": "off",
        "duration_ms": 2_000,
    }
    return {
        "quorum_overlap": {
            "title": "Two of three, to write and to read",
            **quorums,
        },
        "partial_quorum": {
            "title": "One of three, to write and to read",
            **quorums,
            "write_quorum": 1,
            "read_quorum": 1,
        },
        "quorum_races": {
            "title": "Overlapping quorums, and reads that go back in time",
            **quorums,
            "members": 3,
            "keys": 1,
            "rate_per_s": 4,
            "faults": (
                StallDisk(node="n2", at_ms=0, flush_ms=150),
                StallDisk(node="n3", at_ms=0, flush_ms=150),
            ),
        },
        "sloppy_quorum": {
            "title": "Two of three copies down, and others stand in",
            **quorums,
            "sloppy": True,
            "hint_replay_ms": 50,
            "faults": (
                Crash(node="n2", at_ms=500),
                Crash(node="n3", at_ms=500),
                Restart(node="n2", at_ms=1_400),
                Restart(node="n3", at_ms=1_400),
            ),
        },
        "hints_over": {
            "title": "Away for longer than hints are kept",
            **quorums,
            "hint_window_ms": 400,
            "hint_replay_ms": 50,
            "faults": (Crash(node="n2", at_ms=400), Restart(node="n2", at_ms=1_400)),
        },
        "resurrection": {
            "title": "A deleted row comes back",
            **quorums,
            "members": 3,
            "rate_per_s": 40,
            "keys": 30,
            "delete_share": 0.4,
            "hint_window_ms": 0,
            "read_repair": "blocking",
            "tombstone_ms": 400,
            "faults": (Crash(node="n3", at_ms=500), Restart(node="n3", at_ms=1_400)),
        },
        "pbs_lnkd_disk": {
            "title": "How soon is a write seen? Spinning disks at LinkedIn",
            **quorums,
            "members": 3,
            "keys": 1_000,
            "write_quorum": 1,
            "read_quorum": 1,
            "rate_per_s": 150,
            "reads_per_s": 0,
            "reread_ms": 10,
            "delays": "LNKD-DISK",
        },
        "per_region_quorums": {
            "title": "A quorum in each region, or only in one's own",
            **quorums,
            "members": 6,
            "copies": 6,
            "consistency": "LOCAL_QUORUM",
            "coordinator": "nearest",
            "network_ms": 1,
            "clients": 12,
            "rate_per_s": 40,
            "reads_per_s": 60,
            "nodes": {
                **{f"n{i}": NodeSettings(place="east") for i in (1, 2, 3)},
                **{f"n{i}": NodeSettings(place="west", network_ms=40) for i in (4, 5, 6)},
            },
            "faults": tuple(Crash(node=f"n{i}", at_ms=1_000) for i in (4, 5, 6)),
        },
        "dynamo_cart": {
            "title": "A cart that takes an item whatever is down",
            **quorums,
            "members": 6,
            "sloppy": True,
            "read_repair": "background",
            "anti_entropy_ms": 250,
            "keys": 6,
            "hint_replay_ms": 50,
            "faults": (
                Partition(nodes=("n1", "n2"), at_ms=500, for_ms=900),
                Crash(node="n4", at_ms=700),
                Restart(node="n4", at_ms=1_500),
            ),
            "quorum_timeout_ms": 100,
        },
    }
