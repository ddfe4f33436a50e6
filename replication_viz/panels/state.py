"""The state of a panel: what is asked for, the run that came of it, how it came to that, what it is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ..measures import Measure, summary
from ..scenario import Scenario
from ..trace import Trace
from .history import History
from .setup import Setup


@dataclass(frozen=True)
class Pinned:
    """The run to compare with."""

    setup: Setup
    scenario: Scenario
    trace: Trace

    @cached_property
    def summary(self) -> list[Measure]:
        """The numbers of the run."""
        return summary(self.trace)


@dataclass(frozen=True)
class State:
    """All that a panel shows. One replaces another as a whole.

    Attributes
    ----------
    notes : tuple of str
        Sentences that a reader should see beside it.
    pinned : Pinned or None
        The run that it is compared with.
    """

    setup: Setup
    scenario: Scenario
    trace: Trace
    history: History[Setup]
    notes: tuple[str, ...] = ()
    pinned: Pinned | None = None
