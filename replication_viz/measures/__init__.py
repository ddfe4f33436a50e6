"""Numbers from a trace, vectorised. What is counted and how is said here, once; pictures and tables only show it.

One file per question: answers, lags, what systems report of them, alarms, the log, losses, retries after a failover,
connection pools, reads, what the tables hold and what a restore brings back, and the table of all numbers.
"""

from .alerts import Ring, Rule, alarms, users_notice
from .answers import Latency, answered_within, commit_latency, latency_curve, oldest_waiting, waiting, writes
from .lags import LagKind, lag, lag_curve, lag_writes
from .log import dead_rows, disk_full_ms, fell_off_ms, kept_log_mb, pinned_log_mb, wal_status
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
from .reports import lag_by_clock, lag_bytes, reported_lag, reported_position, seconds_behind_master
from .retrying import Retried, retries
from .table import Measure, summary
from .tables import Restored, Rows, locked_ms, restore, rows, rows_at, ruined_everywhere_ms

__all__ = [
    "LagKind",
    "Latency",
    "Loss",
    "Measure",
    "OldReads",
    "Restored",
    "Retried",
    "Ring",
    "Rows",
    "Rule",
    "alarms",
    "answered_within",
    "availability",
    "commit_latency",
    "commit_time",
    "connections",
    "dead_rows",
    "disk_full_ms",
    "fell_off_ms",
    "in_rotation",
    "kept_log_mb",
    "lag",
    "lag_by_clock",
    "lag_bytes",
    "lag_curve",
    "lag_writes",
    "last_unserved",
    "last_write",
    "latency_curve",
    "locked_ms",
    "longest_silence",
    "loss",
    "loss_sentence",
    "old_reads",
    "oldest_waiting",
    "pinned_log_mb",
    "queueing",
    "reported_lag",
    "reported_position",
    "restore",
    "retries",
    "rows",
    "rows_at",
    "ruined_everywhere_ms",
    "seconds_behind_master",
    "stale_reads",
    "summary",
    "turned_away",
    "users_notice",
    "waiting",
    "wal_status",
    "writes",
]
