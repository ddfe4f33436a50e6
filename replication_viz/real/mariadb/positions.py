"""Where each MariaDB node stands, asked of the nodes themselves many times a second."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from ...engine.marks import fell_back, waits_again
from ...trace import MarkKind
from ..sampled.notes import Mark, Sample
from .cluster import Cluster
from .server import Server, replica_status, sequence

if TYPE_CHECKING:
    from pymysql.connections import Connection

EVERY_S = 0.01
_TRY_AGAIN_S = 0.05
_OF_A_LEADER = """
SELECT @@GLOBAL.gtid_binlog_pos, variable_value
FROM information_schema.global_status WHERE variable_name = 'Rpl_semi_sync_master_status'"""


class Positions:
    """Asks each node from `begin` to `end`, each in a thread of its own: one that does not answer stops no other.

    Attributes
    ----------
    samples : list of Sample
        What was heard so far.
    waiting : list of (str, float, bool)
        Leader, when (monotonic s), and whether it waited for a replica.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.samples: list[Sample] = []
        self.waiting: list[tuple[str, float, bool]] = []
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._watch, args=(server,), daemon=True) for server in cluster.servers.values()
        ]

    def begin(self) -> None:
        """Start asking."""
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Stop asking."""
        self._over.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _watch(self, server: Server) -> None:
        import pymysql

        while not self._over.is_set():
            try:
                with server.connect() as line:
                    while not self._over.is_set():
                        self._ask(server, line)
                        self._over.wait(EVERY_S)
            except (pymysql.MySQLError, OSError):  # it is down
                self._over.wait(_TRY_AGAIN_S)

    def _ask(self, server: Server, line: Connection[Any]) -> None:
        status = replica_status(line)
        now = time.monotonic()
        if status:
            received, applied = (sequence(status[name]) - server.base for name in ("Gtid_IO_Pos", "Gtid_Slave_Pos"))
            history = str(status["Master_Server_Id"])
            self.samples.append(Sample(server.name, now, False, history, max(received, applied), applied))
            return
        with line.cursor() as cursor:
            cursor.execute(_OF_A_LEADER)
            row = cursor.fetchone()
        if row:
            now, count = time.monotonic(), sequence(row[0]) - server.base
            self.samples.append(Sample(server.name, now, True, str(server.number), count, count))
            self.waiting.append((server.name, now, row[1] == "ON"))


def patience(waiting: list[tuple[str, float, bool]], zero: float, timeout_ms: float) -> list[Mark]:
    """Return when leaders went on without replicas, and when they waited again; moment 0 is `zero`, monotonic s."""
    found = []
    last: dict[str, bool] = {}
    for node, at, waits in waiting:
        if not waits and node not in last:
            continue  # it has not begun to wait yet
        if waits != last.get(node, waits):
            kind = MarkKind.WAITS_AGAIN if waits else MarkKind.FELL_BACK
            text = waits_again(node) if waits else fell_back(node, timeout_ms)
            found.append(Mark(kind, (at - zero) * 1000, text, node))
        last[node] = waits
    return found
