"""A history: the operations of all clients, from a run of the engine, from a real database, or from a CSV file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from pathlib import Path
from typing import Self

from ..trace import Trace
from .operation import HistoryError, Key, Operation, OperationError, check


@dataclass(frozen=True, repr=False)
class History:
    """The operations of all clients. Checkers call each by its number, from 0.

    Parameters
    ----------
    operations : tuple of Operation
        In any order. Whoever leaves writes out may be told of violations that are none.

    Raises
    ------
    HistoryError
        If an operation cannot be, such as one that was answered before it was asked.

    Examples
    --------
    >>> history = History.from_csv('''session,kind,key,value,call_ms,return_ms
    ... a,write,x,1,0,2
    ... b,read,x,,3,4''')
    >>> print(history.line(1))
    read 1 (session b, key x) at 3.0–4.0 ms returned nothing
    """

    operations: tuple[Operation, ...]

    def __post_init__(self) -> None:
        for number, operation in enumerate(self.operations):
            wrong = check(operation)
            if wrong is not None:
                raise OperationError(number, *wrong)
        if len({type(operation.lsn) for operation in self.operations} - {type(None)}) > 1:
            raise HistoryError("lsn is a number in some operations and a text such as 16/B374D848 in others: use one.")

    def __len__(self) -> int:
        return len(self.operations)

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.operations)

    def __getitem__(self, number: int) -> Operation:
        return self.operations[number]

    def __repr__(self) -> str:
        keys, sessions = len(self.by_key()), len({operation.session for operation in self.operations})
        return f"History({len(self):,} operations, {keys:,} keys, {sessions:,} sessions)"

    def line(self, number: int) -> str:
        """Return one operation as a text."""
        return self.operations[number].line(number)

    def by_key(self) -> dict[Key, list[int]]:
        """Return the numbers of the operations on each key, in order of the call."""
        groups: dict[Key, list[int]] = {}
        for number in self._in_order():
            groups.setdefault(self.operations[number].key, []).append(number)
        return groups

    def by_session(self) -> dict[str, list[int]]:
        """Return the numbers of each session's operations, in order of the call."""
        groups: dict[str, list[int]] = {}
        for number in self._in_order():
            groups.setdefault(self.operations[number].session, []).append(number)
        return groups

    def answered_before(self, numbers: Iterable[int]) -> Iterator[tuple[int, list[int]]]:
        """Return each of some operations with those of them that were answered by its call and not by an earlier call.

        Parameters
        ----------
        numbers : iterable of int
            Operations in order of the call, such as one session's. Refused ones are left out.
        """
        open_until: list[tuple[float, int]] = []
        for number in numbers:
            operation = self.operations[number]
            if operation.outcome == "failed":
                continue
            answered = []
            while open_until and open_until[0][0] <= operation.call_ms:
                answered.append(heappop(open_until)[1])
            yield number, answered
            heappush(open_until, (operation.end_ms, number))

    def _in_order(self) -> list[int]:
        return sorted(range(len(self)), key=lambda number: self.operations[number].call_ms)

    @classmethod
    def of(cls, trace: Trace) -> Self:
        """Return the clients' operations of a run, in its order.

        A session is a client. A read's value is told by the position that it saw. What an operator runs is left out.
        """
        from .from_trace import operations

        return cls(operations(trace))

    @classmethod
    def from_csv(cls, source: str | Path) -> Self:
        """Return the history in a CSV file, or in a text that holds its lines.

        The first row names the columns. ``session``, ``kind``, ``key`` and ``call_ms`` must be there; the others may
        be left out, and a cell may be empty where there is nothing to say. They are what `Operation` describes, with

        - ``value``, ``expected``: a whole number or a text; empty means nothing: the key has not been written yet,
        - ``outcome``: empty means ok where ``return_ms`` is given, else unknown,
        - ``swapped``: true or false,
        - ``lsn``: a whole number, or PostgreSQL's form (16/B374D848),
        - ``seen``: names with blanks between them; ``-`` for none.

        Raises
        ------
        HistoryError
            If it cannot be read: which row (the names are row 1), which column, what it holds, what is allowed.
        """
        from .comma_separated import Rows

        rows = Rows(source)
        try:
            return cls(rows.operations())
        except OperationError as error:
            raise rows.error(error.number, error.field, error.found, error.allowed) from None

    def to_csv(self, path: Path | str | None = None) -> str:
        """Return the history as `from_csv` reads it, and write it to a file if a path is given."""
        from .comma_separated import written

        text = written(self.operations)
        if path is not None:
            Path(path).write_text(text, "utf-8", newline="")
        return text
