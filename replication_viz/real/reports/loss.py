"""The loss window: what is gone if the primary dies now, by who is promoted.

What counts is received, not replayed. A position that the primary knows is as old as the way back of the answer, so
from what a standby seems to lack goes what came in the meantime: rate x write_lag / 2. Where the network is the cause
that leaves rate x write_lag / 2; where a link is stuck, all that has gathered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...lsn import Lsn
from ...scenario import ScenarioError, SyncRule, parse
from .lags import Spread, WriteRate
from .samples import Sample, Samples, Standing
from .settings import Settings
from .wording import listed

_HAS_IT = {"remote_write": "written", "on": "flushed", "remote_apply": "replayed"}
_DONE = {"remote_write": "has received it", "on": "has it on disk", "remote_apply": "has replayed it"}


@dataclass(frozen=True)
class Rule:
    """What a commit waits for, as far as it is known.

    Attributes
    ----------
    names : SyncRule or None
        The rule; None if ``synchronous_standby_names`` is nothing that PostgreSQL takes.
    level : str
        ``off``, ``local``, ``remote_write``, ``on`` or ``remote_apply``.
    source : str
        Where they come from, in words.
    error : str
        What is wrong with the names; empty if nothing is.
    """

    names: SyncRule | None
    level: str
    source: str
    error: str = ""

    @property
    def waits(self) -> bool:
        """Whether a commit waits for any standby."""
        return self.names is not None and self.names.count > 0 and self.level in _HAS_IT

    def __str__(self) -> str:
        if self.names is None:
            return "not readable"
        if not self.names.count:
            return "async"
        return f"{self.names.setting()[1:-1]}, {self.level}"


@dataclass(frozen=True)
class Candidate:
    """What is lost if this standby is promoted.

    Attributes
    ----------
    name : str
    bytes, writes : Spread
        Acknowledged log that it lacks, over the samples; writes are NaN where their size is not known.
    by_time_bytes : Spread
        rate x write_lag / 2, bytes: the same where the network is the cause and no commit waits for it.
    most_bytes : float
        Nothing known proves that more is missing than this, bytes.
    is_safe : bool
        Whether the rule guarantees that it has all that was acknowledged.
    """

    name: str
    bytes: Spread
    writes: Spread
    by_time_bytes: Spread
    most_bytes: float
    is_safe: bool


@dataclass(frozen=True)
class LossWindow:
    """What is gone if the primary dies now.

    Attributes
    ----------
    candidates : tuple of Candidate
        Least loss first. Who may be promoted: standbys of the last sample that replay.
    sentence : str
        What the rule guarantees, and under which promotion.
    """

    candidates: tuple[Candidate, ...]
    sentence: str

    @property
    def best(self) -> Candidate | None:
        """Who loses least; None where nobody can be promoted."""
        return self.candidates[0] if self.candidates else None

    @property
    def worst(self) -> Candidate | None:
        """Who loses most; None where nobody can be promoted."""
        return self.candidates[-1] if self.candidates else None


def rule_of(settings: Settings, samples: Samples) -> Rule:
    """Return what a commit waits for: from the settings, else as far as ``sync_state`` tells."""
    level = settings.commit_level()
    names = settings.text("synchronous_standby_names")
    assumed = level or "on"
    said = "" if level else "; synchronous_commit is not known: on, the default, is assumed"
    if names is not None:
        try:
            return Rule(parse(names), assumed, f"synchronous_standby_names{said}")
        except ScenarioError as error:
            detail = getattr(error, "detail", str(error))
            return Rule(None, assumed, f"synchronous_standby_names{said}", detail)
    states = samples.last.standbys
    for state, method in (("quorum", "any"), ("sync", "first")):
        found = [row for row in states if row.sync_state == state]
        if found:
            also = [row for row in states if row.sync_state == "potential"]
            count = 1 if method == "any" else len(found)
            rule = SyncRule("any" if method == "any" else "first", count, tuple(r.application for r in [*found, *also]))
            return Rule(rule, assumed, f"sync_state alone: {rule.setting()[1:-1]} is assumed{said}")
    return Rule(SyncRule("async", 0, ()), assumed, "sync_state, which says async everywhere" if states else "nothing")


def loss_window(samples: Samples, rate: WriteRate, rule: Rule) -> LossWindow:
    """Return what is lost if the primary dies now, for each standby that may be promoted."""
    present = [row for row in samples.last.standbys if row.may_be_promoted]
    found = [_candidate(row.name, samples, rate, rule) for row in present]
    known = sorted(found, key=lambda one: (math.isnan(one.bytes.mean), one.bytes.mean, one.name))
    return LossWindow(tuple(known), _sentence(rule, present, samples.last))


def acknowledged(sample: Sample, rule: Rule) -> Lsn | None:
    """Return up to where clients have their answer, by the rule and the positions of a sample."""
    if not rule.waits or rule.names is None:
        return sample.head
    chosen = _chosen(sample, rule.names)
    places: list[Lsn | None] = [getattr(row, _HAS_IT[rule.level]) for row in chosen]
    known = sorted((place for place in places if place is not None), reverse=True)
    if len(known) >= rule.names.count:
        return known[rule.names.count - 1]
    return min(known, default=None)  # commits hang: nothing further is acknowledged


def _chosen(sample: Sample, names: SyncRule) -> Sequence[Standing]:
    """Return the standbys whose answers count: under FIRST the first connected ones, under ANY all that are listed."""
    listed_rows = [row for row in sample.standbys if names.place(row.application) and row.state in ("streaming", "")]
    if names.method == "any":
        return listed_rows
    return sorted(listed_rows, key=lambda row: names.place(row.application))[: names.count]


def _candidate(name: str, samples: Samples, rate: WriteRate, rule: Rule) -> Candidate:
    rows = samples.of(name)
    safe = _is_safe(rows[-1][1], samples.last, rule)
    lacking = [_lacks(sample, row, rule) for sample, row in rows]
    on_the_way = [_way_back(row, rate) for _, row in rows]
    missing = Spread.over(0.0 if safe else max(0.0, a - b) for a, b in zip(lacking, on_the_way, strict=True))
    most = 0.0 if safe else Spread.over(lacking).high
    by_time = Spread.over(row.write_lag_s * rate.bytes_per_s.mean / 2 for _, row in rows)
    writes = Spread(0, 0, 0) if safe else missing.times(1 / rate.write_bytes)
    return Candidate(name, missing, writes, by_time, most, safe)


def _lacks(sample: Sample, row: Standing, rule: Rule) -> float:
    done = acknowledged(sample, rule)
    return math.nan if done is None or row.written is None else float(max(done - row.written, 0))


def _way_back(row: Standing, rate: WriteRate) -> float:
    """Return what a standby received while its answer was on the way back, bytes; 0 where that is not known."""
    received = row.write_lag_s * rate.bytes_per_s.mean / 2
    return 0.0 if math.isnan(received) else received


def _is_safe(row: Standing, last: Sample, rule: Rule) -> bool:
    """Return whether every acknowledged write is on this standby, whatever happens."""
    if not rule.waits or rule.names is None:
        return False
    counted = _chosen(last, rule.names)
    if row not in counted:
        return False
    if rule.names.method == "first":
        return len(counted) == rule.names.count
    return _pool(rule.names, counted) <= rule.names.count


def _pool(names: SyncRule, connected: Sequence[Standing]) -> int:
    """Return how many standbys an ``ANY`` may choose among: listed by name, or connected where it says ``*``."""
    by_name = 0 if "*" in names.names else len({name.lower() for name in names.names})
    return max(by_name, len(connected))


def _sentence(rule: Rule, present: Sequence[Standing], last: Sample) -> str:
    if not present:
        return "Everything: no standby is connected that could be promoted."
    if rule.names is None:
        return "synchronous_standby_names cannot be read: counted as if no commit waited."
    if not rule.names.count:
        return "No commit waits for a standby: what is on its way is lost, whoever is promoted."
    if rule.level not in _HAS_IT:
        return f"synchronous_commit is {rule.level}: no commit waits for a standby, although some are named."
    counted = _chosen(last, rule.names)
    names = listed([row.name for row in counted])
    if len(counted) < rule.names.count:
        return (
            f"{rule.names.count} acknowledgements are needed and {len(counted)} listed standbys stream: "
            f"no commit returns, so nothing new is acknowledged."
        )
    done = _DONE[rule.level]
    if rule.names.method == "first" or _pool(rule.names, counted) <= rule.names.count:
        each = names if len(counted) == 1 else f"any of {names}"
        return f"0 acknowledged writes if {each} is promoted: no commit returns before it {done}."
    asked = _pool(rule.names, counted) - rule.names.count + 1
    return (
        f"0 acknowledged writes if the one that received most is promoted, of {names}: ask at least {asked} of them "
        f"for pg_last_wal_receive_lsn(). Whoever lacks something loses it."
    )
