"""The numbers that answer most questions about a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..trace import Trace
from .answers import commit_latency
from .lags import lag_curve
from .losses import loss
from .reads import stale_reads


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
    latency = commit_latency(trace)
    seconds = trace.duration_ms / 1000
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
