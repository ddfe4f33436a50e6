"""The coordinator: whichever node serves a request sends it to the copies and waits for a quorum of them.

Source: DeCandia et al., "Dynamo", SOSP 2007, sections 4.5 to 4.7; Apache Cassandra, "Dynamo" and "Guarantees".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..scenario import ANYWHERE, Scenario
from ..scenario.leaderless import quorum
from ..trace import FlightKind, MarkKind, Outcome
from .book import Book
from .clock import Call, Clock
from .cluster import Cluster
from .hints import Hints
from .streams import stream

_STORE, _STORED = FlightKind.STORE.value, FlightKind.STORED.value
_ASK, _ANSWER, _REPAIR = FlightKind.ASK.value, FlightKind.ANSWER.value, FlightKind.REPAIR.value

Told = Callable[[int, Outcome, MarkKind | None], None]


class Copy(NamedTuple):
    """A node that is asked, for itself or for another one.

    Attributes
    ----------
    node : int
        Who is asked.
    home : int
        Whose copy that is: ``node`` itself, or the one that it stands in for.
    place : int
        The number of that home among the key's homes.
    """

    node: int
    home: int
    place: int


class Request:
    """One operation under way at its coordinator.

    Attributes
    ----------
    missing : dict of str to int
        How many answers it still waits for, by place; see `levels.required`.
    heard : dict of int to int
        Who has answered, with which version.
    is_met : bool
        Whether the quorum has answered.
    repairing : set of int
        The nodes whose repair a blocking read waits for.
    """

    __slots__ = ("copies", "heard", "home", "is_met", "key", "life", "missing", "repairing", "row", "times", "version")

    def __init__(self, row: int, home: int, life: int, key: int, version: int, missing: dict[str, int]) -> None:
        self.row = row
        self.home = home
        self.life = life
        self.key = key
        self.version = version
        self.missing = missing
        self.copies: list[Copy] = []
        self.heard: dict[int, int] = {}
        self.is_met = False
        self.repairing: set[int] = set()
        self.times: tuple[list[float], list[float]] | None = None

    def back_ms(self, place: int) -> float:
        """Return how long the answer of a copy takes, ms; -1 where nobody has drawn it."""
        return -1.0 if self.times is None else self.times[1][place]


class Coordinator:
    """What every node does with a request that it serves.

    Parameters
    ----------
    told : callable
        Called when a client is told, with the operation's number, the outcome, and what there is to mark.
    """

    def __init__(
        self, clock: Clock, scenario: Scenario, cluster: Cluster, hints: Hints, book: Book, told: Told
    ) -> None:
        self._clock = clock
        self._scenario = scenario
        self._cluster = cluster
        self._hints = hints
        self._book = book
        self._told = told
        self._needs: dict[tuple[bool, str], dict[str, int]] = {}
        self.write_quorum, self.read_quorum = scenario.write_quorum, scenario.read_quorum
        self._chance = stream(scenario.seed, "asked")
        self._some = scenario.fan_out == "quorum"
        self._repair = scenario.read_repair
        self._open: list[set[Request]] = [set() for _ in cluster.members]

    def set_quorum(self, what: str, size: int) -> None:
        """Let operations that begin from now on wait for so many."""
        setattr(self, what, size)
        self._needs = {}

    def crash(self, node: int) -> None:
        """A coordinator stops: its clients lose their connections, and what was under way nobody follows up."""
        for request in sorted(self._open[node], key=lambda request: request.row):
            self._told(request.row, self._failure(request), None)
        self._open[node] = set()

    # -- writes ----------------------------------------------------------------------------------------------------

    def write(self, row: int, node: int, version: int) -> None:
        """Send a write to the copies of its key; refuse it if too few of them are in reach."""
        request = self._begin(row, node, self._book.key_of[version], version, is_write=True)
        if request is None:
            return
        self._book.serve(row, node, version)
        for copy in request.copies:
            self._send(_STORE, request, copy, self._store)
        reached = {copy.home for copy in request.copies}
        for home in self._cluster.ring.homes(request.key):
            if home not in reached and not self._cluster.reaches(node, home):
                self._hints.note(node, home, version)

    def _store(self, payload: tuple[Request, Copy]) -> None:
        request, copy = payload
        member = self._cluster.members[copy.node]
        version = request.version

        def stored() -> None:
            if copy.node == copy.home:
                member.keep(version)
            else:
                self._hints.stand_in(copy.node, copy.home, version)
            self._reply(_STORED, request, copy, version, self._stored)

        member.write(stored)

    def _stored(self, payload: tuple[Request, Copy, int]) -> None:
        request, copy, version = payload
        if self._is_alive(request) and self._hear(request, copy, version):
            self._told(request.row, Outcome.OK, None)

    # -- reads -----------------------------------------------------------------------------------------------------

    def read(self, row: int, node: int, key: int) -> None:
        """Ask the copies of a key; refuse if too few of them are in reach."""
        request = self._begin(row, node, key, 0, is_write=False)
        if request is None:
            return
        self._book.serve(row, node)
        for copy in request.copies:
            self._send(_ASK, request, copy, self._ask)

    def _ask(self, payload: tuple[Request, Copy]) -> None:
        request, copy = payload
        version = self._cluster.members[copy.node].answer(request.key)
        if self._scenario.sloppy:
            version = max(version, self._hints.shelves[copy.node].answer(request.key))
        self._reply(_ANSWER, request, copy, version, self._answered)

    def _answered(self, payload: tuple[Request, Copy, int]) -> None:
        request, copy, version = payload
        if not self._is_alive(request):
            return
        was_met = request.is_met
        if self._hear(request, copy, version):
            request.version = max(request.heard.values())
            if self._repair == "blocking":
                request.repairing = set(self._mend(request))
            if not request.repairing:
                self._show(request)
            if self._repair == "background":
                self._mend(request)
        elif was_met:
            request.version = max(request.version, version)
            if self._repair != "off":
                self._mend(request)

    def _show(self, request: Request) -> None:
        if self._book.is_told(request.row):
            return
        shown = request.version
        if not shown:  # nobody who answered holds anything: perhaps they all know that it was deleted
            shown = max(self._cluster.members[node].remembers(request.key) for node in request.heard)
        self._book.show(request.row, shown)
        self._told(request.row, Outcome.OK, None)

    def _mend(self, request: Request) -> list[int]:
        """Send the version that a read found to the copies that answered with an older one; return these."""
        version = request.version
        if self._book.forgotten_at(version) <= self._clock.now:
            return []
        own = [copy for copy in request.copies if copy.node == copy.home]
        old = [copy.node for copy in own if request.heard.get(copy.node, version) < version]
        for node in old:
            request.heard[node] = version
            self._cluster.post(
                _REPAIR, request.home, node, request.row, version, self._mended, (request, node, version)
            )
        return old

    def _mended(self, payload: tuple[Request, int, int]) -> None:
        request, node, version = payload
        done = None
        if node in request.repairing:

            def done() -> None:
                self._cluster.post(_STORED, node, request.home, request.row, version, self._repaired, (request, node))

        self._cluster.members[node].take(version, done)

    def _repaired(self, payload: tuple[Request, int]) -> None:
        request, node = payload
        request.repairing.discard(node)
        if not request.repairing and self._is_alive(request):
            self._show(request)

    # -- both ------------------------------------------------------------------------------------------------------

    def _begin(self, row: int, node: int, key: int, version: int, *, is_write: bool) -> Request | None:
        needed = self._needed(node, is_write)
        copies = self._copies(node, key)
        if not self._is_enough(copies, needed):
            self._book.serve(row, node)
            self._told(row, Outcome.FAILED, MarkKind.UNAVAILABLE)
            return None
        request = Request(row, node, self._cluster.members[node].life, key, version, dict(needed))
        request.copies = self._drawn(copies, needed) if self._some else copies
        if self._cluster.mesh.fit is not None:
            request.times = self._cluster.mesh.fit.operation("write" if is_write else "read")
        self._open[node].add(request)
        self._clock.call(self._scenario.quorum_timeout_ms, self._time_is_up, request)
        return request

    def _needed(self, node: int, is_write: bool) -> dict[str, int]:
        place = self._cluster.ring.places[node]
        found = self._needs.get((is_write, place))
        if found is None:
            size = self.write_quorum if is_write else self.read_quorum
            found = self._needs[is_write, place] = quorum(self._scenario, size, place)
        return found

    def _copies(self, node: int, key: int) -> list[Copy]:
        """Return whom to ask: the homes in reach and, in a sloppy quorum, others in place of those that are not."""
        cluster = self._cluster
        order = cluster.ring.order(key)
        count = self._scenario.copies
        found = [Copy(home, home, i) for i, home in enumerate(order[:count]) if cluster.reaches(node, home)]
        if len(found) < count and self._scenario.sloppy:
            there = {copy.home for copy in found}
            away = [(home, i) for i, home in enumerate(order[:count]) if home not in there]
            others = (other for other in order[count:] if cluster.reaches(node, other))
            found += [Copy(other, home, i) for (home, i), other in zip(away, others, strict=False)]
        return found

    def _is_enough(self, copies: list[Copy], needed: dict[str, int]) -> bool:
        return all(len(self._in_place(copies, place)) >= count for place, count in needed.items())

    def _in_place(self, copies: list[Copy], place: str) -> list[Copy]:
        places = self._cluster.ring.places
        return copies if place == ANYWHERE else [copy for copy in copies if places[copy.node] == place]

    def _drawn(self, copies: list[Copy], needed: dict[str, int]) -> list[Copy]:
        """Return as many as must answer, drawn at random."""
        found = []
        for place, count in needed.items():
            there = self._in_place(copies, place)
            found += [there[i] for i in sorted(self._chance.permutation(len(there))[:count].tolist())]
        return found

    def _send(self, kind: int, request: Request, copy: Copy, action: Callable[[Any], None]) -> None:
        took = -1.0 if request.times is None else request.times[0][copy.place]
        self._cluster.post(
            kind, request.home, copy.node, request.row, request.version, action, (request, copy), delay_ms=took
        )

    def _reply(self, kind: int, request: Request, copy: Copy, version: int, action: Callable[[Any], None]) -> None:
        payload = (request, copy, version)
        took = request.back_ms(copy.place)
        self._cluster.post(kind, copy.node, request.home, request.row, version, action, payload, delay_ms=took)

    def _hear(self, request: Request, copy: Copy, version: int) -> bool:
        """Note an answer; return whether it makes the quorum."""
        request.heard[copy.node] = version
        if request.is_met:
            return False
        missing = request.missing
        for place in (ANYWHERE, self._cluster.ring.places[copy.node]):
            if place in missing:
                missing[place] -= 1
        request.is_met = max(missing.values()) <= 0
        return request.is_met

    def _is_alive(self, request: Request) -> bool:
        return self._cluster.members[request.home].life == request.life

    def _time_is_up(self, event: Call) -> None:
        request = event.value
        if not self._is_alive(request):
            return
        self._open[request.home].discard(request)
        if not self._book.is_told(request.row):
            self._told(request.row, self._failure(request), MarkKind.TIMEOUT)
        elif self._book.is_write(request.row):
            for copy in request.copies:
                if copy.node == copy.home and copy.node not in request.heard:
                    self._hints.note(request.home, copy.home, request.version)

    def _failure(self, request: Request) -> Outcome:
        """Return what a client is told whose quorum did not answer: its write may be there nevertheless."""
        return Outcome.UNKNOWN if self._book.is_write(request.row) else Outcome.FAILED
