"""A report as text, as a page and as tables; and the command that prints it."""

from __future__ import annotations

import io
import json
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from replication_viz import cli
from replication_viz.real.errors import LabError
from replication_viz.real.reports import Report, from_csv
from replication_viz.scenario import Scenario

from .reported import LIVE, SHOW_ALL, SLOTS, streamed

EVIL = "<script>alert(1)</script>\x1b[31m"
LONG = "a_standby_with_a_name_of_63_characters_as_postgresql_permits_them"


class Reader(HTMLParser):
    """Collects tags and texts, and checks that what opens is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def report() -> Report:
    return from_csv(LIVE, SHOW_ALL, slots=SLOTS)


def test_the_text_has_every_part_and_at_most_100_columns(report: Report):
    text = str(report)
    for heading in ("Replication: 2 standbys", "Lag\n---", "Lost if the primary", "Checklist: ", "The scenario"):
        assert heading in text
    assert max(map(len, text.splitlines())) <= 100
    assert repr(report) == "Report(2 standbys, 4 samples over 1.57 s: 2 danger, 1 warning, 7 not known, 8 ok)"


def test_the_table_of_lags_is_aligned(report: Report):
    lines = str(report).split("Lag\n---\n")[1].splitlines()[:7]
    column = lines[0].index("as reported")
    assert all(line[column - 2 : column] == "  " and line[column] != " " for line in lines)


def test_dangers_come_first(report: Report):
    text = str(report).split("Checklist")[1]
    places = [text.find(f"\n{status} ") for status in ("danger", "warning", "ok")]
    assert places == sorted(places)
    assert places[0] > 0


def test_long_and_hostile_names_break_neither_text_nor_page():
    named = from_csv(
        streamed({LONG: 0.001, EVIL: 0.1}),
        {"synchronous_standby_names": f'ANY 1 ("{EVIL}", {LONG})', "wal_level": EVIL},
    )
    assert max(map(len, str(named).splitlines())) <= 100
    assert "\x1b" not in str(named) + named._repr_html_() + named.page()
    read = Reader(named._repr_html_())
    assert not [tag for tag, _ in read.tags if tag == "script"]
    assert any("<script>" in text for text in read.texts)


def test_the_page_is_plain_and_every_table_has_its_headings(report: Report):
    read = Reader(report.page().replace("<!DOCTYPE html>\n", ""))
    names = [tag for tag, _ in read.tags]
    assert names.count("table") == names.count("caption") == 4
    assert not {"script", "link", "img", "iframe"} & set(names)
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in read.tags if tag == "th")
    assert "lang" in dict(read.tags)["html"]
    assert names.count("h1") == 1
    assert "danger" in read.texts  # a word, not a colour


def test_text_and_page_say_the_same(report: Report):
    page = " ".join(" ".join(Reader(report._repr_html_()).texts).split())
    for line in report.checklist:
        assert line.reason in page
    for sentence in (*report.assumptions, report.loss.sentence):
        assert sentence in page


def test_tables_as_frames(report: Report):
    lags = report.frame()
    assert list(zip(lags["standby"], lags["kind"], strict=True)) == [
        (name, kind) for name in ("s1", "s2") for kind in ("write", "flush", "replay")
    ]
    assert lags["reported_s_high"][0] == 0.001033
    assert list(report.frame("loss")["name"]) == ["s1", "s2"]
    assert len(report.frame("checklist")) == len(report.checklist)
    with pytest.raises(LabError, match="table is 'rows': it must be one of lag, loss, checklist"):
        report.frame("rows")  # type: ignore[arg-type]


# -- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "samples.csv").write_text(LIVE, "utf-8")
    (tmp_path / "settings.csv").write_text(SHOW_ALL, "utf-8")
    (tmp_path / "slots.csv").write_text(SLOTS, "utf-8")
    return tmp_path


def test_the_command_prints_the_report(files: Path, report: Report, capsys: pytest.CaptureFixture[str]):
    arguments = [str(files / "samples.csv"), "--settings", str(files / "settings.csv"), "--slots"]
    assert cli.main(["report", *arguments, str(files / "slots.csv")]) == 0
    assert capsys.readouterr().out == f"{report}\n"


def test_the_command_reads_its_input_and_writes_page_and_scenario(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "stdin", io.StringIO(LIVE))
    page, scenario = files / "report.html", files / "mine.json"
    assert cli.main(["report", "-", "--write-bytes", "50", "--html", str(page), "--scenario", str(scenario)]) == 0
    assert "Wrote" in capsys.readouterr().out
    assert page.read_text("utf-8") == from_csv(LIVE, write_bytes=50).page()
    assert Scenario.from_json(scenario.read_bytes()).record_bytes == 50
    assert cli.main(["run", str(scenario), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scenario"]["record_bytes"] == 50


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([], "one of the two"),
        (["samples.csv", "--dsn", "host=nowhere"], "one of the two"),
        (["nowhere.csv"], "cannot be read"),
        (["--dsn", "host=nowhere", "--slots", "slots.csv"], "--slots and --dsn cannot go together"),
        (["--dsn", "host=nowhere", "--samples", "0"], "samples is 0"),
        (["samples.csv", "--write-bytes", "-1"], "write_bytes is -1.0"),
        (["samples.csv", "--html", "/nowhere/report.html"], "cannot be written"),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_2(
    arguments: list[str], part: str, files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(files)
    assert cli.main(["report", *arguments]) == 2
    told = capsys.readouterr().err
    assert part in told
    assert told.count("\n") == 1
