"""Fences: what keeps an old leader from writing, what each costs, and what each cannot do."""

import numpy as np
import pytest

from replication_viz import Scenario, Trace, checks, measures, run, theory
from replication_viz.scenario import Crash, Freeze, LinkDelay, Partition, Restart, SkewClock
from replication_viz.trace import MarkKind, Outcome

PARTITION = Partition(nodes=("L",), at_ms=800, for_ms=2_500)
SPLIT = Scenario(
    ack="async",
    rate_per_s=400,
    clients=20,
    controllers="s1, s2, s3",
    detect_ms=300,
    promote_ms=50,
    follow_ms=20,
    remote_clients=0.5,
    faults=(PARTITION,),
    duration_ms=4_000,
)
FENCES = {
    "stonith": SPLIT.but(fence="stonith"),
    "lease": SPLIT.but(fence="lease"),
    "tokens": SPLIT.but(fence="tokens"),
    "self": SPLIT.but(ack="ANY 2 (s1, s2, s3)"),
}


def diverged(trace: Trace) -> int:
    """Count what was acknowledged after the fork on the losing side: what a fence is there to prevent."""
    gone = measures.lost(trace)
    (promoted,) = trace.marks.time[trace.marks.kind == MarkKind.PROMOTED].tolist()
    return int((gone.returned > promoted).sum())


@pytest.mark.parametrize("name", FENCES)
def test_behind_a_fence_nobody_acknowledges_once_the_next_leader_has_begun(name: str):
    trace = run(FENCES[name])
    assert measures.two_acknowledge_ms(trace) == 0
    assert diverged(trace) == 0
    assert len(checks.one_leader_acknowledges(trace)) == 0
    assert len(measures.acknowledged_by(trace)) == 2


def test_without_one_both_do():
    trace = run(SPLIT)
    assert measures.two_acknowledge_ms(trace) > 1_900
    assert diverged(trace) == pytest.approx(200 * measures.two_acknowledge_ms(trace) / 1000, rel=0.2)


@pytest.mark.parametrize(("fence", "at_least"), [("stonith", 250), ("lease", 500)])
def test_to_promote_first_and_fence_later_leaves_a_window(fence: str, at_least: float):
    trace = run(FENCES[fence].but(fence_first=False))
    assert measures.two_acknowledge_ms(trace) > at_least - 100
    assert diverged(trace) > 0


def test_where_the_power_switch_does_not_answer_nobody_is_promoted_or_two_lead():
    stuck = SPLIT.but(fence="stonith", stonith_reaches=False)
    safe, hasty = run(stuck), run(stuck.but(fence_first=False))
    assert len(measures.reigns(safe)) == 1
    assert measures.drill(safe).two_leaders_ms == 0
    assert any("nobody is promoted" in text for text in safe.marks.text)
    far = safe.ops.where((safe.ops.client >= 10) & (safe.ops.invoked > 900) & (safe.ops.invoked < 3_200))
    assert (far.outcome == Outcome.FAILED).all()
    assert measures.two_acknowledge_ms(hasty) > 1_000


# -- leases -----------------------------------------------------------------------------------------------------------


def overlap(drift: float, wait_ms: float) -> float:
    """Return how long an old leader acknowledges beside the next one, ms, where both clocks drift."""
    fast = SPLIT.but(
        rate_per_s=4_000, promote_ms=0, follow_ms=0, detect_ms=100, heartbeat_ms=20, network_spread=0, flush_spread=0
    )
    return measures.two_acknowledge_ms(run(fast.but(fence="lease", clock_drift=drift, lease_wait_ms=wait_ms)))


@pytest.mark.parametrize("drift", [0.0, 0.05, 0.2, 0.4])
def test_a_lease_is_safe_if_the_promoter_waits_it_out_by_the_worst_clocks(drift: float):
    assert overlap(drift, 1000 * theory.lease_wait_s(1.0, drift)) == 0


@pytest.mark.parametrize("drift", [0.05, 0.2, 0.4])
def test_to_wait_one_drift_longer_is_not_enough_when_both_clocks_drift(drift: float):
    wait_s = 1.0 * (1 + drift)
    assert overlap(drift, 1000 * wait_s) == pytest.approx(1000 * theory.lease_overlap_s(wait_s, 1.0, drift), abs=25)


def test_a_lease_that_is_not_renewed_stops_a_leader_that_nobody_replaces():
    """The controllers are patient, the lease is short: no promotion, no writes, and then all is well again."""
    patient = SPLIT.but(fence="lease", remote_clients=0, detect_ms=2_000)
    trace = run(patient.but(faults=(PARTITION.model_copy(update={"for_ms": 1_500.0}),)))
    assert trace.marks.time[trace.marks.kind == MarkKind.PROMOTED].size == 0
    first, second = measures.reigns(trace)
    assert first.end_ms == pytest.approx(1_700, abs=60)
    assert second.begin_ms == pytest.approx(2_300, abs=110)
    assert second.term == 1
    assert len(measures.lost(trace)) == 0


def test_a_clock_set_forward_at_a_controller_ends_the_wait_too_early():
    safe = SPLIT.but(fence="lease", promote_ms=0)
    skewed = safe.with_fault(SkewClock(node="s1", by_ms=900, at_ms=1_200))
    skewed = skewed.with_fault(SkewClock(node="s2", by_ms=900, at_ms=1_200))
    skewed = skewed.with_fault(SkewClock(node="s3", by_ms=900, at_ms=1_200))
    assert measures.two_acknowledge_ms(run(safe)) == 0
    assert measures.two_acknowledge_ms(run(skewed)) > 300


def test_a_clock_set_back_at_the_leader_keeps_its_lease_too_long():
    safe = SPLIT.but(fence="lease", promote_ms=0)
    skewed = safe.with_fault(SkewClock(node="L", by_ms=-600, at_ms=1_000))
    assert measures.two_acknowledge_ms(run(skewed)) > 300


# -- asleep -----------------------------------------------------------------------------------------------------------


def asleep(fence: str) -> Trace:
    """Freeze the leader in the middle of a flush: it wakes, finishes what it had begun, and only then looks around."""
    busy = SPLIT.but(rate_per_s=2_000, flush_ms=10, fence=fence, network_ms=0.2)
    return run(busy.with_fault(Freeze(node="L", at_ms=805, for_ms=2_000)))


def test_who_checks_its_lease_sleeps_and_writes_is_stopped_by_the_storage_only():
    """No wait protects against it (Kleppmann 2016)."""
    for fence in ("none", "lease"):
        trace = asleep(fence)
        assert measures.two_acknowledge_ms(trace) > 0, fence
        assert diverged(trace) > 0, fence
    trace = asleep("tokens")
    assert measures.two_acknowledge_ms(trace) == 0
    assert diverged(trace) == 0
    assert any("the storage refuses" in text for text in trace.marks.text)


# -- proved -----------------------------------------------------------------------------------------------------------


def random_faults(seed: int) -> tuple[object, ...]:
    """Return a partition, a slow link, a crash and its end, at random places and moments."""
    chance = np.random.default_rng(seed)
    nodes = ["L", "s1", "s2", "s3"]
    one, slow, dead = chance.permutation(nodes)[:3].tolist()
    at = chance.uniform(100, 1_000, size=3).tolist()
    other = chance.choice([name for name in nodes if name != slow])
    faults: list[object] = [
        Partition(nodes=(one,), at_ms=at[0], for_ms=float(chance.uniform(200, 1_200))),
        LinkDelay(source=slow, target=str(other), extra_ms=float(chance.uniform(5, 300)), at_ms=at[1], for_ms=400),
    ]
    if dead != "L" or chance.random() < 0.5:
        faults.append(Crash(node=dead, at_ms=at[2]))
        if dead != "L":  # a leader that restarts shows what no replica has: another story
            faults.append(Restart(node=dead, at_ms=at[2] + 300))
    return tuple(faults)


CAREFUL = Scenario(
    ack="ANY 2 (s1, s2, s3)",
    fence="lease",
    lease_ms=200,
    lease_wait_ms=200,
    rate_per_s=50,
    reads_per_s=70,
    read_from="leader",
    clients=6,
    keys=3,
    controllers="s1, s2, s3",
    heartbeat_ms=50,
    detect_ms=150,
    promote_ms=20,
    follow_ms=20,
    remote_clients=0.5,
    rewind_ms=50,
    duration_ms=1_800,
)


def violations(scenario: Scenario, seeds: range) -> list[str]:
    """Return the share strings of the runs whose history is not linearizable."""
    found = []
    for seed in seeds:
        forked = scenario.but(seed=seed, faults=random_faults(seed))
        if len(checks.linearizability(run(forked))):
            found.append(forked.share())
    return found


@pytest.mark.parametrize("tenth", range(10))
def test_3_one_leader_behind_a_safe_fence_is_linearizable_whatever_fails(tenth: int):
    """A thousand runs with random faults, and not one reader who can tell. A share string restores a run that fails."""
    assert violations(CAREFUL, range(100 * tenth, 100 * tenth + 100)) == []


def test_3_without_the_fence_the_same_faults_are_seen():
    assert len(violations(CAREFUL.but(fence="none"), range(60))) > 5


def test_3_without_waiting_for_replicas_acknowledged_writes_are_missed():
    assert len(violations(CAREFUL.but(ack="async"), range(60))) > 5


def test_a_leader_that_is_heard_of_again_is_left_alone_though_the_power_switch_did_not_answer():
    slow = LinkDelay(source="L", target="s1", extra_ms=600, at_ms=1_000, for_ms=1_000)
    stuck = SPLIT.but(fence="stonith", stonith_reaches=False, controllers="s1", remote_clients=0, faults=(slow,))
    trace = run(stuck)
    tries = trace.marks.time[trace.marks.kind == MarkKind.FENCED]
    assert len(tries) >= 1
    assert tries.max() < 2_600
