"""Numbers as people write them: ``4``, ``4 ms``, ``0.4 s``, ``1,000``, ``1 000``, ``5k``.

Reading, unit conversion and the way back to text. What has two meanings is asked about, never guessed.
"""

from __future__ import annotations

import math
import re

_FAMILIES: tuple[dict[str, float], ...] = (
    {"ns": 1e-6, "µs": 1e-3, "ms": 1.0, "s": 1e3, "min": 60e3, "h": 3_600e3, "d": 86_400e3},
    {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12},
    {"kbit/s": 1e-3, "Mbit/s": 1.0, "Gbit/s": 1e3},
    {"": 1.0, "%": 0.01},
)
_OTHER_NAMES = {
    "us": "µs", "μs": "µs", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "msec": "ms", "millisecond": "ms", "milliseconds": "ms", "microseconds": "µs",
    "mins": "min", "minute": "min", "minutes": "min", "hour": "h", "hours": "h", "day": "d",
    "days": "d", "bytes": "B", "kb": "kB", "mb": "MB", "gb": "GB", "mbit": "Mbit/s",
    "mbps": "Mbit/s", "gbit": "Gbit/s", "percent": "%",
}  # fmt: skip
_NEVER = {"never", "forever", "for ever", "infinite", "infinity", "inf", "∞"}
_SPACES = str.maketrans(dict.fromkeys("\u00a0\u2007\u2009\u202f_'’", " "))
_AMOUNT = re.compile(
    r"^(?:about |ca\.? ?|~|≈|= ?)?\s*"
    r"(?P<sign>[-+−]?)\s*(?P<number>\d[\d., ]*|\.\d+)(?P<power>e[-+]?\d+)?\s*"
    r"(?P<thousand>k(?=\s|$))?\s*(?P<unit>\D*)$",
    re.IGNORECASE,
)


class AmountError(ValueError):
    """A text that cannot be read as an amount. Its text is one sentence."""


def read_amount(text: str, unit: str = "") -> float:
    """Return the amount in ``text``, in ``unit``; infinity for "never".

    Raises
    ------
    AmountError
        If the text is not a number, is below zero, has a unit that cannot be converted, or has
        two readings (``1,500``).

    Examples
    --------
    >>> read_amount("0.4 s", unit="ms")
    400.0
    >>> read_amount("1,000", unit="writes")
    1000.0
    """
    clean = " ".join(text.translate(_SPACES).split())
    example = f"{text_of(4, unit)}" if unit else "4"
    if not clean:
        raise AmountError(f"There is no answer yet: write a number, such as {example}.")
    if clean.casefold() in _NEVER:
        return math.inf
    match = _AMOUNT.match(clean)
    if match is None:
        raise AmountError(f"“{_short(text)}” is not a number: write one such as {example}.")
    number = float(_plain(match["number"].strip(), text) + (match["power"] or ""))
    if match["sign"] in ("-", "−") and number:
        raise AmountError(f"“{_short(text)}” is below zero: the answer is 0 or more.")
    number *= 1_000.0 if match["thousand"] else 1.0
    result = number * _factor(match["unit"].strip(), unit, text)
    if math.isinf(result):
        raise AmountError(f"“{_short(text)}” is too large to count: write “never” for no end.")
    return result


def text_of(value: float, unit: str = "") -> str:
    """Return an amount as text, to three digits, whole numbers in full.

    Examples
    --------
    >>> text_of(4.0953, "ms"), text_of(12345), text_of(0.25, "%")
    ('4.1 ms', '12,345', '0.25 %')
    """
    if math.isinf(value):
        return "never" if value > 0 else "minus infinity"
    if float(value).is_integer() and abs(value) < 1e15:
        number = f"{int(value):,}"
    else:
        number = f"{value:,.0f}" if 1e3 <= abs(value) < 1e15 else f"{float(f'{value:.3g}'):g}"
    return f"{number} {unit}".strip()


def _plain(digits: str, text: str) -> str:
    """Return digits with thousands and decimal marks as Python reads them."""
    if " " in digits:
        if not re.fullmatch(r"\d{1,3}( \d{3})+([.,]\d*)?", digits):
            raise AmountError(f"“{_short(text)}” is not one number: write it without spaces.")
        return digits.replace(" ", "").replace(",", ".")
    if re.fullmatch(r"\d*\.?\d*", digits):
        return digits
    if re.fullmatch(r"[1-9]\d{0,2},\d{3}", digits):
        if digits.endswith(",000"):
            return digits.replace(",", "")
        whole, dotted = digits.replace(",", ""), digits.replace(",", ".")
        raise AmountError(f"“{_short(text)}” has two meanings: write {whole} or {dotted}.")
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d*)?", digits) and not digits.startswith("0,"):
        return digits.replace(",", "")
    if re.fullmatch(r"\d{1,3}(\.\d{3})+(,\d*)?", digits):
        return digits.replace(".", "").replace(",", ".")
    if re.fullmatch(r"\d+,\d+", digits):
        return digits.replace(",", ".")
    raise AmountError(f"“{_short(text)}” is not one number: use a dot for decimals, such as 1234.5.")


def _factor(written: str, unit: str, text: str) -> float:
    """Return what a number in the written unit is multiplied with to be in ``unit``."""
    if not written or written.casefold() == unit.casefold():
        return 1.0
    given = _canonical(written)
    for family in _FAMILIES:
        if unit in family:
            if given in family:
                return family[given] / family[unit]
            known = ", ".join(name for name in family if name)
            raise AmountError(f"“{_short(text)}” has a unit that does not fit: use {known}.")
    if unit == "times" and written in ("x", "×", "fold", "-fold"):
        return 1.0
    if written.casefold().rstrip("s") == unit.casefold().rstrip("s"):
        return 1.0
    raise AmountError(f"“{_short(text)}” has a unit that does not fit: the answer is in {unit}.")


def _canonical(unit: str) -> str:
    names = {name.casefold(): name for family in _FAMILIES for name in family}
    return _OTHER_NAMES.get(unit.casefold(), names.get(unit.casefold(), unit))


def _short(text: str) -> str:
    clean = " ".join(text.split())
    return clean if len(clean) <= 40 else clean[:39] + "…"
