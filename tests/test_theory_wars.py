"""The WARS model's draws, legs and counting: what must hold whatever the delays are."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from replication_viz import theory
from replication_viz.theory import DELAY_FITS, ConstantDelay, ExponentialDelay, Legs, MixedDelay, ParetoDelay
from replication_viz.theory.tally import Tally

NONE = ConstantDelay(0)
FEW = theory.wars(DELAY_FITS["WAN"], trials=100)


class Scripted:
    """A leg whose delays are written down: the whole array, once."""

    def __init__(self, delays: NDArray[np.float64]) -> None:
        self.delays = delays

    def draw(self, chance: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
        assert shape == self.delays.shape
        return self.delays


def test_latencies_are_those_of_the_slowest_awaited() -> None:
    chance = np.random.default_rng(5)
    arrays = [chance.integers(0, 400, (3, 999)) / 8 for _ in range(4)]
    write, ack, read, response = arrays
    found = theory.wars(Legs(Scripted(write), Scripted(ack), Scripted(read), Scripted(response)), trials=999)
    for k in (1, 2, 3):
        writes = np.sort(np.sort(write + ack, axis=0)[k - 1])
        reads = np.sort(np.sort(read + response, axis=0)[k - 1])
        for share in (0.001, 0.5, 0.9, 0.999, 1.0):
            place = int(np.ceil(share * 999 - 1e-9)) - 1
            assert found.write_ms(k, share) == writes[place]
            assert found.read_ms(k, share) == reads[place]
        assert found.mean_write_ms(k) == pytest.approx(writes.mean())
        assert found.mean_read_ms(k) == pytest.approx(reads.mean())


# Properties


FITS = st.sampled_from(sorted(DELAY_FITS))


@settings(max_examples=25, deadline=None)
@given(FITS, st.integers(1, 5), st.integers(0, 99), st.floats(0, 300), st.floats(0, 300), st.floats(0, 50))
def test_more_replicas_awaited_more_time_and_more_versions_are_never_staler(
    model: str, n: int, seed: int, one_ms: float, other_ms: float, apart_ms: float
) -> None:
    found = theory.wars(DELAY_FITS[model], n, trials=200, seed=seed, versions=2, apart_ms=apart_ms)
    early, late = sorted([one_ms, other_ms])
    for r in range(1, n + 1):
        for w in range(1, n + 1):
            at_first = found.fresh(r, w, early)
            assert at_first.low <= at_first.value <= at_first.high
            assert at_first.value <= found.fresh(r, w, late).value
            assert at_first.value <= found.fresh(r, w, early, within=2).value
            assert r == n or at_first.value <= found.fresh(r + 1, w, early).value
            assert w == n or at_first.value <= found.fresh(r, w + 1, early).value
            assert r + w <= n or at_first == theory.Proportion(1, 1, 1)
            assert found.visible_ms(r, w, 0.9) <= found.visible_ms(r, w, 0.99)
            assert found.fresh(r, w, found.visible_ms(r, w, 0.9)).value >= 0.9
    assert [found.read_ms(r) for r in range(1, n + 1)] == sorted(found.read_ms(r) for r in range(1, n + 1))


@pytest.mark.parametrize("versions", [1, 2, 4])
def test_versions_committed_together_are_missed_like_random_quorums(versions: int) -> None:
    """Each write spreads on its own and the reader's set is as good as any: the misses multiply, as in k-staleness."""
    trials = 40_000
    found = theory.wars(Legs(ExponentialDelay(1), NONE, NONE, NONE), trials=trials, versions=versions)
    for r, w in [(1, 1), (2, 1), (1, 2)]:
        likely = found.fresh(r, w, 0, versions, confidence=0.9999)
        assert likely.low <= theory.within_versions(3, r, w, versions) <= likely.high


def test_older_versions_have_had_more_time() -> None:
    fit, within = DELAY_FITS["LNKD-DISK"], {}
    for apart_ms in (0.0, 5.0, 1e6):
        within[apart_ms] = theory.wars(fit, trials=20_000, versions=2, apart_ms=apart_ms).fresh(1, 1, 0, within=2).value
    assert within[0.0] + 0.05 < within[5.0] < within[1e6] == 1


def test_a_version_more_leaves_the_draws_of_the_latest_alone() -> None:
    fit = DELAY_FITS["LNKD-DISK"]
    one, three = (theory.wars(fit, trials=5_000, versions=versions) for versions in (1, 3))
    assert one.choices() == three.choices()


def test_the_same_seed_gives_the_same_numbers_and_another_gives_others() -> None:
    fit = DELAY_FITS["WAN"]
    first, again, other = (theory.wars(fit, trials=90_000, seed=seed).choices() for seed in (1, 1, 2))
    assert first == again != other


def test_other_reads_leave_every_write_as_it_was() -> None:
    fit = DELAY_FITS["LNKD-DISK"]
    one, other = (theory.wars(legs, trials=5_000) for legs in (fit, replace(fit, read=ExponentialDelay(9))))
    assert [one.write_ms(w, 0.7) for w in (1, 2, 3)] == [other.write_ms(w, 0.7) for w in (1, 2, 3)]
    assert one.read_ms(1) < other.read_ms(1)


def test_memory_does_not_grow_with_the_trials() -> None:
    def most_mb(trials: int) -> float:
        tracemalloc.start()
        theory.wars(DELAY_FITS["LNKD-SSD"], trials=trials)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak / 2**20

    assert most_mb(300_000) < 1.1 * most_mb(180_000) < 100


def test_the_interval_holds_the_true_probability_at_least_as_often_as_it_promises() -> None:
    exact = theory.MemorylessWars(3, 1, 1, 2, 1).fresh(1)
    other = ExponentialDelay(1)
    legs = Legs(ExponentialDelay(2), other, other, other)
    runs = [theory.wars(legs, trials=500, seed=seed).fresh(1, 1, 1, confidence=0.9) for seed in range(60)]
    held = sum(run.low <= exact <= run.high for run in runs)
    assert held >= stats.binom.ppf(1e-4, 60, 0.9)
    assert np.mean([run.value for run in runs]) == pytest.approx(exact, abs=4 * 0.5 / np.sqrt(60 * 500))


def test_every_choice_is_listed_with_what_it_costs_and_what_it_gives() -> None:
    found = theory.wars(DELAY_FITS["LNKD-DISK"], trials=20_000)
    choices = found.choices()
    assert [(c.r, c.w) for c in choices] == [(r, w) for r in (1, 2, 3) for w in (1, 2, 3)]
    for choice in choices:
        assert choice.read_ms == found.read_ms(choice.r)
        assert choice.write_ms == found.write_ms(choice.w)
        assert (choice.visible_ms == 0) == (choice.fresh.value == 1) == (choice.r + choice.w > 3)


# Legs


@pytest.mark.parametrize(
    ("delay", "longer"),
    [
        (ExponentialDelay(2), lambda x: np.exp(-x / 2)),
        (ParetoDelay(3, 1.5), lambda x: np.minimum(1, (3 / np.maximum(x, 1e-9)) ** 1.5)),
        (
            MixedDelay(((0.5, ParetoDelay(3, 4)), (0.3, ExponentialDelay(2)), (0.2, ConstantDelay(1e9)))),
            lambda x: 0.5 * np.minimum(1, (3 / np.maximum(x, 1e-9)) ** 4) + 0.3 * np.exp(-x / 2) + 0.2,
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_delays_are_distributed_as_their_names_say(delay: theory.Delay, longer: Any) -> None:
    drawn = delay.draw(np.random.default_rng(2), (2, 10_000)).ravel()
    drawn = drawn[drawn < 1e8]
    below = 1 - longer(1e8)
    assert len(drawn) == pytest.approx(20_000 * below, abs=4 * 100)
    assert stats.kstest(drawn, lambda x: (1 - longer(x)) / below).pvalue > 1e-3


def test_all_replicas_but_one_are_far_away_another_one_for_the_write_than_for_the_read() -> None:
    legs = Legs(NONE, NONE, NONE, NONE, far_ms=75)
    far = theory.wars(legs, n=5, trials=20_000)
    assert (
        [far.read_ms(r, share=1) for r in (1, 2, 5)] == [far.write_ms(w, share=1) for w in (1, 2, 5)] == [0, 150, 150]
    )
    same = far.fresh(1, 1, 74.9, confidence=0.9999)  # fresh only if the reader's near replica was the writer's
    assert same.low <= 1 / 5 <= same.high
    assert far.fresh(1, 1, 75).value == far.fresh(2, 1, 0).value == 1


@pytest.mark.parametrize(
    ("delays", "message"),
    [
        (np.full((3, 10), -1.0), r"^leg W drew delays from -1\.0 to -1\.0 ms: they must be finite and at least 0\.$"),
        (np.full((3, 10), np.nan), r"^leg W drew delays from nan to nan ms"),
        (np.full((3, 10), np.inf), r"^leg W drew delays from inf to inf ms"),
    ],
)
def test_a_leg_that_draws_no_delays_is_an_error(delays: NDArray[np.float64], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        theory.wars(Legs(Scripted(delays), NONE, NONE, NONE), trials=10)


def test_a_leg_that_draws_too_few_is_an_error() -> None:
    class Short:
        def draw(self, chance: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
            return np.zeros(3)

    with pytest.raises(ValueError, match=r"^leg S drew an array of shape \(3,\): it must be of shape \(3, 10\)\.$"):
        theory.wars(Legs(NONE, NONE, NONE, Short()), trials=10)


# Counting


@settings(deadline=None)
@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.8, 0.95]))
def test_the_interval_is_that_of_scipy(hits_of: tuple[int, int], confidence: float) -> None:
    hits, trials = hits_of
    low, high = theory.wilson(hits, trials, confidence)
    expected = stats.binomtest(hits, trials).proportion_ci(confidence, method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert low <= hits / trials <= high


@settings(deadline=None)
@given(st.lists(st.floats(-10, 1e6), min_size=1, max_size=200), st.floats(0.001, 1))
def test_a_tally_knows_every_delay_to_a_4096th(delays: list[float], share: float) -> None:
    tally = Tally()
    tally.add(np.array(delays[:1]))
    assert tally.within(2e6) == 1
    tally.add(np.array(delays[1:]))
    assert tally.within(2e6) == len(delays)
    place = max(0, int(np.ceil(share * len(delays))) - 1)
    true = max(0.0, sorted(delays)[place])
    assert true * (1 - 1 / 4096) - 1e-6 <= tally.quantile(share) <= true * (1 + 1e-7)
    assert (
        sum(d <= true for d in delays) <= tally.within(true) <= sum(d <= true * (1 + 1 / 2048) + 1e-6 for d in delays)
    )
    assert tally.mean == pytest.approx(np.mean(delays))


def test_what_takes_longer_than_four_hours_is_past_the_last_bin() -> None:
    tally = Tally()
    tally.add(np.array([1.0, 2.0**24]))
    assert tally.quantile(0.5) == 1
    assert tally.quantile(1) == np.inf


# The upward search


def test_the_upward_search_as_if_it_were_run() -> None:
    chance = np.random.default_rng(4)
    times, fresh, trials = np.arange(6.0), np.array([0.7, 0.8, 0.85, 0.89, 0.95, 1.0]), 40
    runs = []
    for _ in range(2_000):
        shares = [np.mean(chance.random(trials) < p) for p in fresh]
        runs.append(times[next(i for i, share in enumerate(shares) if share >= 0.9)])
    found = theory.upward_search_ms(times, fresh, trials, share=0.9)
    assert found == pytest.approx(np.mean(runs), abs=4 * np.std(runs) / np.sqrt(2_000))
    assert found < 4  # the first time that is truly good enough


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.wars(DELAY_FITS["WAN"], n=0), r"^n is 0: "),
        (lambda: theory.wars(DELAY_FITS["WAN"], trials=0), r"^trials is 0: it must be at least 1\.$"),
        (lambda: theory.wars(DELAY_FITS["WAN"], versions=0), r"^versions is 0: "),
        (lambda: theory.wars(DELAY_FITS["WAN"], apart_ms=-1), r"^apart_ms is -1: "),
        (lambda: FEW.fresh(0, 1), r"^r is 0: it must be from 1 to n = 3\.$"),
        (lambda: FEW.fresh(1, 1, -5), r"^t_ms is -5\.0: it must be at least 0\.$"),
        (lambda: FEW.fresh(1, 1, float("nan")), r"^t_ms is nan: "),
        (lambda: FEW.fresh(1, 1, within=2), r"^within is 2: it must be from 1 to 1, the versions followed\.$"),
        (lambda: FEW.read_ms(4), r"^r is 4: "),
        (lambda: FEW.mean_write_ms(0), r"^w is 0: "),
        (lambda: FEW.write_ms(1, share=2), r"^share is 2: it must be from 0 to 1\.$"),
        (lambda: theory.MemorylessWars(3, 1, 1, 0), r"^write_ms is 0 and other_ms is 0\.0: "),
        (lambda: theory.MemorylessWars(3, 1, 1, 1).fresh(-1), r"^t_ms is -1: "),
        (lambda: theory.MemorylessWars(3, 1, 1, 1).visible_ms(1), r"^share is 1: "),
        (lambda: theory.wilson(3, 2), r"^hits are from 3 to 3: they must be from 0 to 2\.$"),
        (lambda: theory.wilson(1, 2, confidence=1), r"^trials is 2 and confidence is 1: "),
        (lambda: theory.upward_search_ms([0, 1], [0.5, 0.6], 50), r"^the search passes 1 ms with probability 1: "),
        (lambda: theory.upward_search_ms([0, 1], [0.5], 50), r"^share is 0\.999, with 2 times and 1 probabilities\.$"),
        (lambda: ConstantDelay(-1), r"^ms is -1: "),
        (lambda: ExponentialDelay(0), r"^mean_ms is 0: "),
        (lambda: ParetoDelay(1, 0), r"^least_ms is 1 and alpha is 0: "),
        (lambda: MixedDelay(((0.5, NONE), (0.4, NONE))), r"^the shares are \[0\.5, 0\.4\]: "),
        (lambda: MixedDelay(()), r"^the shares are \[\]: "),
        (lambda: replace(DELAY_FITS["WAN"], far_ms=-1), r"^far_ms is -1: "),
    ],
)
def test_what_cannot_be_is_an_error_in_one_sentence(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
