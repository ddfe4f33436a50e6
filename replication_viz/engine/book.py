"""The book of a leaderless run: every operation of the clients, and what each version is."""

from __future__ import annotations

import numpy as np

from ..trace import OpKind, Ops, Outcome


class Book:
    """Operations in order of invocation. The n-th write makes version n; the greatest version of a key wins.

    Attributes
    ----------
    key_of, made_at : list
        By version: its key, and when it was asked for, ms. There is no version 0.
    """

    def __init__(self, tombstone_ms: float) -> None:
        self._tombstone_ms = tombstone_ms
        self._client: list[int] = []
        self._kind: list[int] = []
        self._key: list[int] = []
        self._value: list[int] = []
        self._invoked: list[float] = []
        self._returned: list[float] = []
        self._outcome: list[int] = []
        self._node: list[int] = []
        self._lsn: list[int] = []
        self.key_of = [-1]
        self.made_at = [0.0]
        self._is_delete = [False]

    def write(self, client: int, key: int, is_delete: bool, now: float) -> tuple[int, int]:
        """Note that a client writes or deletes; return the operation's number and its version."""
        version = len(self.key_of)
        self.key_of.append(key)
        self.made_at.append(now)
        self._is_delete.append(is_delete)
        return self._note(client, OpKind.DELETE if is_delete else OpKind.WRITE, key, version, now), version

    def read(self, client: int, key: int, now: float) -> int:
        """Note that a client reads; return the operation's number."""
        return self._note(client, OpKind.READ, key, -1, now)

    def serve(self, row: int, node: int, version: int = -1) -> None:
        """Note by which node an operation is served, and the version that it sends on its way."""
        self._node[row] = node
        self._lsn[row] = version

    def answer(self, row: int, outcome: Outcome, now: float) -> bool:
        """Note what the client is told; return False if it has been told before."""
        if not np.isnan(self._returned[row]):
            return False
        self._returned[row] = now
        self._outcome[row] = outcome
        return True

    def show(self, row: int, version: int) -> None:
        """Note what a read shows: a version, of which a tombstone has no value; 0 is nothing."""
        self._lsn[row] = version
        if version and not self._is_delete[version]:
            self._value[row] = version

    def is_told(self, row: int) -> bool:
        """Return whether the client has been told."""
        return not np.isnan(self._returned[row])

    def is_delete(self, version: int) -> bool:
        """Return whether a version is a tombstone."""
        return self._is_delete[version]

    def forgotten_at(self, version: int) -> float:
        """Return when nodes forget a tombstone, ms; infinite for a version that is none."""
        return self.made_at[version] + self._tombstone_ms if self._is_delete[version] else float("inf")

    def client(self, row: int) -> int:
        """Return whose operation it is."""
        return self._client[row]

    def key(self, row: int) -> int:
        """Return which key an operation is about."""
        return self._key[row]

    def is_write(self, row: int) -> bool:
        """Return whether an operation is a write or a delete."""
        return self._kind[row] != OpKind.READ

    def ops(self) -> Ops:
        """Return the operations as a table."""
        return Ops(
            client=np.array(self._client, dtype=np.int64),
            kind=np.array(self._kind, dtype=np.int8),
            key=np.array(self._key, dtype=np.int64),
            value=np.array(self._value, dtype=np.int64),
            invoked=np.array(self._invoked, dtype=np.float64),
            returned=np.array(self._returned, dtype=np.float64),
            outcome=np.array(self._outcome, dtype=np.int8),
            node=np.array(self._node, dtype=np.int8),
            lsn=np.array(self._lsn, dtype=np.int64),
        )

    def _note(self, client: int, kind: OpKind, key: int, value: int, now: float) -> int:
        self._client.append(client)
        self._kind.append(kind)
        self._key.append(key)
        self._value.append(value)
        self._invoked.append(now)
        self._returned.append(float("nan"))
        self._outcome.append(Outcome.UNKNOWN)
        self._node.append(0)
        self._lsn.append(-1)
        return len(self._client) - 1
