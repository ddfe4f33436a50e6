"""How fast the primary writes, and how far each standby is behind: by kind, in time and in bytes."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Literal, get_args

from ...lsn import Lsn
from ..errors import LabError
from .samples import Sample, Samples, Standing

Kind = Literal["write", "flush", "replay"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_PLACE = {"write": "written", "flush": "flushed", "replay": "replayed"}


@dataclass(frozen=True)
class Spread:
    """A number over the samples: its smallest, mean and largest value. All are NaN where no sample has one."""

    low: float
    mean: float
    high: float

    @classmethod
    def over(cls, values: Iterable[float]) -> Spread:
        """Return the spread of the values that are numbers."""
        known = [value for value in values if not math.isnan(value)]
        if not known:
            return cls(math.nan, math.nan, math.nan)
        return cls(min(known), math.fsum(known) / len(known), max(known))

    def times(self, factor: float) -> Spread:
        """Return the spread with each value multiplied."""
        return Spread(self.low * factor, self.mean * factor, self.high * factor)

    @property
    def is_known(self) -> bool:
        """Whether any sample has a value."""
        return not math.isnan(self.mean)


@dataclass(frozen=True)
class WriteRate:
    """What the primary writes.

    Attributes
    ----------
    bytes_per_s : Spread
        Log, bytes a second: from the first sample to the last, and between successive ones.
    writes_per_s, write_bytes : float
        Writes a second, and log bytes of one; NaN where not known.
    source : str
        Where the writes come from, in words.
    """

    bytes_per_s: Spread
    writes_per_s: float
    write_bytes: float
    source: str

    def writes(self, count: float) -> float:
        """Return how many writes so many bytes of log are; NaN if that is not known."""
        return count / self.write_bytes


@dataclass(frozen=True)
class Lag:
    """One kind of lag of one standby, over the samples.

    Attributes
    ----------
    kind : {"write", "flush", "replay"}
    reported_s : Spread
        As PostgreSQL reports it, s: how long the last reported log took. A sample of the past.
    idle : int
        Samples in which that is NULL.
    behind_bytes : Spread
        From the standby's position to the end of the primary's log, bytes.
    missing_s : Spread
        For how long at least something has been missing, s: since the first sample in which it was already written;
        for what was missing before that, and where there is one sample, bytes over the write rate. NaN where that is
        not known.
    """

    kind: Kind
    reported_s: Spread
    idle: int
    behind_bytes: Spread
    missing_s: Spread

    @property
    def worst_s(self) -> float:
        """The longest of the samples, s, as reported or known to be missing: a report stays where nothing moves."""
        return max((s for s in (self.reported_s.high, self.missing_s.high) if not math.isnan(s)), default=math.nan)

    @property
    def usual_s(self) -> float:
        """The mean of the samples, as reported or known to be missing, whichever is longer, s."""
        return max((s for s in (self.reported_s.mean, self.missing_s.mean) if not math.isnan(s)), default=math.nan)


@dataclass(frozen=True)
class StandbyLag:
    """A standby as the samples show it.

    Attributes
    ----------
    name : str
    last : Standing
        Its row in the last sample that has it.
    samples, of : int
        In how many of how many samples it is connected.
    lags : dict of str to Lag
        By kind.
    """

    name: str
    last: Standing
    samples: int
    of: int
    lags: dict[Kind, Lag]

    @property
    def is_connected(self) -> bool:
        """Whether it is in the last sample."""
        return self.samples > 0


def write_rate(samples: Samples, write_bytes: float | None = None, bytes_per_s: float | None = None) -> WriteRate:
    """Return how fast the primary writes.

    Parameters
    ----------
    samples : Samples
        At least two with times, or the rate is not known.
    write_bytes : float, optional
        Log bytes of one write; else ``xact_commit`` of the samples tells how many there are.
    bytes_per_s : float, optional
        Used in place of what the samples say.

    Raises
    ------
    LabError
        If a number that is given is not above 0.
    """
    for name, value in (("write_bytes", write_bytes), ("bytes_per_s", bytes_per_s)):
        if value is not None and (isinstance(value, bool) or not 0 < value < math.inf):
            raise LabError(f"{name} is {value!r}: it must be a number above 0.")
    rate = Spread(bytes_per_s, bytes_per_s, bytes_per_s) if bytes_per_s is not None else _measured(samples)
    if write_bytes is not None:
        return WriteRate(rate, rate.mean / write_bytes, float(write_bytes), "write_bytes, as given")
    commits = _per_second([(s.at_s, s.commits) for s in samples.each if s.commits is not None])
    if commits > 0 and rate.mean > 0:
        return WriteRate(rate, commits, rate.mean / commits, "xact_commit, in which transactions that only read count")
    if rate.mean == 0:
        return WriteRate(rate, 0.0, math.nan, "nothing was written")
    return WriteRate(rate, math.nan, math.nan, "not known: pass write_bytes, or add xact_commit to the samples")


def standby_lags(samples: Samples, rate: WriteRate) -> tuple[StandbyLag, ...]:
    """Return each standby's lags, in the order in which the samples first name them."""
    return tuple(_standby(samples, name, rate) for name in samples.names)


def behind_bytes(sample: Sample, place: Lsn | None) -> float:
    """Return how far a position is behind the end of the primary's log, bytes; NaN if either is not known."""
    return math.nan if place is None or sample.head is None else float(max(sample.head - place, 0))


def _standby(samples: Samples, name: str, rate: WriteRate) -> StandbyLag:
    rows = samples.of(name)
    lags: dict[Kind, Lag] = {}
    for kind in KINDS:
        reported = [getattr(row, f"{kind}_lag_s") for _, row in rows]
        places = [(sample, getattr(row, _PLACE[kind])) for sample, row in rows]
        behind = Spread.over(behind_bytes(sample, place) for sample, place in places)
        idle = sum(map(math.isnan, reported))
        missing = Spread.over(_missing_s(samples, places, rate.bytes_per_s.mean))
        lags[kind] = Lag(kind, Spread.over(reported), idle, behind, missing)
    return StandbyLag(name, rows[-1][1], len(rows), len(samples.each), lags)


def _missing_s(samples: Samples, places: list[tuple[Sample, Lsn | None]], rate: float) -> list[float]:
    """Return for how long at least each position has lacked something, s.

    Bytes over the rate would do for a steady load only; where a sample finds the last record of an idle primary on its
    way, it would make seconds of it.
    """
    first = samples.each[0]
    heads = list(accumulate((one.head.position if one.head else 0 for one in samples.each), max))
    found = []
    for sample, place in places:
        behind = behind_bytes(sample, place)
        if place is None or math.isnan(behind) or behind == 0:
            found.append(behind)  # NaN or 0
        elif len(samples.each) == 1:
            found.append(behind / rate if rate > 0 else math.nan)
        else:
            written = samples.each[bisect_right(heads, place.position)]
            before = behind_bytes(first, place) if written is first and _stays_behind(first, places) else 0.0
            found.append(sample.at_s - written.at_s + (before / rate if before and rate > 0 else 0.0))
    return found


def _stays_behind(first: Sample, places: list[tuple[Sample, Lsn | None]]) -> bool:
    """Return whether a standby still lacked in its next sample what it lacked in the first one."""
    later = [place for sample, place in places if sample is not first and place is not None]
    return bool(later) and first.head is not None and later[0] < first.head


def _measured(samples: Samples) -> Spread:
    """Return the rate of the log, bytes/s; where only what was sent is known, the farthest sent so far counts."""
    ends: list[tuple[float, int]] = []
    for sample in samples.each:
        if sample.head is not None and not math.isnan(sample.at_s):
            position = sample.head.position
            ends.append((sample.at_s, max(position, ends[-1][1]) if ends else position))
    steps = [_per_second([a, b]) for a, b in pairwise(ends)]
    between = Spread.over(steps)
    return Spread(between.low, _per_second(ends), between.high)


def _per_second(counts: list[tuple[float, int]]) -> float:
    """Return the growth from the first to the last count over the time between; NaN if that is none."""
    if len(counts) < 2 or not counts[-1][0] > counts[0][0]:
        return math.nan
    return (counts[-1][1] - counts[0][1]) / (counts[-1][0] - counts[0][0])
