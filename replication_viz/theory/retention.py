"""How long finite space for the log lasts: until a sleeping replica falls off, until a slot has filled the disk."""

from __future__ import annotations

import math


def time_until_full_s(free_bytes: float, bytes_per_s: float) -> float:
    """Return how long until a log that nobody may remove has filled the free space, s; infinite if none is written.

    The same rule tells when a replica that sleeps falls off: with the bytes that the leader keeps (``wal_keep_size``,
    ``max_slot_wal_keep_size``) in the place of the free space.

    Parameters
    ----------
    free_bytes : float
        Free space, bytes, at least 0.
    bytes_per_s : float
        Log written a second, bytes, at least 0.

    Raises
    ------
    ValueError
        If a number is negative.

    Source
    ------
    Space over rate. PostgreSQL counts whole segments, so the true moment is up to a segment's worth later, and a
    limit acts at the next checkpoint only.

    Examples
    --------
    >>> round(time_until_full_s(50 * 2**30, 5 * 2**20) / 3600, 4)
    2.8444
    """
    if not (free_bytes >= 0 and bytes_per_s >= 0):
        raise ValueError(f"free_bytes is {free_bytes} and bytes_per_s is {bytes_per_s}: both must be at least 0.")
    return free_bytes / bytes_per_s if bytes_per_s else math.inf


def base_backup_s(database_bytes: float, bytes_per_s: float) -> float:
    """Return how long a new base copy of a database takes over a link, s; infinite over a link that carries nothing.

    Parameters
    ----------
    database_bytes : float
        Size of the database, bytes, at least 0.
    bytes_per_s : float
        What disk and link carry together, bytes a second, at least 0.

    Source
    ------
    Size over rate. Meanwhile the leader must keep the log that it writes: rate of the log times this long.
    """
    return time_until_full_s(database_bytes, bytes_per_s)
