"""How many connections a load needs, and what happens when there are fewer."""

from __future__ import annotations


def connections_needed(rate_per_s: float, latency_ms: float) -> float:
    """Return how many connections are busy on average: rate times the time that each request holds one.

    Parameters
    ----------
    rate_per_s : float
        Requests a second, at least 0.
    latency_ms : float
        Mean time for which a request holds its connection, ms, at least 0.

    Source
    ------
    J. D. C. Little, "A Proof for the Queuing Formula L = λW", Operations Research 9(3), 1961. No assumption about
    arrivals or service; a pool must be larger than this mean to leave room for chance (`erlang_c`).

    Examples
    --------
    >>> connections_needed(500, 4), connections_needed(500, 400)
    (2.0, 200.0)
    """
    if not (rate_per_s >= 0 and latency_ms >= 0):
        raise ValueError(f"rate_per_s is {rate_per_s} and latency_ms is {latency_ms}: both must be at least 0.")
    return rate_per_s * latency_ms / 1000


def erlang_b(servers: int, load: float) -> float:
    """Return the share of requests turned away where nobody may queue.

    Parameters
    ----------
    servers : int
        Connections, at least 1.
    load : float
        Offered load in connections (`connections_needed`), at least 0.

    Source
    ------
    A. K. Erlang 1917; the recursion B(c) = a B(c - 1) / (c + a B(c - 1)) as in Cooper, *Introduction to Queueing
    Theory*, 2nd ed. 1981, section 3.3. Poisson arrivals, any service time.
    """
    _check(servers, load)
    blocked = 1.0
    for c in range(1, servers + 1):
        blocked = load * blocked / (c + load * blocked)
    return blocked


def erlang_c(servers: int, load: float) -> float:
    """Return the share of requests that must queue for a connection (M/M/c); 1 where the load is too large to serve.

    Parameters
    ----------
    servers : int
        Connections, at least 1.
    load : float
        Offered load in connections (`connections_needed`), at least 0.

    Source
    ------
    A. K. Erlang 1917: C = c B / (c - a (1 - B)). Poisson arrivals, exponential service; a group commit, which
    finishes many at once, is kinder in calm times and harsher in a stall.
    """
    _check(servers, load)
    if load >= servers:
        return 1.0
    blocked = erlang_b(servers, load)
    return servers * blocked / (servers - load * (1 - blocked))


def mean_queueing(servers: int, load: float) -> float:
    """Return the mean time in the queue of M/M/c, in service times; infinite where the load is too large to serve.

    Source
    ------
    C / (c - a), from `erlang_c`.
    """
    return erlang_c(servers, load) / (servers - load) if load < servers else float("inf")


def _check(servers: int, load: float) -> None:
    if servers < 1 or not load >= 0:
        raise ValueError(f"servers is {servers} and load is {load}: they must be at least 1 and at least 0.")
