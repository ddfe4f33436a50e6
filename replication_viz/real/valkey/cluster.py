"""A Valkey primary and its replicas, each pair of nodes joined by a wire that can be slowed and cut."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from ...scenario import LEADER
from ...scenario.limits import replica_names
from ..binaries import valkey
from ..errors import LabError
from ..sampled import cluster as sampled
from ..sampled.server import PATIENCE_S
from .server import Server


class Cluster(sampled.Cluster[Server]):
    """Real Valkey servers: a primary L and replicas s1, s2, …; a context manager.

    `REPLICAOF` takes no path: the replicas reach their primary over wires that listen on 127.0.0.1.

    Parameters
    ----------
    replicas : int
        How many, from 0 to 9; each takes a few MB of memory.
    min_replicas_to_write, min_replicas_max_lag_s : int
        A primary refuses writes unless so many replicas have reported within so many seconds; 0: it takes them all.
        Replicas report once a second and the primary looks once a second, in whole seconds: one that is cut off goes on
        for up to 2 s longer.
    folder : Path, optional
        Where the servers' folder is made; by default where temporary files are.

    Raises
    ------
    MissingServerError
        If there is no Valkey.
    LabError
        If a number is out of its range.
    """

    def __init__(
        self,
        replicas: int = 3,
        *,
        min_replicas_to_write: int = 0,
        min_replicas_max_lag_s: int = 10,
        folder: Path | None = None,
    ) -> None:
        super().__init__(replicas, folder)
        if not 0 <= min_replicas_to_write <= replicas:
            raise LabError(f"min_replicas_to_write is {min_replicas_to_write}: it must be from 0 to {replicas}.")
        if min_replicas_max_lag_s < 1:
            raise LabError(f"min_replicas_max_lag_s is {min_replicas_max_lag_s}: it must be at least 1.")
        self.min_replicas_to_write, self.min_replicas_max_lag_s = min_replicas_to_write, min_replicas_max_lag_s

    def check_programs(self) -> None:
        valkey()

    def _make(self) -> None:
        program = self._usable(valkey())
        for name in (LEADER, *replica_names(self.replicas)):
            self.servers[name] = Server(self.guard, program, name, self.password)
            self.servers[name].settings |= {
                "min-replicas-to-write": str(self.min_replicas_to_write),
                "min-replicas-max-lag": str(self.min_replicas_max_lag_s),
            }

    def _usable(self, program: Path) -> Path:
        """Return a program that the servers' user may run: a folder of root's is closed to others."""
        if self.guard.may_run(program):
            return program
        copy = self.guard.make("programs") / program.name
        shutil.copy2(program, copy)
        self.guard.give(copy)
        return copy

    # -- nodes ----------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Begin anew with empty servers, all of them replicas of L over wires without delay."""
        for server in self.servers.values():
            server.kill()
        self.calm()
        for server in self.servers.values():
            server.start()
        self.leader, self.changed = LEADER, False
        for name in self.standbys:
            self.join(name)
        self.wait_online()

    def wait_online(self) -> None:
        """Wait until every replica streams from the leader and has what it has written."""
        deadline = time.monotonic() + PATIENCE_S
        self.servers[self.leader].ask("PUBLISH", "ready", 1)  # something must come over the stream
        while True:
            said = self.servers[self.leader].replication()
            streams = [said[f"slave{n}"]["state"] for n in range(said["connected_slaves"])].count("online")
            good = int(said.get("min_slaves_good_slaves", self.min_replicas_to_write))
            behind = [name for name in self.servers if not self._has(name, said["master_repl_offset"])]
            if streams == len(self.servers) - 1 and good >= self.min_replicas_to_write and not behind:
                return
            if time.monotonic() > deadline:
                raise LabError(f"{', '.join(behind) or 'a replica'} did not catch up within {PATIENCE_S:g} s.")
            time.sleep(0.003)

    def _has(self, name: str, offset: int) -> bool:
        return name == self.leader or int(self.servers[name].replication()["slave_repl_offset"]) >= offset

    def join(self, node: str) -> None:
        """Let a node be a replica of the leader; what it has and the leader has not is discarded."""
        self.servers[node].follow(sampled.HOST, self.way(self.leader, node))

    def promote(self, node: str) -> int:
        """Make a replica the primary, and return how many writes it has. Nobody follows it yet: see `join`."""
        self.changed = True
        count = self.servers[node].lead()
        self.leader = node
        return count

    def history(self, node: str) -> str:
        return str(self.servers[node].replication()["master_replid"])

    def cancel_waits(self) -> None:
        self.servers[self.leader].unblock()
