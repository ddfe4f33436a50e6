"""The numbers that answer most questions about a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..trace import Trace
from .answers import commit_latency
from .conflicting import conflicts, discarded, given_twice
from .converging import converged_ms, divergence, lost_updates
from .failover import acknowledged_by, drill, two_acknowledge_ms
from .lags import lag_curve
from .losses import loss
from .quorums import What, concurrent_writes, operation_latency, sync_traffic
from .reads import stale_reads

_LONGEST_NOTE = 60


@dataclass(frozen=True)
class Measure:
    """One number of a summary, with its unit and what it means."""

    name: str
    value: float
    unit: str
    note: str = ""

    def text(self) -> str:
        """Return the value with four digits, and as many as it needs from a thousand on."""
        return f"{self.value:,.4g}" if abs(self.value) < 1000 else f"{self.value:,.0f}"


def summary(trace: Trace) -> list[Measure]:
    """Return the numbers that answer most questions about a run."""
    if trace.scenario.topology == "leaderless":
        return _without_a_leader(trace)
    if trace.scenario.topology == "multi_leader":
        return _several_leaders(trace)
    if trace.states.term.max(initial=1) > 1:
        return _failed_over(trace)
    seconds, latency = trace.duration_ms / 1000, commit_latency(trace)
    moments = np.linspace(0, trace.duration_ms, 401)[1:]
    at_risk = loss(trace, moments)
    rows = [
        Measure("writes answered", len(latency.samples), "", f"{len(latency.samples) / seconds:.0f} a second"),
        Measure("writes refused", latency.failed, ""),
        Measure("writes without an answer", latency.unanswered, "", "when the run ended, or left in doubt by a crash"),
        Measure("commit latency, median", latency.p50, "ms"),
        Measure("commit latency, 99 %", latency.p99, "ms"),
        Measure("commit latency, 99.9 %", latency.p999, "ms"),
        Measure("lost if the leader dies, mean", float(at_risk.lost.mean()), "writes", "best replica promoted"),
        Measure("lost if the leader dies, worst moment", int(at_risk.lost.max()), "writes"),
    ]
    for name in trace.nodes[1:]:
        for kind in ("write", "flush", "replay"):
            _, worst = lag_curve(trace, name, kind, bins=100)
            rows.append(
                Measure(f"{kind} lag of {name}, median", float(np.median(worst)), "ms", f"worst {worst.max():.1f} ms")
            )
    stale = stale_reads(trace)
    if not np.isnan(stale):
        rows.append(Measure("reads that got an old value", 100 * stale, "%"))
    return rows


def _failed_over(trace: Trace) -> list[Measure]:
    latency, found = commit_latency(trace), drill(trace)
    by = ", ".join(f"{node} {count:,} in timeline {term}" for (node, term), count in acknowledged_by(trace).items())
    rows = [
        Measure("writes answered", len(latency.samples), "", by if len(by) < _LONGEST_NOTE else ""),
        Measure("writes refused", latency.failed, ""),
        Measure("writes without an answer", latency.unanswered, "", "when the run ended, or left in doubt by a crash"),
        Measure("commit latency, median", latency.p50, "ms"),
        Measure("commit latency, 99 %", latency.p99, "ms"),
        Measure("promotions", int(trace.states.term.max()) - 1, ""),
        Measure("noticed after", found.detected_ms, "ms", "from the first fault"),
        Measure("longest time without an answered write", found.outage_ms, "ms"),
        Measure("time with two leaders", found.two_leaders_ms, "ms"),
        Measure("both acknowledged for", two_acknowledge_ms(trace), "ms"),
        Measure("acknowledged writes lost", found.lost, "", "not in the newest timeline"),
    ]
    for name in trace.nodes:
        worst = lag_curve(trace, name, "replay", bins=100)[1]
        rows.append(
            Measure(f"replay lag of {name}, median", float(np.median(worst)), "ms", f"worst {worst.max():.1f} ms")
        )
    return [row for row in rows if not np.isnan(row.value)]


def _without_a_leader(trace: Trace) -> list[Measure]:
    rows = []
    kinds: tuple[What, ...] = ("write", "read")
    for what in kinds:
        latency = operation_latency(trace, what)
        unsure = f"{what}s without an answer"
        rows += [
            Measure(f"{what}s answered", len(latency.samples), ""),
            Measure(f"{what}s refused or given up", latency.failed, ""),
            Measure(unsure, latency.unanswered, "", "when the run ended, or left in doubt by a timeout or a crash"),
            Measure(f"{what} latency, median", latency.p50, "ms"),
            Measure(f"{what} latency, 99 %", latency.p99, "ms"),
        ]
    stale = stale_reads(trace)
    if not np.isnan(stale):
        rows.append(Measure("reads that got an old value", 100 * stale, "%"))
    rows.append(Measure("pairs of concurrent writes to a key", len(concurrent_writes(trace)), ""))
    traffic = sync_traffic(trace)
    if traffic.messages:
        rows.append(Measure("sent by anti-entropy", traffic.bytes / 1_000, "kB", f"{traffic.values} values among it"))
    return [row for row in rows if not np.isnan(row.value)]


def _several_leaders(trace: Trace) -> list[Measure]:
    latency, gone = commit_latency(trace), discarded(trace)
    rows = [
        Measure("writes answered", len(latency.samples), ""),
        Measure("writes refused", latency.failed, ""),
        Measure("writes without an answer", latency.unanswered, "", "when the run ended, or left in doubt by a crash"),
        Measure("commit latency, median", latency.p50, "ms"),
        Measure("commit latency, 99 %", latency.p99, "ms"),
        Measure("conflicts found", len(conflicts(trace)), "", "pairs of writes that did not know of each other"),
        Measure("acknowledged writes thrown away", len(gone), ""),
        Measure("of these later than the one kept", sum(one.is_later for one in gone), ""),
        Measure("rows that differ in the end", int(divergence(trace)[1][-1]), ""),
        Measure("all leaders agree since", converged_ms(trace), "ms"),
    ]
    if trace.scenario.data == "unique_name":
        rows.append(Measure("names given twice", len(given_twice(trace)), ""))
    elif trace.scenario.data != "register":
        updates = lost_updates(trace)
        rows.append(Measure("updates missing in the end", max(updates.lost.values()), "", "at the worst leader"))
        rows.append(Measure("removed and back in the end", max(updates.back.values()), "", "at the worst leader"))
    return [row for row in rows if not np.isnan(row.value)]
