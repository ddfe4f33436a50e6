"""A scenario so small and so regular that its whole trace can be written down."""

from __future__ import annotations

from replication_viz import Scenario, Trace
from replication_viz.trace import FlightKind, Outcome, Position

TINY = Scenario(
    arrivals="constant",
    rate_per_s=50,  # at 20, 40, 60, … ms
    duration_ms=60,
    replicas=1,
    ack="s1",
    network_shape="constant",
    network_ms=1,
    flush_shape="constant",
    flush_ms=2,
    replay_us=50,
    record_bytes=1,
    bandwidth_mbit=400_000,  # a message is on the wire for less than a nanosecond
)


def ops(trace: Trace) -> list[tuple[float, float, str, int]]:
    """Return (invoked, returned, outcome, LSN) of each operation, ms to a microsecond."""
    o = trace.ops
    rows = zip(o.invoked.tolist(), o.returned.tolist(), o.outcome.tolist(), o.lsn.tolist(), strict=True)
    return [(_ms(invoked), _ms(returned), Outcome(outcome).name, lsn) for invoked, returned, outcome, lsn in rows]


def flights(trace: Trace) -> list[tuple[str, str, str, float, float, int, int]]:
    """Return (kind, from, to, sent, arrived, after LSN, up to LSN) of each message; a lost one in small letters."""
    f, nodes = trace.flights, trace.nodes
    columns = (f.kind, f.lost, f.source, f.target, f.sent, f.arrived, f.lsn_from, f.lsn_to)
    return [
        (_kind(kind, lost), nodes[source], nodes[target], _ms(sent), _ms(arrived), after, upto)
        for kind, lost, source, target, sent, arrived, after, upto in zip(*(c.tolist() for c in columns), strict=True)
    ]


def levels(trace: Trace) -> list[tuple[float, str, str, int]]:
    """Return (time, node, position, LSN) of each step."""
    v = trace.levels
    rows = zip(v.time.tolist(), v.node.tolist(), v.which.tolist(), v.lsn.tolist(), strict=True)
    return [(_ms(time), trace.nodes[node], Position(which).name, lsn) for time, node, which, lsn in rows]


def marks(trace: Trace) -> list[tuple[float, str]]:
    """Return (time, caption) of each mark."""
    return [(_ms(time), text) for time, text in zip(trace.marks.time.tolist(), trace.marks.text.tolist(), strict=True)]


def states(trace: Trace) -> list[tuple[str, float, float, bool]]:
    """Return (node, begin, end, up) of each interval."""
    s = trace.states
    rows = zip(s.node.tolist(), s.begin.tolist(), s.end.tolist(), s.up.tolist(), strict=True)
    return [(trace.nodes[node], _ms(begin), _ms(end), up) for node, begin, end, up in rows]


def _kind(kind: int, lost: bool) -> str:
    name = FlightKind(kind).name
    return name.lower() if lost else name


def _ms(time: float) -> float:
    return round(time, 3)
