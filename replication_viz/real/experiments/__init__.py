"""Experiments whose every case runs on both engines: predicted by the simulator, then measured on real servers."""

from ..predicting import Experiment
from .commits import commit_latency_by_level, group_commit, order_statistic
from .losing import acknowledged_but_lost
from .sleeping import falling_off
from .standbys import long_query, sick_standby, stale_reads

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        commit_latency_by_level,
        order_statistic,
        group_commit,
        acknowledged_but_lost,
        sick_standby,
        stale_reads,
        long_query,
        falling_off,
    )
}
