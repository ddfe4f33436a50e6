"""Charts and panel of the lessons on retention and backups: what the lines hold, and when the limit strikes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from replication_viz import Scenario, measures, run, scenarios
from replication_viz.panels import Lab, RestoreDesk
from replication_viz.panels.knobs import text
from replication_viz.scenario import Crash, LoseArchive, NodeSettings, Rebuild, Statement
from replication_viz.trace import MarkKind, Position, Trace
from replication_viz.views.chart import Chart
from replication_viz.views.log_chart import KeptLog, expected
from replication_viz.views.restore_chart import RestoreChart, sentence, short
from replication_viz.views.rows_chart import TableRows

from .test_charts import drawn, legend
from .test_engine_retention import MB, SLEEP
from .test_tables import ARCHIVED, DROP, SHOP


@cache
def kept_run() -> Trace:
    return run(SLEEP.but(wal_keep_mb=20))


@cache
def full_run() -> Trace:
    return run(SLEEP.but(slots=True, wal_disk_mb=40))


@cache
def plain_run() -> Trace:
    return run(Scenario(duration_ms=300, replicas=0, ack="async"))


@cache
def dropped_run() -> Trace:
    return run(ARCHIVED.with_fault(Statement(at_ms=5_000)))


@cache
def gap_run() -> Trace:
    return run(ARCHIVED.but(faults=(LoseArchive(at_ms=3_000, for_ms=1_000), Statement(at_ms=5_000))))


@cache
def wrong_run() -> Trace:
    return run(ARCHIVED.with_fault(Statement(at_ms=5_000, what="bad_update")))


@cache
def late_run() -> Trace:
    return run(SHOP.but(nodes={"s1": NodeSettings(apply_delay_ms=1_500)}, faults=(DROP,)))


SHOWN: list[tuple[type[Chart], tuple[Callable[[], Trace], ...]]] = [
    (KeptLog, (kept_run, full_run, plain_run)),
    (RestoreChart, (dropped_run, gap_run, wrong_run)),
    (TableRows, (late_run, dropped_run, plain_run)),
]


@pytest.mark.parametrize(("kind", "runs"), SHOWN)
def test_every_run_is_drawn_on_the_same_figure_and_nothing_is_added(
    kind: Any, runs: tuple[Callable[[], Trace], ...]
) -> None:
    traces = [made() for made in runs]
    chart = kind("dark").show(traces[0])
    figure = chart.figure
    before = [id(artist) for axes in figure.axes for artist in (*axes.lines, *axes.collections, *axes.texts)]
    for trace in (*traces[1:], traces[0]):
        chart.show(trace)
        assert chart.png()[1:4] == b"PNG"
        assert chart.alt.endswith(".")
        assert "nan" not in chart.alt
        for axes in figure.axes:
            found = axes.get_legend()
            assert found is None or found.get_window_extent().x1 <= figure.bbox.x1
    after = [id(artist) for axes in figure.axes for artist in (*axes.lines, *axes.collections, *axes.texts)]
    assert chart.figure is figure
    assert before == after


# -- the log that is kept ---------------------------------------------------------------------------------------------


def test_a_replica_falls_off_where_what_it_lacks_crosses_what_is_kept() -> None:
    chart = KeptLog().show(kept_run())
    fell = measures.fell_off_ms(kept_run(), "s1")
    times, lacks = drawn(chart.lacks)
    kept = drawn(chart.kept)[1]
    assert_allclose(kept, measures.kept_log_mb(kept_run(), times * 1000))
    before, after = times * 1000 < fell - 200, (times * 1000 > fell + 200)
    assert (lacks[before] <= kept[before] + 0.1).all()
    assert (lacks[after] > kept[after]).all()
    assert drawn(chart.seen)[0][0] * 1000 == pytest.approx(fell)
    assert chart.lacks.get_label() == "s1 lacks"


def test_the_computed_moment_stands_beside_the_one_of_the_run() -> None:
    for trace, what, limit in ((kept_run(), "falls off", 20), (full_run(), "disk full", 40)):
        found = expected(trace.scenario)
        assert found is not None
        assert found.what == what
        assert found.at_ms == pytest.approx(5_000 + 1000 * limit * MB / 2e6)
        chart = KeptLog().show(trace)
        computed, seen = (drawn(line)[0][0] * 1000 for line in (chart.computed, chart.seen))
        assert computed == pytest.approx(found.at_ms)
        # 4,000 writes at random come within 1.3 s of their time (4 sigma); a checkpoint comes each 2.2 s.
        assert -1_300 < seen - computed < 1_300 + 2_200 + 600
        assert [label.partition(",")[0] for label in legend(chart.axes)].count(what) == 2


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({}, "falls off"),
        ({"wal_keep_mb": 100}, None),
        ({"slots": True}, None),
        ({"slots": True, "max_slot_wal_keep_mb": 16}, "falls off"),
        ({"slots": True, "max_slot_wal_keep_mb": 16, "wal_disk_mb": 12}, "disk full"),
        ({"wal_keep_mb": 4, "wal_disk_mb": 6}, "disk full"),
        ({"faults": ()}, None),
        ({"faults": (Crash(node="L", at_ms=5_000),)}, None),
    ],
)
def test_what_is_to_be_expected_follows_from_the_limits(changes: dict[str, Any], what: str | None) -> None:
    found = expected(SLEEP.but(**changes))
    assert (found.what if found else None) == what


def test_a_disk_that_cannot_hold_the_log_until_the_next_checkpoint_is_full_before_anybody_sleeps() -> None:
    small = SLEEP.but(wal_keep_mb=4, wal_disk_mb=6)
    found, trace = expected(small), run(small)
    assert found is not None
    assert found.at_ms == pytest.approx(1000 * 6 * MB / 2e6)
    assert measures.disk_full_ms(trace) == pytest.approx(found.at_ms, abs=500)


def test_limits_in_force_are_lines_with_their_names_and_sizes() -> None:
    assert "wal_keep_size, 20 MB" in legend(KeptLog().show(kept_run()).axes)
    chart = KeptLog().show(full_run())
    assert "room on the disk, 40 MB" in legend(chart.axes)
    assert not any("wal_keep_size" in label for label in legend(chart.axes))
    assert drawn(chart.limits["room on the disk"])[1].tolist() == [40, 40]
    assert chart.axes.get_ylim()[1] > 40
    large = KeptLog().show(run(scenarios["limited_slot"]))
    assert "max_slot_wal_keep_size, 8 GB" in legend(large.axes)
    assert large.axes.get_xlabel() == "time, min"
    assert large.axes.get_ylabel() == "log, GB"


def test_a_replica_falls_off_only_if_what_it_lacked_never_came() -> None:
    fell = measures.fell_off_ms(kept_run(), "s1")
    has = kept_run().at("s1", Position.FLUSHED, 30_000)
    assert kept_run().at("L", Position.OLDEST, fell - 1) <= has < kept_run().at("L", Position.OLDEST, fell)
    assert np.isnan(measures.fell_off_ms(kept_run(), "s2"))
    rebuilt = run(SLEEP.but(wal_keep_mb=20, database_mb=500).with_fault(Rebuild(node="s1", at_ms=40_000)))
    assert measures.fell_off_ms(rebuilt, "s1") == fell
    assert np.isnan(measures.fell_off_ms(run(SLEEP.but(slots=True)), "s1"))
    with pytest.raises(ValueError, match="'s9'"):
        measures.fell_off_ms(kept_run(), "s9")


def test_the_disk_is_full_when_the_leader_says_so() -> None:
    [moment] = full_run().marks.time[full_run().marks.kind == MarkKind.FULL]
    assert measures.disk_full_ms(full_run()) == moment
    assert np.isnan(measures.disk_full_ms(kept_run()))


# -- restore and rows -------------------------------------------------------------------------------------------------


def test_each_moment_of_the_chart_is_a_restore() -> None:
    chart = RestoreChart().show(wrong_run())
    for seconds, good, wrong, given_up in zip(
        *drawn(chart.good), drawn(chart.wrong)[1], drawn(chart.given_up)[1], strict=True
    ):
        back = measures.restore(wrong_run(), seconds * 1000)
        assert (good, wrong, given_up) == (back.rows.good, back.rows.wrong, back.given_up)
    assert drawn(chart.cuts[0])[0][0] == pytest.approx(4.999)


def test_the_cut_moves_alone_and_the_words_say_what_it_brings() -> None:
    chart = RestoreChart().show(dropped_run(), to_ms=4_000)
    curve = drawn(chart.good)[1]
    assert sentence(measures.restore(dropped_run(), 4_000)) in chart.alt
    chart.show(dropped_run(), to_ms=6_000)
    assert drawn(chart.good)[1] is curve
    assert drawn(chart.cuts[1])[0].tolist() == [6, 6]
    assert "no table" in chart.alt
    chart.show(dropped_run(), to_ms=6_000, backup_ms=2_000)
    assert drawn(chart.good)[0][0] == 2


def test_what_the_archive_lost_is_shaded_and_said() -> None:
    chart = RestoreChart().show(gap_run())
    [ground] = chart.lost[0].get_paths()
    assert (ground.get_extents().xmin, ground.get_extents().xmax) == (3, 4)
    assert "The archive has no segment" in chart.alt
    assert chart.show(dropped_run()).lost[0].get_paths() == []


def test_the_desk_restores_to_where_its_sliders_stand() -> None:
    desk = RestoreDesk(ARCHIVED.but(database_mb=100, faults=(DROP,)), to_min=0.02)
    assert desk.found == measures.restore(desk.trace, 1_200)
    desk.moment.value = 0.1
    assert not desk.found.rows.exists
    assert "no table" in repr(desk)
    desk.backup.value = 0.15
    assert desk.moment.value == 0.15
    assert desk.found == measures.restore(desk.trace, 9_000, 9_000)
    for end in (desk.moment.max, desk.moment.min):
        desk.moment.value = end
    assert desk.backup.value == 0
    assert desk.found == measures.restore(desk.trace, 0)
    with pytest.raises(ValueError, match="archive is False"):
        RestoreDesk(SHOP)


def test_rows_of_each_node_are_the_measured_ones_and_the_lock_is_marked() -> None:
    chart = TableRows().show(late_run())
    for line, node in zip(chart.lines, late_run().nodes, strict=False):
        times, rows = drawn(line)
        assert line.get_label() == node
        for ms, good in zip((times * 1)[::97], rows[::97], strict=True):
            assert good == measures.rows(late_run(), node, float(ms)).good
    times, _ = drawn(chart.locked)
    assert times[-1] - times[0] == pytest.approx(measures.locked_ms(late_run(), "s1"), abs=10)
    assert chart.locked.get_label() == "s1 locked for reads"
    assert "s1 locked for reads" in chart.alt
    assert len(drawn(chart.show(plain_run()).locked)[0]) == 0
    assert legend(chart.axes) == ["L"]


def test_large_numbers_of_an_axis_are_millions() -> None:
    assert [short(n, 6e6) for n in (0, 800_000, 2_400_000)] == ["0", "0.8 M", "2.4 M"]
    assert short(80_000, 1e5) == "80,000"


# -- knobs and scenarios ----------------------------------------------------------------------------------------------


def test_a_limit_that_may_be_lifted_stands_at_no_limit_or_a_round_number() -> None:
    lab = Lab(SLEEP.but(duration_ms=2_000, faults=()), knobs=["max_slot_wal_keep_mb", "slots", "archive"])
    knob = lab.knobs["max_slot_wal_keep_mb"]
    assert knob.options[0] == ("0", 0)
    assert knob.options[-1] == ("no limit", -1)
    assert knob.value == -1
    knob.value = 100
    assert lab.scenario.max_slot_wal_keep_mb == 100
    lab.show(SLEEP.but(duration_ms=2_000, faults=(), max_slot_wal_keep_mb=8_192))
    assert knob.value == 8_192
    assert text("max_slot_wal_keep_mb", -1) == "no limit"
    lab.knobs["slots"].value = True
    lab.knobs["archive"].value = True
    assert lab.scenario.slots
    assert lab.scenario.archive


def test_the_failure_modes_of_the_log_and_of_backups_are_named_scenarios() -> None:
    fell = run(scenarios["fell_off_the_wal"])
    assert 23 * 60_000 < measures.fell_off_ms(fell, "s1") < 26 * 60_000
    full = run(scenarios["slot_fills_the_disk"])
    assert measures.disk_full_ms(full) == pytest.approx(64.6 * 60_000, rel=0.002)
    assert measures.ruined_everywhere_ms(run(scenarios["dropped_table"])) < 1_000
    assert measures.locked_ms(run(scenarios["delayed_replica"]), "s2") == pytest.approx(3_600_000, rel=0.01)
    hoped = run(scenarios["untested_backup"])
    assert "the archive has no segment" in measures.restore(hoped, to_ms=89 * 60_000).problem
