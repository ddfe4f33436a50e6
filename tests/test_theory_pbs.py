"""The WARS model: against the reference, against what can be solved, and against the model told trial by trial."""

from __future__ import annotations

import re
import tracemalloc
from dataclasses import replace
from functools import cache
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

from .reference import CASES, case_id, cases

TAKEN: set[str] = set()
NONE = ConstantDelay(0)


def named(pattern: str) -> list[dict[str, Any]]:
    """Return the cases whose whole name fits, and remember that they are tested."""
    found = [case for case in cases("pbs") if re.fullmatch(pattern, case["name"])]
    assert found, pattern
    TAKEN.update(case["id"] for case in found)
    return found


def each(pattern: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", named(pattern), ids=case_id)


def of(model: str, n: int = 3) -> theory.Wars:
    return drawn_from(model, n)


@cache
def drawn_from(model: str, n: int) -> theory.Wars:
    return theory.wars(DELAY_FITS[model], n, trials=400_000 if n == 3 else 400_000 // n)


@cache
def yammer_reads() -> theory.Wars:
    """Return what reads wait for: at R = 2 its two kinds of delay meet, few are near, and it takes more trials."""
    return theory.wars(replace(DELAY_FITS["YMMR"], write=NONE, ack=NONE), trials=3_000_000)


@cache
def exponential(n: int, write_ms: float, other_ms: float, trials: int = 300_000) -> theory.Wars:
    other = ExponentialDelay(other_ms)
    return theory.wars(Legs(ExponentialDelay(write_ms), other, other, other), n, trials // n)


@cache
def instant(n: int) -> theory.Wars:
    """Only the write takes time: then whoever answers is as good as chosen at random."""
    return theory.wars(Legs(ExponentialDelay(1), NONE, NONE, NONE), n, trials=50_000)


def close(case: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    return {kind: case["tolerance"][prefix + kind] for kind in ("abs", "rel") if prefix + kind in case["tolerance"]}


def inputs(case: dict[str, Any]) -> tuple[str, int, int, int]:
    given_ = case["inputs"]
    return given_.get("model", ""), given_.get("N", 3), given_.get("R", 1), given_.get("W", 1)


# The model as defined


class Scripted:
    """A leg whose delays are written down: the whole array, once."""

    def __init__(self, delays: NDArray[np.float64]) -> None:
        self.delays = delays

    def draw(self, chance: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
        assert shape == self.delays.shape
        return self.delays


class Drawn:
    """A leg drawn anew for each version, of delays that bins hold exactly, with many ties."""

    def __init__(self) -> None:
        self.arrays: list[NDArray[np.float64]] = []

    def draw(self, chance: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
        self.arrays.append(chance.integers(0, 40, shape) / 4)
        return self.arrays[-1]


@each("WARS model definition")
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_every_trial_told_as_the_definition_tells_it(case: dict[str, Any], n: int) -> None:
    says = case["expected"]
    assert says["commit_time"] == "w_t = W-th smallest of W[i]+A[i]"
    assert says["read_responders"] == "first R replicas ordered by R[i]+S[i]; read sent to all N at w_t+t"
    assert says["fresh_iff"] == "any responder with w_t + t + R[i] >= W[i]"
    assert says["strict"] == "p_stale=0 whenever R+W>N"
    trials, versions, apart = 30, 2, 1.5
    legs = Legs(Drawn(), Drawn(), Drawn(), Drawn())
    found = theory.wars(legs, n, trials, seed=3, versions=versions, apart_ms=apart)
    drawn = [leg.arrays for leg in (legs.write, legs.ack, legs.read, legs.response) if isinstance(leg, Drawn)]
    for r in range(1, n + 1):
        for w in range(1, n + 1):
            for t in (0.0, 0.25, 3.0, 7.5):
                for within in (1, 2):
                    hits = sum(
                        is_fresh([leg[min(age, len(leg) - 1)][:, i] for leg in drawn], turn, r, w, t + age * apart)
                        for i in range(trials)
                        for turn in range(n)
                        for age in (range(1) if within == 1 else [_freshest(drawn, i, turn, r, w, t, apart)])
                    )
                    assert found.fresh(r, w, t, within).value == pytest.approx(hits / trials / n, abs=1e-12)


def is_fresh(delays: list[NDArray[np.float64]], turn: int, r: int, w: int, t: float) -> bool:
    write, ack, read, response = (list(leg) for leg in delays)
    n = len(write)
    committed = sorted(write[i] + ack[i] for i in range(n))[w - 1]
    responders = sorted(range(n), key=lambda i: read[i] + response[i])[:r]
    return any(committed + t + read[i] >= write[(i - turn) % n] for i in responders)


def _freshest(drawn: list[list[NDArray[np.float64]]], i: int, turn: int, r: int, w: int, t: float, apart: float) -> int:
    """Return the age of a version that the read saw, if it saw one of the two, else 0."""
    for age in (0, 1):
        if is_fresh([leg[min(age, len(leg) - 1)][:, i] for leg in drawn], turn, r, w, t + age * apart):
            return age
    return 0


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


# Published fits


@each("distribution fits .*")
def test_the_fits_are_the_published_ones(case: dict[str, Any]) -> None:
    def mixed(part: dict[str, Any]) -> MixedDelay:
        pareto, tail = part["pareto"], part["exp"]
        assert 1 - pareto["p"] == pytest.approx(tail["p"])
        kinds = ParetoDelay(pareto["xm"], pareto["alpha"]), ExponentialDelay(1 / tail["lambda"])
        return MixedDelay(((pareto["p"], kinds[0]), (1 - pareto["p"], kinds[1])))

    fits = case["expected"]
    ssd, yammer = mixed(fits["LNKD-SSD"]["W=A=R=S"]), mixed(fits["YMMR (paper table)"]["A=R=S"])
    disk, yammer_write = mixed(fits["LNKD-DISK"]["W"]), mixed(fits["YMMR (paper table)"]["W"])
    code_write = replace(yammer_write, parts=((0.939, ParetoDelay(3, 3.5)), yammer_write.parts[1]))
    assert fits["YMMR (authors code)"] == "same but W pareto alpha=3.5"
    assert fits["WAN"].startswith("LNKD-DISK plus 75 ms on each of W,A (R,S) for every replica other than one")
    expected = {
        "LNKD-SSD": Legs(ssd, ssd, ssd, ssd),
        "LNKD-DISK": Legs(disk, ssd, ssd, ssd),
        "YMMR": Legs(yammer_write, yammer, yammer, yammer),
        "YMMR-code3.5": Legs(code_write, yammer, yammer, yammer),
        "WAN": Legs(disk, ssd, ssd, ssd, far_ms=75),
    }
    assert expected == DELAY_FITS


@each(".* 99.9pct read latency ms")
def test_999_of_1000_reads_of_a_published_fit_are_as_fast(case: dict[str, Any]) -> None:
    model, _, r, _ = inputs(case)
    found = yammer_reads() if model.startswith("YMMR") else of(model)
    assert found.read_ms(r) == pytest.approx(case["expected"], **close(case))


@each(".* 99.9pct write latency ms")
def test_999_of_1000_writes_of_a_published_fit_are_as_fast(case: dict[str, Any]) -> None:
    model, _, _, w = inputs(case)
    assert of(model).write_ms(w) == pytest.approx(case["expected"], **close(case))


@each("(?!exp).* mean/median commit latency W=.")
def test_writes_of_a_published_fit_take_as_long_on_average(case: dict[str, Any]) -> None:
    model, _, _, w = inputs(case)
    assert of(model).mean_write_ms(w) == pytest.approx(case["expected"]["mean"], **close(case))
    assert of(model).write_ms(w, share=0.5) == pytest.approx(case["expected"]["median"], **close(case))


@each(".* t-visibility ms at p_st=.001")
def test_from_that_time_on_999_of_1000_reads_are_fresh(case: dict[str, Any]) -> None:
    model, _, r, w = inputs(case)
    assert of(model).visible_ms(r, w) == pytest.approx(case["expected"], **close(case))


@each(r"(LNKD|YMMR|WAN).* P\(consistent\) at t")
def test_reads_of_a_published_fit_are_fresh_as_often_at_each_time(case: dict[str, Any]) -> None:
    model, _, r, w = inputs(case)
    curve = of(model).curve(r, w, [float(t) for t in case["expected"]])
    assert list(curve.fresh) == pytest.approx(list(case["expected"].values()), **close(case))


@each(r"quoted P\(consistent\).*|YMMR P\(consistent at t=0\) .*|LNKD-SSD P\(consistent at t=5 ms\).*")
def test_the_paper_quotes_these_shares_of_fresh_reads(case: dict[str, Any]) -> None:
    model, n, r, w = inputs(case)
    assert of(model, n).fresh(r, w, case["inputs"].get("t", 0)).value == pytest.approx(case["expected"], **close(case))


@each("Nsweep .*")
def test_more_replicas_are_staler_at_once_and_hardly_later(case: dict[str, Any]) -> None:
    model, n, r, w = inputs(case)
    found = of(model, n)
    assert found.fresh(r, w).value == pytest.approx(case["expected"]["p_consistent0"], **close(case, "p_"))
    assert found.visible_ms(r, w) == pytest.approx(case["expected"]["t999"], **close(case, "t_"))


@each("search-bias biased .*")
def test_a_search_upward_in_time_stops_too_early_as_the_published_one_did(case: dict[str, Any]) -> None:
    wanted = re.fullmatch(r"search-bias biased (.*) R(\d)W(\d)", case["name"])
    assert wanted
    model, r, w = wanted[1], int(wanted[2]), int(wanted[3])
    tried = {"LNKD-SSD": np.arange(0, 4, 0.01), "YMMR": np.arange(1.0, 3000)}
    times = tried.get(model.removesuffix("-code3.5"), np.arange(0, 150, 0.1))
    stops = theory.upward_search_ms(times, of(model).curve(r, w, times).fresh, case["inputs"]["trials_per_point"])
    assert stops == pytest.approx(case["expected"]["mean_of_published_procedure"], **close(case))
    assert of(model).visible_ms(r, w) == pytest.approx(case["expected"]["true"], **close(case))
    assert stops < of(model).visible_ms(r, w)


# Delays without memory


@each(r"exponential WARS exact P\(consistent,t=0\)")
def test_exponential_delays_solved_and_drawn(case: dict[str, Any]) -> None:
    _, n, r, w = inputs(case)
    means = case["inputs"]["mean_W"], case["inputs"]["mean_ARS"]
    assert theory.MemorylessWars(n, r, w, *means).fresh(0) == pytest.approx(case["expected"], abs=1e-8)
    assert exponential(n, *means).fresh(r, w).value == pytest.approx(case["expected"], **close(case))


@each("exponential WARS exact t at p_st=.001")
def test_when_exponential_delays_have_brought_the_write_to_all_but_a_thousandth(case: dict[str, Any]) -> None:
    _, n, r, w = inputs(case)
    means = case["inputs"]["mean_W"], case["inputs"]["mean_ARS"]
    assert theory.MemorylessWars(n, r, w, *means).visible_ms() == pytest.approx(case["expected"], rel=1e-6)
    assert exponential(n, *means).visible_ms(r, w) == pytest.approx(case["expected"], **close(case))


@each(r"all Exp\(1\) .*")
def test_all_legs_alike_and_exponential(case: dict[str, Any]) -> None:
    _, n, r, w = inputs(case)
    mean, expected = case["inputs"]["mean"], case["expected"]
    drawn, solved = exponential(n, mean, mean, trials=1_200_000), theory.MemorylessWars(n, r, w, mean, mean)
    for t in (0, 1):
        assert solved.fresh(t) == pytest.approx(expected[f"p_consistent{t}"], abs=3e-4)
        assert drawn.fresh(r, w, t).value == pytest.approx(expected[f"p_consistent{t}"], **close(case, "p_"))
    assert solved.visible_ms() == pytest.approx(expected["t999"], rel=5e-3)
    assert drawn.visible_ms(r, w) == pytest.approx(expected["t999"], **close(case, "t_"))


@each(r"A=R=0, W~Exp\(1\), responders random: P_stale")
def test_with_instant_reads_quorums_are_random_sets_that_fade(case: dict[str, Any]) -> None:
    _, n, r, w = inputs(case)
    t = case["inputs"]["t"]
    assert theory.miss_probability(n, r, w) * np.exp(-r * t) == pytest.approx(case["expected"], abs=1e-12)
    assert 1 - theory.MemorylessWars(n, r, w, write_ms=1).fresh(t) == pytest.approx(case["expected"], abs=1e-9)
    assert 1 - instant(n).fresh(r, w, t).value == pytest.approx(case["expected"], **close(case))


def test_no_case_of_the_reference_is_left_out() -> None:
    assert {case["id"] for case in CASES if case["area"] == "pbs"} == TAKEN


@pytest.mark.parametrize(("write_ms", "other_ms"), [(1, 1), (10, 1), (1, 10), (1, 1 + 1e-9)])
def test_drawn_and_solved_agree_for_every_choice_within_the_error_of_drawing(write_ms: float, other_ms: float) -> None:
    drawn = exponential(4, write_ms, other_ms, trials=100_000)
    for choice in drawn.choices():
        exact = theory.MemorylessWars(4, choice.r, choice.w, write_ms, other_ms)
        for t in (0.0, write_ms / 2, 2 * write_ms):
            likely = drawn.fresh(choice.r, choice.w, t, confidence=0.9999)
            assert likely.low <= exact.fresh(t) <= likely.high


def test_one_replica_is_never_stale() -> None:
    alone = theory.wars(DELAY_FITS["YMMR"], n=1, trials=1_000)
    assert alone.fresh(1, 1) == theory.Proportion(1, 1, 1)
    assert alone.visible_ms(1, 1) == theory.MemorylessWars(1, 1, 1, 1, 1).visible_ms() == 0


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
    found = of("LNKD-DISK")
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
        (lambda: of("WAN").fresh(0, 1), r"^r is 0: it must be from 1 to n = 3\.$"),
        (lambda: of("WAN").fresh(1, 1, -5), r"^t_ms is -5\.0: it must be at least 0\.$"),
        (lambda: of("WAN").fresh(1, 1, float("nan")), r"^t_ms is nan: "),
        (lambda: of("WAN").fresh(1, 1, within=2), r"^within is 2: it must be from 1 to 1, the versions followed\.$"),
        (lambda: of("WAN").read_ms(4), r"^r is 4: "),
        (lambda: of("WAN").mean_write_ms(0), r"^w is 0: "),
        (lambda: of("WAN").write_ms(1, share=2), r"^share is 2: it must be from 0 to 1\.$"),
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
