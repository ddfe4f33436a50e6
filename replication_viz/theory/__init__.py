"""Closed forms and small Monte Carlo models, each with its source, to hold the simulation against."""

from .availability import at_least_k_up, write_availability
from .commit import OrderStatistic, commit_latency, slow_if_all, slow_if_any
from .loss import (
    ExponentialLagLoss,
    PoissonLoss,
    any_of_loss,
    fixed_delay_loss,
    in_order_loss,
    in_order_losses,
    patroni_bound,
)
from .pool import connections_needed, erlang_b, erlang_c, mean_queueing

__all__ = [
    "ExponentialLagLoss",
    "OrderStatistic",
    "PoissonLoss",
    "any_of_loss",
    "at_least_k_up",
    "commit_latency",
    "connections_needed",
    "erlang_b",
    "erlang_c",
    "fixed_delay_loss",
    "in_order_loss",
    "in_order_losses",
    "mean_queueing",
    "patroni_bound",
    "slow_if_all",
    "slow_if_any",
    "write_availability",
]
