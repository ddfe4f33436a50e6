"""What a consistency level asks for: acknowledgements and live replicas in Cassandra, capacity in DynamoDB."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from math import ceil, prod
from typing import Literal, get_args

from ..scenario.levels import required
from .availability import at_least_k_up
from .fencing import majority

Level = Literal["ANY", "ONE", "TWO", "THREE", "QUORUM", "ALL", "LOCAL_ONE", "LOCAL_QUORUM", "EACH_QUORUM"]
ReadConsistency = Literal["eventual", "strong", "transactional"]

HINT_WINDOW_MS = 3 * 3_600_000.0
"""Cassandra's default ``max_hint_window``, ms: for a replica that is down longer no more hints are kept."""

_READ_UNITS: dict[ReadConsistency, float] = {"eventual": 0.5, "strong": 1.0, "transactional": 2.0}


def acks_required(
    level: Level, replicas: Mapping[str, int], local: str, joining: Mapping[str, int] | None = None
) -> int:
    """Return how many acknowledgements Cassandra waits for.

    Parameters
    ----------
    level : str
        The consistency level.
    replicas : mapping of str to int
        Replication factor of each datacentre, at least 1.
    local : str
        The coordinator's datacentre.
    joining : mapping of str to int, optional
        For writes: nodes of each datacentre that are about to take over a part of the ring (pending). Each adds one.

    Returns
    -------
    int
        May be more than there are replicas: then nothing is ever available. For ``EACH_QUORUM`` the sum over
        datacentres; each must also reach its own part.

    Raises
    ------
    ValueError
        If the level is unknown, the local datacentre has no replicas, or a number is out of its range.

    Source
    ------
    Apache Cassandra, ``ConsistencyLevel.java``, methods ``blockFor`` and ``blockForWrite``.

    Examples
    --------
    >>> two = {"dc1": 3, "dc2": 3}
    >>> [acks_required(level, two, "dc1") for level in ("QUORUM", "LOCAL_QUORUM", "EACH_QUORUM")]
    [4, 2, 4]
    """
    joining = joining or {}
    _check(level, replicas, local, joining)
    if level == "ANY":
        return 1  # a joining node changes nothing where a hint is enough
    places = joining if not level.startswith("LOCAL_") else {local}
    return sum(required(level, replicas, local).values()) + sum(joining.get(place, 0) for place in places)


def level_availability(
    level: Level, replicas: Mapping[str, int], local: str, p_up: float, down: Collection[str] = ()
) -> float:
    """Return the share of time in which an operation at a level is answered.

    Parameters
    ----------
    level, replicas, local
        As in `acks_required`. ``ANY`` is for writes alone: the coordinator's hint will do.
    p_up : float
        Probability that one replica is up, 0 to 1, each on its own.
    down : collection of str
        Datacentres that are out of reach as a whole.

    Raises
    ------
    ValueError
        As `acks_required`, or if a datacentre that is down has no replicas.

    Source
    ------
    Binomial tails: over all replicas in reach; over the local ones for ``LOCAL_…``; for ``EACH_QUORUM`` the product
    over datacentres. The coordinator is taken to be up, in a local datacentre that may have lost its replicas.

    Examples
    --------
    >>> two = {"dc1": 3, "dc2": 3}
    >>> [round(level_availability(level, two, "dc1", 0.99, down=["dc2"]), 6) for level in ("LOCAL_QUORUM", "QUORUM")]
    [0.999702, 0.0]
    """
    needed = acks_required(level, replicas, local)
    _check_names("down", down, replicas)
    in_reach = {name: 0 if name in down else count for name, count in replicas.items()}
    if level == "ANY":
        return 1.0
    if level == "EACH_QUORUM":
        return prod(at_least_k_up(in_reach[name], majority(count), p_up) for name, count in replicas.items())
    counted = in_reach[local] if level.startswith("LOCAL_") else sum(in_reach.values())
    return at_least_k_up(counted, needed, p_up)


def read_units(item_bytes: float, consistency: ReadConsistency = "eventual") -> float:
    """Return how many read capacity units one read of an item takes in DynamoDB.

    Parameters
    ----------
    item_bytes : float
        Size of the item, bytes, greater than 0.
    consistency : {"eventual", "strong", "transactional"}
        The kind of read; eventual where nothing is said.

    Raises
    ------
    ValueError
        If the size is not positive or the kind unknown.

    Source
    ------
    Amazon DynamoDB Developer Guide, "DynamoDB read consistency" and "Capacity unit consumption": sizes are rounded up
    to whole 4 KB; for each an eventually consistent read takes half a unit, a strongly consistent one 1, a
    transactional one 2.

    Examples
    --------
    >>> read_units(3_500), read_units(3_500, "strong")
    (0.5, 1.0)
    """
    if not item_bytes > 0:
        raise ValueError(f"item_bytes is {item_bytes}: it must be greater than 0.")
    if consistency not in _READ_UNITS:
        raise ValueError(f"consistency is {consistency!r}: it must be one of {', '.join(_READ_UNITS)}.")
    return ceil(item_bytes / 4096) * _READ_UNITS[consistency]


def _check(level: str, replicas: Mapping[str, int], local: str, joining: Mapping[str, int]) -> None:
    if level not in get_args(Level):
        raise ValueError(f"level is {level!r}: it must be one of {', '.join(get_args(Level))}.")
    if local not in replicas:
        raise ValueError(f"local is {local!r}: replicas are in {', '.join(replicas) or 'no datacentre'}.")
    for name, count in replicas.items():
        if count < 1:
            raise ValueError(f"replicas[{name!r}] is {count}: it must be at least 1.")
    _check_names("joining", joining, replicas)
    for name, count in joining.items():
        if count < 0:
            raise ValueError(f"joining[{name!r}] is {count}: it must be at least 0.")


def _check_names(what: str, names: Iterable[str], replicas: Mapping[str, int]) -> None:
    unknown = sorted(set(names) - set(replicas))
    if unknown:
        raise ValueError(f"{what} names {', '.join(unknown)}: replicas are in {', '.join(replicas)}.")
