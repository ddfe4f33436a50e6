"""The private folder of real servers: whatever happens to who made it, nothing is left behind."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from replication_viz.real.errors import LabError
from replication_viz.real.guard import Guard, environment
from replication_viz.real.watchdog import shared_memory, working_in

posix = pytest.mark.skipif(os.name != "posix", reason="signals and Unix sockets")
pytestmark = posix

_HOLDER = f"""
import signal, sys, time
from replication_viz.real.guard import Guard
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background begins with it ignored
guard = Guard()
guard.spawn({["sleep", "600"]!r})
print(guard.folder, flush=True)
while True:
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


def gone(folder: Path, seconds: float = 20) -> bool:
    """Whether a folder goes, and with it every process that works in it, before long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not folder.exists() and not list(working_in(folder)):
            return True
        time.sleep(0.02)
    return False


def test_leaving_it_ends_what_runs_in_it_and_removes_the_folder():
    with Guard() as guard:
        process = guard.spawn(["sleep", "600"])
        assert process.pid in set(working_in(guard.folder))
        assert stat.S_IMODE(guard.folder.stat().st_mode) == 0o700
    assert process.wait(10) == -signal.SIGKILL
    assert gone(guard.folder)
    guard.close()  # a second time does nothing


def test_an_exception_leaves_nothing_behind():
    guard = Guard()
    guard.spawn(["sleep", "600"])
    with pytest.raises(ZeroDivisionError), guard:
        raise ZeroDivisionError
    assert gone(guard.folder)


@pytest.fixture
def holder():
    """A process that holds a guard with a server, and its folder."""
    process = subprocess.Popen([sys.executable, "-c", _HOLDER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    assert list(working_in(folder))
    yield process, folder
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_the_process_leaves_nothing_behind(holder, number: int):
    process, folder = holder
    process.send_signal(number)
    process.wait(10)
    assert gone(folder)


def test_an_interrupt_does_not_reach_the_servers(holder):
    process, folder = holder
    servers = set(working_in(folder))
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "interrupted\n"
    assert set(working_in(folder)) == servers


def test_a_child_that_was_forked_off_does_not_keep_the_folder():
    program = _HOLDER.replace("print(guard", "import os\nif os.fork() == 0:\n    time.sleep(600)\nprint(guard", 1)
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    try:
        process.kill()
        process.wait()
        assert gone(folder)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()


def test_a_path_too_long_for_a_socket_is_one_sentence(tmp_path: Path):
    long = tmp_path / ("x" * 100)
    long.mkdir()
    with pytest.raises(LabError, match=r"107 bytes; set TMPDIR to a shorter one"):
        Guard(long)
    assert list(long.iterdir()) == []


def test_what_a_program_prints_last_is_in_the_sentence():
    with Guard() as guard, pytest.raises(LabError, match=r"^sh failed; it printed last: no such luck$"):
        guard.run(["sh", "-c", "echo a; echo no such luck; exit 3"])


def test_no_setting_of_the_readers_own_reaches_a_server(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PGHOST", "elsewhere")
    monkeypatch.setenv("PGSERVICE", "mine")
    assert not [name for name in environment() if name.startswith("PG")]


def test_shared_memory_is_read_from_the_servers_own_file(tmp_path: Path):
    (tmp_path / "data").mkdir()
    lines = ["4711", str(tmp_path), "0", "5432", "/x", "", "  1234567   891011", "ready"]
    (tmp_path / "data" / "postmaster.pid").write_text("\n".join(lines))
    assert shared_memory(tmp_path) == [891011]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="another user can be taken by root only")
def test_as_root_its_programs_run_as_somebody_without_rights():
    with Guard() as guard:
        assert guard.run(["id", "-u"]).strip() not in ("0", "")
        assert guard.make("mine").stat().st_uid == guard.folder.stat().st_uid != 0
