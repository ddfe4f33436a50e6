"""Reads: who reads when and where, and what is seen there.

A read takes no time and changes nothing, so it needs no event: all reads of a run are computed from its trace.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush

import numpy as np

from ..scenario import LEADER, Scenario
from ..timelines import Timelines
from ..trace import Floats, Ints, OpKind, Ops, Outcome, Position, Role, Trace
from .arrivals import arrivals
from .clock import freezes
from .network import distance_ms
from .streams import stream

LeaderOf = Callable[[Ints, Floats], Ints]  # clients, moments (ms) -> the leader that each would ask, -1 for none


@dataclass
class _Reads:
    """Reads before they are answered; each column is an ndarray, shape (n,)."""

    client: Ints
    key: Ints
    asked: Floats
    node: Ints
    answered: Floats


def with_reads(trace: Trace, leader_of: LeaderOf) -> Trace:
    """Return a trace with the reads of its scenario: those of anybody, and those of who has just written."""
    scenario = trace.scenario
    if scenario.reads_per_s == 0 and scenario.reread_ms < 0:
        return trace
    reads = _asked(trace)
    reads.node = _routed(trace, reads, leader_of)
    _follow_session(trace, reads, leader_of)
    return replace(trace, ops=trace.ops.merged(_answered(trace, reads), by="invoked"))


def _asked(trace: Trace) -> _Reads:
    """Return who asks for what, and when, in order of time."""
    scenario, ops = trace.scenario, trace.ops
    times = arrivals(scenario, "reads", [(0.0, scenario.reads_per_s)], poisson=True)
    clients = stream(scenario.seed, "readers").integers(scenario.clients, size=len(times))
    keys = stream(scenario.seed, "read keys").integers(scenario.keys, size=len(times))
    if scenario.reread_ms >= 0:
        own = ops.where((ops.kind == OpKind.WRITE) & (ops.outcome == Outcome.OK) & (ops.client >= 0))
        again = own.returned + scenario.reread_ms
        in_time = again < trace.duration_ms
        times = np.concatenate([times, again[in_time]])
        clients = np.concatenate([clients, own.client[in_time]])
        keys = np.concatenate([keys, own.key[in_time]])
        order = np.argsort(times, kind="stable")
        times, clients, keys = times[order], clients[order], keys[order]
    return _Reads(clients, keys, times, np.zeros(len(times), dtype=np.int64), times.copy())


def _routed(trace: Trace, reads: _Reads, leader_of: LeaderOf) -> Ints:
    """Return the node that each read would go to if its client had written nothing."""
    scenario, count = trace.scenario, len(reads.asked)
    where = scenario.read_from
    if where == "leader" or (not scenario.replicas and where not in trace.nodes):
        return leader_of(reads.client, reads.asked)
    if scenario.session == "sticky" and where not in trace.nodes:
        return 1 + reads.client % scenario.replicas
    if where == "random":
        return 1 + stream(scenario.seed, "read routing").integers(scenario.replicas, size=count)
    if where == "round_robin":
        return 1 + (reads.client + _turns(reads.client)) % scenario.replicas
    name = nearest(scenario) if where == "nearest" else where
    return np.full(count, trace.number(name), dtype=np.int64)


def _turns(client: Ints) -> Ints:
    """Return for each read how many its client had asked before."""
    order = np.argsort(client, kind="stable")
    ranked = client[order]
    first = np.searchsorted(ranked, ranked, side="left")
    turns = np.empty(len(client), dtype=np.int64)
    turns[order] = np.arange(len(client)) - first
    return turns


def nearest(scenario: Scenario) -> str:
    """Return the replica nearest to the leader, and so to most clients."""
    return min(scenario.standbys, key=lambda name: distance_ms(scenario, LEADER, name))


def _follow_session(trace: Trace, reads: _Reads, leader_of: LeaderOf) -> None:
    """Send reads elsewhere, or let them wait, for what their clients have written and read before."""
    scenario = trace.scenario
    if scenario.session == "pin":
        pinned = reads.asked - _last_answer(trace, reads) <= scenario.pin_ms
        reads.node[pinned] = leader_of(reads.client[pinned], reads.asked[pinned])
    elif scenario.session in ("lsn", "causal"):
        _track(trace, reads, leader_of)


def _last_answer(trace: Trace, reads: _Reads) -> Floats:
    """Return when each client had last been told that it has written, ms; minus infinity for never."""
    last = np.full(len(reads.asked), -np.inf)
    own = _acknowledged(trace)
    for client in np.unique(reads.client).tolist():
        told = np.sort(own.returned[own.client == client])
        mine = np.flatnonzero(reads.client == client)
        index = np.searchsorted(told, reads.asked[mine], side="right") - 1
        last[mine[index >= 0]] = told[index[index >= 0]]
    return last


def _track(trace: Trace, reads: _Reads, leader_of: LeaderOf) -> None:
    """Let each read wait for the last position that its client has written, or also seen, or else ask the leader."""
    limit, leader = trace.scenario.lsn_wait_ms, leader_of(reads.client, reads.asked)
    timelines, nodes = Timelines(trace), trace.nodes
    at_once, at_last = ([timelines.shown(name, at) for name in nodes] for at in (reads.asked, reads.asked + limit))
    replayed = [trace.steps(name, Position.REPLAYED) for name in nodes]
    told = _acknowledged(trace)
    known = list(zip(told.returned.tolist(), told.client.tolist(), told.lsn.tolist(), strict=True))
    heapify(known)  # what clients get to know, in order of time: writes that were answered, positions that were read
    tokens: dict[int, int] = {}
    rows = zip(reads.client.tolist(), reads.asked.tolist(), reads.node.tolist(), strict=True)
    for row, (client, moment, node) in enumerate(rows):
        while known and known[0][0] <= moment:
            _, who, lsn = heappop(known)
            tokens[who] = max(tokens.get(who, 0), lsn)
        token, ready = tokens.get(client, 0), moment
        seen = int(at_once[node][row]) if node >= 0 else 0
        if seen < token:
            ready, seen = _caught_up(replayed[node], moment, token) if node >= 0 else (np.inf, 0)
            if ready - moment > limit:
                node, ready = int(leader[row]), moment + limit
                seen = int(at_last[node][row]) if node >= 0 else 0
        reads.node[row], reads.answered[row] = node, ready
        if trace.scenario.session == "causal":
            heappush(known, (ready, client, seen))


def _caught_up(steps: tuple[Floats, Ints], after: float, token: int) -> tuple[float, int]:
    """Return when a replica has first replayed a position after a moment (ms), and how far it is then."""
    times, lsns = steps
    begin = int(np.searchsorted(times, after, side="right"))
    enough = np.flatnonzero(lsns[begin:] >= token)
    if not len(enough):
        return np.inf, 0
    ready = float(times[begin + enough[0]])
    return ready, int(lsns[np.searchsorted(times, ready, side="right") - 1])


def _acknowledged(trace: Trace) -> Ops:
    ops = trace.ops
    return ops.where((ops.kind == OpKind.WRITE) & (ops.outcome == Outcome.OK) & (ops.client >= 0))


def _answered(trace: Trace, reads: _Reads) -> Ops:
    """Return the reads as operations: what each saw, or that nobody answered."""
    timelines, count = Timelines(trace), len(reads.asked)
    seen, asks_nobody = np.zeros(count, dtype=np.int64), reads.node < 0
    up = ~asks_nobody
    for number, name in enumerate(trace.nodes):
        here = reads.node == number
        for begin, end in freezes(trace.scenario, name):
            held = here & (reads.answered >= begin) & (reads.answered < end)
            reads.answered[held] = end
        seen[here] = timelines.shown(name, reads.answered[here])
        for begin, end in _intervals_down(trace, number):
            up[here & (reads.answered >= begin) & (reads.answered < end)] = False
    in_time = reads.answered <= trace.duration_ms
    outcome = np.where(up, np.where(in_time, Outcome.OK, Outcome.UNKNOWN), Outcome.FAILED)
    row = timelines.last_writes(reads.key, np.maximum(reads.node, 0), reads.answered, seen)
    return Ops(
        client=reads.client,
        kind=np.full(count, OpKind.READ, dtype=np.int8),
        key=reads.key,
        value=np.where((row >= 0) & up, trace.ops.value[row], -1) if len(trace.ops) else np.full(count, -1),
        invoked=reads.asked,
        returned=np.where(in_time, reads.answered, np.nan),
        outcome=outcome.astype(np.int8),
        node=np.maximum(reads.node, 0).astype(np.int8),
        lsn=np.where(up, seen, -1),
    )


def _intervals_down(trace: Trace, node: int) -> list[tuple[float, float]]:
    """Return the intervals (begin, end), ms, in which a node answers no reads: down, or a leader that is fenced."""
    states = trace.states
    rows = (states.node == node) & (~states.up | ((states.role == Role.LEADER) & states.fenced))
    return list(zip(states.begin[rows].tolist(), states.end[rows].tolist(), strict=True))
