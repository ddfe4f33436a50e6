"""The named scenarios in which several leaders take writes."""

from __future__ import annotations

from typing import Any

from .faults import Change, Partition


def several_leaders_scenarios() -> dict[str, dict[str, Any]]:
    """Return what each of them sets."""
    # Two regions, each with its leader; from one to the other a message takes 40 ms.
    regions = {
        "topology": "multi_leader",
        "rate_per_s": 60,
        "keys": 50,
        "network_ms": 40,
        "hot_share": 0.2,
    }
    return {
        "two_leaders": {
            "title": "Two leaders, an ocean between them",
            **regions,
            "reads_per_s": 60,
            "faults": (Change(setting="rate_per_s", value=0, at_ms=1_700),),
            "duration_ms": 2_000,
        },
        "clock_skew_discards": {
            "title": "The later write loses to a clock that is ahead",
            **regions,
            "rate_per_s": 40,
            "hot_share": 0.25,
            "clock_skew_ms": 200,
            "faults": (Change(setting="rate_per_s", value=0, at_ms=10_000),),
            "duration_ms": 10_500,
        },
        "region_partition": {
            "title": "A region is cut off, and both sides go on",
            **regions,
            "leaders": 3,
            "resolve": "siblings",
            "faults": (
                Partition(nodes=("L3",), at_ms=400, for_ms=1_000),
                Change(setting="rate_per_s", value=0, at_ms=1_700),
            ),
            "duration_ms": 2_000,
        },
        "shopping_cart": {
            "title": "What was taken out of the cart comes back",
            **regions,
            "data": "cart",
            "resolve": "siblings",
            "keys": 8,
            "remove_share": 0.3,
            "faults": (
                Partition(nodes=("L2",), at_ms=400, for_ms=800),
                Change(setting="rate_per_s", value=0, at_ms=1_700),
            ),
            "duration_ms": 2_000,
        },
        "same_name_twice": {
            "title": "Two accounts, one name, and both were told yes",
            **regions,
            "data": "unique_name",
            "resolve": "crdt",
            "keys": 60,
            "hot_share": 0,
            "faults": (
                Partition(nodes=("L2",), at_ms=400, for_ms=300),
                Change(setting="rate_per_s", value=0, at_ms=1_700),
            ),
            "duration_ms": 2_000,
        },
    }
