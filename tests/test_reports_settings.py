"""Settings: `SHOW ALL`, `pg_settings` and `postgresql.conf` say the same; nonsense is refused in one sentence."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replication_viz.real.errors import LabError
from replication_viz.real.reports import from_csv
from replication_viz.real.reports.settings import KNOWN, read_settings

from .reported import CONF, LIVE, PG_SETTINGS, SHOW_ALL, told


@pytest.mark.parametrize("text", [SHOW_ALL, PG_SETTINGS, CONF], ids=["SHOW ALL", "pg_settings", "postgresql.conf"])
def test_the_three_forms_say_the_same(text: str):
    settings = read_settings(text)
    assert settings.size("wal_keep_size") == settings.kept_bytes() == 64 * 2**20
    assert settings.seconds("wal_sender_timeout") == 60
    assert settings.seconds("max_standby_streaming_delay") == 30
    assert settings.size("max_slot_wal_keep_size") == -1
    assert settings.text("synchronous_standby_names") == "ANY 1 (s1, s2)"


def test_a_silent_file_has_postgresqls_defaults_and_a_silent_table_has_none():
    assert read_settings(CONF).is_on("fsync") is True
    assert read_settings(CONF).shown("fsync") == "on (default)"
    assert read_settings(CONF).is_on("data_checksums") is None
    assert read_settings(SHOW_ALL).is_on("fsync") is None
    assert math.isnan(read_settings(SHOW_ALL).size("max_wal_size"))
    assert read_settings(None).commit_level() is None


def test_quotes_comments_and_what_comes_later_in_a_file():
    settings = read_settings("a.b = 'it''s \\'x\\' # no comment' # one\nFsync off\nfsync = 'on'\n\n# fsync = off\n")
    assert settings.values == {"a.b": "it's 'x' # no comment", "fsync": "on"}


def test_files_that_a_file_includes_are_said_to_be_unknown():
    report = from_csv(LIVE, "include_dir 'conf.d'\nfsync = on\n")
    assert any("include_dir" in note for note in report.notes)
    assert not from_csv(LIVE, CONF).notes


def test_pages_segments_and_names_of_older_versions():
    old = read_settings("name,setting,unit\nwal_keep_segments,10,\nwal_segment_size,2048,8kB\n")
    assert old.kept_bytes() == 10 * 2**24
    assert read_settings({"wal_keep_segments": 2}).kept_bytes() == 2 * 2**24
    assert read_settings({"synchronous_commit": "yes"}).commit_level() == "on"
    assert read_settings({"wal_keep_size": "0.5GB"}).kept_bytes() == 2**29
    assert read_settings({"wal_keep_size": "100"}).kept_bytes() == 100 * 2**20


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("fsync = perhaps\n", "fsync is 'perhaps': it must be on or off"),
        ("wal_keep_size = 5 apples\n", "line 1 of the settings"),
        ("wal_keep_size = '5 apples'\n", "wal_keep_size is '5 apples': it must be a number, with B, kB, MB, GB or TB"),
        ("wal_sender_timeout = '5 MB'\n", "a number, with us, ms, s, min, h or d"),
        ("max_wal_senders = ten\n", "max_wal_senders is 'ten': it must be a whole number"),
        ("= 3\n", "it must read name = value"),
        ("name,setting\nfsync\n", "has 1 cells: it must have 2"),
    ],
)
def test_what_postgresql_would_not_take_is_one_sentence(text: str, part: str):
    with pytest.raises(LabError) as error:
        read_settings(text)
    assert part in str(error.value)


NAMES = st.sampled_from(sorted(KNOWN))
VALUES = st.one_of(
    st.text(max_size=15),
    st.sampled_from(["-1", "0", "on", "off", "1e400", "9" * 18, "99TB", ".5 h", "ANY 1 (*)", "FIRST 9 (a, s1)", "''"]),
)


@given(st.text(max_size=200))
def test_any_text_is_settings_or_refused_in_one_sentence(text: str):
    found = told(lambda: read_settings(text + "\n"))
    assert not isinstance(found, str) or (found.endswith(".") and "\n" not in found)


@given(st.dictionaries(NAMES, VALUES, max_size=8), st.booleans())
def test_any_values_are_judged_or_refused_in_one_sentence(values: dict[str, str], in_a_file: bool):
    lines = "".join(f"{name} = '{value}'\n" for name, value in values.items()) or "\n"
    report = told(lambda: from_csv(LIVE, lines if in_a_file else values))
    if isinstance(report, str):
        assert report.endswith(".")
        assert "\n" not in report
        return
    assert all(len(line) <= 100 for line in str(report).splitlines())
    assert report.scenario().level in ("local", "remote_write", "on", "remote_apply")
