"""What becomes of a payment that its client sends again after a failover: once, twice, or not at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..trace import Floats, Ints, Ops, Outcome, Trace
from .answers import writes
from .losses import survivor


@dataclass(frozen=True, eq=False)
class Retried:
    """What the promoted replica ends up with, each write being one payment.

    Attributes
    ----------
    at_ms : ndarray, shape (n,)
        Moments of the crash, ms.
    sent_again, applied_once, applied_twice, lost : ndarray, shape (n,)
        Payments that were sent a second time; and, of all payments, those applied once, twice and not at all.
    promoted : ndarray of str, shape (n,)
        Who takes over.
    twice, gone : Ops
        The payments of the last moment that are applied twice, and those that are lost, by name.
    """

    at_ms: Floats
    sent_again: Ints
    applied_once: Ints
    applied_twice: Ints
    lost: Ints
    promoted: NDArray[np.str_]
    twice: Ops
    gone: Ops

    def __repr__(self) -> str:
        if len(self.at_ms) == 1:
            counts = f"applied_once={self.applied_once[0]}, applied_twice={self.applied_twice[0]}, lost={self.lost[0]}"
            return f"Retried({counts}, at {self.at_ms[0]:g} ms, {self.promoted[0]} promoted)"
        means = f"applied_twice={self.applied_twice.mean():.1f}, lost={self.lost.mean():.1f}"
        return f"Retried({len(self.at_ms)} moments, mean {means})"


def retries(
    trace: Trace,
    at_ms: ArrayLike,
    promote: str = "best",
    *,
    idempotency_key: bool = False,
    resend_ms: float = 0.0,
) -> Retried:
    """Return what clients' retries against the promoted replica do, if the leader dies at some moment.

    Who has no answer cannot know whether the payment went through, and sends it again; who has an OK sees no reason
    to. With an idempotency key the new leader recognises a payment that it has, and does nothing.

    Parameters
    ----------
    at_ms : array_like
        Moments of the crash, ms.
    promote : str
        As for `loss`.
    idempotency_key : bool
        Whether each payment carries a key that the database holds unique, in the transaction that pays.
    resend_ms : float
        Clients keep what they sent, and also repeat the payments that were answered so recently, ms.

    Raises
    ------
    ValueError
        If ``promote`` or ``resend_ms`` is not allowed, or if the run's own leader crashed and came back before.
    """
    moments = np.atleast_1d(np.asarray(at_ms, dtype=np.float64))
    _check(trace, moments, resend_ms)
    head, promoted = survivor(trace, moments, promote)
    ops = writes(trace)
    ops = ops.where(ops.lsn > 0)  # what the log took; others were refused, and harm nobody when sent again
    sent = np.searchsorted(ops.invoked, moments, side="right")
    answered = _answered(ops, moments)
    content = np.minimum(_answered(ops, moments - resend_ms), answered)  # up to whom nobody sends again
    lost = np.maximum(content - head, 0)
    twice = np.zeros_like(lost) if idempotency_key else np.maximum(np.minimum(head, sent) - content, 0)
    return Retried(
        at_ms=moments,
        sent_again=sent - content,
        applied_once=sent - lost - twice,
        applied_twice=twice,
        lost=lost,
        promoted=promoted,
        twice=ops.where(np.arange(content[-1], content[-1] + twice[-1])),
        gone=ops.where(np.arange(head[-1], head[-1] + lost[-1])),
    )


def _check(trace: Trace, moments: Floats, resend_ms: float) -> None:
    if not resend_ms >= 0:
        raise ValueError(f"resend_ms is {resend_ms}: it must be at least 0.")
    if not len(moments):
        raise ValueError("at_ms is empty: it must hold at least one moment.")
    if trace.scenario.servers:
        raise ValueError(
            f"this run has {trace.scenario.servers} application servers, which send to the log out of order: "
            f"retries are counted where users write directly."
        )
    states = trace.states
    restarts = states.begin[(states.node == 0) & states.up & (states.begin > 0)]
    if len(restarts) and moments.max() >= restarts[0]:
        raise ValueError(
            f"at_ms is {moments.max():g}: it must be before {restarts[0]:g} ms, when the leader of this run comes back "
            f"and clients go on with it."
        )


def _answered(ops: Ops, moments: Floats) -> Ints:
    """Return how many of the logged writes had their OK; one leader answers in the order of its log."""
    return np.searchsorted(ops.returned[ops.outcome == Outcome.OK], moments, side="right")
