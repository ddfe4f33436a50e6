"""Closed forms and small Monte Carlo models, each with its source, to hold the simulation against."""

from ..chance import (
    DELAY_FITS,
    ConstantDelay,
    Delay,
    ExponentialDelay,
    Legs,
    MixedDelay,
    ParetoDelay,
    Proportion,
    wilson,
)
from .availability import at_least_k_up, write_availability
from .commit import OrderStatistic, commit_latency, slow_if_all, slow_if_any
from .conflict import (
    concurrent_pairs_per_s,
    conflicting_share,
    keys_in_conflict,
    lww_lost_share,
    lww_newer_dropped_share,
)
from .fencing import admitted, can_elect, deadline_wait_s, lease_overlap_s, lease_wait_s, majority
from .fluid import oldest, passed_on
from .levels import HINT_WINDOW_MS, acks_required, level_availability, read_units
from .loss import (
    ExponentialLagLoss,
    PoissonLoss,
    any_of_loss,
    fixed_delay_loss,
    in_order_loss,
    in_order_losses,
    patroni_bound,
)
from .memoryless import MemorylessWars
from .pbs import Choice, Curve, Wars, upward_search_ms, wars
from .pool import connections_needed, erlang_b, erlang_c, mean_queueing
from .quorum import least_overlap, miss_probability, monotonic_reads, quorum_availability, within_versions
from .replay import catch_up_s, chance_to_wait, overload, replay_pause, replay_queue
from .retention import base_backup_s, time_until_full_s
from .session import fallback_to_leader, monotonic_read_violation, pinned_share, stale_after_write, wait_for_replica

__all__ = [
    "DELAY_FITS",
    "HINT_WINDOW_MS",
    "Choice",
    "ConstantDelay",
    "Curve",
    "Delay",
    "ExponentialDelay",
    "ExponentialLagLoss",
    "Legs",
    "MemorylessWars",
    "MixedDelay",
    "OrderStatistic",
    "ParetoDelay",
    "PoissonLoss",
    "Proportion",
    "Wars",
    "acks_required",
    "admitted",
    "any_of_loss",
    "at_least_k_up",
    "base_backup_s",
    "can_elect",
    "catch_up_s",
    "chance_to_wait",
    "commit_latency",
    "concurrent_pairs_per_s",
    "conflicting_share",
    "connections_needed",
    "deadline_wait_s",
    "erlang_b",
    "erlang_c",
    "fallback_to_leader",
    "fixed_delay_loss",
    "in_order_loss",
    "in_order_losses",
    "keys_in_conflict",
    "lease_overlap_s",
    "lease_wait_s",
    "least_overlap",
    "level_availability",
    "lww_lost_share",
    "lww_newer_dropped_share",
    "majority",
    "mean_queueing",
    "miss_probability",
    "monotonic_read_violation",
    "monotonic_reads",
    "oldest",
    "overload",
    "passed_on",
    "patroni_bound",
    "pinned_share",
    "quorum_availability",
    "read_units",
    "replay_pause",
    "replay_queue",
    "slow_if_all",
    "slow_if_any",
    "stale_after_write",
    "time_until_full_s",
    "upward_search_ms",
    "wait_for_replica",
    "wars",
    "wilson",
    "within_versions",
    "write_availability",
]
