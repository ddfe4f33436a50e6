"""PostgreSQL's settings, from `SHOW ALL` or `pg_settings` as CSV, or from a `postgresql.conf`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..errors import LabError
from .tables import Source, read_table, text_of
from .wording import plain

WHAT = "the settings"
_LINE = re.compile(r"(?P<name>[A-Za-z_][\w.]*)\s*(?:=\s*|\s+)(?P<value>'(?:[^'\\]|''|\\.)*'|[^\s'#]+)\s*(?:#.*)?")
_AMOUNT = re.compile(r"(?P<number>[+-]?(?:[0-9]{1,19}(?:\.[0-9]{0,9})?|\.[0-9]{1,9}))\s*(?P<unit>[A-Za-z]*)")
_PAGES = re.compile(r"([0-9]{1,6})(kB|MB|B)")
_BYTES = {"B": 1, "kB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
_ON = ("on", "true", "yes", "1")
_OFF = ("off", "false", "no", "0")

Kind = Literal["size", "time", "switch", "number", "text"]

# What each setting is, its unit where none is written, and what PostgreSQL takes where a postgresql.conf is silent.
KNOWN: dict[str, tuple[Kind, str, str]] = {
    "archive_command": ("text", "", ""),
    "archive_library": ("text", "", ""),
    "archive_mode": ("text", "", "off"),
    "checkpoint_timeout": ("time", "s", "5min"),
    "data_checksums": ("switch", "", ""),
    "fsync": ("switch", "", "on"),
    "full_page_writes": ("switch", "", "on"),
    "hot_standby_feedback": ("switch", "", "off"),
    "max_replication_slots": ("number", "", "10"),
    "max_slot_wal_keep_size": ("size", "MB", "-1"),
    "max_standby_streaming_delay": ("time", "ms", "30s"),
    "max_wal_senders": ("number", "", "10"),
    "max_wal_size": ("size", "MB", "1GB"),
    "recovery_min_apply_delay": ("time", "ms", "0"),
    "server_version_num": ("number", "", ""),
    "synchronous_commit": ("text", "", "on"),
    "synchronous_standby_names": ("text", "", ""),
    "wal_keep_segments": ("number", "", ""),
    "wal_keep_size": ("size", "MB", "0"),
    "wal_level": ("text", "", "replica"),
    "wal_log_hints": ("switch", "", "off"),
    "wal_segment_size": ("size", "B", ""),
    "wal_sender_timeout": ("time", "ms", "60s"),
    "wal_writer_delay": ("time", "ms", "200ms"),
}


@dataclass(frozen=True)
class Settings:
    """Settings by name. What is not known is None, or NaN where a number is asked for.

    Attributes
    ----------
    values : dict of str to str
        As they are shown, with their units.
    is_file : bool
        Whether they come from a `postgresql.conf`, where what is absent has PostgreSQL's default.
    """

    values: dict[str, str] = field(default_factory=dict)
    is_file: bool = False

    def text(self, name: str) -> str | None:
        """Return a value as it is written, the default where a `postgresql.conf` is silent, None if it is unknown."""
        if name in self.values:
            return self.values[name]
        default = KNOWN[name][2]
        has_default = default or KNOWN[name][0] == "text"
        return default if self.is_file and has_default else None

    def shown(self, name: str) -> str:
        """Return a value as a report shows it: short, quoted if empty, marked if it is PostgreSQL's default."""
        value = self.text(name)
        if value is None:
            return "not known"
        return (plain(value, 70) or "''") + ("" if name in self.values else " (default)")

    def is_on(self, name: str) -> bool | None:
        """Return whether a switch is on; None if it is unknown."""
        value = self.text(name)
        return None if value is None else _switch(name, value)

    def size(self, name: str) -> float:
        """Return a size in bytes, -1 where that means no limit; NaN if it is unknown."""
        return self._amount(name, _BYTES)

    def seconds(self, name: str) -> float:
        """Return a length of time in s, -1 where that means for ever; NaN if it is unknown."""
        return self._amount(name, _SECONDS)

    def number(self, name: str) -> float:
        """Return a plain number; NaN if it is unknown."""
        return self._amount(name, {})

    def commit_level(self) -> str | None:
        """Return `synchronous_commit` in its five words; None if it is unknown."""
        value = self.text("synchronous_commit")
        if value is None:
            return None
        word = value.lower()
        return "on" if word in _ON else "off" if word in _OFF else word

    def kept_bytes(self) -> float:
        """Return the log that is kept without slots, bytes: `wal_keep_size`, or `wal_keep_segments` before 13."""
        if "wal_keep_segments" in self.values and "wal_keep_size" not in self.values:
            segment = self.size("wal_segment_size")
            return self.number("wal_keep_segments") * (2**24 if math.isnan(segment) else segment)
        return self.size("wal_keep_size")

    def _amount(self, name: str, units: Mapping[str, float]) -> float:
        value = self.text(name)
        return math.nan if value is None else _amount(name, value, units)


def read_settings(source: Source | Mapping[str, object] | None) -> Settings:
    """Return the settings in a text, a file or a mapping; none at all for None.

    Raises
    ------
    LabError
        If it holds none, or one of those that the report judges has a value that PostgreSQL would not take.
    """
    if source is None:
        return Settings()
    if isinstance(source, Mapping):
        found = Settings({str(name).lower(): str(value) for name, value in source.items()})
    else:
        found = _from_text(text_of(source, WHAT))
    for name, (kind, _, _) in KNOWN.items():
        if name in found.values:
            _check(found, name, kind)
    return found


def from_rows(rows: list[dict[str, str]]) -> Settings:
    """Return the settings in rows of `pg_settings` (name, setting, unit) or of `SHOW ALL` (name, setting)."""
    return Settings({row["name"].lower(): _joined(row["setting"], row.get("unit", "")) for row in rows})


def _from_text(text: str) -> Settings:
    head = next((line for line in text.splitlines() if line.strip()), "").lower()
    cells = [cell.strip().strip('"') for cell in re.split(r"[,;|\t]", head)]
    if "name" in cells and "setting" in cells:
        return from_rows(list(read_table(text, WHAT).rows))
    return Settings(_from_conf(text), is_file=True)


def _from_conf(text: str) -> dict[str, str]:
    """Return what a `postgresql.conf` sets; the last line about a setting counts."""
    values: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None:
            raise LabError(
                f"line {number} of {WHAT} is {plain(stripped)!r}: it must read name = value, or the text must be CSV "
                f"with the columns name and setting."
            )
        values[match["name"].lower()] = _unquoted(match["value"])
    return values


def _unquoted(value: str) -> str:
    if not value.startswith("'"):
        return value
    return re.sub(r"''|\\(.)", lambda match: match[1] or "'", value[1:-1])


def _joined(setting: str, unit: str) -> str:
    """Return a value with its unit; a unit such as 8kB is multiplied in."""
    if not unit or setting == "-1" or not re.fullmatch(r"[0-9.]+", setting):
        return setting
    pages = _PAGES.fullmatch(unit)
    if pages and re.fullmatch(r"[0-9]{1,15}", setting):
        return f"{int(setting) * int(pages[1])}{pages[2]}"
    return f"{setting}{unit}"


def _check(settings: Settings, name: str, kind: Kind) -> None:
    if kind == "switch":
        settings.is_on(name)
    elif kind != "text":
        _amount(name, settings.values[name], _BYTES if kind == "size" else _SECONDS if kind == "time" else {})


def _switch(name: str, value: str) -> bool:
    word = value.lower()
    if word not in (*_ON, *_OFF):
        raise LabError(f"{name} is {plain(value)!r}: it must be on or off.")
    return word in _ON


def _amount(name: str, value: str, units: Mapping[str, float]) -> float:
    match = _AMOUNT.fullmatch(value.strip())
    written = match["unit"] if match else ""
    unit = written or KNOWN[name][1]
    if match is None or (written and written not in units):
        allowed = f"a number, with {', '.join(list(units)[:-1])} or {list(units)[-1]}" if units else "a whole number"
        raise LabError(f"{name} is {plain(value)!r}: it must be {allowed}.")
    number = float(match["number"])
    return number if number == -1 else number * units.get(unit, 1.0)
