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
from .replay import catch_up_s, chance_to_wait, overload, replay_pause, replay_queue
from .retention import base_backup_s, time_until_full_s

__all__ = [
    "ExponentialLagLoss",
    "OrderStatistic",
    "PoissonLoss",
    "any_of_loss",
    "at_least_k_up",
    "base_backup_s",
    "catch_up_s",
    "chance_to_wait",
    "commit_latency",
    "connections_needed",
    "erlang_b",
    "erlang_c",
    "fixed_delay_loss",
    "in_order_loss",
    "in_order_losses",
    "mean_queueing",
    "overload",
    "patroni_bound",
    "replay_pause",
    "replay_queue",
    "slow_if_all",
    "slow_if_any",
    "time_until_full_s",
    "write_availability",
]
