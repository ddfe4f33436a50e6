"""What a scenario says about failover: who notices that a leader is gone, who comes next, what stops the old one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from .errors import Checked, ScenarioError
from .faults import Promote
from .field import knob

if TYPE_CHECKING:
    from .model import Scenario

CHOICES = ("most_advanced", "first")
MAX_BEATS = 200_000


class Failover(Checked):
    """The settings of failover. Without controllers nobody fails over unless an operator does."""

    controllers: str = Field(
        "",
        title="controllers",
        max_length=80,
        description="where failover controllers stand, such as 's1' or 'L, s1, s2'; more than half of them must agree",
    )
    heartbeat_ms: float = knob(
        "heartbeat every", 100, (1, 600_000), (10, 1_000, 10), "ms", "how often a controller asks the leader for a sign"
    )
    detector: Literal["timeout", "phi"] = Field(
        "timeout",
        title="detector",
        description="when a controller takes the leader for dead: after a fixed silence, or when silence is improbable",
    )
    detect_ms: float = knob(
        "detection timeout",
        1_000,
        (1, 600_000),
        (100, 5_000, 100),
        "ms",
        "silence after which the leader counts as dead",
    )
    phi: float = knob(
        "phi threshold", 8, (0.1, 300), (1, 16, 0.5), "", "-log10 of the probability that a living leader is so silent"
    )
    latency_limit_ms: float = knob(
        "latency limit",
        0,
        (0, 600_000),
        (0, 2_000, 50),
        "ms",
        "a leader whose writes wait longer than this counts as dead, too; 0: latency does not matter",
    )
    cooldown_ms: float = knob(
        "calm after a failover", 0, (0, 86_400_000), (0, 10_000, 100), "ms", "no second failover within this time"
    )
    promote: str = Field(
        "most_advanced",
        title="promote",
        max_length=20,
        description="'most_advanced' replica that can be reached, the 'first' to answer, or the name of one",
    )
    promote_ms: float = knob(
        "promotion takes", 150, (0, 600_000), (0, 2_000, 50), "ms", "from the decision until the replica takes writes"
    )

    fence: Literal["none", "stonith", "lease", "tokens"] = Field(
        "none",
        title="fence",
        description="what keeps the old leader from writing: nothing, its power switch, a lease, tokens at the storage",
    )
    fence_first: bool = Field(
        True, title="fence first", description="whether the old leader is fenced before the next is promoted"
    )
    stonith_ms: float = knob(
        "power switch takes", 300, (0, 600_000), (0, 5_000, 100), "ms", "how long switching the old leader off takes"
    )
    stonith_reaches: bool = Field(
        True, title="power switch works", description="whether the fencing device can be reached when it is needed"
    )
    lease_ms: float = knob(
        "lease", 1_000, (1, 600_000), (100, 5_000, 100), "ms", "how long a leader may write after its last renewal"
    )
    lease_wait_ms: float = knob(
        "promoter waits",
        1_000,
        (0, 600_000),
        (0, 10_000, 100),
        "ms",
        "how long after the last renewal nobody is promoted",
    )
    clock_drift: float = knob(
        "clock drift",
        0,
        (0, 0.9),
        (0, 0.5, 0.01),
        "",
        "the leader's clock is slow by this share, and those of the controllers fast by it",
    )

    rejoin: Literal["rewind", "rebuild", "none"] = Field(
        "rewind",
        title="rejoin",
        description="how a node whose history has forked comes back: pg_rewind, a new base backup, or not at all",
    )
    rewind_ms: float = knob("rewind takes", 200, (0, 600_000), (0, 5_000, 100), "ms", "how long pg_rewind takes")

    remote_clients: float = knob(
        "clients elsewhere",
        0,
        (0, 1),
        (0, 1, 0.05),
        "",
        "share of the clients that stand beside the first controller (or s1), not beside the leader",
    )
    follow_ms: float = knob(
        "clients follow after", 100, (0, 600_000), (0, 5_000, 100), "ms", "until clients use a newly promoted leader"
    )
    write_us: float = knob(
        "cost of a write", 0, (0, 1_000_000), (0, 5_000, 50), "µs", "a leader's processor time for each write"
    )

    def seats(self) -> tuple[str, ...]:
        """Return the nodes beside which the controllers stand."""
        return tuple(part.strip() for part in self.controllers.split(",") if part.strip())


def may_fail_over(scenario: Scenario) -> bool:
    """Return whether another node may lead in the course of a run."""
    return bool(scenario.seats()) or any(isinstance(fault, Promote) for fault in scenario.faults)


def check(scenario: Scenario) -> None:
    """Check the settings of failover, and what they need of others.

    Raises
    ------
    ScenarioError
        If something does not fit.
    """
    seats, known = scenario.seats(), scenario.node_names
    for name in seats:
        if name not in known:
            raise ScenarioError(f"controllers names {name!r}: a controller stands beside a node, {', '.join(known)}.")
        if seats.count(name) > 1:
            raise ScenarioError(f"controllers names {name!r} twice: at most one stands beside a node.")
    if scenario.promote not in (*CHOICES, *known[1:]):
        choices = ", ".join(map(repr, CHOICES))
        raise ScenarioError(f"promote is {scenario.promote!r}: it must be one of {choices}, or a replica.")
    if not may_fail_over(scenario):
        return
    if scenario.servers:
        raise ScenarioError(
            f"servers is {scenario.servers} and another node may become leader: application servers know one leader "
            f"only, so servers must be 0."
        )
    if len(scenario.direct) < scenario.replicas:
        raise ScenarioError("a replica follows a replica, and another node may become leader: then all must follow L.")
    beats = len(seats) * scenario.duration_ms / scenario.heartbeat_ms
    if beats > MAX_BEATS:
        raise ScenarioError(
            f"heartbeat_ms = {scenario.heartbeat_ms:g} over duration_ms = {scenario.duration_ms:g} mean {beats:.3g} "
            f"signs of life: at most {MAX_BEATS:,} are allowed."
        )
