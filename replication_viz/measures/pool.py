"""Connections, queues and outages, as users and their application servers see them.

A connection is busy from the moment its write is appended until it commits, or until a crash of the leader breaks it.
Without application servers each write has a connection of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..trace import Floats, Ints, MarkKind, Ops, Outcome, Position, Trace
from .answers import Latency, writes


def connections(trace: Trace, at_ms: ArrayLike, server: int | None = None) -> Ints:
    """Return how many connections are in use, shape of ``at_ms``.

    Parameters
    ----------
    at_ms : array_like
        Moments, ms.
    server : int, optional
        Of one application server, counted from 0; by default of all.
    """
    ops = _of(trace, server)
    begin, end = _busy(trace, ops)
    took = ~np.isnan(begin)
    return _between(begin[took], end[took], at_ms)


def queueing(trace: Trace, at_ms: ArrayLike, server: int | None = None) -> Ints:
    """Return how many requests wait for a connection, shape of ``at_ms``; those whose user gave up do not count."""
    ops = _of(trace, server)
    begin, _ = _busy(trace, ops)
    leaves = np.fmin(begin, np.nan_to_num(ops.returned, nan=np.inf))
    return _between(ops.invoked, leaves, at_ms)


def in_rotation(trace: Trace, at_ms: ArrayLike, server: int | None = None) -> Ints:
    """Return how many application servers get requests (of one: 1 or 0), shape of ``at_ms``."""
    marks = trace.marks
    chosen = np.ones(len(marks), dtype=np.bool_) if server is None else marks.peer == server
    moments = np.asarray(at_ms, dtype=np.float64)
    drained = np.searchsorted(marks.time[chosen & (marks.kind == MarkKind.DRAIN)], moments, side="right")
    back = np.searchsorted(marks.time[chosen & (marks.kind == MarkKind.RETURN)], moments, side="right")
    result: Ints = (trace.scenario.servers if server is None else 1) - drained + back
    return result


def turned_away(trace: Trace, at_ms: ArrayLike, window_ms: float) -> Floats:
    """Return how many requests a second failed in the window that ends at each moment: refused, or given up."""
    ops = writes(trace)
    failed = np.sort(ops.returned[(ops.outcome != Outcome.OK) & ~np.isnan(ops.returned)])
    moments = np.asarray(at_ms, dtype=np.float64)
    number = np.searchsorted(failed, moments, side="right") - np.searchsorted(failed, moments - window_ms, side="right")
    rate: Floats = 1000 * number / window_ms
    return rate


def commit_time(trace: Trace, since_ms: float = 0.0, until_ms: float = np.inf) -> Latency:
    """Return how long commits took as the database sees it, from append to commit, of writes appended in an interval.

    A user sees more, the queue for a connection included (`commit_latency`), or less: who gives up does not see the
    end, and the write may commit all the same.
    """
    ops = writes(trace)
    begin, end = _busy(trace, ops)
    chosen = (begin >= since_ms) & (begin < until_ms)
    done = chosen & ~np.isinf(end) & _committed(trace, ops, end)
    return Latency(samples=(end - begin)[done], unanswered=int(chosen.sum() - done.sum()))


def availability(trace: Trace, limit_ms: float = 1_000, since_ms: float = 0.0, until_ms: float = np.inf) -> float:
    """Return the share (0 to 1) of requests of an interval that were answered with success within a limit, ms.

    Requests that the end of the run leaves less time than the limit do not count.
    """
    ops = writes(trace)
    ops = ops.where((ops.invoked >= since_ms) & (ops.invoked < min(until_ms, trace.duration_ms - limit_ms)))
    if not len(ops):
        return float("nan")
    return float(((ops.outcome == Outcome.OK) & (ops.returned - ops.invoked <= limit_ms)).mean())


def last_unserved(trace: Trace, limit_ms: float = 1_000) -> float:
    """Return when the last request came that was not answered with success within a limit, ms; NaN if none.

    Requests that the end of the run leaves less time than the limit do not count.
    """
    ops = writes(trace)
    in_time = (ops.outcome == Outcome.OK) & (ops.returned - ops.invoked <= limit_ms)
    late = ops.invoked[~in_time & (ops.invoked < trace.duration_ms - limit_ms)]
    return float(late[-1]) if len(late) else float("nan")


def longest_silence(trace: Trace) -> tuple[float, float]:
    """Return the longest time without any answered write: begin and end, ms."""
    ops = writes(trace)
    answers = np.sort(ops.returned[ops.outcome == Outcome.OK])
    moments = np.concatenate([[0.0], answers, [trace.duration_ms]])
    longest = int(np.diff(moments).argmax())
    return float(moments[longest]), float(moments[longest + 1])


def _of(trace: Trace, server: int | None) -> Ops:
    ops, servers = writes(trace), trace.scenario.servers
    if server is None:
        return ops
    if not 0 <= server < servers:
        raise ValueError(f"server is {server}: this run has {servers} application servers, counted from 0.")
    return ops.where(ops.client == server)


def _busy(trace: Trace, ops: Ops) -> tuple[Floats, Floats]:
    """Return from when to when each write had a connection, ms: NaN where it never had one, infinite at the end."""
    leader = trace.nodes[0]
    states = trace.states
    crashes = states.begin[(states.node == 0) & ~states.up]
    times, lsns = trace.steps(leader, Position.APPENDED)
    room = int(max(lsns.max(initial=0), ops.lsn.max(initial=0))) + 1

    def key(moments: Floats, positions: Ints) -> Ints:  # after a crash the log uses its numbers again
        return np.searchsorted(crashes, moments, side="right") * room + positions

    begin = np.full(len(ops), np.nan)
    logged = ops.lsn >= 0
    begin[logged] = times[np.searchsorted(key(times, lsns), key(ops.invoked[logged], ops.lsn[logged]))]
    answers, upto = trace.steps(leader, Position.COMMITTED)
    committed = np.concatenate([answers, [np.inf]])[np.searchsorted(upto, ops.lsn)]
    broken = np.concatenate([crashes, [np.inf]])[np.searchsorted(crashes, np.nan_to_num(begin))]
    return begin, np.where(np.isnan(begin), np.nan, np.minimum(committed, broken))


def _committed(trace: Trace, ops: Ops, end: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which writes were committed at the end of their connection, and not broken off by a crash."""
    at_end = trace.at(trace.nodes[0], Position.COMMITTED, np.nan_to_num(end, nan=-1.0, posinf=-1.0))
    return (ops.lsn >= 0) & (at_end >= ops.lsn)


def _between(begins: Floats, ends: Floats, at_ms: ArrayLike) -> Ints:
    moments = np.asarray(at_ms, dtype=np.float64)
    came = np.searchsorted(np.sort(begins), moments, side="right")
    gone: Ints = np.searchsorted(np.sort(ends), moments, side="right")
    return came - gone
