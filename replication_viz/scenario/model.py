"""The scenario: all that a run depends on, validated where it enters.

Each number carries its unit, the range in which it is allowed, the range of its slider and one line of help; panels
make their sliders from these. The engine only reads scenarios.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo

from . import leaderless, multi_leader, semi_sync
from .errors import Checked
from .failover import Failover, may_fail_over
from .faults import Change, Fault, Partition
from .field import knob
from .leaderless import Leaderless
from .limits import LEADER, MAX_REPLICAS, check, replica_names
from .multi_leader import MultiLeader
from .sessions import Sessions
from .sync_names import SyncRule, rule

Level = Literal["local", "remote_write", "on", "remote_apply"]
Shape = Literal["constant", "lognormal", "exponential", "uniform"]


class NodeSettings(Checked):
    """What differs on one node; ``None`` means: as everywhere."""

    follows: str | None = Field(None, max_length=4, description="the replica that it streams from; else the leader")
    place: str | None = Field(None, max_length=24, description="where it stands, such as 'zone b'")
    lag_ms: float | None = Field(None, ge=0, le=600_000, allow_inf_nan=False)
    network_ms: float | None = Field(None, ge=0, le=60_000, allow_inf_nan=False)
    flush_ms: float | None = Field(None, ge=0.01, le=60_000, allow_inf_nan=False)
    replay_us: float | None = Field(None, ge=0, le=1_000_000, allow_inf_nan=False)
    apply_delay_ms: float | None = Field(None, ge=0, le=86_400_000, allow_inf_nan=False)
    write_us: float | None = Field(None, ge=0, le=1_000_000, allow_inf_nan=False)
    disk_mb_per_s: float | None = Field(None, ge=0.001, le=1_000_000, allow_inf_nan=False)
    clock_ms: float | None = Field(
        None,
        ge=-86_400_000,
        le=86_400_000,
        allow_inf_nan=False,
        description="how far its clock is ahead; below 0: behind",
    )


class Scenario(Sessions, Failover, Leaderless, MultiLeader):
    """One experiment: nodes, network, disks, acknowledgement rule, load, faults, duration and seed.

    A variant is made with `but` or `with_fault`; both check again.
    """

    model_config = ConfigDict(ignored_types=(cached_property,))

    name: str = Field("custom", max_length=60, description="name in the registry")
    title: str = Field("A replicated database", max_length=80, description="what the picture is called")

    topology: Literal["single_leader", "leaderless", "multi_leader"] = Field(
        "single_leader", title="topology", description="who takes writes: one leader, every node, or several leaders"
    )
    ack: str = Field("ANY 1 (*)", title="wait for", max_length=400, description="which replicas a commit waits for")
    level: Level = Field(
        "on",
        title="counts once it has",
        description="what a replica must have done before it counts (synchronous_commit)",
    )
    ack_timeout_ms: float = knob(
        "patience",
        -1,
        (-1, 600_000),
        (-1, 3_000, 100),
        "ms",
        "how long a commit waits before the leader goes on without replicas (semi-sync's timeout); -1: for ever",
    )
    replicas: int = knob("replicas", 3, (0, MAX_REPLICAS), (1, 7, 1), "", "how many replicas follow the leader")
    lag_ms: float = knob(
        "lag", 0, (0, 600_000), (0, 500, 5), "ms", "extra delay of the log on its way to every replica"
    )
    partition: str = Field(
        "", title="cut off", max_length=80, description="replicas cut off from the leader, such as 's1, s2'"
    )
    partition_at_ms: float = knob(
        "partition at", 500, (0, 86_400_000), (0, 2_000, 50), "ms", "when the partition begins"
    )
    partition_for_ms: float = knob(
        "partition lasts", 800, (1, 86_400_000), (50, 2_000, 50), "ms", "how long the partition lasts"
    )

    rate_per_s: float = knob(
        "write rate", 200, (0, 1_000_000), (1, 20_000, 1), "writes/s", "how many writes arrive (open loop)", log=True
    )
    arrivals: Literal["poisson", "constant", "closed"] = Field(
        "poisson",
        title="arrivals",
        description="at random, at equal intervals, or from clients that wait for their answer",
    )
    clients: int = knob(
        "clients", 8, (1, 10_000), (1, 64, 1), "", "clients; in a closed loop each has one write at a time"
    )
    think_ms: float = knob(
        "think time", 10, (0, 600_000), (0, 200, 1), "ms", "mean pause of a closed-loop client between writes"
    )
    servers: int = knob(
        "servers", 0, (0, 50), (0, 12, 1), "", "application servers between users and leader; 0: users write directly"
    )
    pool: int = knob("pool", 25, (1, 1_000), (1, 100, 1), "", "database connections of each application server")
    request_timeout_ms: float = knob(
        "request timeout", 1_000, (1, 600_000), (100, 5_000, 100), "ms", "how long a user waits before giving up"
    )
    retries: int = knob("retries", 0, (0, 20), (0, 5, 1), "", "how often a user whose request failed comes again")
    health_every_ms: float = knob(
        "health check every", 500, (10, 600_000), (100, 5_000, 100), "ms", "interval of a server's health checks"
    )
    health_timeout_ms: float = knob(
        "health timeout", 200, (1, 600_000), (50, 2_000, 50), "ms", "how long a health check waits for a connection"
    )
    health_failures: int = knob(
        "health failures",
        2,
        (1, 100),
        (1, 10, 1),
        "",
        "failed checks in a row that drain a server; passed ones return it",
    )
    load_swing: float = knob(
        "day and night", 0, (0, 1), (0, 1, 0.05), "", "how far the load swings around its mean; it begins at its lowest"
    )
    load_period_ms: float = knob(
        "length of a day", 86_400_000, (1, 864_000_000), (1_000, 86_400_000, 1_000), "ms", "period of the swing"
    )
    grain: int = knob(
        "grain", 1, (1, 1_000_000), (1, 10_000, 1), "writes", "how many writes are simulated as one, for long runs"
    )
    rows: int = knob("rows", 100_000, (0, 10**9), (0, 1_000_000, 1_000), "", "rows in the table when the run begins")
    keys: int = knob("keys", 100, (1, 10_000_000), (1, 1_000, 1), "", "how many keys the writes are spread over")
    record_bytes: float = knob("write size", 200, (1, 10_000_000), (50, 10_000, 50), "B", "log bytes of one write")

    network_ms: float = knob("network delay", 0.5, (0, 60_000), (0, 150, 0.5), "ms", "one-way delay between two nodes")
    network_shape: Shape = Field("lognormal", title="network varies", description="how the delay varies")
    network_spread: float = knob(
        "network jitter", 0.2, (0, 2), (0, 1, 0.05), "", "how much it varies (sigma of the lognormal)"
    )
    bandwidth_mbit: float = knob(
        "bandwidth", 1_000, (0.001, 400_000), (0.1, 1_000, 0.1), "Mbit/s", "what a link carries", log=True
    )

    flush_ms: float = knob("disk flush", 2, (0.01, 60_000), (0.1, 50, 0.1), "ms", "time of one flush to disk", log=True)
    flush_shape: Shape = Field("lognormal", title="disk varies", description="how the flush time varies")
    flush_spread: float = knob(
        "disk jitter", 0.2, (0, 2), (0, 1, 0.05), "", "how much it varies (sigma of the lognormal)"
    )
    disk_mb_per_s: float = knob(
        "disk throughput", 500, (0.001, 1_000_000), (0.1, 500, 0.1), "MB/s", "what a disk writes", log=True
    )
    log_left: float = knob(
        "log after compression", 1, (0.01, 1), (0.1, 1, 0.05), "", "what wal_compression leaves of each write's log"
    )
    compress_us: float = knob(
        "cost of compression", 0, (0, 100_000), (0, 200, 5), "µs", "leader's time to compress the log of one write"
    )
    replay_us: float = knob(
        "replay cost", 50, (0, 1_000_000), (0, 10_000, 50), "µs", "time to replay one write, one at a time"
    )
    replay_workers: int = knob(
        "replay workers", 1, (1, 128), (1, 16, 1), "", "how many processes replay at once; PostgreSQL has one"
    )
    dependent_share: float = knob(
        "dependent writes", 0, (0, 1), (0, 1, 0.05), "", "share of writes that must wait for the one before them"
    )
    vacuum_ms: float = knob(
        "vacuum every", 1_000, (1, 86_400_000), (100, 60_000, 100), "ms", "how often the leader removes dead rows"
    )
    max_standby_streaming_delay_ms: float = knob(
        "longest conflict",
        30_000,
        (-1, 86_400_000),
        (-1, 60_000, 1_000),
        "ms",
        "how long replay may wait for a query before cancelling it; -1: for ever (max_standby_streaming_delay)",
    )
    hot_standby_feedback: bool = Field(
        False,
        title="feedback",
        description="whether replicas tell the leader which rows their queries need (hot_standby_feedback)",
    )
    apply_delay_ms: float = knob(
        "apply delay",
        0,
        (0, 86_400_000),
        (0, 1_000, 10),
        "ms",
        "replay holds each write back as long (recovery_min_apply_delay)",
    )
    wal_sender_timeout_ms: float = knob(
        "sender timeout",
        60_000,
        (1, 86_400_000),
        (1_000, 60_000, 1_000),
        "ms",
        "silence after which the leader drops a replica",
    )

    segment_mb: float = knob("segment", 16, (0.001, 1_024), (1, 64, 1), "MB", "size of one file of the log")
    wal_keep_mb: float = knob(
        "log kept", 0, (0, 1e9), (0, 1_024, 16), "MB", "log that the leader keeps for replicas (wal_keep_size)"
    )
    slots: bool = Field(
        False, title="slots", description="whether each replica has a replication slot: the leader keeps what it lacks"
    )
    max_slot_wal_keep_mb: float = knob(
        "most for a slot",
        -1,
        (-1, 1e9),
        (-1, 1_024, 16),
        "MB",
        "log kept for a slot at most; -1: all of it (max_slot_wal_keep_size)",
    )
    max_wal_mb: float = knob(
        "log between checkpoints", 1_024, (1, 1e9), (32, 4_096, 32), "MB", "a checkpoint comes by then (max_wal_size)"
    )
    checkpoint_ms: float = knob(
        "checkpoint every", 300_000, (10, 86_400_000), (1_000, 600_000, 1_000), "ms", "and at least so often"
    )
    wal_disk_mb: float = knob(
        "room for the log", 1e6, (1, 1e9), (100, 1e6, 100), "MB", "the leader stops when its log fills this", log=True
    )
    archive: bool = Field(False, title="archive", description="whether each full segment is copied to an archive")
    archive_mb_per_s: float = knob(
        "archive throughput", 50, (0.001, 1e6), (1, 500, 1), "MB/s", "how fast log comes back from it", log=True
    )
    database_mb: float = knob(
        "database",
        10_000,
        (1, 1e9),
        (100, 1e6, 100),
        "MB",
        "size of the database, which a base backup copies",
        log=True,
    )

    nodes: dict[str, NodeSettings] = Field(default_factory=dict, description="what differs on single nodes")
    faults: tuple[Fault, ...] = Field((), max_length=200, description="what goes wrong, and when")
    duration_ms: float = knob("duration", 2_000, (1, 86_400_000), (200, 10_000, 100), "ms", "length of the run")
    seed: int = knob("seed", 1, (0, 2**32 - 1), (1, 50, 1), "", "chance: the same seed gives the same run")

    @model_validator(mode="after")
    def _fits_together(self) -> Scenario:
        check(self)
        return self

    # -- views of itself ------------------------------------------------------------------------------------------

    @cached_property
    def standbys(self) -> tuple[str, ...]:
        """The names of a single leader's replicas: s1, s2, …"""
        return replica_names(self.replicas) if self.topology == "single_leader" else ()

    @cached_property
    def node_names(self) -> tuple[str, ...]:
        """Every node's name; with one leader, the leader first."""
        if self.topology == "leaderless":
            return self.member_names()
        if self.topology == "multi_leader":
            return self.leader_names()
        return (LEADER, *self.standbys)

    @cached_property
    def may_fail_over(self) -> bool:
        """Whether another node may lead in the course of a run."""
        return may_fail_over(self)

    @cached_property
    def is_semi_sync(self) -> bool:
        """Whether a leader goes on without replicas if they take too long, as MySQL's does."""
        return self.topology == "single_leader" and self.ack_timeout_ms >= 0

    def upstream(self, standby: str) -> str:
        """Return the node from which a replica streams."""
        own = self.nodes.get(standby)
        followed = own.follows if own is not None else None
        return followed if followed in self.standbys else LEADER

    @cached_property
    def direct(self) -> tuple[str, ...]:
        """The replicas that stream from the leader; the others are cascaded, and no commit waits for them."""
        return tuple(name for name in self.standbys if self.upstream(name) == LEADER)

    def of(self, node: str, field: str) -> Any:
        """Return a setting as it holds on one node."""
        own = self.nodes.get(node)
        value = getattr(own, field, None) if own is not None else None
        return getattr(self, field, None) if value is None else value

    def sync_rule(self, ack: str | None = None) -> SyncRule:
        """Return the rule that ``ack`` (by default this scenario's) stands for."""
        return rule(self.ack if ack is None else ack, len(self.direct))

    @cached_property
    def timeline(self) -> tuple[Fault, ...]:
        """Every fault, the one of the ``partition`` knob included, in order of time."""
        faults = list(self.faults)
        cut = _names(self.partition)
        if cut:
            faults.append(Partition(nodes=cut, at_ms=self.partition_at_ms, for_ms=self.partition_for_ms))
        return tuple(sorted(faults, key=lambda fault: fault.at_ms))

    def warnings(self) -> list[str]:
        """Return one sentence for each setting that is legal and yet surely not what anybody wants."""
        if self.topology == "leaderless":
            return leaderless.warnings(self)
        if self.topology == "multi_leader":
            return multi_leader.warnings(self)
        found = []
        acks = [self.ack, *(f.value for f in self.faults if isinstance(f, Change) and f.setting == "ack")]
        for ack in acks:
            want = self.sync_rule(ack)
            listed = len(want.candidates(self.direct))
            if want.count > listed and self.level != "local":
                found.append(
                    f"{ack} waits for {want.count} acknowledgements and names {listed} of the {self.replicas} "
                    f"replicas here: no commit will ever return."
                )
        if self.arrivals == "closed" and any(isinstance(f, Change) and f.setting == "rate_per_s" for f in self.faults):
            found.append("a change of rate_per_s does nothing where arrivals is 'closed': clients set the pace.")
        of_replicas = ("lag_ms", "network_ms", "replay_us", "apply_delay_ms")
        idle = [f for f in of_replicas if getattr(self.nodes.get(LEADER), f, None) is not None]
        found += [f"{field} of {LEADER} does nothing: it belongs to a replica." for field in idle]
        return found + (semi_sync.warnings(self) if self.is_semi_sync else [])

    def postgres_settings(self) -> dict[str, str]:
        """Return the settings that a real PostgreSQL needs for the same choice.

        Where commits lose their patience they are those of MySQL's semi-sync; without a leader, those of Cassandra.
        """
        if self.topology == "leaderless":
            return leaderless.settings(self)
        if self.topology == "multi_leader":
            return multi_leader.settings(self)
        if self.is_semi_sync:
            return semi_sync.settings(self)
        settings = {
            "synchronous_standby_names": self.sync_rule().setting(),
            "synchronous_commit": self.level,
        }
        if self.max_standby_streaming_delay_ms != 30_000:
            wait = self.max_standby_streaming_delay_ms
            settings["max_standby_streaming_delay"] = "-1" if wait < 0 else f"{wait:g}ms"
        if self.hot_standby_feedback:
            settings["hot_standby_feedback"] = "on"
        if self.wal_keep_mb:
            settings["wal_keep_size"] = f"{self.wal_keep_mb:g}MB"
        if self.slots and self.max_slot_wal_keep_mb >= 0:
            settings["max_slot_wal_keep_size"] = f"{self.max_slot_wal_keep_mb:g}MB"
        if self.apply_delay_ms:
            settings["recovery_min_apply_delay"] = f"{self.apply_delay_ms:g}ms"
        if self.wal_sender_timeout_ms != 60_000:
            settings["wal_sender_timeout"] = f"{self.wal_sender_timeout_ms:g}ms"
        return settings

    # -- variants -------------------------------------------------------------------------------------------------

    def but(self, **changes: Any) -> Scenario:
        """Return this scenario with other values for some fields.

        Raises
        ------
        ScenarioError
            If the result is not valid.
        """
        return type(self)(**{**{f: getattr(self, f) for f in self.model_fields_set}, **changes})

    def with_fault(self, fault: Fault) -> Scenario:
        """Return this scenario with one more fault: the same run up to the fault's time."""
        return self.but(faults=(*self.faults, fault))

    # -- JSON and text --------------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """Return every value that differs from its default, as JSON; `from_json` reads it back."""
        return self.model_dump_json(exclude_defaults=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Scenario:
        """Return the scenario that `to_json` wrote.

        Raises
        ------
        ScenarioError
            If the text is not JSON, or not a scenario.
        """
        return cls.model_validate_json(text)

    def share(self) -> str:
        """Return a short text that holds the whole scenario."""
        from .share import encode

        return encode(self.to_json())

    @classmethod
    def from_share(cls, text: str) -> Scenario:
        """Return the scenario that `share` wrote.

        Raises
        ------
        ScenarioError
            If the text is damaged or of a version that this program does not read.
        """
        from .share import decode

        return cls.from_json(decode(text))


def field_info(field: str) -> FieldInfo:
    """Return what a scenario's field says of itself: unit, slider, step, help."""
    return Scenario.model_fields[field]


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
