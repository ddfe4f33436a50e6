"""Lag as real systems report it, alarms, the log that is kept, dead rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from replication_viz import Scenario, measures, run
from replication_viz.measures import Rule
from replication_viz.scenario import Change, CutLink, LongQuery, Partition, PauseReplay
from replication_viz.trace import Position

from .reference import cases
from .test_engine_retention import MB, SLEEP

KINDS: tuple[Any, ...] = ("write", "flush", "replay")
EXACT: dict[str, Any] = {"network_shape": "constant", "flush_shape": "constant", "arrivals": "constant"}
QUIET = Scenario(replicas=1, ack="async", rate_per_s=10, network_ms=0.05, flush_ms=0.05, **EXACT)


def test_an_apply_delay_shows_in_replay_lag_alone_as_on_a_live_server() -> None:
    [case] = cases("pg_lag", "recovery_min_apply_delay=1s")
    _, write, flush, replay = case["expected"]
    trace = run(QUIET.but(apply_delay_ms=1_000, duration_ms=4_000))
    for kind, seconds in zip(KINDS, (write, flush), strict=False):
        assert float(measures.reported_lag(trace, "s1", kind, 3_950)) < 1
        assert float(seconds) < 0.001
    assert measures.reported_lag(trace, "s1", "replay", 3_950) == pytest.approx(1000 * float(replay), rel=0.002)


def test_replay_lag_is_a_sample_it_stays_while_replay_stands_still_and_then_jumps() -> None:
    """As seen on a live server: 0.17 ms twice during a pause of seven seconds, then 6.99 s."""
    quiet = Change(setting="rate_per_s", value=0, at_ms=650)
    asked = Change(setting="level", value="remote_apply", at_ms=7_600)  # the replica tells where it stands
    stops = (PauseReplay(node="s1", at_ms=550, for_ms=6_950), quiet, asked)
    trace = run(QUIET.but(duration_ms=9_000, faults=stops))
    before, during, after = measures.reported_lag(trace, "s1", "replay", [620, 7_400, 7_700])
    assert before == during < 200
    assert after == pytest.approx(7_000, rel=0.01)
    assert measures.lag(trace, "s1", "replay", 7_400) == pytest.approx(6_800, abs=120)  # the true one grows


def test_reported_lag_is_the_way_there_and_back() -> None:
    trace = run(QUIET.but(network_ms=20, flush_ms=3, replay_us=2_000))
    shown = {kind: float(measures.reported_lag(trace, "s1", kind, 1_900)) for kind in KINDS}
    assert shown["write"] == pytest.approx(40, abs=0.01)
    assert shown["flush"] == pytest.approx(43, abs=0.01)
    assert shown["replay"] > 45  # it is told with the next report only
    asked = run(QUIET.but(ack="s1", level="remote_apply", network_ms=20, flush_ms=3, replay_us=2_000))
    assert measures.reported_lag(asked, "s1", "replay", 1_900) == pytest.approx(45, abs=0.01)
    assert np.isnan(measures.reported_lag(trace, "s1", "write", 50))
    assert measures.reported_position(trace, "s1", "flush", 1_900) == trace.at("s1", Position.FLUSHED, 1_900 - 20)


def test_on_an_idle_leader_lag_by_clock_grows_and_lag_by_position_is_zero() -> None:
    trace = run(QUIET.but(duration_ms=5_000, faults=(Change(setting="rate_per_s", value=0, at_ms=1_000),)))
    by_clock = measures.lag_by_clock(trace, "s1", [2_000, 4_000])
    assert by_clock[1] - by_clock[0] == pytest.approx(2_000)
    assert by_clock[0] >= 1_000
    for kind in KINDS:
        assert measures.lag_bytes(trace, "s1", kind, 4_000) == 0
    assert np.isnan(measures.lag_by_clock(trace, "s1", 1))


def test_seconds_behind_master_is_zero_behind_a_cut_link() -> None:
    cut = QUIET.but(duration_ms=10_000, faults=(CutLink(source="L", target="s1", at_ms=1_000),))
    trace = run(cut)
    assert measures.seconds_behind_master(trace, "s1", 9_000) == 0
    assert measures.lag(trace, "s1", "replay", 9_000) > 7_500
    assert measures.lag_bytes(trace, "s1", "replay", 9_000) > 0
    slow = run(QUIET.but(duration_ms=10_000, replay_us=400_000))
    assert measures.seconds_behind_master(slow, "s1", 9_000) == pytest.approx(9 * 0.75, abs=1)


def test_an_alarm_rings_once_it_has_been_too_high_for_long_enough() -> None:
    pause = QUIET.but(duration_ms=10_000, faults=(PauseReplay(node="s1", at_ms=1_000, for_ms=6_000),))
    trace = run(pause)
    [ring] = measures.alarms(trace, Rule("replay", above=1_000, for_ms=2_000))
    assert ring.node == "s1"
    assert ring.at_ms == pytest.approx(4_000, abs=120)
    assert ring.until_ms == pytest.approx(7_000, abs=120)
    assert measures.alarms(trace, Rule("flush", above=1_000)) == []
    assert measures.alarms(trace, Rule("replay", above=1_000, for_ms=6_000)) == []
    assert str(ring.rule) == "replay lag > 1000 ms for 2 s"


def test_an_alarm_on_the_clock_rings_for_nothing_on_a_quiet_night() -> None:
    trace = run(QUIET.but(duration_ms=10_000, faults=(Change(setting="rate_per_s", value=0, at_ms=1_000),)))
    assert len(measures.alarms(trace, Rule("clock", above=5_000))) == 1
    assert measures.alarms(trace, Rule("replay", above=5_000)) == []


def test_a_rule_that_watches_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="watched is 'mood': it must be one of write, flush"):
        measures.alarms(run(QUIET), Rule("mood", above=1))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="node is 's9'"):
        measures.alarms(run(QUIET), Rule("replay", above=1, node="s9"))


def test_users_notice_before_or_after_the_alarm() -> None:
    trace = run(
        Scenario(
            replicas=1,
            ack="async",
            reads_per_s=200,
            keys=5,
            duration_ms=10_000,
            faults=(PauseReplay(node="s1", at_ms=2_000),),
        )
    )
    noticed = measures.users_notice(trace, missing_ms=1_000)
    assert 3_000 < noticed < 3_400
    late = measures.alarms(trace, Rule("replay", above=5_000))[0].at_ms
    assert noticed < late
    assert np.isnan(measures.users_notice(run(Scenario(reads_per_s=200))))


def test_what_a_slot_pins_and_what_it_is_called() -> None:
    trace = run(SLEEP.but(slots=True, max_slot_wal_keep_mb=16))
    assert measures.pinned_log_mb(trace, "s1", 12_000) == pytest.approx(7 * 2e6 / MB, abs=0.5)
    assert measures.kept_log_mb(trace, 12_000) >= measures.pinned_log_mb(trace, "s1", 12_000) - 1
    names = [measures.wal_status(trace, "s1", at) for at in (4_000, 8_000, 12_000, 14_000, 30_000)]
    assert names == ["reserved", "reserved", "extended", "unreserved", "lost"]
    assert measures.wal_status(trace, "s2", 30_000) == "reserved"
    assert measures.wal_status(run(SLEEP), "s1", 30_000) is None
    [ring] = measures.alarms(trace, Rule("log", above=12))
    assert 9_000 < ring.at_ms < 13_000


@pytest.mark.parametrize("feedback", [False, True])
def test_with_feedback_dead_rows_pile_up_on_the_leader(feedback: bool) -> None:
    query = LongQuery(node="s1", at_ms=2_000, for_ms=5_000)
    trace = run(Scenario(rate_per_s=500, duration_ms=10_000, hot_standby_feedback=feedback, faults=(query,)))
    dead = measures.dead_rows(trace, [1_900, 6_900, 8_500])
    assert dead[0] < 600
    assert dead[2] < 600
    if feedback:
        assert dead[1] == pytest.approx(4_900 * 0.5, rel=0.1)
    else:
        assert dead[1] < 600


def test_a_partition_is_a_lag_of_every_kind() -> None:
    trace = run(QUIET.but(faults=(Partition(nodes=("s1",), at_ms=500),)))
    values = [float(measures.lag(trace, "s1", kind, 1_900)) for kind in KINDS]
    assert min(values) > 1_200
