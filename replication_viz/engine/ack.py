"""When a commit is acknowledged: what the leader makes of the positions that its replicas report.

Source: PostgreSQL, ``src/backend/replication/syncrep.c`` (SyncRepGetSyncRecPtr).
"""

from __future__ import annotations

from collections.abc import Sequence

from ..scenario import SyncRule

BLOCKED = -1


class AckRule:
    """A rule of ``synchronous_standby_names`` applied to the standbys of one run.

    Parameters
    ----------
    rule : SyncRule
        What the setting says.
    standbys : sequence of str
        The standbys, numbered in this order.
    """

    def __init__(self, rule: SyncRule, standbys: Sequence[str]) -> None:
        self.rule = rule
        numbers = {name: i for i, name in enumerate(standbys)}
        self.candidates = [numbers[name] for name in rule.candidates(standbys)]

    def covered(self, reported: Sequence[int], connected: Sequence[bool]) -> int | None:
        """Return the LSN up to which enough standbys have reported.

        Parameters
        ----------
        reported : sequence of int
            Each standby's position at the level that counts, as the leader knows it.
        connected : sequence of bool
            Whether each has a connection; ``FIRST`` passes over a standby only when it has none.

        Returns
        -------
        int or None
            ``BLOCKED`` if too few are connected; None if the rule waits for nobody.
        """
        rule = self.rule
        if rule.method == "async":
            return None
        if rule.method == "any":
            positions = sorted((reported[i] for i in self.candidates if connected[i]), reverse=True)
            return positions[rule.count - 1] if len(positions) >= rule.count else BLOCKED
        first = [reported[i] for i in self.candidates if connected[i]][: rule.count]
        return min(first) if len(first) == rule.count else BLOCKED
