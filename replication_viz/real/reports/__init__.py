"""Bring your own: what samples of `pg_stat_replication` and settings say about a replication that is yours.

Nothing here starts a server, and nothing writes to one.
"""

from .checklist import Line
from .dsn import from_dsn
from .lags import Lag, Spread, StandbyLag, WriteRate
from .loss import Candidate, LossWindow, Rule
from .report import Report, from_csv

__all__ = [
    "Candidate",
    "Lag",
    "Line",
    "LossWindow",
    "Report",
    "Rule",
    "Spread",
    "StandbyLag",
    "WriteRate",
    "from_csv",
    "from_dsn",
]
