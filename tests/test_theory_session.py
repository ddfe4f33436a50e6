"""What a session is told and when it is safe to promote: closed forms against reference values and against chance."""

import math
from typing import Any

import numpy as np
import pytest

from replication_viz import theory

from .reference import case_id, cases

DRAWS = 200_000
SURE = 5  # standard errors


def close(share: float, hits: np.ndarray[Any, Any]) -> bool:
    """Return whether drawn outcomes agree with a probability."""
    return bool(abs(hits.mean() - share) < SURE * math.sqrt(max(share * (1 - share), 1 / DRAWS) / DRAWS))


# -- sessions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", cases("session", "RYW stale P"), ids=case_id)
def test_the_share_of_stale_reads_after_a_write_agrees_with_the_reference(case: dict[str, Any]):
    inputs = case["inputs"]
    stale = theory.stale_after_write(1000 * inputs["mean_lag"], 1000 * inputs["think"])
    assert stale == pytest.approx(case["expected"], rel=1e-9)


@pytest.mark.parametrize("case", cases("session", "LSN-gated"), ids=case_id)
def test_the_share_of_reads_that_fall_back_to_the_leader_agrees_with_the_reference(case: dict[str, Any]):
    inputs = case["inputs"]
    behind = theory.fallback_to_leader(1000 * inputs["mean_lag"], 1000 * inputs["think"], inputs["k"])
    assert behind == pytest.approx(case["expected"], rel=1e-9)


@pytest.mark.parametrize("case", cases("session", "monotonic-read"), ids=case_id)
def test_the_share_of_reads_that_go_back_agrees_with_the_reference(case: dict[str, Any]):
    inputs = case["inputs"]
    lags = [1000 * lag for name, lag in inputs.items() if name.startswith("L")]
    violation = theory.monotonic_read_violation(inputs["rate"], lags, 1000 * inputs["gap"])
    assert violation == pytest.approx(case["expected"], rel=1e-9)


@pytest.mark.parametrize("case", cases("session", "fraction f"), ids=case_id)
def test_a_share_of_reads_to_the_leader_takes_that_share_of_the_stale_ones(case: dict[str, Any]):
    assert case["expected"] == "(1-f)*P(lag>think)"
    for f in (0, 0.25, 1):
        expected = (1 - f) * math.exp(-100 / 300)
        assert theory.stale_after_write(300, 100, leader_share=f) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("pin_ms", [0, 40, 300])
def test_with_an_exponential_time_to_think_the_share_is_that_of_drawn_sessions(pin_ms: float):
    chance = np.random.default_rng(1)
    lag, think = chance.exponential(300, DRAWS), chance.exponential(100, DRAWS)
    share = theory.stale_after_write(300, 100, pin_ms=pin_ms, think="exponential")
    assert close(share, (lag > think) & (think >= pin_ms))


def test_a_pin_longer_than_the_time_to_think_hides_every_lag():
    assert theory.stale_after_write(300, 100, pin_ms=100.1) == 0
    assert theory.stale_after_write(300, 100, pin_ms=99.9) == theory.stale_after_write(300, 100) > 0


def test_without_lag_nothing_is_stale_and_nobody_waits():
    assert theory.stale_after_write(0, 0) == theory.stale_after_write(0, 5, think="exponential") == 0
    assert theory.fallback_to_leader(0, 0) == theory.wait_for_replica(0, 0) == 0
    assert theory.monotonic_read_violation(1_000, (0, 0, 0), gap_ms=0) == 0


@pytest.mark.parametrize(("replicas", "limit_ms"), [(1, 50), (3, 50), (2, math.inf)])
def test_the_wait_for_a_replica_and_the_fallback_are_those_of_drawn_reads(replicas: int, limit_ms: float):
    lags = np.random.default_rng(2).exponential(120, (DRAWS, replicas)).min(axis=1)
    waits = np.minimum(np.maximum(lags - 30, 0), limit_ms)
    error = SURE * waits.std() / math.sqrt(DRAWS)
    assert theory.wait_for_replica(120, 30, replicas, limit_ms) == pytest.approx(waits.mean(), abs=error)
    assert close(theory.fallback_to_leader(120, 30, replicas, limit_ms), lags > 30 + limit_ms)


def test_a_pin_sends_to_the_leader_what_comes_soon_after_a_write():
    chance = np.random.default_rng(3)
    since_last_write = chance.exponential(1000 / 0.5, DRAWS)
    assert close(theory.pinned_share(0.5, pin_ms=800), since_last_write < 800)


@pytest.mark.parametrize("lags", [(10, 300), (300, 10), (5, 80, 400)])
def test_reads_go_back_as_often_as_drawn_ones(lags: tuple[float, ...]):
    chance = np.random.default_rng(4)
    first, second = chance.choice(lags, (2, DRAWS))
    gap = 50
    written = chance.poisson(np.maximum(0, second - first - gap) * 10 / 1000) > 0
    assert close(theory.monotonic_read_violation(10, lags, gap), written)


def test_round_robin_alternates_between_two_replicas_so_it_goes_back_twice_as_often_as_random_routing():
    in_turn = theory.monotonic_read_violation(10, (10, 300), 50, routing="round_robin")
    assert in_turn == pytest.approx(2 * theory.monotonic_read_violation(10, (10, 300), 50))


@pytest.mark.parametrize(
    "call",
    [
        lambda: theory.stale_after_write(-1, 0),
        lambda: theory.stale_after_write(1, float("nan")),
        lambda: theory.stale_after_write(1, 1, leader_share=1.1),
        lambda: theory.fallback_to_leader(1, 1, replicas=0),
        lambda: theory.wait_for_replica(1, 1, limit_ms=-1),
        lambda: theory.pinned_share(-1, 1),
        lambda: theory.monotonic_read_violation(1, (), 1),
        lambda: theory.monotonic_read_violation(1, (-1, 2), 1),
    ],
)
def test_a_session_that_cannot_be_is_an_error(call: Any):
    with pytest.raises(ValueError, match=r"^\w+ is \S+: (it|there) must be .*\.$"):
        call()


# -- fencing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", cases("fencing", "lease"), ids=case_id)
def test_the_wait_for_a_lease_agrees_with_the_reference(case: dict[str, Any]):
    lease, drift, expected = case["inputs"]["lease_s"], case["inputs"]["drift_bound"], case["expected"]
    assert theory.lease_wait_s(lease, drift) == pytest.approx(expected["min_wait_s"], rel=1e-9)
    enough = theory.lease_overlap_s(lease * (1 + drift), lease, drift) == 0
    assert enough == expected["D_times_1_plus_rho_is_enough"]


def test_no_pair_of_clocks_breaks_the_wait_and_some_pair_breaks_any_shorter_one():
    lease, drift = 30.0, 0.01
    rates = np.linspace(1 - drift, 1 + drift, 41)
    holder, promoter = np.meshgrid(rates, rates)

    def overlap(wait: float) -> float:
        return float((lease / holder - wait / promoter).max())

    wait = theory.lease_wait_s(lease, drift)
    assert overlap(wait) == pytest.approx(0, abs=1e-9)
    for shorter in (wait * 0.9999, lease * (1 + drift), lease):
        assert overlap(shorter) > 0
        assert theory.lease_overlap_s(shorter, lease, drift) == pytest.approx(overlap(shorter))
    assert theory.lease_overlap_s(wait + 1, lease, drift) == 0


def test_a_lease_that_ends_at_a_time_of_day_is_waited_out_for_the_error_of_the_clocks_more():
    assert theory.deadline_wait_s(10, clock_error_s=0.25) == 10.25


@pytest.mark.parametrize("case", cases("fencing", "fencing tokens"), ids=case_id)
def test_the_storage_lets_in_the_tokens_that_the_reference_lets_in(case: dict[str, Any]):
    verdicts = ["accept" if ok else "reject" for ok in theory.admitted(case["inputs"]["tokens"])]
    assert verdicts == case["expected"]


@pytest.mark.parametrize("case", cases("fencing", "majority"), ids=case_id)
def test_the_sides_that_may_elect_are_those_of_the_reference(case: dict[str, Any]):
    assert theory.can_elect(case["inputs"]["n"], case["inputs"]["sides"]) == case["expected"]


def test_at_most_one_side_may_elect_however_the_nodes_are_split():
    for nodes in range(1, 12):
        for left in range(nodes + 1):
            assert sum(theory.can_elect(nodes, (left, nodes - left))) <= 1


def test_the_same_token_again_is_let_in_and_so_is_the_first_whatever_it_is():
    assert theory.admitted([-5, -5, 7, 7, 6, 8]) == [True, True, True, True, False, True]


@pytest.mark.parametrize(
    "call",
    [
        lambda: theory.lease_wait_s(-1),
        lambda: theory.lease_wait_s(10, drift=1),
        lambda: theory.lease_overlap_s(-1, 10),
        lambda: theory.deadline_wait_s(10, clock_error_s=-1),
        lambda: theory.majority(0),
        lambda: theory.can_elect(3, (2, 2)),
        lambda: theory.can_elect(3, (4, -1)),
    ],
)
def test_a_fence_that_cannot_be_is_an_error(call: Any):
    with pytest.raises(ValueError, match=r"^\w+ (is|are) .*: (it|there|they) must be .*\.$"):
        call()
