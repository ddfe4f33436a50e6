"""One MariaDB server on a private socket: make it, start it, stop it, kill it, let it follow another, ask it."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..binaries import MariaDB
from ..guard import Guard
from ..sampled import server as sampled
from ..sampled.server import PATIENCE_S

if TYPE_CHECKING:
    from pymysql.connections import Connection

USER = "lab"
DATABASE = "lab"
_SMALL = {
    "innodb-buffer-pool-size": "16M",
    "innodb-log-file-size": "8M",
    "innodb-flush-log-at-trx-commit": "1",
    "sync-binlog": "1",
    "max-connections": "120",
    "performance-schema": "OFF",
    "skip-networking": None,
    "skip-name-resolve": None,
}
_REPLICATES = {
    "log-bin": "bin",
    "relay-log": "relay",
    "binlog-format": "STATEMENT",  # an event of the log shows which write it is
    "log-slave-updates": None,  # a promoted replica must have a log of its own
    "sync-relay-log": "1",  # a replica that answers has the log on its disk
    "rpl-semi-sync-slave-enabled": "1",
    "rpl-semi-sync-slave-kill-conn-timeout": "1",
    "rpl-semi-sync-master-wait-point": "AFTER_SYNC",
}


class Server(sampled.Server):
    """One server.

    Parameters
    ----------
    guard : Guard
        Ends it in the end.
    programs : MariaDB
        What the guard's owner may run.
    name : str
        Of the node, such as "s1".
    number : int
        Its `server_id`, from 1.
    password : str
        What clients and replicas must know.

    Attributes
    ----------
    socket : Path
        Where it listens.
    base : int
        How many transactions its log held before the first write.
    """

    def __init__(self, guard: Guard, programs: MariaDB, name: str, number: int, password: str) -> None:
        super().__init__(guard, name)
        self.programs, self.number = programs, number
        self.data = self.home / "data"
        self.base = 0
        self._password = password

    # -- making it ------------------------------------------------------------------------------------------------

    def initialise(self) -> None:
        """Make an empty database with one user, who needs the password wherever from."""
        self.data.mkdir(mode=0o700)
        self.guard.give(self.data)
        user = f"'{USER}'@'%'"
        statements = (
            "CREATE DATABASE mysql;\nUSE mysql;\n",
            self.programs.tables.read_text(),
            "\nFLUSH PRIVILEGES;\n",
            f"CREATE DATABASE {DATABASE};\n",
            f"CREATE USER {user} IDENTIFIED BY '{self._password}';\n",
            f"GRANT ALL ON *.* TO {user};\n",
        )
        self.guard.run(self._command({"bootstrap": None}), said="".join(statements))

    def copy_of(self, data: Path) -> None:
        """Take a copy of a stopped server's data."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.guard.run(["cp", "-R", data, self.data])

    def _command(self, options: Mapping[str, str | None]) -> list[str | Path]:
        share = self.programs.share
        places = {"basedir": str(share.parents[1]), "lc-messages-dir": str(share), "datadir": str(self.data)}
        told = {**places, **_SMALL, **options}
        words = [f"--{name}" if value is None else f"--{name}={value}" for name, value in told.items()]
        return [self.programs.program, "--no-defaults", *words]

    # -- running it -----------------------------------------------------------------------------------------------

    def launch(self) -> None:
        """Start it; `wait_ready` waits until it takes connections."""
        options = {"server-id": str(self.number), "socket": str(self.socket), "pid-file": str(self.home / "pid")}
        with (self.home / "log").open("ab") as log:
            self._process = self.guard.spawn(self._command({**_REPLICATES, **options}), log=log, cwd=self.home)

    def answers(self) -> bool:
        import pymysql

        try:
            self.connect().close()
        except (pymysql.MySQLError, OSError):
            return False
        return True

    # -- asking it ------------------------------------------------------------------------------------------------

    def connect(self, line: socket.socket | None = None) -> Connection[Any]:
        """Open a connection, each statement a transaction of its own, straight to its socket.

        Parameters
        ----------
        line : socket, optional
            Not connected yet; whoever made it can end the talk by shutting it down.
        """
        import pymysql
        from pymysql.constants import CLIENT

        connection = pymysql.connect(
            user=USER,
            password=self._password,
            database=DATABASE,
            unix_socket=str(self.socket),
            autocommit=True,
            client_flag=CLIENT.MULTI_STATEMENTS,
            ssl_disabled=True,  # to prepare for it takes 40 ms each time
            defer_connect=True,
        )
        line = socket.socket(socket.AF_UNIX) if line is None else line
        try:
            line.connect(str(self.socket))
            connection.connect(line)
        except BaseException:
            line.close()
            raise
        return connection

    def ask(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(query, tuple(values) or None)
            return list(cursor.fetchall())

    def count(self) -> int:
        """Return how many writes it has."""
        return sequence(self._asked("Gtid_Slave_Pos") or self.ask("SELECT @@GLOBAL.gtid_binlog_pos")[0][0]) - self.base

    def _asked(self, name: str) -> str:
        """Return what it says of its primary under a name; empty if it has none."""
        with self.connect() as connection:
            return str(replica_status(connection).get(name, ""))

    # -- replication ----------------------------------------------------------------------------------------------

    def wait_for_replica(self, timeout_ms: float) -> None:
        """Let each commit wait until one replica has it, at most so long."""
        self.ask(f"SET GLOBAL rpl_semi_sync_master_timeout = {round(timeout_ms)}")
        self.ask("SET GLOBAL rpl_semi_sync_master_enabled = 1")

    def follow(self, host: str, port: int) -> None:
        """Be a replica of the server that is reached there, from where its own log ends."""
        self.ask("STOP SLAVE")
        self.ask(
            "CHANGE MASTER TO master_host = %s, master_port = %s, master_user = %s, master_password = %s, "
            "master_use_gtid = slave_pos, master_connect_retry = 1",
            (host, port, USER, self._password),
        )
        self._flush_each(False)  # it can apply its relay log again
        self.ask("START SLAVE")

    def lead(self) -> int:
        """Be a primary from now on, once it has applied what it has received; return how many writes it has."""
        self.ask("STOP SLAVE IO_THREAD")
        self.ask("SELECT MASTER_GTID_WAIT(%s, %s)", (self._asked("Gtid_IO_Pos"), PATIENCE_S))
        count = self.count()
        self.ask("STOP SLAVE")
        self.ask("RESET SLAVE ALL")
        self._flush_each(True)
        return count

    def _flush_each(self, does: bool) -> None:
        """Whether each transaction of its own is on its disk before it is answered."""
        self.ask(f"SET GLOBAL sync_binlog = {int(does)}")
        self.ask(f"SET GLOBAL innodb_flush_log_at_trx_commit = {1 if does else 2}")


def replica_status(connection: Connection[Any]) -> dict[str, Any]:
    """Return what a server says of its primary, by the names that it gives; empty if it has none."""
    from pymysql.cursors import DictCursor

    with connection.cursor(DictCursor) as cursor:
        cursor.execute("SHOW ALL SLAVES STATUS")
        return dict(cursor.fetchone() or {})


def sequence(gtid: str | None) -> int:
    """Return the last number of a GTID: how many transactions the log holds."""
    return int(gtid.rpartition("-")[2]) if gtid else 0
