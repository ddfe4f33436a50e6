"""A bare connection to a Valkey server: what the clients and the samples of a run need, and nothing that takes time."""

from __future__ import annotations

import selectors
import socket
import time

from .cluster import Cluster


class Line:
    """A connection to a node, straight to its socket; it names its password first.

    Attributes
    ----------
    received : bytes
        What has come and was not taken, without the answer to the password.
    sent : float
        When something was last sent, monotonic s.

    Raises
    ------
    OSError
        From each method: if the server is gone.
    """

    def __init__(self, cluster: Cluster, node: str) -> None:
        self.node = node
        self.received = b""
        self.sent = 0.0
        self._is_known = False
        self.socket = socket.socket(socket.AF_UNIX)
        try:
            self.socket.connect(str(cluster.servers[node].socket))
            self.socket.sendall(f"AUTH {cluster.password}\r\n".encode())
        except OSError:
            self.socket.close()
            raise

    def send(self, words: bytes) -> None:
        """Send commands."""
        self.sent = time.monotonic()
        self.socket.sendall(words)

    def read(self) -> None:
        """Take what has come."""
        data = self.socket.recv(2**16)
        if not data:
            raise ConnectionResetError
        self.received += data
        if not self._is_known and b"\r\n" in self.received:
            self._is_known = True
            self.received = self.received.partition(b"\r\n")[2]

    def lines(self) -> list[bytes]:
        """Return the whole lines that have come."""
        *lines, self.received = self.received.split(b"\r\n")
        return lines


def hang_up(selector: selectors.BaseSelector) -> None:
    """Close every connection that a selector watches, and the selector."""
    for key in list(selector.get_map().values()):
        key.data.socket.close()
    selector.close()
