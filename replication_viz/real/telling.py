"""From what was noted of a real run to a trace: the same five tables that a simulated run leaves."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..engine.marks import mark_blocked, mark_faults
from ..engine.network import distance_ms
from ..engine.record import Record
from ..scenario import Scenario
from ..trace import Codes, FlightKind, Floats, Ints, MarkKind, OpKind, Ops, Outcome, Position, Role, Trace
from .load import Attempt
from .numbering import Commits, Numbering
from .positions import Sample
from .wires import DATA, STATUS, Messages

Steps = list[tuple[float, int]]

_SAYINGS = (  # whose slot it is stands in the line; else it is about who says it
    (MarkKind.STRANDED, re.compile(r"forked off current database system timeline"), "{} is ahead of the fork"),
    (
        MarkKind.FALLEN,
        re.compile(r"ERROR: +((requested WAL segment) \w+ (has already been removed)|can no longer .* slot)"),
        "{} needs log that its leader has removed",
    ),
    (MarkKind.SLOT, re.compile(r'invalidating obsolete replication slot "(?P<slot>\w+)"'), "the slot of {} is lost"),
)


@dataclass(frozen=True)
class Turn:
    """What a node is from a moment (ms) on."""

    node: str
    at: float
    up: bool | None = None
    leads: bool = False
    fenced: bool = False
    suspects: str = ""
    cancelled: str = ""
    rebuilt: bool = False


@dataclass
class Notes:
    """All that was noted of a run; times of samples and messages are seconds of the monotonic clock.

    Attributes
    ----------
    zero : float
        The run's moment 0 on that clock, s.
    wall : float
        What the wall clock is ahead of it, s.
    start : int
        LSN in bytes at which the run began.
    segment_bytes : int
        Size of a file of the log, bytes.
    said : mapping of str to sequence of str
        Each node's log, line by line.
    timelines : list of (int, str, int, Commits)
        Each timeline: its number, its leader, the LSN in bytes at which it left the one before, its commits.
    """

    zero: float
    wall: float
    start: int
    segment_bytes: int = 2**20
    attempts: Sequence[Attempt] = ()
    samples: Sequence[Sample] = ()
    messages: Messages | None = None
    said: Mapping[str, Sequence[str]] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)
    timelines: list[tuple[int, str, int, Commits]] = field(default_factory=list)


def tell(scenario: Scenario, notes: Notes) -> Trace:
    """Return the trace of a real run."""
    return _Teller(scenario, notes).trace()


class _Teller:
    def __init__(self, scenario: Scenario, notes: Notes) -> None:
        self.scenario, self.notes = scenario, notes
        for attempt in notes.attempts:
            if attempt.returned > scenario.duration_ms:  # an answer after the last moment is none
                attempt.returned, attempt.outcome = float("nan"), Outcome.UNKNOWN
        self.names = scenario.node_names
        self.record = Record(self.names)
        self.numbers = Numbering()
        parent = 0
        for timeline, _, fork, commits in notes.timelines:
            self.numbers.add(timeline, commits, parent, fork)
            parent = timeline
        self.first = notes.timelines[0][0]
        self.reigns = self._reigns()

    def _reigns(self) -> dict[str, list[tuple[float, int]]]:
        """Return for each node on which timeline its log is, from which moment (ms) on."""
        found: dict[str, list[tuple[float, int]]] = {name: [(0.0, self.first)] for name in self.names}
        known = set(self.numbers.timelines)
        heard = [(float(self.ms(sample.at)), sample.node, sample.timeline) for sample in self.notes.samples]
        leads = [turn.at for turn in self.notes.turns if turn.leads]
        heard += [(at, line[1], line[0]) for at, line in zip(leads, self.notes.timelines[1:], strict=True)]
        for at, node, timeline in sorted(heard, key=lambda one: one[0]):
            last = found[node]
            if timeline in known and timeline > last[-1][1]:
                last.append((at, int(timeline)))
        return found

    def ms(self, at: Any) -> Any:
        return (at - self.notes.zero) * 1000

    def timeline_of(self, node: str, at_ms: float) -> int:
        return next(line for since, line in reversed(self.reigns[node]) if since <= max(at_ms, 0.0))

    def trace(self) -> Trace:
        mark_faults(self.record, self.scenario)
        self._tell_states()
        self._tell_logs()
        ops = self._ops()
        self._tell_flights()
        for number, name in enumerate(self.names):
            self._tell_positions(number, name)
        self._tell_committed(ops)
        mark_blocked(self.record, self.scenario, ops)
        appended = self._appended()
        return self.record.trace(self.scenario, ops, *appended)

    # -- states ---------------------------------------------------------------------------------------------------

    def _tell_states(self) -> None:
        events: list[tuple[float, int, dict[str, object]]] = []
        for turn in self.notes.turns:
            node = self.names.index(turn.node)
            if turn.up is not None:
                events.append((turn.at, node, {"up": turn.up}))
            if turn.leads:
                timeline = self.reigns[turn.node][-1][1]
                events.append((turn.at, node, {"role": Role.LEADER, "term": timeline}))
                text = f"{turn.node} is the leader of timeline {timeline}"
                self.record.mark(MarkKind.PROMOTED, turn.at, text, node=node)
            if turn.fenced:
                self.record.mark(MarkKind.FENCED, turn.at, f"{turn.node} is switched off", node=node)
            if turn.suspects:
                text = f"the controller at {turn.node} gives up {turn.suspects}: no sign of life"
                self.record.mark(MarkKind.SUSPECTED, turn.at, text, node=node)
            if turn.rebuilt:
                text = f"{turn.node} is a copy of the leader again"
                self.record.mark(MarkKind.REBUILT, turn.at, text, node=node)
            if turn.cancelled:
                text = f"{turn.node}: the query is cancelled (SQLSTATE {turn.cancelled})"
                self.record.mark(MarkKind.CANCELLED, turn.at, text, node=node)
        leaders = {turn.node for turn in self.notes.turns if turn.leads}
        for node, name in enumerate(self.names):
            if name not in leaders:
                events += [(since, node, {"term": line}) for since, line in self.reigns[name][1:]]
        for at, node, changes in sorted(events, key=lambda event: event[0]):
            self.record.turn(node, at, **changes)

    def _tell_logs(self) -> None:
        """Mark what a server says of itself that nobody did to it: once for each node."""
        told: set[tuple[MarkKind, str]] = set()
        for name in self.names:
            for line in self.notes.said.get(name, ()):
                for kind, sign, text in _SAYINGS:
                    found = sign.search(line)
                    if not found or not 0 <= (at := self._moment_of(line)) <= self.scenario.duration_ms:
                        continue
                    who = found.groupdict().get("slot", name)
                    if (kind, who) not in told and who in self.names:
                        told.add((kind, who))
                        self.record.mark(kind, at, text.format(who), node=self.names.index(who))

    def _moment_of(self, line: str) -> float:
        """Return when a line was written to a server's log, ms from the start of the run; a line without a time: -1."""
        try:
            written = datetime.datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=datetime.UTC)
        except ValueError:
            return -1.0
        return float(self.ms(written.timestamp() - self.notes.wall))

    # -- operations -----------------------------------------------------------------------------------------------

    def _ops(self) -> Ops:
        """Return the operations. A read saw the write whose value it got."""
        attempts = sorted(self.notes.attempts, key=lambda attempt: attempt.invoked)
        place = {attempt.value: self._lsn(attempt) for attempt in attempts if attempt.kind == OpKind.WRITE}
        lsns, values = [], []
        for attempt in attempts:
            last = attempt.value
            if attempt.kind == OpKind.READ:
                last = max(attempt.seen, key=lambda value: place.get(value, -1), default=-1)
            values.append(last)
            none = 0 if attempt.kind == OpKind.READ and attempt.outcome == Outcome.OK else -1
            lsns.append(max(place.get(last, -1), none))
        nodes = [self.names.index(attempt.node) if attempt.node else 0 for attempt in attempts]
        return Ops(
            client=np.array([attempt.client for attempt in attempts], dtype=np.int64),
            kind=np.array([attempt.kind for attempt in attempts], dtype=np.int8),
            key=np.array([attempt.key for attempt in attempts], dtype=np.int64),
            value=np.array(values, dtype=np.int64),
            invoked=np.array([attempt.invoked for attempt in attempts], dtype=np.float64),
            returned=np.array([attempt.returned for attempt in attempts], dtype=np.float64),
            outcome=np.array([attempt.outcome for attempt in attempts], dtype=np.int8),
            node=np.array(nodes, dtype=np.int8),
            lsn=np.array(lsns, dtype=np.int64),
        )

    def _lsn(self, attempt: Attempt) -> int:
        """Return the position of a write in its leader's log; -1 if it got none, or nobody was told of it."""
        if attempt.xid < 0 or not attempt.node:
            return -1
        return self.numbers.of_transaction(self.timeline_of(attempt.node, attempt.invoked), attempt.xid)

    # -- messages and positions -----------------------------------------------------------------------------------

    def _tell_flights(self) -> None:
        """Note the messages that carry writes, or say how far a standby is."""
        said: dict[tuple[int, int], list[int]] = {}
        for kind, sender, receiver, read, written, lost, lsns in self._messages():
            if not 0 <= read <= self.scenario.duration_ms:
                continue
            if lost:  # it would have come through after the link's delay
                written = read + distance_ms(self.scenario, sender, receiver)
            source, target = self.names.index(sender), self.names.index(receiver)
            leader = sender if kind == DATA else receiver
            places = self.numbers.number(self.timeline_of(leader, read), lsns).tolist()
            if kind == DATA:
                after, upto, _ = places
                if upto > after:
                    self.record.flight((FlightKind.WAL, source, target, read, written, lost, after, upto))
                continue
            heard = said.setdefault((source, target), [0, 0, 0])
            for place, report in enumerate((FlightKind.WROTE, FlightKind.FLUSHED, FlightKind.REPLAYED)):
                upto = places[place]
                if upto > heard[place]:
                    heard[place] = upto
                    self.record.flight((report, source, target, read, written, lost, upto, upto))

    def _messages(self) -> Iterator[tuple[str, str, str, float, float, bool, list[int]]]:
        """Yield each message: kind, sender, receiver, when read and written (ms), whether lost, its LSNs in bytes."""
        told = self.notes.messages
        if told is None:
            return
        read, written = self.ms(told.read_at), self.ms(told.written_at)
        columns = (told.kind, told.source, told.target, read, written, told.lost, told.lsns)
        for kind, source, target, *rest in zip(*(column.tolist() for column in columns), strict=True):
            yield (kind, source, target, *rest) if kind == DATA else (kind, target, source, *rest)

    def _tell_positions(self, number: int, name: str) -> None:
        """Note how far a node's log is: as it says when asked, and as its messages show."""
        found: dict[Position, Steps] = {which: [] for which in (Position.RECEIVED, Position.FLUSHED, Position.REPLAYED)}
        for sample in self.notes.samples:
            if sample.node != name:
                continue
            at = self.ms(sample.at)
            places = (sample.written, sample.flushed, sample.replayed) if sample.replica else (None, sample.own, None)
            for steps, lsn in zip(found.values(), places, strict=True):
                if lsn is not None:
                    steps.append((at, lsn))
        for kind, sender, receiver, read, written, lost, lsns in self._messages():
            if kind == DATA and sender == name:
                found[Position.FLUSHED].append((read, lsns[1]))
            elif kind == DATA and receiver == name and not lost:
                found[Position.RECEIVED].append((written, lsns[1]))
            elif kind == STATUS and sender == name:
                for steps, lsn in zip(found.values(), lsns, strict=True):
                    steps.append((read, lsn))
        found[Position.FLUSHED] += self._answered(name)
        for turn in self.notes.turns:
            if turn.node == name and turn.leads:  # by then it has replayed all that it had
                fork = next(fork for _, leader, fork, _ in self.notes.timelines if leader == name)
                for steps in found.values():
                    steps.append((turn.at, fork))
        for which, steps in (*found.items(), (Position.OLDEST, self._oldest(name))):
            for at, lsn in self._rising(name, steps):
                self.record.level((number, which, at, lsn))

    def _oldest(self, name: str) -> Steps:
        """Return where a leader's log begins: when (ms), and at which LSN in bytes."""
        size = self.notes.segment_bytes
        return [
            (self.ms(sample.at), (int(sample.oldest[:8], 16) << 32) + int(sample.oldest[8:], 16) * size)
            for sample in self.notes.samples
            if sample.node == name and sample.oldest is not None
        ]

    def _answered(self, name: str) -> Steps:
        """Return what a leader had on disk, since it answered: when (ms), and up to which LSN in bytes."""
        steps: Steps = []
        for attempt in self.notes.attempts:
            if attempt.kind == OpKind.WRITE and attempt.outcome == Outcome.OK and attempt.node == name:
                lsn = self._lsn(attempt)
                if lsn > 0:
                    line = self.timeline_of(name, attempt.invoked)
                    steps.append((attempt.returned, self.numbers.end_of(line, lsn)))
        return steps

    def _rising(self, name: str, steps: Steps) -> Steps:
        """Return the steps in writes, in order of time; a log steps back only where it changes its timeline."""
        rising: Steps = []
        line, high = 0, 0
        for at, place in sorted(steps):
            if at > self.scenario.duration_ms:
                break
            on = self.timeline_of(name, at)
            lsn = int(self.numbers.number(on, place))
            if on != line:
                line, high = on, min(high, self.numbers.shared(on))
            if lsn > high:
                high = lsn
                rising.append((max(at, 0.0), lsn))
        return rising

    def _tell_committed(self, ops: Ops) -> None:
        """Note how far each leader has answered its clients."""
        for node in range(len(self.names)):
            own = (ops.node == node) & (ops.kind == OpKind.WRITE) & (ops.outcome == Outcome.OK) & (ops.lsn > 0)
            order = np.argsort(ops.returned[own], kind="stable")
            high = 0
            for at, lsn in zip(ops.returned[own][order].tolist(), ops.lsn[own][order].tolist(), strict=True):
                if lsn > high:
                    high = lsn
                    self.record.level((node, Position.COMMITTED, at, lsn))

    def _appended(self) -> tuple[tuple[Floats, Ints], Codes]:
        """Return when each write came into its leader's log (ms), with its number; and into whose."""
        times: list[Floats] = []
        lsns: list[Ints] = []
        nodes: list[Codes] = []
        for timeline, leader, fork, commits in self.notes.timelines:
            new = commits.after(fork)
            at = np.maximum.accumulate(self.ms(new.time - self.notes.wall))
            inside = (at >= 0) & (at <= self.scenario.duration_ms)
            times.append(at[inside])
            lsns.append(self.numbers.number(timeline, new.end)[inside])
            nodes.append(np.full(int(inside.sum()), self.names.index(leader), dtype=np.int8))
        return (np.concatenate(times), np.concatenate(lsns)), np.concatenate(nodes)
