"""What a scenario says about a database with several leaders: regions, exchange, conflicts."""

from __future__ import annotations

from .errors import Checked
from .field import knob


class MultiLeader(Checked):
    """The settings of several leaders, one in each region, which send each other what they have taken."""

    leaders: int = knob("leaders", 2, (2, 5), (2, 5, 1), "", "leaders, one in each region")

    def leader_names(self) -> tuple[str, ...]:
        """Return the names of the leaders: L1, L2, …"""
        return tuple(f"L{i}" for i in range(1, self.leaders + 1))
