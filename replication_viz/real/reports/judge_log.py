"""The log that the primary keeps: how long a standby may be away, and what can fill the disk."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...theory.retention import time_until_full_s
from .checklist import Findings, Line, not_known
from .slots import Slot
from .wording import listed, plain, size, span

_SHORT_S = 600.0
_ENOUGH_S = 3_600.0
_ON_CALL_S = 1_800.0
_IDLE_COMMANDS = ("/bin/true", "true", "cd .", "exit 0", ":")
_MOST = "max_slot_wal_keep_size"
_SINCE = 130_000  # max_slot_wal_keep_size came with PostgreSQL 13


def lines(findings: Findings) -> list[Line]:
    """Return the lines about slots, kept log and the archive."""
    return [*_slots(findings), *_limit(findings), *_kept(findings), *_archive(findings)]


def _slots(findings: Findings) -> Iterator[Line]:
    slots = findings.slots
    if slots is None:
        yield not_known("slots", "Pass pg_replication_slots as slots= to have them judged.")
        return
    for state, why in (
        ("lost", "Its log is gone: whoever used it needs a new base backup, and the slot never recovers."),
        ("unreserved", "The next checkpoint may remove its log. If its standby hurries, it is saved."),
    ):
        found = [slot.name for slot in slots if slot.status == state]
        if found:
            yield Line("danger", f"slots {state}", listed(found), why)
    asleep = [slot for slot in slots if slot.active is False and slot.restart is not None and slot.status != "lost"]
    if asleep:
        yield Line("danger" if _is_unlimited(findings) else "warning", "slots asleep", *_asleep(findings, asleep))
    elif slots:
        yield Line("ok", "slots", listed([slot.name for slot in slots]), "Each is in use. Alarm on what they pin.")


def _asleep(findings: Findings, slots: list[Slot]) -> tuple[str, str]:
    head = findings.samples.last.head
    pinned = [head - slot.restart for slot in slots if head is not None and slot.restart is not None]
    found = listed([slot.name for slot in slots]) + (f": {size(max(pinned))} kept" if pinned else "")
    rate = findings.rate.bytes_per_s.mean
    grows = f" The log kept for them grows by {size(3_600 * rate)} an hour." if rate > 0 else ""
    end = "until the disk is full" if _is_unlimited(findings) else f"up to {_MOST}"
    return found, f"Nobody streams through them, and the primary keeps everything since, {end}.{grows}"


def _is_unlimited(findings: Findings) -> bool:
    limit = findings.settings.size(_MOST)
    return limit == -1 or (math.isnan(limit) and findings.settings.number("server_version_num") < _SINCE)


def _limit(findings: Findings) -> Iterator[Line]:
    settings, slots, rate = findings.settings, findings.slots, findings.rate.bytes_per_s.mean
    shown = settings.shown(_MOST)
    limit = settings.size(_MOST)
    if slots is not None and not slots:
        return
    if _is_unlimited(findings):
        found = shown if not math.isnan(limit) else "not there before PostgreSQL 13"
        used = "A slot keeps log" if slots else "If there are slots, they keep log"
        hour = f" At this rate a dead standby takes {size(3_600 * rate)} an hour." if rate > 0 else ""
        yield Line("warning", _MOST, found, f"{used} without limit: it can fill the disk.{hour}")
    elif math.isnan(limit):
        yield not_known(_MOST)
    elif rate > 0 and time_until_full_s(limit, rate) < _ON_CALL_S:
        why = f"At the measured rate a standby with a slot is lost after {span(limit / rate)} away."
        yield Line("warning", _MOST, shown, why)
    else:
        lasts = f" At the measured rate that is {span(limit / rate)} away." if rate > 0 else ""
        yield Line("ok", _MOST, shown, f"The disk is safe from slots; the standby is given up instead.{lasts}")


def _kept(findings: Findings) -> Iterator[Line]:
    """Judge `wal_keep_size`, which counts only where no slot holds the log."""
    settings, rate = findings.settings, findings.rate.bytes_per_s.mean
    is_old = "wal_keep_segments" in settings.values and "wal_keep_size" not in settings.values
    name = "wal_keep_segments" if is_old else "wal_keep_size"
    kept, shown = settings.kept_bytes(), settings.shown(name)
    physical = [slot for slot in findings.slots or () if slot.kind in ("physical", "") and slot.active]
    if math.isnan(kept):
        yield not_known(name)
    elif physical and len(physical) >= len(findings.loss.candidates):
        yield Line("ok", name, shown, "Slots keep the log of every standby; this does not matter.")
    elif kept <= 0:
        way = "only the archive could bring it back" if _archives(findings) else "it needs a new base backup"
        without = "Without a slot" if findings.slots is None else "Without slots"
        why = f"{without} a standby that is away for a checkpoint or two falls off: {way}."
        yield Line("warning" if findings.slots is None or _archives(findings) else "danger", name, shown, why)
    elif not rate > 0:
        yield Line("not known", name, shown, "How long that lasts cannot be said without a write rate.")
    else:
        lasts = time_until_full_s(kept, rate)
        why = f"At the measured rate a standby without a slot falls off after {span(lasts)} away."
        is_danger = lasts < _SHORT_S and findings.slots is not None
        yield Line("ok" if lasts >= _ENOUGH_S else "danger" if is_danger else "warning", name, shown, why)


def _archives(findings: Findings) -> bool:
    return (findings.settings.text("archive_mode") or "off").lower() not in ("off", "false", "no", "0")


def _archive(findings: Findings) -> Iterator[Line]:
    settings = findings.settings
    mode = settings.text("archive_mode")
    if mode is None:
        yield not_known("archive_mode")
        return
    command, library = settings.text("archive_command"), settings.text("archive_library")
    if not _archives(findings):
        why = "No archive: a standby repeats every mistake at once, and there is no way back to a moment before it."
        yield Line("warning", "archive_mode", plain(mode), why)
    elif command is not None and not library and command.strip() in ("", "(disabled)"):
        why = "There is an archive and no way into it: the log is kept for it until the disk is full."
        yield Line("danger", "archive_command", settings.shown("archive_command"), why)
    elif command is not None and command.strip() in _IDLE_COMMANDS:
        why = "The command says yes and stores nothing: there is no archive."
        yield Line("danger", "archive_command", settings.shown("archive_command"), why)
    else:
        why = "Log is copied away. Alarm on pg_stat_archiver.failed_count, and restore from it now and then."
        yield Line("ok", "archive_mode", plain(mode), why)
