"""The clients of a real run: the same writes and reads at the same moments as in a simulated one."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..engine.arrivals import arrivals, write_moments
from ..engine.streams import stream
from ..scenario import Scenario
from ..trace import OpKind, Outcome
from .closing import hang_up, has_ended
from .cluster import Cluster
from .desk import Desk
from .routing import Routing

if TYPE_CHECKING:
    import psycopg

_WRITERS, _READERS = 48, 12
_RECORD_OVERHEAD = 160  # bytes of log that a write takes besides its filler
_LSN_POLL_S = 0.001
_REFUSED_PAUSE_MS = 10.0

CREATE = """
CREATE TABLE writes (value bigint, key bigint, filler text);
ALTER TABLE writes ALTER filler SET STORAGE EXTERNAL"""  # or a large write would shrink: its letters are all the same
INDEX = "CREATE INDEX writes_by_key ON writes (key, value)"
_WRITE = "INSERT INTO writes VALUES (%s, %s, %s) RETURNING pg_current_xact_id()::text::bigint"
_READ = "SELECT value FROM writes WHERE key = %s ORDER BY value DESC LIMIT 32"


@dataclass
class Attempt:
    """One operation of a client: what was asked, and what came of it. Times in ms from the start of the run.

    A read notes the newest values that it found under its key. Which of them was written last is known once the run is
    over: writes at the same time may commit in another order than they came.
    """

    kind: OpKind
    client: int
    key: int
    value: int
    invoked: float
    returned: float = float("nan")
    outcome: Outcome = Outcome.UNKNOWN
    node: str = ""
    xid: int = -1
    seen: tuple[int, ...] = ()


class Load:
    """All clients of a run.

    Parameters
    ----------
    cluster : Cluster
        Whom they write to and read from.
    scenario : Scenario
        What they ask for, and when.
    routing : Routing
        Which node a client asks.

    Attributes
    ----------
    attempts : list of Attempt
        What was begun so far.
    """

    def __init__(self, cluster: Cluster, scenario: Scenario, routing: Routing) -> None:
        self.attempts: list[Attempt] = []
        self._cluster, self._scenario, self._routing = cluster, scenario, routing
        self._tracks = scenario.session in ("lsn", "causal")
        self._filler = "x" * max(0, round(scenario.record_bytes) - _RECORD_OVERHEAD)
        self._tokens: dict[int, int] = {}
        self._zero = 0.0
        self._think = stream(scenario.seed, "think")
        writers = scenario.clients if scenario.arrivals == "closed" else _WRITERS
        self._writes = Desk([Worker() for _ in range(min(writers, _WRITERS))], self._write)
        self._reads = Desk([Worker() for _ in range(_READERS)], self._read)
        self._keys = stream(scenario.seed, "keys")
        self._value = 0
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Open the connections that will be used first, and have their statements planned."""
        for worker in self._writes.workers:
            line = worker.to(self._cluster, self._cluster.leader)
            with line.transaction(force_rollback=True):
                line.execute(_WRITE, (0, -1, self._filler), prepare=True)
        if self._scenario.reads_per_s or self._scenario.reread_ms >= 0:
            for worker in self._reads.workers:
                for node in self._readable():
                    worker.to(self._cluster, node).execute(_READ, (-1,), prepare=True)

    def _readable(self) -> tuple[str, ...]:
        """Return the nodes that will be read from as long as all goes well."""
        scenario, leader = self._scenario, self._cluster.leader
        if scenario.read_from in (*scenario.node_names, "leader"):
            return (leader if scenario.read_from == "leader" else scenario.read_from,)
        return scenario.standbys or (leader,)

    def begin(self, zero: float) -> None:
        """Start; the run's moment 0 is `zero` on the monotonic clock, s."""
        self._zero = zero
        self._plan_writes()
        self._plan_reads()
        for desk in (self._writes, self._reads):
            desk.begin(zero)

    def end(self) -> None:
        """Stop; who waits for an answer never hears."""
        for desk in (self._writes, self._reads):
            desk.close()

    def now(self) -> float:
        """Return ms from the start of the run."""
        return (time.monotonic() - self._zero) * 1000

    # -- what is to be done ---------------------------------------------------------------------------------------

    def _plan_writes(self) -> None:
        scenario = self._scenario
        if scenario.arrivals == "closed":
            for client in range(scenario.clients):
                self._write_next(client, 0.0)
            return
        moments = write_moments(scenario)
        clients = stream(scenario.seed, "clients").integers(scenario.clients, size=len(moments))
        keys = self._keys.integers(scenario.keys, size=len(moments))
        rows = zip(clients.tolist(), keys.tolist(), moments.tolist(), strict=True)
        for number, (client, key, at) in enumerate(rows, 1):
            self._writes.put(at, Attempt(OpKind.WRITE, client, key, number, at))

    def _write_next(self, client: int, at: float) -> None:
        with self._lock:
            self._value += 1
            value, key = self._value, int(self._keys.integers(self._scenario.keys))
        if at < self._scenario.duration_ms:
            self._writes.put(at, Attempt(OpKind.WRITE, client, key, value, at))

    def _plan_reads(self) -> None:
        scenario = self._scenario
        moments = arrivals(scenario, "reads", [(0.0, scenario.reads_per_s)], poisson=True)
        clients = stream(scenario.seed, "readers").integers(scenario.clients, size=len(moments))
        keys = stream(scenario.seed, "read keys").integers(scenario.keys, size=len(moments))
        for client, key, at in zip(clients.tolist(), keys.tolist(), moments.tolist(), strict=True):
            self._reads.put(at, Attempt(OpKind.READ, client, key, -1, at))

    # -- doing it -------------------------------------------------------------------------------------------------

    def _write(self, worker: Worker, attempt: Attempt) -> None:
        import psycopg

        self.attempts.append(attempt)
        attempt.node = self._routing.leader_of(attempt.client, self.now())
        attempt.invoked = max(attempt.invoked, self._routing.known_since(attempt.node))  # it waited to hear of it
        try:
            if not attempt.node:
                raise psycopg.OperationalError("no leader can be reached")
            connection = worker.to(self._cluster, attempt.node)
        except psycopg.Error:
            self._refused(attempt)
            return
        try:
            row = connection.execute(_WRITE, (attempt.value, attempt.key, self._filler), prepare=True).fetchone()
            attempt.xid = row[0] if row else -1
            if self._tracks:  # a session that tracks has its answer once it knows the position
                self._remember(attempt.client, connection)
            attempt.returned, attempt.outcome = self.now(), Outcome.OK
        except psycopg.OperationalError:
            worker.drop(attempt.node)
            return
        except psycopg.Error:
            attempt.returned, attempt.outcome = self.now(), Outcome.FAILED
        self._routing.wrote(attempt.client, attempt.returned)
        self._go_on(attempt)

    def _refused(self, attempt: Attempt) -> None:
        attempt.returned, attempt.outcome = self.now(), Outcome.FAILED
        if self._scenario.arrivals == "closed":
            self._write_next(attempt.client, attempt.returned + max(self._scenario.think_ms, _REFUSED_PAUSE_MS))

    def _go_on(self, attempt: Attempt) -> None:
        scenario = self._scenario
        if scenario.arrivals == "closed":
            pause = float(self._think.exponential(scenario.think_ms)) if scenario.think_ms else 0.0
            self._write_next(attempt.client, attempt.returned + pause)
        again = attempt.returned + scenario.reread_ms
        if scenario.reread_ms >= 0 and attempt.outcome == Outcome.OK and again < scenario.duration_ms:
            self._reads.put(again, Attempt(OpKind.READ, attempt.client, attempt.key, -1, again))

    def _remember(self, client: int, connection: psycopg.Connection[Any]) -> None:
        row = connection.execute("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint", prepare=True).fetchone()
        if row:
            self._tokens[client] = max(self._tokens.get(client, 0), row[0])

    def _read(self, worker: Worker, attempt: Attempt) -> None:
        import psycopg

        self.attempts.append(attempt)
        node = self._routing.read_from(attempt.client, self.now())
        try:
            worker.to(self._cluster, node)
            attempt.invoked = max(attempt.invoked, self.now())  # its answer's age counts from when it is asked for
            if self._tracks:
                node = self._caught_up(worker, attempt, node)
            attempt.node = node
            rows = worker.to(self._cluster, node).execute(_READ, (attempt.key,), prepare=True).fetchall()
        except (psycopg.Error, KeyError):
            attempt.node = node
            worker.drop(node)
            attempt.returned, attempt.outcome = self.now(), Outcome.FAILED
            return
        attempt.returned, attempt.outcome = self.now(), Outcome.OK
        attempt.seen = tuple(value for (value,) in rows)

    def _caught_up(self, worker: Worker, attempt: Attempt, node: str) -> str:
        """Return the node once it has replayed what the client has written, or the leader if that takes too long."""
        token = self._tokens.get(attempt.client, 0)
        limit = attempt.invoked + self._scenario.lsn_wait_ms
        leader = self._routing.leader_of(attempt.client, self.now())
        if not token or node == leader:
            return node
        while True:
            row = (
                worker.to(self._cluster, node)
                .execute("SELECT (pg_last_wal_replay_lsn() - '0/0')::bigint >= %s", (token,), prepare=True)
                .fetchone()
            )
            if row and row[0]:
                return node
            if self.now() >= limit:
                return leader
            time.sleep(_LSN_POLL_S)


class Worker:
    """A thread's connections, one to each node that it has asked."""

    def __init__(self) -> None:
        self._lines: dict[str, psycopg.Connection[Any]] = {}

    def to(self, cluster: Cluster, node: str) -> psycopg.Connection[Any]:
        """Return the connection to a node; opened when it is first asked for."""
        line = self._lines.get(node)
        if line is not None and (line.closed or has_ended(line)):
            self.drop(node)
            line = None
        if line is None:
            line = self._lines[node] = cluster.servers[node].connect()
        return line

    def drop(self, node: str) -> None:
        """Close the connection to a node."""
        line = self._lines.pop(node, None)
        if line is not None:
            line.close()

    def hang_up(self) -> None:
        """Let an answer that is waited for never come."""
        for line in list(self._lines.values()):
            hang_up(line)

    def close(self) -> None:
        """Close every connection."""
        for node in list(self._lines):
            self.drop(node)
