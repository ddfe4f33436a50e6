"""Samples from a running primary, over a read-only session that runs nothing but the statements below."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..errors import LabError, MissingServerError
from . import settings as settings_of
from . import slots as slots_of
from .cells import written
from .report import Report, make_report
from .samples import WHAT, Samples, from_table
from .tables import Row, Table
from .wording import plain

MOST_SAMPLES = 10_000
_LONGEST_S = 3_600.0
_OLDEST = 100_000

_PREPARE = (
    "SET default_transaction_read_only = on",
    "SET statement_timeout = '5s'",
    "SET lock_timeout = '1s'",
)
_IS_READ_ONLY = "SHOW transaction_read_only"
_VERSION = "SHOW server_version_num"
_IS_STANDBY = "SELECT pg_is_in_recovery()"
_SETTINGS = "SELECT name, setting, unit FROM pg_settings"
_SLOTS = "SELECT * FROM pg_replication_slots"
_SAMPLE = (
    "SELECT m.*, r.* FROM (SELECT clock_timestamp() AS now, pg_current_wal_lsn() AS pg_current_wal_lsn, "
    "(SELECT sum(xact_commit) FROM pg_stat_database) AS xact_commit) m LEFT JOIN pg_stat_replication r ON true"
)
_KEPT = ("default_transaction_read_only", "statement_timeout", "lock_timeout")
_READ_BACK = tuple(f"SHOW {name}" for name in _KEPT)
_PUT_BACK = "SELECT set_config(%s, %s, false)"
OWN = frozenset({*_PREPARE, _IS_READ_ONLY, _VERSION, _IS_STANDBY, _SETTINGS, _SLOTS, _SAMPLE, *_READ_BACK, _PUT_BACK})


class ReadOnly:
    """A session that runs the statements of this file and no others.

    Raises
    ------
    LabError
        If the connection is not in autocommit mode.
    """

    def __init__(self, connection: Any) -> None:
        if not getattr(connection, "autocommit", False):
            raise LabError("the connection is not in autocommit mode: it must be, so that no transaction is left open.")
        self._connection = connection
        self._was: list[str] = [self.ask(statement)[0][key] for statement, key in zip(_READ_BACK, _KEPT, strict=True)]

    def prepare(self) -> None:
        """Make the session read-only.

        Raises
        ------
        LabError
            If it is not read-only afterwards.
        """
        for statement in _PREPARE:
            self.ask(statement)
        if self.ask(_IS_READ_ONLY)[0]["transaction_read_only"] != "on":
            raise LabError("the session is not read-only although it was asked to be: a pooler may be in between.")

    def ask(self, statement: str, *values: str) -> list[Row]:
        """Return the rows of one of the statements of this file, with cells as text.

        Raises
        ------
        LabError
            If the statement is none of them, or the server refuses it.
        """
        if statement not in OWN:
            raise LabError(f"{plain(statement)!r} is not run: this session runs its own statements only.")
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(statement, values or None)
                if cursor.description is None:
                    return []
                names = [column[0].lower() for column in cursor.description]
                return [dict(zip(names, map(written, row), strict=True)) for row in cursor.fetchall()]
        except Exception as error:
            if isinstance(error, LabError) or not _is_database_error(error):
                raise
            raise LabError(f"the server refused: {_first_line(error)}.") from None

    def put_back(self) -> None:
        """Give the session the values that it had."""
        for name, value in zip(_KEPT, self._was, strict=True):
            self.ask(_PUT_BACK, name, value)


def from_dsn(
    dsn: Any,
    samples: int = 10,
    every_s: float = 1.0,
    *,
    write_bytes: float | None = None,
) -> Report:
    """Return the report on a running primary. Nothing is written to it, ever.

    Parameters
    ----------
    dsn : str or psycopg connection
        A connection string, for a role that has `pg_monitor`; or a connection in autocommit mode, which is left open
        and gets its settings back.
    samples : int
        How many, 1 to 10,000.
    every_s : float
        Time between them, s, 0 to 3,600.
    write_bytes : float, optional
        Log bytes of one write, in place of what ``xact_commit`` says.

    Raises
    ------
    MissingServerError
        If psycopg is not installed.
    LabError
        If the server cannot be reached, is a standby, is older than PostgreSQL 10, or does not show its standbys.
    """
    if samples not in range(1, MOST_SAMPLES + 1):
        raise LabError(f"samples is {samples!r}: it must be a whole number from 1 to {MOST_SAMPLES:,}.")
    if not 0 <= every_s <= _LONGEST_S:
        raise LabError(f"every_s is {every_s!r}: it must be from 0 to {_LONGEST_S:,.0f} s.")
    with _session(dsn) as session:
        _check_server(session)
        settings = settings_of.from_rows(session.ask(_SETTINGS))
        slots = slots_of.from_rows(session.ask(_SLOTS))
        taken, notes = _take(session, samples, every_s)
    return make_report(taken, settings, slots, write_bytes=write_bytes, notes=notes)


def _check_server(session: ReadOnly) -> None:
    version = session.ask(_VERSION)[0]["server_version_num"]
    if not version.isdecimal() or int(version) < _OLDEST:
        raise LabError(f"server_version_num is {plain(version)}: PostgreSQL 10 or newer is needed.")
    if session.ask(_IS_STANDBY)[0]["pg_is_in_recovery"] == "t":
        raise LabError("the server is a standby: ask the primary, which knows where its standbys are.")


def _take(session: ReadOnly, samples: int, every_s: float) -> tuple[Samples, tuple[str, ...]]:
    """Return the samples; if the server stops answering, those that it gave, and a sentence."""
    rows: list[Row] = []
    notes: tuple[str, ...] = ()
    begun = time.monotonic()
    for number in range(samples):
        time.sleep(max(0.0, begun + number * every_s - time.monotonic()))
        try:
            rows += session.ask(_SAMPLE)
        except LabError as error:
            if not number:
                raise
            notes = (f"After {number} of {samples} samples {error}",)
            break
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    return from_table(Table(WHAT, columns, tuple(rows))), notes


@contextmanager
def _session(dsn: Any) -> Iterator[ReadOnly]:
    if not isinstance(dsn, str):
        session = ReadOnly(dsn)
        try:
            session.prepare()
            yield session
        finally:
            with suppress(LabError):  # a connection that is lost has nothing to get back
                session.put_back()
        return
    connection = _connect(dsn)
    try:
        session = ReadOnly(connection)
        session.prepare()
        yield session
    finally:
        connection.close()


def _connect(dsn: str) -> Any:
    try:
        import psycopg
    except ImportError:
        raise MissingServerError(
            "There is no psycopg here, which speaks to PostgreSQL: `pip install 'replication-viz[real]'` brings it."
        ) from None
    try:
        return psycopg.connect(dsn, autocommit=True, connect_timeout=10)
    except psycopg.Error as error:
        raise LabError(f"the server cannot be reached: {_first_line(error)}.") from None


def _is_database_error(error: Exception) -> bool:
    """Return whether an exception is of a driver's family, by PEP 249: its root is called Error."""
    return any(kind.__name__ == "Error" for kind in type(error).__mro__)


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return plain(lines[0], 200).rstrip(".") if lines else type(error).__name__
