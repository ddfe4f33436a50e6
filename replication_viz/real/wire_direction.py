"""One direction between two nodes: how long bytes take, how many a second, and whether they are held.

Knows no sockets. Standard library alone: the process of the wires cannot import the package, so that the weather of
the simulator's links (`engine/streams.py`, which draws with NumPy) is told here a second time.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

_SPELL_S = 0.010  # so long a delay stays as it is
_MOST_WAITING = 64 * 2**20  # bytes of one connection; what its sender has more waits with the sender
_SEND_BUFFER = 256 * 2**10  # bytes that a limited link takes beyond what is on its way
_LONGEST_READ = 64 * 2**10
_SHORTEST_READ = 512
_READ_S = 0.005  # a limited link takes bytes in parts that last so long

_DRAWS: dict[str, Callable[[random.Random, float], float]] = {
    "constant": lambda chance, spread: 1.0,
    "lognormal": lambda chance, spread: math.exp(spread * chance.gauss(0, 1)),
    "uniform": lambda chance, spread: chance.uniform(1 - spread, 1 + spread),
    "exponential": lambda chance, spread: 1 - spread + spread * chance.expovariate(1),
}
SHAPES = tuple(_DRAWS)


class Weather:
    """A delay that holds for a spell of 10 ms and depends on the moment alone, as in the simulator.

    Parameters
    ----------
    name : str
        Of its own source of chance.
    ms : float
        The median (lognormal) or the mean, ms.
    extra_ms : float
        What is added and does not vary, ms.
    """

    def __init__(
        self,
        name: str = "",
        ms: float = 0,
        spread: float = 0,
        shape: str = "lognormal",
        seed: int = 0,
        extra_ms: float = 0,
    ) -> None:
        self.typical_s = (ms + extra_ms) / 1000
        self._varying_s, self._extra_s = ms / 1000, extra_ms / 1000
        self._spread, self._draw, self._name = spread, _DRAWS[shape], f"{seed} {name}"
        self._spell = -1
        self._held = self.typical_s

    def at(self, now: float) -> float:
        """Return the delay that holds now, s."""
        spell = int(now / _SPELL_S)
        if spell != self._spell and self._spread and self._varying_s:
            self._spell = spell
            chance = random.Random(f"{self._name} {spell}")
            self._held = self._varying_s * self._draw(chance, self._spread) + self._extra_s
        return self._held


class Part(NamedTuple):
    """Bytes on their way; none at all is the end of the stream.

    Attributes
    ----------
    due : float
        When they have come through, s, if nothing holds or slows them and all before them have.
    flow : object
        What they belong to.
    """

    due: float
    data: bytes
    flow: Any


class Direction:
    """Carries bytes one way, in order, whichever connection they belong to.

    What is held waits where it is and goes on when it is released, as what TCP sends again after a partition does. A
    limited bandwidth is that of the last metre: what has waited together does not arrive together.
    """

    def __init__(self) -> None:
        self.weather = Weather()
        self.is_held = False
        self.bytes_per_s = 0.0  # 0: no limit
        self._on_the_way: deque[Part] = deque()
        self._free_at = 0.0

    @property
    def room(self) -> float:
        """How many bytes of a connection may wait here."""
        if not self.bytes_per_s:
            return _MOST_WAITING
        return min(_MOST_WAITING, _SEND_BUFFER + self.bytes_per_s * self.weather.typical_s)

    @property
    def read_size(self) -> int:
        """How many bytes are taken at a time, so that a slow link lets them arrive evenly."""
        if not self.bytes_per_s:
            return _LONGEST_READ
        return int(min(_LONGEST_READ, max(_SHORTEST_READ, self.bytes_per_s * _READ_S)))

    def send(self, data: bytes, flow: Any, now: float) -> None:
        """Put bytes on their way. They do not overtake what went before, though the delay has become shorter."""
        self._on_the_way.append(Part(now + self.weather.at(now), data, flow))

    def hold(self) -> None:
        """Let nothing through."""
        self.is_held = True

    def release(self, now: float) -> None:
        """Let what waited go on."""
        self.is_held = False
        self._free_at = max(self._free_at, now)

    def next_at(self) -> float:
        """When the next bytes come through, s; infinite if none do."""
        if self.is_held or not self._on_the_way:
            return math.inf
        part = self._on_the_way[0]
        return max(part.due, self._free_at) + len(part.data) / self.bytes_per_s if self.bytes_per_s else part.due

    def arrivals(self, now: float) -> Iterator[Part]:
        """Take and yield what has come through by now."""
        while (at := self.next_at()) <= now:
            self._free_at = at
            yield self._on_the_way.popleft()

    def drop(self, flow: Any) -> None:
        """Lose what is on its way of one flow."""
        self._on_the_way = deque(part for part in self._on_the_way if part.flow is not flow)
