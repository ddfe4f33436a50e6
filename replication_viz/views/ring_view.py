"""What the ring shows of a leaderless run: each operation with its sets, which one is at hand when, what is counted.

Nothing is drawn here and nothing is packed: `ring_wire` sends it to the browser, `ring_moment` says it at one moment.
Sets of nodes are bit masks: node 0 is bit 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .. import measures
from ..scenario import ANYWHERE, Change, Ring, Scenario
from ..scenario.leaderless import QUORUMS, quorum
from ..trace import Flags, FlightKind, Floats, Ints, OpKind, Outcome, Position, Trace

PATIENCE = 4.0  # usual operations: so long one that takes longer is at hand
NOTHING, FRESH, STALE, BACK = 0, 1, 2, 3  # what a read is: nothing to miss, fresh, stale, older than a read before it

_OUT = (FlightKind.STORE, FlightKind.ASK)
_BACK = (FlightKind.STORED, FlightKind.ANSWER)


@dataclass(frozen=True, eq=False)
class RingView:
    """A leaderless run as the ring shows it. Each array has an entry for each row of `Trace.ops`.

    Attributes
    ----------
    trace : Trace
        The run.
    """

    trace: Trace

    @cached_property
    def is_write(self) -> Flags:
        """Whether an operation is a write or a delete."""
        return np.isin(self.trace.ops.kind, (OpKind.WRITE, OpKind.DELETE))

    @cached_property
    def homes(self) -> Ints:
        """The nodes that hold its key."""
        ring = Ring(self.trace.scenario)
        keys, inverse = np.unique(self.trace.ops.key, return_inverse=True)
        masks = [sum(1 << node for node in ring.homes(key)) for key in keys.tolist()]
        return np.array(masks, dtype=np.int64)[inverse] if masks else np.zeros(0, dtype=np.int64)

    @cached_property
    def asked(self) -> Ints:
        """The nodes that it was sent to."""
        flights = self.trace.flights
        return self._mask(self._own(_OUT), flights.target)

    @cached_property
    def answered(self) -> Ints:
        """The nodes whose answer had come when the client was told: its write set or read set."""
        flights = self.trace.flights
        rows = self._own(_BACK)
        told = np.nan_to_num(self.trace.ops.returned, nan=np.inf)[flights.lsn_from[rows]]
        return self._mask(rows[(flights.arrived[rows] <= told) & ~flights.lost[rows]], flights.source)

    def heard(self, operation: int, at_ms: float) -> list[tuple[float, int, int]]:
        """Return the answers that had come by a moment (ms) and before the client was told: moment, node, version."""
        flights = self.trace.flights
        rows = self._own(_BACK)
        rows = rows[flights.lsn_from[rows] == operation]
        told = np.nan_to_num(self.trace.ops.returned[operation], nan=np.inf)
        rows = rows[(flights.arrived[rows] <= min(at_ms, float(told))) & ~flights.lost[rows]]
        rows = rows[np.argsort(flights.arrived[rows], kind="stable")]
        return list(zip(*(c[rows].tolist() for c in (flights.arrived, flights.source, flights.lsn_to)), strict=True))

    def _own(self, kinds: tuple[FlightKind, FlightKind]) -> Ints:
        """Return the rows of an operation's own messages; a read's repair is answered like a write, and is none."""
        flights, writes = self.trace.flights, self.is_write
        rows = np.flatnonzero(np.isin(flights.kind, kinds) & (flights.lsn_from >= 0))
        of_write = writes[flights.lsn_from[rows]] if len(writes) else np.zeros(0, dtype=np.bool_)
        own: Ints = rows[of_write == (flights.kind[rows] == kinds[0])]
        return own

    def _mask(self, rows: Ints, nodes: np.ndarray) -> Ints:
        found = np.zeros(len(self.trace.ops), dtype=np.int64)
        np.bitwise_or.at(found, self.trace.flights.lsn_from[rows], 1 << nodes[rows].astype(np.int64))
        return found

    # -- what came of it ------------------------------------------------------------------------------------------

    @cached_property
    def missed(self) -> Ints:
        """The newest version of its key that had been acknowledged when it began; 0 if there was none."""
        ops = self.trace.ops
        return measures.newest_acknowledged(self.trace, ops.key, ops.invoked)[0]

    @cached_property
    def judged(self) -> Ints:
        """What an answered read is: `FRESH`, `STALE`, or `BACK`, if an earlier one had returned a newer version."""
        ops = self.trace.ops
        reads = (ops.kind == OpKind.READ) & (ops.outcome == Outcome.OK) & ~np.isnan(ops.returned)
        found = np.where(reads & (self.missed > 0), np.where(ops.lsn >= self.missed, FRESH, STALE), NOTHING)
        for key in np.unique(ops.key[reads]).tolist():
            rows = np.flatnonzero(reads & (ops.key == key))
            done = rows[np.argsort(ops.returned[rows], kind="stable")]
            newest = np.concatenate([[0], np.maximum.accumulate(ops.lsn[done])])
            before = newest[np.searchsorted(ops.returned[done], ops.invoked[rows], side="right")]
            found[rows[(ops.lsn[rows] < before) & (found[rows] != STALE)]] = BACK
        return found.astype(np.int64)

    @cached_property
    def could_miss(self) -> Flags:
        """Whether it is an answered read of a key that some write had been acknowledged for."""
        found: Flags = (self.judged != NOTHING) & (self.missed > 0)
        return found

    @cached_property
    def failed(self) -> Flags:
        """Whether the client was told that it failed, or got no answer in time."""
        ops = self.trace.ops
        found: Flags = (ops.outcome != Outcome.OK) & ~np.isnan(ops.returned)
        return found

    @cached_property
    def usual_ms(self) -> float:
        """The median time of an answered operation, ms; 0 if none was."""
        ops = self.trace.ops
        took = (ops.returned - ops.invoked)[ops.outcome == Outcome.OK]
        took = took[~np.isnan(took)]
        return float(np.median(took)) if len(took) else 0.0

    # -- which operation is at hand -------------------------------------------------------------------------------

    @cached_property
    def programme(self) -> list[tuple[float, int]]:
        """From which moment (ms) on which operation is at hand.

        One stays from its begin until its client is told, and as long as an operation usually takes; then the next
        begins, best a read of the key just written. What goes wrong comes first.
        """
        ops, usual = self.trace.ops, max(self.usual_ms, 1e-3)
        wrong = (self.judged >= STALE) | self.failed
        bad = np.flatnonzero(wrong)
        found: list[tuple[float, int]] = []
        row, count = 0, len(ops)
        while row < count:
            begin = float(ops.invoked[row])
            found.append((begin, row))
            told = float(np.nan_to_num(ops.returned[row], nan=np.inf))
            end = told + 2 * usual if wrong[row] and np.isfinite(told) else min(told, begin + PATIENCE * usual) + usual
            upto = int(np.searchsorted(ops.invoked, end))
            struck = bad[(bad > row) & (ops.invoked[bad] < end)]
            if len(struck) and not wrong[row]:
                row = int(struck[0])
                continue
            row = self._next(max(upto, row + 1), row, usual, wrong)
        return found

    def _next(self, row: int, before: int, usual: float, wrong: Flags) -> int:
        """Return the operation that follows one, of those from a row on."""
        ops = self.trace.ops
        if row >= len(ops):
            return row
        near = np.arange(row, int(np.searchsorted(ops.invoked, ops.invoked[row] + 2 * usual, side="right")))
        again = (ops.key[near] == ops.key[before]) & ~self.is_write[near] & self.is_write[before]
        for chosen in (near[wrong[near]], near[again]):
            if len(chosen):
                return int(chosen[0])
        return row

    def at_hand(self, at_ms: float) -> int:
        """Return the operation at hand at a moment (ms); -1 before the first."""
        begun = [row for begin, row in self.programme if begin <= at_ms]
        return begun[-1] if begun else -1

    def pair(self, operation: int, at_ms: float) -> tuple[int, int]:
        """Return which write and which read are shown with an operation, it itself among them; -1 where there is none.

        With a read it is the write that it should see, or the newer one that it saw; with a write the latest read of
        its key that began after it was acknowledged.
        """
        ops = self.trace.ops
        if operation < 0:
            return -1, -1
        if self.is_write[operation]:
            told = ops.returned[operation]
            reads = (ops.kind == OpKind.READ) & (ops.key == ops.key[operation])
            later = np.flatnonzero(reads & (ops.invoked >= told) & (ops.invoked <= at_ms))
            return operation, int(later[-1]) if len(later) else -1
        seen = int(ops.lsn[operation]) if ops.returned[operation] <= at_ms else 0
        version = max(int(self.missed[operation]), seen)
        return self.writer(version), operation

    def writer(self, version: int) -> int:
        """Return the operation that made a version; -1 for none."""
        found = np.flatnonzero(self.is_write & (self.trace.ops.lsn == version))
        return int(found[0]) if version > 0 and len(found) else -1

    # -- how many copies are behind -------------------------------------------------------------------------------

    def behind(self, moments: Floats, keys: Ints | None = None) -> Ints:
        """Return how many copies lack the newest acknowledged version of their key, at moments (ms) in order.

        Parameters
        ----------
        keys : ndarray, optional
            Of which keys; by default all.
        """
        ops, levels = self.trace.ops, self.trace.levels
        chosen = self.is_write & (ops.lsn > 0)
        if keys is not None:
            chosen &= np.isin(ops.key, keys)
        key_of = dict(zip(ops.lsn[chosen].tolist(), ops.key[chosen].tolist(), strict=True))
        homes = dict(zip(ops.key.tolist(), self.homes.tolist(), strict=True))
        done = np.flatnonzero(chosen & (ops.outcome == Outcome.OK) & ~np.isnan(ops.returned))
        stored = np.flatnonzero((levels.which == Position.STORED) & (levels.lsn > 0))
        events = [(float(ops.returned[row]), -1, int(ops.lsn[row])) for row in done]
        events += zip(*(c[stored].tolist() for c in (levels.time, levels.node, levels.lsn)), strict=True)
        newest: dict[int, int] = {}
        held: dict[int, dict[int, int]] = {}
        late: dict[int, int] = {}
        times, totals, total = [-np.inf], [0], 0
        for time, node, version in sorted(events):
            key = key_of.get(version)
            if key is None:
                continue
            if node < 0:
                newest[key] = max(newest.get(key, 0), version)
            else:
                held.setdefault(key, {})[node] = version
            has, mask, wanted = held.get(key, {}), homes[key], newest.get(key, 0)
            now = sum(1 for n in range(len(self.trace.nodes)) if mask >> n & 1 and has.get(n, 0) < wanted)
            total += now - late.get(key, 0)
            late[key] = now
            times.append(time)
            totals.append(total)
        return np.array(totals)[np.searchsorted(times, moments, side="right") - 1]


# -- what is asked for ------------------------------------------------------------------------------------------------


def quorums(scenario: Scenario) -> list[tuple[float, int, int]]:
    """Return W and R from each moment (ms) on at which they change."""
    found = [(0.0, scenario.write_quorum, scenario.read_quorum)]
    for fault in scenario.timeline:
        if isinstance(fault, Change) and fault.setting in QUORUMS:
            _, w, r = found[-1]
            value = int(fault.value)
            found.append((fault.at_ms, value, r) if fault.setting == "write_quorum" else (fault.at_ms, w, value))
    return found


def needs(scenario: Scenario, size: int, place: str) -> str:
    """Return in words how many answers an operation waits for at a coordinator in a place."""
    needed = quorum(scenario, size, place)
    return " and ".join(f"{count}" if where == ANYWHERE else f"{count} in {where}" for where, count in needed.items())
