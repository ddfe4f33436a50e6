"""What an operator does afterwards, on real servers: a forked node rejoins, a dropped table is brought back."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..scenario import LEADER, Crash, Partition, Promote, Scenario
from ..trace import Trace
from .cluster import Cluster
from .errors import LabError
from .lab import run
from .server import PORT, USER, Server

_PATIENCE_S = 20.0
_ROWS = 1_500
_FORKED = "forked off"


@dataclass(frozen=True)
class Rejoined:
    """What became of a leader that went on writing while another was promoted.

    Attributes
    ----------
    trace : Trace
        The run with both leaders.
    only_old, only_new : int
        Rows that only the old leader, or only the new one, had acknowledged and held.
    refused : str
        What the old leader's log said when it was told to follow the new one; empty if it did follow.
    rewind_ms : float
        How long `pg_rewind` took, ms.
    kept : int
        How many of the rows that only the old leader had are still there after it.
    same : bool
        Whether both then hold the same rows.
    """

    trace: Trace
    only_old: int
    only_new: int
    refused: str
    rewind_ms: float
    kept: int
    same: bool


def split_brain(cluster: Cluster, scenario: Scenario | None = None) -> Rejoined:
    """Cut the leader off, promote s1, let both take writes, then bring the old leader back with `pg_rewind`.

    Parameters
    ----------
    scenario : Scenario, optional
        One in which s1 is promoted while L goes on. By default a partition of L with half of the clients.
    """
    trace = run(scenario or _both_write(), cluster)
    old, new = cluster.servers[LEADER], cluster.servers[cluster.leader]
    cluster.calm()
    before, others = _values(old), _values(new)
    old.stop()
    refused = _try_to_follow(cluster, old)
    old.stop()
    begin = time.monotonic()
    if refused:
        new.ask("CHECKPOINT")  # before PostgreSQL 16 pg_rewind reads the timeline from the last one
        old.rewind(new.home)
    took = (time.monotonic() - begin) * 1000
    old.follow(cluster.way(new.name, LEADER))
    old.start()
    cluster.wait_streaming([LEADER])
    after = _values(old)
    return Rejoined(
        trace=trace,
        only_old=len(before - others),
        only_new=len(others - before),
        refused=refused,
        rewind_ms=took,
        kept=len((before - others) & after),
        same=after == _values(new),
    )


def _both_write() -> Scenario:
    return Scenario(
        title="Two leaders, for real",
        ack="async",
        rate_per_s=300,
        duration_ms=2_000,
        network_ms=1,
        remote_clients=0.5,
        follow_ms=50,
        faults=(Partition(nodes=(LEADER,), at_ms=600), Promote(node="s1", at_ms=800)),
    )


def _values(server: Server) -> set[int]:
    return {value for (value,) in server.ask("SELECT value FROM writes")}


def _try_to_follow(cluster: Cluster, old: Server) -> str:
    """Start the old leader as a standby of the new one, as it is; return why it cannot, empty if it can."""
    said = len(old.said())
    old.follow(cluster.way(cluster.leader, old.name))
    old.start()
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        lines = [line for line in old.said()[said:] if _FORKED in line]
        if lines:
            return lines[0].split("LOG:")[-1].strip()
        rows = old.ask("SELECT 1 FROM pg_stat_wal_receiver WHERE status = 'streaming' AND received_tli > 1")
        if rows:
            return ""
        time.sleep(0.01)
    raise LabError(f"{old.name} neither follows {cluster.leader} nor says why.")


@dataclass(frozen=True)
class Restored:
    """What became of a table that somebody dropped.

    Attributes
    ----------
    rows : int
        Rows in the table when it was dropped.
    gone_ms : dict of str to float
        For each node, how long after the statement the table was gone there, ms.
    restored : int
        Rows in the table of the server that was restored to the moment before.
    restore_ms : float
        How long that took, ms: copying the backup, replaying the archive.
    error : str
        Why the restore failed; empty if it did not.
    """

    rows: int
    gone_ms: dict[str, float]
    restored: int
    restore_ms: float
    error: str


def drop_and_restore(cluster: Cluster, lose_a_file: bool = False) -> Restored:
    """Take a base backup, archive the log, drop a table; then restore a copy to the moment before.

    Parameters
    ----------
    lose_a_file : bool
        Whether a file of the archive is missing, as nobody knows who has never tried to restore.
    """
    if cluster.changed:
        cluster.reset()
    cluster.changed = True  # what this leaves behind is nothing to go on from
    cluster.calm()
    leader = cluster.servers[cluster.leader]
    leader.set({"synchronous_standby_names": ""})
    leader.ask("DROP TABLE IF EXISTS orders")
    leader.ask("CREATE TABLE orders (number int, filler text)")
    backup = Server(cluster.guard, cluster.programs, f"backup{'-' if lose_a_file else ''}")
    archive = cluster.guard.make(f"archive{'-' if lose_a_file else ''}")
    with _archiving(cluster, archive):
        leader.ask("INSERT INTO orders SELECT n, repeat('x', 900) FROM generate_series(1, %s::int) AS n", (_ROWS // 3,))
        backup.base_backup(leader.home)
        leader.ask(
            "INSERT INTO orders SELECT n, repeat('x', 900) FROM generate_series(%s::int, %s::int) AS n",
            (_ROWS // 3 + 1, _ROWS),
        )
        [(rows,)] = leader.ask("SELECT count(*) FROM orders")
        leader.ask("SELECT pg_create_restore_point('before the mistake')")
        gone = _drop_everywhere(cluster)
        [(last,)] = leader.ask("SELECT pg_walfile_name(pg_switch_wal())")
        _wait_archived(archive, str(last))
    if lose_a_file:
        sorted(path for path in archive.iterdir() if not path.suffix)[-1].unlink()
    begin = time.monotonic()
    restored, error = _restore(backup, archive)
    took = (time.monotonic() - begin) * 1000
    backup.kill()
    return Restored(rows, gone, restored, took, error)


@contextmanager
def _archiving(cluster: Cluster, archive: Path) -> Iterator[None]:
    """Copy the leader's log to a folder as it is written."""
    leader = cluster.servers[cluster.leader]
    where = ["-h", str(leader.home), "-p", str(PORT), "-U", USER]
    command: list[str | Path] = [cluster.programs.program("pg_receivewal"), *where, "-D", archive, "--no-loop"]
    receiver = cluster.guard.spawn(command, cwd=archive)
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while not leader.ask("SELECT 1 FROM pg_stat_replication WHERE application_name = 'pg_receivewal'"):
            if receiver.poll() is not None or time.monotonic() > deadline:
                raise LabError("the log is not archived: pg_receivewal does not run.")
            time.sleep(0.01)
        yield
    finally:
        receiver.terminate()
        try:
            receiver.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            receiver.kill()


def _wait_archived(archive: Path, name: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not (archive / name).exists():
        if time.monotonic() > deadline:
            raise LabError(f"{name} is not in the archive after {_PATIENCE_S:g} s.")
        time.sleep(0.01)


def _drop_everywhere(cluster: Cluster) -> dict[str, float]:
    """Drop the table, and return for each node how long it was still there, ms."""
    lines = {name: server.connect() for name, server in cluster.servers.items()}
    gone = {cluster.leader: 0.0}
    try:
        lines[cluster.leader].execute("DROP TABLE orders")
        begin = time.monotonic()
        while len(gone) < len(lines):
            for name, line in lines.items():
                row = line.execute("SELECT to_regclass('orders')").fetchone()
                if name not in gone and row == (None,):
                    gone[name] = (time.monotonic() - begin) * 1000
            if time.monotonic() > begin + _PATIENCE_S:
                raise LabError("the table is not gone everywhere.")
    finally:
        for line in lines.values():
            line.close()
    return gone


def _restore(backup: Server, archive: Path) -> tuple[int, str]:
    """Start a base backup, let it replay the archive up to the restore point; return its rows, or why it failed."""
    backup.lead()
    backup.configure(
        {
            "restore_command": f'cp "{archive}/%f" "%p"',
            "recovery_target_name": "before the mistake",
            "recovery_target_action": "promote",
        }
    )
    (backup.data / "recovery.signal").touch()
    backup.guard.give(backup.data / "recovery.signal")
    backup.start(wait=False)
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if not backup.runs():
            reasons = [line for line in backup.said() if "FATAL" in line and "database system is" not in line]
            return 0, (reasons or backup.said())[-1].split("FATAL:")[-1].strip()
        if _is_open(backup):
            [(rows,)] = backup.ask("SELECT count(*) FROM orders")
            return int(rows), ""
        time.sleep(0.005)
    raise LabError("the restored server did not open within 20 s.")


def _is_open(server: Server) -> bool:
    import psycopg

    try:
        return server.ask("SELECT pg_is_in_recovery()") == [(False,)]
    except psycopg.OperationalError:
        return False


def failover_drill(cluster: Cluster, scenario: Scenario | None = None) -> Trace:
    """Kill the leader under load and let a controller notice and promote; `measures.drill` tells how it went."""
    return run(scenario or drill_scenario(), cluster)


def drill_scenario() -> Scenario:
    """Return the drill: L crashes under 300 writes/s, a controller at s1 waits 300 ms for a sign of life."""

    return Scenario(
        title="A failover drill, for real",
        ack="ANY 1 (*)",
        rate_per_s=300,
        duration_ms=2_500,
        network_ms=1,
        controllers="s1",
        heartbeat_ms=50,
        detect_ms=300,
        promote_ms=150,
        follow_ms=20,
        faults=(Crash(node=LEADER, at_ms=1_000),),
    )
