"""The checklist: each line judged, with the value found and the reason. The `judge_…` files do the judging."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .lags import StandbyLag, WriteRate
from .loss import LossWindow, Rule
from .samples import Samples
from .settings import Settings
from .slots import Slot

Status = Literal["ok", "warning", "danger", "not known"]
SEVERITY: tuple[Status, ...] = ("danger", "warning", "not known", "ok")
UNSEEN = (
    "Not to be seen from here: whether the old primary is fenced before another is promoted, whether failover is "
    "rehearsed under load, whether backups restore, whether readers who wrote are routed to what they wrote, and "
    "whether payments carry idempotency keys."
)


@dataclass(frozen=True)
class Line:
    """One line of the checklist.

    Attributes
    ----------
    status : {"ok", "warning", "danger", "not known"}
        ``not known`` where the value is not among what was given.
    name : str
        What is judged.
    found : str
        The value.
    reason : str
        Why it is judged so, a sentence.
    """

    status: Status
    name: str
    found: str
    reason: str


@dataclass(frozen=True)
class Findings:
    """All that the lines are judged by.

    Attributes
    ----------
    samples : Samples
    settings : Settings
    slots : tuple of Slot or None
        None where they are not known.
    rate : WriteRate
    standbys : tuple of StandbyLag
        All that are in any sample.
    rule : Rule
    loss : LossWindow
    """

    samples: Samples
    settings: Settings
    slots: tuple[Slot, ...] | None
    rate: WriteRate
    standbys: tuple[StandbyLag, ...]
    rule: Rule
    loss: LossWindow

    @property
    def present(self) -> tuple[StandbyLag, ...]:
        """The standbys of the last sample."""
        names = {row.name for row in self.samples.last.standbys}
        return tuple(one for one in self.standbys if one.name in names)


def not_known(name: str, why: str = "It is not among the settings that were given.") -> Line:
    """Return the line of something that cannot be judged."""
    return Line("not known", name, "–", why)


def checklist(findings: Findings) -> tuple[Line, ...]:
    """Return every line, in the order of the subjects: the rule, the standbys, the log, the server."""
    from . import judge_log, judge_rule, judge_server, judge_standbys

    lines: list[Line] = []
    for judge in (judge_rule, judge_standbys, judge_log, judge_server):
        lines += judge.lines(findings)
    return tuple(lines)


def worst_first(lines: Sequence[Line]) -> list[Line]:
    """Return the lines with the dangers first; those of one status keep their order."""
    return sorted(lines, key=lambda line: SEVERITY.index(line.status))
