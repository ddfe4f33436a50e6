"""What a scenario says about a database without a leader: copies, quorums, repair."""

from __future__ import annotations

from .errors import Checked
from .field import knob


class Leaderless(Checked):
    """The settings of a leaderless database: any node takes a write and sends it to the copies."""

    members: int = knob("nodes", 5, (1, 12), (1, 9, 1), "", "nodes of a leaderless database")

    def member_names(self) -> tuple[str, ...]:
        """Return the names of the nodes: n1, n2, …"""
        return tuple(f"n{i}" for i in range(1, self.members + 1))
