"""The WARS model: against the reference, against what can be solved, and against the model told trial by trial."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from replication_viz import theory
from replication_viz.theory import DELAY_FITS, ConstantDelay, ExponentialDelay, Legs, MixedDelay, ParetoDelay

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
