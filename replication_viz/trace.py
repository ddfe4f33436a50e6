"""The trace: all that a run leaves. Five tables of numpy columns, immutable, each in order of time.

Any topology fills these five, and so does a real database: one picture, one set of measures, one set of checkers
serves all. Times are milliseconds from the start of the run; NaN means: did not happen in the run. An LSN counts
writes: LSN 5 is the position after the fifth write, 0 the empty log. Nodes are numbered as in `Trace.nodes`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import pandas as pd

    from .scenario import Scenario

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int8]
Flags = NDArray[np.bool_]
Texts = NDArray[np.str_]


class OpKind(IntEnum):
    """What a client asked for."""

    WRITE = 0
    READ = 1
    STATEMENT = 2  # of an operator; its value is its number among the scenario's statements, in order of time
    DELETE = 3  # of a key, in a leaderless database; a write whose version is a tombstone


class Outcome(IntEnum):
    """What the client knows: a write without an answer may have happened or not."""

    OK = 0
    FAILED = 1
    UNKNOWN = 2


class FlightKind(IntEnum):
    """What a message carries. A replica's replies say how far it has written, flushed or replayed.

    From STORE on they are of a leaderless database: ``lsn_from`` is the row of the operation in `Trace.ops`, -1 for
    what nobody waits for, and ``lsn_to`` the version that the message carries. A SYNC compares what two nodes hold and
    carries so many hashes, or keys with their versions. A coordinator that is a replica itself sends to itself.
    """

    WAL = 0
    WROTE = 1
    FLUSHED = 2
    REPLAYED = 3
    STORE = 4
    STORED = 5
    ASK = 6
    ANSWER = 7
    REPAIR = 8
    HINT = 9
    SYNC = 10
    PASSED_ON_1 = 11  # part of the first leader's log, from a leader that has applied it
    PASSED_ON_2 = 12
    PASSED_ON_3 = 13
    PASSED_ON_4 = 14
    PASSED_ON_5 = 15


class Position(IntEnum):
    """Which of a node's positions in the log; or what a node without a log holds, version by version.

    A step of STORED or HINTED names the version that the node holds of a key from then on, for itself or for another
    node; negative: it no longer holds that version. See `Trace.holdings`.
    """

    APPENDED = 0
    RECEIVED = 1
    FLUSHED = 2
    REPLAYED = 3
    COMMITTED = 4
    OLDEST = 5  # the leader's log begins after this LSN
    STORED = 6
    HINTED = 7
    FROM_1 = 10  # up to which LSN of the first leader's log another leader has applied it
    FROM_2 = 11
    FROM_3 = 12
    FROM_4 = 13
    FROM_5 = 14


class Role(IntEnum):
    """What a node is."""

    LEADER = 0
    REPLICA = 1
    PEER = 2  # of a leaderless database


class MarkKind(IntEnum):
    """What a moment is about."""

    CRASH = 0
    RESTART = 1
    DISK = 2
    REPLAY = 3
    PARTITION = 4
    LINK = 5
    CHANGE = 6
    DISCONNECT = 7
    RECONNECT = 8
    BLOCKED = 9
    POOL = 10
    DRAIN = 11
    RETURN = 12
    QUERY = 13
    CANCELLED = 14
    SLOT = 15
    FALLEN = 16
    FULL = 17
    FETCH = 18
    REBUILT = 19
    STATEMENT = 20
    ARCHIVE = 21
    FROZEN = 22
    SUSPECTED = 23
    FENCED = 24
    PROMOTED = 25
    DEMOTED = 26
    REWOUND = 27
    STRANDED = 28
    FOLLOWED = 29
    HINTED = 30
    HANDED = 31
    HINTS_LOST = 32
    HINTS_OVER = 33
    RESURRECTED = 34
    TIMEOUT = 35
    UNAVAILABLE = 36
    CONFLICT = 40
    DISCARDED = 41
    CONVERGED = 42
    CLOCK = 43
    GIVEN_TWICE = 44
    FELL_BACK = 45  # a leader has lost its patience and waits for no replica
    WAITS_AGAIN = 46


class Table:
    """Columns of one length; read-only."""

    def __post_init__(self) -> None:
        lengths = {len(column) for column in self.columns().values()}
        if len(lengths) > 1:
            raise ValueError(f"columns of {type(self).__name__} have lengths {sorted(lengths)}: they must be equal.")
        for column in self.columns().values():
            column.setflags(write=False)

    def __len__(self) -> int:
        return len(next(iter(self.columns().values())))

    def columns(self) -> dict[str, NDArray[np.generic]]:
        """Return the columns by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]

    def where(self, chosen: NDArray[np.generic]) -> Self:
        """Return the rows at a mask or at indices."""
        return type(self)(**{name: column[chosen] for name, column in self.columns().items()})

    def merged(self, other: Self, by: str) -> Self:
        """Return the rows of both tables in order of one column; ties keep the order self, other."""
        mine, theirs = self.columns(), other.columns()
        both = {name: np.concatenate([mine[name], theirs[name]]) for name in mine}
        return type(self)(**both).where(np.argsort(both[by], kind="stable"))

    def frame(self) -> pd.DataFrame:
        """Return the table as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame(self.columns())


@dataclass(frozen=True, eq=False, repr=False)
class Ops(Table):
    """A row per client operation, in order of invocation.

    ``lsn`` is the position of a write in the log, or the last write that a read saw; -1 if it got none. Where
    application servers stand between, ``client`` of a write is the server that took it, -1 if none did.
    """

    client: Ints
    kind: Codes
    key: Ints
    value: Ints
    invoked: Floats
    returned: Floats
    outcome: Codes
    node: Codes
    lsn: Ints

    def last_write(self, key: Ints, upto: Ints) -> Ints:
        """Return the LSN of the last of these, all writes, to each key at or below an LSN; 0 where there is none.

        Parameters
        ----------
        key, upto : ndarray, shape (n,)
            Keys, and the LSN to look back from.
        """
        logged = self.lsn > 0
        span = np.int64(self.lsn.max(initial=0) + 1)
        places = np.sort(self.key[logged] * span + self.lsn[logged])
        index = np.searchsorted(places, key * span + np.minimum(upto, span - 1), side="right") - 1
        found = places[np.maximum(index, 0)] if len(places) else np.zeros(len(key), dtype=np.int64)
        return np.where((index >= 0) & (found // span == key), found % span, 0)


@dataclass(frozen=True, eq=False, repr=False)
class Flights(Table):
    """A row per message, in order of sending; it carries the writes after ``lsn_from`` up to ``lsn_to``.

    ``arrived`` is when it arrives or, where ``lost``, when it would have.
    """

    kind: Codes
    source: Codes
    target: Codes
    sent: Floats
    arrived: Floats
    lost: Flags
    lsn_from: Ints
    lsn_to: Ints


@dataclass(frozen=True, eq=False, repr=False)
class Levels(Table):
    """A row per step of a position: from ``time`` on it is ``lsn``."""

    node: Codes
    which: Codes
    time: Floats
    lsn: Ints


@dataclass(frozen=True, eq=False, repr=False)
class States(Table):
    """A row per node and interval: its role, up or down, fenced or not, and its term (timeline)."""

    node: Codes
    begin: Floats
    end: Floats
    role: Codes
    up: Flags
    fenced: Flags
    term: Ints


@dataclass(frozen=True, eq=False, repr=False)
class Marks(Table):
    """A row per moment worth a caption; ``until`` is infinite where it lasts, NaN where it is a moment only.

    ``node`` and ``peer`` are -1 where there is none. A mark of an application server has its number as ``peer``.
    """

    time: Floats
    until: Floats
    kind: Codes
    node: Codes
    peer: Codes
    text: Texts


@dataclass(frozen=True, eq=False)
class Trace:
    """What happened in a run.

    Attributes
    ----------
    scenario : Scenario
        What was asked for.
    nodes : tuple of str
        The nodes' names; tables number them in this order.
    """

    scenario: Scenario
    nodes: tuple[str, ...]
    ops: Ops
    flights: Flights
    levels: Levels
    states: States
    marks: Marks

    def __repr__(self) -> str:
        sizes = ", ".join(f"{len(table):,} {name}" for name, table in self.tables().items())
        return f"Trace of {self.scenario.title!r}, {self.duration_ms:g} ms: {sizes}"

    @property
    def duration_ms(self) -> float:
        """Length of the run, ms."""
        return self.scenario.duration_ms

    def tables(self) -> dict[str, Table]:
        """Return the five tables by name."""
        return {
            "ops": self.ops,
            "flights": self.flights,
            "levels": self.levels,
            "states": self.states,
            "marks": self.marks,
        }

    def number(self, node: str) -> int:
        """Return a node's number.

        Raises
        ------
        ValueError
            If no node has that name.
        """
        if node not in self.nodes:
            raise ValueError(f"node is {node!r}: it must be one of {', '.join(self.nodes)}.")
        return self.nodes.index(node)

    def steps(self, node: str, which: Position) -> tuple[Floats, Ints]:
        """Return the times (ms) and LSNs of a position's steps, each ndarray, shape (n_steps,), in order of time."""
        chosen = (self.levels.node == self.number(node)) & (self.levels.which == which)
        return self.levels.time[chosen], self.levels.lsn[chosen]

    def at(self, node: str, which: Position, when: ArrayLike) -> Ints:
        """Return a position at one or many moments (ms): ndarray of the shape of ``when``; 0 before the first step."""
        times, lsns = self.steps(node, which)
        index = np.searchsorted(times, when, side="right")
        return np.concatenate([[0], lsns])[index]

    def holdings(self, at_ms: float, which: Position = Position.STORED) -> list[dict[int, int]]:
        """Return for each node of a leaderless database which version it holds of each key at a moment (ms).

        Parameters
        ----------
        which : Position
            STORED: for itself; HINTED: for other nodes.
        """
        versioned = self.ops.lsn > 0
        key_of = dict(zip(self.ops.lsn[versioned].tolist(), self.ops.key[versioned].tolist(), strict=True))
        found: list[dict[int, int]] = [{} for _ in self.nodes]
        rows = (self.levels.which == which) & (self.levels.time <= at_ms)
        for node, version in zip(self.levels.node[rows].tolist(), self.levels.lsn[rows].tolist(), strict=True):
            held, key = found[node], key_of[abs(version)]
            if version > 0:
                held[key] = version
            elif held.get(key) == -version:
                del held[key]
        return found

    def until(self, moment: float) -> dict[str, dict[str, NDArray[np.generic]]]:
        """Return what was known before a moment (ms): rows that began by then, and of those no later time.

        Two runs that are alike before a moment give equal results here: what a fork must leave alone.
        """
        ops = self.ops.where(self.ops.invoked < moment).columns()
        ops = _hide_later(ops, "returned", moment, hidden=("outcome", "lsn", "value"))
        waits = (ops["kind"] == OpKind.READ) & np.isnan(ops["returned"])
        ops["node"] = np.where(waits, 0, ops["node"])  # a read that waits may yet go elsewhere
        flights = self.flights.where(self.flights.sent < moment).columns()
        flights = _hide_later(flights, "arrived", moment, hidden=("lost",))
        states = self.states.where(self.states.begin < moment).columns()
        states["end"] = np.minimum(states["end"], moment)
        marks = self.marks.where(self.marks.time < moment).columns()
        marks["until"] = np.minimum(marks["until"], moment)
        levels = self.levels.where(self.levels.time < moment).columns()
        return {"ops": ops, "flights": flights, "levels": levels, "states": states, "marks": marks}

    def digest(self) -> str:
        """Return a SHA-256 of every byte of the five tables: equal for equal runs."""
        sha = hashlib.sha256("|".join(self.nodes).encode())
        for table in self.tables().values():
            for name, column in table.columns().items():
                sha.update(name.encode())
                sha.update(np.ascontiguousarray(column).tobytes())
        return sha.hexdigest()


def _hide_later(
    columns: dict[str, NDArray[np.generic]], end: str, moment: float, hidden: tuple[str, ...]
) -> dict[str, NDArray[np.generic]]:
    times = np.array(columns[end], dtype=np.float64)
    later = ~(times < moment)
    times[later] = np.nan
    result = {**columns, end: times}
    for name in hidden:
        column = columns[name].copy()
        column[later] = 0
        result[name] = column
    return result
