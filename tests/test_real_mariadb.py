"""The simulator's scenarios on real MariaDB servers: semi-sync, its patience, and what is lost when that has run out.

No Python package brings MariaDB: where it is not installed these tests skip, in CI too.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from replication_viz import Scenario, Trace, checks, measures, run, scenarios
from replication_viz.real import mariadb
from replication_viz.real.binaries import MARIADB_VARIABLE
from replication_viz.real.binaries import mariadb as find_mariadb
from replication_viz.real.errors import LabError, MissingServerError
from replication_viz.real.mariadb.positions import patience
from replication_viz.real.watchdog import working_in
from replication_viz.scenario import Crash, LinkDelay, Partition, Promote, Restart
from replication_viz.trace import MarkKind, Outcome, Position

from .steady import steady

SEMI_SYNC = scenarios["semi_sync_falls_back"]
CALM = Scenario(replicas=1, network_ms=0, network_spread=0, rate_per_s=100, arrivals="constant", duration_ms=1_000)


@pytest.fixture(scope="module")
def cluster() -> Iterator[mariadb.Cluster]:
    """A primary and one replica, for all tests of this file."""
    try:
        with mariadb.Cluster(1) as found:
            yield found
    except MissingServerError as error:
        pytest.skip(str(error))


def play(scenario: Scenario, cluster: mariadb.Cluster) -> Trace:
    return steady(scenario, lambda: mariadb.run(scenario, cluster))


def rows_of(cluster: mariadb.Cluster, node: str) -> set[int]:
    return {value for (value,) in cluster.servers[node].ask("SELECT value FROM writes")}


def answered(trace: Trace) -> set[int]:
    return set(trace.ops.value[trace.ops.outcome == Outcome.OK].tolist())


def told(trace: Trace, kind: MarkKind) -> list[float]:
    return [float(time) for time in trace.marks.time[trace.marks.kind == kind]]


# -- without a server -------------------------------------------------------------------------------------------------


def test_importing_it_loads_no_client_library():
    program = "import sys, replication_viz.real.mariadb; assert not {'pymysql', 'matplotlib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"topology": "leaderless"}, "topology"),
        ({"reads_per_s": 10}, "reads_per_s"),
        ({"ack": "ANY 2 (*)", "replicas": 2}, "whichever it is"),
        ({"ack": "s1", "replicas": 2}, "whichever it is"),
        ({"level": "remote_apply"}, "remote_apply"),
        ({"rate_per_s": 5_000}, "1,000 writes/s"),
        ({"arrivals": "closed"}, "arrive on their own"),
        ({"faults": (Restart(node="s1", at_ms=5),)}, "restart"),
        ({"faults": (Promote(node="s1", at_ms=500),)}, "while L lives"),
        ({"faults": (Crash(node="L", at_ms=500), Promote(node="s1", at_ms=400))}, "while L lives"),
    ],
)
def test_what_mariadb_cannot_do_is_said(changes: dict[str, object], word: str):
    scenario = CALM.but(**changes)
    assert any(word in sentence for sentence in mariadb.cannot(scenario)), mariadb.cannot(scenario)
    with pytest.raises(LabError, match=word):
        mariadb.run(scenario)


def test_it_can_do_the_scenario_of_lesson_04():
    assert mariadb.cannot(SEMI_SYNC) == []


def test_where_there_is_none_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv(MARIADB_VARIABLE, str(tmp_path / "mariadbd"))
    with pytest.raises(LabError, match=r"it must be the program mariadbd, its share folder near\.$"):
        find_mariadb()
    monkeypatch.delenv(MARIADB_VARIABLE)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("replication_viz.real.binaries._SERVER_FOLDERS", ())
    with pytest.raises(MissingServerError, match=r"mariadb-server-core"):
        find_mariadb()


def test_a_server_that_stops_waiting_and_waits_again_is_marked_at_each_turn():
    heard = [("L", 10.0, True), ("L", 10.1, False), ("L", 10.2, False), ("s1", 10.2, False), ("L", 10.3, True)]
    heard.append(("s1", 10.4, True))  # it was promoted
    marks = patience(heard, zero=10.0, timeout_ms=50)
    assert [(mark.kind, round(mark.at), mark.node) for mark in marks] == [
        (MarkKind.FELL_BACK, 100, "L"),
        (MarkKind.WAITS_AGAIN, 300, "L"),
    ]
    assert marks[0].text == "L has waited 50 ms for replicas, and goes on without them"


# -- with servers -----------------------------------------------------------------------------------------------------


def test_a_quiet_run_is_what_the_tables_hold(cluster: mariadb.Cluster):
    trace = play(CALM, cluster)
    assert (trace.ops.outcome == Outcome.OK).mean() > 0.9
    assert answered(trace) <= rows_of(cluster, "L")
    assert answered(trace) <= rows_of(cluster, "s1"), "each was received before its answer, and is applied by now"
    known = trace.ops.lsn[trace.ops.lsn > 0]
    assert sorted(known.tolist()) == list(range(1, len(known) + 1))
    for which in (Position.RECEIVED, Position.REPLAYED):
        assert trace.at("s1", which, 900) > 0.7 * trace.at("L", Position.FLUSHED, 900)
    simulated = run(CALM)
    assert trace.ops.value.tolist() == simulated.ops.value.tolist()


def test_a_commit_waits_for_a_round_trip_and_under_async_it_does_not(cluster: mariadb.Cluster):
    """Under load it takes longer than one: who comes while others wait for theirs waits for those first."""
    far = CALM.but(network_ms=35, rate_per_s=40)
    waiting, asynchronous = play(far, cluster), play(far.but(ack="async"), cluster)
    took = [np.nanmedian(trace.ops.returned - trace.ops.invoked) for trace in (waiting, asynchronous)]
    assert 70 < took[0] < 200
    assert took[1] < 70


def test_no_reader_of_the_leader_sees_a_write_that_still_waits(cluster: mariadb.Cluster):
    """The wait point is AFTER_SYNC."""
    trace = play(CALM.but(faults=(Partition(nodes=("s1",), at_ms=300, for_ms=600),)), cluster)
    waited = (trace.ops.returned - trace.ops.invoked) > 200
    assert waited.any()
    first = np.flatnonzero(waited)[0]
    moment = float(trace.ops.returned[first]) - 50
    assert trace.at("L", Position.COMMITTED, moment) < trace.ops.lsn[first] <= trace.at("L", Position.FLUSHED, moment)


def test_its_patience_runs_out_without_a_word_to_the_clients_and_what_comes_then_is_lost(cluster: mariadb.Cluster):
    trace = play(SEMI_SYNC, cluster)
    [fell] = told(trace, MarkKind.FELL_BACK)
    assert 1_000 < fell < 1_500, "half a second after the first write that waited"
    early = trace.ops.where(trace.ops.invoked < fell)
    assert not (early.outcome == Outcome.FAILED).any(), "nobody is told"
    gone = measures.lost(trace)
    assert set(gone.value.tolist()) == answered(trace) - rows_of(cluster, "s1")
    assert len(checks.no_lost_write(trace).violations) == len(gone)
    assert len(gone) == pytest.approx(len(measures.lost(run(SEMI_SYNC))), rel=0.25), "as predicted"


def test_with_patience_without_end_nothing_is_lost_and_nobody_is_answered(cluster: mariadb.Cluster):
    trace = play(SEMI_SYNC.but(ack_timeout_ms=-1), cluster)
    assert len(measures.lost(trace)) == 0
    assert answered(trace) <= rows_of(cluster, "s1")
    during = (trace.ops.invoked > 700) & (trace.ops.invoked < 1_900)
    assert not (trace.ops.outcome[during] == Outcome.OK).any()
    assert not told(trace, MarkKind.FELL_BACK)


def test_async_loses_what_is_on_its_way(cluster: mariadb.Cluster):
    faults = (Crash(node="L", at_ms=900), Promote(node="s1", at_ms=950))
    trace = play(CALM.but(ack="async", network_ms=200, rate_per_s=200, duration_ms=1_800, faults=faults), cluster)
    gone = measures.lost(trace)
    assert set(gone.value.tolist()) == answered(trace) - rows_of(cluster, "s1")
    assert 0.5 < len(gone) / (200 * 0.2) < 2
    assert len(told(trace, MarkKind.PROMOTED)) == 1


def test_it_waits_again_once_the_replica_has_caught_up(cluster: mariadb.Cluster):
    faults = (Partition(nodes=("s1",), at_ms=300, for_ms=900),)
    trace = play(CALM.but(ack_timeout_ms=300, rate_per_s=20, duration_ms=3_500, faults=faults), cluster)
    [fell], [again] = told(trace, MarkKind.FELL_BACK), told(trace, MarkKind.WAITS_AGAIN)
    assert fell < 1_200 < again


def test_a_delayed_link_holds_the_replica_back_and_not_the_leader(cluster: mariadb.Cluster):
    delay = LinkDelay(source="L", target="s1", at_ms=0, for_ms=5_000, extra_ms=150)
    trace = play(CALM.but(ack="async", faults=(delay,)), cluster)
    behind = trace.at("L", Position.FLUSHED, 800) - trace.at("s1", Position.RECEIVED, 800)
    assert 8 <= behind <= 30, "15 at 100 writes/s"


def test_no_server_listens_on_a_port_and_a_wire_lets_nobody_in_without_the_password(cluster: mariadb.Cluster):
    import pymysql

    port = cluster.way("L", "s1")
    with pytest.raises(pymysql.err.OperationalError, match="denied"):
        pymysql.connect(host="127.0.0.1", port=port, user="lab", password="wrong", ssl_disabled=True)
    with pytest.raises(pymysql.err.OperationalError, match="denied"):
        pymysql.connect(host="127.0.0.1", port=port, user="root", ssl_disabled=True)
    for name in cluster.servers:
        assert not cluster.servers[name].ask("SELECT @@port")[0][0] or not _listens(name, cluster)


def _listens(name: str, cluster: mariadb.Cluster) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", int(cluster.servers[name].ask("SELECT @@port")[0][0]))) == 0


def test_nothing_is_left_when_it_is_over(cluster: mariadb.Cluster):
    with mariadb.Cluster(0) as alone:
        folder = alone.guard.folder
        assert mariadb.run(CALM.but(replicas=0, ack="async", duration_ms=300), alone).duration_ms == 300
    assert not folder.exists()
    assert not list(working_in(folder))


def test_a_cluster_of_another_size_is_refused(cluster: mariadb.Cluster):
    with pytest.raises(LabError, match="the cluster has 1 replicas: the scenario has 2"):
        mariadb.run(CALM.but(replicas=2), cluster)
