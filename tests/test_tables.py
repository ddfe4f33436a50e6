"""A replica is no backup: statements that ruin the data, the delayed replica, restore to a moment."""

from __future__ import annotations

import numpy as np
import pytest

from replication_viz import Scenario, ScenarioError, measures, run
from replication_viz.measures import Rows
from replication_viz.scenario import LoseArchive, NodeSettings, Statement
from replication_viz.trace import OpKind, Position

SHOP = Scenario(rate_per_s=200, rows=1_000, ack="async", duration_ms=4_000, arrivals="constant")
DROP = Statement(at_ms=2_000)

# 2 MB/s of log in segments of 1 MB, kept in an archive.
ARCHIVED = Scenario(
    rate_per_s=200,
    record_bytes=10_000,
    rows=1_000,
    replicas=1,
    ack="async",
    segment_mb=1,
    archive=True,
    duration_ms=10_000,
    arrivals="constant",
)


def test_a_dropped_table_is_gone_on_every_node_within_a_second() -> None:
    trace = run(SHOP.with_fault(DROP))
    assert 0 < measures.ruined_everywhere_ms(trace) < 1_000
    for node in trace.nodes:
        assert measures.rows(trace, node, 1_900).exists
        assert measures.rows(trace, node, 3_000) == Rows(0, 0, exists=False)


def test_rows_are_those_of_the_begin_and_one_for_each_write() -> None:
    trace = run(SHOP)
    assert measures.rows(trace, "L", 0) == Rows(1_000, 0)
    assert measures.rows(trace, "L", 4_000).good == 1_000 + trace.at("L", Position.COMMITTED, 4_000)
    assert measures.rows_at(trace, 37) == Rows(1_037, 0)


@pytest.mark.parametrize(("what", "wrong"), [("delete_rows", 0), ("bad_update", 1_000 + 399)])
def test_after_a_delete_or_a_bad_migration_new_rows_are_good(what: str, wrong: int) -> None:
    trace = run(SHOP.with_fault(Statement(at_ms=1_999, what=what)))
    found = measures.rows(trace, "s1", 4_000)
    assert found.wrong == wrong
    assert 380 < found.good <= 401


def test_a_statement_is_one_record_of_the_log_and_leaves_the_past_and_the_other_writes_alone() -> None:
    plain, ruined = run(SHOP), run(SHOP.with_fault(DROP))
    assert ruined.until(2_000)["ops"]["key"].tolist() == plain.until(2_000)["ops"]["key"].tolist()
    statements = ruined.ops.kind == OpKind.STATEMENT
    assert statements.sum() == 1
    assert ruined.ops.invoked[statements].tolist() == [2_000]
    writes = ruined.ops.where(~statements)
    np.testing.assert_array_equal(writes.key, plain.ops.key)
    np.testing.assert_array_equal(writes.invoked, plain.ops.invoked)
    assert sorted(ruined.ops.lsn.tolist()) == list(range(1, len(ruined.ops) + 1))


def test_a_delayed_replica_still_has_the_table_and_cannot_be_read() -> None:
    late = SHOP.but(nodes={"s1": NodeSettings(apply_delay_ms=1_500)}, faults=(DROP,))
    trace = run(late)
    assert measures.rows(trace, "s1", 3_000).good > 1_200
    assert not measures.rows(trace, "s2", 3_000).exists
    assert not measures.rows(trace, "s1", 3_700).exists
    assert measures.locked_ms(trace, "s1") == pytest.approx(1_500, abs=30)
    assert measures.locked_ms(trace, "s2") < 10
    deleted = run(late.but(faults=(Statement(at_ms=2_000, what="delete_rows"),)))
    assert measures.locked_ms(deleted, "s1") == 0


def test_a_restore_to_a_moment_brings_the_table_back_less_what_came_after() -> None:
    trace = run(ARCHIVED.with_fault(Statement(at_ms=5_000)))
    back = measures.restore(trace, to_ms=4_999)
    assert back.problem == ""
    assert back.rows == Rows(1_000 + back.reached_lsn, 0)
    assert back.reached_lsn == back.wanted_lsn == trace.at("L", Position.COMMITTED, 4_999)
    answered = measures.writes(trace)
    assert back.given_up == ((answered.lsn > back.reached_lsn) & (answered.outcome == 0)).sum()
    assert back.given_up == pytest.approx(1_000, abs=5)
    too_late = measures.restore(trace, to_ms=5_100)
    assert not too_late.rows.exists


def test_a_restore_takes_as_long_as_copy_fetch_and_replay() -> None:
    trace = run(ARCHIVED.but(database_mb=1_000, disk_mb_per_s=100, archive_mb_per_s=20, replay_us=500))
    back = measures.restore(trace, to_ms=8_000, backup_ms=2_000)
    log = back.reached_lsn - trace.at("L", Position.COMMITTED, 2_000)
    expected = 1000 * 1_000 / 100 + 1000 * log * 10_000 / 2**20 / 20 + log * 0.5
    assert back.took_ms == pytest.approx(expected)


def test_what_was_never_archived_cannot_come_back() -> None:
    trace = run(ARCHIVED)
    back = measures.restore(trace, to_ms=10_000)
    assert back.reached_lsn < back.wanted_lsn
    assert (back.wanted_lsn - back.reached_lsn) * 10_000 < 1.01 * 2**20
    assert "never came to the archive" in back.problem


def test_a_drill_finds_the_segment_that_is_missing() -> None:
    trace = run(ARCHIVED.with_fault(LoseArchive(at_ms=3_000, for_ms=1_000)))
    back = measures.restore(trace, to_ms=8_000)
    assert "the archive has no segment 0000000100000000000000" in back.problem
    assert back.reached_lsn < trace.at("L", Position.COMMITTED, 3_000)
    assert measures.restore(trace, to_ms=2_000).problem == ""
    assert measures.restore(trace, to_ms=8_000, backup_ms=4_800).problem == ""


def test_a_restore_that_cannot_be_asked_for_is_an_error() -> None:
    with pytest.raises(ValueError, match="archive is False"):
        measures.restore(run(SHOP), to_ms=1_000)
    trace = run(ARCHIVED)
    with pytest.raises(ValueError, match="must be in this order"):
        measures.restore(trace, to_ms=1_000, backup_ms=2_000)
    with pytest.raises(ValueError, match="no statement of that number"):
        measures.ruined_everywhere_ms(trace)


def test_statements_need_writes_that_arrive_on_their_own() -> None:
    with pytest.raises(ScenarioError, match="a statement needs writes"):
        Scenario(arrivals="closed", faults=(DROP,))
    assert str(DROP.sentence()) == "DROP TABLE orders"
