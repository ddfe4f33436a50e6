"""PostgreSQL's ``pg_lsn``: a position in the write-ahead log, in bytes, with its text form and its arithmetic.

The simulator's own positions count writes and are plain numbers; a position read from a real server is one of these.

Source: PostgreSQL, ``src/backend/utils/adt/pg_lsn.c`` and ``access/xlog_internal.h``; the corner cases were seen on
live servers of version 15.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Self, overload

_LIMIT = 2**64
_TEXT = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})")
_SEGMENT_BYTES = 16 * 2**20


class LsnError(ValueError):
    """A text is no position, or a result lies outside the log.

    Attributes
    ----------
    sqlstate : str
        ``22P02`` for a text that is none, ``22023`` for a result out of range, ``0A000`` for NaN and infinity, as
        PostgreSQL reports them.
    detail : str
        PostgreSQL's own words.
    """

    def __init__(self, detail: str, sqlstate: str, allowed: str) -> None:
        self.detail = detail
        self.sqlstate = sqlstate
        super().__init__(f"{detail}: {allowed}.")


@dataclass(frozen=True, order=True)
class Lsn:
    """A position in the log. Positions compare as numbers, not as texts: 9/0 comes before 10/0.

    Parameters
    ----------
    position : int
        Bytes from the beginning of the log, 0 to 2^64 - 1.

    Raises
    ------
    LsnError
        If the position lies outside that range.

    Examples
    --------
    >>> here = Lsn.parse("16/B374D848")
    >>> here - Lsn.parse("16/B374D000")
    2120
    >>> str(here + 8), here.wal_file()
    ('16/B374D850', '0000000100000016000000B3')
    """

    position: int

    def __post_init__(self) -> None:
        if not 0 <= self.position < _LIMIT:
            raise LsnError("pg_lsn out of range", "22023", f"{self.position} bytes is not from 0 to 2^64 - 1")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the position that a text names: two hexadecimal numbers of 1 to 8 digits, with a slash between.

        Raises
        ------
        LsnError
            If the server would not take the text. It takes no blanks, no signs and no ``0x``.
        """
        match = _TEXT.fullmatch(text)
        if match is None:
            detail = f'invalid input syntax for type pg_lsn: "{text}"'
            raise LsnError(detail, "22P02", "allowed are two hexadecimal numbers of 1 to 8 digits, such as 16/B374D848")
        high, low = match.groups()
        return cls(int(high, 16) << 32 | int(low, 16))

    def __str__(self) -> str:
        return f"{self.position >> 32:X}/{self.position & 0xFFFFFFFF:X}"

    def __repr__(self) -> str:
        return f"Lsn({str(self)!r})"

    def __add__(self, distance: int | Decimal) -> Self:
        """Return the position that many bytes on; a fraction is rounded, a half away from zero."""
        return self._moved(distance, +1)

    def __radd__(self, distance: int | Decimal) -> Self:
        return self._moved(distance, +1)

    @overload
    def __sub__(self, other: Lsn) -> int: ...
    @overload
    def __sub__(self, other: int | Decimal) -> Self: ...
    def __sub__(self, other: Lsn | int | Decimal) -> int | Self:
        """Return the bytes from another position to this one, or the position that many bytes back."""
        if isinstance(other, Lsn):
            return self.position - other.position
        return self._moved(other, -1)

    def _moved(self, distance: int | Decimal, sign: int) -> Self:
        if isinstance(distance, bool) or not isinstance(distance, int | Decimal):
            raise TypeError(f"an Lsn moves by a number of bytes, int or Decimal, not by {type(distance).__name__}")
        if isinstance(distance, Decimal) and not distance.is_finite():
            what = "add NaN to" if sign > 0 else "subtract NaN from"
            detail = f"cannot {what} pg_lsn" if distance.is_nan() else "cannot convert infinity to pg_lsn"
            raise LsnError(detail, "0A000", "the distance must be a finite number of bytes")
        return type(self)(_rounded(self.position + sign * Fraction(distance)))

    def wal_file(self, timeline: int = 1, segment_bytes: int = _SEGMENT_BYTES, server: int = 15) -> str:
        """Return the name of the log file that the position lies in, as ``pg_walfile_name`` does.

        Parameters
        ----------
        timeline : int
            The timeline, 1 to 2^32 - 1.
        segment_bytes : int
            ``wal_segment_size``: a power of 2 from 1 MiB to 1 GiB.
        server : int
            The server's major version. Up to 16 a position on the border of two files names the earlier one, which
            ends there; from 17 on the later one.

        Raises
        ------
        ValueError
            If the timeline or the size is none that a server can have.
        """
        if not 1 <= timeline < 2**32:
            raise ValueError(f"timeline is {timeline}: it must be from 1 to 2^32 - 1.")
        if segment_bytes.bit_count() != 1 or not 2**20 <= segment_bytes <= 2**30:
            raise ValueError(f"segment_bytes is {segment_bytes}: it must be a power of 2 from 1 MiB to 1 GiB.")
        # The server computes with 64 bits, so 0/0 on a border wraps round to the last file.
        last_byte = self.position if server >= 17 else (self.position - 1) % _LIMIT
        segments = 2**32 // segment_bytes
        high, low = divmod(last_byte // segment_bytes, segments)
        return f"{timeline:08X}{high:08X}{low:08X}"


def _rounded(number: Fraction) -> int:
    """Return the nearest whole number, a half away from zero, as PostgreSQL's numeric does."""
    whole = floor(abs(number) + Fraction(1, 2))
    return whole if number >= 0 else -whole
