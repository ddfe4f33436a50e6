"""Lags and the loss window: against what real servers lost, against theory, and under every kind of rule."""

from __future__ import annotations

import math

import numpy as np
import pytest

from replication_viz import measures, run
from replication_viz.real.errors import LabError
from replication_viz.real.reports import Report, from_csv
from replication_viz.real.reports.loss import Candidate
from replication_viz.theory import any_of_loss, fixed_delay_loss

from .reported import LIVE, RATE, SHOW_ALL, streamed

WRITE_BYTES = 100
WRITES_PER_S = RATE / WRITE_BYTES
THREE = {"s1": 0.005, "s2": 0.05, "s3": 0.3}


def report_on(samples: str, **settings: str) -> Report:
    return from_csv(samples, settings or None, write_bytes=WRITE_BYTES)


def named(report: Report) -> dict[str, Candidate]:
    return {one.name: one for one in report.loss.candidates}


# -- lags -------------------------------------------------------------------------------------------------------------


def test_lags_in_time_and_in_bytes_by_kind():
    report = report_on(streamed({"s1": 0.05}, replay_s={"s1": 0.4}))
    lags = report.standbys[0].lags
    assert lags["write"].reported_s.mean == pytest.approx(0.1)
    assert lags["replay"].reported_s.mean == pytest.approx(0.5)
    assert lags["write"].behind_bytes.mean == pytest.approx(RATE * 0.1)
    assert lags["replay"].behind_bytes.mean == pytest.approx(RATE * 0.5)


def test_null_means_idle_and_is_said():
    report = from_csv(LIVE.replace(",00:00:00.000265,00:00:00.000265,00:00:00.000265,", ",,,,"))
    assert report.standbys[0].lags["write"].idle == 1
    assert report.standbys[0].lags["write"].reported_s.low == 0.000111
    assert "NULL: the standby has everything and has been idle" in str(report)
    assert "NULL: the standby" not in str(from_csv(LIVE))


def test_behind_a_held_link_the_reported_lag_stays_and_the_missing_log_tells():
    report = report_on(streamed({"s1": 0.001}, held_s={"s1": 3.5}, samples=8))
    lag = report.standbys[0].lags["write"]
    assert lag.reported_s.high == pytest.approx(0.002)
    assert lag.missing_s.high == pytest.approx(3, abs=0.1)  # known to the interval of the samples, 1 s
    assert lag.worst_s == lag.missing_s.high


def test_what_was_missing_before_the_first_sample_counts_by_the_rate():
    report = report_on(streamed({"s1": 0.001}, held_s={"s1": 60}, samples=4))
    assert report.standbys[0].lags["write"].missing_s.high == pytest.approx(60, abs=0.1)


def test_the_last_record_of_an_idle_primary_on_its_way_is_no_lag():
    report = report_on(streamed({"s1": 0.001}, rate=56))
    assert report.standbys[0].lags["replay"].missing_s.high == 0


def test_one_sample_has_no_rate_unless_it_is_given():
    text = streamed({"s1": 0.5}, samples=1)
    assert math.isnan(from_csv(text).standbys[0].lags["write"].missing_s.mean)
    given = from_csv(text, bytes_per_s=RATE)
    assert given.standbys[0].lags["write"].missing_s.mean == pytest.approx(1.0)
    for wrong in (0, -1, math.nan, math.inf):
        with pytest.raises(LabError, match=r"bytes_per_s is .* above 0"):
            from_csv(text, bytes_per_s=wrong)


# -- async ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("one_way_s", "measured"), [(0.02, (9, 16)), (0.07, (56, 59)), (0.2, (157, 165))])
def test_async_loses_what_real_servers_lost(one_way_s: float, measured: tuple[int, int]):
    """Three crashes each at 800 writes/s on PostgreSQL 18; rate x one-way delay predicts 16, 56 and 160."""
    report = report_on(streamed({"s1": one_way_s}), synchronous_standby_names="")
    best = named(report)["s1"]
    assert best.writes.mean == pytest.approx(fixed_delay_loss(WRITES_PER_S, 1000 * one_way_s).mean, rel=0.01)
    assert best.by_time_bytes.mean == pytest.approx(best.bytes.mean, rel=0.01)  # rate x write_lag / 2
    assert measured[0] <= round(best.writes.mean) <= measured[1]


def test_behind_a_held_link_all_that_has_gathered_is_lost():
    """Held for 1 s, then cut: three crashes took 808, 819 and 812 at 800 writes/s."""
    report = report_on(streamed({"s1": 0.0005}, held_s={"s1": 1.0}, samples=3))
    best = named(report)["s1"]
    assert best.writes.high == pytest.approx(800, rel=0.03)
    assert best.by_time_bytes.mean / WRITE_BYTES < 1


def test_best_and_worst_are_told_apart_and_the_range_is_that_of_the_samples():
    report = report_on(streamed(THREE, held_s={"s3": 2.0}))
    assert report.loss.best is not None
    assert report.loss.worst is not None
    assert (report.loss.best.name, report.loss.worst.name) == ("s1", "s3")
    worst = report.loss.worst.bytes
    assert worst.low == pytest.approx(RATE * 0.3, rel=0.02)
    assert worst.high == pytest.approx(RATE * 2.0, rel=0.02)
    assert worst.low < worst.mean < worst.high


def test_without_the_size_of_a_write_the_loss_is_in_bytes_only():
    best = from_csv(streamed({"s1": 0.1})).loss.best
    assert best is not None
    assert best.bytes.mean == pytest.approx(RATE * 0.1)
    assert not best.writes.is_known


# -- rules ------------------------------------------------------------------------------------------------------------


def test_any_1_loses_nothing_with_the_best_and_rate_x_lag_with_the_wrong_one():
    report = report_on(streamed(THREE), synchronous_standby_names="ANY 1 (s1, s2, s3)")
    lost = {name: one.writes.mean for name, one in named(report).items()}
    assert lost["s1"] == 0
    for place, name in ((2, "s2"), (3, "s3")):
        # the client has its answer after the way back, the theory's at once
        expected = any_of_loss(WRITES_PER_S, [5, 50, 300], 1, place) - WRITES_PER_S * 0.005
        assert lost[name] == pytest.approx(expected, rel=0.02)
    assert "if the one that received most is promoted, of s1, s2, s3: ask at least 3 of them" in report.loss.sentence
    assert not any(one.is_safe for one in named(report).values())


def test_under_any_2_of_three_two_must_be_asked():
    report = report_on(streamed(THREE), synchronous_standby_names="ANY 2 (s1, s2, s3)")
    assert "ask at least 2 of them" in report.loss.sentence
    lost = {name: one.writes.mean for name, one in named(report).items()}
    assert lost["s1"] == lost["s2"] == 0 < lost["s3"]


@pytest.mark.parametrize(
    ("names", "safe"),
    [
        ("s1", {"s1"}),
        ("ANY 1 (s1)", {"s1"}),
        ("FIRST 1 (s3, s1)", {"s3"}),
        ("FIRST 2 (s1, s2, s3)", {"s1", "s2"}),
        ("ANY 3 (s1, s2, s3)", {"s1", "s2", "s3"}),
        ("ANY 3 (*)", {"s1", "s2", "s3"}),
        ("ANY 1 (*)", set()),
        ("FIRST 1 (gone, s2)", {"s2"}),
        ("ANY 1 (gone, s2)", set()),  # gone may be back, with a write that s2 lacks
        ("", set()),
        ("ANY 1 (", set()),
    ],
)
def test_who_has_every_acknowledged_write_by_the_rule(names: str, safe: set[str]):
    report = report_on(streamed(THREE), synchronous_standby_names=names)
    found = named(report)
    assert {name for name, one in found.items() if one.is_safe} == safe
    assert all(found[name].writes.high == 0 for name in safe)


@pytest.mark.parametrize("level", ["off", "local"])
def test_names_protect_nothing_where_no_commit_waits(level: str):
    report = report_on(streamed(THREE), synchronous_standby_names="ANY 1 (s1)", synchronous_commit=level)
    assert named(report)["s1"].writes.mean == pytest.approx(WRITES_PER_S * 0.005, rel=0.01)
    assert f"synchronous_commit is {level}" in report.loss.sentence


def test_a_rule_that_nobody_satisfies_acknowledges_nothing():
    report = report_on(
        streamed(THREE, state={"s2": "catchup"}), synchronous_standby_names="FIRST 2 (s1, s2)", synchronous_commit="on"
    )
    assert "no commit returns" in report.loss.sentence
    assert named(report)["s1"].writes.high == 0


def test_without_settings_the_rule_is_read_off_sync_state_and_that_is_said():
    quorum = from_csv(LIVE)
    assert str(quorum.rule) == "ANY 1 (s1, s2), on"
    assert "is assumed" in quorum.rule.source
    assert str(from_csv(LIVE.replace("quorum", "async")).rule) == "async"
    first = from_csv(LIVE.replace(",1,quorum", ",1,sync"))
    assert str(first.rule) == "FIRST 2 (s1, s2), on"
    assert from_csv(LIVE, SHOW_ALL).rule.source.startswith("synchronous_standby_names")


def test_a_base_backup_and_a_receiver_without_replay_are_no_candidates():
    text = streamed({"s1": 0.01, "copy": 0.01}, state={"copy": "backup"})
    assert set(named(report_on(text))) == {"s1"}
    receiver = LIVE.replace("0/405F2B8,00:00:00.000214", ",00:00:00.000214")
    assert set(named(report_on(receiver))) == {"s1"}


# -- and back ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", ["", "ANY 1 (s1, s2, s3)"])
def test_the_scenario_loses_about_as_much_as_the_report_says(names: str):
    report = report_on(streamed(THREE), synchronous_standby_names=names)
    trace = run(report.scenario())
    moments = np.linspace(1_000, trace.duration_ms, 200)
    for label, name in report.names.items():
        simulated = float(measures.loss(trace, moments, promote=label).lost.mean())
        assert simulated == pytest.approx(named(report)[name].writes.mean, abs=6)  # flushes of 2 ms are in between
