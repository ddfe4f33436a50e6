"""What a checker says: whether a promise was kept, and each breach of it with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

from .history import History
from .operation import Key

READ_YOUR_WRITES = "read your writes"
MONOTONIC_READS = "monotonic reads"
MONOTONIC_WRITES = "monotonic writes"
WRITES_FOLLOW_READS = "writes follow reads"
LINEARIZABLE = "linearizability"
ONE_LEADER_PER_TERM = "one leader per term"
ONE_LEADER_ACKNOWLEDGES = "one leader acknowledges at a time"
NO_LOST_WRITE = "no acknowledged write is lost"
CONVERGENCE = "convergence"
SESSION_GUARANTEES = (READ_YOUR_WRITES, MONOTONIC_READS, MONOTONIC_WRITES, WRITES_FOLLOW_READS)


@dataclass(frozen=True)
class Violation:
    """A promise broken once.

    Attributes
    ----------
    promise : str
        Which one.
    why : str
        The reason, one sentence.
    operations : tuple of int
        The numbers of the operations that show it, the one at fault first.
    key : int, str or None
        The key, if it is about one.
    session : str
        The session, if it is about one.
    nodes : tuple of str
        The nodes that took part.
    begin_ms, end_ms : float
        From when to when it can be seen, ms.
    order : tuple of int
        The longest order of operations that still fits, where orders were tried.
    """

    promise: str
    why: str
    operations: tuple[int, ...] = ()
    key: Key | None = None
    session: str = ""
    nodes: tuple[str, ...] = ()
    begin_ms: float = 0.0
    end_ms: float = 0.0
    order: tuple[int, ...] = ()
    history: History | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return self.why

    @property
    def named(self) -> tuple[str, ...]:
        """The operations in words, a line each."""
        return tuple(self.history.line(number) for number in self.operations) if self.history else ()


def seen_in(history: History, promise: str, why: str, operations: Sequence[int], session: str = "") -> Violation:
    """Return a violation that operations on one key show, with their nodes and times."""
    shown = [history[number] for number in operations]
    ends = [operation.call_ms if operation.return_ms is None else operation.return_ms for operation in shown]
    return Violation(
        promise=promise,
        why=why,
        operations=tuple(operations),
        key=shown[0].key,
        session=session,
        nodes=tuple(dict.fromkeys(operation.node for operation in shown if operation.node)),
        begin_ms=min(operation.call_ms for operation in shown),
        end_ms=max(ends),
        history=history,
    )


@dataclass(frozen=True, repr=False)
class Verdict(Sequence[Violation]):
    """The violations of one promise, in order of time; empty where none was found.

    Attributes
    ----------
    promise : str
        What was checked.
    of : str
        What was looked at, such as "120 reads".
    violations : tuple of Violation
        The breaches.
    undecided : tuple of str
        Where nothing could be said, a sentence for each.
    """

    promise: str
    of: str
    violations: tuple[Violation, ...] = ()
    undecided: tuple[str, ...] = ()

    @property
    def holds(self) -> bool | None:
        """Whether the promise was kept; None if that is undecided."""
        if self.violations:
            return False
        return None if self.undecided else True

    def __len__(self) -> int:
        return len(self.violations)

    def __iter__(self) -> Iterator[Violation]:
        return iter(self.violations)

    @overload
    def __getitem__(self, place: int) -> Violation: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Violation, ...]: ...
    def __getitem__(self, place: int | slice) -> Violation | tuple[Violation, ...]:
        return self.violations[place]

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        if self.violations:
            many = f"{len(self):,} violations" if len(self) > 1 else "1 violation"
            return f"{self.promise}: {many} in {self.of}. {'First: ' if len(self) > 1 else ''}{self.violations[0].why}"
        if self.undecided:
            return f"{self.promise}: undecided in {self.of}. {self.undecided[0]}"
        return f"{self.promise}: holds in {self.of}."


def listed(names: Sequence[str]) -> str:
    """Return names as a text, such as ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def count(number: int, what: str) -> str:
    """Return a number with what it counts, such as ``1 read`` or ``1,200 reads``."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
