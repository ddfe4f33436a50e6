"""A private folder whose servers cannot outlive the process that made it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from .errors import LabError

_SOCKET_PATH_MOST = 107  # bytes, of a Unix socket's path
_ROOM_FOR_NAMES = 40
_UNPRIVILEGED = ("postgres", "nobody")


class Guard:
    """A folder that only its owner may enter, with a watchdog.

    Leaving the context, an exception, a restarted kernel, SIGKILL: each closes the watchdog's pipe, upon which it kills
    every process that works in the folder, removes their shared memory and the folder.

    Parameters
    ----------
    base : Path, optional
        Where the folder is made; by default where temporary files are. Its path must be short: a Unix socket's path
        has at most 107 bytes.

    Attributes
    ----------
    folder : Path
        The folder.

    Raises
    ------
    LabError
        If the path is too long for a socket.
    """

    def __init__(self, base: Path | None = None) -> None:
        place = Path(tempfile.gettempdir() if base is None else base)
        if len(os.fsencode(place)) + len("/rv-12345678/") + _ROOM_FOR_NAMES > _SOCKET_PATH_MOST:
            raise LabError(
                f"the folder for temporary files is {str(place)!r}: its path must be shorter, since a socket's path in "
                f"it may have {_SOCKET_PATH_MOST} bytes; set TMPDIR to a shorter one, such as /tmp."
            )
        self.folder = Path(tempfile.mkdtemp(prefix="rv-", dir=place))
        self._identity = _unprivileged() if _is_root() else None
        if self._identity:
            os.chown(self.folder, *self._identity)
        self._spawned: list[subprocess.Popen[bytes]] = []
        try:
            self._watchdog = self._watched()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def _watched(self) -> subprocess.Popen[bytes]:
        """Start the watchdog."""
        return subprocess.Popen(
            [sys.executable, "-I", "-S", Path(__file__).with_name("watchdog.py"), self.folder, str(os.getpid())],
            stdin=subprocess.PIPE,
            cwd="/" if os.name == "posix" else None,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def owner(self) -> dict[str, Any]:
        """What `subprocess.Popen` needs so that a server does not run as root."""
        if self._identity is None:
            return {}
        user, group = self._identity
        return {"user": user, "group": group, "extra_groups": []}

    def make(self, name: str) -> Path:
        """Make a folder inside, for its owner only, and return it."""
        made = self.folder / name
        made.mkdir(mode=0o700)
        if self._identity:
            os.chown(made, *self._identity)
        return made

    def give(self, path: Path) -> None:
        """Make a file or a whole folder the owner's."""
        if self._identity is None:
            return
        os.chown(path, *self._identity)
        for folder, folders, files in os.walk(path):
            for name in (*folders, *files):
                os.chown(os.path.join(folder, name), *self._identity, follow_symlinks=False)

    def spawn(
        self,
        command: Sequence[str | Path],
        *,
        log: IO[bytes] | int = subprocess.DEVNULL,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program that goes on; the watchdog ends it.

        A session of its own: JupyterLab's interrupt goes to the kernel's whole group, and PostgreSQL takes it as a
        request to shut down.
        """
        spawned = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment() if env is None else dict(env),
            cwd=self.folder if cwd is None else cwd,
            start_new_session=True,
            **self.owner,
        )
        self._spawned.append(spawned)
        return spawned

    def run(self, command: Sequence[str | Path], timeout_s: float = 60, said: str = "") -> str:
        """Run a program to its end, with `said` as its input, and return what it printed.

        Raises
        ------
        LabError
            If it fails; the sentence holds the last line that it printed.
        """
        done = subprocess.run(
            command,
            input=said,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment(),
            cwd=self.folder,
            timeout=timeout_s,
            start_new_session=True,
            **self.owner,
        )
        if done.returncode:
            last = done.stdout.strip().splitlines()[-1:] or ["nothing"]
            raise LabError(f"{Path(command[0]).name} failed; it printed last: {last[0]}")
        return str(done.stdout)

    def may_run(self, program: str | Path) -> bool:
        """Whether the owner can start a program: the folder it lies in may be closed to others than root."""
        try:
            done = subprocess.run([program, "--version"], capture_output=True, env=environment(), cwd="/", **self.owner)
        except OSError:
            return False
        return done.returncode == 0

    def borrow(self, folder: Path, beside: Sequence[Path] = ()) -> Path:
        """Copy programs into the folder, with the libraries beside them, and return the copy."""
        home = self.make("programs")
        for place in (folder, *beside):
            shutil.copytree(place, home / place.name, symlinks=True)
        self.give(home)
        return home / folder.name

    def close(self) -> None:
        """End every server, remove the folder. Nothing happens the second time."""
        if self._watchdog.stdin and not self._watchdog.stdin.closed:
            self._watchdog.stdin.close()
        self._watchdog.wait()
        for spawned in self._spawned:
            spawned.wait()


def environment() -> dict[str, str]:
    """Return the environment for a server: no `PG*` variable of the reader's reaches it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _unprivileged() -> tuple[int, int]:
    """Return the number of a user without rights, and of its group: PostgreSQL refuses to run as root."""
    import pwd

    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    return 65534, 65534
