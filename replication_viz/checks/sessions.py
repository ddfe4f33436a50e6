"""The four session guarantees: what a session that wrote and read may expect of what it reads and writes next.

A guarantee is judged key by key. What is older than what is told by the log: by positions, within a term, and a later
term is newer; where a history has no positions, a write is older than another if it was answered before the other was
asked. Where operations say which writes their node held (`Operation.seen`), those are compared instead.

Within a session an operation comes before another if it was answered by the time the other was asked. A compare-and-set
counts as the write that it made, not as a read.

Source: Terry, Demers, Petersen, Spreitzer, Theimer & Welch, "Session Guarantees for Weakly Consistent Replicated Data",
PDIS 1994.
"""

from __future__ import annotations

from ..trace import Trace
from . import seen_sets, versions
from .history import History
from .verdict import (
    MONOTONIC_READS,
    MONOTONIC_WRITES,
    READ_YOUR_WRITES,
    SESSION_GUARANTEES,
    WRITES_FOLLOW_READS,
    Verdict,
    count,
)


def session_guarantees(source: Trace | History) -> dict[str, Verdict]:
    """Return the verdict on each of the four guarantees, by its name.

    Examples
    --------
    >>> history = History.from_csv('''session,kind,key,value,call_ms,return_ms,node
    ... a,write,x,1,0,2,L
    ... a,read,x,,3,3,s1''')
    >>> [name for name, verdict in session_guarantees(history).items() if not verdict.holds]
    ['read your writes']
    """
    history = as_history(source)
    violations = versions.violations(history) + seen_sets.violations(history)
    violations.sort(key=lambda violation: violation.end_ms)
    sessions = len({operation.session for operation in history})
    of = f"{count(len(history), 'operation')} of {count(sessions, 'session')}"
    return {
        promise: Verdict(promise, of, tuple(v for v in violations if v.promise == promise))
        for promise in SESSION_GUARANTEES
    }


def read_your_writes(source: Trace | History) -> Verdict:
    """Return each read that did not show what its own session had written, or anything newer."""
    return session_guarantees(source)[READ_YOUR_WRITES]


def monotonic_reads(source: Trace | History) -> Verdict:
    """Return each read that showed something older than an earlier read of its session."""
    return session_guarantees(source)[MONOTONIC_READS]


def monotonic_writes(source: Trace | History) -> Verdict:
    """Return each write that was put before an earlier write of its session."""
    return session_guarantees(source)[MONOTONIC_WRITES]


def writes_follow_reads(source: Trace | History) -> Verdict:
    """Return each write that was put before a write that its session had read."""
    return session_guarantees(source)[WRITES_FOLLOW_READS]


def as_history(source: Trace | History) -> History:
    """Return the history of a run, or the history itself."""
    return source if isinstance(source, History) else History.of(source)
