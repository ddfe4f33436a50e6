"""The clients of a real MariaDB: the same writes at the same moments as in a simulated one."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING, Any

from ...scenario import Scenario
from ...trace import Outcome
from ..desk import Desk
from ..routing import Routing
from ..sampled.notes import Write, planned
from .cluster import Cluster
from .server import sequence

if TYPE_CHECKING:
    from pymysql.connections import Connection

_WRITERS = 48
_RECORD_OVERHEAD = 120  # bytes of log that a write takes besides its filler
# One message, so that no write has an answer whose place in the log nobody learns.
_WRITE = "INSERT INTO writes VALUES (%s, %s, %s); SELECT @@last_gtid"


class Load:
    """All clients of a run.

    Parameters
    ----------
    cluster : Cluster
        Whom they write to.
    scenario : Scenario
        What they ask for, and when.
    routing : Routing
        Which node a client asks.

    Attributes
    ----------
    writes : list of Write
        All of them in order, whether they were begun or not.
    """

    def __init__(self, cluster: Cluster, scenario: Scenario, routing: Routing) -> None:
        self._cluster, self._routing = cluster, routing
        self._filler = "x" * max(0, round(scenario.record_bytes) - _RECORD_OVERHEAD)
        self.writes = planned(scenario, Write)
        self._zero = 0.0
        self._desk = Desk([_Worker(cluster) for _ in range(_WRITERS)], self._write)

    def prepare(self) -> None:
        """Open the connections that will be used first."""
        for worker in self._desk.workers:
            worker.to(self._cluster.leader)

    def begin(self, zero: float) -> None:
        """Start; the run's moment 0 is `zero` on the monotonic clock, s."""
        self._zero = zero
        for write in self.writes:
            self._desk.put(write.invoked, write)
        self._desk.begin(zero)

    def end(self) -> None:
        """Stop; who waits for an answer never hears."""
        self._desk.close()

    def now(self) -> float:
        """Return ms from the start of the run."""
        return (time.monotonic() - self._zero) * 1000

    def _write(self, worker: _Worker, write: Write) -> None:
        import pymysql

        write.node = self._routing.leader_of(write.client, self.now())
        try:
            if not write.node:
                raise ConnectionRefusedError
            line = worker.to(write.node)
        except (pymysql.MySQLError, OSError):
            write.returned, write.outcome = self.now(), Outcome.FAILED
            return
        try:
            with line.cursor() as cursor:
                cursor.execute(_WRITE, (write.value, write.key, self._filler))
                answered = self.now()
                cursor.nextset()
                [gtid] = cursor.fetchone() or [""]
        except (pymysql.MySQLError, OSError) as error:  # whether it was done nobody knows
            write.error = str(error)
            worker.close()
            return
        write.lsn = sequence(gtid) - self._cluster.servers[write.node].base
        write.appended = write.returned = answered
        write.outcome = Outcome.OK


class _Worker:
    """A thread's connection: to the node that it asked last."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._node = ""
        self._socket: socket.socket | None = None
        self._line: Connection[Any] | None = None

    def to(self, node: str) -> Connection[Any]:
        """Return the connection to a node."""
        if self._line is None or self._node != node:
            self.close()
            self._node, self._socket = node, socket.socket(socket.AF_UNIX)
            self._line = self._cluster.servers[node].connect(self._socket)
        return self._line

    def hang_up(self) -> None:
        """Let an answer that is waited for never come."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        if self._line is not None and self._line.open:
            self._line.close()
        if self._socket is not None:
            self._socket.close()
        self._line = self._socket = None
