"""Connections whose server is gone, or may never answer again."""

from __future__ import annotations

import contextlib
import os
import select
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg


def hang_up(connection: psycopg.Connection[Any]) -> None:
    """Close a connection's way to its server: a thread that waits for an answer gets an error instead."""
    import psycopg

    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def has_ended(connection: psycopg.Connection[Any]) -> bool:
    """Whether the server has hung up a connection over which nothing was asked: then there is something to read."""
    return bool(select.select([connection.fileno()], [], [], 0)[0])
