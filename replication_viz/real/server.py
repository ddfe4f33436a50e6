"""One PostgreSQL server on a private socket: make it, start it, stop it, kill it, promote it, ask it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString

from ..lsn import Lsn
from .binaries import Postgres
from .errors import LabError
from .guard import Guard
from .watchdog import working_in

if TYPE_CHECKING:
    import psycopg

USER = "lab"
DATABASE = "template1"  # the only one that is kept: the less there is, the quicker a copy
PORT = 5432  # part of a socket's name; nothing listens on the network
_PATIENCE_S = 30.0
_LEAVE_ONE_DATABASE = """
UPDATE pg_database SET datistemplate = false WHERE datname = 'template0';
DROP DATABASE template0;
DROP DATABASE postgres;
"""

_BASE = {
    "listen_addresses": "",
    "port": str(PORT),
    "max_connections": "110",  # a standby needs as many as the primary has, and a copy of a fresh folder at least 100
    "max_wal_senders": "20",
    "superuser_reserved_connections": "10",
    "shared_buffers": "32MB",
    "dynamic_shared_memory_type": "mmap",
    "autovacuum": "off",
    "wal_log_hints": "on",  # or pg_rewind refuses
    "wal_receiver_status_interval": "1s",
    "wal_retrieve_retry_interval": "100ms",
    "hot_standby_feedback": "off",
    "log_min_messages": "log",
    "log_checkpoints": "off",
    "checkpoint_timeout": "1h",
    "max_wal_size": "1GB",
    "wal_keep_size": "512MB",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}


class Server:
    """One server. Its home inside the guard's folder holds its data, its socket and its log.

    Parameters
    ----------
    guard : Guard
        Ends it in the end.
    programs : Postgres
        PostgreSQL's programs, which the guard's owner may run.
    name : str
        Of the node, such as "s1".
    """

    def __init__(self, guard: Guard, programs: Postgres, name: str) -> None:
        self.guard, self.programs, self.name = guard, programs, name
        self.home = guard.make(name)
        self.data = self.home / "data"
        self.settings: dict[str, str] = {}
        self.reset_settings()
        self._process: subprocess.Popen[bytes] | None = None

    def reset_settings(self) -> None:
        """Forget every setting but the base."""
        self.settings = {**_BASE, "unix_socket_directories": str(self.home)}
        if self.programs.major >= 18:
            self.settings["io_method"] = "sync"  # saves three processes

    # -- making it ------------------------------------------------------------------------------------------------

    def initialise(self, segment_mb: int) -> None:
        """Make an empty database; segments of its log hold so many MB, a power of two."""
        options = ["--no-locale", "--encoding=UTF8", "--auth=trust", f"--username={USER}", "--no-sync"]
        command: list[str | Path] = [
            self.programs.program("initdb"),
            "-D",
            self.data,
            *options,
            f"--wal-segsize={segment_mb}",
        ]
        self.guard.run(command)
        single: list[str | Path] = [self.programs.program("postgres"), "--single", "-F", "-D", self.data, DATABASE]
        self.guard.run(single, said=_LEAVE_ONE_DATABASE)

    def copy_of(self, data: Path) -> None:
        """Take a copy of a stopped server's data."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.guard.run(["cp", "-R", data, self.data])

    def base_backup(self, source: Path) -> None:
        """Take a base backup over the socket in a folder."""
        shutil.rmtree(self.data, ignore_errors=True)
        where = ["-h", str(source), "-p", str(PORT), "-U", USER]
        command: list[str | Path] = [
            self.programs.program("pg_basebackup"),
            *where,
            "-D",
            self.data,
            "-X",
            "stream",
            "-c",
            "fast",
        ]
        self.guard.run([*command, "--no-sync"])

    def follow(self, socket: Path, slot: str = "") -> None:
        """Be a standby of the server that is reached over the socket in a folder."""
        place = f"host={socket} port={PORT} user={USER} application_name={self.name}"
        self.settings["primary_conninfo"] = place
        self.settings["primary_slot_name"] = slot
        self._signal_file().touch()
        self.guard.give(self._signal_file())

    def lead(self) -> None:
        """Be a primary when it starts next."""
        self._signal_file().unlink(missing_ok=True)
        self.settings.pop("primary_conninfo", None)

    def _signal_file(self) -> Path:
        return self.data / "standby.signal"

    def configure(self, settings: Mapping[str, str]) -> None:
        """Set what is to hold from the next start or reload on."""
        self.settings.update(settings)

    def _write_settings(self) -> None:
        lines = [f"{name} = '{value}'" for name, value in self.settings.items()]
        file = self.data / "postgresql.conf"
        file.write_text("\n".join(lines) + "\n")
        (self.data / "postgresql.auto.conf").write_text("")  # pg_basebackup and pg_rewind copy the source's
        self.guard.give(file)
        self.guard.give(self.data / "postgresql.auto.conf")

    # -- running it -----------------------------------------------------------------------------------------------

    def start(self, wait: bool = True) -> None:
        """Start it.

        Raises
        ------
        LabError
            If it does not take connections within half a minute.
        """
        self._write_settings()
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        with (self.home / "log").open("ab") as log:
            self._process = self.guard.spawn([self.programs.program("postgres"), "-D", self.data], log=log)
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until it takes connections."""
        import psycopg

        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                self.connect().close()
                return
            except psycopg.OperationalError:
                if not self.runs() or time.monotonic() > deadline:
                    raise LabError(f"{self.name} did not start; its log ends: {self.said()[-1:]}") from None
                time.sleep(0.005)

    def runs(self) -> bool:
        """Whether its first process lives."""
        return self._process is not None and self._process.poll() is None

    def reload(self) -> None:
        """Let it read its settings again."""
        self._write_settings()
        if self._process is not None and self.runs():
            self._process.send_signal(signal.SIGHUP)

    def set(self, settings: Mapping[str, str]) -> None:
        """Change settings while it runs, and wait until they hold."""
        self.configure(settings)
        self.reload()
        with self.connect() as connection:
            for name, value in settings.items():
                self._wait_for(connection, name, value)

    def _wait_for(self, connection: psycopg.Connection[Any], name: str, value: str) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        shown = ""
        while time.monotonic() < deadline:
            row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
            shown = str(row[0]) if row else ""
            if _same(shown, value):
                return
            time.sleep(0.002)
        raise LabError(f"{self.name} did not take {name} = {value!r}: it has {shown!r}.")

    def stop(self) -> None:
        """Shut it down in order (a fast shutdown)."""
        if self._process is not None and self.runs():
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_PATIENCE_S)

    def kill(self) -> None:
        """End all its processes at once, as a crash does: what it has not written down is gone."""
        for process in self.processes():
            _send(process, signal.SIGKILL)
        if self._process is not None:
            self._process.wait(_PATIENCE_S)

    def freeze(self) -> None:
        """Let none of its processes run."""
        for process in self.processes():
            _send(process, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let its processes run again."""
        for process in self.processes():
            _send(process, signal.SIGCONT)

    def processes(self) -> list[int]:
        """Return the numbers of its processes, the first one first."""
        found = list(working_in(self.data))
        first = self._process.pid if self._process is not None else 0
        return sorted(found, key=lambda number: number != first)

    def family(self) -> list[int]:
        """Return its first process and that one's children, found at once; empty where the system does not tell."""
        if self._process is None or not self.runs():
            return []
        first = self._process.pid
        try:
            told = Path(f"/proc/{first}/task/{first}/children").read_text()
        except OSError:
            return []
        return [first, *map(int, told.split())]

    def said(self) -> list[str]:
        """Return the lines of its log."""
        file = self.home / "log"
        return file.read_text(errors="replace").splitlines() if file.exists() else []

    # -- asking it ------------------------------------------------------------------------------------------------

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """Open a connection, each statement a transaction of its own, straight to its socket."""
        import psycopg

        return psycopg.connect(host=str(self.home), port=PORT, user=USER, dbname=DATABASE, autocommit=True, **options)

    def ask(self, query: LiteralString, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        with self.connect() as connection:
            cursor = connection.execute(query, values or None)
            return cursor.fetchall() if cursor.description else []

    def promote(self) -> None:
        """Make it a primary, on a new timeline; returns when it takes writes."""
        self.ask("SELECT pg_promote(true, 30)")
        self._signal_file().unlink(missing_ok=True)

    def fork_of(self, timeline: int) -> int:
        """Return where a timeline left the one before, an LSN in bytes; it stands in the timeline's history file."""
        history = (self.data / "pg_wal" / f"{timeline:08X}.history").read_text()
        last = [line.split() for line in history.splitlines() if line.strip()][-1]
        return Lsn.parse(last[1]).position

    def rewind(self, socket: Path) -> None:
        """Go back, stopped, to where its log and that of the server at a socket were one, and take that one's data."""
        source = f"host={socket} port={PORT} user={USER} dbname={DATABASE}"
        self._write_settings()
        self.guard.run([self.programs.program("pg_rewind"), "-D", self.data, f"--source-server={source}", "--no-sync"])


def _same(shown: str, wanted: str) -> bool:
    """Whether a setting as PostgreSQL shows it is the one that was asked for: 1000ms is shown as 1s."""
    return shown == wanted or _plain(shown) == _plain(wanted)


_TIMES = {"us": 0.001, "ms": 1.0, "s": 1_000.0, "min": 60_000.0, "h": 3_600_000.0, "d": 86_400_000.0}
_UNITS = {**_TIMES, "kB": 1.0, "MB": 1024.0, "GB": 1024.0**2}


def _plain(text: str) -> float | str:
    number = text.rstrip("abcdefghijklmnopqrstuvwxyzBMG ")
    try:
        return float(number) * _UNITS.get(text[len(number) :].strip(), 1)
    except ValueError:
        return text


def _send(process: int, number: int) -> None:
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return
