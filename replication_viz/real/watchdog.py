"""The watchdog of a private folder: when its standard input ends, the servers die and the folder goes.

Run as a program of its own, with the standard library alone: `python -I -S watchdog.py FOLDER PARENT`. However the
process that holds the other end goes, SIGKILL included, its end of the pipe closes. A copy of that end in a process
that was forked off would keep it open; so the parent's number is watched too.
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

LOOK_EVERY_S = 0.5
PATIENCE_S = 3.0


def main(folder: Path, parent: int) -> None:
    """Wait until the pipe ends or the parent is gone, then clean up."""
    if os.name == "posix":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
    while os.getppid() == parent:
        if select.select([sys.stdin.fileno()], [], [], LOOK_EVERY_S)[0] and not os.read(sys.stdin.fileno(), 4096):
            break
    clean(folder)


def clean(folder: Path) -> None:
    """Kill every process that works in the folder, remove its shared memory and the folder."""
    segments = shared_memory(folder)
    deadline = time.monotonic() + PATIENCE_S
    left = list(working_in(folder))
    while left and time.monotonic() < deadline:
        for process in left:
            _kill(process)
        time.sleep(0.01)
        left = list(working_in(folder))
    for segment in segments:
        ctypes.CDLL(None).shmctl(segment, 0, None)  # 0: IPC_RMID
    shutil.rmtree(folder, ignore_errors=True)


def shared_memory(folder: Path) -> list[int]:
    """Return the numbers of the System V segments that servers in the folder hold: line 7 of their postmaster.pid."""
    found = []
    for file in folder.glob("**/postmaster.pid"):
        lines = file.read_text(errors="replace").splitlines()
        words = lines[6].split() if len(lines) > 6 else []
        if len(words) == 2 and words[1].isdigit():
            found.append(int(words[1]))
    return found


def working_in(folder: Path) -> Iterator[int]:
    """Yield the processes that work in the folder: every server stands in its data folder."""
    place = os.path.realpath(folder)
    proc = Path("/proc")
    if not proc.is_dir():
        yield from _noted(folder)
        return
    for entry in proc.iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                where = os.readlink(entry / "cwd")
            except OSError:
                continue
            if where == place or where.startswith(place + os.sep):
                yield int(entry.name)


def _noted(folder: Path) -> Iterator[int]:
    """Yield the servers that left their number in a file and live: for systems that do not tell where a process is."""
    for file in folder.glob("**/*.pid"):
        first = file.read_text(errors="replace").split()[:1]
        if first and first[0].isdigit() and _lives(int(first[0])):
            yield int(first[0])


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except OSError:
        return


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
