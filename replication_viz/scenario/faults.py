"""What may go wrong in a run, as data: each fault has a kind, a place and a time in milliseconds.

Faults do nothing here; ``engine`` acts on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer
from pydantic_core import PydanticCustomError

from .errors import Checked, ScenarioError, shown

Moment = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Span = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Factor = Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)]


class _Fault(Checked):
    at_ms: Moment = Field(description="when it happens, ms from the start of the run")

    @property
    def until_ms(self) -> float:
        """When it ends, ms from the start of the run; infinite if it stays."""
        lasts = getattr(self, "for_ms", None)
        return round(self.at_ms + lasts, 6) if lasts is not None else float("inf")  # 100.1 + 50.17 is 150.27

    def places(self) -> tuple[str, ...]:
        """Return the names of the nodes that the fault touches."""
        named = [getattr(self, field, None) for field in ("node", "source", "target")]
        return tuple(n for n in named if n is not None)

    def sentence(self) -> str:
        """Return what happens, as a caption."""
        raise NotImplementedError

    @model_serializer(mode="wrap")
    def _with_kind(self, others: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write the kind even where defaults are left out: it says which fault to read back."""
        return {"kind": getattr(self, "kind"), **others(self)}  # noqa: B009


class Crash(_Fault):
    """A node stops at once. What it had not flushed is gone, its connections close."""

    kind: Literal["crash"] = "crash"
    node: str

    def sentence(self) -> str:
        return f"{self.node} crashes"


class Restart(_Fault):
    """A crashed node starts again with what its disk holds."""

    kind: Literal["restart"] = "restart"
    node: str

    def sentence(self) -> str:
        return f"{self.node} restarts"


class StallDisk(_Fault):
    """Each flush that begins on a node in the interval takes at least ``flush_ms``."""

    kind: Literal["stall_disk"] = "stall_disk"
    node: str
    for_ms: Span | None = None
    flush_ms: Moment = Field(400.0, description="how long one flush takes meanwhile, ms")

    def sentence(self) -> str:
        return f"{self.node}: disk stalls, {self.flush_ms:g} ms a flush"


class SlowReplay(_Fault):
    """A replica replays ``factor`` times as slowly in the interval."""

    kind: Literal["slow_replay"] = "slow_replay"
    node: str
    for_ms: Span | None = None
    factor: Factor = 10.0

    def sentence(self) -> str:
        return f"{self.node}: replay {self.factor:g} times slower"


class PauseReplay(_Fault):
    """A replica replays nothing in the interval; it goes on receiving and flushing (``pg_wal_replay_pause``)."""

    kind: Literal["pause_replay"] = "pause_replay"
    node: str
    for_ms: Span | None = None

    def sentence(self) -> str:
        return f"{self.node}: replay stands still"


class LongQuery(_Fault):
    """Somebody reads on a replica for long. Replay must not remove rows that the query may still need."""

    kind: Literal["long_query"] = "long_query"
    node: str
    for_ms: Span | None = None

    def sentence(self) -> str:
        return f"{self.node}: a long query"


class Freeze(_Fault):
    """A node does nothing for a while and does not know it: a paused virtual machine, a long garbage collection.

    What arrives waits; what it was about to do it does when it wakes.
    """

    kind: Literal["freeze"] = "freeze"
    node: str
    for_ms: Span = 1_000.0

    def sentence(self) -> str:
        return f"{self.node} is frozen for {self.for_ms / 1000:g} s"


class Promote(_Fault):
    """An operator makes a replica the leader of a new timeline, whatever the old leader does."""

    kind: Literal["promote"] = "promote"
    node: str

    def sentence(self) -> str:
        return f"an operator promotes {self.node}"


class SkewClock(_Fault):
    """A node's wall clock jumps, and goes on from there at its usual pace: a wrong time server, a leap, a reboot."""

    kind: Literal["skew_clock"] = "skew_clock"
    node: str
    by_ms: float = Field(
        -500.0, ge=-86_400_000, le=86_400_000, allow_inf_nan=False, description="how far, ms; below 0 it falls behind"
    )

    def sentence(self) -> str:
        return f"{self.node}: clock jumps by {self.by_ms:+,g} ms"


class DropSlot(_Fault):
    """An operator drops a replica's replication slot: the leader may remove log that this replica has not got."""

    kind: Literal["drop_slot"] = "drop_slot"
    node: str

    def sentence(self) -> str:
        return f"the slot of {self.node} is dropped"


class Rebuild(_Fault):
    """An operator sets a replica up anew from a base backup of the leader; until that is copied it is down."""

    kind: Literal["rebuild"] = "rebuild"
    node: str

    def sentence(self) -> str:
        return f"{self.node} is set up anew from a base backup"


class Partition(_Fault):
    """The named nodes and the rest cannot reach each other in the interval."""

    kind: Literal["partition"] = "partition"
    nodes: tuple[str, ...] = Field(min_length=1)
    for_ms: Span | None = None

    def places(self) -> tuple[str, ...]:
        return self.nodes

    def sentence(self) -> str:
        return f"network partition: {', '.join(self.nodes)} cut off"


class CutLink(_Fault):
    """Messages from ``source`` to ``target`` are lost in the interval; ``both_ways`` cuts the way back too."""

    kind: Literal["cut_link"] = "cut_link"
    source: str
    target: str
    both_ways: bool = False
    for_ms: Span | None = None

    def sentence(self) -> str:
        arrow = "↔" if self.both_ways else "→"
        return f"link {self.source} {arrow} {self.target} is cut"


class LinkDelay(_Fault):
    """Messages sent from ``source`` to ``target`` in the interval take ``extra_ms`` longer."""

    kind: Literal["link_delay"] = "link_delay"
    source: str
    target: str
    extra_ms: Moment = 100.0
    for_ms: Span | None = None

    def sentence(self) -> str:
        return f"link {self.source} → {self.target}: {self.extra_ms:g} ms slower"


_SETTINGS = {
    "ack": ("acknowledgement rule", ""),
    "level": ("synchronous_commit", ""),
    "rate_per_s": ("write rate", "writes/s"),
    "lag_ms": ("lag", "ms"),
    "network_ms": ("network delay", "ms"),
    "flush_ms": ("disk flush", "ms"),
    "replay_us": ("replay cost", "µs"),
    "write_quorum": ("write quorum", ""),
    "read_quorum": ("read quorum", ""),
}
CHANGEABLE = tuple(_SETTINGS)


class Change(_Fault):
    """An operator sets a knob of the running system, for every node; it stays set."""

    kind: Literal["change"] = "change"
    setting: Literal[
        "ack", "level", "rate_per_s", "lag_ms", "network_ms", "flush_ms", "replay_us", "write_quorum", "read_quorum"
    ]
    value: Any

    @field_validator("value")
    @classmethod
    def _number_or_text(cls, value: Any) -> float | str:
        if isinstance(value, str):
            return value
        if isinstance(value, bool) or not isinstance(value, Real):
            raise PydanticCustomError("number_or_text", "a number or a text")
        return float(value)

    def sentence(self) -> str:
        name, unit = _SETTINGS[self.setting]
        shown = f"{self.value:,.12g}" if isinstance(self.value, float) else self.value
        return f"{name} set to {shown} {unit}".rstrip()


_STATEMENTS = {
    "drop_table": "DROP TABLE orders",
    "delete_rows": "DELETE FROM orders, without WHERE",
    "bad_update": "UPDATE orders SET price = 0",
}


class Statement(_Fault):
    """Somebody runs a statement that ruins the data. It is a record of the log like any other, and is replicated.

    ``drop_table`` takes the table; ``delete_rows`` all rows so far; ``bad_update`` leaves them, each with a wrong
    value, as a bad migration does.
    """

    kind: Literal["statement"] = "statement"
    what: Literal["drop_table", "delete_rows", "bad_update"] = "drop_table"

    def sentence(self) -> str:
        return _STATEMENTS[self.what]


class LoseArchive(_Fault):
    """What the archive gets in the interval is lost, and nobody notices."""

    kind: Literal["lose_archive"] = "lose_archive"
    for_ms: Span | None = None

    def sentence(self) -> str:
        return "the archive loses what it gets"


class CancelWaits(_Fault):
    """An operator cancels every commit that waits for a replica. They are committed, on the leader alone.

    PostgreSQL tells such a client that its commit succeeded, with the warning that the transaction has committed
    locally and might not have been replicated.
    """

    kind: Literal["cancel_waits"] = "cancel_waits"

    def sentence(self) -> str:
        return "waiting commits are cancelled: they stand on the leader alone"


Fault = Annotated[
    Crash
    | Restart
    | Freeze
    | Promote
    | SkewClock
    | StallDisk
    | SlowReplay
    | PauseReplay
    | LongQuery
    | DropSlot
    | Rebuild
    | Partition
    | CutLink
    | LinkDelay
    | Change
    | CancelWaits
    | Statement
    | LoseArchive,
    Field(discriminator="kind"),
]

KINDS: dict[str, type[_Fault]] = {kind.model_fields["kind"].default: kind for kind in get_args(get_args(Fault)[0])}


def fault_from(values: Any) -> Fault:
    """Return the fault that a mapping describes: its ``kind``, its time, and what else that kind needs.

    Raises
    ------
    ScenarioError
        If it describes none.
    """
    if not isinstance(values, Mapping):
        raise ScenarioError(f"a fault is {shown(values)}: it must be a mapping from field names to values.")
    kind = values.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ScenarioError(f"kind is {shown(kind)}: it must be one of {', '.join(map(repr, KINDS))}.")
    return KINDS[kind].model_validate(values)  # type: ignore[return-value]
