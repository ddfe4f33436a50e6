"""What the tapes show of a run with several leaders: each write, who has it when, what conflicts, what is thrown away.

Nothing is drawn here and nothing is packed: `tapes_wire` sends it to the browser, `tapes_moment` says it at one moment.
The axis counts writes: the place of a write is its number, which tells the order in which all leaders took theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from .. import measures
from ..measures.conflicting import Conflict, Discarded
from ..rows import Record, replay
from ..rows.replay import StepKind
from ..scenario import SkewClock, clock_offset_ms
from ..trace import Floats, Ints, OpKind, Ops, Outcome, Position, Trace

NEVER = float("inf")


@dataclass(frozen=True)
class Tie:
    """Two writes that an arc joins.

    Attributes
    ----------
    at_ms : float
        When a leader found that they collide, ms.
    writes : (int, int)
        Their numbers, the older one first.
    lost : int
        The number of the one that was thrown away for the other; 0 if none was.
    """

    at_ms: float
    writes: tuple[int, int]
    lost: int


@dataclass(frozen=True)
class Loss:
    """An acknowledged write that was thrown away, and since when: some leader then had it and the one it lost to."""

    at_ms: float
    what: Discarded


@dataclass(frozen=True, eq=False)
class TapesView:
    """A run of several leaders as the tapes show it. Writes are called by their numbers, from 1.

    Attributes
    ----------
    trace : Trace
        The run.
    """

    trace: Trace

    @cached_property
    def count(self) -> int:
        """How many writes were made."""
        return int(self._writes.value.max(initial=0))

    @cached_property
    def _writes(self) -> Ops:
        ops = self.trace.ops
        return ops.where(ops.kind == OpKind.WRITE)

    @cached_property
    def made(self) -> Floats:
        """When each write was made, ms: ndarray, shape (count + 1,); entry 0 is unused."""
        return self._by_number(self._writes.invoked, np.nan)

    @cached_property
    def answered(self) -> Floats:
        """When each write was acknowledged, ms; infinite if it was not."""
        writes = self._writes
        done = np.where(writes.outcome == Outcome.OK, np.nan_to_num(writes.returned, nan=NEVER), NEVER)
        return self._by_number(done, NEVER)

    @cached_property
    def flushed(self) -> Floats:
        """When its own leader had each write on disk, ms; infinite if never."""
        found = np.full(self.count + 1, NEVER)
        for number, record in self.records.items():
            times, lsns = self._steps[record.node]
            place = int(np.searchsorted(lsns, record.dot.number))
            if place < len(lsns) and number not in self.taken:
                found[number] = times[place]
        return found

    @cached_property
    def _steps(self) -> list[tuple[Floats, Ints]]:
        return [self.trace.steps(name, Position.FLUSHED) for name in self.trace.nodes]

    def _by_number(self, values: Floats, default: float) -> Floats:
        found = np.full(self.count + 1, default)
        found[self._writes.value] = values
        return found

    @cached_property
    def _told(self) -> tuple[dict[int, Record], Floats, dict[int, float]]:
        """The log entries by number; when each leader first had each write; when a crash took a write."""
        story = replay(self.trace)
        records: dict[int, Record] = {}
        has = np.full((len(self.trace.nodes), self.count + 1), NEVER)
        taken: dict[int, float] = {}
        tails: list[list[int]] = [[] for _ in self.trace.nodes]
        for step in story:
            tail = tails[step.node]
            if step.kind == StepKind.CRASH:
                taken |= dict.fromkeys(tail, step.time)
                tail.clear()
            elif step.kind == StepKind.FLUSH:
                kept = story.tables[step.node]
                tail[:] = [record.number for record in kept.log[kept.flushed :]]
            if step.found is None:
                continue
            record = step.found.record
            records[record.number] = record
            has[step.node, record.number] = min(step.time, has[step.node, record.number])
            if step.kind == StepKind.WRITE:
                tail.append(record.number)
        return records, has, taken

    @property
    def records(self) -> dict[int, Record]:
        """The log entry of each write that a leader took, by its number."""
        return self._told[0]

    @property
    def has(self) -> Floats:
        """When each leader first had each write, ms: ndarray, shape (leaders, count + 1); infinite if never."""
        return self._told[1]

    @property
    def taken(self) -> dict[int, float]:
        """When a crash took a write that was not on disk, ms, by its number."""
        return self._told[2]

    @cached_property
    def conflicts(self) -> tuple[Conflict, ...]:
        """What `measures.conflicts` counts."""
        return measures.conflicts(self.trace)

    @cached_property
    def losses(self) -> tuple[Loss, ...]:
        """What `measures.discarded` counts, in order of time; a pair that never met in the run is still to come."""
        found = []
        for one in measures.discarded(self.trace):
            met = float(np.maximum(self.has[:, one.write], self.has[:, one.kept]).min())
            at_ms = max(met, float(self.answered[one.write]))
            if at_ms <= self.trace.duration_ms:
                found.append(Loss(at_ms, one))
        return tuple(sorted(found, key=lambda loss: loss.at_ms))

    @cached_property
    def ties(self) -> tuple[Tie, ...]:
        """The pairs that an arc joins: conflicts, and each discarded write with the one that it lost to."""
        found: dict[tuple[int, int], Tie] = {}
        for one in self.conflicts:
            found[one.writes] = Tie(one.at_ms, one.writes, one.discarded or 0)
        for loss in self.losses:
            pair = min(loss.what.write, loss.what.kept), max(loss.what.write, loss.what.kept)
            known = found.get(pair)
            found[pair] = Tie(min(loss.at_ms, known.at_ms) if known else loss.at_ms, pair, loss.what.write)
        return tuple(sorted(found.values(), key=lambda tie: tie.at_ms))

    @cached_property
    def divergence(self) -> tuple[Floats, Ints]:
        """What `measures.divergence` returns."""
        return measures.divergence(self.trace)

    @cached_property
    def offsets(self) -> list[list[tuple[float, float]]]:
        """For each leader from which moment (ms) on its clock is how far ahead of true time, ms."""
        scenario, found = self.trace.scenario, []
        for name in self.trace.nodes:
            jumps = [f.at_ms for f in scenario.timeline if isinstance(f, SkewClock) and f.node == name]
            found.append([(begin, clock_offset_ms(scenario, name, begin)) for begin in (0.0, *sorted(jumps))])
        return found

    def offset(self, leader: int, at_ms: float) -> float:
        """Return how far a leader's clock is ahead of true time at a moment (ms), ms."""
        return [ahead for begin, ahead in self.offsets[leader] if begin <= at_ms][-1]

    def heads(self, moments: Floats) -> Ints:
        """Return the number of the newest write at moments, ms."""
        known = np.sort(self.made[1:])
        return np.searchsorted(known, moments, side="right").astype(np.int64)

    def behind(self, moments: Floats) -> Ints:
        """Return at moments (ms) how far back the oldest write lies that some leader still lacks, in writes."""
        heads = self.heads(moments)
        found = np.zeros_like(heads)
        lives = np.ones(self.count + 1, dtype=np.bool_)
        lives[[0, *self.taken]] = False
        for has in self.has:
            for place, moment in enumerate(moments):
                lacks = np.flatnonzero(lives[1 : heads[place] + 1] & (has[1 : heads[place] + 1] > moment))
                if len(lacks):
                    found[place] = max(found[place], heads[place] - lacks[0])
        return found

    def differing(self, at_ms: float) -> int:
        """Return on how many rows the leaders differ at a moment, ms."""
        times, rows = self.divergence
        return int(rows[np.searchsorted(times, at_ms, side="right") - 1])


@lru_cache(maxsize=4)
def tapes(trace: Trace) -> TapesView:
    """Return the view of a run; telling it costs as much as some of its measures, so the last few are kept."""
    return TapesView(trace)


def clock_words(ahead_ms: float) -> str:
    """Return what a clock shows against true time, in words; empty if it is right.

    Examples
    --------
    >>> clock_words(-500)
    'clock 500 ms behind'
    """
    if not ahead_ms:
        return ""
    amount = abs(ahead_ms)
    told = f"{amount:,.4g} ms" if amount < 10_000 else f"{amount / 1000:,.4g} s"
    return f"clock {told} {'ahead' if ahead_ms > 0 else 'behind'}"
