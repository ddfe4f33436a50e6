"""Without a leader: quorums, what they promise and what they do not, and what goes wrong with a request."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replication_viz import Scenario, checks, measures, run, scenarios, theory
from replication_viz.scenario import (
    Change,
    Crash,
    CutLink,
    Fault,
    LinkDelay,
    Partition,
    Restart,
    Ring,
    StallDisk,
)
from replication_viz.scenario.leaderless import quorum
from replication_viz.trace import FlightKind, OpKind, Outcome, Position, Role, Trace

from .reference import case_id, cases

BOTH: tuple[measures.What, ...] = ("write", "read")
PLAIN = Scenario(topology="leaderless", members=3, read_repair="off", network_spread=0, flush_spread=0)
# One write each 10 ms, one read of it soon after its answer, each quorum drawn anew, and all of it quick.
DRAWN = PLAIN.but(
    fan_out="quorum",
    arrivals="constant",
    rate_per_s=100,
    reread_ms=2,
    keys=1,
    network_ms=0.1,
    flush_ms=0.1,
    duration_ms=15_000,
)


def drawn(n: int, w: int, r: int, **changes: Any) -> measures.Freshness:
    """Return the reads of a run in which writes and reads go to as many copies as they wait for."""
    return measures.freshness(run(DRAWN.but(members=n, copies=n, write_quorum=w, read_quorum=r, **changes)))


def test_every_message_of_a_write_and_a_read_takes_its_time() -> None:
    """5 ms each way, 2 ms for the disk; n1 serves, and needs no network for its own copy."""
    scenario = PLAIN.but(
        coordinator="n1", network_ms=5, flush_ms=2, arrivals="constant", rate_per_s=10, reread_ms=20, duration_ms=150
    )
    trace = run(scenario.but(write_quorum=2, read_quorum=2))
    write, read = (trace.ops.where(trace.ops.kind == kind) for kind in (OpKind.WRITE, OpKind.READ))
    assert (write.invoked[0], write.returned[0], write.lsn[0], write.value[0]) == pytest.approx(
        (100, 112, 1, 1), abs=0.01
    )
    assert (read.invoked[0], read.returned[0], read.lsn[0], read.value[0]) == pytest.approx((132, 142, 1, 1), abs=0.01)
    sent = [
        (FlightKind(kind).name, source, target, lsn)
        for kind, source, target, lsn in zip(
            trace.flights.kind, trace.flights.source, trace.flights.target, trace.flights.lsn_from, strict=True
        )
    ]
    stores = [("STORE", 0, node, 0) for node in (0, 1, 2)]
    assert sorted(sent[:3]) == stores
    assert sorted(sent[3:6]) == [("STORED", 0, 0, 0), ("STORED", 1, 0, 0), ("STORED", 2, 0, 0)]
    assert {kind for kind, *_ in sent[6:]} == {"ASK", "ANSWER"}
    stored = trace.levels.where(trace.levels.which == Position.STORED)
    assert sorted(zip(stored.node, stored.time.round(2), stored.lsn, strict=True)) == [
        (0, 102.0, 1),
        (1, 107.0, 1),
        (2, 107.0, 1),
    ]
    assert (trace.states.role == Role.PEER).all()


@pytest.mark.parametrize(("size", "write_ms", "read_ms"), [(1, 2, 0), (2, 12, 10), (3, 16, 14)])
def test_an_operation_takes_as_long_as_the_slowest_of_the_fastest_so_many(
    size: int, write_ms: float, read_ms: float
) -> None:
    far = PLAIN.but(coordinator="n1", network_ms=5, flush_ms=2, nodes={"n3": {"network_ms": 7}}, reads_per_s=50)
    trace = run(far.but(write_quorum=size, read_quorum=size, rate_per_s=20))
    assert measures.operation_latency(trace, "write").p50 == pytest.approx(write_ms, abs=0.01)
    assert measures.operation_latency(trace, "read").p50 == pytest.approx(read_ms, abs=0.01)


# -- overlap -------------------------------------------------------------------------------------------------------

CRASHES = (
    Crash(node="n1", at_ms=200),
    Restart(node="n1", at_ms=500),
    Crash(node="n4", at_ms=600),
    Crash(node="n2", at_ms=700),
    Restart(node="n2", at_ms=900),
)
PAIRS = [(3, 2, 2), (3, 1, 3), (3, 3, 1), (5, 2, 4), (5, 3, 3), (4, 3, 2)]


@pytest.mark.parametrize(("n", "w", "r"), PAIRS)
@pytest.mark.parametrize("fan_out", ["all", "quorum"])
def test_with_w_plus_r_above_n_no_read_misses_a_completed_write_whatever_crashes(
    n: int, w: int, r: int, fan_out: str
) -> None:
    base = Scenario(
        topology="leaderless",
        members=5,
        copies=n,
        write_quorum=w,
        read_quorum=r,
        fan_out=fan_out,
        read_repair="off",
        placement="random",
        rate_per_s=300,
        reads_per_s=600,
        reread_ms=0,
        keys=4,
        network_ms=3,
        network_spread=0.8,
        quorum_timeout_ms=60,
        faults=CRASHES,
        duration_ms=1_000,
    )
    judged = 0
    for seed in range(3):
        found = measures.freshness(run(base.but(seed=seed)))
        judged += len(found)
        assert found.fresh.all()
    assert judged > 500


@pytest.mark.parametrize("case", cases("quorum", "P(random R misses random W)"), ids=case_id)
def test_a_partial_quorum_misses_as_often_as_drawn_sets_do_not_meet(case: dict[str, Any]) -> None:
    n, w, r = (case["inputs"][name] for name in "NWR")
    if n > 12:
        pytest.skip("more copies than the engine has nodes: the closed form alone")
    found = drawn(n, w, r, duration_ms=15_000 if case["expected"] else 3_000)
    error = math.sqrt(case["expected"] * (1 - case["expected"]) / len(found))
    assert 1 - found.fresh.mean() == pytest.approx(case["expected"], abs=5 * error + case["tolerance"]["abs"])


@pytest.mark.parametrize("case", cases("quorum", "PBS k-staleness"), ids=case_id)
def test_a_read_is_so_many_versions_behind_as_often_as_the_formula_says(case: dict[str, Any]) -> None:
    n, w, r, k = (case["inputs"][name] for name in "NWRk")
    found = drawn(n, w, r)
    spread = 5 * math.sqrt(case["expected"] * (1 - case["expected"]) / len(found))
    assert found.within(k).value == pytest.approx(case["expected"], abs=spread * math.sqrt(2 * k))  # runs of old reads


@pytest.mark.parametrize("fit", ["LNKD-SSD", "LNKD-DISK", "YMMR", "WAN"])
@pytest.mark.parametrize(("r", "w", "t_ms"), [(1, 1, 0), (1, 1, 10), (1, 2, 1), (2, 1, 5), (2, 2, 0)])
def test_engine_and_wars_agree_on_how_soon_a_write_is_seen(fit: str, r: int, w: int, t_ms: float) -> None:
    scenario = PLAIN.but(
        delays=fit, write_quorum=w, read_quorum=r, keys=1_000_000, rate_per_s=1_000, reread_ms=t_ms, duration_ms=2_000
    )
    trace = run(scenario.but(quorum_timeout_ms=100_000))
    found, model = measures.freshness(trace), theory.wars(theory.DELAY_FITS[fit], trials=40_000, seed=3)
    expected = model.fresh(r, w, t_ms).value
    error = math.sqrt(expected * (1 - expected) * (1 / len(found) + 1 / 40_000))
    assert len(found) > 1_500
    assert found.fresh.mean() == pytest.approx(expected, abs=5 * error + 1e-3)
    for what, of in (("write", model.write_ms(w, 0.5)), ("read", model.read_ms(r, 0.5))):
        assert measures.operation_latency(trace, what).p50 == pytest.approx(of, rel=0.15)  # type: ignore[arg-type]


# -- what overlap does not promise ---------------------------------------------------------------------------------


def test_overlapping_quorums_are_not_linearizable_and_the_checker_names_the_two_reads() -> None:
    """A write is under way; one read meets the only copy that has it, and the read after it meets the two others."""
    trace = run(scenarios["quorum_races"])
    assert measures.freshness(trace).fresh.all()
    verdict = checks.linearizability(trace)
    assert verdict.holds is False
    later, earlier = verdict[0].operations[:2]
    assert (trace.ops.kind[[earlier, later]] == OpKind.READ).all()
    assert trace.ops.returned[earlier] < trace.ops.invoked[later]
    assert trace.ops.lsn[earlier] > trace.ops.lsn[later]


def test_a_read_that_waits_for_its_repair_makes_overlapping_quorums_linearizable() -> None:
    """The write-back of Attiya, Bar-Noy and Dolev, 1995, over writes that are ordered from the start."""
    races = scenarios["quorum_races"].but(quorum_timeout_ms=1_000)
    broken = [checks.linearizability(run(races.but(seed=seed))).holds for seed in range(6)]
    mended = [checks.linearizability(run(races.but(seed=seed, read_repair="blocking"))).holds for seed in range(6)]
    assert broken.count(False) >= 3
    assert mended == [True] * 6


# -- what becomes of a request -------------------------------------------------------------------------------------

TIMEOUT = PLAIN.but(coordinator="n1", write_quorum=3, read_quorum=1, arrivals="constant", rate_per_s=10, keys=1)


def test_a_write_that_failed_is_there_nevertheless() -> None:
    """The copy on n3 is behind a cut, W is 3: the client is told nothing good, and everybody reads the write."""
    cut = Partition(nodes=("n3",), at_ms=50, for_ms=400)
    trace = run(TIMEOUT.but(quorum_timeout_ms=500, faults=(cut,), reads_per_s=200, duration_ms=850))
    first = trace.ops.where(trace.ops.kind == OpKind.WRITE).where(np.array([0]))
    assert first.outcome[0] == Outcome.UNKNOWN
    assert first.returned[0] == pytest.approx(600)
    assert measures.holders(trace, 0, 190) == {"n1": 1, "n2": 1, "n3": 0}
    reads = trace.ops.where((trace.ops.kind == OpKind.READ) & (trace.ops.invoked > 110) & (trace.ops.returned < 190))
    assert len(reads) > 5
    assert (reads.lsn == 1).all()
    assert checks.linearizability(trace).holds


def test_a_write_that_too_few_can_take_is_refused_at_once_and_leaves_nothing() -> None:
    trace = run(TIMEOUT.but(faults=(Crash(node="n3", at_ms=50),), duration_ms=250))
    writes = measures.writes(trace)
    assert (writes.outcome == Outcome.FAILED).all()
    assert (writes.returned == writes.invoked).all()
    assert (writes.lsn == -1).all()
    assert not len(trace.flights)
    assert "writes are refused: too few nodes are in reach" in trace.marks.text


def test_a_node_behind_a_cut_counts_as_there_until_the_cut_is_as_old_as_the_timeout() -> None:
    cut = CutLink(source="n3", target="n1", at_ms=50)
    trace = run(TIMEOUT.but(quorum_timeout_ms=200, faults=(cut,), duration_ms=1_000))
    outcomes = measures.writes(trace).outcome.tolist()
    assert outcomes[:2] == [Outcome.UNKNOWN] * 2  # at 100 and 200 ms
    assert outcomes[2:] == [Outcome.FAILED] * len(outcomes[2:])


def test_a_coordinator_that_crashes_leaves_its_clients_in_doubt_and_the_write_on_its_way() -> None:
    slow = TIMEOUT.but(network_ms=20, faults=(Crash(node="n1", at_ms=110),), duration_ms=190)
    trace = run(slow)
    (write,) = zip(measures.writes(trace).outcome, measures.writes(trace).returned, strict=True)
    assert write == (Outcome.UNKNOWN, 110)
    assert measures.holders(trace, 0, 189) == {"n1": 1, "n2": 1, "n3": 1}


@pytest.mark.parametrize("case", cases("availability"), ids=case_id)
def test_operations_are_answered_as_long_as_a_quorum_is_up(case: dict[str, Any]) -> None:
    """So many nodes down from the start; each number weighted with how often so many are down at once."""
    n, k, p_up = (case["inputs"][name] for name in ("n", "k", "p_up"))
    share = 0.0
    for down in range(n + 1):
        crashes = tuple(Crash(node=f"n{i}", at_ms=0) for i in range(1, down + 1))
        scenario = PLAIN.but(members=n, copies=n, write_quorum=k, read_quorum=k, faults=crashes, rate_per_s=100)
        trace = run(scenario.but(reads_per_s=100, duration_ms=100))
        answered = {what: measures.answered_share(trace, what).value for what in BOTH}
        assert answered["write"] == answered["read"] in (0.0, 1.0)
        share += math.comb(n, down) * p_up ** (n - down) * (1 - p_up) ** down * answered["write"]
    assert share == pytest.approx(case["expected"], abs=case["tolerance"]["abs"])


# -- places --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case", [c for c in cases("cassandra", "acks required") if sum(c["inputs"]["rf"].values()) <= 12], ids=case_id
)
def test_a_level_waits_for_so_many_acknowledgements_as_in_cassandra(case: dict[str, Any]) -> None:
    replicas = case["inputs"]["rf"]
    names = [place for place, count in replicas.items() for _ in range(count)]
    nodes = {f"n{i}": {"place": place} for i, place in enumerate(names, start=1)}
    for level in ("ONE", "LOCAL_ONE", "QUORUM", "ALL", "LOCAL_QUORUM", "EACH_QUORUM"):
        scenario = Scenario(
            topology="leaderless", members=len(names), copies=len(names), nodes=nodes, consistency=level, rate_per_s=20
        )
        assert Ring(scenario).share == replicas
        assert sum(quorum(scenario, 0, "dc1").values()) == case["expected"][level]
        trace = run(scenario.but(coordinator="n1", network_spread=0, flush_spread=0, duration_ms=400))
        told = [
            len(measures.quorum_set(trace, row).answered)
            for row in np.flatnonzero(trace.ops.outcome == Outcome.OK).tolist()
        ]
        assert min(told) >= case["expected"][level]


@pytest.mark.parametrize(("level", "survives"), [("LOCAL_QUORUM", True), ("QUORUM", False), ("EACH_QUORUM", False)])
def test_a_quorum_of_ones_own_region_survives_the_loss_of_the_other(level: str, survives: bool) -> None:
    trace = run(scenarios["per_region_quorums"].but(consistency=level))
    for what in BOTH:
        before, after = (measures.answered_share(trace, what, *span).value for span in ((0, 900), (1_000, 1_900)))
        assert before == 1
        assert after == (1 if survives else 0)


def test_only_a_quorum_of_ones_own_region_does_not_wait_for_the_other() -> None:
    calm = scenarios["per_region_quorums"].but(faults=())
    medians = {
        level: measures.operation_latency(run(calm.but(consistency=level)), "write").p50
        for level in ("LOCAL_QUORUM", "EACH_QUORUM")
    }
    assert medians["LOCAL_QUORUM"] < 10
    assert medians["EACH_QUORUM"] > 80  # 40 ms there and back


# -- any run -------------------------------------------------------------------------------------------------------

NODES = [f"n{i}" for i in range(1, 6)]
relaxed = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
moments = st.integers(0, 300).map(float)
lasts = st.none() | st.integers(1, 200).map(float)
anyone = st.sampled_from(NODES)
links = st.lists(anyone, min_size=2, max_size=2, unique=True)


def _one_fault() -> st.SearchStrategy[Fault]:
    return st.one_of(
        st.builds(Crash, node=anyone, at_ms=moments),
        st.builds(Restart, node=anyone, at_ms=moments),
        st.builds(StallDisk, node=anyone, at_ms=moments, for_ms=lasts, flush_ms=st.just(60.0)),
        st.builds(
            Partition,
            nodes=st.lists(anyone, min_size=1, max_size=4, unique=True).map(tuple),
            at_ms=moments,
            for_ms=lasts,
        ),
        st.builds(
            lambda ends, both, at_ms, for_ms: CutLink(
                source=ends[0], target=ends[1], both_ways=both, at_ms=at_ms, for_ms=for_ms
            ),
            links,
            st.booleans(),
            moments,
            lasts,
        ),
        st.builds(
            lambda ends, at_ms, for_ms: LinkDelay(source=ends[0], target=ends[1], at_ms=at_ms, for_ms=for_ms),
            links,
            moments,
            lasts,
        ),
        st.builds(
            Change, setting=st.sampled_from(["write_quorum", "read_quorum"]), value=st.integers(1, 3), at_ms=moments
        ),
    )


any_leaderless = st.builds(
    lambda faults, **values: Scenario(
        topology="leaderless", rate_per_s=150, reads_per_s=150, keys=5, duration_ms=300, faults=tuple(faults), **values
    ),
    faults=st.lists(_one_fault(), max_size=5),
    sloppy=st.booleans(),
    fan_out=st.sampled_from(["all", "quorum"]),
    placement=st.sampled_from(["ring", "random"]),
    coordinator=st.sampled_from(["random", "nearest", "n2"]),
    read_repair=st.sampled_from(["off", "background", "blocking"]),
    hint_window_ms=st.sampled_from([0.0, 50.0, 10_000.0]),
    hint_replay_ms=st.just(20.0),
    anti_entropy_ms=st.sampled_from([0.0, 30.0]),
    tombstone_ms=st.sampled_from([0.0, 40.0, 1e6]),
    delete_share=st.sampled_from([0.0, 0.3]),
    delays=st.sampled_from(["", "LNKD-DISK"]),
    quorum_timeout_ms=st.sampled_from([15.0, 80.0]),
    arrivals=st.sampled_from(["poisson", "closed"]),
    reread_ms=st.sampled_from([-1.0, 0.0, 5.0]),
    write_quorum=st.integers(1, 3),
    read_quorum=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)


@relaxed
@given(any_leaderless)
def test_whatever_goes_wrong_the_run_ends_and_its_tables_fit_together(scenario: Scenario) -> None:
    trace = run(scenario)
    ops, flights = trace.ops, trace.flights
    assert (np.diff(ops.invoked) >= 0).all()
    told = ~np.isnan(ops.returned)
    assert (ops.returned[told] >= ops.invoked[told]).all()
    assert (ops.outcome[~told] == Outcome.UNKNOWN).all()
    reads = ops.where((ops.kind == OpKind.READ) & (ops.outcome == Outcome.OK))
    assert (reads.lsn >= 0).all()
    assert (reads.lsn <= ops.lsn.max(initial=0)).all()
    assert (flights.arrived >= flights.sent).all()
    for row in np.flatnonzero(ops.outcome == Outcome.OK)[:20].tolist():
        taken = measures.quorum_set(trace, row)
        assert set(taken.answered) <= set(taken.asked)
        if not any(isinstance(fault, Change) for fault in scenario.faults):
            wanted = scenario.read_quorum if ops.kind[row] == OpKind.READ else scenario.write_quorum
            assert len(taken.answered) >= wanted
    measures.summary(trace)


@relaxed
@given(any_leaderless)
def test_what_a_client_was_told_is_on_some_disk_as_long_as_nobody_stands_in(scenario: Scenario) -> None:
    """Everybody is up again in the end."""
    healed = scenario.but(sloppy=False, faults=(*scenario.faults, *(Restart(node=n, at_ms=299) for n in NODES)))
    assert checks.no_lost_write(run(healed)).holds


@relaxed
@given(any_leaderless, _one_fault())
def test_a_fault_leaves_everything_before_it_as_it_was(scenario: Scenario, fault: Fault) -> None:
    one, other = run(scenario), run(scenario.with_fault(fault))
    for name, table in one.until(fault.at_ms).items():
        for column, values in table.items():
            np.testing.assert_array_equal(values, other.until(fault.at_ms)[name][column], err_msg=f"{name}.{column}")


def test_the_same_scenario_gives_the_same_trace_to_the_byte() -> None:
    for name in ("dynamo_cart", "resurrection", "pbs_lnkd_disk"):
        assert run(scenarios[name]).digest() == run(scenarios[name]).digest()


def test_the_writes_are_those_that_a_single_leader_with_the_same_seed_gets() -> None:
    """Moments, keys and clients."""
    one, other = (measures.writes(run(Scenario(topology=kind, seed=5))) for kind in ("single_leader", "leaderless"))
    for column in ("invoked", "key", "client", "value"):
        np.testing.assert_array_equal(getattr(one, column), getattr(other, column))


def _sizes(trace: Trace) -> list[int]:
    writes = np.flatnonzero((trace.ops.kind == OpKind.WRITE) & (trace.ops.outcome == Outcome.OK))
    return [len(measures.quorum_set(trace, row).answered) for row in writes.tolist()]


def test_a_quorum_can_change_while_the_database_runs() -> None:
    change = Change(setting="write_quorum", value=3, at_ms=500)
    trace = run(PLAIN.but(write_quorum=1, faults=(change,), duration_ms=1_000))
    writes = trace.ops.where((trace.ops.kind == OpKind.WRITE) & (trace.ops.outcome == Outcome.OK))
    later = writes.invoked >= 500
    assert later.any()
    assert min(size for size, late in zip(_sizes(trace), later, strict=True) if late) == 3
    assert min(size for size, late in zip(_sizes(trace), later, strict=True) if not late) == 1
