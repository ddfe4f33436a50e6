"""Runs on real servers during which this machine kept up: a claim about databases needs one that lets them work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

import numpy as np

from replication_viz import run as simulate
from replication_viz.scenario import Scenario
from replication_viz.trace import OpKind, Trace

TRIES = 3
_EVERY_S = 0.005
_STOOD_STILL_MS = 250.0
_LATER_MS = 60.0


def steady(scenario: Scenario, do: Callable[[], Trace]) -> Trace:
    """Return what a run leaves; a run during which the machine did not keep up is made again, a few times at most.

    Whether it kept up is judged by what no fault can touch: a thread that sleeps, and writes before the first fault.
    """
    for _ in range(TRIES):
        with _Watch() as watch:
            trace = do()
        if watch.stood_still_ms < _STOOD_STILL_MS and _later_ms(scenario, trace) < _LATER_MS:
            break
    return trace


def _later_ms(scenario: Scenario, trace: Trace) -> float:
    """Return by how much one in ten writes took longer than in the simulator, ms; infinite if it got no answer."""
    return _slow_ms(scenario, trace) - _slow_ms(scenario, simulate(scenario))


def _slow_ms(scenario: Scenario, trace: Trace) -> float:
    calm = min((fault.at_ms for fault in scenario.timeline), default=scenario.duration_ms) * 0.8
    early = (trace.ops.kind == OpKind.WRITE) & (trace.ops.invoked < calm)
    took = np.nan_to_num(trace.ops.returned - trace.ops.invoked, nan=np.inf)[early]
    return float(np.quantile(took, 0.9, method="lower")) if len(took) else 0.0


class _Watch:
    """Looks how late a thread wakes up."""

    def __init__(self) -> None:
        self.stood_still_ms = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.is_set():
            begin = time.monotonic()
            time.sleep(_EVERY_S)
            late = (time.monotonic() - begin - _EVERY_S) * 1000
            self.stood_still_ms = max(self.stood_still_ms, late)
