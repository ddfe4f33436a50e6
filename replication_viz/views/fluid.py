"""The lag that the settings of a run let one expect: link, disk and replay as three queues in a row, without chance."""

from __future__ import annotations

import numpy as np

from .. import measures, theory
from ..scenario import LEADER, Change, LongQuery, PauseReplay, Scenario
from ..trace import Floats, Trace

_MOMENTS = 4_001


def expected_lags(trace: Trace, node: str) -> tuple[Floats, dict[measures.LagKind, Floats]] | None:
    """Return a replica's write, flush and replay lag as streams of log would have it.

    Returns
    -------
    tuple of (ndarray, dict) or None
        Moments, ms, shape (n,), and at each the lag, ms, by kind; None for a run that this does not describe: a closed
        loop, or faults other than long queries, pauses of replay and changes of the write rate.
    """
    scenario = trace.scenario
    if scenario.arrivals == "closed" or not all(map(_is_described, scenario.timeline)):
        return None
    times = np.linspace(0, trace.duration_ms / 1000, _MOMENTS)
    flow, source = _flushed(scenario, LEADER, times, _written(scenario, times)), _chain(scenario, node)
    lags: dict[measures.LagKind, Floats] = {}
    head = flow
    for name in source:
        received = theory.passed_on(flow, times * scenario.bandwidth_mbit * 125_000 / _bytes(scenario))
        flow = _flushed(scenario, name, times, received)
        replayed = theory.passed_on(flow, _replayable(scenario, name, times))
        lags = {
            "write": theory.oldest(times, head, received),
            "flush": theory.oldest(times, head, flow),
            "replay": theory.oldest(times, head, replayed),
        }
    return 1000 * times, {kind: 1000 * lag for kind, lag in lags.items()}


def _is_described(fault: object) -> bool:
    changes_rate = isinstance(fault, Change) and fault.setting == "rate_per_s"
    return changes_rate or isinstance(fault, LongQuery | PauseReplay)


def _chain(scenario: Scenario, node: str) -> list[str]:
    """Return the replicas that the log passes on its way to one, in order."""
    above = scenario.upstream(node)
    return [*(_chain(scenario, above) if above != LEADER else []), node]


def _bytes(scenario: Scenario) -> float:
    return scenario.record_bytes * scenario.log_left


def _written(scenario: Scenario, times: Floats) -> Floats:
    """Return how many writes have come up to each moment (s)."""
    rate = np.full(len(times), scenario.rate_per_s)
    for fault in scenario.timeline:
        if isinstance(fault, Change) and fault.setting == "rate_per_s":
            rate[times >= fault.at_ms / 1000] = fault.value
    rate *= 1 - scenario.load_swing * np.cos(2000 * np.pi * times / scenario.load_period_ms)
    return _summed(rate, times)


def _flushed(scenario: Scenario, node: str, times: Floats, received: Floats) -> Floats:
    throughput = scenario.of(node, "disk_mb_per_s") * 1e6 / _bytes(scenario)
    return theory.passed_on(received, throughput * times)


def _replayable(scenario: Scenario, node: str, times: Floats) -> Floats:
    """Return how many writes replay could have done up to each moment (s)."""
    serial = scenario.dependent_share + (1 - scenario.dependent_share) / scenario.replay_workers
    cost_s = scenario.of(node, "replay_us") * serial / 1e6
    rate = np.full(len(times), 1 / max(cost_s, 1e-9))
    for fault in scenario.timeline:
        if isinstance(fault, LongQuery | PauseReplay) and fault.node == node:
            begin, end = _standstill(scenario, fault)
            rate[(times >= begin / 1000) & (times < end / 1000)] = 0
    return _summed(rate, times)


def _standstill(scenario: Scenario, fault: LongQuery | PauseReplay) -> tuple[float, float]:
    """Return from when to when replay stands still, ms: for a query from the next vacuum on, while patience lasts."""
    if isinstance(fault, PauseReplay):
        return fault.at_ms, fault.until_ms
    if scenario.hot_standby_feedback:
        return fault.at_ms, fault.at_ms
    begin = (np.floor(fault.at_ms / scenario.vacuum_ms) + 1) * scenario.vacuum_ms
    patience = scenario.max_standby_streaming_delay_ms
    return begin, min(fault.until_ms, begin + patience) if patience >= 0 else fault.until_ms


def _summed(rate: Floats, times: Floats) -> Floats:
    """Return the integral of a rate, which holds from each moment to the next."""
    return np.concatenate([[0.0], np.cumsum(rate[:-1] * np.diff(times))])
