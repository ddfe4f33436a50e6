"""How long a day of 5,000 writes a second takes, with the load of day and night and a disk that is too small.

    python -m benchmarks.day

The scenario ``lag_small_disk``: 432 million writes, 20,000 of them simulated as one, the full trace kept. Processor
time is measured, so that other programs count less. It prints medians; it judges nothing.
"""

from __future__ import annotations

import statistics
import time

from replication_viz import measures, run, scenarios

ROUNDS = 5
GRAINS = (20_000, 100_000)


def seconds(grain: int) -> float:
    """Return the processor time of one run and of its lag curve, s."""
    begin = time.process_time()
    trace = run(scenarios["lag_small_disk"].but(grain=grain))
    measures.lag_curve(trace, "s1", "flush")
    return time.process_time() - begin


def main() -> None:
    """Print the table."""
    seconds(GRAINS[-1])
    print(f"medians of {ROUNDS} rounds, processor time; one day at 5,000 writes/s, one replica, full trace\n")
    for grain in GRAINS:
        took = statistics.median(seconds(grain) for _ in range(ROUNDS))
        goal = "at most 5 s" if grain == GRAINS[0] else ""
        print(f"{f'{grain:,} writes simulated as one':<52}{took:>10.2f} s   {goal}".rstrip())


if __name__ == "__main__":
    main()
