"""Numbers from a trace, vectorised. What is counted and how is said here, once; pictures and tables only show it.

One file per question: answers, lags, losses, retries after a failover, connection pools, reads, and the table of all.
"""

from .answers import Latency, answered_within, commit_latency, latency_curve, oldest_waiting, waiting, writes
from .lags import LagKind, lag, lag_curve, lag_writes
from .losses import Loss, loss, loss_sentence
from .pool import (
    availability,
    commit_time,
    connections,
    in_rotation,
    last_unserved,
    longest_silence,
    queueing,
    turned_away,
)
from .reads import OldReads, last_write, old_reads, stale_reads
from .retrying import Retried, retries
from .table import Measure, summary

__all__ = [
    "LagKind",
    "Latency",
    "Loss",
    "Measure",
    "OldReads",
    "Retried",
    "answered_within",
    "availability",
    "commit_latency",
    "commit_time",
    "connections",
    "in_rotation",
    "lag",
    "lag_curve",
    "lag_writes",
    "last_unserved",
    "last_write",
    "latency_curve",
    "longest_silence",
    "loss",
    "loss_sentence",
    "old_reads",
    "oldest_waiting",
    "queueing",
    "retries",
    "stale_reads",
    "summary",
    "turned_away",
    "waiting",
    "writes",
]
