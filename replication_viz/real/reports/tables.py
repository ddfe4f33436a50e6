"""Tables as `psql` writes them, in CSV or aligned, from a text or a file. What the cells mean is not known here."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import LabError
from .wording import listed, plain

Source = str | Path
Row = dict[str, str]

MAX_CHARACTERS = 50_000_000
_DELIMITERS = (",", "\t", ";", "|")
_RULE = re.compile(r"[-+\s]+")
_FOOT = re.compile(r"\(\d+ rows?\)|.*\(every .+\)")  # the end of a table, and the heading that \\watch repeats


@dataclass(frozen=True)
class Table:
    """Rows below their names.

    Attributes
    ----------
    what : str
        What the table is called in a sentence.
    columns : tuple of str
        The names, in small letters.
    rows : tuple of dict
        A row's cells by column; an empty cell is an empty text, as is NULL.
    """

    what: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def text_of(source: Source, what: str) -> str:
    """Return a text as it is, or what is in the file that it names.

    A text of several lines, or with a comma or an equals sign in it where no such file exists, is taken as it is.

    Raises
    ------
    LabError
        If there is no such file, or it is no text, or it is too long.
    """
    if isinstance(source, str) and (not source.strip() or "\n" in source or "\r" in source):
        return _checked(source, what)
    try:
        return _checked(Path(source).read_text("utf-8-sig"), what)
    except UnicodeDecodeError:
        raise LabError(f"{plain(str(source))} is not text in UTF-8: {what} must be.") from None
    except (OSError, ValueError) as error:
        if isinstance(source, str) and ("," in source or "=" in source):
            return _checked(source, what)
        why = getattr(error, "strerror", None) or "it is not the name of a file"
        raise LabError(f"{plain(str(source))!r} cannot be read: {why}.") from None


def read_table(text: str, what: str) -> Table:
    """Return the table in a text: CSV with commas, tabs, semicolons or bars, or as `psql` aligns it.

    Names that are repeated between the rows, as `\\watch` does, are passed over.

    Raises
    ------
    LabError
        If there is none, or a row has more or fewer cells than there are names.
    """
    rows = _rows(text, what)
    first = next(rows, None)
    if first is None:
        raise LabError(f"{what} hold nothing: the first row must name the columns.")
    columns = tuple(name.strip().lower() for name in first[1])
    twice = [name for name in columns if columns.count(name) > 1]
    if twice:
        raise LabError(f"{what} name the column {plain(twice[0])!r} twice: each must have a name of its own.")
    found = []
    for line, cells in rows:
        if tuple(cell.strip().lower() for cell in cells) == columns:
            continue
        if len(cells) != len(columns):
            raise LabError(f"line {line} of {what} has {len(cells)} cells: it must have {len(columns)}, as the first.")
        found.append(dict(zip(columns, (cell.strip() for cell in cells), strict=True)))
    return Table(what, columns, tuple(found))


def need(table: Table, columns: Sequence[str]) -> None:
    """Check that a table has these columns.

    Raises
    ------
    LabError
        If one is missing.
    """
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise LabError(
            f"{table.what} lack the column {', '.join(missing)}: needed are {', '.join(columns)}; "
            f"found are {listed(list(table.columns), 8) or 'none'}."
        )


def _rows(text: str, what: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of a line and its cells; empty lines, rules, headings and counts are passed over."""
    lines = text.splitlines()
    head = next((line for line in lines if line.strip()), "")
    delimiter = max(_DELIMITERS, key=head.count)
    if delimiter == "|" and "|" in head:
        for number, line in enumerate(lines, start=1):
            if line.strip() and not _RULE.fullmatch(line) and not _FOOT.fullmatch(line.strip()):
                yield number, line.split("|")
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if cells and any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise LabError(f"line {reader.line_num} of {what} is not CSV: {error}.") from None


def _checked(text: str, what: str) -> str:
    if len(text) > MAX_CHARACTERS:
        raise LabError(f"{what} are {len(text):,} characters long: at most {MAX_CHARACTERS:,} are read.")
    return text.removeprefix("\ufeff")
