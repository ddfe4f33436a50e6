"""The experiments: the same scenarios on both engines, predicted, then measured; and the command that does it."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from replication_viz import cli, measures
from replication_viz import run as simulate
from replication_viz.real.calibration import Block, Calibration, rising
from replication_viz.real.cluster import Cluster
from replication_viz.real.errors import LabError, MissingServerError
from replication_viz.real.experiments import EXPERIMENTS
from replication_viz.real.experiments.losing import crash
from replication_viz.real.experiments.measurement import (
    Measurement,
    find,
    measure,
    recorded,
    recorded_measurement,
    table,
)
from replication_viz.real.expressing import cannot
from replication_viz.real.lab import run
from replication_viz.real.looking import next_look, with_looks
from replication_viz.real.predicting import Case, Experiment, predict
from replication_viz.real.server import Server
from replication_viz.scenario import LongQuery, Scenario
from replication_viz.trace import MarkKind, OpKind, Outcome, Trace

from .steady import steady

ALIKE = Calibration(tuple(Block(1.0, 0.1, 0.5, 0.2, 0.8) for _ in range(3)), "PostgreSQL 18.0")
EVERY_CASE = [(name, case.label) for name, experiment in EXPERIMENTS.items() for case in experiment.cases]


def case_of(name: str, label: str) -> Case:
    return next(case for case in EXPERIMENTS[name].cases if case.label == label)


def measured(cluster: Cluster, name: str, label: str) -> tuple[float, Trace]:
    scenario = case_of(name, label).scenario
    trace = steady(scenario, lambda: run(scenario, cluster))
    return EXPERIMENTS[name].measure(trace), trace


def wait_until_said(server: Server, text: str) -> None:
    deadline = time.monotonic() + 30
    while not any(text in line for line in server.said()):
        assert time.monotonic() < deadline, f"{server.name} does not say {text!r}: {server.said()[-3:]}"
        time.sleep(0.02)


# -- without a server -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "label"), EVERY_CASE)
def test_real_servers_can_do_every_case(name: str, label: str):
    assert cannot(case_of(name, label).scenario) == []


def test_the_simulator_says_of_each_case_what_theory_says():
    def middle(name: str, label: str) -> float:
        calibrated = ALIKE.applied(case_of(name, label).scenario)
        return EXPERIMENTS[name].measure(simulate(calibrated))

    assert middle("commit_latency", "local, 70 ms") == pytest.approx(1.0, rel=0.1)
    assert middle("commit_latency", "remote_write, 70 ms") == pytest.approx(71.8, rel=0.01)
    assert middle("commit_latency", "on, 70 ms") == pytest.approx(72.0, rel=0.01)
    assert middle("order_statistic", "ANY 1 (s1, s2, s3)") == pytest.approx(3.0, rel=0.05)
    assert middle("order_statistic", "ANY 2 (s1, s2, s3)") == pytest.approx(7.0, rel=0.05)
    assert middle("group_commit", "16 clients") == pytest.approx(16_000 / 72, rel=0.05)
    assert middle("acknowledged_but_lost", "async, 200 ms one way") == pytest.approx(80, abs=3 * np.sqrt(80))
    assert middle("acknowledged_but_lost", "s1, 20 ms one way") == 0
    assert middle("acknowledged_but_lost", "ANY 1, s1 cut off, s2 promoted") == 0
    assert middle("sick_standby", "ANY 2 (s1, s2, s3)") == 100
    assert middle("sick_standby", "FIRST 2 (s1, s2, s3)") == pytest.approx(70, abs=15), "300 of 1000 ms are too late"
    assert middle("falling_off", "wal_keep_size = 2 MB") == 1_000, "3 files after 1.04 s, gone at the next checkpoint"
    assert middle("falling_off", "a slot, at most 2 MB") == 1_000
    assert middle("falling_off", "a slot") == 2_200
    anybody = middle("stale_reads", "async, 50 ms one way, anybody's reads")
    assert anybody == pytest.approx(100 * (1 - np.exp(-150 / 20 * 0.051)), abs=8)


def test_replay_that_waits_looks_after_growing_sleeps():
    assert [next_look(wait) for wait in (0, 1, 1.5, 511, 512, 1_024, 2_024)] == [0, 1, 3, 511, 1_023, 2_023, 3_023]


def test_a_query_ends_for_replay_at_its_next_look_and_patience_too():
    query = LongQuery(node="s1", at_ms=250, for_ms=900)
    asked = Scenario(faults=(query,), vacuum_ms=200, max_standby_streaming_delay_ms=500, duration_ms=3_000)
    seen = with_looks(asked)
    assert seen.faults[0].until_ms == 400 + 1_023, "it waits from the vacuum at 400 ms on"
    assert 511 <= seen.max_standby_streaming_delay_ms <= 520
    assert with_looks(asked.but(hot_standby_feedback=True)).faults == (query,), "nobody waits"
    assert with_looks(asked.but(max_standby_streaming_delay_ms=-1)).max_standby_streaming_delay_ms == -1
    over = LongQuery(node="s1", at_ms=250, for_ms=100)
    assert with_looks(asked.but(faults=(over,))).faults == (over,), "it is over before a vacuum"


def test_what_is_read_every_10_ms_may_be_measured_10_ms_too_late():
    exact = EXPERIMENTS["long_query"]
    assert exact.resolution == 10
    case = exact.cases[-1]
    low, middle, high = predict(case, exact, ALIKE, runs=3)
    assert predict(case, replace(exact, resolution=0.0), ALIKE, runs=3) == pytest.approx((low, middle, high - 10))


def test_many_clients_wait_for_each_other():
    crowd = case_of("group_commit", "16 clients").scenario
    busy = Block(1.0, 0.1, 0.5, 0.2, 0.8, work=0.4)
    assert ALIKE.applied(crowd, busy).think_ms == pytest.approx(0.4 * 15 / 2)
    assert ALIKE.applied(crowd.but(clients=1), busy).think_ms == 0
    assert ALIKE.applied(crowd.but(arrivals="poisson", think_ms=10), busy).think_ms == 10


def test_calibrated_levels_rise():
    assert rising(1.0, 2.0, 3.0) == [1.0, 2.0, 3.0]
    assert rising(1.0, 3.0, 2.0) == [1.0, 2.5, 2.5]
    assert rising(3.0, 2.0, 1.0) == [2.0, 2.0, 2.0]


def test_an_unknown_experiment_and_too_few_repetitions_are_named():
    with pytest.raises(LabError, match="'latency': it must be one of commit_latency, order_statistic"):
        find(["latency"])
    with pytest.raises(LabError, match="repetitions is 0"):
        measure(repetitions=0)
    assert [experiment.name for experiment in find([])] == list(EXPERIMENTS)


# -- what comes with the package --------------------------------------------------------------------------------------


def test_the_recorded_measurement_has_every_case_five_times_and_nine_of_ten_inside():
    found = recorded()
    assert list(found) == list(EXPERIMENTS)
    for name, comparison in found.items():
        assert comparison.recorded
        assert [line.label for line in comparison.lines] == [case.label for case in EXPERIMENTS[name].cases]
        assert (comparison.question, comparison.unit) == (EXPERIMENTS[name].question, EXPERIMENTS[name].unit)
        assert all(len(line.measured) >= 5 for line in comparison.lines)
    whole = recorded_measurement()
    assert whole.inside >= 0.9 * whole.count


def test_no_recorded_prediction_is_so_wide_that_it_says_nothing():
    for comparison in recorded().values():
        for line in comparison.lines:
            assert line.low <= line.middle <= line.high
            narrow = line.high <= 3 * line.middle or line.high - line.low < 25
            assert narrow, f"{comparison.experiment}, {line.label}: {line.low} to {line.high}"


def test_the_recorded_measurement_is_what_real_databases_are_known_to_do():
    found = recorded()

    def median(name: str, label: str) -> float:
        return float(np.median(found[name].line(label).measured))

    for level in ("remote_write", "on", "remote_apply"):
        assert 68 < median("commit_latency", f"{level}, 70 ms") - median("commit_latency", "local, 70 ms") < 80
    assert median("order_statistic", "ANY 1 (s1, s2, s3)") < median("order_statistic", "ANY 2 (s1, s2, s3)") < 20
    assert 14 < median("group_commit", "16 clients") / median("group_commit", "1 client") < 17
    lost = "acknowledged_but_lost"
    assert 5 < median(lost, "async, 200 ms one way") / median(lost, "async, 20 ms one way") < 15
    assert max(found[lost].line("s1, 20 ms one way").measured) == 0
    assert min(found[lost].line("ANY 1, s1 cut off, s1 promoted").measured) > 100
    assert max(found[lost].line("ANY 1, s1 cut off, s2 promoted").measured) == 0


def test_a_measurement_is_written_and_read_back():
    whole = recorded_measurement()
    again = Measurement.from_json(whole.to_json())
    assert again == whole
    assert whole.verdict() in whole.text()
    with pytest.raises(LabError, match="no measurement"):
        Measurement.from_json('{"comparisons": []}')


def test_a_table_shows_interval_measurement_and_verdict():
    comparison = recorded()["sick_standby"]
    lines = tuple(
        replace(line, measured=values)
        for line, values in zip(comparison.lines, [(70.0,), (12.0,), (100.0, 50.0), ()], strict=True)
    )
    text = table(replace(comparison, lines=lines)).splitlines()
    assert text[0].startswith("sick_standby: ")
    assert "predicted, %" in text[1]
    assert text[2].endswith(" inside")
    assert text[3].endswith("12        outside")
    assert text[4].endswith("100, 50   1 of 2 inside")


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_command_shows_what_was_recorded_and_writes_it(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    text, data = tmp_path / "report.txt", tmp_path / "report.json"
    assert cli.main(["measure", "--recorded", "order_statistic", "-o", str(text)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Recorded on another machine.")
    assert "order_statistic: " in said
    assert "group_commit: " not in said
    assert "order_statistic: " in text.read_text()
    assert cli.main(["measure", "--recorded", "-o", str(data)]) == 0
    assert len(json.loads(data.read_text())["comparisons"]) == len(EXPERIMENTS)


def test_the_command_says_where_there_is_no_server(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    def nothing() -> None:
        raise MissingServerError("There is no PostgreSQL here.")

    monkeypatch.setattr("replication_viz.real.cluster.postgres", nothing)
    assert cli.main(["measure", "-o", str(tmp_path / "none.txt")]) == 1
    told = capsys.readouterr()
    assert "There is no PostgreSQL here." in told.err
    assert "--recorded" in told.err
    assert not list(tmp_path.iterdir())


def test_the_command_names_what_it_does_not_know(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["measure", "--recorded", "nothing"]) == 2
    assert "it must be one of commit_latency" in capsys.readouterr().err


# -- real servers -----------------------------------------------------------------------------------------------------


@pytest.mark.real
def test_commits_wait_for_the_round_trip_at_every_level_but_local(cluster: Cluster):
    local, _ = measured(cluster, "commit_latency", "local, 70 ms")
    on, _ = measured(cluster, "commit_latency", "on, 70 ms")
    assert 70 <= on < 200
    assert local < on / 2


@pytest.mark.real
def test_any_2_waits_for_the_second_fastest_standby(cluster: Cluster):
    second, _ = measured(cluster, "order_statistic", "ANY 2 (s1, s2, s3)")
    third, _ = measured(cluster, "order_statistic", "ANY 3 (s1, s2, s3)")
    assert 5 <= second < 70 <= third


@pytest.mark.real
def test_clients_share_a_round_trip(cluster: Cluster):
    alone, _ = measured(cluster, "group_commit", "1 client")
    sixteen, _ = measured(cluster, "group_commit", "16 clients")
    assert 8 * alone < sixteen < 20 * alone


@pytest.mark.real
def test_who_is_promoted_decides_what_any_1_loses(cluster: Cluster):
    """The held half second is lost with s1, and nothing with s2: each by the trace and by what stands in the table."""
    lost, trace = measured(cluster, "acknowledged_but_lost", "ANY 1, s1 cut off, s1 promoted")
    writes = trace.ops.where((trace.ops.kind == OpKind.WRITE) & (trace.ops.outcome == Outcome.OK))
    answered = np.count_nonzero((writes.returned > 200) & (writes.node == 0))
    assert 0.7 * answered < lost < 1.3 * answered
    there = {value for (value,) in cluster.servers["s1"].ask("SELECT value FROM writes")}
    assert not there & set(measures.lost(trace).value.tolist())
    lost, _ = measured(cluster, "acknowledged_but_lost", "ANY 1, s1 cut off, s2 promoted")
    assert lost == 0


@pytest.mark.real
def test_a_frozen_standby_stops_s1_and_not_any_1(cluster: Cluster):
    alone, _ = measured(cluster, "sick_standby", "s1")
    quorum, _ = measured(cluster, "sick_standby", "ANY 1 (s1, s2, s3)")
    assert alone < 90
    assert quorum > alone


@pytest.mark.real
def test_reads_are_stale_by_replay_whatever_the_level_unless_it_is_remote_apply(cluster: Cluster):
    on, _ = measured(cluster, "stale_reads", "on, replay delayed by 100 ms")
    applied, _ = measured(cluster, "stale_reads", "remote_apply, replay delayed by 100 ms")
    assert applied == 0
    assert on > 50


@pytest.mark.real
def test_a_long_query_stops_replay_and_not_the_flush_and_is_cancelled_at_its_limit(cluster: Cluster):
    waits, trace = measured(cluster, "long_query", "replay waits")
    flush = float(np.quantile(measures.lag(trace, "s1", "flush", np.arange(0, trace.duration_ms)), 0.95))
    assert flush < waits / 3
    assert not (trace.marks.kind == MarkKind.CANCELLED).any()
    limited, trace = measured(cluster, "long_query", "replay waits 500 ms at most")
    assert limited < waits
    assert (trace.marks.kind == MarkKind.CANCELLED).sum() == 1


@pytest.mark.real
def test_a_standby_that_sleeps_too_long_falls_off_unless_a_slot_keeps_its_log(cluster: Cluster):
    """The leader's folder, the slot's state and the error, each as PostgreSQL itself says it."""
    unlimited, kept = measured(cluster, "falling_off", "a slot")
    assert unlimited == 2_200
    assert measures.wal_status(kept, "s1", 2_300) in ("reserved", "extended")
    assert not np.isin(kept.marks.kind, (MarkKind.SLOT, MarkKind.FALLEN)).any()
    cluster.wait_streaming(["s1"])
    leader, standby = (cluster.servers[name] for name in ("L", "s1"))
    assert standby.ask("SELECT max(value) FROM writes") == leader.ask("SELECT max(value) FROM writes"), "it catches up"
    limited, lost = measured(cluster, "falling_off", "a slot, at most 2 MB")
    assert limited < 2_200
    assert measures.wal_status(lost, "s1", 2_300) == "lost"
    [(status,)] = leader.ask("SELECT wal_status FROM pg_replication_slots WHERE slot_name = 's1'")
    assert status == "lost"
    wait_until_said(standby, "can no longer")
    plain, fallen = measured(cluster, "falling_off", "wal_keep_size = 2 MB")
    assert plain < 2_200
    wait_until_said(standby, "has already been removed")
    for trace in (lost, fallen, kept):  # also of files that are gone each commit was read
        answered = trace.ops.where(trace.ops.outcome == Outcome.OK)
        assert len(answered) > 500
        assert (answered.lsn > 0).all()
    for trace in (lost, fallen):
        told = trace.marks.where(trace.marks.kind == MarkKind.FALLEN)
        assert set(told.node.tolist()) <= {1}
        assert (told.time > 2_400).all(), "it meets the error when it asks; a busy machine asks after the last moment"
        assert measures.kept_log_mb(trace, 2_300) < measures.kept_log_mb(kept, 2_300) / 1.5


@pytest.mark.real
def test_an_experiment_is_predicted_and_then_measured(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("replication_viz.real.experiments.measurement.calibrate", lambda cluster: ALIKE)
    small = Experiment("small", "Lost?", "writes", (Case("held", crash(held=True)),), measures_lost, whole=True)
    monkeypatch.setitem(EXPERIMENTS, "small", small)
    try:
        found = measure(["small"], repetitions=1)
    except MissingServerError as error:
        pytest.skip(str(error))
    [line] = found.comparisons[0].lines
    assert line.low < line.middle < line.high
    assert found.count == 1
    assert 0.5 * line.middle < line.measured[0] < 1.5 * line.middle


def measures_lost(trace: Trace) -> float:
    return float(len(measures.lost(trace)))
