"""The named scenarios: at least one for each lesson and for each failure mode."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from .errors import ScenarioError, suggestion
from .faults import (
    CancelWaits,
    Change,
    Crash,
    CutLink,
    Freeze,
    LinkDelay,
    LongQuery,
    Partition,
    PauseReplay,
    Promote,
    Restart,
    StallDisk,
)
from .kept_log_scenarios import kept_log_scenarios
from .model import NodeSettings, Scenario
from .quorum_scenarios import quorum_scenarios
from .several_leaders_scenarios import several_leaders_scenarios


class Registry(Mapping[str, Scenario]):
    """Scenarios by name, in the order of the lessons; each is made and checked when it is asked for."""

    def __init__(self, entries: Callable[[], dict[str, dict[str, Any]]]) -> None:
        self._make = entries

    @cached_property
    def _entries(self) -> dict[str, dict[str, Any]]:
        return self._make()

    def __getitem__(self, name: str) -> Scenario:
        if name not in self._entries:
            raise ScenarioError(f"no scenario is called {name!r}: {suggestion(str(name), list(self._entries))}")
        return Scenario(name=name, **self._entries[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __repr__(self) -> str:
        return f"scenarios: {', '.join(self._entries)}"


_MINUTE = 60_000.0


def _entries() -> dict[str, dict[str, Any]]:
    """Return what each scenario sets. Made when first asked for: checking takes longer than importing."""
    three_zones = {
        "L": NodeSettings(place="zone a"),
        "s1": NodeSettings(place="zone b", network_ms=0.6),
        "s2": NodeSettings(place="zone c", network_ms=0.8),
        "s3": NodeSettings(place="far region", network_ms=35),
    }
    return {
        "start_here": {
            "title": "One leader and its replicas",
            "ack": "ANY 1 (s1, s2, s3)",
            "rate_per_s": 150,
            "reads_per_s": 500,
            "nodes": three_zones,
            "duration_ms": 1_500,
        },
        "idle_network": {
            "title": "A quiet local network",
            "ack": "async",
            "rate_per_s": 100,
            "duration_ms": 2_000,
        },
        "slow_replay": {
            "title": "Replay slower than the writes",
            "ack": "async",
            "replicas": 2,
            "rate_per_s": 400,
            "replay_us": 5_000,
            "nodes": {"s1": NodeSettings(place="big", replay_us=50), "s2": NodeSettings(place="small")},
            "duration_ms": 4_000,
        },
        "three_zones": {
            "title": "Three zones, one region",
            "ack": "ANY 1 (s1, s2, s3)",
            "network_ms": 0.75,
            "duration_ms": 2_000,
        },
        "near_and_far": {
            "title": "One far replica, two near ones",
            "ack": "ANY 1 (s1, s2, s3)",
            "network_spread": 0.05,
            "nodes": {
                "L": NodeSettings(place="zone a"),
                "s1": NodeSettings(place="far region", network_ms=35),
                "s2": NodeSettings(place="zone b", network_ms=0.5),
                "s3": NodeSettings(place="next city", network_ms=2.5),
            },
            "duration_ms": 2_000,
        },
        "far_region": {
            "title": "A far region in the commit path",
            "ack": "s1",
            "replicas": 1,
            "network_ms": 45,
            "network_spread": 0.03,
            "nodes": {"L": NodeSettings(place="near shore"), "s1": NodeSettings(place="far shore")},
            "duration_ms": 3_000,
        },
        "one_sick_standby": {
            "title": "One sick standby",
            "ack": "s1",
            "nodes": three_zones,
            "faults": (StallDisk(node="s1", at_ms=1_000, for_ms=2_000, flush_ms=400),),
            "duration_ms": 4_000,
        },
        "write_outage": {
            "title": "One sick standby, four servers",
            "ack": "s1",
            "rate_per_s": 500,
            "servers": 4,
            "flush_ms": 1,
            "nodes": {
                "L": NodeSettings(place="zone a"),
                "s1": NodeSettings(place="zone b", flush_ms=2),
                "s2": NodeSettings(place="zone a", flush_ms=2),
                "s3": NodeSettings(place="zone c", flush_ms=2),
            },
            "faults": (StallDisk(node="s1", at_ms=2_000, for_ms=2_200, flush_ms=400),),
            "duration_ms": 6_000,
        },
        "lost_acknowledgements": {
            "title": "The data arrives, the acknowledgements do not",
            "ack": "s1",
            "replicas": 1,
            "faults": (CutLink(source="s1", target="L", at_ms=600, for_ms=800),),
            "duration_ms": 2_000,
        },
        "loss_window": {
            "title": "The loss window",
            "ack": "async",
            "replicas": 2,
            "rate_per_s": 5_000,
            "lag_ms": 200,
            "duration_ms": 2_000,
        },
        "lost_writes_on_failover": {
            "title": "The leader dies, and who comes next?",
            "ack": "async",
            "rate_per_s": 1_000,
            "nodes": {
                "s1": NodeSettings(place="zone b", lag_ms=5),
                "s2": NodeSettings(place="next city", lag_ms=50),
                "s3": NodeSettings(place="far region", lag_ms=300),
            },
            "faults": (Crash(node="L", at_ms=1_500),),
            "duration_ms": 2_000,
        },
        "semi_sync_falls_back": {
            "title": "A promise that runs out",
            "replicas": 1,
            "rate_per_s": 300,
            "network_ms": 5,
            "ack_timeout_ms": 500,
            "partition": "s1",
            "partition_at_ms": 600,
            "partition_for_ms": 2_000,
            "promote_ms": 0,
            "faults": (Crash(node="L", at_ms=2_000), Promote(node="s1", at_ms=2_050)),
            "duration_ms": 2_600,
        },
        "lag_on_the_dashboards": {
            "title": "A pause, a cut, a quiet hour",
            "ack": "async",
            "replicas": 1,
            "rate_per_s": 100,
            "faults": (
                PauseReplay(node="s1", at_ms=5_000, for_ms=5_000),
                CutLink(source="L", target="s1", at_ms=15_000, for_ms=5_000),
                Change(setting="rate_per_s", value=0, at_ms=25_000),
            ),
            "duration_ms": 40_000,
        },
        "report_of_twenty_minutes": {
            "title": "A long query blocks replay",
            "ack": "async",
            "replicas": 1,
            "rate_per_s": 1_000,
            "arrivals": "constant",
            "grain": 1_000,
            "replay_us": 800,
            "max_standby_streaming_delay_ms": -1,
            "faults": (LongQuery(node="s1", at_ms=10 * _MINUTE, for_ms=20 * _MINUTE),),
            "duration_ms": 115 * _MINUTE,
        },
        "lag_small_disk": {
            "title": "A replica with a cheaper disk, one day",
            "ack": "async",
            "replicas": 1,
            "rate_per_s": 5_000,
            "load_swing": 0.8,
            "grain": 20_000,
            "replay_us": 10,
            "disk_mb_per_s": 1.2,
            "wal_keep_mb": 1_024,
            "nodes": {"L": NodeSettings(disk_mb_per_s=500)},
            "duration_ms": 86_400_000,
        },
        "lag_narrow_link": {
            "title": "A link that is too narrow",
            "ack": "async",
            "replicas": 1,
            "rate_per_s": 500,
            "record_bytes": 2_000,
            "bandwidth_mbit": 6,
            "duration_ms": 20_000,
        },
        "lag_four_causes": {
            "title": "Link, disk, replay and a report",
            "ack": "async",
            "replicas": 1,
            "rate_per_s": 500,
            "record_bytes": 2_000,
            "bandwidth_mbit": 6,
            "disk_mb_per_s": 0.6,
            "replay_us": 4_000,
            "max_standby_streaming_delay_ms": -1,
            "vacuum_ms": 100,
            "nodes": {"L": NodeSettings(disk_mb_per_s=500)},
            "faults": (LongQuery(node="s1", at_ms=1_000, for_ms=4_000),),
            "duration_ms": 20_000,
        },
        "lag_alarms": {
            "title": "A hiccup, a report, a quiet night",
            "ack": "async",
            "replicas": 1,
            "rate_per_s": 200,
            "grain": 5,
            "keys": 50,
            "reads_per_s": 20,
            "max_standby_streaming_delay_ms": -1,
            "faults": (
                PauseReplay(node="s1", at_ms=30_000, for_ms=8_000),
                LongQuery(node="s1", at_ms=60_000, for_ms=90_000),
                Change(setting="rate_per_s", value=0, at_ms=210_000),
            ),
            "duration_ms": 300_000,
        },
        "lag_cascade": {
            "title": "Replicas that feed replicas",
            "ack": "async",
            "rate_per_s": 500,
            "network_ms": 20,
            "nodes": {
                "s1": NodeSettings(place="next city"),
                "s2": NodeSettings(place="far region", follows="s1"),
                "s3": NodeSettings(place="far region", follows="s2"),
            },
            "duration_ms": 3_000,
        },
        **kept_log_scenarios(three_zones),
        "stale_after_write": {
            "title": "Why did my change not save?",
            "ack": "async",
            "replicas": 2,
            "rate_per_s": 12,
            "clients": 40,
            "keys": 40,
            "reads_per_s": 200,
            "reread_ms": 100,
            "lag_ms": 300,
            "nodes": {"s2": NodeSettings(lag_ms=5)},
            "duration_ms": 10_000,
        },
        "failover": {
            "title": "The leader dies, and somebody notices",
            "ack": "async",
            "rate_per_s": 300,
            "controllers": "s1, s2, s3",
            "faults": (Crash(node="L", at_ms=1_500), Restart(node="L", at_ms=4_000)),
            "duration_ms": 6_000,
        },
        "false_alarm": {
            "title": "A slow network, and a controller without patience",
            "ack": "async",
            "rate_per_s": 200,
            "clients": 20,
            "controllers": "s1",
            "detect_ms": 400,
            "follow_ms": 800,
            "rejoin": "none",
            "faults": (LinkDelay(source="L", target="s1", extra_ms=600, at_ms=1_500, for_ms=2_000),),
            "duration_ms": 5_000,
        },
        "split_brain": {
            "title": "Split-brain",
            "ack": "async",
            "rate_per_s": 300,
            "clients": 40,
            "controllers": "s1",
            "remote_clients": 0.35,
            "faults": (Partition(nodes=("L",), at_ms=1_000, for_ms=4_000),),
            "duration_ms": 7_000,
        },
        "frozen_leader": {
            "title": "The leader was only asleep",
            "ack": "async",
            "rate_per_s": 300,
            "clients": 40,
            "controllers": "s1, s2, s3",
            "fence": "lease",
            "faults": (Freeze(node="L", at_ms=1_500, for_ms=2_500),),
            "duration_ms": 6_000,
        },
        "cascading_failover": {
            "title": "The next one gets the load, and falls, too",
            "ack": "async",
            "replicas": 2,
            "rate_per_s": 1_500,
            "write_us": 500,
            "nodes": {
                "L": NodeSettings(place="big"),
                "s1": NodeSettings(place="small", write_us=900),
                "s2": NodeSettings(place="small", write_us=900),
            },
            "controllers": "s1, s2",
            "detect_ms": 500,
            "latency_limit_ms": 300,
            "faults": (Crash(node="L", at_ms=1_500),),
            "duration_ms": 8_000,
        },
        "failover_drill": {
            "title": "A failover drill under load",
            "ack": "async",
            "rate_per_s": 1_000,
            "lag_ms": 20,
            "nodes": {"s1": NodeSettings(lag_ms=60)},
            "clients": 40,
            "remote_clients": 0.35,
            "controllers": "s1",
            "detect_ms": 2_000,
            "promote": "first",
            "faults": (Crash(node="L", at_ms=1_500),),
            "duration_ms": 5_000,
        },
        **quorum_scenarios(),
        **several_leaders_scenarios(),
        "redis_wait": {
            "title": "Redis: WAIT 1 500, and no replica answers",
            "ack": "ANY 1 (s1, s2)",
            "level": "remote_write",
            "replicas": 2,
            "rate_per_s": 100,
            "flush_ms": 0.05,
            "faults": (
                Partition(nodes=("s1", "s2"), at_ms=600, for_ms=900),
                CancelWaits(at_ms=1_100),
            ),
            "duration_ms": 2_000,
        },
    }


scenarios = Registry(_entries)
