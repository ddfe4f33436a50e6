"""What a scenario says about a database without a leader: copies, quorums, repair; and what of it fits together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from .errors import Checked, ScenarioError
from .faults import Change, Crash, CutLink, Fault, LinkDelay, Partition, Restart, StallDisk
from .field import knob
from .levels import ANYWHERE, required
from .ring import Ring

if TYPE_CHECKING:
    from .model import Scenario

Consistency = Literal["", "ONE", "LOCAL_ONE", "QUORUM", "ALL", "LOCAL_QUORUM", "EACH_QUORUM"]
Fit = Literal["", "LNKD-SSD", "LNKD-DISK", "YMMR", "WAN"]

MAX_MEMBERS = 12
QUORUMS = ("write_quorum", "read_quorum")
CHANGEABLE = ("rate_per_s", "network_ms", "flush_ms", *QUORUMS)
BACKGROUND_STEPS = 20_000  # in a long run what is done at intervals is done so many times at most

_FAULTS = Crash | Restart | Partition | CutLink | LinkDelay | StallDisk | Change
_MAX_MESSAGES = 2_000_000
_MAX_COMPARED = 20_000_000


class Leaderless(Checked):
    """The settings of a leaderless database: any node takes a write and sends it to the copies."""

    members: int = knob("nodes", 5, (1, MAX_MEMBERS), (1, 9, 1), "", "nodes of a leaderless database")
    copies: int = knob("copies", 3, (1, MAX_MEMBERS), (1, 9, 1), "", "nodes that hold each key (N)")
    write_quorum: int = knob(
        "write quorum", 2, (1, MAX_MEMBERS), (1, 9, 1), "", "acknowledgements that a write waits for (W)"
    )
    read_quorum: int = knob("read quorum", 2, (1, MAX_MEMBERS), (1, 9, 1), "", "answers that a read waits for (R)")
    consistency: Consistency = Field(
        "",
        title="consistency level",
        description="W and R as they are given, or a level by name; a place of the nodes is a datacentre",
    )
    placement: Literal["ring", "random"] = Field(
        "ring", title="placement", description="a key lives on the next nodes of a ring, or on nodes drawn for it"
    )
    coordinator: str = Field(
        "random",
        title="coordinator",
        max_length=20,
        description="who serves a request: a 'random' node, the 'nearest' to the client, or a node by name",
    )
    fan_out: Literal["all", "quorum"] = Field(
        "all", title="asks", description="all copies at once, or only as many, drawn at random, as must answer"
    )
    quorum_timeout_ms: float = knob(
        "quorum timeout", 500, (1, 600_000), (10, 5_000, 10), "ms", "how long a coordinator waits for a quorum"
    )
    sloppy: bool = Field(
        False, title="sloppy quorum", description="whether other nodes stand in for copies that are out of reach"
    )
    hint_window_ms: float = knob(
        "hint window",
        10_800_000,
        (0, 86_400_000),
        (0, 10_000, 100),
        "ms",
        "how long hints are kept for a node that is away; 0: none are",
    )
    hint_replay_ms: float = knob(
        "hints sent every", 100, (1, 3_600_000), (10, 10_000, 10), "ms", "how often a holder tries to"
    )
    read_repair: Literal["off", "background", "blocking"] = Field(
        "blocking",
        title="read repair",
        description="whether a read mends the copies that it finds old, and whether it waits for that",
    )
    anti_entropy_ms: float = knob(
        "anti-entropy every",
        0,
        (0, 86_400_000),
        (0, 10_000, 100),
        "ms",
        "how often each node compares what it holds with another node; 0: never",
    )
    tombstone_ms: float = knob(
        "tombstones kept",
        864_000_000,
        (0, 8_640_000_000),
        (0, 10_000, 100),
        "ms",
        "how long a node remembers that a key was deleted (gc_grace_seconds)",
    )
    delete_share: float = knob("deletes", 0, (0, 1), (0, 1, 0.05), "", "share of the writes that delete their key")
    delays: Fit = Field(
        "",
        title="delays",
        description="from the settings of network and disk, or as published for a real system (PBS)",
    )

    def member_names(self) -> tuple[str, ...]:
        """Return the names of the nodes: n1, n2, …"""
        return tuple(f"n{i}" for i in range(1, self.members + 1))


def quorum(scenario: Scenario, size: int, local: str) -> dict[str, int]:
    """Return how many answers an operation waits for, by place; `levels.ANYWHERE` stands for all places together.

    Parameters
    ----------
    size : int
        W or R, which counts where no level is named.
    local : str
        The coordinator's place.
    """
    if not scenario.consistency:
        return {ANYWHERE: size}
    return required(scenario.consistency, {place: n for place, n in Ring(scenario).share.items() if n}, local)


def every_ms(interval_ms: float, duration_ms: float) -> float:
    """Return how often a thing is done that is to be done at intervals, ms."""
    return max(interval_ms, duration_ms / BACKGROUND_STEPS)


def check(scenario: Scenario) -> None:
    """Check what a leaderless database must keep to.

    Raises
    ------
    ScenarioError
        If something does not fit.
    """
    _check_sizes(scenario)
    if scenario.coordinator not in ("random", "nearest", *scenario.node_names):
        raise ScenarioError(
            f"coordinator is {scenario.coordinator!r}: it must be 'random', 'nearest' or a node; "
            f"nodes are {', '.join(scenario.node_names)}."
        )
    for fault in scenario.timeline:
        check_fault(fault, scenario)
    _check_clients(scenario)
    _check_cost(scenario)


def check_fault(fault: Fault, scenario: Scenario) -> None:
    """Refuse what cannot go wrong without a leader."""
    if not isinstance(fault, _FAULTS):
        raise ScenarioError(
            f"a {fault.kind} does not fit a leaderless database: "
            "allowed are crash, restart, partition, cut_link, link_delay, stall_disk and change."
        )
    if isinstance(fault, Change) and fault.setting not in CHANGEABLE:
        raise ScenarioError(
            f"a change sets {fault.setting}, which a leaderless database does not have: "
            f"it must be one of {', '.join(CHANGEABLE)}."
        )
    if isinstance(fault, Change) and fault.setting in QUORUMS and scenario.consistency:
        raise ScenarioError(
            f"a change sets {fault.setting} where consistency is {scenario.consistency!r}: it must be '' for that."
        )


def warnings(scenario: Scenario) -> list[str]:
    """Return one sentence for each setting that is legal and yet surely not what anybody wants."""
    found = []
    if scenario.sloppy and not scenario.hint_window_ms:
        found.append("sloppy is on and hint_window_ms is 0: what a stand-in takes never reaches the copies' own nodes.")
    if scenario.delays and any(
        isinstance(f, Change) and f.setting in ("network_ms", "flush_ms") for f in scenario.faults
    ):
        found.append(f"a change of network_ms or flush_ms does nothing where delays is {scenario.delays!r}.")
    return found


def settings(scenario: Scenario) -> dict[str, str]:
    """Return the settings that a real Cassandra needs for the same choice."""
    shares = {place or "replicas": count for place, count in Ring(scenario).share.items()}
    found = {
        "replication factor": ", ".join(f"{place}: {count}" for place, count in shares.items()),
        "consistency level of writes": scenario.consistency or _level(scenario.write_quorum, scenario.copies),
        "consistency level of reads": scenario.consistency or _level(scenario.read_quorum, scenario.copies),
        "hinted_handoff_enabled": "true" if scenario.hint_window_ms else "false",
    }
    if scenario.hint_window_ms:
        found["max_hint_window"] = f"{scenario.hint_window_ms:.12g}ms"
    found["read_repair"] = {
        "off": "NONE",
        "background": "gone since 4.0; read_repair_chance = 1.0 before",
        "blocking": "BLOCKING",
    }[scenario.read_repair]
    if scenario.anti_entropy_ms:
        found["nodetool repair"] = f"every {scenario.anti_entropy_ms / 1000:g} s"
    if scenario.delete_share:
        found["gc_grace_seconds"] = f"{scenario.tombstone_ms / 1000:.12g}"
    return found


def _level(size: int, copies: int) -> str:
    names = {1: "ONE", 2: "TWO", 3: "THREE", copies // 2 + 1: "QUORUM", copies: "ALL"}
    return "ONE" if copies == 1 else names.get(size, f"{size} of {copies}: no level is called so")


def _check_sizes(scenario: Scenario) -> None:
    if scenario.copies > scenario.members:
        raise ScenarioError(
            f"copies is {scenario.copies}: it must be at most {scenario.members}, for so many nodes there are."
        )
    if not scenario.consistency:
        for name in QUORUMS:
            if getattr(scenario, name) > scenario.copies:
                raise ScenarioError(
                    f"{name} is {getattr(scenario, name)}: it must be at most {scenario.copies}, for so many copies "
                    "there are."
                )
    empty = [place for place, count in Ring(scenario).share.items() if not count]
    if empty and scenario.consistency.startswith("LOCAL_"):
        raise ScenarioError(
            f"consistency is {scenario.consistency!r} and {empty[0] or 'the nodes without a place'} gets none of the "
            f"{scenario.copies} copies: each place needs one."
        )


def _check_clients(scenario: Scenario) -> None:
    allowed: dict[str, Any] = {"servers": 0, "grain": 1, "session": "none", "read_from": "random"}
    for field, value in allowed.items():
        if getattr(scenario, field) != value:
            raise ScenarioError(
                f"{field} is {getattr(scenario, field)!r}: it must be {value!r} in a leaderless database, "
                "where any node serves any request."
            )


def _check_cost(scenario: Scenario) -> None:
    """Refuse what would take hours. The work follows messages and what nodes compare."""
    duration = scenario.duration_ms
    if scenario.arrivals == "closed":
        writes = scenario.clients * duration / max(scenario.think_ms + 0.1, 0.1)
    else:
        changed = [f.value for f in scenario.faults if isinstance(f, Change) and f.setting == "rate_per_s"]
        writes = max([scenario.rate_per_s, *changed]) * (1 + scenario.load_swing) * duration / 1000
    reads = scenario.reads_per_s * duration / 1000 + (writes if scenario.reread_ms >= 0 else 0)
    messages = (writes + reads) * 2 * scenario.copies
    if messages > _MAX_MESSAGES:
        raise ScenarioError(
            f"{writes:.3g} writes and {reads:.3g} reads with {scenario.copies} copies mean {messages:.3g} messages: "
            f"at most {_MAX_MESSAGES:,} are allowed, so lower the rates, the copies or the duration."
        )
    if scenario.anti_entropy_ms:
        rounds = duration / every_ms(scenario.anti_entropy_ms, duration) * scenario.members
        compared = rounds * min(writes, scenario.keys)
        if compared > _MAX_COMPARED:
            raise ScenarioError(
                f"anti_entropy_ms is {scenario.anti_entropy_ms:g}: over duration_ms = {duration:g} nodes would compare "
                f"{compared:.3g} keys, at most {_MAX_COMPARED:,} are allowed."
            )
