"""One server on a private socket: what can be done to its process, whatever its make."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod

from ..errors import LabError
from ..guard import Guard
from ..watchdog import working_in

PATIENCE_S = 30.0
_LOOK_AGAIN_S = 0.005


class Server(ABC):
    """One server. Its home inside the guard's folder holds its data, its socket and its log.

    Parameters
    ----------
    guard : Guard
        Ends it in the end.
    name : str
        Of the node, such as "s1".

    Attributes
    ----------
    home : Path
    socket : Path
        Where it listens.
    """

    def __init__(self, guard: Guard, name: str) -> None:
        self.guard, self.name = guard, name
        self.home = guard.make(name)
        self.socket = self.home / "s"
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def launch(self) -> None:
        """Start it; `wait_ready` waits until it takes connections."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it takes connections."""

    @abstractmethod
    def count(self) -> int:
        """Return how many writes it has."""

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        self.launch()
        self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until it takes connections.

        Raises
        ------
        LabError
            If it does not within half a minute.
        """
        deadline = time.monotonic() + PATIENCE_S
        while not self.answers():
            if not self.runs() or time.monotonic() > deadline:
                raise LabError(f"{self.name} did not start; its log ends: {self.said()[-1:]}")
            time.sleep(_LOOK_AGAIN_S)

    def runs(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it at once, as a crash does, with any child that it may have forked off."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE_S)
        for process in working_in(self.home):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def freeze(self) -> None:
        """Let it do nothing."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def said(self) -> list[str]:
        """Return the lines of its log."""
        file = self.home / "log"
        return file.read_text(errors="replace").splitlines() if file.exists() else []
