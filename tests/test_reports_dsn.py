"""A report from a running primary: what is sent to it is known to the letter, and none of it writes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pytest

from replication_viz.real.errors import LabError
from replication_viz.real.reports import dsn, from_dsn

HARMLESS = re.compile(r"(SELECT|SHOW) .*|SET (default_transaction_read_only = on|(statement|lock)_timeout = '\w+')")
STANDBY = {
    "pid": 7,
    "application_name": "s1",
    "state": "streaming",
    "sent_lsn": "0/3000100",
    "write_lsn": "0/3000100",
    "flush_lsn": "0/3000000",
    "replay_lsn": "0/3000000",
    "write_lag": timedelta(milliseconds=3),
    "flush_lag": timedelta(days=1, seconds=2),
    "replay_lag": None,
    "sync_state": "async",
}


class DriverError(Exception):
    pass


DriverError.__name__ = "Error"


class FakeServer:
    """A connection, and what stands behind it: notes every statement, answers a few."""

    def __init__(self, **told: Any) -> None:
        self.autocommit = True
        self.closed = False
        self.said: list[tuple[str, Any]] = []
        self.values = {"default_transaction_read_only": "off", "statement_timeout": "9s", "lock_timeout": "0"}
        self.told: dict[str, Any] = {"version": "180006", "standby": False, "rows": [STANDBY], "dies_after": 99} | told
        self.samples = 0
        self.description: list[tuple[str]] | None = None
        self._rows: list[tuple[Any, ...]] = []

    def cursor(self) -> Self:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *why: object) -> None:
        pass

    def execute(self, statement: str, values: Any = None) -> None:
        self.said.append((statement, values))
        rows = self._answer(statement, values)
        self.description = [(name,) for name in rows[0]] if rows else None
        self._rows = [tuple(row.values()) for row in rows]

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._rows

    def _answer(self, statement: str, values: Any) -> list[dict[str, Any]]:
        if statement == dsn._SAMPLE:
            return self._sample()
        if statement.startswith("SET "):
            name, value = statement.removeprefix("SET ").split(" = ")
            self.values[name] = value.strip("'")
            return []
        if "set_config" in statement:
            self.values[values[0]] = values[1]
        known = self.values | {
            "transaction_read_only": self.told.get("read_only", self.values["default_transaction_read_only"]),
            "server_version_num": self.told["version"],
        }
        if statement.startswith("SHOW "):
            name = statement.removeprefix("SHOW ")
            return [{name: known[name].encode()}]  # as psycopg does where the database is SQL_ASCII
        if statement == dsn._IS_STANDBY:
            return [{"pg_is_in_recovery": self.told["standby"]}]
        if statement == dsn._SETTINGS:
            return [
                {"name": "wal_keep_size", "setting": "64", "unit": "MB"},
                {"name": "fsync", "setting": "off", "unit": None},
            ]
        return []

    def _sample(self) -> list[dict[str, Any]]:
        if self.samples >= self.told["dies_after"]:
            raise DriverError("server closed the connection\nunexpectedly")
        self.samples += 1
        now = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=self.samples)
        head = {"now": now, "pg_current_wal_lsn": f"0/300{self.samples}000", "xact_commit": 100 * self.samples}
        return [head | row for row in self.told["rows"]]


def test_nothing_is_sent_but_harmless_statements_that_are_written_down():
    server = FakeServer()
    report = from_dsn(server, samples=3, every_s=0)
    statements = [statement for statement, _ in server.said]
    assert all(HARMLESS.fullmatch(statement) for statement in statements)
    assert set(statements) <= dsn.OWN
    assert statements.count(dsn._SAMPLE) == 3
    first_set = statements.index("SET default_transaction_read_only = on")
    assert all(statement.startswith("SHOW ") for statement in statements[:first_set])
    assert len(report.findings.samples.each) == 3


def test_every_statement_that_may_be_sent_only_reads():
    writing = re.compile(
        r"\b(insert|update|delete|create|drop|alter|truncate|grant|copy|call|do|reload|switch|promote)\b"
    )
    for statement in dsn.OWN:
        assert HARMLESS.fullmatch(statement)
        assert not writing.search(statement.lower())
        assert ";" not in statement


def test_another_statement_is_not_sent():
    server = FakeServer()
    session = dsn.ReadOnly(server)
    before = list(server.said)
    with pytest.raises(LabError, match="is not run"):
        session.ask("DROP TABLE orders")
    assert server.said == before


def test_what_the_driver_gives_is_understood():
    report = from_dsn(FakeServer(), samples=3, every_s=0)
    lags = report.standbys[0].lags
    assert lags["write"].reported_s.mean == pytest.approx(0.003)
    assert lags["flush"].reported_s.mean == pytest.approx(86_402)
    assert lags["replay"].idle == 3
    assert report.rate.bytes_per_s.mean == 0x1000
    assert report.rate.writes_per_s == 100
    assert report.findings.settings.kept_bytes() == 64 * 2**20
    assert {line.name: line.status for line in report.checklist}["fsync"] == "danger"
    assert report.findings.slots == ()


def test_a_connection_gets_its_settings_back_and_stays_open():
    server = FakeServer()
    was = dict(server.values)
    from_dsn(server, samples=1, every_s=0)
    assert server.values == was
    with pytest.raises(LabError, match="standby"):
        from_dsn(again := FakeServer(standby=True), samples=1)
    assert again.values == was
    with pytest.raises(LabError, match="not read-only"):
        from_dsn(pooled := FakeServer(read_only="off"), samples=1)
    assert pooled.values == was
    assert not server.closed


def test_a_connection_that_is_lost_keeps_what_was_sampled():
    class Lost(FakeServer):
        def execute(self, statement: str, values: Any = None) -> None:
            if self.samples == 2:
                raise DriverError("the connection is closed")
            super().execute(statement, values)

    assert len(from_dsn(Lost(), samples=5, every_s=0).findings.samples.each) == 2


def test_a_sample_without_standbys_is_one():
    nobody = dict.fromkeys(STANDBY)
    report = from_dsn(FakeServer(rows=[nobody]), samples=2, every_s=0)
    assert report.standbys == ()
    assert report.rate.bytes_per_s.mean == 0x1000


def test_what_was_sampled_before_the_server_went_away_is_kept():
    report = from_dsn(FakeServer(dies_after=2), samples=5, every_s=0)
    assert len(report.findings.samples.each) == 2
    assert report.notes[-1] == "After 2 of 5 samples the server refused: server closed the connection."
    with pytest.raises(LabError, match="the server refused: server closed the connection"):
        from_dsn(FakeServer(dies_after=0), samples=5, every_s=0)


@pytest.mark.parametrize(
    ("told", "part"),
    [
        ({"standby": True}, "the server is a standby: ask the primary"),
        ({"version": "90624"}, "PostgreSQL 10 or newer"),
        ({"read_only": "off"}, "not read-only although"),
        ({"rows": [dict.fromkeys(STANDBY) | {"pid": 7, "application_name": "s1"}]}, "pg_monitor"),
    ],
)
def test_a_server_that_cannot_be_judged_is_one_sentence(told: dict[str, Any], part: str):
    with pytest.raises(LabError) as error:
        from_dsn(FakeServer(**told), samples=2, every_s=0)
    assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_a_connection_that_leaves_transactions_open_is_refused_untouched():
    server = FakeServer()
    server.autocommit = False
    with pytest.raises(LabError, match="autocommit"):
        from_dsn(server)
    assert server.said == []


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"samples": 0}, "samples is 0"),
        ({"samples": 1.5}, "samples is 1.5"),
        ({"every_s": -1}, "every_s is -1"),
        ({"every_s": float("nan")}, "every_s is nan"),
    ],
)
def test_wrong_numbers_are_refused_before_anything_is_sent(arguments: dict[str, Any], part: str):
    server = FakeServer()
    with pytest.raises(LabError, match=part):
        from_dsn(server, **arguments)
    assert server.said == []


def test_an_error_of_ours_is_not_taken_for_the_servers():
    class Broken(FakeServer):
        def execute(self, statement: str, values: Any = None) -> None:
            raise ZeroDivisionError("a defect")

    with pytest.raises(ZeroDivisionError):
        from_dsn(Broken(), samples=1)


def test_a_server_that_is_not_there_is_one_sentence_without_the_password(tmp_path: Any):
    pytest.importorskip("psycopg")
    with pytest.raises(LabError, match="cannot be reached") as error:
        from_dsn(f"host={tmp_path} port=6009 user=nobody password=sesame", samples=1)
    assert "sesame" not in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(LabError, match="cannot be reached"):
        from_dsn("no connection string at all", samples=1)
