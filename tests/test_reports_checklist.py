"""The checklist: every line has settings under which it is well, and others under which it is not."""

from __future__ import annotations

from typing import Any

import pytest

from replication_viz.real.reports import Line, from_csv
from replication_viz.theory.retention import time_until_full_s

from .reported import LIVE, RATE, SLOTS, streamed

TWO = {"s1": 0.001, "s2": 0.001}
RULE = "ANY 1 (s1, s2)"
SLOT = "slot_name,slot_type,active,restart_lsn,wal_status,safe_wal_size\n{},physical,{},1/0,{},\n"


def lines(samples: str = "", slots: str | None = None, **settings: Any) -> dict[str, Line]:
    report = from_csv(samples or streamed(TWO), settings, slots=slots, write_bytes=100)
    return {line.name: line for line in report.checklist}


@pytest.mark.parametrize(
    ("name", "value", "line", "status"),
    [
        ("synchronous_standby_names", "", "synchronous_standby_names", "warning"),
        ("synchronous_standby_names", "ANY (s1", "synchronous_standby_names", "danger"),
        ("synchronous_standby_names", RULE, "names in the rule", "ok"),
        ("synchronous_standby_names", "ANY 1 (s1, s2, gone)", "names in the rule", "warning"),
        ("synchronous_standby_names", "ANY 3 (s1, s2, gone)", "standbys for the rule", "danger"),
        ("synchronous_standby_names", RULE, "spare in the rule", "ok"),
        ("synchronous_standby_names", "s1", "spare in the rule", "danger"),
        ("synchronous_standby_names", "ANY 2 (s1, s2)", "spare in the rule", "danger"),
        ("synchronous_standby_names", "ANY 1 (s1, gone)", "spare in the rule", "warning"),
        ("synchronous_standby_names", "FIRST 1 (s1, s2)", "spare in the rule", "warning"),
        ("synchronous_standby_names", "ANY 1 (*)", "* in the rule", "warning"),
        ("synchronous_commit", "off", "synchronous_commit", "danger"),
        ("synchronous_commit", "on", "synchronous_commit", "ok"),
        ("synchronous_commit", "sometimes", "synchronous_commit", "danger"),
        ("fsync", "on", "fsync", "ok"),
        ("fsync", "off", "fsync", "danger"),
        ("full_page_writes", "on", "full_page_writes", "ok"),
        ("full_page_writes", "off", "full_page_writes", "danger"),
        ("wal_level", "replica", "wal_level", "ok"),
        ("wal_level", "minimal", "wal_level", "danger"),
        ("wal_sender_timeout", "60s", "wal_sender_timeout", "ok"),
        ("wal_sender_timeout", "0", "wal_sender_timeout", "danger"),
        ("wal_sender_timeout", "10min", "wal_sender_timeout", "warning"),
        ("wal_sender_timeout", "500ms", "wal_sender_timeout", "warning"),
        ("max_wal_senders", "10", "max_wal_senders", "ok"),
        ("max_wal_senders", "3", "max_wal_senders", "warning"),
        ("archive_mode", "off", "archive_mode", "warning"),
        ("archive_mode", "on", "archive_mode", "ok"),
        ("max_slot_wal_keep_size", "-1", "max_slot_wal_keep_size", "warning"),
        ("max_slot_wal_keep_size", "1GB", "max_slot_wal_keep_size", "ok"),
        ("max_slot_wal_keep_size", "64MB", "max_slot_wal_keep_size", "warning"),
        ("server_version_num", "120004", "max_slot_wal_keep_size", "warning"),
        ("wal_keep_size", "0", "wal_keep_size", "warning"),
        ("wal_keep_size", "64MB", "wal_keep_size", "warning"),
        ("wal_keep_size", "4GB", "wal_keep_size", "ok"),
    ],
)
def test_a_setting_alone_is_judged(name: str, value: str, line: str, status: str):
    found = lines(**{name: value})[line]
    assert found.status == status
    assert found.reason.endswith(".")


@pytest.mark.parametrize(
    ("settings", "line", "status"),
    [
        ({"synchronous_commit": "local", "synchronous_standby_names": RULE}, "synchronous_commit", "danger"),
        ({"synchronous_commit": "local", "synchronous_standby_names": ""}, "synchronous_commit", "ok"),
        ({"synchronous_commit": "remote_write", "synchronous_standby_names": RULE}, "synchronous_commit", "warning"),
        ({"wal_log_hints": "off", "data_checksums": "off"}, "wal_log_hints, data_checksums", "warning"),
        ({"wal_log_hints": "off", "data_checksums": "on"}, "wal_log_hints, data_checksums", "ok"),
        ({"wal_log_hints": "on"}, "wal_log_hints, data_checksums", "ok"),
        ({"wal_log_hints": "off"}, "wal_log_hints, data_checksums", "not known"),
        ({"archive_mode": "on", "archive_command": ""}, "archive_command", "danger"),
        ({"archive_mode": "on", "archive_command": "/bin/true"}, "archive_command", "danger"),
        ({"archive_mode": "on", "archive_command": "", "archive_library": "basic_archive"}, "archive_mode", "ok"),
        ({"hot_standby_feedback": "off", "max_standby_streaming_delay": "-1"}, "queries on standbys", "danger"),
        ({"hot_standby_feedback": "off", "max_standby_streaming_delay": "30s"}, "queries on standbys", "ok"),
        ({"hot_standby_feedback": "off", "max_standby_streaming_delay": "1h"}, "queries on standbys", "warning"),
        ({"hot_standby_feedback": "on", "max_standby_streaming_delay": "-1"}, "queries on standbys", "warning"),
        ({"hot_standby_feedback": "on", "max_standby_streaming_delay": "30s"}, "queries on standbys", "ok"),
        ({"recovery_min_apply_delay": "1h"}, "recovery_min_apply_delay", "ok"),
        (
            {
                "recovery_min_apply_delay": "1h",
                "synchronous_standby_names": RULE,
                "synchronous_commit": "remote_apply",
            },
            "recovery_min_apply_delay",
            "danger",
        ),
    ],
)
def test_settings_are_judged_together(settings: dict[str, str], line: str, status: str):
    assert lines(**settings)[line].status == status


@pytest.mark.parametrize(
    ("samples", "line", "status"),
    [
        (streamed(TWO), "standbys", "ok"),
        (streamed({"s1": 0.001}), "standbys", "warning"),
        (streamed({"s1": 0.001}, state={"s1": "backup"}), "standbys", "danger"),
        (streamed(TWO), "state", "ok"),
        (streamed(TWO, state={"s2": "catchup"}), "state of s2", "warning"),
        (streamed(TWO, state={"s2": "backup"}), "state of s2", "ok"),
        (streamed(TWO, state={"s2": "asleep"}), "state of s2", "warning"),
        (streamed(TWO), "replay lag", "ok"),
        (streamed(TWO, replay_s={"s2": 2}), "replay lag", "warning"),
        (streamed(TWO, replay_s={"s2": 6}), "replay lag", "danger"),
        (streamed(TWO, replay_s={"s2": 6}), "flush lag", "ok"),
        (streamed(TWO, held_s={"s2": 30}), "flush lag", "danger"),
        (LIVE.replace(",s2,", ",s1,"), "application_name", "warning"),
        ("\n".join(LIVE.splitlines()[:4]) + "\n", "connections", "warning"),
        (LIVE.replace("0/405F2B8,00:00:00.000214", ",00:00:00.000214"), "state of s2", "ok"),
    ],
)
def test_what_the_samples_show_is_judged(samples: str, line: str, status: str):
    assert lines(samples)[line].status == status


def test_a_replay_that_stands_still_while_log_comes_in_is_a_danger():
    assert "replay of s1" not in lines(LIVE)
    still = LIVE
    for place in ("0/40412C0,00:00:00.001033", "0/404E6A8,00:00:00.000147", "0/405F2B8,00:00:00.000111"):
        still = still.replace(place, f"0/4033518,{place.split(',')[1]}")
    found = lines(still)["replay of s1"]
    assert found.status == "danger"
    assert found.found == "175 kB waiting"  # 0/405F2B8 less 0/4033518, in units of 1024 bytes


@pytest.mark.parametrize(
    ("slots", "settings", "line", "status"),
    [
        (SLOTS, {"max_slot_wal_keep_size": "-1"}, "slots asleep", "danger"),
        (SLOTS, {"max_slot_wal_keep_size": "1GB"}, "slots asleep", "warning"),
        (SLOT.format("a", "t", "reserved"), {}, "slots", "ok"),
        (SLOT.format("a", "f", "lost"), {}, "slots lost", "danger"),
        (SLOT.format("a", "t", "unreserved"), {}, "slots unreserved", "danger"),
        (SLOT.format("a", "t", "reserved"), {"max_replication_slots": "1"}, "max_replication_slots", "warning"),
        (SLOT.splitlines()[0] + "\n", {"wal_keep_size": "0"}, "wal_keep_size", "danger"),
        (SLOT.splitlines()[0] + "\n", {"wal_keep_size": "16MB"}, "wal_keep_size", "danger"),
        (SLOT.splitlines()[0] + "\n", {"wal_keep_size": "0", "archive_mode": "on"}, "wal_keep_size", "warning"),
        (
            SLOT.format("a", "t", "reserved") + "b,physical,t,1/0,reserved,\n",
            {"wal_keep_size": "0"},
            "wal_keep_size",
            "ok",
        ),
    ],
)
def test_slots_are_judged(slots: str, settings: dict[str, str], line: str, status: str):
    assert lines(slots=slots, **settings)[line].status == status


def test_without_slots_nothing_is_said_of_their_limit():
    assert "max_slot_wal_keep_size" not in lines(slots=SLOT.splitlines()[0] + "\n", max_slot_wal_keep_size="-1")
    assert lines()["slots"].status == "not known"


def test_times_until_a_standby_falls_off_are_those_of_theory():
    minutes = time_until_full_s(64 * 2**20, RATE) / 60
    assert f"falls off after {minutes:.3g} min away" in lines(wal_keep_size="64MB")["wal_keep_size"].reason
    assert f"after {minutes:.3g} min away" in lines(max_slot_wal_keep_size="64MB")["max_slot_wal_keep_size"].reason
    assert (
        "without a write rate" in lines("\n".join(LIVE.splitlines()[:3]), wal_keep_size="64MB")["wal_keep_size"].reason
    )


def test_the_loss_window_stands_in_the_line_about_an_empty_rule():
    reason = lines(streamed({"s1": 0.07, "s2": 0.2}), synchronous_standby_names="")["synchronous_standby_names"].reason
    assert "about 56 writes" in reason


def test_remote_apply_behind_a_slow_replay_is_a_warning():
    rule = {"synchronous_standby_names": RULE, "synchronous_commit": "remote_apply"}
    assert lines(**rule)["synchronous_commit"].status == "ok"
    slow = lines(streamed(TWO, replay_s={"s2": 3}), **rule)["synchronous_commit"]
    assert (slow.status, "3 s behind" in slow.reason) == ("warning", True)


def test_without_settings_nothing_is_invented():
    report = from_csv(LIVE)
    unknown = {line.name for line in report.checklist if line.status == "not known"}
    assert {"fsync", "wal_keep_size", "archive_mode", "wal_level", "queries on standbys", "slots"} <= unknown
    assert not [line for line in report.checklist if line.status == "danger"]
