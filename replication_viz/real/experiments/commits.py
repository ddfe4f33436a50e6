"""What a commit costs: by level and round trip, by rule, and by how many clients share a flush."""

from __future__ import annotations

from typing import Any

from ...measures import commit_latency, writes
from ...scenario import NodeSettings, Scenario
from ...trace import Outcome, Trace
from ..calibration import lone_client
from ..predicting import Case, Experiment

_STANDBYS = 3
_LEVELS = ("local", "remote_write", "on", "remote_apply")
_FAR = {"s1": NodeSettings(network_ms=35), "s2": NodeSettings(network_ms=0.5), "s3": NodeSettings(network_ms=2.5)}
_RULES = ("s1", "FIRST 2 (s2, s3, s1)", "ANY 1 (s1, s2, s3)", "ANY 2 (s1, s2, s3)", "ANY 3 (s1, s2, s3)")


def median_ms(trace: Trace) -> float:
    """Return the median commit latency, ms."""
    return commit_latency(trace).p50


def commits_per_s(trace: Trace) -> float:
    """Return how many commits were acknowledged per second, up to the last one."""
    answered = writes(trace).where(writes(trace).outcome == Outcome.OK)
    return len(answered) * 1000 / float(answered.returned.max(initial=1.0))


def _far_away(level: str, round_trip_ms: float) -> Case:
    enough_ms = 200 + 8 * round_trip_ms
    scenario = _lone(level=level, network_ms=round_trip_ms / 2, duration_ms=enough_ms)
    return Case(f"{level}, {round_trip_ms:g} ms", scenario)


def _lone(**changes: Any) -> Scenario:
    return lone_client(_STANDBYS, **changes)


commit_latency_by_level = Experiment(
    name="commit_latency",
    question="How long does a commit take at each level, with so much round trip to the standby?",
    unit="ms",
    cases=(
        *(_far_away(level, 0) for level in _LEVELS),
        _far_away("on", 5),
        *(_far_away(level, 70) for level in _LEVELS),
    ),
    measure=median_ms,
)

order_statistic = Experiment(
    name="order_statistic",
    question="Round trips of 70, 1 and 5 ms to s1, s2 and s3: how long does a commit take under each rule?",
    unit="ms",
    cases=tuple(Case(rule, _lone(ack=rule, nodes=_FAR, duration_ms=700)) for rule in _RULES),
    measure=median_ms,
)

group_commit = Experiment(
    name="group_commit",
    question="How many commits per second do so many clients reach over a round trip of 70 ms?",
    unit="commits/s",
    cases=tuple(
        Case(f"{clients} client{'s' * (clients > 1)}", _lone(clients=clients, network_ms=35, duration_ms=1_000))
        for clients in (1, 4, 16)
    ),
    measure=commits_per_s,
)
