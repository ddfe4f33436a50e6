"""The clients of a leaderless database: who asks for what, when, of which node, and what they are told.

The arrivals are those of a single leader with the same seed: writes at random, at equal intervals, or from clients that
wait for their answer; reads at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..scenario import Scenario
from ..trace import MarkKind, Outcome
from .arrivals import arrivals, write_moments
from .book import Book
from .clock import Call, Clock
from .cluster import Cluster
from .record import Record
from .streams import stream

_REFUSED_RETRY_MS = 10.0  # a refused client without think time waits this long
_SPELL_MS = 100.0  # failures no further apart are one mark, which lasts so long beyond the last one
_BLOCK = 256
_READ, _WRITE, _DELETE = 0, 1, 2


class Server(Protocol):
    """Who serves requests."""

    def write(self, row: int, node: int, version: int) -> None:
        """Serve a write."""

    def read(self, row: int, node: int, key: int) -> None:
        """Serve a read."""


class Requests:
    """All operations of a run, in order, and what their clients are told."""

    def __init__(self, clock: Clock, record: Record, scenario: Scenario, cluster: Cluster, book: Book) -> None:
        self._clock = clock
        self._record = record
        self._scenario = scenario
        self._cluster = cluster
        self._book = book
        self._is_closed = scenario.arrivals == "closed"
        self._coordinators = Uniform(scenario.seed, "coordinators")
        self._keys, self._deletes = Uniform(scenario.seed, "keys of closed clients"), Uniform(scenario.seed, "deletes")
        self._think = stream(scenario.seed, "think")
        self._server: Server | None = None
        self._spells: list[Spell] = []
        self._last_spell: dict[tuple[MarkKind, bool], Spell] = {}
        self._rereads: set[int] = set()

    def begin(self, server: Server) -> None:
        """Let the clients come."""
        self._server = server
        self._moments, self._what, self._who, self._where = self._planned()
        self._next = 0
        self._come()
        if self._is_closed:
            for client in range(self._scenario.clients):
                self._clock.call(self._pause(), self._write_again, client)

    def told(self, row: int, outcome: Outcome, failure: MarkKind | None) -> None:
        """Take what a client is told; it may react. A failure may be worth a mark."""
        now, scenario = self._clock.now, self._scenario
        if not self._book.answer(row, outcome, now):
            return
        is_write = self._book.is_write(row)
        if failure is not None:
            self._mark_failure(failure, is_write, now)
        client = self._book.client(row)
        if is_write and outcome is Outcome.OK and scenario.reread_ms >= 0:
            self._clock.call(scenario.reread_ms, self._read_again, (client, self._book.key(row)))
        elif self._is_closed and (is_write or row in self._rereads):
            self._rereads.discard(row)
            pause = self._pause()
            if outcome is not Outcome.OK:
                pause = max(pause, _REFUSED_RETRY_MS)
            self._clock.call(pause, self._write_again, client)

    # -- who comes when --------------------------------------------------------------------------------------------

    def _planned(self) -> tuple[list[float], list[int], list[int], list[int]]:
        """Return the requests that come whatever happens: moment (ms), what, client, key; in order of time."""
        scenario, seed = self._scenario, self._scenario.seed
        writes = np.empty(0) if self._is_closed else write_moments(scenario)
        reads = arrivals(scenario, "reads", [(0.0, scenario.reads_per_s)], poisson=True)
        deletes = stream(seed, "planned deletes").random(len(writes)) < scenario.delete_share
        what = np.concatenate([np.where(deletes, _DELETE, _WRITE), np.full(len(reads), _READ)])
        drawn = {
            name: stream(seed, name).integers(most, size=size)
            for name, most, size in (
                ("clients", scenario.clients, len(writes)),
                ("readers", scenario.clients, len(reads)),
                ("keys", scenario.keys, len(writes)),
                ("read keys", scenario.keys, len(reads)),
            )
        }
        moments = np.concatenate([writes, reads])
        order = np.argsort(moments, kind="stable")
        who = np.concatenate([drawn["clients"], drawn["readers"]])
        where = np.concatenate([drawn["keys"], drawn["read keys"]])
        return moments[order].tolist(), what[order].tolist(), who[order].tolist(), where[order].tolist()

    def _come(self, event: Call | None = None) -> None:
        if event is not None:
            row = self._next
            self._next += 1
            if self._what[row] == _READ:
                self._read(self._who[row], self._where[row])
            else:
                self._write(self._who[row], self._where[row], self._what[row] == _DELETE)
        if self._next < len(self._moments):
            self._clock.call_at(self._moments[self._next], self._come)

    def _write_again(self, event: Call) -> None:
        key = int(self._keys.draw() * self._scenario.keys)
        self._write(event.value, key, self._deletes.draw() < self._scenario.delete_share)

    def _read_again(self, event: Call) -> None:
        client, key = event.value
        self._read(client, key, is_reread=True)

    def _pause(self) -> float:
        return float(self._think.exponential(self._scenario.think_ms)) if self._scenario.think_ms else 0.0

    # -- whom they ask ---------------------------------------------------------------------------------------------

    def _write(self, client: int, key: int, is_delete: bool) -> None:
        row, version = self._book.write(client, key, is_delete, self._clock.now)
        node = self._coordinator(client)
        if self._accepts(row, node) and self._server is not None:
            self._server.write(row, node, version)

    def _read(self, client: int, key: int, *, is_reread: bool = False) -> None:
        row = self._book.read(client, key, self._clock.now)
        if is_reread:
            self._rereads.add(row)
        node = self._coordinator(client)
        if self._accepts(row, node) and self._server is not None:
            self._server.read(row, node, key)

    def _accepts(self, row: int, node: int) -> bool:
        """Return whether a node takes a request at all; who finds nobody is refused at once."""
        if self._cluster.members[node].up:
            return True
        self._book.serve(row, node)
        self.told(row, Outcome.FAILED, MarkKind.UNAVAILABLE)
        return False

    def _coordinator(self, client: int) -> int:
        """Return whom a client asks: somebody who is up, if the rule allows a choice."""
        rule, members, drawn = self._scenario.coordinator, self._cluster.members, self._coordinators.draw()
        if rule not in ("random", "nearest"):
            return self._scenario.node_names.index(rule)
        up = [member.number for member in members if member.up]
        if not up:
            return int(drawn * len(members))
        if rule == "random":
            return up[int(drawn * len(up))]
        beside = client % len(members)
        distance = self._cluster.mesh.distance_ms
        return min(up, key=lambda node: (distance(beside, node), (node - beside) % len(members)))

    # -- the story -------------------------------------------------------------------------------------------------

    def _mark_failure(self, kind: MarkKind, is_write: bool, now: float) -> None:
        spell = self._last_spell.get((kind, is_write))
        if spell is not None and now <= spell.end + _SPELL_MS:
            spell.end = now
        else:
            self._last_spell[kind, is_write] = spell = Spell(kind, is_write, now, now)
            self._spells.append(spell)

    def finish(self) -> None:
        """Mark the spells of failures."""
        for spell in self._spells:
            self._record.mark(spell.kind, spell.begin, spell.text(), until=spell.end + _SPELL_MS)


@dataclass
class Spell:
    """Failures of one kind that follow each other closely."""

    kind: MarkKind
    is_write: bool
    begin: float
    end: float

    def text(self) -> str:
        """Return what happens, as a caption."""
        if self.kind is MarkKind.UNAVAILABLE:
            return f"{'writes' if self.is_write else 'reads'} are refused: too few nodes are in reach"
        return "writes time out: whether they are there nobody can tell" if self.is_write else "reads time out"


class Uniform:
    """Numbers from 0 to 1, drawn in blocks."""

    def __init__(self, seed: int, name: str) -> None:
        self._chance = stream(seed, name)
        self._left: list[float] = []

    def draw(self) -> float:
        """Return the next one."""
        if not self._left:
            self._left = self._chance.random(_BLOCK).tolist()[::-1]
        return self._left.pop()
