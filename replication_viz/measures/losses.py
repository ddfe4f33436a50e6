"""What a crash of the leader takes: a pure function of the trace, for every moment of one run at once."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log10
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..trace import Floats, Ints, Ops, Outcome, Position, Trace
from .answers import writes

_ROUND = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9, 10)
_WHO = {"best": "the most advanced replica", "worst": "the least advanced replica", "random": "just any replica"}


@dataclass(frozen=True, eq=False)
class Loss:
    """What a crash of the leader would take.

    Attributes
    ----------
    at_ms : ndarray, shape (n,)
        Moments of the crash, ms.
    lost : ndarray, shape (n,)
        How many acknowledged writes the promoted replica does not have.
    promoted : ndarray of str, shape (n,)
        Who is promoted; empty where no replica is up, and then everything acknowledged is lost.
    writes : Ops
        The lost writes of the last moment in ``at_ms``, by name.
    """

    at_ms: Floats
    lost: Ints
    promoted: NDArray[np.str_]
    writes: Ops

    def __repr__(self) -> str:
        if len(self.at_ms) == 1:
            return f"Loss({self.lost[0]} acknowledged writes at {self.at_ms[0]:g} ms, {self.promoted[0]} promoted)"
        return f"Loss({len(self.at_ms)} moments, mean {self.lost.mean():.1f}, worst {self.lost.max()})"


def loss(trace: Trace, at_ms: ArrayLike, promote: str = "best") -> Loss:
    """Return which acknowledged writes are gone if the leader dies, at one or at many moments of one run.

    What a replica has received survives on it, replayed or not. The links are cut with the crash: a batch still on its
    way counts as lost. This is about the first leader; what a failover in the run did lose, `lost` says.

    Parameters
    ----------
    at_ms : array_like
        Moments of the crash, ms.
    promote : str
        ``best``: the most advanced replica that is up; ``worst``: the least advanced; ``random``: any that is up, drawn
        anew for each moment, from the scenario's seed; or a replica's name.

    Raises
    ------
    ValueError
        If ``promote`` is none of these.
    """
    moments = np.atleast_1d(np.asarray(at_ms, dtype=np.float64))
    head, promoted = survivor(trace, moments, promote)
    ops = writes(trace)
    ops = ops.where(ops.outcome == Outcome.OK)
    ops = ops.where(np.argsort(ops.lsn, kind="stable"))  # one leader acknowledges in the order of its log
    acknowledged = np.searchsorted(ops.returned, moments, side="right")
    kept = np.searchsorted(ops.lsn, head, side="right")
    each = trace.scenario.grain
    gone = slice(kept[-1], max(acknowledged[-1], kept[-1])) if len(moments) else slice(0)
    return Loss(moments, np.maximum(acknowledged - kept, 0) * each, promoted, ops.where(np.arange(len(ops))[gone]))


def survivor(trace: Trace, moments: Floats, promote: str) -> tuple[Ints, NDArray[np.str_]]:
    """Return what the promoted replica has received (LSN) and its name; 0 and empty where none is up.

    Parameters
    ----------
    moments : ndarray, shape (n,)
        Moments of the promotion, ms.
    promote : str
        As for `loss`.
    """
    replicas = trace.nodes[1:]
    if promote not in (*_WHO, *replicas):
        named = f" or one of {', '.join(replicas)}" if replicas else ""
        raise ValueError(f"promote is {promote!r}: it must be 'best', 'worst', 'random'{named}.")
    chosen = replicas if promote in _WHO else (promote,)
    if not chosen:
        return np.zeros(len(moments), dtype=np.int64), np.full(len(moments), "")
    heads = np.array([trace.at(name, Position.RECEIVED, moments) for name in chosen])
    up = np.array([_is_up(trace, name, moments) for name in chosen])
    if promote == "random":
        chance = np.random.default_rng([trace.scenario.seed, crc32(b"promotion")])
        rank = chance.random((len(moments), len(chosen))).T
    else:
        rank = -heads if promote == "worst" else heads
    index = np.where(up, rank, -np.inf).argmax(axis=0)
    names = np.where(up.any(axis=0), np.array(chosen)[index], "")
    return np.where(up.any(axis=0), heads[index, np.arange(len(moments))], 0), names


def loss_sentence(trace: Trace, promote: str = "best", moments: int = 2_000) -> str:
    """Return in one line, for whoever owns the product, what a crash of the leader takes.

    The number is what 99 % of all moments of the run stay within, rounded as people round.

    Parameters
    ----------
    promote : str
        As for `loss`.
    moments : int
        At how many moments, equally spaced over the run, the leader is let die.
    """
    lost = loss(trace, np.linspace(0, trace.duration_ms, moments + 1)[1:], promote).lost
    scenario = trace.scenario
    waits = scenario.sync_rule().method != "async" and scenario.level != "local"
    mode = scenario.ack if waits else "async"
    who = _WHO.get(promote, promote)
    if lost.max() == 0:
        return f"{mode} here means no lost write in a crash, as long as {who} takes over."
    most = float(np.quantile(lost, 0.99))
    number = "a few" if most < 10 else f"up to about {_rounded(most):,.0f}"
    return f"{mode} here means {number} lost writes per crash{'' if promote == 'best' else f', if {who} takes over'}."


def _rounded(number: float) -> float:
    """Return a positive number with the few digits that people keep: 1,075 → 1,000, 1,180 → 1,200."""
    power = 10.0 ** floor(log10(number))
    return power * min(_ROUND, key=lambda digits: abs(digits - number / power))


def _is_up(trace: Trace, node: str, moments: Floats) -> NDArray[np.bool_]:
    states = trace.states
    up = np.ones(len(moments), dtype=np.bool_)
    for row in np.flatnonzero((states.node == trace.number(node)) & ~states.up):
        up &= ~((moments >= states.begin[row]) & (moments < states.end[row]))
    return up
