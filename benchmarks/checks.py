"""How long the checkers take: linearizability of 5,000 operations on 10 keys from 10 clients, and 100,000 from a file.

    python -m benchmarks.checks

It prints medians; it judges nothing. The histories are those of correct registers. *Spread* means that each operation
is on any of the keys; *crowded*, that all clients work on one key at a time, so that ten operations overlap.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from replication_viz import Scenario, run
from replication_viz.checks import History, linearizability, session_guarantees
from tests.registers import correct, spoiled

ROUNDS = 5
HISTORIES: dict[str, dict[str, Any]] = {
    "spread, each write its own value": {},
    "spread, 5 values, 30 % compare-and-set, 5 % unanswered": {"values": 5, "swaps": 0.3, "unknown": 0.05},
    "crowded, each write its own value": {"in_turn": True},
    "crowded, each its own value, 10 % unanswered": {"in_turn": True, "unknown": 0.1},
    "crowded, 5 values": {"in_turn": True, "values": 5},
    "crowded, 5 values, 30 % compare-and-set": {"in_turn": True, "values": 5, "swaps": 0.3},
    "crowded, 5 values, 30 % compare-and-set, 5 % unanswered": {
        "in_turn": True,
        "values": 5,
        "swaps": 0.3,
        "unknown": 0.05,
    },
}
LARGE = Scenario(rate_per_s=5_000, reads_per_s=5_000, duration_ms=10_000, keys=100, clients=50)


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Return the medians of several rounds, s: time of day, and time on the processor."""
    rounds = []
    for _ in range(ROUNDS):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        rounds.append((time.perf_counter() - wall, time.process_time() - processor))
    return statistics.median(wall for wall, _ in rounds), statistics.median(used for _, used in rounds)


def row(what: str, work: Callable[[], object], goal: str = "") -> None:
    """Print a line of the table."""
    wall, processor = seconds(work)
    print(f"{what:<62}{wall:8.2f} s{processor:8.2f} s   {goal}".rstrip())


def main() -> None:
    """Print the table."""
    print(f"medians of {ROUNDS} rounds: time of day, time on the processor\n")
    print("linearizability of 5,000 operations on 10 keys from 10 clients")
    for what, chances in HISTORIES.items():
        history = correct(5_000, keys=10, clients=10, **chances)
        assert linearizability(history).holds
        row(f"  {what}", lambda history=history: linearizability(history), "at most 2 s")  # type: ignore[misc]
    wrong = spoiled(correct(5_000, keys=10, clients=10))
    assert linearizability(wrong).holds is False
    row("  one wrong answer: found and explained", lambda: linearizability(wrong))

    trace = run(LARGE)
    history = History.of(trace)
    text = history.to_csv()
    print(f"\n{len(history):,} operations of a run")
    row("  History.of", lambda: History.of(trace), "about 1 s")
    row("  History.from_csv", lambda: History.from_csv(text), "about 1 s")
    row("  session_guarantees", lambda: session_guarantees(history))
    row("  linearizability, 100 keys", lambda: linearizability(history))


if __name__ == "__main__":
    main()
