"""How long a million trials of the WARS model take, for all nine choices of R and W at N = 3; and how much memory.

    python -m benchmarks.pbs [TRIALS]

It prints figures; it judges nothing. On a machine that does other work at the same time, read the CPU time.
"""

from __future__ import annotations

import os
import sys
import time
import tracemalloc

from replication_viz.theory import DELAY_FITS, Legs, wars

GOAL_S, GOAL_MB = 2.0, 300.0
ROUNDS = 3


def seconds(legs: Legs, trials: int) -> tuple[float, float]:
    """Return the best of some rounds: time of day and CPU time, s."""
    rounds = []
    for _ in range(ROUNDS):
        wall, cpu = time.perf_counter(), time.process_time()
        wars(legs, 3, trials).choices()
        rounds.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(wall for wall, _ in rounds), min(cpu for _, cpu in rounds)


def most_mb(legs: Legs, trials: int) -> float:
    """Return the most memory that the arrays took at any moment, MB."""
    tracemalloc.start()
    wars(legs, 3, trials)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / 2**20


def main() -> None:
    """Print the table."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(f"{trials:,} trials, N = 3, all (R, W); best of {ROUNDS}; {os.getloadavg()[0]:.1f} running before")
    print(f"{'fit':<14}{'wall, s':>9}{'CPU, s':>9}{'MB':>7}   goal with 1,000,000: {GOAL_S:g} s, {GOAL_MB:g} MB")
    for name, legs in DELAY_FITS.items():
        wall, cpu = seconds(legs, trials)
        print(f"{name:<14}{wall:9.2f}{cpu:9.2f}{most_mb(legs, trials):7.0f}")


if __name__ == "__main__":
    main()
