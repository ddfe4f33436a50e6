"""What is counted in a run without a leader, against the long way round."""

from itertools import pairwise

import numpy as np
import pytest

from replication_viz import Scenario, measures, run, scenarios
from replication_viz.trace import OpKind, Outcome, Position, Trace

BUSY = Scenario(
    topology="leaderless",
    write_quorum=1,
    read_quorum=1,
    read_repair="off",
    rate_per_s=400,
    reads_per_s=400,
    keys=6,
    network_ms=4,
    delete_share=0.2,
    duration_ms=1_000,
)
PARTIAL = run(BUSY)
CART = run(scenarios["dynamo_cart"])
TRACES = pytest.mark.parametrize(
    "trace", [PARTIAL, CART, run(scenarios["resurrection"])], ids=["partial", "cart", "back"]
)
WRITES = (OpKind.WRITE, OpKind.DELETE)


def _acknowledged_before(trace: Trace, key: int, moment: float) -> list[tuple[int, float]]:
    """Version and time of each write to a key that had been acknowledged by a moment."""
    ops = trace.ops
    rows = np.isin(ops.kind, WRITES) & (ops.outcome == Outcome.OK) & (ops.key == key) & (ops.returned <= moment)
    return list(zip(ops.lsn[rows].tolist(), ops.returned[rows].tolist(), strict=True))


@TRACES
def test_freshness_is_what_one_finds_read_by_read(trace: Trace) -> None:
    found = measures.freshness(trace)
    row = 0
    for key, invoked, lsn in zip(trace.ops.key, trace.ops.invoked, trace.ops.lsn, strict=True):
        if row < len(found) and (found.reads.key[row], found.reads.invoked[row], found.reads.lsn[row]) == (
            key,
            invoked,
            lsn,
        ):
            done = _acknowledged_before(trace, key, invoked)
            newest, when = max(done)
            assert found.missed[row] == newest
            assert found.t_ms[row] == pytest.approx(invoked - when)
            assert found.fresh[row] == (lsn >= newest)
            assert found.behind[row] == sum(version > lsn for version, _ in done)
            row += 1
    assert row == len(found) > 100
    assert (found.fresh == (found.behind == 0)).all()


def test_stale_reads_and_old_reads_are_those_that_are_not_fresh() -> None:
    found, old = measures.freshness(PARTIAL), measures.old_reads(PARTIAL)
    assert len(old) == (~found.fresh).sum() > 0
    answered = ((PARTIAL.ops.kind == OpKind.READ) & (PARTIAL.ops.outcome == Outcome.OK)).sum()
    assert measures.stale_reads(PARTIAL) == len(old) / answered


def test_t_visibility_counts_each_read_once_and_rises_with_time() -> None:
    found, edges = measures.freshness(PARTIAL), [0, 1, 2, 4, 8, 1_000]
    curve = measures.t_visibility(PARTIAL, edges)
    assert curve.reads.sum() == len(found)
    for i, (begin, end) in enumerate(pairwise(edges)):
        inside = (found.t_ms >= begin) & (found.t_ms < end)
        assert curve.reads[i] == inside.sum()
        assert curve.fresh[i] == pytest.approx(found.fresh[inside].mean())
    assert (curve.low <= curve.fresh).all()
    assert (curve.fresh <= curve.high).all()
    assert curve.fresh[0] < curve.fresh[2] < curve.fresh[4] == 1


def test_where_no_read_began_nothing_is_claimed() -> None:
    curve = measures.t_visibility(PARTIAL, [5_000, 6_000])
    assert curve.reads.tolist() == [0]
    assert np.isnan([curve.fresh[0], curve.low[0], curve.high[0]]).all()
    assert np.isnan(measures.answered_share(PARTIAL, "read", 5_000).value)


def test_within_versions_grows_to_one() -> None:
    found = measures.freshness(PARTIAL)
    shares = [found.within(versions).value for versions in (1, 2, 3, 50)]
    assert shares[0] == pytest.approx(found.fresh.mean())
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert found.within(1).low < shares[0] < found.within(1).high


@TRACES
def test_concurrent_writes_are_the_pairs_that_overlap_in_time(trace: Trace) -> None:
    ops = trace.ops
    rows = [row for row in range(len(ops)) if ops.kind[row] in WRITES and ops.lsn[row] > 0]
    ends = np.where(np.isnan(ops.returned), np.inf, ops.returned)
    expected = [
        [one, other]
        for i, one in enumerate(rows)
        for other in rows[i + 1 :]
        if ops.key[one] == ops.key[other] and ops.invoked[other] < ends[one]
    ]
    assert measures.concurrent_writes(trace).tolist() == sorted(expected)
    assert expected


@pytest.mark.parametrize(("w", "r"), [(1, 1), (2, 2), (3, 1), (3, 3)])
def test_the_write_set_and_the_read_set_are_those_who_had_answered(w: int, r: int) -> None:
    trace = run(BUSY.but(write_quorum=w, read_quorum=r, duration_ms=300, delete_share=0))
    ops = trace.ops
    sets = {row: measures.quorum_set(trace, row) for row in np.flatnonzero(ops.outcome == Outcome.OK).tolist()}
    for row, taken in sets.items():
        assert len(taken.answered) >= (r if ops.kind[row] == OpKind.READ else w)
        assert set(taken.answered) <= set(taken.asked) == set(taken.homes)
        assert taken.told_ms == ops.returned[row]
    meet = []
    for row in np.flatnonzero((ops.kind == OpKind.READ) & (ops.outcome == Outcome.OK)).tolist():
        for write in np.flatnonzero((ops.kind == OpKind.WRITE) & (ops.returned <= ops.invoked[row])).tolist():
            if ops.key[write] == ops.key[row]:
                meet.append(bool(set(sets[write].answered) & set(sets[row].answered)))
    assert len(meet) > 100
    assert all(meet) == (w + r > 3)


def test_holders_are_those_whose_disk_has_it_and_who_keep_it_for_others() -> None:
    trace = run(scenarios["sloppy_quorum"])
    stored = trace.levels.where(trace.levels.which == Position.STORED)
    for at in (300.0, 900.0, 1_999.0):
        for key in range(10):
            versions = trace.ops.lsn[(trace.ops.key == key) & (trace.ops.kind == OpKind.WRITE)]
            mine = stored.where(np.isin(stored.lsn, versions) & (stored.time <= at))
            expected = {name: int(mine.lsn[mine.node == i].max(initial=0)) for i, name in enumerate(trace.nodes)}
            assert measures.holders(trace, key, at) == expected
    kept = [measures.holders(trace, key, 1_300, hinted=True) for key in range(10)]
    assert {name for held in kept for name, version in held.items() if version} >= {"n4", "n5"}
    assert not any(any(measures.holders(trace, key, 1_999, hinted=True).values()) for key in range(10))


def test_latency_and_availability_are_those_of_each_kind() -> None:
    ops = CART.ops
    for what, kinds in (("write", WRITES), ("read", (OpKind.READ,))):
        own = ops.where(np.isin(ops.kind, kinds) & (ops.invoked >= 500) & (ops.invoked < 1_400))
        told = ~np.isnan(own.returned)
        latency = measures.operation_latency(CART, what, 500, 1_400)  # type: ignore[arg-type]
        np.testing.assert_array_equal(latency.samples, (own.returned - own.invoked)[own.outcome == Outcome.OK])
        share = measures.answered_share(CART, what, 500, 1_400)  # type: ignore[arg-type]
        assert share.value == pytest.approx((own.outcome == Outcome.OK)[told].mean())
        assert share.low < share.value < share.high


def test_the_summary_says_what_matters_without_a_leader() -> None:
    told = {row.name: row.value for row in measures.summary(CART)}
    assert told["reads that got an old value"] == pytest.approx(100 * measures.stale_reads(CART))
    assert told["pairs of concurrent writes to a key"] == len(measures.concurrent_writes(CART))
    assert told["sent by anti-entropy"] == pytest.approx(measures.sync_traffic(CART).bytes / 1_000)
    assert not any("leader" in name or "lag" in name for name in told)
