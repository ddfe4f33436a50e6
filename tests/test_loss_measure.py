"""Loss as a measure of any run: who is promoted, sentences, retries, charts."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from replication_viz import Scenario, Trace, measures, run, scenarios, theory
from replication_viz.measures.losses import _rounded
from replication_viz.scenario import Crash, NodeSettings, Partition, Restart
from replication_viz.trace import Outcome, Position
from replication_viz.views.loss_chart import LossDistribution, LossWindow

# -- the measure ------------------------------------------------------------------------------------------------------

THREE = Scenario(
    ack="ANY 1 (s1, s2, s3)",
    rate_per_s=1_000,
    duration_ms=2_000,
    nodes={"s1": NodeSettings(lag_ms=5), "s2": NodeSettings(lag_ms=50), "s3": NodeSettings(lag_ms=300)},
)
MOMENTS = np.arange(400.0, 2_000)


@cache
def three() -> Trace:
    return run(THREE)


def test_a_random_promotion_draws_among_all_and_twice_the_same():
    first, again = (measures.loss(three(), MOMENTS, "random") for _ in range(2))
    assert (first.lost == again.lost).all()
    assert set(first.promoted) == {"s1", "s2", "s3"}
    expected = np.mean([measures.loss(three(), MOMENTS, name).lost.mean() for name in ("s1", "s2", "s3")])
    spread = first.lost.std() / np.sqrt(len(MOMENTS))
    assert first.lost.mean() == pytest.approx(expected, abs=5 * spread)
    other = measures.loss(run(THREE.but(seed=2)), MOMENTS, "random")
    assert (first.promoted != other.promoted).any()


def test_a_random_promotion_passes_over_a_replica_that_is_down():
    trace = run(THREE.with_fault(Crash(node="s2", at_ms=500)))
    assert set(measures.loss(trace, np.arange(500.0, 2_000), "random").promoted) == {"s1", "s3"}


def test_the_lost_writes_are_a_suffix_of_what_was_acknowledged_each_with_its_ok():
    for promote in ("s2", "s3"):
        found = measures.loss(three(), [700, 1_500], promote)
        gone = found.writes
        assert len(gone) == found.lost[-1] > 0
        assert (np.diff(gone.lsn) == 1).all()
        assert gone.lsn[0] == three().at(promote, Position.RECEIVED, 1_500) + 1
        assert (gone.outcome == Outcome.OK).all()
        assert gone.returned.max() <= 1_500


def test_loss_follows_what_is_received_and_not_what_is_replayed():
    eager, held = (run(scenarios["loss_window"].but(rate_per_s=500, apply_delay_ms=ms)) for ms in (0, 1_500))
    assert measures.lag(held, "s1", "replay", 1_900) > 1_400
    for promote in ("best", "worst", "s1"):
        assert (measures.loss(eager, MOMENTS, promote).lost == measures.loss(held, MOMENTS, promote).lost).all()
    safe = run(THREE.but(apply_delay_ms=1_500, ack="s1"))
    assert measures.lag_writes(safe, "s1", "replay", 1_900) > 1_400
    assert measures.loss(safe, MOMENTS).lost.max() == 0


def test_to_promote_someone_who_is_not_there_is_one_sentence():
    with pytest.raises(
        ValueError, match=r"^promote is 'x': it must be 'best', 'worst', 'random' or one of s1, s2, s3\.$"
    ):
        measures.loss(three(), 100, "x")
    with pytest.raises(ValueError, match=r"^promote is 'x': it must be 'best', 'worst', 'random'\.$"):
        measures.loss(run(Scenario(replicas=0, ack="async", duration_ms=50)), 10, "x")


@pytest.mark.parametrize(
    ("number", "shown"),
    [(10, 10), (44, 40), (130, 120), (998, 1_000), (1_075, 1_000), (1_180, 1_200), (96_000, 100_000)],
)
def test_numbers_for_a_product_owner_keep_the_digits_that_people_keep(number: float, shown: float):
    assert _rounded(number) == pytest.approx(shown)


def test_the_sentence_for_a_product_owner():
    sentence = "async here means up to about 1,000 lost writes per crash."
    assert measures.loss_sentence(run(scenarios["loss_window"])) == sentence
    rule = "ANY 1 (s1, s2, s3) here means"
    assert measures.loss_sentence(three()) == (
        f"{rule} no lost write in a crash, as long as the most advanced replica takes over."
    )
    assert measures.loss_sentence(three(), "s3") == f"{rule} up to about 300 lost writes per crash, if s3 takes over."
    assert measures.loss_sentence(run(THREE.but(nodes={}, level="local"))).startswith("async here means a few lost")


# -- retries ----------------------------------------------------------------------------------------------------------


def by_hand(trace: Trace, moment: float, promote: str, key: bool, resend_ms: float) -> tuple[int, int, int]:
    """Return how many payments are applied once, twice and not at all, one payment after the other."""
    found = measures.loss(trace, moment, promote)
    head = int(trace.at(found.promoted[0], Position.RECEIVED, moment)) if found.promoted[0] else 0
    ops = measures.writes(trace)
    counts = [0, 0, 0]
    for invoked, returned, outcome, lsn in zip(ops.invoked, ops.returned, ops.outcome, ops.lsn, strict=True):
        if invoked > moment or lsn <= 0:
            continue
        has_ok = outcome == Outcome.OK and returned <= moment
        sends_again = not has_ok or returned > moment - resend_ms
        times = int(lsn <= head)
        if sends_again and not (key and times):
            times += 1
        counts[(2, 0, 1)[times]] += 1
    return counts[0], counts[1], counts[2]


@pytest.mark.parametrize("promote", ["best", "worst", "s2"])
@pytest.mark.parametrize("resend_ms", [0, 120])
@pytest.mark.parametrize("key", [False, True])
@pytest.mark.parametrize("ack", ["async", "ANY 1 (s1, s2, s3)", "all"])
def test_retries_counted_at_once_agree_with_one_payment_after_the_other(
    ack: str, key: bool, resend_ms: float, promote: str
):
    trace = run(THREE.but(ack=ack, rate_per_s=300, duration_ms=900, network_ms=20))
    moments = [0.0, 333.3, 700.0]
    found = measures.retries(trace, moments, promote, idempotency_key=key, resend_ms=resend_ms)
    for i, moment in enumerate(moments):
        counts = found.applied_once[i], found.applied_twice[i], found.lost[i]
        assert counts == by_hand(trace, moment, promote, key, resend_ms)
    assert len(found.twice) == found.applied_twice[-1]
    assert len(found.gone) == found.lost[-1]


def test_without_a_key_a_retried_payment_is_applied_twice_and_with_one_exactly_once():
    trace = run(THREE.but(nodes={}, network_ms=40))
    naive, keyed = (measures.retries(trace, MOMENTS, idempotency_key=key) for key in (False, True))
    assert naive.applied_twice.min() > 0
    assert naive.applied_twice.mean() == pytest.approx(40, abs=10)
    assert not naive.lost.any()
    assert not keyed.applied_twice.any()
    assert not keyed.lost.any()
    assert (keyed.applied_once == naive.applied_once + naive.applied_twice).all()


def test_under_async_a_key_brings_back_only_what_is_sent_again():
    trace = run(THREE.but(ack="async"))
    keyed = measures.retries(trace, MOMENTS, "s3", idempotency_key=True)
    assert (keyed.lost == measures.loss(trace, MOMENTS, "s3").lost).all()
    assert keyed.lost.min() > 200
    outbox = measures.retries(trace, MOMENTS, "s3", idempotency_key=True, resend_ms=500)
    assert not outbox.lost.any()
    assert not outbox.applied_twice.any()


def test_retries_after_a_crash_that_the_run_itself_holds():
    """At the moment of the crash nobody who waits has an answer, whether or not the write reached the disk."""
    calm, crashed = run(THREE), run(THREE.with_fault(Crash(node="L", at_ms=1_000)))
    for key in (False, True):
        before = measures.retries(calm, 1_000, "s2", idempotency_key=key)
        after = measures.retries(crashed, 1_000, "s2", idempotency_key=key)
        assert repr(before) == repr(after)


def test_retries_refuse_what_has_no_answer_in_one_sentence():
    back = run(THREE.but(faults=(Crash(node="L", at_ms=500), Restart(node="L", at_ms=900))))
    with pytest.raises(
        ValueError, match=r"^at_ms is 1000: it must be before 900 ms, when the leader of this run comes"
    ):
        measures.retries(back, 1_000)
    with pytest.raises(ValueError, match=r"^at_ms is empty"):
        measures.retries(three(), [])
    with pytest.raises(ValueError, match=r"^resend_ms is -1: it must be at least 0\.$"):
        measures.retries(three(), 100, resend_ms=-1)


# -- charts -----------------------------------------------------------------------------------------------------------


def test_the_chart_of_a_run_has_a_line_for_the_best_and_one_for_the_worst_promotion():
    chart = LossWindow().show(three())
    figure, moments = chart.figure, np.linspace(0, 2_000, 601)[1:]
    for line, promote in ((chart.best, "best"), (chart.worst, "worst")):
        assert (np.asarray(line.get_ydata()) == measures.loss(three(), moments, promote).lost).all()
    assert "most advanced replica promoted, 0 on average" in chart.alt
    cut = run(THREE.with_fault(Partition(nodes=("s1", "s2", "s3"), at_ms=800, for_ms=400)))
    assert chart.show(cut).figure is figure
    assert len(chart.axes.lines) == 2


def test_the_chart_of_many_crashes_holds_them_all_and_the_closed_form():
    law = theory.fixed_delay_loss(1_000, 2)
    lost = np.random.default_rng(0).poisson(2, 500)
    chart = LossDistribution().show(lost, law)
    values, edges, _ = chart.run.get_data()
    assert values.sum() == pytest.approx(1)
    assert edges[0] == -0.5
    assert np.asarray(chart.theory.get_ydata())[:3] == pytest.approx(law.pmf([0, 1, 2]))
    assert chart.alt.startswith("Losses of many crashes: 500 crashes, mean ")
    chart.show(lost)
    assert len(np.asarray(chart.theory.get_xdata())) == 0
    with pytest.raises(ValueError, match=r"^lost is empty"):
        chart.show([])
