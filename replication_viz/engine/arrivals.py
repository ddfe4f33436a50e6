"""When users come with a write or a read: moments drawn as arrays, under a load that may change and swing."""

from __future__ import annotations

import numpy as np

from ..scenario import Change, Scenario, Statement
from ..trace import Codes, Flags, Floats, Ints, OpKind, Ops
from .streams import stream


def write_moments(scenario: Scenario) -> Floats:
    """Return when users come with a write, ms, whatever the database does."""
    changes = [
        (fault.at_ms, float(fault.value))
        for fault in scenario.timeline
        if isinstance(fault, Change) and fault.setting == "rate_per_s"
    ]
    rates = [(begin, rate / scenario.grain) for begin, rate in [(0.0, scenario.rate_per_s), *changes]]
    return arrivals(scenario, "writes", rates, poisson=scenario.arrivals == "poisson")


def with_statements(scenario: Scenario, moments: Floats) -> tuple[Floats, Flags]:
    """Return the moments of the writes and of an operator's statements, ms, and which of them are statements."""
    times = [f.at_ms for f in scenario.timeline if isinstance(f, Statement) and f.at_ms < scenario.duration_ms]
    places = np.searchsorted(moments, times, side="right")
    return np.insert(moments, places, times), np.insert(np.zeros(len(moments), dtype=np.bool_), places, True)


def write_ops(
    scenario: Scenario,
    client: Ints,
    invoked: Floats,
    returned: Floats,
    outcome: Codes,
    lsn: Ints,
    statements: Flags | None = None,
    node: Codes | None = None,
) -> Ops:
    """Return the writes as operations, in order of invocation, with keys drawn at random.

    Statements among them touch no key, and change what the others draw no more than their presence.
    """
    count = len(invoked)
    special = np.zeros(count, dtype=np.bool_) if statements is None else statements
    writes = count - int(special.sum())
    key, value = np.full(count, -1), np.full(count, -1)
    key[~special] = stream(scenario.seed, "keys").integers(scenario.keys, size=writes)
    value[~special] = np.arange(1, writes + 1)
    value[special] = np.arange(count - writes)
    return Ops(
        client=client,
        kind=np.where(special, OpKind.STATEMENT, OpKind.WRITE).astype(np.int8),
        key=key,
        value=value,
        invoked=invoked,
        returned=returned,
        outcome=outcome,
        node=np.zeros(count, dtype=np.int8) if node is None else node,
        lsn=lsn,
    )


def arrivals(scenario: Scenario, name: str, rates: list[tuple[float, float]], *, poisson: bool) -> Floats:
    """Return the moments of arrival, ms, under a rate per second that changes at given moments.

    Arrivals are drawn at rate one and stretched, so another rate keeps the same pattern of chance.
    """
    swing = Swing(scenario)
    end = swing.load(scenario.duration_ms)
    begins = [min(swing.load(begin), end) for begin, _ in rates]
    total = sum(rate / 1000 * (b - a) for (_, rate), a, b in zip(rates, begins, [*begins[1:], end], strict=True))
    if poisson:
        count = int(total + 8 * np.sqrt(total) + 16)  # in 10^15 runs one would want more
        units = np.cumsum(stream(scenario.seed, f"arrivals {name}").standard_exponential(count))
    else:
        units = np.arange(1.0, total + 2)
    pieces, done, spent = [], 0, 0.0
    for (_, rate), begin, until in zip(rates, begins, [*begins[1:], end], strict=True):
        if rate > 0:
            moments = np.maximum(begin + (units[done:] - spent) / (rate / 1000), begin)
            moments = moments[: np.searchsorted(moments, until)]  # what a later change must not touch
            pieces.append(moments)
            done += len(moments)
        spent += rate / 1000 * (until - begin)
    return swing.moments(np.concatenate(pieces)) if pieces else np.empty(0)


class Swing:
    """Day and night: a load that swings around its mean as a cosine, its lowest at the begin.

    Arrivals are spread evenly over the load that has come so far; a moment is looked up from the load.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._share = scenario.load_swing
        self._per_ms = 2 * np.pi / scenario.load_period_ms
        self._end = scenario.duration_ms

    def load(self, moment: float) -> float:
        """Return how much load has come up to a moment, as the time (ms) in which the mean load brings as much."""
        return moment - self._share / self._per_ms * float(np.sin(self._per_ms * moment))

    def moments(self, loads: Floats) -> Floats:
        """Return when so much load has come, ms."""
        if self._share == 0:
            return loads
        grid = np.linspace(0, self._end, int(self._end * self._per_ms * 100) + 1_000)
        reached = grid - self._share / self._per_ms * np.sin(self._per_ms * grid)
        found: Floats = np.interp(loads, reached, grid)
        return found
