"""What a scenario says about a database with several leaders: regions, exchange, conflicts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from .errors import Checked, ScenarioError
from .faults import Change, Crash, CutLink, Fault, LinkDelay, Partition, Restart, SkewClock, StallDisk
from .field import knob

if TYPE_CHECKING:
    from .model import Scenario

MAX_LEADERS = 5
MAX_LOOKS = 500_000
MAX_PASSED = 5_000_000
CHANGEABLE = ("rate_per_s", "lag_ms", "network_ms", "flush_ms")
ITEMS = ("book", "ink", "lamp", "mug", "pen", "tea")  # what a set or a cart may hold

Exchange = Literal["all_to_all", "ring", "star"]
Resolve = Literal["lww", "hlc", "siblings", "crdt"]
Data = Literal["register", "counter", "set", "cart", "unique_name"]

_FAULTS = Crash | Restart | Partition | CutLink | LinkDelay | StallDisk | SkewClock | Change


class MultiLeader(Checked):
    """The settings of several leaders, one in each region, which send each other what they have taken."""

    leaders: int = knob(
        "leaders", 2, (2, MAX_LEADERS), (2, MAX_LEADERS, 1), "", "leaders, one in each region with its own clients"
    )
    exchange: Exchange = Field(
        "all_to_all",
        title="exchange",
        description="each leader sends to all others, to the next one in a ring, or by way of the first one",
    )
    exchange_ms: float = knob(
        "gathers for", 0, (0, 600_000), (0, 1_000, 10), "ms", "so long a leader gathers writes before it sends them on"
    )
    resolve: Resolve = Field(
        "lww",
        title="conflicts",
        description="the last write wins by wall clock (lww) or by hybrid clock (hlc), all stay side by side until "
        "the application merges them (siblings), or the data type merges itself (crdt)",
    )
    clock_skew_ms: float = knob(
        "clock behind by",
        0,
        (-86_400_000, 86_400_000),
        (0, 2_000, 10),
        "ms",
        "how far the clock of the last leader is behind those of the others",
    )
    data: Data = Field("register", title="data", description="what a row is, and what a write does to it")
    hot_share: float = knob(
        "hot row", 0.2, (0, 1), (0, 1, 0.05), "", "share of the operations that go to one row; the others to any row"
    )
    remove_share: float = knob(
        "removals", 0, (0, 1), (0, 1, 0.05), "", "share of the writes to sets, carts and counters that take away"
    )
    informed_share: float = knob(
        "read first",
        1,
        (0, 1),
        (0, 1, 0.05),
        "",
        "share of the writes whose client has read the row and builds on it; a CRDT needs no such client",
    )

    def leader_names(self) -> tuple[str, ...]:
        """Return the names of the leaders: L1, L2, …"""
        return leader_names(self.leaders)

    def carried(self, source: str, target: str) -> tuple[str, ...]:
        """Return the leaders whose logs go from one leader to another, in the order of the leaders.

        What came from a leader is never sent back to it, so nothing goes in a circle.
        """
        names = self.leader_names()
        passed_on = tuple(name for name in names if name != target)
        if self.exchange == "ring":
            return passed_on if target == names[(names.index(source) + 1) % len(names)] else ()
        if self.exchange == "star" and source == names[0]:
            return passed_on
        if self.exchange == "star" and target != names[0]:
            return ()
        return (source,)

    def talk(self, one: str, other: str) -> bool:
        """Return whether two leaders exchange anything with each other, one way or both."""
        return bool(self.carried(one, other) or self.carried(other, one))


def leader_names(count: int) -> tuple[str, ...]:
    """Return the names of so many leaders: L1, L2, …"""
    return tuple(f"L{i}" for i in range(1, count + 1))


def check(scenario: Scenario) -> None:
    """Check what several leaders must keep to.

    Raises
    ------
    ScenarioError
        If something does not fit.
    """
    _check_clients(scenario)
    for fault in scenario.timeline:
        _check_fault(fault, scenario)
    _check_cost(scenario)


def warnings(scenario: Scenario) -> list[str]:
    """Return one sentence for each setting that is legal and yet surely not what anybody wants."""
    skewed = scenario.clock_skew_ms or any(isinstance(fault, SkewClock) for fault in scenario.faults)
    if skewed and scenario.resolve in ("siblings", "crdt"):
        return [f"clocks differ and resolve is {scenario.resolve!r}, which asks no clock: the skew does nothing."]
    return []


def settings(scenario: Scenario) -> dict[str, str]:
    """Return the settings that real PostgreSQL servers need which subscribe to each other."""
    found = {
        "wal_level": "logical",
        "track_commit_timestamp": "on",
        "CREATE SUBSCRIPTION … WITH": "(origin = none)",
    }
    if scenario.exchange != "all_to_all":
        found["CREATE SUBSCRIPTION … WITH"] += ", for all pairs: it passes nothing on"
    found["conflicts"] = {
        "lww": "PostgreSQL only logs them; pgactive has last_update_wins",
        "hlc": "PostgreSQL only logs them; CockroachDB and YugabyteDB stamp with hybrid clocks",
        "siblings": "PostgreSQL only logs them; Riak keeps siblings (allow_mult)",
        "crdt": "PostgreSQL only logs them; Riak and Redis Enterprise have CRDTs",
    }[scenario.resolve]
    return found


def _check_clients(scenario: Scenario) -> None:
    allowed: dict[str, Any] = {"servers": 0, "grain": 1, "session": "none", "read_from": "random", "controllers": ""}
    for field, value in allowed.items():
        if getattr(scenario, field) != value:
            raise ScenarioError(
                f"{field} is {getattr(scenario, field)!r}: it must be {value!r} with several leaders, "
                "where each client reads and writes at the leader of its region."
            )
    if scenario.arrivals == "closed":
        raise ScenarioError("arrivals is 'closed': it must be 'poisson' or 'constant' with several leaders.")
    if scenario.reread_ms >= 0:
        raise ScenarioError(f"reread_ms is {scenario.reread_ms:g}: it must be -1 with several leaders.")


def _check_fault(fault: Fault, scenario: Scenario) -> None:
    if not isinstance(fault, _FAULTS):
        raise ScenarioError(
            f"a {fault.kind} does not fit several leaders: allowed are crash, restart, partition, cut_link, "
            "link_delay, stall_disk, skew_clock and change."
        )
    if isinstance(fault, Change) and fault.setting not in CHANGEABLE:
        raise ScenarioError(
            f"a change sets {fault.setting}, which several leaders do not have: "
            f"it must be one of {', '.join(CHANGEABLE)}."
        )
    if isinstance(fault, CutLink | LinkDelay) and not scenario.talk(fault.source, fault.target):
        raise ScenarioError(
            f"a {fault.kind} names the link {fault.source} → {fault.target}, which carries nothing "
            f"where exchange is {scenario.exchange!r}."
        )


def _check_cost(scenario: Scenario) -> None:
    """Refuse what would take hours. The work follows how often a leader looks at a row, and how much is in it."""
    changed = [f.value for f in scenario.faults if isinstance(f, Change) and f.setting == "rate_per_s"]
    seconds = scenario.duration_ms / 1000
    writes = max([scenario.rate_per_s, *changed]) * (1 + scenario.load_swing) * seconds
    looks = writes * scenario.leaders + scenario.reads_per_s * seconds
    if looks > MAX_LOOKS:
        raise ScenarioError(
            f"{writes:.3g} writes to {scenario.leaders} leaders and {scenario.reads_per_s * seconds:.3g} reads mean "
            f"{looks:.3g} looks at a row: at most {MAX_LOOKS:,} are allowed, so lower the rates or the duration."
        )
    cold = writes * (1 - scenario.hot_share) / scenario.keys
    hot = cold + writes * scenario.hot_share
    most = _most_held(scenario)
    passed = scenario.leaders * (hot * min(hot, most) + (scenario.keys - 1) * cold * min(cold, most))
    if passed > MAX_PASSED:
        raise ScenarioError(
            f"{writes:.3g} writes to rows that hold up to {min(hot, most):.3g} values pass over {passed:.3g} of them: "
            f"at most {MAX_PASSED:,} are allowed, so lower the rate, hot_share or the duration."
        )


def _most_held(scenario: Scenario) -> float:
    """Return how many values a row holds at most, roughly: what is replaced or removed now and then stays small."""
    if scenario.resolve == "siblings":
        return 1 / scenario.informed_share if scenario.informed_share else math.inf
    if scenario.resolve == "crdt" and scenario.data == "cart":
        return len(ITEMS) / scenario.remove_share if scenario.remove_share else math.inf
    return 1.0
