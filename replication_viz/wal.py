"""The files of the log, and which of them a leader keeps: segments, checkpoints, slots, limits; PostgreSQL's own rules.

Nothing here knows of time. Positions are LSNs, which count writes; a segment holds the log of so many writes.
"""

from __future__ import annotations

from math import ceil, floor
from typing import Literal

from .scenario import Scenario

Availability = Literal["reserved", "extended", "unreserved", "lost"]

_MB = 2**20
_COMPLETION = 0.9  # checkpoint_completion_target: the log of one checkpoint and most of the next fit max_wal_size


class Retention:
    """The log that the leader holds.

    Attributes
    ----------
    oldest : int
        The number of the oldest segment that is kept; the first has number 0.
    slots : dict of str to int
        Each replica's slot: from which LSN on the log is kept for it. A lost or dropped slot is not here.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._write_bytes = scenario.record_bytes * scenario.log_left
        self._segment_bytes = scenario.segment_mb * _MB
        self._keep = self._segments(scenario.wal_keep_mb)
        self._keep_for_slot = self._segments(scenario.max_slot_wal_keep_mb)
        self._limited = scenario.max_slot_wal_keep_mb >= 0
        self._max_wal = self._segments(scenario.max_wal_mb)
        self.checkpoint_bytes = scenario.max_wal_mb * _MB / (1 + _COMPLETION)
        self._room_bytes = scenario.wal_disk_mb * _MB
        self._last_checkpoint = 0
        self.oldest = 0
        self.slots: dict[str, int] = dict.fromkeys(scenario.direct, 0) if scenario.slots else {}

    def oldest_lsn(self) -> int:
        """Return the LSN before which nothing is kept."""
        return ceil(self.oldest * self._segment_bytes / self._write_bytes)

    def segment(self, lsn: int) -> int:
        """Return the number of the segment that holds the log right after an LSN."""
        return floor(lsn * self._write_bytes / self._segment_bytes)

    def complete_until(self, lsn: int) -> int:
        """Return the last LSN in a segment that is complete: what an archive holds."""
        return floor(self.segment(lsn) * self._segment_bytes / self._write_bytes)

    def checkpoint_due(self, lsn: int) -> bool:
        """Return whether the log since the last checkpoint has grown enough for another one."""
        return (lsn - self._last_checkpoint) * self._write_bytes >= self.checkpoint_bytes

    def is_full(self, lsn: int) -> bool:
        """Return whether the log no longer fits its disk."""
        return lsn * self._write_bytes - self.oldest * self._segment_bytes > self._room_bytes

    def availability(self, restart: int, lsn: int) -> Availability:
        """Return what ``pg_replication_slots.wal_status`` says of a slot that needs the log from ``restart`` on."""
        wanted, current = self.segment(restart), self.segment(lsn)
        if wanted >= self._kept_from(lsn):
            return "reserved" if wanted >= current - (self._max_wal + 1) else "extended"
        return "unreserved" if wanted >= self.oldest else "lost"

    def checkpoint(self, lsn: int) -> list[str]:
        """Remove what nobody may keep; return whose slots are lost by it."""
        self._last_checkpoint = lsn
        kept_from = self._kept_from(lsn)
        lost = [name for name, restart in self.slots.items() if self.segment(restart) < kept_from]
        for name in lost:
            del self.slots[name]
        if lost:
            kept_from = self._kept_from(lsn)
        self.oldest = max(self.oldest, kept_from)
        return lost

    def _kept_from(self, lsn: int) -> int:
        """Return the oldest segment that a checkpoint now would keep (`KeepLogSeg`)."""
        current = self.segment(lsn)
        segment = current
        if self.slots:
            segment = min(current, self.segment(min(self.slots.values())))
            if self._limited:
                segment = max(segment, current - self._keep_for_slot)
        return max(0, min(segment, current - self._keep))

    def _segments(self, megabytes: float) -> int:
        """Return how many whole segments a size holds (`ConvertToXSegs`)."""
        return floor(max(megabytes, 0) * _MB / self._segment_bytes)

    def alarm_lsn(self) -> int:
        """Return from which LSN on a checkpoint is due, or the log no longer fits its disk."""
        due = self._last_checkpoint + self.checkpoint_bytes / self._write_bytes
        full = (self.oldest * self._segment_bytes + self._room_bytes) / self._write_bytes
        return ceil(min(due, full))

    def file_name(self, lsn: int) -> str:
        """Return how PostgreSQL calls the file of the segment that holds the log after an LSN, on timeline 1."""
        per_id = max(1, int(2**32 / self._segment_bytes))
        number = self.segment(lsn)
        return f"{1:08X}{number // per_id:08X}{number % per_id:08X}"
