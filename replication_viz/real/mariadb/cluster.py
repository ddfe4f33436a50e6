"""A MariaDB primary and its replicas, each pair of nodes joined by a wire that can be slowed and cut."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ...scenario import LEADER
from ...scenario.limits import replica_names
from ..binaries import mariadb
from ..errors import LabError
from ..sampled import cluster as sampled
from ..sampled.server import PATIENCE_S
from .server import Server, sequence

CREATE = "CREATE TABLE writes (value BIGINT PRIMARY KEY, item BIGINT, filler TEXT) ENGINE = InnoDB"


class Cluster(sampled.Cluster[Server]):
    """Real MariaDB servers: a primary L and replicas s1, s2, …; a context manager.

    Replicas find their place by GTID. Semi-sync is built in: every replica takes part, the primary if a run asks.

    Parameters
    ----------
    replicas : int
        How many, from 0 to 9; each takes about 100 MB of memory.
    folder : Path, optional
        Where the servers' folder is made; by default where temporary files are.

    Raises
    ------
    MissingServerError
        If there is no MariaDB.
    LabError
        If the number is out of its range.
    """

    def __init__(self, replicas: int = 1, *, folder: Path | None = None) -> None:
        super().__init__(replicas, folder)
        self._patience_ms: float | None = None  # no commit waits

    def check_programs(self) -> None:
        mariadb()

    def _make(self) -> None:
        programs = mariadb()
        if not self.guard.may_run(programs.program):
            raise LabError(f"{str(programs.program)!r} is closed to other users: MariaDB must not run as root.")
        self._fresh = Server(self.guard, programs, "fresh", 99, self.password)
        self._fresh.initialise()
        for number, name in enumerate((LEADER, *replica_names(self.replicas)), 1):
            self.servers[name] = Server(self.guard, programs, name, number, self.password)

    def reset(self) -> None:
        for server in self.servers.values():
            server.kill()
        self.calm()
        for server in self.servers.values():
            server.copy_of(self._fresh.data)
            server.launch()
        for server in self.servers.values():
            server.wait_ready()
        self.leader, self.changed, self._patience_ms = LEADER, False, None
        self.servers[LEADER].ask(CREATE)
        base = sequence(self.servers[LEADER].ask("SELECT @@GLOBAL.gtid_binlog_pos")[0][0])
        for name, server in self.servers.items():
            server.base = base
            if name != LEADER:
                self.join(name)
        for name in self.standbys:
            self._wait_until(partial(self._has_all, name), f"{name} did not catch up")

    def _has_all(self, name: str) -> bool:
        return self.servers[name].count() == 0

    def semi_sync(self, timeout_ms: float) -> None:
        """Let commits on the leader, and on whoever is it next, wait for a replica, at most so long (ms)."""
        self._patience_ms = timeout_ms
        self.servers[self.leader].wait_for_replica(timeout_ms)
        self._wait_until(self._all_take_part, "a replica did not take part in semi-sync")

    def _all_take_part(self) -> bool:
        rows = self.servers[self.leader].ask("SHOW STATUS LIKE 'Rpl_semi_sync_master_clients'")
        return int(rows[0][1]) == self.replicas

    def _wait_until(self, so: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not so():
            if time.monotonic() > deadline:
                raise LabError(f"{otherwise} within {PATIENCE_S:g} s.")
            time.sleep(0.01)

    def join(self, node: str) -> None:
        self.servers[node].follow(sampled.HOST, self.way(self.leader, node))

    def promote(self, node: str) -> int:
        self.changed = True
        old = self.leader
        self.wires.sever(old, node)  # old is dead: who still calls it is told so at once, cut link or not
        for ends in ((old, node), (node, old)):
            self.wires.release(*ends)
        count = self.servers[node].lead()
        if self._patience_ms is not None:
            self.servers[node].wait_for_replica(self._patience_ms)
        self.leader = node
        return count

    def history(self, node: str) -> str:
        return str(self.servers[node].number)

    def cancel_waits(self) -> None:
        for value in (0, 1):
            self.servers[self.leader].ask(f"SET GLOBAL rpl_semi_sync_master_enabled = {value}")
