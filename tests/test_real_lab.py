"""Real PostgreSQL servers fill in the same trace: what it says is what is in their tables."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from replication_viz import checks, measures, trace_files
from replication_viz.checks import History
from replication_viz.checks.from_trace import held
from replication_viz.real import lab
from replication_viz.real.cluster import Cluster
from replication_viz.real.errors import LabError
from replication_viz.real.rescue import drill_scenario, drop_and_restore, failover_drill, split_brain
from replication_viz.real.watchdog import shared_memory
from replication_viz.scenario import (
    CancelWaits,
    Change,
    Crash,
    CutLink,
    Freeze,
    LinkDelay,
    NodeSettings,
    Partition,
    PauseReplay,
    Promote,
    Rebuild,
    Restart,
    Scenario,
)
from replication_viz.timelines import Timelines
from replication_viz.trace import FlightKind, OpKind, Outcome, Position, Trace

from .steady import steady
from .test_guard import gone

pytestmark = pytest.mark.real

PLAIN = Scenario(ack="s1", rate_per_s=200, duration_ms=700, network_ms=0, network_spread=0)


def run(scenario: Scenario, cluster: Cluster) -> Trace:
    return steady(scenario, lambda: lab.run(scenario, cluster))


def rows_of(cluster: Cluster, node: str) -> set[int]:
    return {value for (value,) in cluster.servers[node].ask("SELECT value FROM writes")}


def told_of(trace: Trace, node: str) -> set[int]:
    return {int(value) for values in held(trace, node, trace.duration_ms).values() for value in values}


def assert_true(cluster: Cluster, trace: Trace, *, down: tuple[str, ...] = (), behind: tuple[str, ...] = ()) -> None:
    """Each node that is up holds what the trace says; more only by what came to it after the run's last moment."""
    answered = trace.ops.where((trace.ops.kind == OpKind.WRITE) & ~np.isnan(trace.ops.returned))
    late = set(trace.ops.value.tolist()) - set(answered.value.tolist())
    last = {int(v) for v in answered.value[answered.returned > trace.duration_ms - 50]}
    for node in cluster.servers:
        if node not in down:
            there, told = rows_of(cluster, node), told_of(trace, node)
            assert told <= there, node
            assert there - told <= late | last or node in behind, node


def test_a_quiet_run_is_what_the_tables_hold(cluster: Cluster, tmp_path: Path):
    trace = run(PLAIN, cluster)
    assert trace_files.load(trace_files.save(trace, tmp_path / "run.zip")).digest() == trace.digest()
    writes = trace.ops.where(trace.ops.kind == OpKind.WRITE)
    assert len(writes) > 100
    assert (writes.outcome == Outcome.OK).mean() > 0.97
    assert_true(cluster, trace)
    for node in ("s1", "s2", "s3"):
        for which in (Position.RECEIVED, Position.FLUSHED, Position.REPLAYED):
            times, lsns = trace.steps(node, which)
            assert (np.diff(times) >= 0).all()
            assert (np.diff(lsns) > 0).all()
            assert lsns[-1] >= len(writes) - 25
    answered = writes.where(writes.outcome == Outcome.OK)
    flushed = trace.at("s1", Position.FLUSHED, answered.returned)
    assert (flushed >= answered.lsn).mean() > 0.99, "nobody is answered before s1 has it on disk"
    assert sorted(answered.lsn.tolist()) == list(range(1, len(answered) + 1)) or len(answered) < len(writes)
    assert set(trace.flights.kind.tolist()) == {
        FlightKind.WAL,
        FlightKind.WROTE,
        FlightKind.FLUSHED,
        FlightKind.REPLAYED,
    }


def test_the_same_writes_come_at_the_same_moments_as_in_the_simulator(cluster: Cluster):
    from replication_viz import run as simulate

    real, simulated = run(PLAIN, cluster), simulate(PLAIN)
    assert real.ops.invoked.tolist() == simulated.ops.invoked.tolist()
    assert real.ops.key.tolist() == simulated.ops.key.tolist()
    assert real.ops.client.tolist() == simulated.ops.client.tolist()


def test_asynchronous_writes_are_lost_at_a_crash_and_named(cluster: Cluster):
    faults = (Crash(node="L", at_ms=600), Promote(node="s1", at_ms=650))
    trace = run(PLAIN.but(ack="async", rate_per_s=500, network_ms=100, duration_ms=1_100, faults=faults), cluster)
    lost = measures.lost(trace)
    acknowledged = trace.ops.where((trace.ops.kind == OpKind.WRITE) & (trace.ops.outcome == Outcome.OK))
    expected = int(
        ((acknowledged.returned > 500) & (acknowledged.node == 0)).sum()
    )  # those of the last 100 ms, and until it was dead
    assert 5 < 0.6 * expected <= len(lost) <= 1.4 * expected, "what is acknowledged within the one-way delay"
    assert_true(cluster, trace, down=("L", "s2", "s3"))
    there = rows_of(cluster, "s1")
    assert not set(lost.value.tolist()) & there
    assert set(acknowledged.value.tolist()) - there == set(lost.value.tolist())
    assert len(checks.no_lost_write(trace)) == len(lost)


def test_under_any_1_nothing_is_lost_if_the_most_advanced_is_promoted(cluster: Cluster):
    stuck = {"s1": NodeSettings(network_ms=150)}
    scenario = PLAIN.but(
        ack="ANY 1 (*)",
        nodes=stuck,
        duration_ms=1_500,
        controllers="s2",
        heartbeat_ms=50,
        detect_ms=250,
        faults=(Crash(node="L", at_ms=500),),
    )
    trace = run(scenario, cluster)
    assert len(measures.lost(trace)) == 0
    assert Timelines(trace).forks[2].node in ("s2", "s3")
    drill = measures.drill(trace)
    assert drill.detected_ms < drill.promoted_ms <= drill.outage_ms


def test_two_leaders_diverge_and_a_rewind_discards_what_the_old_one_took(cluster: Cluster):
    found = split_brain(cluster)
    assert "forked off current database system timeline" in found.refused
    assert found.only_old > 100
    assert found.only_new > 50
    assert found.kept == 0
    assert found.same
    assert abs(len(measures.lost(found.trace)) - found.only_old) <= 5
    assert measures.two_acknowledge_ms(found.trace) > 500
    assert len(checks.one_leader_acknowledges(found.trace)) > 0


def test_a_dropped_table_is_gone_everywhere_and_comes_back_from_backup_and_archive(cluster: Cluster):
    found = drop_and_restore(cluster)
    assert set(found.gone_ms) == {"L", "s1", "s2", "s3"}
    assert found.restored == found.rows == 1_500
    assert found.error == ""
    missing = drop_and_restore(cluster, lose_a_file=True)
    assert missing.restored == 0
    assert missing.error == "recovery ended before configured recovery target was reached"


def test_a_failover_drill_is_noticed_and_survived(cluster: Cluster):
    patient = drill_scenario().but(detect_ms=1_000, duration_ms=3_500)  # others work on this machine, too
    trace = failover_drill(cluster, patient)
    drill = measures.drill(trace)
    assert 900 <= drill.detected_ms < drill.promoted_ms
    assert drill.lost == 0
    after = (trace.ops.invoked > 3_000) & (trace.ops.kind == OpKind.WRITE)
    assert (trace.ops.outcome[after] == Outcome.OK).mean() > 0.9


def test_stale_reads_are_found_with_naive_routing_and_none_with_lsn_tracking(cluster: Cluster):
    slow = PLAIN.but(ack="async", nodes={"s1": NodeSettings(apply_delay_ms=150)}, read_from="s1", reread_ms=5)
    naive = History.of(run(slow, cluster))
    assert len(checks.read_your_writes(naive).violations) > 50
    tracked = run(slow.but(session="lsn", lsn_wait_ms=400, duration_ms=1_000), cluster)
    assert checks.read_your_writes(History.of(tracked)).violations == ()
    reads = tracked.ops.where((tracked.ops.kind == OpKind.READ) & (tracked.ops.outcome == Outcome.OK))
    assert len(reads) > 50


def test_faults_strike_and_pass(cluster: Cluster):
    faults = (
        PauseReplay(node="s2", at_ms=200, for_ms=900),
        Freeze(node="s3", at_ms=200, for_ms=900),
        CutLink(source="L", target="s1", at_ms=300, for_ms=900),
        LinkDelay(source="s1", target="L", at_ms=1_300, extra_ms=40, for_ms=200),
        Change(setting="ack", value="ANY 1 (s2, s3)", at_ms=1_600),
        Crash(node="s2", at_ms=1_700),
        Restart(node="s2", at_ms=1_800),
    )
    trace = run(PLAIN.but(duration_ms=2_600, faults=faults), cluster)
    assert_true(cluster, trace, behind=("s2",))
    # On a busy machine a fault may strike some 100 ms late: what it does is looked for after that.
    paused = trace.at("s2", Position.REPLAYED, [700, 1_090, 1_600])
    assert paused[1] - paused[0] <= 3 < paused[2] - paused[1]
    frozen = trace.at("s3", Position.FLUSHED, [700, 1_090])
    assert frozen[0] == frozen[1]
    cut = trace.ops.where((trace.ops.invoked > 700) & (trace.ops.invoked < 1_000))
    assert ((cut.returned > 1_195) | np.isnan(cut.returned)).all(), "no commit while s1 gets nothing"
    up = trace.states.where(trace.states.node == 2)
    assert up.up.tolist() == [True, False, True]


def test_a_cancelled_commit_is_answered_and_stands_on_the_leader_alone(cluster: Cluster):
    faults = (Partition(nodes=("s1",), at_ms=200), CancelWaits(at_ms=500))
    trace = run(PLAIN.but(faults=faults), cluster)
    during = trace.ops.where((trace.ops.invoked > 220) & (trace.ops.invoked < 400))
    assert (during.outcome == Outcome.OK).mean() > 0.8
    early = during.returned < 500
    assert not early.any()  # one that began to wait after the others were cancelled may wait still
    assert trace.at("s1", Position.RECEIVED, 690.0) < during.lsn.max()


def test_a_standby_is_set_up_anew(cluster: Cluster):
    trace = run(PLAIN.but(duration_ms=2_500, faults=(Rebuild(node="s3", at_ms=300),)), cluster)
    assert trace.states.where(trace.states.node == 3).up.tolist() == [True, False, True]
    assert_true(cluster, trace, behind=("s3",))
    cluster.changed = True


def test_what_it_cannot_do_it_says_and_does_nothing(cluster: Cluster):
    with pytest.raises(LabError, match=r"^topology is 'leaderless': on real servers it must be 'single_leader'\.$"):
        run(Scenario(topology="leaderless"), cluster)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_kernel_that_is_killed_in_the_middle_of_an_experiment_leaves_nothing_behind(cluster: Cluster):
    program = """
from replication_viz.real.cluster import Cluster
from replication_viz.real.lab import run
from replication_viz.scenario import Scenario
with Cluster(2) as cluster:
    print(cluster.guard.folder, flush=True)
    run(Scenario(replicas=2, duration_ms=60_000), cluster)
"""
    kernel = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert kernel.stdout is not None
    folder = Path(kernel.stdout.readline().strip())
    while len(memory := shared_memory(folder)) < 3:
        time.sleep(0.01)
    kernel.send_signal(signal.SIGKILL)
    kernel.wait()
    kernel.stdout.close()
    assert gone(folder)
    assert not set(map(str, memory)) & set(_segments())


def _segments() -> list[str]:
    """Return the numbers of this machine's System V segments."""
    file = Path("/proc/sysvipc/shm")
    return sorted(line.split()[1] for line in file.read_text().splitlines()[1:]) if file.exists() else []


@pytest.mark.skipif(os.name != "posix", reason="users")
def test_somebody_without_rights_can_run_it():
    """As root it runs as `nobody`, who may read all files, since this Python may lie in root's own folder."""
    program = """
import os
from replication_viz.real.cluster import Cluster
from replication_viz.real.lab import run
from replication_viz.scenario import Scenario
with Cluster(1) as cluster:
    trace = run(Scenario(replicas=1, duration_ms=300), cluster)
    print(os.geteuid() > 0, len(trace.ops) > 10, cluster.guard.owner)
print(cluster.guard.folder.exists())
"""
    command = [sys.executable, "-c", program]
    if os.geteuid() == 0:
        nobody = ["--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        command = ["setpriv", *nobody, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", *command]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=60)
    assert done.stdout.split() == ["True", "True", "{}", "False"], done.stderr
