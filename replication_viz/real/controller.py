"""A failover controller: it asks the leader for a sign of life, and when there is none promotes another node."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..scenario import LEADER, Partition, Scenario
from .closing import hang_up
from .cluster import Cluster
from .errors import LabError
from .server import DATABASE, PORT, USER

if TYPE_CHECKING:
    import psycopg

_POLL_S = 0.005


class Controller:
    """Stands beside one node and looks at the leader over that node's link; acts once.

    Parameters
    ----------
    promote : callable
        Makes a standby the leader.
    tell : callable
        Told what happens to a node: its name, ms from the start of the run, and what changes.
    """

    def __init__(
        self, cluster: Cluster, scenario: Scenario, promote: Callable[[str], None], tell: Callable[..., None]
    ) -> None:
        self._cluster, self._scenario = cluster, scenario
        self._promote, self._tell = promote, tell
        [self._seat] = scenario.seats()
        self._over = threading.Event()
        self._line: psycopg.Connection[Any] | None = None
        self._heard = self._zero = 0.0
        self._threads = [threading.Thread(target=job, daemon=True) for job in (self._ask, self._judge)]

    def begin(self, zero: float) -> None:
        """Start looking; moment 0 is `zero` on the monotonic clock, s."""
        self._zero = self._heard = zero
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Stop looking."""
        self._over.set()
        if self._line is not None:
            hang_up(self._line)
        for thread in self._threads:
            thread.join()

    def _now(self) -> float:
        return (time.monotonic() - self._zero) * 1000

    def _ask(self) -> None:
        """Ask for a sign of life at each heartbeat; a new connection where the old one broke."""
        import psycopg

        pause = self._scenario.heartbeat_ms / 1000
        while not self._over.is_set():
            try:
                with self._reached() as line:
                    self._line = line
                    while not self._over.wait(pause):
                        line.execute("SELECT 1")
                        self._heard = time.monotonic()
            except psycopg.Error:
                self._over.wait(pause)

    def _reached(self) -> psycopg.Connection[Any]:
        import psycopg

        if self._seat == LEADER:
            return self._cluster.servers[LEADER].connect()
        place = self._cluster.way(LEADER, self._seat)
        # A link that is cut lets a connection wait; the judge does not wait for it.
        return psycopg.connect(
            host=str(place), port=PORT, user=USER, dbname=DATABASE, autocommit=True, connect_timeout=2
        )

    def _judge(self) -> None:
        """Act when the leader has been silent for too long."""
        limit = self._scenario.detect_ms / 1000
        while not self._over.wait(_POLL_S):
            if time.monotonic() - self._heard >= limit:
                self._tell(self._seat, self._now(), suspects=LEADER)
                self._act()
                return

    def _act(self) -> None:
        scenario = self._scenario
        if scenario.fence == "stonith" and scenario.stonith_reaches:
            self._cluster.servers[LEADER].kill()
            self._tell(LEADER, self._now(), up=False, fenced=True)
        elif scenario.fence == "stonith" and scenario.fence_first:
            return
        try:
            self._promote(self._choice())
        except LabError:
            return

    def _choice(self) -> str:
        within = [name for name in self._scenario.standbys if self._reaches(name)]
        if self._scenario.promote == "most_advanced":
            return self._cluster.most_advanced(within)
        if self._scenario.promote == "first":
            return within[0] if within else self._cluster.most_advanced(within)
        return self._scenario.promote

    def _reaches(self, node: str) -> bool:
        now = self._now()
        return self._cluster.servers[node].runs() and not any(
            (self._seat in fault.nodes) != (node in fault.nodes)
            for fault in self._scenario.timeline
            if isinstance(fault, Partition) and fault.at_ms <= now < fault.until_ms
        )
