"""How long messages take: distributions, the four legs of a quorum's messages, and the fits published for PBS.

A leg is anything with ``draw(chance, shape)``: the distributions here, or one of your own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isclose
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Delay(Protocol):
    """A distribution of delays."""

    def draw(self, chance: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """Return independent delays: ndarray of the shape asked for, ms, finite, at least 0."""
        ...


@dataclass(frozen=True)
class ConstantDelay:
    """Always the same delay, ms, at least 0."""

    ms: float

    def __post_init__(self) -> None:
        if not 0 <= self.ms < inf:
            raise ValueError(f"ms is {self.ms}: it must be a number from 0 up.")

    def draw(self, chance: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """Return the delay, as often as asked for, ms."""
        return np.full(shape, float(self.ms))

    def beyond(self, rarity: Floats) -> Floats:
        """Return the delay, ms, whatever the rarity."""
        return np.full_like(rarity, self.ms)


@dataclass(frozen=True)
class ExponentialDelay:
    """Delays without memory, of a mean greater than 0, ms."""

    mean_ms: float

    def __post_init__(self) -> None:
        if not 0 < self.mean_ms < inf:
            raise ValueError(f"mean_ms is {self.mean_ms}: it must be a number greater than 0.")

    def draw(self, chance: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """Return independent delays, ms."""
        return self.beyond(chance.standard_exponential(shape))

    def beyond(self, rarity: Floats) -> Floats:
        """Return the delays, ms, that are exceeded with probability exp(-rarity)."""
        return self.mean_ms * rarity


@dataclass(frozen=True)
class ParetoDelay:
    """Delays with a heavy tail: longer than x with probability (least / x)^alpha.

    Parameters
    ----------
    least_ms : float
        The shortest, ms, greater than 0.
    alpha : float
        Greater than 0; up to 1 there is no mean, up to 2 no variance.
    """

    least_ms: float
    alpha: float

    def __post_init__(self) -> None:
        if not (0 < self.least_ms < inf and 0 < self.alpha < inf):
            raise ValueError(f"least_ms is {self.least_ms} and alpha is {self.alpha}: both must be greater than 0.")

    def draw(self, chance: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """Return independent delays, ms."""
        return self.beyond(chance.standard_exponential(shape))

    def beyond(self, rarity: Floats) -> Floats:
        """Return the delays, ms, that are exceeded with probability exp(-rarity)."""
        return self.least_ms * np.exp(rarity / self.alpha)


@dataclass(frozen=True)
class MixedDelay:
    """Delays that are of one kind or another by chance.

    Parameters
    ----------
    parts : tuple of (float, ConstantDelay or ExponentialDelay or ParetoDelay)
        How often each kind is drawn, and the kind; the shares add up to 1.
    """

    parts: tuple[tuple[float, ConstantDelay | ExponentialDelay | ParetoDelay], ...]

    def __post_init__(self) -> None:
        shares = [share for share, _ in self.parts]
        if not (all(share > 0 for share in shares) and isclose(sum(shares), 1, abs_tol=1e-9)):
            raise ValueError(f"the shares are {shares}: they must be positive and add up to 1.")

    def draw(self, chance: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """Return independent delays, ms."""
        rarity, which = chance.standard_exponential(shape), chance.random(shape)
        edges = np.cumsum([share for share, _ in self.parts])
        drawn = self.parts[-1][1].beyond(rarity)
        for edge, (_, kind) in zip(edges[-2::-1], self.parts[-2::-1], strict=True):
            drawn = np.where(which < edge, kind.beyond(rarity), drawn)
        return drawn


@dataclass(frozen=True)
class Legs:
    """The four messages between a coordinator and a replica, in the letters of PBS: W, A, R, S.

    Parameters
    ----------
    write, ack : Delay
        W: the write's way to a replica and into its store. A: the acknowledgement's way back.
    read, response : Delay
        R: the read request's way. S: the response's way back.
    far_ms : float
        What each leg takes more to every replica but one, ms, at least 0: that one, another for the write than for
        the read by chance, is in the coordinator's own datacentre.
    """

    write: Delay
    ack: Delay
    read: Delay
    response: Delay
    far_ms: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.far_ms < inf:
            raise ValueError(f"far_ms is {self.far_ms}: it must be a number from 0 up.")

    def draw_write(self, chance: Mapping[str, np.random.Generator], n: int, trials: int) -> tuple[Floats, Floats]:
        """Return W and A of each replica in each trial: two ndarrays, shape (n, trials), ms.

        Parameters
        ----------
        chance : mapping of str to Generator
            One each for ``W``, ``A``, and ``near``, which is whose replica is in the coordinator's datacentre.
        """
        return self._both(("W", self.write), ("A", self.ack), chance, n, trials)

    def draw_read(self, chance: Mapping[str, np.random.Generator], n: int, trials: int) -> tuple[Floats, Floats]:
        """Return R and S of each replica in each trial, as `draw_write` does; the names are ``R``, ``S``, ``near``."""
        return self._both(("R", self.read), ("S", self.response), chance, n, trials)

    def _both(
        self,
        there: tuple[str, Delay],
        back: tuple[str, Delay],
        chance: Mapping[str, np.random.Generator],
        n: int,
        trials: int,
    ) -> tuple[Floats, Floats]:
        out, home = (_checked(name, leg.draw(chance[name], (n, trials)), (n, trials)) for name, leg in (there, back))
        if self.far_ms:
            extra = np.full((n, trials), self.far_ms)
            extra[chance["near"].integers(n, size=trials), np.arange(trials)] = 0.0
            out, home = out + extra, home + extra
        return out, home


def _checked(name: str, drawn: Floats, shape: tuple[int, int]) -> Floats:
    if drawn.shape != shape:
        raise ValueError(f"leg {name} drew an array of shape {drawn.shape}: it must be of shape {shape}.")
    least, most = float(drawn.min()), float(drawn.max())
    if not (least >= 0 and most < inf):
        raise ValueError(f"leg {name} drew delays from {least} to {most} ms: they must be finite and at least 0.")
    return drawn


def _mixture(share: float, least_ms: float, alpha: float, rate: float) -> MixedDelay:
    """Return Pareto for a share of the messages, exponential (rate per ms) for the others."""
    return MixedDelay(((share, ParetoDelay(least_ms, alpha)), (1 - share, ExponentialDelay(1 / rate))))


_SSD = _mixture(0.9122, 0.235, 10, 1.66)
_DISK_WRITE = _mixture(0.38, 1.05, 1.51, 0.183)
_YAMMER = _mixture(0.982, 1.5, 3.8, 0.0217)

DELAY_FITS: dict[str, Legs] = {
    "LNKD-SSD": Legs(_SSD, _SSD, _SSD, _SSD),
    "LNKD-DISK": Legs(_DISK_WRITE, _SSD, _SSD, _SSD),
    "YMMR": Legs(_mixture(0.939, 3, 3.35, 0.0028), _YAMMER, _YAMMER, _YAMMER),
    "YMMR-code3.5": Legs(_mixture(0.939, 3, 3.5, 0.0028), _YAMMER, _YAMMER, _YAMMER),
    "WAN": Legs(_DISK_WRITE, _SSD, _SSD, _SSD, far_ms=75),
}
"""The fits of Bailis et al., PVLDB 5(8), 2012, Table 3.

LinkedIn's Voldemort on SSDs and on disks, Yammer's Riak, and LinkedIn's disks over datacentres 75 ms apart. The paper
prints 3.35 for the tail of Yammer's writes, and shows results of 3.5 (``YMMR-code3.5``), which its simulator had.
"""
