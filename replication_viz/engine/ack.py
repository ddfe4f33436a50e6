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
    direct : sequence of str
        Those that stream from the leader: only they can count.
    """

    def __init__(self, rule: SyncRule, standbys: Sequence[str], direct: Sequence[str]) -> None:
        self.waits = rule.method != "async"
        self._any = rule.method == "any"
        self._count = rule.count
        numbers = {name: i for i, name in enumerate(standbys)}
        self._candidates = [numbers[name] for name in rule.candidates(direct)]

    def covered(self, reported: Sequence[int]) -> int:
        """Return the LSN up to which enough standbys have reported; ``BLOCKED`` if too few stream.

        Parameters
        ----------
        reported : sequence of int
            Each standby's position at the level that counts, as the leader knows it; ``BLOCKED`` for one that does not
            stream. Only such a one is passed over by ``FIRST``: a stuck one is not.
        """
        positions = [reported[i] for i in self._candidates]
        if self._any:
            positions.sort()
        else:
            positions = [p for p in positions if p != BLOCKED][: self._count]
        if len(positions) < self._count:
            return BLOCKED
        return positions[-self._count] if self._any else min(positions)
