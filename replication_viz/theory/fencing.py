"""When it is safe to promote: how long a lease must be waited out, whom a token stops, which side may elect."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def lease_wait_s(lease_s: float, drift: float = 0.0) -> float:
    """Return how long the promoter must wait by its own clock until the old leader's lease is surely over, s.

    The old leader counts from when it asked for the lease, the promoter from when it last granted it.

    Parameters
    ----------
    lease_s : float
        Length of the lease, s, at least 0.
    drift : float
        By what share each of the two clocks may run fast or slow, 0 up to but not including 1.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Source
    ------
    Gray & Cheriton, "Leases", SOSP 1989, ask for clocks of bounded drift; worked out here for two of them. The
    holder's, slow by ρ, lets the lease last D / (1 - ρ) of true time; the promoter's, fast by ρ, makes a wait of W
    last W / (1 + ρ). So W = D (1 + ρ) / (1 - ρ); D (1 + ρ) allows for the promoter's clock only and is not enough.

    No wait protects against a holder that looks at its lease, pauses, and writes after it: that takes a fencing token
    (`admitted`).

    Examples
    --------
    >>> round(lease_wait_s(10, drift=0.0005), 6)
    10.010005
    """
    _check_lease(lease_s, drift)
    return lease_s * (1 + drift) / (1 - drift)


def lease_overlap_s(wait_s: float, lease_s: float, drift: float = 0.0) -> float:
    """Return for how long two leaders may act at worst if the promoter waits so long by its own clock, s of true time.

    Parameters
    ----------
    wait_s : float
        The wait, s, at least 0.
    lease_s, drift : float
        As for `lease_wait_s`.

    Source
    ------
    What the slow holder has left when the fast promoter has waited: D / (1 - ρ) - W / (1 + ρ), or nothing.

    Examples
    --------
    >>> lease_overlap_s(lease_wait_s(30, 0.001), 30, 0.001) < 1e-12
    True
    >>> round(lease_overlap_s(30 * 1.001, 30, 0.001), 3)  # D (1 + ρ) is not enough
    0.03
    """
    _check_lease(lease_s, drift)
    if not wait_s >= 0:
        raise ValueError(f"wait_s is {wait_s}: it must be at least 0.")
    return max(0.0, lease_s / (1 - drift) - wait_s / (1 + drift))


def deadline_wait_s(lease_s: float, clock_error_s: float) -> float:
    """Return how long after the start of a lease that ends at a time of day the promoter must wait, s.

    Parameters
    ----------
    lease_s : float
        Length of the lease, s, at least 0.
    clock_error_s : float
        By how much the two clocks may differ, s, at least 0.

    Source
    ------
    The holder's clock may show the end of the lease that much later than the promoter's: D + ε.
    """
    _check_lease(lease_s, 0.0)
    if not clock_error_s >= 0:
        raise ValueError(f"clock_error_s is {clock_error_s}: it must be at least 0.")
    return lease_s + clock_error_s


def admitted(tokens: Iterable[int]) -> list[bool]:
    """Return for each write, in the order in which they reach the storage, whether its fencing token lets it in.

    Source
    ------
    Kleppmann, "How to do distributed locking", 2016: the storage refuses a token lower than the highest it has seen.

    Examples
    --------
    >>> admitted([33, 34, 33])  # the old leader wakes up
    [True, True, False]
    """
    highest: int | None = None
    verdicts = []
    for token in tokens:
        verdicts.append(highest is None or token >= highest)
        highest = token if highest is None else max(highest, token)
    return verdicts


def majority(nodes: int) -> int:
    """Return how many of the nodes are a majority.

    Raises
    ------
    ValueError
        If there is no node.

    Source
    ------
    ⌊n / 2⌋ + 1: any two majorities share a node, so only one can elect. Four nodes stand no more failures than three.

    Examples
    --------
    >>> [majority(n) for n in (1, 2, 3, 4, 5)]
    [1, 2, 2, 3, 3]
    """
    if nodes < 1:
        raise ValueError(f"nodes is {nodes}: there must be at least 1.")
    return nodes // 2 + 1


def can_elect(nodes: int, sides: Sequence[int]) -> list[bool]:
    """Return for each side of a partition whether it holds a majority of all nodes and so may elect a leader.

    Parameters
    ----------
    nodes : int
        How many there are in all, at least 1; those on no side are down.
    sides : sequence of int
        How many stand on each side, at least 0.

    Raises
    ------
    ValueError
        If the sides hold more nodes than there are, or a negative number.

    Examples
    --------
    >>> can_elect(5, (3, 2)), can_elect(4, (2, 2))
    ([True, False], [False, False])
    """
    needed = majority(nodes)
    if sum(sides) > nodes or any(side < 0 for side in sides):
        raise ValueError(f"sides are {list(sides)}: they must be 0 or more each and {nodes} at most together.")
    return [side >= needed for side in sides]


def _check_lease(lease_s: float, drift: float) -> None:
    if not lease_s >= 0:
        raise ValueError(f"lease_s is {lease_s}: it must be at least 0.")
    if not 0 <= drift < 1:
        raise ValueError(f"drift is {drift}: it must be from 0 up to but not including 1.")
