"""A primary and its standbys on private sockets, each pair of nodes joined by a wire that can be slowed and cut."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from ..lsn import Lsn
from ..scenario import LEADER
from ..scenario.limits import MAX_REPLICAS, replica_names
from ..scenario.sync_names import SyncRule
from .binaries import Postgres, postgres
from .errors import LabError
from .guard import Guard
from .server import PORT, Server
from .wires import Wires

_PATIENCE_S = 30.0


class Cluster:
    """Real PostgreSQL servers: a primary L and standbys s1, s2, …; a context manager.

    No port is opened and nothing is left behind: see `Guard`.

    Parameters
    ----------
    replicas : int
        How many standbys, 0 to 7 or so; each takes about 12 MB of memory and 30 MB of disk.
    segment_mb : int
        Size of a segment of the log, MB: a power of two.
    folder : Path, optional
        Where the servers' folder is made. By default where temporary files are: on a disk, so that a flush takes the
        time that it takes on this machine.

    Attributes
    ----------
    servers : dict of str to Server
        The nodes, the first primary first.
    leader : str
        The node that was last made the primary.
    wires : Wires
        The links.

    Raises
    ------
    MissingServerError
        If there is no PostgreSQL.
    """

    def __init__(self, replicas: int = 3, *, segment_mb: int = 1, folder: Path | None = None) -> None:
        if not 0 <= replicas <= MAX_REPLICAS:
            raise LabError(f"replicas is {replicas}: it must be from 0 to {MAX_REPLICAS}.")
        self.replicas, self.segment_mb = replicas, segment_mb
        self._folder = folder
        self.leader = LEADER
        self.servers: dict[str, Server] = {}
        self._all: dict[str, Server] = {}
        self.changed = False  # whether somebody crashed, was promoted or the like: the next run begins anew

    def __enter__(self) -> Self:
        found = postgres()
        self.guard = Guard(self._folder)
        try:
            self.programs = self._usable(found)
            self._fresh = Server(self.guard, self.programs, "fresh")
            self._fresh.initialise(self.segment_mb)
            self.wires = Wires(self.guard.folder)
            self._paths: dict[tuple[str, str], Path] = {}
            self.reset()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End everything; the folder goes."""
        wires = getattr(self, "wires", None)
        if wires is not None:
            wires.close()
        self.guard.close()

    def _usable(self, found: Postgres) -> Postgres:
        """Return programs that the servers' user may run: a folder of root's is closed to others."""
        if self.guard.may_run(found.program("postgres")):
            return found
        install = found.folder.parent
        libraries = sorted(install.parent.parent.glob(f"{install.parent.name}.libs"))
        if not libraries:
            return Postgres(self.guard.borrow(install) / found.folder.name, found.version)
        whole = self.guard.borrow(install.parent, libraries)
        return Postgres(whole / install.name / found.folder.name, found.version)

    # -- nodes ----------------------------------------------------------------------------------------------------

    def reset(self, replicas: int | None = None) -> None:
        """Begin anew with empty databases, all of them standbys of L over wires without delay."""
        self.replicas = self.replicas if replicas is None else replicas
        for server in self.servers.values():
            server.kill()
        names = (LEADER, *replica_names(self.replicas))
        for name in names:
            if name not in self._all:
                self._all[name] = Server(self.guard, self.programs, name)
        self.servers = {name: self._all[name] for name in names}
        for source in names:
            for target in names:
                if source != target:
                    self.way(source, target)
                    self.wires.sever(source, target)
        self.calm()
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda server: server.copy_of(self._fresh.data), self.servers.values()))
        for name, server in self.servers.items():
            server.reset_settings()
            server.lead() if name == LEADER else server.follow(self.way(LEADER, name))
            server.start(wait=False)
        for server in self.servers.values():
            server.wait_ready()
        self.leader, self.changed = LEADER, False
        self.wait_streaming(self.standbys)

    @property
    def standbys(self) -> tuple[str, ...]:
        """The names of the nodes but the first."""
        return tuple(name for name in self.servers if name != LEADER)

    def wait_streaming(self, names: Iterable[str]) -> None:
        """Wait until standbys stream from the leader and have replayed what it has written."""
        wanted, primary = set(names), self.servers[self.leader]
        deadline = time.monotonic() + _PATIENCE_S
        with primary.connect() as connection:
            target = str(connection.execute("SELECT pg_current_wal_insert_lsn()").fetchone()[0])  # type: ignore[index]
            while wanted:
                rows = connection.execute(
                    "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'"
                ).fetchall()
                up = {row[0] for row in rows} & wanted
                wanted -= {name for name in up if self._has_replayed(name, target)}
                if time.monotonic() > deadline:
                    raise LabError(
                        f"{', '.join(sorted(wanted))} did not catch up with {self.leader} within half a minute."
                    )
                time.sleep(0.002)

    def _has_replayed(self, name: str, target: str) -> bool:
        [(lsn,)] = self.servers[name].ask("SELECT pg_last_wal_replay_lsn()")
        return lsn is not None and Lsn.parse(lsn) >= Lsn.parse(target)

    def wait_synchronous(self, rule: SyncRule) -> None:
        """Wait until the leader counts the standbys that its rule names."""
        listed = rule.candidates(self.standbys)
        wanted = min(rule.count, len(listed)) if rule.method == "first" else len(listed)
        deadline = time.monotonic() + _PATIENCE_S
        with self.servers[self.leader].connect() as connection:
            while wanted:
                rows = connection.execute(
                    "SELECT 1 FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')"
                ).fetchall()
                if len(rows) >= wanted:
                    return
                if time.monotonic() > deadline:
                    raise LabError(f"{self.leader} counts {len(rows)} of {wanted} synchronous standbys.")
                time.sleep(0.002)

    # -- links ----------------------------------------------------------------------------------------------------

    def way(self, source: str, target: str) -> Path:
        """Return the folder with the socket over which a node reaches another: `target` is the client."""
        if (source, target) not in self._paths:
            folder = self.guard.make(f"{source}-{target}")
            socket = f".s.PGSQL.{PORT}"
            self.wires.add(source, target, listen=folder / socket, server=self.servers[source].home / socket)
            self._paths[source, target] = folder
        return self._paths[source, target]

    def calm(self) -> None:
        """Let every link carry at once, both ways; what was on its way goes on."""
        for source in self.servers:
            for target in self.servers:
                if source != target:
                    self.wires.delay(source, target, 0.0)
                    self.wires.bandwidth(source, target, 0.0)
                    self.wires.release(source, target)

    def drop_slot(self, name: str) -> None:
        """Drop a replication slot of the leader's as soon as nobody uses it."""
        import psycopg

        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                self.servers[self.leader].ask("SELECT pg_drop_replication_slot(%s)", (name,))
                return
            except psycopg.errors.ObjectInUse:
                if time.monotonic() > deadline:
                    raise LabError(f"the slot of {name} is in use for half a minute.") from None
                time.sleep(0.01)

    def renew_slot(self, name: str) -> None:
        """Make a replication slot of the leader's anew: it keeps the log from now on."""
        self.drop_slot(name)
        self.servers[self.leader].ask("SELECT pg_create_physical_replication_slot(%s, true)", (name,))

    def join(self, standby: str, leader: str) -> None:
        """Let a running standby stream from another node from now on."""
        server = self.servers[standby]
        server.follow(self.way(leader, standby))
        server.reload()

    def promote(self, node: str, followers: Iterable[str] = ()) -> None:
        """Make a standby the primary of a new timeline, and let others follow it; returns when it takes writes."""
        self.changed = True
        self.servers[node].promote()
        self.leader = node
        for name in followers:
            self.join(name, node)

    def most_advanced(self, names: Iterable[str]) -> str:
        """Return the standby whose log is the longest, of those that answer: received, whether replayed or not.

        Raises
        ------
        LabError
            If none answers.
        """
        import psycopg

        found: dict[str, int] = {}
        for name in names:
            try:
                [(received, replayed)] = self.servers[name].ask(
                    "SELECT pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()"
                )
            except psycopg.OperationalError:
                continue
            found[name] = max(Lsn.parse(lsn).position for lsn in (received, replayed) if lsn)
        if not found:
            raise LabError("no standby answers: there is nobody to promote.")
        return max(found, key=lambda name: found[name])


def rule_text(rule: SyncRule) -> str:
    """Return the value of `synchronous_standby_names` without the quotes that it has in a file."""
    return rule.setting()[1:-1].replace("''", "'")
