"""The stage at one moment, as plain data: what `moment` says and the poster draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Tone = Literal["safe", "risk", "stale", "ink"]


@dataclass(frozen=True)
class Row:
    """A node: how far its log goes in each sense, and what ails it.

    Attributes
    ----------
    crown : {"leader", "old", "idle", "old idle"}
        What a leader is: the leader, one that a newer one has replaced; idle if it takes no writes.
    shared, doomed : float, int
        Up to which LSN its log is that of the newest timeline, and how many writes it has beyond.
    """

    name: str
    about: str
    is_leader: bool
    is_up: bool
    head: int
    flushed: int
    replayed: int
    lag_ms: float
    ailment: str
    term: int = 1
    crown: Literal["leader", "old", "idle", "old idle"] = "leader"
    shared: float = np.inf
    doomed: int = 0


@dataclass(frozen=True)
class Packet:
    """A message on its way: ``progress`` runs from 0 at the source's row to 1 at the target's."""

    source: int
    target: int
    lsn: int
    count: int
    progress: float
    is_reply: bool
    is_lost: bool

    @property
    def link(self) -> tuple[int, int, bool, bool]:
        """Messages of one link are alike and may be drawn as one."""
        return self.source, self.target, self.is_reply, self.is_lost


@dataclass(frozen=True)
class Number:
    """One of the large numbers under the rows."""

    caption: str
    value: str
    note: str
    tone: Tone


@dataclass(frozen=True)
class Moment:
    """The stage at ``at_ms``.

    Attributes
    ----------
    committed : int
        LSN up to which the clients have their answer.
    waiting, waits_for : int, str
        Commits that wait, and for whom.
    lost, promoted : int, int
        Acknowledged writes that a crash of the leader would take, and the row that would be
        promoted; -1 where there is none.
    leader : int
        The row of the newest leader.
    fork, histories : int, int
        The LSN after which the newest timeline goes its own way, -1 before; and how many logs there are by then.
    is_split : bool
        Whether there are two logs, or two leaders: then each has its own acknowledged position.
    window : (float, float)
        The LSNs at the two ends of the axis.
    walls : tuple of frozenset of int
        For each partition that holds, the rows on its named side.
    """

    at_ms: float
    rows: tuple[Row, ...]
    packets: tuple[Packet, ...]
    committed: int
    waiting: int
    waits_for: str
    lost: int
    promoted: int
    numbers: tuple[Number, ...]
    sentence: str
    window: tuple[float, float]
    walls: tuple[frozenset[int], ...]
    leader: int = 0
    fork: int = -1
    histories: int = 1
    is_split: bool = False
