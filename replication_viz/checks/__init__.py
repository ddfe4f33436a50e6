"""Checkers: a history or a trace in, violations out, each with its reason.

They take any history: of a run, of a real database, or from a CSV file. Which promises a configuration makes is not
judged here; each checker looks at one promise and says whether it was kept.
"""

from .history import History
from .leaders import one_leader_acknowledges, one_leader_per_term
from .linearizable import linearizability
from .operation import HistoryError, Operation
from .outcome import convergence, no_lost_write
from .sessions import (
    monotonic_reads,
    monotonic_writes,
    read_your_writes,
    session_guarantees,
    writes_follow_reads,
)
from .verdict import SESSION_GUARANTEES, Verdict, Violation

__all__ = [
    "SESSION_GUARANTEES",
    "History",
    "HistoryError",
    "Operation",
    "Verdict",
    "Violation",
    "convergence",
    "linearizability",
    "monotonic_reads",
    "monotonic_writes",
    "no_lost_write",
    "one_leader_acknowledges",
    "one_leader_per_term",
    "read_your_writes",
    "session_guarantees",
    "writes_follow_reads",
]
