"""How long a flush and a way over the network take on this machine: what the simulator needs to know of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from ..measures import Latency, commit_latency
from ..scenario import NodeSettings, Scenario
from ..trace import Floats
from .cluster import Cluster
from .errors import LabError
from .lab import run
from .looking import with_looks

_BLOCKS = 5
_BLOCK_MS = 300.0
_LEAST_MS = 0.01
_AWAY_MS = 10.0
_CROWD = 16
_FAR_FROM_MS = 0.5


@dataclass(frozen=True)
class Block:
    """What one short run of a lone client showed, ms.

    Attributes
    ----------
    flush : float
        Median commit latency at level ``local``: a statement's way to the server, and one flush.
    spread : float
        How much that varies: the standard deviation of its logarithm.
    near : float
        What ``remote_write`` takes longer than ``local``: to a standby and back, over a wire without delay.
    standby_flush : float
        What ``on`` takes longer than ``remote_write``: the standby's flush.
    far : float
        The same way over a wire with a delay, beyond that delay: processes that have slept wake up late.
    work : float
        What each further client that writes at the same moment adds to everybody's commit: they share the processors.
    """

    flush: float
    spread: float
    near: float
    standby_flush: float
    far: float
    work: float = 0.0


@dataclass(frozen=True)
class Calibration:
    """This machine, in a few numbers.

    Attributes
    ----------
    blocks : tuple of Block
        Short runs, one after the other: how much they differ is how much a later run may differ.
    server : str
        Which server was measured, such as "PostgreSQL 18.6".
    """

    blocks: tuple[Block, ...]
    server: str

    def median(self, name: str) -> float:
        """Return the median over the blocks of one of their numbers, ms."""
        return float(np.median([getattr(block, name) for block in self.blocks]))

    def applied(self, scenario: Scenario, block: Block | None = None) -> Scenario:
        """Return a scenario with this machine's disk and network in it.

        The way over a wire comes on top of the delay that the scenario gives a link. Replay that waits for a query goes
        on when PostgreSQL looks next.

        Parameters
        ----------
        block : Block, optional
            What to take; by default the medians over all.
        """
        scenario = with_looks(scenario)
        one = block or Block(**{name: self.median(name) for name in Block.__dataclass_fields__})
        nodes = dict(scenario.nodes)
        for name in scenario.standbys:
            delay = float(scenario.of(name, "network_ms"))
            more = one.far if delay + scenario.of(name, "lag_ms") >= _FAR_FROM_MS else one.near
            changes = {"flush_ms": max(one.standby_flush, _LEAST_MS), "network_ms": delay + more / 2}
            nodes[name] = nodes.get(name, NodeSettings()).model_copy(update=changes)
        think_ms = scenario.think_ms
        if scenario.arrivals == "closed":  # of clients that come together each waits for half of the others
            think_ms += one.work * (scenario.clients - 1) / 2
        spread = min(one.spread, 2.0)
        return scenario.but(flush_ms=max(one.flush, _LEAST_MS), flush_spread=spread, think_ms=think_ms, nodes=nodes)

    def to_json(self) -> str:
        """Return it as a text that `from_json` reads back."""
        return json.dumps({"server": self.server, "blocks": [asdict(block) for block in self.blocks]})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the calibration that `to_json` wrote.

        Raises
        ------
        LabError
            If the text is none.
        """
        try:
            told = json.loads(text)
            return cls(tuple(Block(**block) for block in told["blocks"]), str(told["server"]))
        except (ValueError, TypeError, KeyError):
            raise LabError(f"this is no calibration: {text[:40]!r}.") from None

    def __repr__(self) -> str:
        return (
            f"{self.server}: a commit on its own takes {self.median('flush'):.2f} ms, a standby and back "
            f"{self.median('near'):.2f} ms more, its flush {self.median('standby_flush'):.2f} ms more"
        )


def calibrate(cluster: Cluster, blocks: int = _BLOCKS) -> Calibration:
    """Measure this machine with one client and with many, near a standby and far away: about four seconds a block.

    Parameters
    ----------
    cluster : Cluster
        An open one, with at least one standby.
    blocks : int
        How often all is measured, at least 2.

    Raises
    ------
    LabError
        If there is no standby, or there are too few blocks.
    """
    if not cluster.standbys or blocks < 2:
        raise LabError(f"calibrate needs a standby and 2 blocks: here are {len(cluster.standbys)} and {blocks}.")
    found = [_block(cluster, number) for number in range(blocks)]
    return Calibration(tuple(found), f"PostgreSQL {cluster.programs.version}")


def lone_client(standbys: int, **changes: Any) -> Scenario:
    """Return the scenario of one client that waits for each answer, over links without delay."""
    plain = {"arrivals": "closed", "clients": 1, "think_ms": 0, "network_ms": 0, "network_spread": 0}
    return Scenario(**{**plain, "replicas": standbys, "duration_ms": _BLOCK_MS, "ack": "s1", **changes})


def _block(cluster: Cluster, number: int) -> Block:
    def measured(level: str, **changes: Any) -> Latency:
        alone = lone_client(len(cluster.standbys), level=level, seed=number, **changes)
        return commit_latency(run(alone, cluster))

    local = measured("local")
    crowd = measured("local", clients=_CROWD).p50
    away = measured("remote_write", network_ms=_AWAY_MS, duration_ms=2 * _BLOCK_MS).p50
    own, written, flushed = rising(local.p50, measured("remote_write").p50, measured("on").p50)
    return Block(
        flush=own,
        spread=_spread(local.samples),
        near=written - own,
        standby_flush=flushed - written,
        far=max(away - 2 * _AWAY_MS - own, 0.0),
        work=max(crowd - own, 0.0) / (_CROWD - 1),
    )


def rising(*values: float) -> list[float]:
    """Return the closest values that do not fall: those that do are replaced by their mean.

    What is measured with noise may fall where it cannot: a commit that waits for more is not quicker.

    >>> rising(1.0, 3.0, 2.0)
    [1.0, 2.5, 2.5]

    Source: pool adjacent violators; Ayer et al., "An empirical distribution function for sampling with incomplete
    information", 1955.
    """
    pools: list[list[float]] = []
    for value in values:
        pools.append([value])
        while len(pools) > 1 and np.mean(pools[-2]) > np.mean(pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    return [float(np.mean(pool)) for pool in pools for _ in pool]


def _spread(latencies: Floats) -> float:
    """Return the standard deviation of the logarithm, by its quartiles: a few stalls do not count."""
    low, high = np.quantile(np.log(latencies), [0.25, 0.75])
    return float(high - low) / 1.349
