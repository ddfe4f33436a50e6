"""Faults, done to real servers at their moments: signals, statements, and what the wires can do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial, singledispatchmethod
from typing import TYPE_CHECKING, Any

from ..scenario import (
    CancelWaits,
    Change,
    Crash,
    DropSlot,
    Fault,
    Freeze,
    LongQuery,
    PauseReplay,
    Promote,
    Rebuild,
    Restart,
    Scenario,
)
from .closing import hang_up
from .cluster import Cluster, rule_text
from .controller import Controller
from .links import Links

if TYPE_CHECKING:
    import psycopg

Deed = tuple[float, int, Callable[[], None]]


class Deeds:
    """The faults of a scenario, done to a cluster.

    Parameters
    ----------
    on_turn : callable
        Told what a node is from a moment on: its name, ms from the start, and what changes (up, role, timeline).
    """

    def __init__(self, cluster: Cluster, scenario: Scenario, on_turn: Callable[..., None]) -> None:
        self._cluster, self._scenario, self._tell = cluster, scenario, on_turn
        self._links = Links(cluster.wires, scenario, lambda: cluster.leader)
        self._queries: dict[str, tuple[psycopg.Connection[Any], int]] = {}
        self._down: set[str] = set()
        self._zero = 0.0
        self._helpers: list[threading.Thread] = []
        self._plan: list[Deed] = []
        self._controller = Controller(cluster, scenario, self.promote, on_turn) if scenario.seats() else None
        self._over = False

    def prepare(self) -> None:
        """Give each link the delay that it has now."""
        self._links.make()

    def run(self, zero: float) -> None:
        """Do each fault at its moment; returns at the end of the run. Moment 0 is `zero` on the monotonic clock, s."""
        self._zero = zero
        if self._controller is not None:
            self._controller.begin(zero)
        end = self._scenario.duration_ms
        for fault in self._scenario.timeline:
            self._add(fault.at_ms, partial(self._do, fault))
            self._add(fault.until_ms, partial(self._undo, fault))
        while self._plan:
            at, _, deed = min(self._plan, key=lambda planned: planned[:2])
            if at >= end:
                break
            self._plan.remove(next(planned for planned in self._plan if planned[2] is deed))
            self._sleep_until(at)
            deed()
        self._sleep_until(end)

    def end(self) -> None:
        """Undo what would keep the cluster from going on: frozen nodes, held links, open queries."""
        self._over = True
        if self._controller is not None:
            self._controller.end()
        for connection, _ in list(self._queries.values()):
            hang_up(connection)
        for helper in self._helpers:
            helper.join()
        for name in self._cluster.servers:
            if name not in self._down:
                self._cluster.servers[name].thaw()
        self._links.end()

    def _add(self, at: float, deed: Callable[[], None]) -> None:
        self._plan.append((at, len(self._plan), deed))

    def _sleep_until(self, at_ms: float) -> None:
        wait = self._zero + at_ms / 1000 - time.monotonic()
        if wait > 0:
            time.sleep(wait)

    def now(self) -> float:
        """Return ms from the start of the run."""
        return (time.monotonic() - self._zero) * 1000

    def aside(self, deed: Callable[[], None]) -> None:
        """Do something that takes long beside the rest."""
        thread = threading.Thread(target=deed, daemon=True)
        self._helpers.append(thread)
        thread.start()

    # -- what each fault does -------------------------------------------------------------------------------------

    @singledispatchmethod
    def _do(self, fault: Fault) -> None:
        self._links.strike(fault)

    @singledispatchmethod
    def _undo(self, fault: Fault) -> None:
        self._links.heal(fault)

    @_do.register
    def _(self, fault: Crash) -> None:
        self._cluster.changed = True
        self._down.add(fault.node)
        server = self._cluster.servers[fault.node]
        at = self._cluster.wires.crash(fault.node, server.family() or server.processes())
        self._tell(fault.node, (at - self._zero) * 1000, up=False)
        server.kill()

    @_do.register
    def _(self, fault: Restart) -> None:
        self._down.discard(fault.node)
        self.aside(partial(self._restart, fault.node))

    def _restart(self, node: str) -> None:
        self._cluster.servers[node].start()
        self._tell(node, self.now(), up=True)

    @_do.register
    def _(self, fault: Freeze) -> None:
        self._cluster.servers[fault.node].freeze()

    @_undo.register
    def _(self, fault: Freeze) -> None:
        self._cluster.servers[fault.node].thaw()

    @_do.register
    def _(self, fault: Promote) -> None:
        self.aside(partial(self.promote, fault.node))

    def promote(self, node: str) -> None:
        """Make a standby the leader; the standbys that live follow it if they reach it."""
        self._cluster.promote(node)
        self._tell(node, self.now(), leads=True)
        self.prepare()
        for name in self._scenario.standbys:
            if name != node and name not in self._down:
                self._cluster.join(name, node)

    @_do.register
    def _(self, fault: PauseReplay) -> None:
        self._cluster.servers[fault.node].ask("SELECT pg_wal_replay_pause()")

    @_undo.register
    def _(self, fault: PauseReplay) -> None:
        self._cluster.servers[fault.node].ask("SELECT pg_wal_replay_resume()")

    @_do.register
    def _(self, fault: LongQuery) -> None:
        connection = self._cluster.servers[fault.node].connect()
        self._queries[fault.node] = connection, connection.info.backend_pid
        self.aside(partial(self._query, fault.node, connection))

    def _query(self, node: str, connection: psycopg.Connection[Any]) -> None:
        import psycopg

        try:
            with connection, connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                connection.execute("SELECT count(*) FROM churn")
                connection.execute("SELECT pg_sleep(86400)")
        except psycopg.Error as error:
            if not self._over and error.sqlstate and node in self._queries:  # else it was ended at its time
                self._tell(node, self.now(), cancelled=error.sqlstate)

    @_undo.register
    def _(self, fault: LongQuery) -> None:
        if fault.node in self._queries:
            _, process = self._queries.pop(fault.node)
            self._cluster.servers[fault.node].ask("SELECT pg_terminate_backend(%s)", (process,))

    @_do.register
    def _(self, fault: DropSlot) -> None:
        self._cluster.servers[self._cluster.leader].ask("SELECT pg_drop_replication_slot(%s)", (fault.node,))

    @_do.register
    def _(self, fault: Rebuild) -> None:
        self.aside(partial(self._rebuild, fault.node))

    def _rebuild(self, node: str) -> None:
        server, leader = self._cluster.servers[node], self._cluster.leader
        server.kill()
        self._tell(node, self.now(), up=False)
        slot = server.settings.get("primary_slot_name", "")
        if slot:  # it may be lost, and a lost one is good for nothing
            self._cluster.renew_slot(slot)
        server.base_backup(self._cluster.way(leader, node))
        server.follow(self._cluster.way(leader, node), slot)
        server.start()
        self._tell(node, self.now(), up=True, rebuilt=True)

    @_do.register
    def _(self, fault: CancelWaits) -> None:
        self._cluster.servers[self._cluster.leader].ask(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        )

    @_do.register
    def _(self, fault: Change) -> None:
        setting, value = fault.setting, fault.value
        if setting in ("lag_ms", "network_ms"):
            self._links.strike(fault)
        elif setting in ("ack", "level"):
            name = {"ack": "synchronous_standby_names", "level": "synchronous_commit"}[setting]
            text = rule_text(self._scenario.sync_rule(str(value))) if setting == "ack" else str(value)
            self._cluster.servers[self._cluster.leader].configure({name: text})
            self._cluster.servers[self._cluster.leader].reload()
