"""The same scenario on real servers: `run(scenario) -> Trace`."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..lsn import Lsn
from ..scenario import LEADER, LongQuery, Scenario
from ..trace import OpKind, Trace
from .cluster import Cluster, rule_text
from .deeds import Deeds
from .errors import LabError
from .expressing import cannot
from .kept_log import SETTINGS as KEPT
from .kept_log import KeptLog
from .load import CREATE, INDEX, Load
from .numbering import Commits, read_commits
from .positions import Positions
from .routing import Routing
from .telling import Notes, Turn, tell

_HEAD_START_S = 0.03
_CHURN_ROWS = 50
_PLENTY_MB = 512


def run(scenario: Scenario, cluster: Cluster | None = None) -> Trace:
    """Run a scenario on a real PostgreSQL primary and its standbys.

    The clients' writes come at the moments at which they come in a simulated run. What this machine decides, such as
    the time of a flush, is what it is: see `decided_here`.

    Parameters
    ----------
    cluster : Cluster, optional
        An open one, used again where the run before left it whole. By default one is made for this run alone.

    Returns
    -------
    Trace
        What happened; positions are sampled every 10 ms and read from the replication streams.

    Raises
    ------
    LabError
        If the scenario asks for what real servers cannot do.
    MissingServerError
        If there is no PostgreSQL.
    """
    wrong = cannot(scenario)
    if cluster is not None and _segment(scenario) != cluster.segment_mb:
        wrong.append(f"segment_mb is {_segment(scenario)}: this cluster's is {cluster.segment_mb} MB.")
    if wrong:
        raise LabError(" ".join(wrong))
    if cluster is not None:
        return _Run(cluster, scenario).trace()
    with Cluster(scenario.replicas, segment_mb=_segment(scenario)) as own:
        return _Run(own, scenario).trace()


def _segment(scenario: Scenario) -> int:
    return int(scenario.segment_mb) if "segment_mb" in scenario.model_fields_set else 1


def _removes(scenario: Scenario) -> bool:
    """Whether the leader may remove log that a standby still needs: otherwise it keeps more than a run writes."""
    return "wal_keep_mb" in scenario.model_fields_set or scenario.max_slot_wal_keep_mb >= 0


class _Run:
    def __init__(self, cluster: Cluster, scenario: Scenario) -> None:
        self.cluster, self.scenario = cluster, scenario
        self.turns: list[Turn] = []
        self.routing = Routing(scenario)
        self.deeds = Deeds(cluster, scenario, self._turned)
        self._lock = threading.Lock()
        self._kept: KeptLog | None = None
        self._others: set[int] = set()
        self._start = 0

    def trace(self) -> Trace:
        self._make_ready()
        load = Load(self.cluster, self.scenario, self.routing)
        positions = Positions(self.cluster.servers.values(), files=_removes(self.scenario))
        try:
            load.prepare()
            self.deeds.prepare()
            notes = self._begin()
            positions.begin()
            zero = notes.zero = time.monotonic() + _HEAD_START_S
            with self._beside(zero):
                load.begin(zero)
                self.deeds.run(zero)
        finally:
            load.end()
            positions.end()
            self.deeds.end()
            if self._kept is not None:
                self._kept.end()
        notes.attempts, notes.samples, notes.turns = load.attempts, positions.samples, self.turns
        notes.said = {name: server.said() for name, server in self.cluster.servers.items()}
        notes.messages = self.cluster.wires.messages(since=zero - 1)
        self._resolve(load)
        notes.timelines = self._timelines(notes)
        return tell(self.scenario, notes)

    def _turned(self, node: str, at: float, **changes: Any) -> None:
        with self._lock:
            self.turns.append(Turn(node, at, **changes))
        if changes.get("leads"):
            self.routing.promoted(node, at)

    # -- before ---------------------------------------------------------------------------------------------------

    def _make_ready(self) -> None:
        """Bring the cluster into the state in which the run begins."""
        cluster, scenario = self.cluster, self.scenario
        if cluster.changed or len(cluster.standbys) != scenario.replicas:
            cluster.reset(scenario.replicas)
        cluster.calm()
        leader = cluster.servers[LEADER]
        leader.set({"synchronous_standby_names": ""})
        with leader.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS writes, churn")
            connection.execute(CREATE)
            connection.execute(INDEX)
            connection.execute("CREATE TABLE churn (n bigint)")
            connection.execute("INSERT INTO churn SELECT generate_series(1, %s::int)", (_CHURN_ROWS,))
            connection.execute("CHECKPOINT")
        self._set_slots()
        for name, server in cluster.servers.items():
            server.set(settings(scenario, name))
        cluster.wait_streaming(scenario.standbys)
        leader.set({"synchronous_standby_names": rule_text(scenario.sync_rule())})
        cluster.wait_synchronous(scenario.sync_rule())

    def _set_slots(self) -> None:
        cluster = self.cluster
        leader = cluster.servers[LEADER]
        there = {row[0] for row in leader.ask("SELECT slot_name FROM pg_replication_slots")}
        wanted = set(self.scenario.standbys) if self.scenario.slots else set()
        for name in self.scenario.standbys:
            if name in wanted and name not in there:
                leader.ask("SELECT pg_create_physical_replication_slot(%s, true)", (name,))
            slot = name if name in wanted else ""
            if cluster.servers[name].settings.get("primary_slot_name", "") != slot:
                cluster.servers[name].set({"primary_slot_name": slot})
        for name in there - wanted:
            cluster.drop_slot(name)

    def _begin(self) -> Notes:
        cluster = self.cluster
        leader = cluster.servers[LEADER]
        if _removes(self.scenario):  # the log begins with a file of its own; in the end a standby may be of no use
            cluster.changed = True
            leader.ask("SELECT pg_switch_wal()")
            self._kept = KeptLog(leader.data / "pg_wal")
            self._kept.begin()
        [(lsn,)] = leader.ask("SELECT pg_current_wal_insert_lsn()")
        self._start = Lsn.parse(lsn).position
        wall = time.time() - time.monotonic()
        return Notes(zero=0.0, wall=wall, start=self._start, segment_bytes=cluster.segment_mb * 2**20)

    # -- beside ---------------------------------------------------------------------------------------------------

    @contextmanager
    def _beside(self, zero: float) -> Iterator[None]:
        """Do what goes on all the time: checkpoints, and where somebody queries for long, rows that die."""
        over = threading.Event()
        jobs = []
        if self.scenario.checkpoint_ms < self.scenario.duration_ms:
            jobs.append(threading.Thread(target=self._checkpoints, args=(zero, over), daemon=True))
        if any(isinstance(fault, LongQuery) for fault in self.scenario.timeline):
            jobs.append(threading.Thread(target=self._churn, args=(zero, over), daemon=True))
        for job in jobs:
            job.start()
        try:
            yield
        finally:
            over.set()
            for job in jobs:
                job.join()

    def _checkpoints(self, zero: float, over: threading.Event) -> None:
        """Checkpoint at the scenario's pace."""
        import psycopg

        for _ in _every(self.scenario.checkpoint_ms, zero, over):
            try:
                self.cluster.servers[LEADER].ask("CHECKPOINT")
            except psycopg.Error:
                return

    def _churn(self, zero: float, over: threading.Event) -> None:
        """Change rows and remove the dead ones, as vacuum does: replay must wait for who still reads them."""
        import psycopg

        for _ in _every(self.scenario.vacuum_ms, zero, over):
            try:
                with self.cluster.servers[LEADER].connect() as connection:
                    row = connection.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
                    self._others.add(row[0] if row else -1)
                    changed = connection.execute(
                        "WITH changed AS (UPDATE churn SET n = n + 1 RETURNING 1) "
                        "SELECT pg_current_xact_id()::text::bigint, count(*) FROM changed"
                    ).fetchone()
                    self._others.add(changed[0] if changed else -1)
                    connection.execute("VACUUM (TRUNCATE false) churn")
            except psycopg.Error:
                return

    # -- after ----------------------------------------------------------------------------------------------------

    def _resolve(self, load: Load) -> None:
        """Find out what became of the writes that were never answered, from the nodes that still run."""
        import psycopg

        open_ones = {a.value: a for a in load.attempts if a.kind == OpKind.WRITE and a.xid < 0 and a.node}
        for name in {attempt.node for attempt in open_ones.values()}:
            try:
                rows = self.cluster.servers[name].ask(
                    "SELECT value, xmin::text::bigint FROM writes WHERE value = ANY(%s)", (list(open_ones),)
                )
            except psycopg.Error:
                continue
            for value, xid in rows:
                if open_ones[value].node == name:
                    open_ones[value].xid = xid

    def _read(self, timeline: int, leader: str, start: int) -> Commits:
        program = self.cluster.programs.program("pg_waldump")
        log = self.cluster.servers[leader].data / "pg_wal"
        if self._kept is not None and leader == LEADER:
            log = self._kept.folder
        return read_commits(program, log, timeline, start)

    def _timelines(self, notes: Notes) -> list[tuple[int, str, int, Commits]]:
        """Return each timeline with its leader, where it left the one before, and its commits."""
        found = [(1, LEADER, 0, self._read(1, LEADER, self._start).without(self._others))]
        number = 1
        for turn in self.turns:
            if turn.leads:
                number += 1
                fork = self.cluster.servers[turn.node].fork_of(number)
                found.append((number, turn.node, fork, self._read(number, turn.node, fork)))
        return found


def _every(pace_ms: float, zero: float, over: threading.Event) -> Iterator[int]:
    """Count the multiples of a time (ms) after `zero`, each at its moment, until all is over."""
    for number in itertools.count(1):
        if over.wait(max(zero + number * pace_ms / 1000 - time.monotonic(), 0.0)):
            return
        yield number


def settings(scenario: Scenario, node: str) -> Mapping[str, str]:
    """Return the settings of one node that a scenario asks for, those of the synchronous rule aside."""
    wait, most = scenario.max_standby_streaming_delay_ms, scenario.max_slot_wal_keep_mb
    kept = scenario.wal_keep_mb if _removes(scenario) else _PLENTY_MB
    delay = scenario.of(node, "apply_delay_ms") if node != LEADER else 0
    return {
        "synchronous_commit": scenario.level,
        "wal_keep_size": f"{kept:.0f}MB",
        "max_slot_wal_keep_size": f"{most:.0f}MB" if most >= 0 else "-1",
        **(KEPT if _removes(scenario) else {}),
        "wal_sender_timeout": f"{scenario.wal_sender_timeout_ms:.0f}ms",
        "max_standby_streaming_delay": f"{wait:.0f}ms" if wait >= 0 else "-1",
        "hot_standby_feedback": "on" if scenario.hot_standby_feedback else "off",
        "recovery_min_apply_delay": f"{delay:.0f}ms",
    }
