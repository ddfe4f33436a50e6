"""The simulator's scenarios on real Valkey servers: the same writes and faults, and the losses that theory predicts."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from replication_viz import checks, measures, run, scenarios, trace_files
from replication_viz.real import valkey
from replication_viz.real.binaries import valkey as find_valkey
from replication_viz.real.errors import LabError, MissingServerError
from replication_viz.real.valkey.positions import Heard, Offsets
from replication_viz.real.watchdog import working_in
from replication_viz.scenario import (
    Change,
    Crash,
    CutLink,
    DropSlot,
    Fault,
    Freeze,
    LinkDelay,
    Partition,
    Promote,
    Restart,
    Scenario,
    SlowReplay,
)
from replication_viz.trace import MarkKind, Ops, Outcome, Position, Trace
from replication_viz.views.stage import Stage

from .steady import steady

RATE = 800
CALM = Scenario(
    ack="async",
    network_ms=0,
    network_spread=0,
    rate_per_s=RATE,
    arrivals="constant",
    promote_ms=0,
    duration_ms=1_000,
)
CRASH = (Crash(node="L", at_ms=700), Promote(node="s1", at_ms=750))
STALLED = CutLink(source="L", target="s1", both_ways=True, at_ms=300)
WAIT_1 = CALM.but(ack="ANY 1 (*)", level="remote_write", network_ms=1)


@pytest.fixture(scope="session")
def program() -> None:
    """A Valkey on this machine."""
    try:
        find_valkey()
    except MissingServerError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def cluster(program: None) -> Iterator[valkey.Cluster]:
    """A primary and three replicas; each run begins with empty ones."""
    with valkey.Cluster(3) as found:
        yield found


def acknowledged(trace: Trace) -> Ops:
    return trace.ops.where(trace.ops.outcome == Outcome.OK)


def play(scenario: Scenario, cluster: valkey.Cluster, wait_ms: int = 0) -> Trace:
    return steady(scenario, lambda: valkey.run(scenario, cluster, wait_ms=wait_ms))


def lost(trace: Trace, cluster: valkey.Cluster, survivor: str = "s1") -> int:
    """Return how many acknowledged writes are gone; measure, checker and the server itself must name the same."""
    holds = set(cluster.servers[survivor].contents())
    gone = {value for value in acknowledged(trace).value.tolist() if value not in holds}
    assert set(measures.lost(trace).value.tolist()) == gone
    verdict = checks.no_lost_write(trace)
    assert len(verdict.violations) == len(gone)
    return len(gone)


def crashed_at(trace: Trace) -> float:
    """Return when L crashed: a busy machine is late."""
    return float(trace.states.end[(trace.states.node == 0) & trace.states.up][0])


def written(trace: Trace, begin_ms: float, end_ms: float) -> int:
    """Return how many writes L appended in a time: their rate times that time, however the machine stuttered."""
    return int(np.diff(trace.at("L", Position.APPENDED, [begin_ms, end_ms]))[0])


def texts(trace: Trace, kind: MarkKind) -> list[str]:
    return [str(text) for text in trace.marks.text[trace.marks.kind == kind]]


# -- without a server ---------------------------------------------------------------------------------------------


def test_importing_it_loads_no_client_library():
    program = (
        "import sys, replication_viz.real.valkey; assert not {'valkey', 'matplotlib', 'psycopg'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("scenario", "word"),
    [
        (CALM.but(ack="s1", level="remote_write"), "WAIT counts replicas and names none"),
        (CALM.but(ack="FIRST 2 (s1, s2, s3)", level="remote_write"), "'FIRST 2 (s1, s2, s3)'"),
        (CALM.but(faults=(Change(setting="ack", value="ANY 1 (s1, s2)", at_ms=5),)), "'ANY 1 (s1, s2)'"),
        (CALM.but(ack="ANY 1 (*)", level="on"), "level is 'on'"),
        (CALM.but(arrivals="closed"), "arrivals is 'closed'"),
        (CALM.but(reads_per_s=10), "reads_per_s is 10"),
        (CALM.but(controllers="s1"), "controllers is 's1'"),
        (CALM.but(rate_per_s=50_000), "rate_per_s is 50000"),
        (CALM.but(nodes={"s2": {"follows": "s1"}}), "follows a replica"),
        (CALM.but(faults=(SlowReplay(node="s1", at_ms=5),)), "a slow_replay"),
        (CALM.but(slots=True, faults=(DropSlot(node="s1", at_ms=5),)), "slots is True"),
        (CALM.but(faults=(Change(setting="flush_ms", value=5, at_ms=5),)), "a change of flush_ms"),
        (CALM.but(faults=(Crash(node="L", at_ms=5), Restart(node="L", at_ms=9))), "begin empty"),
    ],
)
def test_what_it_cannot_express_it_says(scenario: Scenario, word: str):
    assert any(word in sentence for sentence in valkey.cannot(scenario)), valkey.cannot(scenario)
    with pytest.raises(LabError):
        valkey.run(scenario)


def test_what_it_can_express_it_does_not_refuse():
    restarted = (*CRASH, Restart(node="L", at_ms=900), Crash(node="s2", at_ms=100), Restart(node="s2", at_ms=200))
    for scenario in (CALM, WAIT_1, CALM.but(faults=restarted), WAIT_1.but(ack="all"), scenarios["redis_wait"]):
        assert valkey.cannot(scenario) == []
    assert valkey.cannot(WAIT_1.but(ack="s1", level="local")) != [], "a change of the level would show the rule"


@pytest.mark.parametrize(
    ("replicas", "least", "lag", "word"),
    [(10, 0, 10, "replicas is 10"), (2, 3, 10, "min_replicas_to_write is 3"), (2, 1, 0, "min_replicas_max_lag_s is 0")],
)
def test_a_cluster_checks_its_numbers(replicas: int, least: int, lag: int, word: str):
    with pytest.raises(LabError, match=word):
        valkey.Cluster(replicas, min_replicas_to_write=least, min_replicas_max_lag_s=lag)


def test_bytes_are_mapped_to_writes_whatever_else_is_in_the_stream():
    """Ten writes of 100 bytes after 50 other ones; a ping of 14 bytes after the fourth."""
    heard = [Heard("L", 0.0, True, "a", count, offset, offset) for count, offset in ((0, 50), (10, 1_064))]
    offsets = Offsets(heard, 100)
    assert [offsets.number("a", offset) for offset in (0, 50, 464, 563, 564, 963, 964, 1_064)] == [
        0,
        0,
        4,
        4,
        5,
        8,
        9,
        10,
    ]
    assert offsets.number("a", 5_000) == 10, "of what was never seen at least what was"
    assert offsets.number("another stream", 5_000) == 0


# -- a calm run -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def calm(cluster: valkey.Cluster) -> Trace:
    """A second of a thousand writes at random moments, 20 ms to each replica."""
    return play(CALM.but(network_ms=20, rate_per_s=1_000, arrivals="poisson"), cluster)


@pytest.mark.real
def test_the_same_clients_write_the_same_keys_at_the_same_moments_as_in_the_simulator(calm: Trace):
    simulated = run(calm.scenario)
    for column in ("client", "key", "value", "invoked"):
        assert np.array_equal(getattr(calm.ops, column), getattr(simulated.ops, column))
    assert (calm.ops.outcome[calm.ops.invoked < 700] == Outcome.OK).all(), "those at the very end may have no answer"


@pytest.mark.real
def test_a_real_trace_goes_through_the_same_measures_checkers_files_and_stage(calm: Trace, tmp_path: Path):
    history = checks.History.of(calm)
    assert not checks.one_leader_acknowledges(history).violations
    assert not checks.no_lost_write(calm).violations
    moments = np.linspace(300, 900, 50)
    behind = measures.loss(calm, moments, "s1").lost
    on_the_way = [written(calm, moment - 20, moment) for moment in moments]
    assert -5 <= np.median(behind - on_the_way) <= 12, "rate x one-way delay, and samples are 5 ms old at most"
    assert len(Stage(calm).payload) > 1_000
    assert trace_files.load(trace_files.save(calm, tmp_path / "run.zip")).digest() == calm.digest()
    assert len(calm.flights) > 100
    assert (calm.flights.arrived - calm.flights.sent >= 0).all()


@pytest.mark.real
def test_the_positions_of_the_replicas_only_grow_and_end_with_the_leaders(cluster: valkey.Cluster):
    trace = play(CALM.but(faults=(Change(setting="rate_per_s", value=0, at_ms=700),)), cluster)
    written = int(trace.ops.lsn.max())
    assert written == len(cluster.servers["L"].contents())
    for name in trace.nodes[1:]:
        for which in (Position.RECEIVED, Position.FLUSHED, Position.REPLAYED):
            _, lsns = trace.steps(name, which)
            assert (np.diff(lsns) >= 0).all()
            assert lsns[-1] == written


# -- what a crash takes -----------------------------------------------------------------------------------------


@pytest.mark.real
@pytest.mark.parametrize(
    ("delay_ms", "rate", "tolerance"), [(0, RATE, 12), (20, 2 * RATE, 18), (70, RATE, 20), (200, RATE, 32)]
)
def test_async_loses_rate_times_one_way_delay(cluster: valkey.Cluster, delay_ms: float, rate: float, tolerance: int):
    trace = play(CALM.but(network_ms=delay_ms, rate_per_s=rate, faults=CRASH), cluster)
    crash = crashed_at(trace)
    assert written(trace, 0, crash) > rate * crash / 1_000 / 2
    assert lost(trace, cluster) == pytest.approx(written(trace, crash - delay_ms, crash), abs=tolerance)


@pytest.mark.real
def test_a_link_that_is_held_for_a_second_and_then_cut_loses_a_second(cluster: valkey.Cluster):
    faults = (STALLED, Crash(node="L", at_ms=1_300), Promote(node="s1", at_ms=1_350))
    trace = play(CALM.but(faults=faults, duration_ms=1_800), cluster)
    assert lost(trace, cluster) == pytest.approx(written(trace, 300, crashed_at(trace)), rel=0.08)


@pytest.mark.real
@pytest.mark.parametrize(("ack", "chosen", "stalled"), [("ANY 1 (*)", "s1", True), ("ANY 2 (*)", "s2", False)])
def test_wait_loses_nothing_only_if_a_replica_that_it_counted_is_promoted(
    cluster: valkey.Cluster, ack: str, chosen: str, stalled: bool
):
    """With s1 stalled WAIT 2 counts s2 and s3. WAIT 1 counts whichever is first, and s1 is promoted."""
    faults = (STALLED, Crash(node="L", at_ms=1_300), Promote(node=chosen, at_ms=1_350))
    trace = play(WAIT_1.but(ack=ack, faults=faults, duration_ms=1_800), cluster)
    assert len(acknowledged(trace)) > RATE * 1.1, "WAIT does not care about one stalled replica"
    gone = lost(trace, cluster, chosen)
    assert gone == pytest.approx(stalled * written(trace, 300, crashed_at(trace)), rel=0.08)
    assert len(measures.lost(run(trace.scenario))) == pytest.approx(gone, rel=0.15)


@pytest.mark.real
def test_wait_that_gives_up_undoes_nothing_and_says_so(program: None):
    """Where nobody acknowledges, WAIT 1 ends at its timeout or is unblocked; the write is there all the same."""
    scenario = scenarios["redis_wait"]
    cut, cancel = scenario.faults
    with valkey.Cluster(2) as cluster:
        cancelled = play(scenario, cluster)
        given_up = play(scenario.but(faults=(cut,)), cluster, wait_ms=500)
    for trace in (cancelled, given_up):
        late = trace.ops.where((trace.ops.invoked > cut.at_ms + 50) & (trace.ops.invoked < cancel.at_ms - 100))
        assert (late.outcome == Outcome.OK).all()
        assert texts(trace, MarkKind.TIMEOUT)[0] == "WAIT 1 ends with 0: the write stands, on L"
        first = late.where(np.arange(len(late)) == 0)
        assert trace.at("L", Position.COMMITTED, first.invoked[0] + 100) >= first.lsn[0], "shown while it waits"
        assert trace.at("s1", Position.RECEIVED, first.returned[0]) < first.lsn[0]
    waited, timed_out = (trace.ops.returned - trace.ops.invoked for trace in (cancelled, given_up))
    assert 0.6 < np.nanmax(waited) / np.nanmax(timed_out) < 2, "both last from the cut until 500 ms later"
    assert np.nanmax(waited) > 5 * np.nanmedian(waited)


# -- two primaries ------------------------------------------------------------------------------------------------


@pytest.mark.real
def test_an_isolated_primary_goes_on_for_seconds_under_min_replicas_and_all_of_that_is_discarded(program: None):
    scenario = CALM.but(
        rate_per_s=200,
        duration_ms=6_000,
        faults=(Partition(nodes=("L",), at_ms=500, for_ms=4_700), Promote(node="s1", at_ms=4_800)),
    )
    with valkey.Cluster(3, min_replicas_to_write=1, min_replicas_max_lag_s=1) as cluster:
        trace = play(scenario, cluster)
        assert cluster.servers["L"].contents() == cluster.servers["s1"].contents(), "a full copy has replaced its data"
        gone = lost(trace, cluster)
    alone = trace.ops.where((trace.ops.node == 0) & (trace.ops.invoked > 500))
    taken, refused = alone.where(alone.outcome == Outcome.OK), alone.where(alone.outcome == Outcome.FAILED)
    assert gone == pytest.approx(len(taken), abs=6)
    assert taken.invoked.max() < refused.invoked.min()
    assert 0.4 <= len(taken) / scenario.rate_per_s <= 4, "a lag of at most 1 s, in whole seconds, seen once a second"
    assert texts(trace, MarkKind.UNAVAILABLE)[0] == "L refuses writes: too few replicas have reported of late"
    assert texts(trace, MarkKind.DEMOTED) == ["L is told of timeline 2 and steps down"]
    assert trace.at("L", Position.FLUSHED, 4_900) > trace.at("s1", Position.FLUSHED, 4_810)


@pytest.mark.real
def test_without_min_replicas_two_primaries_acknowledge(cluster: valkey.Cluster):
    faults = (Partition(nodes=("L",), at_ms=300, for_ms=500), Promote(node="s1", at_ms=400))
    trace = play(CALM.but(faults=faults, clients=100, remote_clients=0.5), cluster)
    [(begin, end)] = measures.both_acknowledge(trace)
    assert end - begin == pytest.approx(300, rel=0.2)
    assert measures.acknowledged_by(trace).keys() == {("L", 1), ("s1", 2)}
    assert lost(trace, cluster) == pytest.approx(RATE / 2 * 0.5, rel=0.15), "what half of the clients wrote to L"


# -- other faults -------------------------------------------------------------------------------------------------


@pytest.mark.real
def test_a_replica_that_was_frozen_or_restarted_catches_up(cluster: valkey.Cluster):
    faults: tuple[Fault, ...] = (
        Freeze(node="s2", at_ms=200, for_ms=300),
        Crash(node="s3", at_ms=200),
        Restart(node="s3", at_ms=400),
        Change(setting="rate_per_s", value=0, at_ms=800),
    )
    trace = play(CALM.but(duration_ms=1_500, faults=faults), cluster)
    assert len(measures.lost(trace)) == 0
    assert trace.at("L", Position.FLUSHED, 480) - trace.at("s2", Position.RECEIVED, 480) > RATE * 0.2
    assert trace.at("s3", Position.RECEIVED, 390) - trace.at("s3", Position.RECEIVED, 190) < RATE * 0.05
    for name in trace.nodes[1:]:
        assert trace.at(name, Position.REPLAYED, 1_490) == trace.ops.lsn.max()
        assert cluster.servers[name].contents() == cluster.servers["L"].contents()


@pytest.mark.real
def test_a_slower_link_lets_one_replica_fall_behind(cluster: valkey.Cluster):
    slow = LinkDelay(source="L", target="s1", extra_ms=150, at_ms=200, for_ms=600)
    lag = Change(setting="lag_ms", value=50, at_ms=850)
    trace = play(CALM.but(faults=(slow, lag), duration_ms=1_500), cluster)
    while_slow, with_lag = np.linspace(450, 780, 40), np.linspace(1_050, 1_450, 40)

    def behind(name: str, at: np.ndarray) -> float:
        return float(np.median(trace.at("L", Position.FLUSHED, at) - trace.at(name, Position.RECEIVED, at)))

    assert behind("s1", while_slow) == pytest.approx(RATE * 0.15, rel=0.15)
    assert behind("s2", while_slow) < RATE * 0.02
    for name in ("s1", "s2"):
        assert behind(name, with_lag) == pytest.approx(RATE * 0.05, rel=0.3)


# -- private ------------------------------------------------------------------------------------------------------


@pytest.mark.real
def test_no_server_listens_on_a_port_and_a_wire_lets_nobody_in_without_the_password(cluster: valkey.Cluster):
    for server in cluster.servers.values():
        assert server.ask("CONFIG", "GET", "port") == ["port", "0"]
    with socket.create_connection(("127.0.0.1", cluster.way("L", "s1")), timeout=5) as stranger:
        stranger.sendall(b"LRANGE writes 0 -1\r\n")
        assert stranger.recv(100).startswith(b"-NOAUTH")
    assert (cluster.servers["L"].home / "valkey.conf").stat().st_mode & 0o077 == 0
    assert cluster.guard.folder.stat().st_mode & 0o077 == 0


@pytest.mark.real
def test_nothing_is_left_behind(program: None):
    with valkey.Cluster(1) as cluster:
        folder = cluster.guard.folder
        assert len(list(working_in(folder))) >= 3, "two servers and the wires"
    assert not folder.exists()
    assert not list(working_in(folder))


@pytest.mark.real
def test_a_cluster_of_another_size_is_refused(cluster: valkey.Cluster):
    with pytest.raises(LabError, match="3 replicas: the scenario has 2"):
        valkey.run(CALM.but(replicas=2), cluster)
