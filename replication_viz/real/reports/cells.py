"""What a cell of PostgreSQL's statistics holds: a time, an interval, a position, a number, a truth value."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from ...lsn import Lsn, LsnError
from ..errors import LabError
from .wording import plain

_CLOCK = re.compile(r"(?P<sign>[+-]?)(?P<h>\d{1,9}):(?P<m>\d{2})(?::(?P<s>\d{2}(?:\.\d{1,9})?))?")
_PART = re.compile(r"([+-]?\d{1,9}(?:\.\d{1,9})?) ?([a-z]+)")
_ISO = re.compile(
    r"P(?:([+-]?[\d.]{1,12})D)?(?:T(?:([+-]?[\d.]{1,12})H)?(?:([+-]?[\d.]{1,12})M)?(?:([+-]?[\d.]{1,12})S)?)?"
)
_UNITS = {"year": 365.25 * 86_400, "mon": 30 * 86_400, "day": 86_400, "hour": 3_600, "min": 60, "sec": 1}
_LAST_TIME_S = 4e9  # an epoch later than the year 2096 is one in milliseconds


def moment(cell: str, where: str) -> float:
    """Return a timestamp as seconds since 1970; one without a zone counts as UTC.

    Raises
    ------
    LabError
        If it is neither a timestamp nor a number of seconds.
    """
    allowed = "a timestamp such as 2026-01-31 12:00:00.5+00, or seconds since 1970"
    try:
        if re.fullmatch(r"\d{1,12}(\.\d{1,9})?", cell):
            seconds = float(cell)
            if seconds <= _LAST_TIME_S:
                return seconds
            raise ValueError(cell)
        found = datetime.fromisoformat(cell)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, OSError):
        raise _wrong(where, cell, allowed) from None


def interval(cell: str, where: str) -> float:
    """Return an interval in seconds, in any of PostgreSQL's styles; NaN if the cell is empty (NULL).

    Raises
    ------
    LabError
        If it is none.

    Examples
    --------
    >>> interval("1 day 02:00:00.5", "a cell"), interval("@ 1 min 0.5 secs", "a cell"), interval("PT0.02S", "a cell")
    (93600.5, 60.5, 0.02)
    """
    if not cell:
        return math.nan
    try:
        return _interval(cell)
    except (ValueError, OverflowError):
        raise _wrong(where, cell, "an interval such as 00:00:00.0123") from None


def position(cell: str, where: str) -> Lsn | None:
    """Return a position in the log; None if the cell is empty.

    Raises
    ------
    LabError
        If it is none.
    """
    try:
        return Lsn.parse(cell) if cell else None
    except LsnError:
        raise _wrong(where, cell, "a position such as 16/B374D848") from None


def whole(cell: str, where: str) -> int | None:
    """Return a whole number; None if the cell is empty.

    Raises
    ------
    LabError
        If it is none.
    """
    if not cell:
        return None
    if not re.fullmatch(r"[+-]?[0-9]{1,19}", cell):
        raise _wrong(where, cell, "a whole number")
    return int(cell)


def truth(cell: str, where: str) -> bool | None:
    """Return a truth value; None if the cell is empty.

    Raises
    ------
    LabError
        If it is none.
    """
    known = {"t": True, "true": True, "on": True, "f": False, "false": False, "off": False}
    if not cell:
        return None
    if cell.lower() not in known:
        raise _wrong(where, cell, "t or f")
    return known[cell.lower()]


def written(value: Any) -> str:
    """Return a value that a driver made of a cell as the text of a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")  # psycopg does not decode where the database is SQL_ASCII
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.6f}"
    return str(value)


def _interval(cell: str) -> float:
    try:
        return float(cell) if re.fullmatch(r"[+-]?\d{1,12}(\.\d{1,9})?", cell) else _styled(cell)
    except IndexError:
        raise ValueError(cell) from None


def _styled(cell: str) -> float:
    iso = _ISO.fullmatch(cell)
    if iso and len(cell) > 2:
        worth = (86_400, 3_600, 60, 1)
        return sum(float(part) * unit for part, unit in zip(iso.groups(), worth, strict=True) if part)
    text = cell.removeprefix("@").strip().lower()
    sign = -1 if text.endswith(" ago") else 1
    text = text.removesuffix(" ago")
    total = 0.0
    clock = _CLOCK.search(text)
    if clock:
        seconds = int(clock["h"]) * 3_600 + int(clock["m"]) * 60 + float(clock["s"] or 0)
        total += -seconds if clock["sign"] == "-" else seconds
        text = text[: clock.start()] + text[clock.end() :]
    for amount, unit in _PART.findall(text):
        total += float(amount) * _UNITS[_unit(unit)]
    if _PART.sub("", text).strip() or (not clock and not _PART.search(text)):
        raise ValueError(cell)
    return sign * total


def _unit(word: str) -> str:
    for name in _UNITS:
        if word.removesuffix("s").startswith(name):
            return name
    raise ValueError(word)


def _wrong(where: str, cell: str, allowed: str) -> LabError:
    return LabError(f"{where} is {plain(cell)!r}: it must be {allowed}.")
