"""Samples of `pg_stat_replication`: what is read, what is noted, what is refused in one sentence."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replication_viz.lsn import Lsn
from replication_viz.real.errors import LabError
from replication_viz.real.reports import Report, from_csv
from replication_viz.real.reports.cells import interval, moment
from replication_viz.real.reports.samples import TIMES, read_samples

from .reported import ALIGNED, COLUMNS, LIVE, RATE, SLOTS, UNPRIVILEGED, streamed, told

NEEDED = "application_name,sent_lsn,write_lsn,flush_lsn,replay_lsn"


def test_what_psql_wrote_is_read_sample_by_sample():
    samples = read_samples(LIVE)
    assert [len(sample.standbys) for sample in samples.each] == [2, 2, 2, 2]
    assert samples.names == ("s1", "s2")
    assert samples.notes == ()
    last = samples.last
    assert last.head == Lsn.parse("0/405F3F0")
    assert last.commits == 3075
    assert (last.standbys[1].written, last.standbys[1].flush_lag_s) == (Lsn.parse("0/405F388"), 0.000513)
    assert last.at_s - samples.each[0].at_s == pytest.approx(1.570854)


def test_a_file_and_its_text_are_the_same(tmp_path: Path):
    path = tmp_path / "samples.csv"
    path.write_text("\ufeff" + LIVE, "utf-8")
    assert read_samples(path) == read_samples(str(path)) == read_samples(LIVE)


def test_an_aligned_table_is_read_as_well():
    samples = read_samples(ALIGNED)
    assert [one.name for one in samples.last.standbys] == ["s1", "s2"]
    assert samples.last.standbys[0].write_lag_s == 0.000621
    assert samples.last.standbys[1].flushed == Lsn.parse("0/4071530")


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_are_known_by_the_first_line(delimiter: str):
    assert read_samples(streamed({"s1": 0.1}).replace(",", delimiter)) == read_samples(streamed({"s1": 0.1}))


def test_names_that_watch_repeats_are_passed_over():
    head, *rows = LIVE.splitlines()
    watched = "\n".join(f"{head}\n{rows[i]}\n{rows[i + 1]}\n" for i in range(0, 8, 2))
    assert read_samples(watched) == read_samples(LIVE)
    title = "Mon Nov 23 11:51:20 2026 (every 0.3s)\n\n"
    names, rule, *lines = ALIGNED.splitlines()
    again = "\n".join([names, rule, *lines, title, names, rule, *lines])
    with pytest.raises(LabError, match=r"pid 7994 stands twice in one sample"):
        read_samples(again)  # the same time: the title was passed over, the rows are there twice
    later = "\n".join([names, rule, *lines, title, names, rule, *lines]).replace("20.527545", "21.5", 2)
    assert len(read_samples(later).each) == 2


@pytest.mark.parametrize("name", TIMES)
def test_the_time_may_have_any_of_its_names(name: str):
    samples = read_samples(streamed({"s1": 0.1}).replace("now", name, 1))
    assert len(samples.each) == 6


def test_rows_are_put_in_order_of_time_and_other_columns_are_ignored():
    head, *rows = LIVE.splitlines()
    shuffled = "\n".join([f"{head},spill_txns", *(f"{row},7" for row in reversed(rows))])
    samples = read_samples(shuffled)
    assert [sample.head for sample in samples.each] == [sample.head for sample in read_samples(LIVE).each]


def test_rows_of_one_statement_with_clock_timestamp_are_one_sample():
    text = f"ts,pid,{NEEDED}\n" + "".join(
        f"2026-03-01 12:00:0{second}.00000{pid},{pid},s{pid},1/0,1/0,1/0,1/0\n" for second in (1, 2) for pid in (1, 2)
    )
    assert [len(sample.standbys) for sample in read_samples(text).each] == [2, 2]


def test_without_a_time_the_rows_are_one_sample_and_that_is_said():
    samples = read_samples(f"{NEEDED}\ns1,1/0,1/0,1/0,1/0\ns2,1/0,1/0,1/0,1/0\n")
    assert len(samples.each) == 1
    assert math.isnan(samples.last.at_s)
    assert "one sample" in samples.notes[0]


def test_without_the_end_of_the_log_what_was_sent_stands_for_it_and_that_is_said():
    text = f"now,{NEEDED}\n2026-03-01 12:00:00,s1,1/80,1/0,1/0,1/0\n2026-03-01 12:00:00,s2,1/90,1/0,1/0,1/0\n"
    samples = read_samples(text)
    assert samples.last.head == Lsn.parse("1/90")
    assert any("sent_lsn stands for it" in note for note in samples.notes)


def test_lags_that_are_missing_or_null_are_not_a_number():
    samples = read_samples(f"now,{NEEDED},write_lag\n2026-03-01 12:00:00,s1,1/0,1/0,1/0,,\n")
    one = samples.last.standbys[0]
    assert math.isnan(one.write_lag_s)
    assert math.isnan(one.replay_lag_s)
    assert one.replayed is None
    assert not one.may_be_promoted
    assert any("flush_lag, replay_lag" in note for note in samples.notes)


def test_a_lag_below_zero_is_passed_over_and_that_is_said():
    samples = read_samples(LIVE.replace("00:00:00.001033", "-00:00:01.5"))
    assert math.isnan(samples.each[1].standbys[0].write_lag_s)
    assert "set back" in samples.notes[0]


def test_a_sample_in_which_nobody_was_connected_counts():
    head, *_ = LIVE.splitlines()
    samples = read_samples(f"{LIVE}2026-11-23 11:51:22+00,0/405F400,3076{',' * (head.count(',') - 2)}\n")
    assert samples.last.standbys == ()
    assert samples.last.head == Lsn.parse("0/405F400")


def test_no_rows_mean_no_standbys():
    assert read_samples(COLUMNS).last.standbys == ()
    report = from_csv(COLUMNS + "\n")
    assert report.loss.best is None
    assert "Everything" in str(report)


def test_standbys_of_one_name_are_told_apart_by_their_addresses_or_pids():
    rows = LIVE.replace(",s1,", ",walreceiver,").replace(",s2,", ",walreceiver,")
    assert read_samples(rows).names == ("walreceiver (pid 7994)", "walreceiver (pid 8012)")
    placed = rows.replace(",walreceiver,,,-1,2026-11-23 11:51:17.04", ",walreceiver,10.0.0.1,,5,2026-11-23 11:51:17.04")
    placed = placed.replace(",walreceiver,,", ",walreceiver,10.0.0.2,")
    assert read_samples(placed).names == ("walreceiver (10.0.0.1)", "walreceiver (10.0.0.2)")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "hold nothing"),
        ("a,b\n1,2\n", "lack the column application_name"),
        ("application_name,sent_lsn,write_lsn,flush_lsn\n", "lack the column replay_lsn"),
        ("application_name,sent_location\ns1,0/0\n", "9.6 or older"),
        (UNPRIVILEGED, "pg_monitor"),
        (LIVE.replace("0/4041460,1965", "0/3041460,1965"), "goes back from 0/4033580 to 0/3041460 within 532 ms"),
        (LIVE.replace("0/4041390", "4041390"), "write_lsn in row 3 of the samples is '4041390'"),
        (LIVE.replace("00:00:00.001033", "soon"), "write_lag in row 3 of the samples is 'soon'"),
        (LIVE.replace("2026-11-23 11:51:19.475094+00,", "yesterday,", 1), "now in row 5 of the samples is 'yesterday'"),
        (LIVE.replace("2026-11-23 11:51:19.475094+00,", ",", 1), "now in row 5 of the samples is empty"),
        (LIVE.replace("1965,7994", "many,7994"), "xact_commit in row 3"),
        (LIVE.replace(",912,", ",912,,"), "line 2 of the samples has 24 cells: it must have 23"),
        (f"pid,{NEEDED}\n7,s1,1/0,1/0,1/0,1/0\n7,s1,1/1,1/0,1/0,1/0\n", "pid 7 stands twice"),
        (f'{NEEDED}\n"s1,1/0,1/0,1/0,1/0\n', "is not CSV"),
        (f"{NEEDED},pid,pid\n", "the column 'pid' twice"),
    ],
)
def test_what_cannot_be_right_is_one_sentence(text: str, part: str):
    with pytest.raises(LabError) as error:
        from_csv(text)
    assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_or_no_text_is_one_sentence(tmp_path: Path):
    (tmp_path / "picture").write_bytes(b"\x89PNG\xff\xfe")
    for source, part in (
        (tmp_path / "none.csv", "cannot be read"),
        (tmp_path / "picture", "not text"),
        (tmp_path, "directory"),
    ):
        with pytest.raises(LabError, match=part):
            from_csv(source)


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        ("00:00:00.000265", 0.000265),
        ("-00:00:01", -1),
        ("1 day 02:00:00", 93_600),
        ("2 mons 1 day", 5_270_400),
        ("@ 1 min 0.5 secs", 60.5),
        ("@ 2 secs ago", -2),
        ("PT0.02S", 0.02),
        ("P1DT2H", 93_600),
        ("1 2:00:00", None),
        ("0.25", 0.25),
        ("5 apples", None),
        ("P", None),
        ("::", None),
    ],
)
def test_intervals_in_any_of_postgresqls_styles(cell: str, seconds: float | None):
    if seconds is None:
        with pytest.raises(LabError, match="must be an interval"):
            interval(cell, "write_lag")
    else:
        assert interval(cell, "write_lag") == pytest.approx(seconds)


def test_times_with_and_without_a_zone_and_as_seconds():
    noon = moment("2026-03-01 12:00:00+00", "now")
    assert moment("2026-03-01T13:00:00.5+01:00", "now") == noon + 0.5
    assert moment("2026-03-01 12:00:00", "now") == noon
    assert moment(f"{noon:.3f}", "now") == noon


def test_the_rate_is_that_of_the_log_and_of_the_transactions():
    report = from_csv(streamed({"s1": 0.01}), write_bytes=100)
    assert report.rate.bytes_per_s.mean == pytest.approx(RATE)
    assert report.rate.bytes_per_s.low == pytest.approx(RATE)
    assert report.rate.writes_per_s == pytest.approx(RATE / 100)
    live = from_csv(LIVE).rate
    assert live.writes_per_s == pytest.approx((3075 - 912) / 1.570854)
    assert live.write_bytes * live.writes_per_s == pytest.approx(live.bytes_per_s.mean)


def check(report: Report | str) -> None:
    """Check that a report can be told, and that its scenario is one; or that a refusal is one sentence."""
    if isinstance(report, str):
        assert report.endswith(".")
        assert "\n" not in report
        return
    assert all(len(line) <= 100 for line in str(report).splitlines())
    assert "<script" not in report._repr_html_().lower()
    assert report.scenario().replicas <= 7


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused_in_one_sentence(text: str):
    check(told(lambda: from_csv(text + "\n")))


CELLS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", "0/0", "FFFFFFFF/FFFFFFFF", "-1", "1e9", "nan", "infinity", "00:00:00", "99999:00:00", "backup", "catchup"]
    ),
    st.builds(lambda high, low: f"{high:X}/{low:X}", st.integers(0, 2**32), st.integers(0, 2**32)),
)


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 22), CELLS), max_size=6), st.sets(st.integers(0, 22)))
def test_samples_with_any_cells_changed_and_any_columns_gone_are_read_or_refused_in_one_sentence(
    changes: list[tuple[int, int, str]], gone: set[int]
):
    head, *lines = (line.split(",") for line in LIVE.splitlines())
    for row, column, cell in changes:
        lines[row][column] = cell
    rows = [[cell for i, cell in enumerate(line) if i not in gone] for line in (head, *lines)]
    check(told(lambda: from_csv("\n".join(map(",".join, rows)) + "\n")))


@given(st.lists(st.tuples(st.integers(0, 13), CELLS), max_size=4))
def test_slots_with_any_cells_changed_are_read_or_refused_in_one_sentence(changes: list[tuple[int, str]]):
    head, line = (text.split(",") for text in SLOTS.splitlines())
    for column, cell in changes:
        line[column] = cell
    check(told(lambda: from_csv(LIVE, slots="\n".join([",".join(head), ",".join(line), ""]))))
