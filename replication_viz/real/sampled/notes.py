"""What is noted of a run: its writes, where each node stood when it was asked, what nodes became."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from ...engine.arrivals import write_moments
from ...engine.streams import stream
from ...scenario import Scenario
from ...trace import MarkKind, Outcome


@dataclass
class Write:
    """One write: what was asked, and what came of it. Times in ms from the start of the run.

    Attributes
    ----------
    appended : float
        When the leader said that it has it; NaN if it did not.
    lsn : int
        Which write of its leader it is, counted from 1; -1 if the leader did not say.
    error : str
        What the server said instead.
    """

    client: int
    key: int
    value: int
    invoked: float
    appended: float = float("nan")
    returned: float = float("nan")
    outcome: Outcome = Outcome.UNKNOWN
    node: str = ""
    lsn: int = -1
    error: str = ""


_Planned = TypeVar("_Planned", bound=Write)


def planned(scenario: Scenario, kind: type[_Planned]) -> list[_Planned]:
    """Return the writes of a run before it begins: the same at the same moments as in a simulated one."""
    moments = write_moments(scenario)
    clients = stream(scenario.seed, "clients").integers(scenario.clients, size=len(moments))
    keys = stream(scenario.seed, "keys").integers(scenario.keys, size=len(moments))
    rows = zip(clients.tolist(), keys.tolist(), moments.tolist(), strict=True)
    return [kind(client, key, value, at) for value, (client, key, at) in enumerate(rows, 1)]


@dataclass(frozen=True)
class Sample:
    """Where one node stood.

    Attributes
    ----------
    at : float
        When its answer came, monotonic s.
    leads : bool
        Whether it was a primary.
    history : str
        Whose log it has: the same for a primary and those who follow it.
    received, applied : int
        How many writes it had received, and how many of them it showed to readers.
    """

    node: str
    at: float
    leads: bool
    history: str
    received: int
    applied: int


@dataclass(frozen=True)
class Turn:
    """What a node is from a moment (ms) on.

    Attributes
    ----------
    up, leads : bool or None
        What it becomes; None: what it was.
    count : int
        How many writes it has then.
    history : str
        Of a new leader: whose log its followers have from then on.
    """

    node: str
    at: float
    up: bool | None = None
    leads: bool | None = None
    count: int = 0
    history: str = ""


@dataclass(frozen=True)
class Mark:
    """A moment (ms) worth a caption."""

    kind: MarkKind
    at: float
    text: str
    node: str


@dataclass(frozen=True)
class Notes:
    """All that was noted of a run.

    Attributes
    ----------
    zero : float
        The run's moment 0, monotonic s.
    history : str
        Whose log the first leader and its replicas have.
    shows_when_answered : bool
        Whether readers see a write once its client has an answer; else as soon as the leader has it.
    """

    zero: float
    history: str
    writes: Sequence[Write]
    samples: Sequence[Sample]
    turns: Sequence[Turn]
    marks: Sequence[Mark] = ()
    shows_when_answered: bool = False
