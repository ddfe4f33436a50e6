"""The same scenario on real Valkey servers: `run(scenario) -> Trace`."""

from __future__ import annotations

from ...scenario import LEADER, Scenario
from ...trace import Trace
from ..errors import LabError
from ..routing import Routing
from ..sampled.deeds import Deeds
from ..sampled.notes import Notes
from ..sampled.playing import play
from ..sampled.telling import tell
from .cluster import Cluster
from .expressing import cannot
from .load import Load, WaitingWrite, marks
from .positions import Positions, numbered
from .server import command


def run(scenario: Scenario, cluster: Cluster | None = None, *, wait_ms: int = 0) -> Trace:
    """Run a scenario on a real Valkey primary and its replicas.

    The clients' writes come at the moments at which they come in a simulated run. A rule such as ``ANY n (*)`` becomes
    `WAIT n` after each write. WAIT promises little: the primary has done the write and shows it before it waits, and
    undoes nothing if too few replicas have it in time; it names no replica, so that the one which is promoted may be
    one that it did not count; and a replica counts once it has the write in memory. A write whose WAIT ended with too
    few is answered all the same (`Outcome.OK`), and a mark says so: its client was told, and the write stands.

    Nothing is on a disk: of a node's positions, flushed is received, and committed on a leader is appended. A crashed
    leader's connections close with all that was on its way; a cut link holds back what it carries.

    Parameters
    ----------
    cluster : Cluster, optional
        An open one with as many replicas, used again: it begins anew. By default one is made for this run alone.
    wait_ms : int
        The timeout of each WAIT, ms; 0: none. A `CancelWaits` ends them as a timeout would.

    Returns
    -------
    Trace
        What happened; the replicas' positions are sampled every 5 ms, and the flights are what must have brought them
        from one sample to the next.

    Raises
    ------
    LabError
        If the scenario asks for what real Valkey servers cannot do, or the cluster has another number of replicas.
    MissingServerError
        If there is no Valkey.
    """
    wrong = cannot(scenario)
    if wrong:
        raise LabError(" ".join(wrong))
    if wait_ms < 0:
        raise LabError(f"wait_ms is {wait_ms}: it must be at least 0.")
    if cluster is None:
        with Cluster(scenario.replicas) as own:
            return _run(scenario, own, wait_ms)
    return _run(scenario, cluster, wait_ms)


def _run(scenario: Scenario, cluster: Cluster, wait_ms: int) -> Trace:
    cluster.begin_anew(scenario.replicas)
    history = cluster.history(LEADER)
    routing = Routing(scenario)
    load = Load(cluster, scenario, routing, wait_ms)
    deeds = Deeds(cluster, scenario, routing.promoted)
    positions = Positions(cluster)
    zero = play(load, deeds, positions)
    _resolve(cluster, load.writes)
    samples = numbered(positions.heard, len(command(0, 0, round(scenario.record_bytes))))
    return tell(scenario, Notes(zero, history, load.writes, samples, deeds.turns, marks(load.writes)))


def _resolve(cluster: Cluster, writes: list[WaitingWrite]) -> None:
    """Find out what became of the writes that were never answered, from the newest leader and who took them."""
    for node in dict.fromkeys((cluster.leader, LEADER)):
        server = cluster.servers[node]
        if not server.runs():
            continue
        place = {value: lsn for lsn, value in enumerate(server.contents(), 1)}
        for write in writes:
            if write.lsn < 0 and write.node and not write.error:
                write.lsn = place.get(write.value, -1)
