"""Which write stands where: PostgreSQL counts bytes of its log, a trace counts writes.

A write is in the log once its commit record is. `pg_waldump` prints these records with their transactions, also from
the files of a server that is down.
"""

from __future__ import annotations

import datetime
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..lsn import Lsn
from ..trace import Floats, Ints
from .guard import environment

_PAGE = 8192
_COMMIT = re.compile(
    r"len \(rec/tot\):\s*\d+/\s*(?P<size>\d+), tx:\s*(?P<xid>\d+), lsn: (?P<lsn>[0-9A-F]+/[0-9A-F]+), "
    r".*desc: COMMIT (?P<when>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?)"
)


@dataclass(frozen=True)
class Commits:
    """The commit records of one timeline, in order.

    Attributes
    ----------
    xid : ndarray, shape (n,)
        The transactions.
    end : ndarray, shape (n,)
        The LSN, in bytes, from which on the record is in the log.
    time : ndarray, shape (n,)
        When it was written, seconds of the wall clock.
    """

    xid: Ints
    end: Ints
    time: Floats

    def after(self, lsn: int) -> Commits:
        """Return those that end after an LSN in bytes."""
        later = self.end > lsn
        return Commits(self.xid[later], self.end[later], self.time[later])

    def without(self, xids: Iterable[int]) -> Commits:
        """Return those of all but some transactions."""
        kept = ~np.isin(self.xid, np.fromiter(xids, dtype=np.int64))
        return Commits(self.xid[kept], self.end[kept], self.time[kept])


def read_commits(pg_waldump: str, log: Path, timeline: int, start: int) -> Commits:
    """Return the commit records of a timeline from an LSN in bytes on, as the files in a `pg_wal` folder have them."""
    command = [pg_waldump, "-p", str(log), "-t", str(timeline), "-s", str(Lsn(start)), "-r", "Transaction"]
    said = subprocess.run(command, capture_output=True, text=True, env=environment(), stdin=subprocess.DEVNULL).stdout
    found = [line for line in map(_COMMIT.search, said.splitlines()) if line]
    starts = [Lsn.parse(line["lsn"]).position for line in found]
    return Commits(
        xid=np.array([int(line["xid"]) for line in found], dtype=np.int64),
        end=np.array([_end(at, int(line["size"])) for at, line in zip(starts, found, strict=True)], dtype=np.int64),
        time=np.array([_seconds(line["when"]) for line in found], dtype=np.float64),
    )


def _end(start: int, size: int) -> int:
    """Return where a record ends: a page begins with a header of at least 24 bytes, which the size does not count."""
    end = start + size
    crossed = (end - 1) // _PAGE - start // _PAGE
    return -(-(end + 24 * crossed) // 8) * 8


def _seconds(text: str) -> float:
    moment = datetime.datetime.fromisoformat(text)
    return moment.replace(tzinfo=datetime.UTC).timestamp()


class Numbering:
    """From bytes to writes, for each timeline; a write's number is its place among the commits of its timeline."""

    def __init__(self) -> None:
        self._ends: dict[int, NDArray[np.int64]] = {}
        self._rows: dict[int, dict[int, int]] = {}
        self._shared: dict[int, int] = {}

    def add(self, timeline: int, commits: Commits, parent: int = 0, fork: int = 0) -> None:
        """Add a timeline; one with a parent shares its writes up to the fork, an LSN in bytes."""
        shared = self._ends[parent][self._ends[parent] <= fork] if parent else np.empty(0, dtype=np.int64)
        own = commits.after(fork) if parent else commits
        self._shared[timeline] = len(shared)
        self._ends[timeline] = np.concatenate([shared, own.end])
        self._rows[timeline] = {int(xid): len(shared) + n for n, xid in enumerate(own.xid.tolist(), 1)}

    def number(self, timeline: int, lsn: ArrayLike) -> Ints:
        """Return how many writes a log of a timeline holds up to an LSN in bytes: ndarray of the shape of ``lsn``."""
        return np.searchsorted(self._ends[timeline], np.asarray(lsn, dtype=np.int64), side="right").astype(np.int64)

    def of_transaction(self, timeline: int, xid: int) -> int:
        """Return the number of a write by its transaction; -1 if that timeline does not hold it."""
        return self._rows[timeline].get(xid, -1)

    def end_of(self, timeline: int, number: int) -> int:
        """Return the LSN in bytes at which a write's commit record ends."""
        return int(self._ends[timeline][number - 1])

    def shared(self, timeline: int) -> int:
        """Return how many writes a timeline shares with the one that it left."""
        return self._shared[timeline]

    @property
    def timelines(self) -> tuple[int, ...]:
        """The timelines that were added."""
        return tuple(self._ends)
