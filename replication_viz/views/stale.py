"""The stale reads of a run as the stage's message carries them: in spells, at most `READS` of them one by one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import measures
from ..trace import Trace

READS = 200
NO_STALE_READS: dict[str, Any] = {name: [] for name in ("spells", "t", "saw", "missed", "newest", "key")}
_PAUSE = 1 / 25  # of the run: after so long without a stale read on its node a spell is over


def stale_reads(trace: Trace, tick: float) -> dict[str, Any]:
    """Return the spells of stale reads and the reads themselves, one list for each column.

    A spell is a row of node, begin (ms), end (ms), how many reads, and how many of them are told. The columns hold the
    reads of the first spell, then those of the second, and so on: ``t`` (ms), ``saw`` (up to which LSN the node had
    replayed), ``missed`` (the write that it should have seen), ``newest`` (up to which LSN all was acknowledged) and
    ``key``.
    """
    old = measures.old_reads(trace)
    times = np.ceil(old.reads.invoked / tick - 1e-6) * tick
    spells = _spells(old.reads.node, times, trace.duration_ms * _PAUSE)
    every = math.ceil(len(old) / READS) if len(old) else 1
    told = [spell[::every] for spell in spells]
    rows = np.concatenate(told) if told else np.zeros(0, dtype=np.int64)
    columns = {"saw": old.reads.lsn, "missed": old.missed, "newest": old.newest, "key": old.reads.key}
    return {
        "spells": [
            [int(old.reads.node[spell[0]]), _ms(times[spell[0]]), _ms(times[spell[-1]]), len(spell), len(kept)]
            for spell, kept in zip(spells, told, strict=True)
        ],
        "t": [_ms(time) for time in times[rows]],
        **{name: column[rows].tolist() for name, column in columns.items()},
    }


def _ms(time: float) -> float:
    return round(float(time), 2)


def _spells(nodes: NDArray[np.int8], times: NDArray[np.float64], pause: float) -> list[NDArray[np.int64]]:
    """Return the rows of each spell, in order of the spells' begins."""
    spells = []
    for node in np.unique(nodes):
        rows = np.flatnonzero(nodes == node)
        breaks = np.flatnonzero(np.diff(times[rows]) > pause) + 1
        spells += np.split(rows, breaks)
    return sorted(spells, key=lambda spell: float(times[spell[0]]))
