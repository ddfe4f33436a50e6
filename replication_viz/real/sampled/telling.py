"""From what was noted of a run to a trace: the same five tables that a simulated run leaves."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from ...engine.arrivals import write_ops
from ...engine.marks import mark_blocked, mark_faults
from ...engine.record import Record
from ...scenario import LEADER, Scenario
from ...trace import Codes, FlightKind, Floats, Ints, MarkKind, Ops, Outcome, Position, Role, Trace
from .notes import Notes, Sample, Turn, Write

_TOGETHER_MS = 10.0  # writes of a message that never arrived
_OF_A_REPLICA = (Position.RECEIVED, Position.FLUSHED, Position.REPLAYED)


@dataclass(frozen=True)
class _Reign:
    """A spell in which a node took itself for the leader of a term, ms."""

    node: int
    term: int
    begin: float
    end: float


def tell(scenario: Scenario, notes: Notes) -> Trace:
    """Return the trace of a run."""
    return _Teller(scenario, notes).trace()


class _Teller:
    def __init__(self, scenario: Scenario, notes: Notes) -> None:
        self.scenario, self.notes = scenario, notes
        self.names = scenario.node_names
        self.record = Record(self.names)
        self.flights: list[tuple[int, int, int, float, float, bool, int, int]] = []
        self.terms = {notes.history: 1}
        for turn in notes.turns:
            if turn.leads:
                self.terms[turn.history] = len(self.terms) + 1
        self.reigns = self._reigns()
        self.appends = {reign.term: self._appends(reign) for reign in self.reigns}

    def trace(self) -> Trace:
        mark_faults(self.record, self.scenario)
        self._tell_states()
        for node, name in enumerate(self.names):
            self._tell_replica(node, [sample for sample in self.notes.samples if sample.node == name])
        for flight in sorted(self.flights, key=lambda flight: flight[3]):  # in order of sending, as a trace has them
            self.record.flight(flight)
        for reign in self.reigns:
            self._tell_leader(reign)
        ops = self._ops()
        for mark in self.notes.marks:
            self.record.mark(mark.kind, mark.at, mark.text, node=self.names.index(mark.node))
        mark_blocked(self.record, self.scenario, ops)
        times, lsns, nodes = self._appended()
        return self.record.trace(self.scenario, ops, (times, lsns), nodes)

    # -- who led --------------------------------------------------------------------------------------------------

    def _reigns(self) -> list[_Reign]:
        begins = [(0, 1, 0.0)]
        begins += [(self._node(turn), self.terms[turn.history], turn.at) for turn in self.notes.turns if turn.leads]
        return [_Reign(node, term, begin, self._end_of(node, begin)) for node, term, begin in begins]

    def _end_of(self, node: int, begin: float) -> float:
        ends = (
            turn.at
            for turn in self.notes.turns
            if self._node(turn) == node and turn.at > begin and (turn.leads is False or turn.up is False)
        )
        return next(ends, float("inf"))

    def _node(self, turn: Turn) -> int:
        return self.names.index(turn.node)

    def _appends(self, reign: _Reign) -> tuple[list[float], list[int]]:
        """Return when a leader had appended what, in order: a write was there at the latest when a later one was.

        It was there, too, when the leader said how much it had.
        """
        rows = sorted(self._writes_of(reign), key=lambda write: write.lsn)
        if not rows:
            return [], []
        lsns = [write.lsn for write in rows]
        times = np.minimum.accumulate([write.appended for write in rows][::-1])[::-1]
        said = [s for s in self.notes.samples if s.leads and self.names.index(s.node) == reign.node]
        said = [sample for sample in said if reign.begin <= self._ms(sample) < reign.end]
        counts = np.maximum.accumulate([sample.received for sample in said]) if said else np.empty(0)
        heard = np.array([*map(self._ms, said), np.inf])[np.searchsorted(counts, lsns)]
        return np.minimum(np.minimum(times, heard), reign.end).tolist(), lsns

    def _writes_of(self, reign: _Reign) -> list[Write]:
        """Return the writes that a leader took in its time; some of its answers may be read after its end."""
        name = self.names[reign.node]
        later = [other.begin for other in self.reigns if other.node == reign.node and other.begin > reign.begin]
        end = min(later, default=float("inf"))
        return [w for w in self.notes.writes if w.node == name and w.lsn > 0 and reign.begin <= w.appended < end]

    def _tell_states(self) -> None:
        """Note what each node is; a replica is on a new leader's term when its data are a copy of that one's."""
        changes: list[tuple[float, int, dict[str, object]]] = []
        for turn in self.notes.turns:
            node = self._node(turn)
            if turn.up is not None:
                changes.append((turn.at, node, {"up": turn.up}))
            if turn.leads:
                term = self.terms[turn.history]
                changes.append((turn.at, node, {"role": Role.LEADER, "term": term}))
                text = f"{turn.node} is the leader of timeline {term}, from LSN {turn.count:,} on"
                self.record.mark(MarkKind.PROMOTED, turn.at, text, node=node)
            elif turn.leads is False:
                changes.append((turn.at, node, {"role": Role.REPLICA}))
                if turn.up is None:
                    text = f"{turn.node} is told of timeline {len(self.terms)} and steps down"
                    self.record.mark(MarkKind.DEMOTED, turn.at, text, node=node)
        for sample in self.notes.samples:
            if self._follows(sample) and sample.history in self.terms:
                changes.append((self._ms(sample), self.names.index(sample.node), {"term": self.terms[sample.history]}))
        for at, node, change in sorted(changes, key=lambda row: row[0]):
            self.record.turn(node, at, **change)

    def _ms(self, sample: Sample) -> float:
        return (sample.at - self.notes.zero) * 1000

    def _follows(self, sample: Sample) -> bool:
        """Whether a sample is about a replica; an answer may have been given just before a promotion and come after."""
        at, node = self._ms(sample), self.names.index(sample.node)
        return not sample.leads and at >= 0 and not any(r.node == node and r.begin <= at < r.end for r in self.reigns)

    # -- positions ------------------------------------------------------------------------------------------------

    def _tell_leader(self, reign: _Reign) -> None:
        """Note what a leader has: appended is flushed."""
        if reign.begin:
            base = next(turn.count for turn in self.notes.turns if turn.at == reign.begin)
            for which in Position.APPENDED, *_OF_A_REPLICA, Position.COMMITTED:
                self.record.level((reign.node, which, reign.begin, base))
        for at, lsn in zip(*self.appends[reign.term], strict=True):
            self.record.level((reign.node, Position.FLUSHED, at, lsn))
        for at, lsn in self._shown(reign):
            self.record.level((reign.node, Position.COMMITTED, at, lsn))

    def _shown(self, reign: _Reign) -> list[tuple[float, int]]:
        """Return from when on (ms) a leader showed which write to readers."""
        if not self.notes.shows_when_answered:
            return list(zip(*self.appends[reign.term], strict=True))
        answered = sorted((w.returned, w.lsn) for w in self._writes_of(reign) if w.outcome == Outcome.OK)
        newest = np.maximum.accumulate([lsn for _, lsn in answered]).tolist() if answered else []
        return [(min(at, reign.end), lsn) for (at, _), lsn in zip(answered, newest, strict=True)]

    def _tell_replica(self, node: int, samples: Sequence[Sample]) -> None:
        """Note what a node had whenever it followed, and the messages that must have brought it."""
        has, shows, term = 0, 0, 1
        for turn in self.notes.turns:
            if turn.leads is False and self._node(turn) == node:
                for which in _OF_A_REPLICA:
                    self.record.level((node, which, turn.at, turn.count))
        for sample in samples:
            if not self._follows(sample):
                continue
            at = self._ms(sample)
            now = self.terms.get(sample.history, term)
            if now == term and sample.received > has:
                self._tell_flight(node, term, at, has, sample.received)
            if (sample.received, sample.applied, now) != (has, shows, term):
                has, shows, term = sample.received, sample.applied, now
                for which, lsn in zip(_OF_A_REPLICA, (has, has, shows), strict=True):
                    self.record.level((node, which, at, lsn))
        self._tell_lost(node, has)

    def _tell_flight(self, node: int, term: int, arrived: float, after: int, upto: int) -> None:
        reign = next(reign for reign in self.reigns if reign.term == term)
        sent = min(self._appended_at(term, upto), arrived)
        self.flights.append((FlightKind.WAL, reign.node, node, sent, arrived, False, after, upto))

    def _appended_at(self, term: int, lsn: int) -> float:
        times, lsns = self.appends[term]
        place = bisect_left(lsns, lsn)
        return times[place] if place < len(times) else float("inf")

    def _tell_lost(self, node: int, has: int) -> None:
        """Note what the first leader had sent when it crashed and this node never got."""
        first = self.reigns[0]
        lsns = self.appends[1][1]
        crashed = any(turn.up is False and turn.node == LEADER for turn in self.notes.turns)
        if node == first.node or not crashed or not lsns or has >= lsns[-1]:
            return
        before = [s.applied for s in self.notes.samples if s.node == self.names[node] and self._ms(s) <= first.end]
        after, link = before[-1] if before else 0, (FlightKind.WAL.value, first.node, node)
        on_their_way = [lsn for lsn in lsns if lsn > after]
        for _, together in groupby(on_their_way, key=lambda lsn: self._appended_at(1, lsn) // _TOGETHER_MS):
            upto = max(together)
            self.flights.append((*link, self._appended_at(1, upto), first.end, True, after, upto))
            after = upto

    def _appended(self) -> tuple[Floats, Ints, Codes]:
        times = [at for reign in self.reigns for at in self.appends[reign.term][0]]
        lsns = [lsn for reign in self.reigns for lsn in self.appends[reign.term][1]]
        nodes = [reign.node for reign in self.reigns for _ in self.appends[reign.term][0]]
        order = np.argsort(np.array(times), kind="stable")
        return (
            np.array(times, dtype=np.float64)[order],
            np.array(lsns, dtype=np.int64)[order],
            np.array(nodes, dtype=np.int8)[order],
        )

    # -- operations -----------------------------------------------------------------------------------------------

    def _ops(self) -> Ops:
        """Return the writes; what was answered after the end has no answer."""
        writes = self.notes.writes
        returned = np.array([write.returned for write in writes], dtype=np.float64)
        late = ~(returned < self.scenario.duration_ms)
        outcome = np.array([write.outcome for write in writes], dtype=np.int8)
        return write_ops(
            self.scenario,
            client=np.array([write.client for write in writes], dtype=np.int64),
            invoked=np.array([write.invoked for write in writes], dtype=np.float64),
            returned=np.where(late, np.nan, returned),
            outcome=np.where(late, Outcome.UNKNOWN, outcome).astype(np.int8),
            lsn=np.array([write.lsn for write in writes], dtype=np.int64),
            node=np.array([self.names.index(write.node or LEADER) for write in writes], dtype=np.int8),
        )
