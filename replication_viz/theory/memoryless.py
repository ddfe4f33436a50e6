"""The WARS model where it can be solved: delays without memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import comb, exp, expm1, inf, log

from .quorum import check_sizes


@dataclass(frozen=True)
class MemorylessWars:
    """Staleness of quorums whose messages take exponential times.

    Parameters
    ----------
    n, r, w : int
        Replicas, read quorum, write quorum.
    write_ms : float
        Mean of W, the write's way to a replica, ms, greater than 0.
    other_ms : float
        Mean of each of A, R and S, ms, at least 0.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Source
    ------
    A read is stale if each of its R replicas i has W_i > M + t + R_i, where M is the W-th smallest W + A of the other
    N - R: none of the R acknowledged in time, so M is the moment of the commit. W has no memory, hence
    P(stale) = exp(-R t / m) E[exp(-R M / m)] E[exp(-ΣR_i / m)] with m the mean of W, and one quadrature for each
    expectation. With A = R = S = 0 this is C(N - W, R) / C(N, R) exp(-R t / m).

    Examples
    --------
    >>> round(MemorylessWars(3, 1, 1, write_ms=10, other_ms=1).fresh(0), 4)
    0.4196
    """

    n: int
    r: int
    w: int
    write_ms: float
    other_ms: float = 0.0

    def __post_init__(self) -> None:
        check_sizes(self.n, self.r, self.w)
        if not (0 < self.write_ms < inf and 0 <= self.other_ms < inf):
            raise ValueError(
                f"write_ms is {self.write_ms} and other_ms is {self.other_ms}: greater than 0, and at least 0."
            )

    def fresh(self, t_ms: float) -> float:
        """Return the probability that a read begun t_ms (at least 0) after the commit is fresh."""
        if not t_ms >= 0:
            raise ValueError(f"t_ms is {t_ms}: it must be at least 0.")
        return 1 - self.stale_at_once * exp(-self.r * t_ms / self.write_ms)

    def visible_ms(self, share: float = 0.999) -> float:
        """Return the time after the commit from which this share (0 to less than 1) of the reads is fresh, ms."""
        if not 0 <= share < 1:
            raise ValueError(f"share is {share}: it must be at least 0 and less than 1.")
        if self.stale_at_once <= 1 - share:
            return 0.0
        return log(self.stale_at_once / (1 - share)) * self.write_ms / self.r

    @cached_property
    def stale_at_once(self) -> float:
        """Probability that a read begun at the moment of the commit is stale."""
        if self.r + self.w > self.n:
            return 0.0
        return self._commit_factor() * (self._request_factor() if self.other_ms else 1.0)

    def _commit_factor(self) -> float:
        """Return E[exp(-R M / m)], M the W-th smallest of N - R round trips of a write."""
        from scipy.integrate import quad
        from scipy.special import betainc

        others, rate = self.n - self.r, self.r / self.write_ms

        def committed(v: float) -> float:
            return float(betainc(self.w, others - self.w + 1, self._acknowledged(-log(v) / rate)))

        value, _ = quad(committed, 0, 1, limit=400)
        return float(value)

    def _acknowledged(self, x: float) -> float:
        """Return P(W + A <= x); the means may be equal, or nearly so."""
        long, short = max(self.write_ms, self.other_ms), min(self.write_ms, self.other_ms)
        if short == 0:
            return -expm1(-x / long)
        z = x * (1 / short - 1 / long)
        return 1 - exp(-x / long) * (1 + x / long * (-expm1(-z) / z if z else 1.0))

    def _request_factor(self) -> float:
        """Return E[exp(-ΣR_i / m)] over the R replicas that answer first.

        R + S has density y exp(-y) (in units of its legs), and R is uniform below it. ``weighed`` is that density times
        the mean of exp(-R_i / m) given it, ``before`` its integral.
        """
        from scipy.integrate import quad

        s = self.other_ms / self.write_ms

        def weighed(y: float) -> float:
            return exp(-y) * -expm1(-s * y) / s

        def before(y: float) -> float:
            return (-expm1(-y) + expm1(-(1 + s) * y) / (1 + s)) / s

        def first(y: float) -> float:
            return weighed(y) * before(y) ** (self.r - 1) * ((1 + y) * exp(-y)) ** (self.n - self.r)

        value, _ = quad(first, 0, inf, limit=400)
        return self.r * comb(self.n, self.r) * float(value)
