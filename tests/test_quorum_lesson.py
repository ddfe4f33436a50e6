"""What lesson 09 rests on: sets that meet or do not, its charts, its exercises, its runs, and the knobs of a ring."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from replication_viz import Scenario, checks, measures, run, scenarios, theory
from replication_viz.lessons import task
from replication_viz.panels import Lab
from replication_viz.scenario import Partition
from replication_viz.trace import MarkKind, OpKind, Outcome, Trace
from replication_viz.views.quorum_chart import OverlapSizes, QuorumPrices, TVisibility

from .test_charts import drawn, legend

OVERLAP, PARTIAL = run(scenarios["quorum_overlap"]), run(scenarios["partial_quorum"])
DISKS = scenarios["pbs_lnkd_disk"].but(keys=1_000_000, rate_per_s=100, duration_ms=1_000)


# -- what two sets share ----------------------------------------------------------------------------------------------


def _shared_one_by_one(trace: Trace) -> list[int]:
    """For each answered read that some acknowledged write came before: nodes that answered both."""
    ops, found = trace.ops, []
    for row in np.flatnonzero((ops.kind == OpKind.READ) & (ops.outcome == Outcome.OK)).tolist():
        missed, _ = measures.newest_acknowledged(trace, ops.key[[row]], ops.invoked[[row]])
        if missed[0]:
            [write] = np.flatnonzero((ops.kind != OpKind.READ) & (ops.lsn == missed[0]))
            sets = [measures.quorum_set(trace, int(one)).answered for one in (row, write)]
            found.append(len(set(sets[0]) & set(sets[1])))
    return found


@pytest.mark.parametrize("name", ["quorum_overlap", "partial_quorum", "sloppy_quorum", "resurrection", "dynamo_cart"])
def test_what_the_sets_share_is_what_one_finds_operation_by_operation(name: str) -> None:
    trace = run(scenarios[name].but(duration_ms=1_500))
    found = measures.overlaps(trace)
    assert found.shared.tolist() == _shared_one_by_one(trace)
    assert (found.fresh == measures.freshness(trace).fresh).all()
    assert len(found) > 80


def test_a_read_that_shares_a_node_with_the_write_is_fresh_and_an_old_one_shares_none() -> None:
    found = measures.overlaps(PARTIAL)
    assert found.fresh[found.shared > 0].all()
    assert (~found.fresh).any()
    assert (found.fresh & (found.shared == 0)).any()  # the write had gone on meanwhile
    assert measures.overlaps(OVERLAP).shared.min() == 1  # 2 + 2 - 3


# -- charts -----------------------------------------------------------------------------------------------------------


def _heights(bars: Any) -> dict[int, float]:
    """Return how high the bar of each size is."""
    corners = [np.asarray(path.vertices) for path in bars.get_paths()]
    return {round(float(c[:4, 0].mean())): float(np.ptp(c[:, 1])) for c in corners}


def test_the_bars_are_the_reads_by_what_their_sets_share() -> None:
    chart = OverlapSizes().show(PARTIAL)
    found = measures.overlaps(PARTIAL)
    both = {size: float((found.shared[found.fresh] == size).sum()) / len(found) for size in (0, 1)}
    assert _heights(chart.fresh) == pytest.approx(both)
    assert _heights(chart.old) == pytest.approx({0: (~found.fresh).mean()})
    assert legend(chart.axes) == ["fresh", "an old value", "all pairs of sets"]
    assert "35 got an old value" in chart.alt
    chart.show(OVERLAP)
    assert 0 not in _heights(chart.fresh)
    assert not chart.old.get_paths()
    assert chart.alt.endswith("0 of 231 reads had no node in common with the newest write; 0 got an old value.")


@pytest.mark.parametrize(("n", "w", "r"), [(5, 2, 2), (3, 1, 1), (4, 3, 2), (5, 5, 1)])
def test_all_pairs_of_sets_are_counted(n: int, w: int, r: int) -> None:
    trace = run(scenarios["quorum_overlap"].but(copies=n, write_quorum=w, read_quorum=r, duration_ms=100))
    _, shares = drawn(OverlapSizes().show(trace).pairs)
    pairs = [len(set(a) & set(b)) for a in combinations(range(n), w) for b in combinations(range(n), r)]
    assert_allclose(shares, np.bincount(pairs, minlength=n + 1) / len(pairs))
    assert shares[0] == pytest.approx(theory.miss_probability(n, r, w))


def test_a_level_by_name_has_no_pairs_to_compare_with() -> None:
    chart = OverlapSizes().show(run(scenarios["per_region_quorums"].but(duration_ms=300)))
    assert len(drawn(chart.pairs)[0]) == 0
    assert legend(chart.axes) == ["fresh", "an old value"]


def test_points_are_runs_and_the_line_is_wars() -> None:
    runs = [run(DISKS.but(delays=fit, reread_ms=ms)) for fit in ("LNKD-DISK", "WAN") for ms in (0, 10)]
    chart = TVisibility().show(*runs)
    for number, fit in enumerate(("LNKD-DISK", "WAN")):
        at, seen = drawn(chart.points[number])
        assert_allclose(at, [0, 10], atol=1e-6)
        assert_allclose(seen, [measures.freshness(trace).fresh.mean() for trace in runs[2 * number : 2 * number + 2]])
        times, expected = drawn(chart.lines[number])
        assert_allclose(expected[0], theory.wars(theory.DELAY_FITS[fit], trials=50_000).fresh(1, 1).value, atol=0.02)
        assert (np.diff(expected) >= 0).all()
        assert times[-1] > 10
        for segment, trace in zip(chart.bars[number].get_segments(), runs[2 * number :], strict=False):
            share = measures.share(measures.freshness(trace).fresh)
            assert_allclose(np.asarray(segment)[:, 1], [share.low, share.high])
    assert legend(chart.axes) == ["LNKD-DISK", "WAN", "theory (WARS)"]
    assert len(drawn(chart.lines[2])[0]) == 0


def test_reads_at_all_times_are_grouped_and_without_a_fit_there_is_no_line() -> None:
    chart = TVisibility().show(run(scenarios["partial_quorum"].but(reads_per_s=600, reread_ms=-1)))
    at, seen = drawn(chart.points[0])
    assert len(at) > 5
    assert seen[0] < seen[-1] == 1
    assert len(drawn(chart.lines[0])[0]) == 0
    assert legend(chart.axes) == ["the run"]


def test_more_kinds_of_runs_than_looks_are_refused() -> None:
    with pytest.raises(ValueError, match="there are 0 kinds of runs"):
        TVisibility().show()
    short = DISKS.but(duration_ms=50)
    runs = [run(short.but(write_quorum=w, read_quorum=r)) for w in (1, 2, 3) for r in (1, 2)]
    with pytest.raises(ValueError, match="there are 6 kinds of runs: there must be 1 to 4"):
        TVisibility().show(*runs)


def test_each_choice_has_its_row_with_what_it_costs_and_what_it_misses() -> None:
    model = theory.wars(theory.DELAY_FITS["LNKD-DISK"], trials=20_000)
    chosen = [(1, 1), (2, 2)]
    runs = [run(DISKS.but(read_quorum=r, write_quorum=w, reread_ms=0)) for r, w in chosen]
    chart = QuorumPrices().show(model, *runs, share=0.9)
    labels = [label.get_text() for label in chart.axes.get_yticklabels()]
    assert labels[:3] == ["R 1  W 1", "R 1  W 2", "R 2  W 1"]  # those that may miss, the worst on top
    assert len(set(labels)) == 9
    for name, expected in (
        ("read", lambda r, w: model.read_ms(r, 0.9)),
        ("write", lambda r, w: model.write_ms(w, 0.9)),
    ):
        at, rows = drawn(chart.model[name])
        assert_allclose(at, [expected(int(label[2]), int(label[-1])) for label in labels])
        assert rows.tolist() == list(range(9))
    missed, _ = drawn(chart.model["missed"])
    assert (missed[:3] > 0.1).all()
    assert (missed[3:] == 0).all()
    assert drawn(chart.model["seen"])[1].tolist() == [0, 1, 2]
    took, rows = drawn(chart.runs["write"])
    assert_allclose(took, [measures.operation_latency(trace, "write").quantile(0.9) for trace in runs])
    assert [labels[int(row)] for row in rows] == ["R 1  W 1", "R 2  W 2"]
    assert drawn(chart.runs["missed"])[0][1] == 0
    assert "R = 2, W = 2: read" in chart.alt


def test_what_is_drawn_lies_within_the_axes() -> None:
    for fit in ("LNKD-SSD", "YMMR"):
        chart = QuorumPrices().show(theory.wars(theory.DELAY_FITS[fit], trials=20_000))
        low, high = chart.axes.get_xlim()
        for name in ("read", "write", "seen"):
            at, _ = drawn(chart.model[name])
            assert (low < at).all()
            assert (at < high).all()


@pytest.mark.parametrize(
    ("chart", "shown"),
    [
        (OverlapSizes(), [(OVERLAP,), (PARTIAL,)]),
        (TVisibility(), [(run(DISKS.but(duration_ms=300)),), (OVERLAP,)]),
    ],
    ids=["overlap", "t-visibility"],
)
def test_an_update_moves_what_is_there_and_adds_nothing(chart: Any, shown: list[tuple[Trace, ...]]) -> None:
    def artists() -> list[int]:
        return [id(artist) for axes in chart.figure.axes for artist in (*axes.lines, *axes.collections, *axes.texts)]

    chart.show(*shown[0])
    before = artists()
    chart.show(*shown[1]).show(*shown[0])
    assert artists() == before
    assert "nan" not in chart.alt


# -- exercises --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "answer", "passes", "words"),
    [
        ("09-five", (3, 3), True, "any two may crash"),
        ("09-five", (2, 2), False, "30% of all pairs of sets have no node in common"),
        ("09-five", (2, 4), False, "0% of the reads are answered"),
        ("09-five", (4, 2), False, "0% of the writes are answered"),
        ("09-five", (6, 1), False, "it must be at most 5"),
        ("09-five", 3, False, "the answer is a pair (W, R)"),
        ("09-disks", (1, 2), True, "a read takes 1.6 ms at most"),
        ("09-disks", (1, 1), False, "98."),
        ("09-disks", (1, 3), False, "a smaller R does it, too"),
        ("09-disks", (2, 1), False, "99.9 % of the writes take 2"),
        ("09-disks", (0, 2), False, "both are from 1 to 3"),
        ("09-tombstone", 1_500, True, "nothing comes back in six runs"),
        ("09-tombstone", "1.8 s", True, "kept for 1,800 ms"),
        ("09-tombstone", 900, False, "deleted rows come back"),
        ("09-tombstone", 10_000, False, "longer than the whole run"),
    ],
)
def test_an_answer_is_judged_by_runs_and_theory(name: str, answer: object, passes: bool, words: str) -> None:
    verdict = task(name).check(answer)
    assert verdict.passed == passes
    assert words in verdict.reason


# -- what the lesson's runs show --------------------------------------------------------------------------------------


def test_a_sloppy_quorum_on_both_sides_of_a_cut_answers_all_and_promises_nothing() -> None:
    cut = Partition(nodes=("n1", "n2"), at_ms=200, for_ms=1_200)
    base = scenarios["sloppy_quorum"].but(faults=(cut,), quorum_timeout_ms=50)
    for seed in (1, 2, 3):
        strict, sloppy = (run(base.but(sloppy=sloppy, seed=seed)) for sloppy in (False, True))
        assert measures.freshness(strict).fresh.all()
        assert measures.answered_share(sloppy, "write", 300, 1_400).value == 1
        assert measures.answered_share(strict, "write", 300, 1_400).value < 0.7
        assert 0.1 < (~measures.freshness(sloppy).fresh).mean() < 0.4


def test_repair_brings_deleted_rows_back_and_without_any_they_stay_where_they_are() -> None:
    back = scenarios["resurrection"]
    counted = {}
    changes: dict[str, dict[str, Any]] = {
        "plain": {},
        "compared": {"anti_entropy_ms": 100},
        "unmended": {"read_repair": "off"},
    }
    for name, change in changes.items():
        traces = [run(back.but(seed=seed, **change)) for seed in range(6)]
        counted[name] = sum(int((trace.marks.kind == MarkKind.RESURRECTED).sum()) for trace in traces)
    assert counted["unmended"] == 0 < counted["plain"] < counted["compared"]


@pytest.mark.parametrize("seed", range(3))
def test_a_local_quorum_is_fast_survives_the_other_region_and_misses_what_was_written_there(seed: int) -> None:
    trace = run(scenarios["per_region_quorums"].but(seed=seed))
    assert measures.operation_latency(trace, "write", 0, 950).p50 < 10
    found = measures.overlaps(trace)
    assert (~found.fresh).any()
    assert (found.shared[~found.fresh] == 0).all()
    each = run(scenarios["per_region_quorums"].but(seed=seed, consistency="EACH_QUORUM"))
    assert measures.freshness(each).fresh.all()
    assert measures.operation_latency(each, "write", 0, 950).p50 > 70


def test_a_blocking_repair_makes_reads_wait_for_slow_disks() -> None:
    races = scenarios["quorum_races"].but(quorum_timeout_ms=1_000)
    for seed in range(5):
        off, blocking = (run(races.but(seed=seed, read_repair=mode)) for mode in ("off", "blocking"))
        assert checks.linearizability(off).holds is False
        assert checks.linearizability(blocking).holds
        slowest = [measures.operation_latency(trace, "read").samples.max() for trace in (off, blocking)]
        assert slowest[0] < 20 < 150 < slowest[1]


# -- knobs ------------------------------------------------------------------------------------------------------------

SHORT = scenarios["quorum_overlap"].but(duration_ms=200)


def test_a_quorum_reaches_as_far_as_the_copies_and_copies_as_far_as_the_nodes() -> None:
    lab = Lab(SHORT, knobs=["copies", "write_quorum", "read_quorum"])
    assert {field: knob.max for field, knob in lab.knobs.items()} == {"copies": 5, "write_quorum": 3, "read_quorum": 3}
    lab.knobs["copies"].value = 5
    assert lab.knobs["write_quorum"].max == lab.knobs["read_quorum"].max == 5
    lab.knobs["write_quorum"].value = 4
    lab.knobs["copies"].value = 3
    assert "write_quorum is 4: it must be at most 3" in lab.message
    assert lab.scenario.copies == 5  # the picture still shows the last settings that work


def test_a_turned_knob_leaves_the_faults_of_a_ring_in_place() -> None:
    base = scenarios["sloppy_quorum"]
    lab = Lab(base, knobs=["sloppy", "members"])
    lab.knobs["sloppy"].value = False
    assert lab.scenario.faults == base.faults
    lab.show(base.but(copies=2))
    lab.knobs["members"].value = 2
    assert [fault.places() for fault in lab.scenario.faults] == [("n2",)] * 2
    assert "n3 crashes" in lab.message


def test_a_coordinator_that_is_gone_gives_way_to_any_node() -> None:
    lab = Lab(SHORT.but(coordinator="n5"), knobs=["coordinator", "members"])
    assert lab.knobs["coordinator"].options == ("random", "nearest", "n1", "n2", "n3", "n4", "n5")
    lab.knobs["members"].value = 4
    assert lab.scenario.coordinator == "random"
    assert "The coordinator is not in this run" in lab.message


def test_an_empty_choice_has_a_name_and_a_long_time_stands_on_round_numbers() -> None:
    lab = Lab(SHORT, knobs=["consistency", "delays", "hint_window_ms", "tombstone_ms"])
    for field, name in (("consistency", "W and R"), ("delays", "as set")):
        assert lab.knobs[field].options[lab.knobs[field].index] == (name, "")
    for field in ("hint_window_ms", "tombstone_ms"):
        stops = [value for _, value in lab.knobs[field].options]
        assert stops[0] == 0
        assert stops[-1] == getattr(SHORT, field) == lab.knobs[field].value
        assert {1_000, 10_000} <= set(stops)


def test_a_panel_tells_the_settings_of_the_system_that_has_this_topology() -> None:
    assert "The same on a Cassandra cluster" in Lab(SHORT, knobs=["seed"])._settings.value
    alone = Scenario(duration_ms=100)
    assert "The same on a PostgreSQL leader" in Lab(alone, knobs=["seed"])._settings.value
