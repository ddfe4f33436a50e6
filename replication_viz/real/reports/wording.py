"""Amounts and foreign words as a report holds them: short, with units, and with nothing that could break a line."""

from __future__ import annotations

import math

_SIZES = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_SPANS = ((1e-3, 1e-6, "µs"), (1.0, 1e-3, "ms"), (120.0, 1.0, "s"), (7_200.0, 60.0, "min"), (172_800.0, 3_600.0, "h"))
_DAY_S = 86_400.0
_YEARS_S = 100 * 365 * _DAY_S
_WORTH = {"B": 1.0, "kB": 2.0**10, "MB": 2.0**20, "GB": 2.0**30, "TB": 2.0**40, "PB": 2.0**50, "EB": 2.0**60}
_ABSENT = "–"


def size(count: float) -> str:
    """Return a number of bytes; kB, MB and so on are powers of 1024, as in PostgreSQL.

    Examples
    --------
    >>> size(0), size(1536), size(5 * 2**30), size(math.nan)
    ('0 B', '1.5 kB', '5 GB', '–')
    """
    if not math.isfinite(count):
        return _ABSENT
    unit = "B"
    for unit in _SIZES:
        if abs(count) < 1_000 * _WORTH[unit]:
            break
    return f"{_three(count / _WORTH[unit])} {unit}"


def span(seconds: float) -> str:
    """Return a length of time.

    Examples
    --------
    >>> span(0.000265), span(0.07), span(90), span(8_000), span(math.inf)
    ('265 µs', '70 ms', '90 s', '2.22 h', 'for ever')
    """
    if math.isnan(seconds):
        return _ABSENT
    if seconds > _YEARS_S:
        return "for ever"
    if seconds == 0:
        return "0 s"
    for below, worth, unit in _SPANS:
        if abs(seconds) < below:
            return f"{_three(seconds / worth)} {unit}"
    return f"{_three(seconds / _DAY_S)} days"


def number(value: float) -> str:
    """Return a plain number with three digits or more.

    Examples
    --------
    >>> number(0), number(1.234), number(56.03), number(12_345.6)
    ('0', '1.23', '56', '12,346')
    """
    return _three(value) if math.isfinite(value) else _ABSENT


def plain(text: str, most: int = 60) -> str:
    """Return a foreign text on one line, without control characters, and not longer than this.

    Examples
    --------
    >>> plain("a\\tb\\x1b[0m"), plain("abcdef", 4)
    ('a b [0m', 'abc…')
    """
    visible = "".join(letter if letter.isprintable() else " " for letter in text)
    short = " ".join(visible.split())
    return short if len(short) <= most else f"{short[: most - 1]}…"


def listed(names: list[str], most: int = 5) -> str:
    """Return names one after another: all, or the first few and how many more there are.

    Examples
    --------
    >>> listed(["s1", "s2"]), listed(["a", "b", "c"], 2)
    ('s1, s2', 'a, b and 1 more')
    """
    shown = ", ".join(plain(name, 30) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _three(value: float) -> str:
    size = abs(value)
    if size >= 99.5:
        return f"{value:,.0f}"
    return f"{value:.3g}"
