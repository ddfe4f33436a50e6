"""A primary and its replicas whose servers know each other by TCP only; each pair joined by a wire."""

from __future__ import annotations

import secrets
import socket
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

from ...scenario import LEADER
from ...scenario.limits import MAX_REPLICAS
from ..errors import LabError
from ..guard import Guard
from ..wires import Wires
from .server import Server

HOST = "127.0.0.1"
_TRIES = 5


OneServer = TypeVar("OneServer", bound=Server)


class Cluster(ABC, Generic[OneServer]):
    """A primary L and replicas s1, s2, …; a context manager.

    The servers listen on Unix sockets in a private folder and on no port. But a replica reaches its primary over TCP
    only, so each wire listens on a port of 127.0.0.1 that is free. Who connects there gets nothing without a password,
    which is drawn anew for each cluster.

    Attributes
    ----------
    servers : dict of str to Server
        The nodes, the first primary first.
    leader : str
        The node that was last made the primary.
    wires : Wires
        The links.
    changed : bool
        Whether the next run must begin anew.
    """

    def __init__(self, replicas: int, folder: Path | None) -> None:
        if not 0 <= replicas <= MAX_REPLICAS:
            raise LabError(f"replicas is {replicas}: it must be from 0 to {MAX_REPLICAS}.")
        self.replicas = replicas
        self.leader, self.changed = LEADER, False
        self.servers: dict[str, OneServer] = {}
        self.password = secrets.token_hex(24)
        self._folder = folder
        self._ports: dict[tuple[str, str], int] = {}

    @abstractmethod
    def _make(self) -> None:
        """Find the programs and make the servers; `guard` and `wires` are there."""

    @abstractmethod
    def reset(self) -> None:
        """Begin anew with empty servers, all of them replicas of L over wires without delay."""

    @abstractmethod
    def join(self, node: str) -> None:
        """Let a node be a replica of the leader."""

    @abstractmethod
    def promote(self, node: str) -> int:
        """Make a replica the primary, and return how many writes it has. Nobody follows it yet: see `join`."""

    @abstractmethod
    def history(self, node: str) -> str:
        """Return whose log a node has."""

    @abstractmethod
    def cancel_waits(self) -> None:
        """Let the leader answer everyone who waits for replicas."""

    @abstractmethod
    def check_programs(self) -> None:
        """Raise a `MissingServerError` if there are no programs to start."""

    def __enter__(self) -> Self:
        self.check_programs()
        self.guard = Guard(self._folder)
        try:
            self.wires = Wires(self.guard.folder)
            self._make()
            self.reset()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End everything; the folder goes."""
        for server in self.servers.values():
            server.kill()
        wires = getattr(self, "wires", None)
        if wires is not None:
            wires.close()
        self.guard.close()

    @property
    def standbys(self) -> tuple[str, ...]:
        """The names of the nodes but the first."""
        return tuple(self.servers)[1:]

    def crash(self, node: str) -> float:
        """End a node at once. What it has sent and nobody has got is lost with it, as when its machine dies.

        Returns
        -------
        float
            When that was, monotonic s.
        """
        self.changed = True
        self.servers[node].freeze()  # it must send nothing more to a replica that connects anew
        severed = [self.wires.sever(*pair) for pair in self.wires.pairs if node in pair]
        self.servers[node].kill()
        return min(severed, default=time.monotonic())

    def begin_anew(self, replicas: int) -> None:
        """Make ready for a run with so many replicas.

        Raises
        ------
        LabError
            If there is another number of them.
        """
        if self.replicas != replicas:
            raise LabError(f"the cluster has {self.replicas} replicas: the scenario has {replicas}.")
        if self.changed:
            self.reset()
        self.changed = True

    # -- links ----------------------------------------------------------------------------------------------------

    def way(self, source: str, target: str) -> int:
        """Return the port on which a node, `target`, reaches another one's server."""
        for left in reversed(range(_TRIES)):
            if (source, target) in self._ports:
                break
            port = _free_port()
            try:
                self.wires.add(
                    source, target, listen=(HOST, port), server=self.servers[source].socket, replication=False
                )
            except LabError:  # somebody else took the port in between
                if not left:
                    raise
                continue
            self._ports[source, target] = port
        return self._ports[source, target]

    def calm(self) -> None:
        """Let every link carry at once, both ways; what was on its way is lost."""
        for source, target in self.wires.pairs:
            self.wires.sever(source, target)
            for ends in ((source, target), (target, source)):
                self.wires.delay(*ends, 0.0)
                self.wires.bandwidth(*ends, 0.0)
                self.wires.release(*ends)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])
