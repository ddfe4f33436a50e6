"""The links of the real lab, from the notebook's side: one process carries the bytes, these are its commands."""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .errors import LabError
from .postgres_stream import DATA, STATUS
from .wire_direction import SHAPES

__all__ = ["DATA", "STATUS", "Messages", "Wires"]

_PATIENCE_S = 10.0
_RECORD = np.dtype(
    {
        "names": ["wire", "connection", "kind", "forward", "lost", "read_at", "written_at", "lsns"],
        "formats": ["<u2", "<u2", "u1", "?", "?", "<f8", "<f8", ("<u8", 3)],
        "offsets": [0, 2, 4, 5, 6, 8, 16, 24],
        "itemsize": 48,
    }
)


@dataclass(frozen=True)
class Messages:
    """Messages of PostgreSQL's replication stream that the wires carried: columns of one length, in order of reading.

    Attributes
    ----------
    source, target : ndarray of str
        The nodes of the wire: the server's, and its client's. Data go from source to target, statuses back.
    connection : ndarray of int
        The same number: the same connection; counted over all wires.
    kind : ndarray of str
        `DATA` (a part of the log) or `STATUS` (a standby's report).
    read_at : ndarray of float
        When its first bytes were read from the sender, monotonic s.
    written_at : ndarray of float
        When its last byte was written to the receiver, monotonic s; when it was dropped if it is lost.
    lost : ndarray of bool
        It never arrived: the wire was severed, or the receiver was gone.
    lsns : ndarray of int, shape (n, 3)
        Data: where the part begins and ends, and the end of the sender's log. Status: written, flushed, applied. Bytes.
    """

    source: NDArray[np.str_]
    target: NDArray[np.str_]
    connection: NDArray[np.int64]
    kind: NDArray[np.str_]
    read_at: NDArray[np.float64]
    written_at: NDArray[np.float64]
    lost: NDArray[np.bool_]
    lsns: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.read_at)

    def where(self, chosen: NDArray[np.bool_]) -> Messages:
        """Return those for which the mask, shape (n,), holds."""
        return Messages(**{name: column[chosen] for name, column in vars(self).items()})


class Wires:
    """Wires between nodes on one machine, carried by a process of their own; a context manager.

    A wire is a path on which a node reaches another one's server. It has a direction each way; wires between the same
    two nodes share them, and so do all connections over a wire. A setting of a direction holds until it is changed.
    Each command returns when it had taken effect, monotonic s. Any thread may call.

    Parameters
    ----------
    folder : Path
        A private folder: the records and what the process says when it fails lie in it.

    Raises
    ------
    LabError
        From each command: if the process of the wires has ended or does not answer, if there is no such wire, if a
        number is out of its range.
    """

    def __init__(self, folder: Path) -> None:
        self._records, self._log = folder / "wires.records", folder / "wires.log"
        self._records.touch()
        self._pairs: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        self._number = 0
        self._control, inner = socket.socketpair()
        self._control.settimeout(_PATIENCE_S)
        self._answers = self._control.makefile("rb")
        program = Path(__file__).with_name("wire_process.py")
        with inner, self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(program), str(self._records), str(os.getpid())],
                stdin=inner.fileno(),
                stdout=log,
                stderr=log,
                cwd=folder,  # the folder's watchdog ends what works in it
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Source and target of each wire, in the order in which they were added."""
        return tuple(self._pairs)

    def add(
        self, source: str, target: str, *, listen: Path | tuple[str, int], server: Path, replication: bool = True
    ) -> float:
        """Add a wire, without delay or limit unless one between these nodes was set before.

        Parameters
        ----------
        source : str
            The node whose server is reached.
        target : str
            The node that connects.
        listen : Path or (str, int)
            Where it connects to; a socket is made there. Whoever may enter the folder may connect. A host and a port
            are for servers that follow over TCP only: there anybody on this machine may connect.
        server : Path
            The server's own socket; it need not be there yet.
        replication : bool
            Whether messages of PostgreSQL's replication stream are noted.
        """
        with self._lock:
            place = str(listen) if isinstance(listen, Path) else listen
            at = self._tell("add", source, target, listen=place, server=str(server), replication=replication)
            self._pairs.append((source, target))
        return at

    def delay(
        self,
        source: str,
        target: str,
        ms: float,
        spread: float = 0.0,
        *,
        shape: str = "lognormal",
        seed: int = 0,
        extra_ms: float = 0.0,
    ) -> float:
        """Set how long bytes take from one node to the other. Nothing overtakes what is on its way already.

        Parameters
        ----------
        ms : float
            The median (lognormal) or the mean (other shapes), one way, ms, at least 0.
        spread : float
            How much it varies, at least 0: sigma of the lognormal. It changes every 10 ms, as in the simulator.
        shape : str
            As a scenario's `network_shape`.
        extra_ms : float
            What is added and does not vary, ms, at least 0.
        """
        _check(ms=ms, spread=spread, extra_ms=extra_ms)
        if shape not in SHAPES:
            raise LabError(f"shape is {shape!r}: it must be one of {', '.join(SHAPES)}.")
        values = {"ms": ms, "spread": spread, "shape": shape, "seed": seed, "extra_ms": extra_ms}
        return self._command("delay", source, target, **values)

    def bandwidth(self, source: str, target: str, mbit: float) -> float:
        """Limit what is carried from one node to the other, Mbit/s; 0 is no limit."""
        _check(mbit=mbit)
        return self._command("bandwidth", source, target, mbit=mbit)

    def hold(self, source: str, target: str, *, both_ways: bool = False) -> float:
        """Let nothing through from one node to the other: bytes and new connections wait, as in a partition."""
        return self._command("hold", source, target, both_ways=both_ways)

    def release(self, source: str, target: str, *, both_ways: bool = False) -> float:
        """Let through again. What waited goes on at once if its delay is over."""
        return self._command("release", source, target, both_ways=both_ways)

    def sever(self, source: str, target: str) -> float:
        """Close all connections between two nodes. What is on its way, either way, is lost; new ones can be made."""
        return self._command("sever", source, target)

    def crash(self, node: str, processes: Sequence[int]) -> float:
        """End processes and close all connections of their node, as `sever` does, at one moment.

        Here and not in the caller: when a server dies all its clients want the interpreter, and a caller that did one
        after the other would be held up between the two.
        """
        with self._lock:
            return self._tell("crash", node, "", processes=list(processes))

    def messages(self, since: float = -math.inf) -> Messages:
        """Return what has arrived or was lost by now; messages that are on their way are not among them.

        Parameters
        ----------
        since : float
            Those read from then on, monotonic s.
        """
        with self._lock:
            if not self._answers.closed:
                self._tell("flush", "", "")
            pairs = self._pairs or [("", "")]
        rows = np.fromfile(self._records, _RECORD)
        rows = rows[rows["read_at"] >= since]
        rows = rows[np.argsort(rows["read_at"], kind="stable")]
        nodes = np.array(pairs)[rows["wire"]]
        return Messages(
            source=nodes[:, 0],
            target=nodes[:, 1],
            connection=rows["connection"].astype(np.int64),
            kind=np.where(rows["kind"] == ord(DATA), DATA, STATUS),
            read_at=rows["read_at"].copy(),
            written_at=rows["written_at"].copy(),
            lost=rows["lost"].copy(),
            lsns=rows["lsns"].astype(np.int64),
        )

    def close(self) -> None:
        """End the process; all connections close, what is on its way is lost. Nothing happens the second time."""
        with self._lock:
            self._answers.close()
            self._control.close()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _command(self, do: str, source: str, target: str, **values: Any) -> float:
        with self._lock:
            if not {(source, target), (target, source)} & set(self._pairs):
                known = ", ".join(f"{one}–{other}" for one, other in self._pairs) or "none"
                raise LabError(f"there is no wire between {source!r} and {target!r}; there is: {known}.")
            return self._tell(do, source, target, **values)

    def _tell(self, do: str, source: str, target: str, **values: Any) -> float:
        """Send a command and return when it had taken effect."""
        self._number += 1
        command = {"number": self._number, "do": do, "source": source, "target": target, **values}
        try:
            self._control.sendall(json.dumps(command).encode() + b"\n")
            answer = self._answer()
        except TimeoutError:
            raise LabError(f"the process of the wires has not answered for {_PATIENCE_S:g} s.") from None
        except (OSError, ValueError):
            raise LabError(f"the process of the wires has ended{self._last_words()}.") from None
        if "error" in answer:
            raise LabError(f"the wire from {target!r} to {source!r} cannot be made: {answer['error']}.")
        return float(answer["at"])

    def _answer(self) -> dict[str, Any]:
        """Return the answer to the last command; one that was interrupted may have left its own."""
        answer: dict[str, Any] = {}
        while answer.get("number") != self._number:
            answer = json.loads(self._answers.readline())  # a ValueError where the stream has ended
        return answer

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").split("\n") if self._log.exists() else []
        said = [line for line in lines if line.strip()]
        return f"; it said: {said[-1]}" if said else ""


def _check(**values: float) -> None:
    for name, value in values.items():
        if not 0 <= value < math.inf:
            raise LabError(f"{name} is {value}: it must be a number from 0 up.")
