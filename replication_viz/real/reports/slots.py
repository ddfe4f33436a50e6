"""Replication slots, as `pg_replication_slots` shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...lsn import Lsn
from .cells import position, truth, whole
from .tables import Source, need, read_table, text_of

WHAT = "the slots"


@dataclass(frozen=True)
class Slot:
    """One replication slot.

    Attributes
    ----------
    name : str
    kind : str
        ``physical`` or ``logical``.
    active : bool or None
        Whether somebody streams through it; None if it is not known.
    restart : Lsn or None
        The oldest log that it keeps; None if it keeps none.
    status : str
        ``reserved``, ``extended``, ``unreserved`` or ``lost``; empty before PostgreSQL 13.
    safe_bytes : int or None
        ``safe_wal_size``: log that may still be written before it is in danger.
    """

    name: str
    kind: str
    active: bool | None
    restart: Lsn | None
    status: str
    safe_bytes: int | None


def read_slots(source: Source | None) -> tuple[Slot, ...] | None:
    """Return the slots in a text or a file of `pg_replication_slots`; None for None: they are not known.

    Raises
    ------
    LabError
        If it holds no slots: one sentence with what is wrong.
    """
    if source is None:
        return None
    table = read_table(text_of(source, WHAT), WHAT)
    need(table, ("slot_name", "active", "restart_lsn"))
    return from_rows(list(table.rows))


def from_rows(rows: list[dict[str, str]]) -> tuple[Slot, ...]:
    """Return the slots in rows of `pg_replication_slots`."""
    return tuple(_slot(row, number) for number, row in enumerate(rows, start=1))


def _slot(row: Mapping[str, str], number: int) -> Slot:
    def where(column: str) -> str:
        return f"{column} in row {number} of {WHAT}"

    return Slot(
        name=row["slot_name"],
        kind=row.get("slot_type", ""),
        active=truth(row["active"], where("active")),
        restart=position(row["restart_lsn"], where("restart_lsn")),
        status=row.get("wal_status", "").lower(),
        safe_bytes=whole(row.get("safe_wal_size", ""), where("safe_wal_size")),
    )
