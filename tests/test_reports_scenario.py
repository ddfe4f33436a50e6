"""The scenario that imitates somebody's replication: what goes into it, what is assumed, and that it runs."""

from __future__ import annotations

import re
from typing import Any

import pytest

from replication_viz import run
from replication_viz.real.reports import Report, from_csv
from replication_viz.scenario import Scenario

from .reported import CONF, LIVE, SHOW_ALL, SLOTS, streamed


def report_on(samples: str, **settings: Any) -> Report:
    return from_csv(samples, settings or None, write_bytes=100)


def assumed(report: Report, part: str) -> bool:
    return any(part in sentence for sentence in report.assumptions)


def test_the_live_samples_become_a_scenario_with_their_rule_delays_load_and_retention():
    report = from_csv(LIVE, SHOW_ALL, slots=SLOTS)
    scenario = report.scenario()
    assert (scenario.ack, scenario.level, scenario.replicas) == ("ANY 1 (s1, s2)", "on", 2)
    assert scenario.rate_per_s == pytest.approx(report.rate.writes_per_s)
    assert scenario.record_bytes == pytest.approx(report.rate.write_bytes)
    assert scenario.of("s1", "network_ms") == pytest.approx(1000 * 0.000389 / 2)
    assert scenario.of("s2", "flush_ms") == pytest.approx(1000 * (0.00044 - 0.0001655), rel=0.01)
    assert (scenario.slots, scenario.wal_keep_mb, scenario.max_slot_wal_keep_mb) == (True, 64, -1)
    assert (scenario.segment_mb, scenario.wal_sender_timeout_ms) == (16, 60_000)
    assert scenario.max_standby_streaming_delay_ms == 30_000
    assert Scenario.from_share(scenario.share()) == scenario
    assert len(run(scenario).ops) > 1_000


def test_names_are_mapped_and_that_is_said():
    report = report_on(streamed({"berlin": 0.01, "oslo": 0.02}), synchronous_standby_names='FIRST 1 ("Oslo", berlin)')
    assert report.names == {"s1": "berlin", "s2": "oslo"}
    assert report.scenario().ack == "FIRST 1 (s2, s1)"
    assert report.scenario().of("s2", "network_ms") == pytest.approx(20)
    assert assumed(report, "s1 is berlin, s2 is oslo")


def test_who_is_in_the_rule_and_not_connected_stays_in_the_rule_only():
    report = report_on(streamed({"s1": 0.01}), synchronous_standby_names="ANY 2 (s1, gone)")
    assert report.scenario().ack == "ANY 2 (s1, s2)"
    assert report.scenario().replicas == 1
    assert assumed(report, "gone of the rule is not connected")
    assert "no commit will ever return" in report.scenario().warnings()[0]


def test_seven_standbys_are_shown_those_of_the_rule_first():
    names = [f"n{i}" for i in range(1, 10)]
    report = report_on(streamed(dict.fromkeys(names, 0.001)), synchronous_standby_names="ANY 1 (n8, n9)")
    assert list(report.names.values()) == ["n8", "n9", "n1", "n2", "n3", "n4", "n5"]
    assert report.scenario().ack == "ANY 1 (s1, s2)"
    assert assumed(report, "left out are n6, n7")


@pytest.mark.parametrize(
    ("settings", "ack", "level", "said"),
    [
        ({"synchronous_standby_names": ""}, "async", "on", ""),
        ({"synchronous_standby_names": "ANY 1 ("}, "async", "on", "cannot be read"),
        ({"synchronous_standby_names": "*"}, "FIRST 1 (*)", "on", ""),
        ({"synchronous_standby_names": "s1", "synchronous_commit": "off"}, "FIRST 1 (s1)", "local", "played as local"),
        ({"synchronous_standby_names": "s1", "synchronous_commit": "remote_apply"}, "FIRST 1 (s1)", "remote_apply", ""),
        ({"fsync": "on"}, "async", "on", "sync_state"),
    ],
)
def test_rule_and_level(settings: dict[str, str], ack: str, level: str, said: str):
    report = report_on(streamed({"s1": 0.001}), **settings)
    assert (report.scenario().ack, report.scenario().level) == (ack, level)
    assert assumed(report, said) if said else not assumed(report, "cannot be read")


def test_a_stuck_link_becomes_an_extra_delay_and_a_late_replay_an_apply_delay():
    report = report_on(streamed({"s1": 0.001, "s2": 0.001}, held_s={"s1": 20}, replay_s={"s2": 3}))
    scenario = report.scenario()
    assert scenario.of("s1", "lag_ms") == pytest.approx(17_500, rel=0.02)  # the mean of 15 to 20 s
    assert scenario.of("s2", "lag_ms") == 0
    assert scenario.of("s2", "apply_delay_ms") == pytest.approx(3_002, rel=0.01)
    assert scenario.duration_ms > 3 * 17_500
    assert assumed(report, "constant extra delay")
    assert assumed(report, "fixed apply delay")


def test_what_is_out_of_a_scenarios_range_is_held_and_said():
    report = report_on(streamed({"s1": 400.0}), wal_keep_size="9999TB", wal_sender_timeout="0")
    scenario = report.scenario()
    assert scenario.of("s1", "network_ms") == 60_000
    assert scenario.wal_keep_mb == 1e9
    assert scenario.wal_sender_timeout_ms == 86_400_000
    assert assumed(report, "network_ms would be 400,000; a scenario has 60,000 at most")
    assert assumed(report, "wal_sender_timeout = 0 never drops")


def test_a_heavy_load_is_simulated_coarsely_and_quickly():
    report = report_on(streamed({"s1": 0.001}, rate=5e7))
    scenario = report.scenario()
    assert scenario.rate_per_s == pytest.approx(5e5)
    assert scenario.grain == 50
    assert len(run(scenario).ops) < 25_000
    assert assumed(report, "50 writes are simulated as one")


def test_what_is_not_known_is_assumed_in_words():
    one = from_csv("\n".join(LIVE.splitlines()[:3]) + "\n")
    assert assumed(one, "write rate is not known")
    assert one.scenario().rate_per_s == Scenario().rate_per_s
    sized = from_csv(streamed({"s1": 0.01}))
    assert assumed(sized, "size of a write is not known: 200 B are assumed, so 400 writes/s")
    assert assumed(sized, "Whether there are replication slots is not known")
    assert assumed(sized, "No settings were given")
    assert not assumed(from_csv(LIVE, CONF), "No settings were given")
    idle = from_csv(streamed({"s1": 0.01}, rate=0))
    assert assumed(idle, "Nothing was written")
    assert idle.scenario().rate_per_s == 0


def test_a_standby_that_was_idle_throughout_has_a_network_delay_that_is_assumed():
    report = from_csv(re.sub(r"00:00:00\.\d+", "", LIVE), CONF)
    assert [report.scenario().of(name, "network_ms") for name in report.names] == [0.5, 0.5]
    assert assumed(report, "write_lag of s2 is NULL throughout")


def test_without_standbys_the_leader_is_alone():
    report = from_csv(LIVE.splitlines()[0] + "\n", {"synchronous_standby_names": "ANY 1 (s1)"})
    assert (report.scenario().replicas, report.scenario().ack) == (0, "ANY 1 (s1)")
    assert len(report.scenario().warnings()) == 1
