"""Closed forms and small Monte Carlo models, each with its source, to hold the simulation against."""

from .commit import OrderStatistic, commit_latency, slow_if_all, slow_if_any

__all__ = ["OrderStatistic", "commit_latency", "slow_if_all", "slow_if_any"]
