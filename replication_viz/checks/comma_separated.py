"""A history as a CSV file, both ways."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from ..lsn import Lsn
from .operation import HistoryError, Operation, OperationError, Value, Version

COLUMNS = Operation._fields
_NEEDED = ("session", "kind", "key", "call_ms")
_BLANK = {"outcome": "", "node": "", "name": ""}  # what an absent column holds; the others hold None
_AT_A_TIME = 10_000  # rows that are kept as such


class Rows:
    """The rows of a CSV file, or of a text of several lines, below the names of the columns.

    Raises
    ------
    HistoryError
        If it cannot be read, or the columns are not those of an operation.
    """

    def __init__(self, source: str | Path) -> None:
        lines = csv.reader(io.StringIO(_text(source), newline=""), strict=True, skipinitialspace=True)
        self._empty: list[int] = []  # rows
        self._cells: dict[str, list[str]] = {}
        try:
            names = next(lines, None)
            if names is None:
                raise HistoryError("the history is empty: its first row must name the columns.")
            self._cells = {name: [] for name in _columns(names)}
            self._read(lines)
        except csv.Error as error:
            raise HistoryError(f"line {lines.line_num} is not CSV: {error}.") from None

    def _read(self, lines: Iterable[list[str]]) -> None:
        rows: list[list[str]] = []
        for number, row in enumerate(lines, start=2):
            if len(row) == len(self._cells):
                rows.append(row)
            elif row:
                cells = f"{len(row)} cells: it must have {len(self._cells)}, one for each column"
                raise HistoryError(f"row {number} has {cells}.")
            else:
                self._empty.append(number)
            if len(rows) == _AT_A_TIME:
                self._turn(rows)
        self._turn(rows)

    def _turn(self, rows: list[list[str]]) -> None:
        """Take over some rows as columns, and empty the list."""
        for column, cells in zip(self._cells.values(), zip(*rows, strict=True), strict=False):
            column.extend(cells)
        rows.clear()

    def operations(self) -> tuple[Operation, ...]:
        """Return the rows as operations, not yet checked.

        Raises
        ------
        HistoryError
            If a cell does not hold what its column allows.
        """
        found = {name: self._column(name, cells) for name, cells in self._cells.items()}
        columns = {name: found.get(name) or [_BLANK.get(name)] * len(found["kind"]) for name in COLUMNS}
        columns["outcome"] = [
            outcome or ("unknown" if returned is None else "ok")
            for outcome, returned in zip(columns["outcome"], columns["return_ms"], strict=True)
        ]
        return tuple(map(Operation._make, zip(*columns.values(), strict=True)))

    def error(self, number: int, column: str, found: str, allowed: str) -> HistoryError:
        """Return what is wrong with an operation, by the row that it stands in."""
        return OperationError(number, column, found, allowed, place=f"row {self._row(number)}, column {column}")

    def _column(self, name: str, column: Sequence[str]) -> list[Any]:
        reader, allowed = _READERS[name]
        values: list[Any] = []
        try:
            values.extend(map(reader, column))
        except ValueError:
            number = len(values)
            raise self.error(number, name, repr(column[number]), allowed) from None
        return values

    def _row(self, number: int) -> int:
        """Return the row in the file of an operation; the names of the columns are row 1."""
        row = number + 2
        for empty in self._empty:
            row += empty <= row
        return row


def written(operations: Sequence[Operation]) -> str:
    """Return operations as CSV, with the columns that say something."""
    columns = dict(zip(COLUMNS, zip(*operations, strict=True), strict=True)) if operations else {}
    cells = {name: [_WRITERS.get(type(cell), str)(cell) for cell in columns.get(name, ())] for name in COLUMNS}
    used = [name for name in COLUMNS if name in _NEEDED or any(cells[name])]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(used)
    writer.writerows(zip(*(cells[name] for name in used), strict=True))
    return out.getvalue()


def _text(source: str | Path) -> str:
    if isinstance(source, str) and ("\n" in source or not source.strip()):
        return source
    try:
        return Path(source).read_text("utf-8-sig")
    except OSError as error:
        raise HistoryError(f"{source} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise HistoryError(f"{source} is not text in UTF-8: a history must be.") from None


def _columns(names: list[str]) -> list[str]:
    for name in names:
        if name not in COLUMNS or names.count(name) > 1:
            what = "stands there twice" if name in COLUMNS else "is not known"
            raise HistoryError(f"column {name!r} {what}: allowed are {', '.join(COLUMNS)}, once each.")
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise HistoryError(f"column {missing[0]!r} is missing: {', '.join(_NEEDED)} must be there.")
    return names


def _value(cell: str) -> Value | None:
    """Return a cell as a number where it is written as one writes a number, else as a text; None if it is empty."""
    if not cell:
        return None
    if cell[-1] in "0123456789" and (cell.isdecimal() or cell[0] == "-"):
        try:
            number = int(cell)
        except ValueError:
            return cell
        return number if str(number) == cell else cell
    return cell


def _key(cell: str) -> Value:
    value = _value(cell)
    return "" if value is None else value


def _return(cell: str) -> float | None:
    return float(cell) if cell else None


def _swapped(cell: str) -> bool | None:
    if cell.lower() not in ("", "true", "false"):
        raise ValueError(cell)
    return cell.lower() == "true" if cell else None


def _lsn(cell: str) -> Version | None:
    return (Lsn.parse(cell) if "/" in cell else int(cell)) if cell else None


def _term(cell: str) -> int | None:
    return int(cell) if cell else None


def _seen(cell: str) -> tuple[str, ...] | None:
    names = tuple(cell.split())
    return () if names == ("-",) else names or None


_ANY = "a text"
_READERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "session": (str, _ANY),
    "kind": (str.lower, _ANY),
    "key": (_key, _ANY),
    "value": (_value, _ANY),
    "call_ms": (float, "a time in ms"),
    "return_ms": (_return, "a time in ms"),
    "outcome": (str.lower, _ANY),
    "expected": (_value, _ANY),
    "swapped": (_swapped, "true or false"),
    "node": (str, _ANY),
    "lsn": (_lsn, "a whole number, or a position such as 16/B374D848"),
    "term": (_term, "a whole number"),
    "name": (str, _ANY),
    "seen": (_seen, _ANY),
}
_WRITERS: dict[type, Callable[[Any], str]] = {
    type(None): lambda cell: "",
    bool: lambda cell: "true" if cell else "false",
    tuple: lambda cell: " ".join(cell) or "-",
}
