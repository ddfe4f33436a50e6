"""What each number means, on traces whose every step is known, and that no trace is too strange to be measured."""

import numpy as np
import pytest

from replication_viz import Scenario, Trace, measures, run
from replication_viz.scenario import Change, Crash, NodeSettings, Partition, Restart, StallDisk
from replication_viz.trace import Outcome

from .tiny import TINY

# Writes at 20, 40, 60, … ms; each is on the leader's disk 2 ms later, with s1 at 3, on its disk at 5, visible at 5.05.
CALM = run(TINY.but(duration_ms=200))
CUT = run(TINY.but(duration_ms=200, ack="async", faults=(Partition(nodes=("s1",), at_ms=50),)))
NOTHING = run(TINY.but(rate_per_s=0))
UNANSWERED = run(TINY.but(ack="ANY 4 (*)"))
REFUSED = run(TINY.but(faults=(Crash(node="L", at_ms=0),)))
LONELY = run(TINY.but(replicas=0, ack="async"))
ALL_DOWN = run(TINY.but(duration_ms=200, ack="async", faults=(Crash(node="s1", at_ms=50),)))
CRASHED = run(TINY.but(duration_ms=200, ack="async", faults=(Crash(node="L", at_ms=81), Restart(node="L", at_ms=95))))
EDGES = {
    "nothing": NOTHING,
    "unanswered": UNANSWERED,
    "refused": REFUSED,
    "lonely": LONELY,
    "all down": ALL_DOWN,
    "crashed": CRASHED,
}


# -- latency -------------------------------------------------------------------------------------------------------


def test_latency_is_from_the_write_to_its_answer():
    latency = measures.commit_latency(CALM)
    assert latency.samples == pytest.approx(np.full(9, 6), abs=1e-5)
    assert (latency.p50, latency.p99, latency.p999, latency.mean) == pytest.approx((6, 6, 6, 6), abs=1e-5)
    assert (latency.unanswered, latency.failed) == (0, 0)


def test_a_quantile_is_what_that_share_stayed_within():
    trace = run(
        TINY.but(duration_ms=1_000, ack="async", faults=(StallDisk(node="L", at_ms=499, for_ms=2, flush_ms=10),))
    )
    latency = measures.commit_latency(trace)
    assert latency.quantile(0.97) == pytest.approx(2)
    assert latency.quantile(1) == pytest.approx(10)


def test_latency_of_a_time_of_the_run_counts_the_writes_made_in_it():
    faults = (Change(setting="ack", value="async", at_ms=100),)
    trace = run(TINY.but(duration_ms=200, faults=faults))
    assert measures.commit_latency(trace, since_ms=100).samples == pytest.approx(np.full(5, 2))
    assert measures.commit_latency(trace, until_ms=100).samples == pytest.approx(np.full(4, 6), abs=1e-5)
    assert len(measures.commit_latency(trace, 40, 60).samples) == 1


def test_writes_without_an_answer_and_refused_ones_are_counted_apart():
    assert measures.commit_latency(UNANSWERED).unanswered == 2
    assert (measures.commit_latency(REFUSED).unanswered, measures.commit_latency(REFUSED).failed) == (0, 2)
    crashed = measures.commit_latency(CRASHED)
    assert (len(crashed.samples), crashed.unanswered, crashed.failed) == (8, 1, 0)


def test_without_answers_there_is_no_latency_rather_than_a_wrong_one():
    for trace in (NOTHING, UNANSWERED, REFUSED):
        latency = measures.commit_latency(trace)
        assert np.isnan([latency.p50, latency.p99, latency.p999, latency.mean]).all()


def test_the_curve_shows_the_median_of_the_answers_and_the_oldest_that_waits():
    ends, curve = measures.latency_curve(CALM, bins=20)
    assert ends == pytest.approx(np.arange(10, 201, 10))
    expected = np.full(20, np.nan)
    expected[1:19:2] = 0  # at 20, 40, … a write has come at this very moment
    expected[2::2] = 6  # answers at 26, 46, …
    np.testing.assert_allclose(curve, expected, atol=1e-5)
    _, waits = measures.latency_curve(UNANSWERED, bins=6)
    np.testing.assert_allclose(waits, [np.nan, 0, 10, 20, 30, 40])


def test_who_waits_and_for_how_long():
    moments = np.array([19.0, 21.0, 39.0, 41.0, 59.0])
    assert measures.waiting(UNANSWERED, moments).tolist() == [0, 1, 1, 2, 2]
    np.testing.assert_allclose(measures.oldest_waiting(UNANSWERED, moments), [np.nan, 1, 19, 21, 39])
    assert measures.waiting(CALM, np.array([25.0, 27.0])).tolist() == [1, 0]


def test_answered_within_a_limit_counts_only_writes_that_had_the_time():
    assert measures.answered_within(CALM, 7) == 1
    assert measures.answered_within(CALM, 5) == 0
    assert measures.answered_within(UNANSWERED, 10) == 0
    assert np.isnan(measures.answered_within(NOTHING, 10))
    half = run(TINY.but(duration_ms=200, faults=(Change(setting="ack", value="async", at_ms=110),)))
    assert measures.answered_within(half, 5) == pytest.approx(4 / 9)


# -- lag -----------------------------------------------------------------------------------------------------------


def test_lag_is_the_age_of_the_oldest_write_that_is_missing():
    moments = np.array([21.0, 22.5, 23.5, 24.5, 25.02, 25.1, 39.0])
    assert measures.lag(CALM, "s1", "write", moments) == pytest.approx([0, 0.5, 0, 0, 0, 0, 0])
    assert measures.lag(CALM, "s1", "flush", moments) == pytest.approx([0, 0.5, 1.5, 2.5, 0, 0, 0])
    assert measures.lag(CALM, "s1", "replay", moments) == pytest.approx([0, 0.5, 1.5, 2.5, 3.02, 0, 0])


def test_lag_grows_while_nothing_moves():
    moments = np.array([61.0, 100.0, 199.0])  # what was flushed at 62 is the second that is missing
    assert measures.lag(CUT, "s1", "write", moments) == pytest.approx([0, 38, 137])
    assert measures.lag_writes(CUT, "s1", "write", moments).tolist() == [0, 2, 7]


def test_an_idle_replica_that_has_everything_is_not_behind():
    quiet = run(TINY.but(duration_ms=500, faults=(Change(setting="rate_per_s", value=0, at_ms=100),)))
    assert measures.lag(quiet, "s1", "replay", 499.0) == 0


def test_the_three_lags_are_ordered():
    trace = run(Scenario(rate_per_s=500, nodes={"s1": NodeSettings(network_ms=9, replay_us=1_900)}))
    moments = np.linspace(0, 2_000, 777)
    write, flush, replay = (measures.lag(trace, "s1", kind, moments) for kind in ("write", "flush", "replay"))
    assert (write <= flush).all()
    assert (flush <= replay).all()
    assert replay.max() > flush.max() > write.max() > 9


def test_the_curve_of_a_lag_shows_the_peak_of_each_interval():
    ends, worst = measures.lag_curve(CALM, "s1", "flush", bins=10)
    assert ends == pytest.approx(np.arange(20, 201, 20))
    assert worst == pytest.approx([0] + [3] * 9, abs=1e-5)
    _, cut = measures.lag_curve(CUT, "s1", "write", bins=4)
    assert cut == pytest.approx([1, 38, 88, 138])


# -- loss ----------------------------------------------------------------------------------------------------------


def test_loss_is_what_was_acknowledged_and_is_not_with_the_promoted():
    trace = run(TINY.but(duration_ms=200, ack="async", network_ms=15))  # answered at 22, received at 37
    lost = measures.loss(trace, [21.0, 22.0, 36.9, 37.1, 42.5])
    assert lost.lost.tolist() == [0, 1, 1, 0, 1]
    assert lost.promoted.tolist() == ["s1"] * 5
    assert lost.writes.lsn.tolist() == [2]


def test_what_is_received_survives_flushed_or_not():
    stalled = (StallDisk(node="s1", at_ms=0, flush_ms=500),)
    trace = run(TINY.but(duration_ms=200, ack="async", faults=stalled))
    assert measures.loss(trace, 199.0).lost[0] == 0
    assert measures.lag_writes(trace, "s1", "flush", 199.0) == 9


def test_the_best_the_worst_and_a_named_replica():
    nodes = {"s1": NodeSettings(lag_ms=50), "s2": NodeSettings(lag_ms=10)}
    trace = run(TINY.but(duration_ms=400, replicas=3, ack="ANY 1 (*)", nodes=nodes))
    at = 390.0
    assert [measures.loss(trace, at, who).promoted[0] for who in ("best", "worst", "s2")] == ["s3", "s1", "s2"]
    assert [int(measures.loss(trace, at, who).lost[0]) for who in ("best", "worst", "s2")] == [0, 3, 1]
    assert measures.loss(trace, at, "s1").writes.lsn.tolist() == [17, 18, 19]


def test_a_replica_that_is_down_is_not_promoted():
    faults = (Crash(node="s1", at_ms=50),)
    trace = run(TINY.but(duration_ms=200, replicas=2, ack="async", nodes={"s2": {"lag_ms": 100}}, faults=faults))
    assert measures.loss(trace, [49.0, 51.0]).promoted.tolist() == ["s1", "s2"]
    assert measures.loss(trace, [49.0, 51.0]).lost.tolist() == [0, 2]


def test_when_none_is_up_everything_acknowledged_is_lost():
    for promote in ("best", "worst", "s1", "random"):
        lost = measures.loss(ALL_DOWN, 199.0, promote)
        assert (lost.lost[0], lost.promoted[0]) == (9, "")
    assert measures.loss(LONELY, 59.0).lost[0] == 2


def test_after_a_crash_of_the_leader_only_what_was_acknowledged_counts_as_lost():
    """The write at 40 ms is in doubt: cut off from s1, it is committed by the restart, but nobody was told."""
    faults = (Partition(nodes=("s1",), at_ms=30), Crash(node="L", at_ms=50), Restart(node="L", at_ms=55))
    change = Change(setting="ack", value="async", at_ms=70)
    trace = run(TINY.but(duration_ms=200, faults=(*faults, change)))
    lost = measures.loss(trace, [69.0, 71.0, 199.0])
    assert lost.lost.tolist() == [0, 1, 7]
    assert lost.writes.lsn.tolist() == [3, 4, 5, 6, 7, 8, 9]
    assert (lost.writes.outcome == Outcome.OK).all()


def test_loss_at_no_moments_is_no_loss():
    assert len(measures.loss(CALM, []).lost) == 0


def test_an_unknown_candidate_is_told_who_there_is():
    with pytest.raises(ValueError, match=r"^promote is 's7': it must be .*s1\.$"):
        measures.loss(CALM, 100, promote="s7")


# -- reads ---------------------------------------------------------------------------------------------------------


def test_a_read_is_stale_if_a_later_write_to_its_key_had_been_answered():
    """One key, a write every 20 ms that is visible 50 ms after it was made and answered after 6: always old by then."""
    base = TINY.but(duration_ms=4_000, keys=1, apply_delay_ms=50, reads_per_s=300)
    assert measures.stale_reads(run(base)) == pytest.approx(1, abs=0.02)
    assert measures.stale_reads(run(base.but(read_from="L"))) == 0
    assert np.isnan(measures.stale_reads(CALM))


def test_reads_of_other_keys_are_not_stale():
    base = TINY.but(duration_ms=4_000, apply_delay_ms=50, reads_per_s=300)
    few, many = (measures.stale_reads(run(base.but(keys=keys))) for keys in (2, 1_000))
    assert few > 0.5
    assert many < 0.05


# -- every trace ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EDGES)
def test_a_summary_can_be_made_of_every_trace(name: str):
    rows = measures.summary(EDGES[name])
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        assert row.value >= 0 or np.isnan(row.value)


@pytest.mark.parametrize("name", EDGES)
def test_curves_can_be_made_of_every_trace(name: str):
    trace = EDGES[name]
    assert len(measures.latency_curve(trace, bins=7)[1]) == 7
    for node in trace.nodes[1:]:
        assert (measures.lag_curve(trace, node, bins=7)[1] >= 0).all()


def test_every_table_becomes_a_data_frame():
    for name, table in CRASHED.tables().items():
        frame = table.frame()
        assert len(frame) == len(table), name
        assert list(frame.columns) == list(table.columns())


def test_a_trace_describes_itself():
    assert repr(CALM) == "Trace of 'A replicated database', 200 ms: 9 ops, 27 flights, 54 levels, 2 states, 0 marks"
    assert isinstance(CALM, Trace)
