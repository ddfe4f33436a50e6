"""Numbers from a trace, vectorised. What is counted and how is said here, once; pictures and tables only show it.

One file per question: answers, lags, losses, retries after a failover, reads, and the table of them all.
"""

from .answers import Latency, answered_within, commit_latency, latency_curve, oldest_waiting, waiting, writes
from .lags import LagKind, lag, lag_curve, lag_writes
from .losses import Loss, loss, loss_sentence
from .reads import last_write, stale_reads
from .retrying import Retried, retries
from .table import Measure, summary

__all__ = [
    "LagKind",
    "Latency",
    "Loss",
    "Measure",
    "Retried",
    "answered_within",
    "commit_latency",
    "lag",
    "lag_curve",
    "lag_writes",
    "last_write",
    "latency_curve",
    "loss",
    "loss_sentence",
    "oldest_waiting",
    "retries",
    "stale_reads",
    "summary",
    "waiting",
    "writes",
]
