"""Which timelines a log is made of: what a node must know to tell whether it can follow another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class History:
    """The timelines of a log (PostgreSQL's history file).

    Attributes
    ----------
    begins : tuple of (int, int)
        Term and the LSN after which it begins, in order; the first begins at 0.
    """

    begins: tuple[tuple[int, int], ...] = ((1, 0),)

    @property
    def term(self) -> int:
        """The newest timeline."""
        return self.begins[-1][0]

    def forked(self, term: int, lsn: int) -> History:
        """Return the history of a log that leaves this one after an LSN."""
        return History((*((old, begin) for old, begin in self.begins if begin < lsn or begin == 0), (term, lsn)))

    def shared(self, other: History) -> float:
        """Return up to which LSN a log of this history and one of another are the same; infinite if always."""
        for (mine, _), (theirs, _), next_mine, next_theirs in zip(
            self.begins, other.begins, (*self.begins[1:], None), (*other.begins[1:], None), strict=False
        ):
            if mine != theirs:
                return 0.0
            if next_mine != next_theirs:
                return float(min(following[1] for following in (next_mine, next_theirs) if following is not None))
        return float("inf")
