"""The reader's progress: predictions and exercises, kept in one small JSON file beside the lessons.

A damaged file is set aside, a folder that cannot be written keeps the progress in memory only;
neither stops a lesson. Unattended runs neither read nor write it.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any, Literal

FILE = ".replication_viz_progress.json"
VERSION = 1
UNATTENDED = "REPLICATION_VIZ_UNATTENDED"
Section = Literal["predictions", "exercises"]
SECTIONS: tuple[Section, ...] = ("predictions", "exercises")
Entry = dict[str, Any]


def is_unattended() -> bool:
    """Return whether nobody sits in front: predictions then commit the value that the lesson gives.

    ``REPLICATION_VIZ_UNATTENDED=1`` says so and ``=0`` denies it. Without it a kernel started by
    pytest (nbval too) counts as unattended, by the PYTEST_VERSION that it inherits.
    """
    said = os.environ.get(UNATTENDED, "").strip().casefold()
    if said:
        return said not in ("0", "false", "no", "off")
    return "PYTEST_VERSION" in os.environ


class Book:
    """Progress by section and name. ``path`` is the file, ``None`` for memory only."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.trouble = ""
        self._entries: dict[Section, dict[str, Entry]] = {section: {} for section in SECTIONS}

    def entries(self, section: Section) -> dict[str, Entry]:
        """Return every entry of a section by name, in the order of first use."""
        self._read()
        return self._entries[section]

    def entry(self, section: Section, name: str) -> Entry:
        """Return what is known of one prediction or exercise; empty if nothing is."""
        return dict(self.entries(section).get(name, {}))

    def record(self, section: Section, name: str, entry: Entry) -> None:
        """Keep one entry; another kernel's entries in the same file stay."""
        self._read()
        self._entries[section][name] = entry
        self._write()

    def _read(self) -> None:
        if self.path is None or self.trouble.startswith("Progress is not saved"):
            return
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError):
            return self._set_aside()
        try:
            self._entries = _checked(json.loads(text))
        except (ValueError, RecursionError):
            self._set_aside()

    def _set_aside(self) -> None:
        assert self.path is not None
        kept = self.path.with_suffix(".damaged.json")
        self.trouble = f"The progress file was damaged; it is kept as {kept.name}."
        with contextlib.suppress(OSError):
            os.replace(self.path, kept)

    def _write(self) -> None:
        if self.path is None:
            return
        text = json.dumps({"version": VERSION, **self._entries}, indent=1, ensure_ascii=False)
        try:
            handle, fresh = tempfile.mkstemp(prefix=FILE, suffix=".part", dir=self.path.parent)
        except OSError as error:
            self._cannot_save(error)
            return
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(fresh, self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(fresh)
            self._cannot_save(error)

    def _cannot_save(self, error: OSError) -> None:
        why = error.strerror or type(error).__name__
        self.trouble = f"Progress is not saved: {why.lower()} ({self.path})."


def _checked(data: Any) -> dict[Section, dict[str, Entry]]:
    if not isinstance(data, dict) or data.get("version") != VERSION:
        raise ValueError("not a progress file of this version")
    result: dict[Section, dict[str, Entry]] = {}
    for section in SECTIONS:
        entries = data.get(section, {})
        if not isinstance(entries, dict) or not all(isinstance(e, dict) for e in entries.values()):
            raise ValueError(f"{section} is not a table of entries")
        result[section] = entries
    return result


_books: dict[Path | None, Book] = {}


def current_book() -> Book:
    """Return the book of the working folder; one in memory when nobody sits in front."""
    path = None if is_unattended() else Path.cwd() / FILE
    return _books.setdefault(path, Book(path))


def lesson_of(name: str) -> str:
    """Return the lesson that a name belongs to: what stands before its first dash.

    Examples
    --------
    >>> lesson_of("02-p50"), lesson_of("warm_up")
    ('02', 'other')
    """
    lesson, dash, _ = name.partition("-")
    return lesson if dash and lesson else "other"
