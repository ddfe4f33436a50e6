"""What a scenario says about reads: who reads where, and what a session that has just written is promised."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .errors import Checked
from .field import knob


class Sessions(Checked):
    """The settings of reads and sessions. A client is a session."""

    reads_per_s: float = knob("read rate", 0, (0, 1_000_000), (0, 2_000, 10), "reads/s", "how many reads arrive")
    read_from: str = Field(
        "random",
        title="read from",
        max_length=20,
        description="a 'random' replica, each in turn ('round_robin'), the 'nearest', or the name of a node",
    )
    reread_ms: float = knob(
        "reads its write after",
        -1,
        (-1, 600_000),
        (-1, 2_000, 1),
        "ms",
        "each client reads what it wrote so long after the answer; -1: it does not",
    )
    session: Literal["none", "pin", "lsn", "causal", "sticky"] = Field(
        "none",
        title="sessions",
        description="a client reads anywhere; from the leader for a while after a write; only where its write, or also "
        "what it has read ('causal'), is replayed; or always from one and the same replica",
    )
    pin_ms: float = knob(
        "pinned for",
        1_000,
        (0, 600_000),
        (0, 5_000, 50),
        "ms",
        "so long after a write its client reads from the leader",
    )
    lsn_wait_ms: float = knob(
        "waits at most", 50, (0, 600_000), (0, 1_000, 10), "ms", "then a read that tracks an LSN goes to the leader"
    )
