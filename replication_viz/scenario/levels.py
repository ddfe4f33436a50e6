"""What a consistency level asks for, and how copies are spread over places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

ANYWHERE = "*"
_COUNTED = {"ANY": 1, "ONE": 1, "TWO": 2, "THREE": 3}


def required(level: str, replicas: Mapping[str, int], local: str) -> dict[str, int]:
    """Return how many answers a level waits for, by place; ``ANYWHERE`` stands for all places together.

    Parameters
    ----------
    level : str
        Cassandra's name of it.
    replicas : mapping of str to int
        How many copies each place (datacentre) has.
    local : str
        The coordinator's place.

    Source
    ------
    Apache Cassandra, ``ConsistencyLevel.java``, method ``blockFor``.

    Examples
    --------
    >>> required("EACH_QUORUM", {"east": 3, "west": 3}, "east")
    {'east': 2, 'west': 2}
    """
    if level == "EACH_QUORUM":
        return {place: _majority(count) for place, count in replicas.items()}
    if level == "LOCAL_QUORUM":
        return {local: _majority(replicas[local])}
    if level == "LOCAL_ONE":
        return {local: 1}
    total = sum(replicas.values())
    counts = {**_COUNTED, "QUORUM": _majority(total), "ALL": total}
    return {ANYWHERE: counts[level]}


def spread(copies: int, nodes: Sequence[str]) -> dict[str, int]:
    """Return how many copies each place gets: one after the other, in the order of the nodes, as long as it has nodes.

    Parameters
    ----------
    copies : int
        At most as many as there are nodes.
    nodes : sequence of str
        The place of each node.

    Examples
    --------
    >>> spread(3, ["east", "east", "west", "west"]), spread(4, ["a", "b", "b", "b"])
    ({'east': 2, 'west': 1}, {'a': 1, 'b': 3})
    """
    found = dict.fromkeys(nodes, 0)
    while sum(found.values()) < min(copies, len(nodes)):
        for place in found:
            if found[place] < nodes.count(place) and sum(found.values()) < copies:
                found[place] += 1
    return found


def _majority(count: int) -> int:
    return count // 2 + 1
