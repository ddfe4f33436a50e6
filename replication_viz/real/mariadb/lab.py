"""The same scenario on real MariaDB servers: `run(scenario) -> Trace`."""

from __future__ import annotations

import re

from ...scenario import LEADER, Scenario
from ...trace import Trace
from ..errors import LabError
from ..routing import Routing
from ..sampled.deeds import Deeds
from ..sampled.notes import Notes, Write
from ..sampled.playing import play
from ..sampled.telling import tell
from .cluster import Cluster
from .expressing import cannot, waits
from .load import Load
from .positions import Positions, patience

_FOR_EVER_MS = 2**32 - 1  # 49 days
_GTID = re.compile(r"GTID \d+-\d+-(\d+)")
_VALUE = re.compile(r"INSERT INTO writes VALUES \((\d+),")


def run(scenario: Scenario, cluster: Cluster | None = None) -> Trace:
    """Run a scenario on a real MariaDB primary and its replicas.

    ``ANY 1 (*)`` is semi-sync: a commit waits until one replica has it in its relay log, on its disk. With an
    ``ack_timeout_ms`` the primary goes on without replicas once a commit has waited so long, and tells no client; a
    mark says so. The wait point is AFTER_SYNC: no reader sees a write that still waits.

    Parameters
    ----------
    cluster : Cluster, optional
        An open one with as many replicas, used again: it begins anew. By default one is made for this run alone.

    Returns
    -------
    Trace
        What happened; positions are sampled every 10 ms, and the flights are what must have brought a replica from one
        sample to the next.

    Raises
    ------
    LabError
        If the scenario asks for what real MariaDB servers cannot do, or the cluster has another number of replicas.
    MissingServerError
        If there is no MariaDB.
    """
    wrong = cannot(scenario)
    if wrong:
        raise LabError(" ".join(wrong))
    if cluster is None:
        with Cluster(scenario.replicas) as own:
            return _run(scenario, own)
    return _run(scenario, cluster)


def _run(scenario: Scenario, cluster: Cluster) -> Trace:
    cluster.begin_anew(scenario.replicas)
    routing = Routing(scenario)
    load = Load(cluster, scenario, routing)
    deeds = Deeds(cluster, scenario, routing.promoted)
    positions = Positions(cluster)
    if waits(scenario):
        cluster.semi_sync(scenario.ack_timeout_ms if scenario.ack_timeout_ms >= 0 else _FOR_EVER_MS)
    zero = play(load, deeds, positions)
    _resolve(cluster, load.writes)
    marks = patience(positions.waiting, zero, scenario.ack_timeout_ms) if waits(scenario) else []
    history = cluster.history(LEADER)
    notes = Notes(zero, history, load.writes, positions.samples, deeds.turns, marks, shows_when_answered=True)
    return tell(scenario, notes)


def _resolve(cluster: Cluster, writes: list[Write]) -> None:
    """Find out what became of the writes that were never answered, from the leader's log."""
    server = cluster.servers[cluster.leader]
    if not server.runs():
        return
    place: dict[int, int] = {}
    number = 0
    for *_, info in server.ask("SHOW BINLOG EVENTS"):
        if found := _GTID.search(info):
            number = int(found[1]) - server.base
        elif found := _VALUE.search(info):
            place[int(found[1])] = number
    for write in writes:
        if write.lsn < 0 and write.node:
            write.lsn = place.get(write.value, -1)
