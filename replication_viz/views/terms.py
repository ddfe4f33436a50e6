"""Who leads when: what the stage tells of a run in which another node takes over, and of logs that fork."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from .. import measures
from ..timelines import Fork, Timelines
from ..trace import Flags, Floats, Ints, MarkKind, Outcome, Position, Role, Trace

SILENCE_MS = 100.0  # after so long without an answer to anybody writes have stopped
_BACK = (MarkKind.REWOUND, MarkKind.REBUILT, MarkKind.FOLLOWED, MarkKind.PROMOTED)

Spell = tuple[float, float]


@dataclass(frozen=True)
class Standing:
    """A node at a moment: its role, how far its log goes, and up to where that is the log of the newest timeline."""

    leads: bool
    up: bool
    fenced: bool
    term: int
    head: int
    flushed: int
    replayed: int
    shared: float
    word: str

    @property
    def doomed(self) -> int:
        """How many writes it has that the newest timeline does not."""
        return int(max((self.flushed if self.leads else self.head) - self.shared, 0))


@dataclass(frozen=True, eq=False)
class Tracks:
    """What a node is at each of some moments: as `Standing`, each ndarray, shape (n_moments,)."""

    leads: Flags
    up: Flags
    fenced: Flags
    term: Ints
    head: Ints
    flushed: Ints
    replayed: Ints
    shared: Floats

    @property
    def doomed(self) -> Floats:
        """How many writes it has that the newest timeline does not."""
        beyond: Floats = np.where(self.leads, self.flushed, self.head) - self.shared
        return np.maximum(beyond, 0)


@dataclass(frozen=True)
class Reign:
    """A spell (ms) in which a node leads: ``leads``, ``old`` once a newer leader is there, ``fenced`` or ``asleep``."""

    node: int
    begin: float
    end: float
    kind: Literal["leads", "old", "fenced", "asleep"]


@dataclass(frozen=True)
class Sides:
    """Acknowledged writes: on the newest timeline since it forked off, and those that it does not have.

    ``doomed`` are still on ``holders``, ``gone`` are nowhere.
    """

    new: int
    doomed: int
    gone: int
    holders: tuple[str, ...]


class Terms:
    """A run's leaders and timelines, as the picture needs them."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.timelines = Timelines(trace)

    @cached_property
    def forks(self) -> tuple[Fork, ...]:
        """Each timeline, the first one included, in order of time."""
        return tuple(self.timelines.forks.values())

    @property
    def changes(self) -> bool:
        """Whether another node takes over in the course of the run."""
        return len(self.forks) > 1

    def newest(self, at_ms: float) -> Fork:
        """Return the newest timeline at a moment, ms."""
        return [fork for fork in self.forks if fork.at_ms <= at_ms][-1]

    def end_of(self, fork: Fork) -> float:
        """Return until when the leader of a timeline led it, ms."""
        states = self.trace.states
        led = (states.node == self.trace.number(fork.node)) & (states.term == fork.term) & (states.role == Role.LEADER)
        return float(states.end[led].max())

    # -- a moment -------------------------------------------------------------------------------------------------

    def tracks(self, number: int, moments: Floats) -> Tracks:
        """Return what a node is at each of some moments, ms."""
        trace, states, name = self.trace, self.trace.states, self.trace.nodes[number]
        rows = np.flatnonzero(states.node == number)
        row = rows[np.maximum(np.searchsorted(states.begin[rows], moments, side="right") - 1, 0)]
        leads, term = states.role[row] == Role.LEADER, states.term[row]
        flushed = trace.at(name, Position.FLUSHED, moments)
        received = np.maximum(trace.at(name, Position.RECEIVED, moments), flushed)
        newest = np.searchsorted([fork.at_ms for fork in self.forks], moments, side="right") - 1
        shared = np.full(len(moments), np.inf)
        for own, other in {(t, n) for t, n in zip(term.tolist(), newest.tolist(), strict=True)}:
            shared[(term == own) & (newest == other)] = self.timelines.common(own, self.forks[other].term)
        return Tracks(
            leads=leads,
            up=states.up[row],
            fenced=states.fenced[row],
            term=term,
            head=np.where(leads, trace.at(name, Position.APPENDED, moments), received),
            flushed=flushed,
            replayed=np.where(
                leads, trace.at(name, Position.COMMITTED, moments), trace.at(name, Position.REPLAYED, moments)
            ),
            shared=shared,
        )

    def standing(self, number: int, at_ms: float) -> Standing:
        """Return what a node is at a moment, ms."""
        track = self.tracks(number, np.array([at_ms]))
        told = {name: column[0].item() for name, column in vars(track).items()}
        word = next((word for node, begin, end, word in self.words if node == number and begin <= at_ms < end), "")
        return Standing(**told, word=word)

    def standings(self, at_ms: float) -> list[Standing]:
        """Return what each node is at a moment, ms."""
        return [self.standing(number, at_ms) for number in range(len(self.trace.nodes))]

    def sides(self, at_ms: float) -> Sides:
        """Return what was acknowledged on both sides of the forks up to a moment, ms."""
        newest, nodes = self.newest(at_ms), self.standings(at_ms)
        doomed = gone = 0
        holders: set[int] = set()
        for fork in self.forks:
            if fork.term >= newest.term:
                continue
            upto = self._acknowledged(fork, at_ms)
            shared = int(max(self.timelines.common(fork.term, newest.term), fork.lsn))
            lost = self._answers(fork, shared, upto)
            having = [
                number
                for number, node in enumerate(nodes)
                if lost and min(node.head, self.timelines.common(node.term, fork.term)) >= upto
            ]
            doomed, gone = (doomed + lost, gone) if having else (doomed, gone + lost)
            holders.update(having)
        names = tuple(self.trace.nodes[number] for number in sorted(holders))
        new = self._answers(newest, newest.lsn, self._acknowledged(newest, at_ms))
        return Sides(new, doomed, gone, names)

    def _answers(self, fork: Fork, after: int, upto: int) -> int:
        """Return how many writes of a timeline between two positions somebody has an answer to."""
        unheard = self._unheard[fork.term]
        return max(upto - after, 0) - int(((unheard > after) & (unheard <= upto)).sum())

    @cached_property
    def _unheard(self) -> dict[int, Ints]:
        """The positions that a timeline's leader committed when nobody waited for the answer any more."""
        ops = measures.writes(self.trace)
        heard, term = ops.outcome == Outcome.OK, self.timelines.term_of(ops)
        return {
            fork.term: np.setdiff1d(
                np.arange(fork.lsn, self._acknowledged(fork, np.inf)) + 1, ops.lsn[heard & (term == fork.term)]
            )
            for fork in self.forks
        }

    def _acknowledged(self, fork: Fork, at_ms: float) -> int:
        """Return up to which position a timeline's leader has acknowledged by a moment, ms."""
        return max(int(self.trace.at(fork.node, Position.COMMITTED, min(at_ms, self.end_of(fork)))), fork.lsn)

    # -- spells ---------------------------------------------------------------------------------------------------

    @cached_property
    def words(self) -> list[tuple[int, float, float, str]]:
        """What a node is on its way to be: node, begin and end (ms), words."""
        return [*self._promotions(), *self._ways_back(), *self._switched_off(), *self._suspicions()]

    def _promotions(self) -> Iterator[tuple[int, float, float, str]]:
        for fork in self.forks[1:]:
            begin = max(fork.at_ms - self.trace.scenario.promote_ms, 0.0)
            yield self.trace.number(fork.node), begin, fork.at_ms, "being promoted"

    def _ways_back(self) -> Iterator[tuple[int, float, float, str]]:
        marks, states, duration = self.trace.marks, self.trace.states, self.trace.duration_ms
        doing = "being set up anew" if self.trace.scenario.rejoin == "rebuild" else "rewinding"
        for row in np.flatnonzero(marks.kind == MarkKind.STRANDED):
            node, begin = int(marks.node[row]), float(marks.time[row])
            ends = (marks.node == node) & np.isin(marks.kind, _BACK) & (marks.time > begin)
            end = float(marks.time[ends].min(initial=duration + 1))
            down = np.flatnonzero((states.node == node) & ~states.up & (states.begin >= begin) & (states.begin < end))
            for stop in down.tolist():
                yield node, float(states.begin[stop]), float(states.end[stop]), doing
            yield node, begin, end, "stranded"

    def _switched_off(self) -> Iterator[tuple[int, float, float, str]]:
        """A leader whose power somebody has cut."""
        marks, states = self.trace.marks, self.trace.states
        for mark in np.flatnonzero(marks.kind == MarkKind.FENCED).tolist():
            here = (states.node == marks.node[mark]) & ~states.up & (states.begin == marks.time[mark])
            for row in np.flatnonzero(here & (states.role == Role.LEADER)).tolist():
                yield int(states.node[row]), float(states.begin[row]), float(states.end[row]), "switched off"

    def _suspicions(self) -> Iterator[tuple[int, float, float, str]]:
        """A controller has given up the leader, until the next one is there."""
        marks, states = self.trace.marks, self.trace.states
        for row in np.flatnonzero(marks.kind == MarkKind.SUSPECTED).tolist():
            node, begin = int(marks.node[row]), float(marks.time[row])
            suspect = self.newest(begin).node
            ends = [fork.at_ms for fork in self.forks if fork.at_ms > begin]
            stops = states.begin[(states.node == node) & ~states.up & (states.begin > begin)]
            if ends and suspect != self.trace.nodes[node]:
                yield node, begin, min([ends[0], *stops.tolist()]), f"gives up {suspect}"

    @cached_property
    def two(self) -> list[Spell]:
        """When two nodes or more took writes at the same time, ms."""
        serving = [reign for reign in self.reigns() if reign.kind in ("leads", "old")]
        moments = sorted({moment for reign in serving for moment in (reign.begin, reign.end)})
        doubled = [
            (begin, end)
            for begin, end in pairwise(moments)
            if len({reign.node for reign in serving if reign.begin <= begin and end <= reign.end}) > 1
        ]
        return _joined(doubled)

    def reigns(self) -> Iterator[Reign]:
        """Yield each spell of leadership of a node that is up, cut where its meaning changes."""
        states, marks = self.trace.states, self.trace.marks
        for row in np.flatnonzero((states.role == Role.LEADER) & states.up).tolist():
            node, begin, end = int(states.node[row]), float(states.begin[row]), float(states.end[row])
            next_at = min((fork.at_ms for fork in self.forks if fork.term > states.term[row]), default=np.inf)
            asleep = np.flatnonzero((marks.kind == MarkKind.FROZEN) & (marks.node == node))
            pauses = [(float(marks.time[pause]), float(marks.until[pause])) for pause in asleep.tolist()]
            turns = [at for pause in pauses for at in pause]
            stands = states.fenced[row] or any(low <= next_at < high for low, high in pauses)
            turns += [] if stands else [next_at]
            cuts = {begin, end, *(at for at in turns if begin < at < end)}
            for since, until in pairwise(sorted(cuts)):
                if states.fenced[row]:
                    yield Reign(node, since, until, "fenced")
                elif any(low <= since < high for low, high in pauses):
                    yield Reign(node, since, until, "asleep")
                else:
                    yield Reign(node, since, until, "old" if since >= next_at else "leads")

    @cached_property
    def silent(self) -> list[Spell]:
        """When nobody's write was acknowledged for `SILENCE_MS` and more, from the last answer on, ms."""
        ops = measures.writes(self.trace)
        if not len(ops):
            return []
        answers = np.sort(ops.returned[ops.outcome == Outcome.OK])
        begins = np.concatenate([[float(ops.invoked.min())], answers])
        ends = np.concatenate([answers, [self.trace.duration_ms]])
        long = ends - begins > SILENCE_MS
        return _joined(list(zip(begins[long].tolist(), ends[long].tolist(), strict=True)))

    # -- the timeline's curves ------------------------------------------------------------------------------------

    def lag(self, number: int, moments: Floats) -> Floats:
        """Return how old the oldest write of the newest leader is that a node does not show, ms; 0 if it leads."""
        leads = self.tracks(number, moments).leads  # who takes writes waits for nobody's
        return np.where(leads, 0.0, measures.lag(self.trace, self.trace.nodes[number], "replay", moments))

    # -- the message ----------------------------------------------------------------------------------------------

    def header(self) -> dict[str, Any]:
        """Return what the message carries of it; nothing where nobody takes over."""
        if not self.changes:
            return {}
        told = [[f.term, f.parent, f.lsn, self.trace.number(f.node), f.at_ms, self.end_of(f)] for f in self.forks]
        unheard = {str(term): lsns.tolist() for term, lsns in self._unheard.items() if len(lsns)}
        return {
            "forks": told,
            **({"unheard": unheard} if unheard else {}),
            "words": self.words,
            "two": self.two,
            "silent": self.silent,
        }

    def sentences(self) -> Iterator[tuple[float, str, MarkKind, list[int]]]:
        """Yield what only both logs together show: when, in words, what kind of thing it is, whom it is about."""
        for begin, end in self.two:
            leaders = [number for number in range(len(self.trace.nodes)) if self.standing(number, begin).leads]
            said = [f"{self.trace.nodes[number]} on timeline {self.standing(number, begin).term}" for number in leaders]
            yield begin, f"Two leaders take writes: {' and '.join(said)}.", MarkKind.PROMOTED, leaders
            if end < self.trace.duration_ms:
                yield end, f"One leader again, after {(end - begin) / 1000:.3g} s with two.", MarkKind.DEMOTED, leaders


def total(spells: Iterable[Spell], at_ms: float) -> float:
    """Return how long spells lasted altogether up to a moment, ms."""
    return float(sum(max(min(end, at_ms) - begin, 0.0) for begin, end in spells))


def _joined(spells: list[Spell]) -> list[Spell]:
    """Return spells in order, those that touch as one."""
    found: list[Spell] = []
    for begin, end in spells:
        if found and found[-1][1] >= begin:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found
