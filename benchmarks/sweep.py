"""How long 1,000 seeds of the loss scenario take: 2 s of 5,000 writes/s each; and what a second worker gains.

    python -m benchmarks.sweep [SEEDS]

It prints figures; it judges nothing. On a machine that does other work at the same time, read the CPU time.
"""

from __future__ import annotations

import os
import sys
import time

from replication_viz import Trace, measures, scenarios
from replication_viz.sweep import sweep
from replication_viz.sweep.makers import usable_cores

SCENARIO = scenarios["loss_window"]
GOAL_S = 60.0


def lost(trace: Trace) -> int:
    """Return what a crash at 1.5 s takes."""
    return int(measures.loss(trace, 1_500).lost[0])


def clock() -> tuple[float, float]:
    """Return the time of day and the CPU time of this process and its ended children, s."""
    times = os.times()
    return time.perf_counter(), times.user + times.system + times.children_user + times.children_system


def main() -> None:
    """Print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    print(f"{count:,} seeds of {SCENARIO.title!r} on {usable_cores()} cores, {os.getloadavg()[0]:.1f} running before")
    print(f"{'workers':>8} {'wall, s':>9} {'CPU, s':>9} {'ms a run':>9}")
    walls = {}
    for workers in (1, 2):
        wall, cpu = clock()
        found = sweep(SCENARIO, lost, range(count), workers=workers, progress=False)
        walls[workers] = clock()[0] - wall
        used = clock()[1] - cpu
        print(f"{workers:8} {walls[workers]:9.1f} {used:9.1f} {1000 * used / count:9.1f}")
    print(f"two workers are {walls[1] / walls[2]:.2f} times as fast as one (goal with {count:,} seeds: {GOAL_S:g} s)")
    print(found)


if __name__ == "__main__":
    main()
