"""The named scenarios: at least one for each lesson and for each failure mode."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from .errors import ScenarioError, suggestion
from .faults import Crash, CutLink, StallDisk
from .model import NodeSettings, Scenario


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
    }


scenarios = Registry(_entries)
