"""Where each node's log stands, asked of the nodes themselves many times a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .closing import hang_up
from .server import Server

if TYPE_CHECKING:
    import psycopg

EVERY_S = 0.01
_TRY_AGAIN_S = 0.02

_QUERY = """
    SELECT r,
        CASE WHEN r THEN NULL ELSE (pg_current_wal_flush_lsn() - '0/0')::bigint END,
        CASE WHEN r THEN (coalesce(w.written_lsn, pg_last_wal_receive_lsn()) - '0/0')::bigint END,
        CASE WHEN r THEN (coalesce(w.flushed_lsn, pg_last_wal_receive_lsn()) - '0/0')::bigint END,
        CASE WHEN r THEN (pg_last_wal_replay_lsn() - '0/0')::bigint END,
        CASE WHEN r THEN w.received_tli
             ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
        CASE WHEN %s AND NOT r THEN
            (SELECT min(substr(name, 9)) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$') END
    FROM (SELECT pg_is_in_recovery() AS r OFFSET 0) AS x LEFT JOIN pg_stat_wal_receiver AS w ON true"""


@dataclass(frozen=True)
class Sample:
    """Where one node's log stood at a moment of the monotonic clock, s; positions are LSNs in bytes, or None.

    `oldest` is the end of the name of a leader's oldest file; None if nobody asked.
    """

    node: str
    at: float
    replica: bool
    own: int | None
    written: int | None
    flushed: int | None
    replayed: int | None
    timeline: int | None
    oldest: str | None = None


class Positions:
    """Asks each node for its positions, each in a thread of its own: a frozen node stops no other.

    Parameters
    ----------
    files : bool
        Whether to ask also for the oldest file of the leader's log: there may be hundreds to look through.

    Attributes
    ----------
    samples : list of Sample
        What was heard so far.
    """

    def __init__(self, servers: Iterable[Server], every_s: float = EVERY_S, files: bool = False) -> None:
        self.samples: list[Sample] = []
        self._files = files
        self._every_s = every_s
        self._over = threading.Event()
        self._open: dict[str, psycopg.Connection[Any]] = {}
        self._threads = [threading.Thread(target=self._watch, args=(server,), daemon=True) for server in servers]

    def begin(self) -> None:
        """Start asking."""
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Stop asking; who does not answer is left."""
        self._over.set()
        for thread in self._threads:
            thread.join(2 * self._every_s)
        for connection in list(self._open.values()):
            hang_up(connection)
        for thread in self._threads:
            thread.join()

    def _watch(self, server: Server) -> None:
        import psycopg

        while not self._over.is_set():
            try:
                with server.connect() as connection:
                    self._open[server.name] = connection
                    self._ask(server.name, connection)
            except psycopg.Error:
                self._over.wait(_TRY_AGAIN_S)
            finally:
                self._open.pop(server.name, None)

    def _ask(self, name: str, connection: psycopg.Connection[Any]) -> None:
        due = time.monotonic()
        while not self._over.is_set():
            row = connection.execute(_QUERY, (self._files,), prepare=True).fetchone()
            if row:
                self.samples.append(Sample(name, time.monotonic(), *row))
            due = max(due + self._every_s, time.monotonic())
            self._over.wait(due - time.monotonic())
