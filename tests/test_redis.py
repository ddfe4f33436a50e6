"""Redis's WAIT as a scenario of the one leader, held against what a live server did."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from replication_viz import measures, run, scenarios
from replication_viz.scenario import CancelWaits, Partition
from replication_viz.trace import OpKind, Outcome, Position

from .reference import case_id, cases

SILENT = {"wait_2_ok": (2, 0), "one_replica_stopped_wait_2_500": (2, 1), "both_stopped_wait_1_500": (1, 2)}


@pytest.mark.parametrize("case", cases("redis", "WAIT"), ids=case_id)
def test_wait_returns_when_enough_replicas_have_it_or_after_its_timeout_and_undoes_nothing(case: dict[str, Any]):
    """Here an operator cancels the waits 500 ms after the replicas fell silent: the timeout of the first one."""
    wanted, silent = SILENT[case["name"].split()[1]]
    names = ("s1", "s2")[:silent]
    faults = (Partition(nodes=names, at_ms=600), CancelWaits(at_ms=1_100)) if silent else ()
    trace = run(scenarios["redis_wait"].but(ack=f"ANY {wanted} (s1, s2)", faults=faults))
    ops = trace.ops.where((trace.ops.kind == OpKind.WRITE) & (trace.ops.invoked > 600))
    first = ops.where(np.arange(len(ops)) == 0)
    expected = case["expected"]
    assert first.outcome[0] == Outcome.OK
    assert (first.returned[0] - first.invoked[0]) / 1_000 == pytest.approx(
        expected["elapsed_s"], abs=case["tolerance"]["abs_s"]
    )
    has = [name for name in ("s1", "s2") if trace.at(name, Position.RECEIVED, first.returned[0]) >= first.lsn[0]]
    assert len(has) == int(expected["returned"])
    assert trace.at("L", Position.COMMITTED, first.returned[0]) >= first.lsn[0], "the write stands"


def test_what_wait_gave_up_on_is_lost_if_the_leader_dies():
    trace = run(scenarios["redis_wait"])
    assert measures.loss(trace, 1_200.0).lost.max() > 30
