"""How fast the engine runs, and against what.

    python -m benchmarks.engine

One second of 5,000 writes a second to three replicas under ``ANY 1``, the full trace kept, against the model that one
writes first: a SimPy process and a Store for each message. Everything runs in one process, in turn; ratios are taken
round by round, so that a busy machine slows both sides. It prints medians; it judges nothing.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Generator
from typing import Any

import simpy

from replication_viz import Scenario, run
from replication_viz.engine.streams import stream

ROUNDS = 15
WRITES_PER_S = 5_000
REFERENCE = Scenario(rate_per_s=WRITES_PER_S, duration_ms=1_000, replicas=3, ack="ANY 1 (s1, s2, s3)")
TENFOLD = REFERENCE.but(rate_per_s=10 * WRITES_PER_S)
NAIVE_MS = 200  # a fifth of the second: the naive model takes its time

Process = Generator[simpy.Event, Any, None]


class Naive:
    """The straightforward model: each write, each message and each flush is a process; who waits, waits on a Store.

    It has the delays of the reference scenario and keeps a record of each step, and none of the engine's faults,
    batches, bandwidth or group commit.
    """

    def __init__(self, scenario: Scenario, until_ms: float) -> None:
        self.env = simpy.Environment()
        self.scenario = scenario
        self.chance = stream(scenario.seed, "naive")
        self.record: list[tuple[float, str, int, int]] = []
        self.latencies: list[float] = []
        self.inboxes = [simpy.Store(self.env) for _ in scenario.standbys]
        for number, inbox in enumerate(self.inboxes):
            self.env.process(self.replica(number, inbox))
        self.env.process(self.clients())
        self.env.run(until=until_ms)

    def clients(self) -> Process:
        write = 0
        while True:
            yield self.env.timeout(float(self.chance.exponential(1_000 / self.scenario.rate_per_s)))
            write += 1
            self.env.process(self.commit(write))

    def commit(self, write: int) -> Process:
        begun = self.env.now
        yield self.env.timeout(self.draw(self.scenario.flush_ms))
        self.record.append((self.env.now, "flushed", 0, write))
        answers = simpy.Store(self.env)
        for inbox in self.inboxes:
            self.env.process(self.message(inbox, (write, answers)))
        yield answers.get()
        self.latencies.append(self.env.now - begun)

    def replica(self, number: int, inbox: simpy.Store) -> Process:
        while True:
            write, answers = yield inbox.get()
            self.record.append((self.env.now, "received", number, write))
            self.env.process(self.apply(number, write, answers))

    def apply(self, number: int, write: int, answers: simpy.Store) -> Process:
        yield self.env.timeout(self.draw(self.scenario.flush_ms))
        self.record.append((self.env.now, "flushed", number, write))
        self.env.process(self.message(answers, number))
        yield self.env.timeout(self.scenario.replay_us / 1_000)
        self.record.append((self.env.now, "replayed", number, write))

    def message(self, to: simpy.Store, content: Any) -> Process:
        sent = self.env.now
        yield self.env.timeout(self.draw(self.scenario.network_ms))
        self.record.append((sent, "sent", 0, 0))
        yield to.put(content)

    def draw(self, typical_ms: float) -> float:
        return typical_ms * float(self.chance.lognormal(0, 0.2))


def seconds(work: Callable[[], object]) -> float:
    """Return how long a piece of work takes, s."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def main() -> None:
    """Print the table."""
    naive_writes = WRITES_PER_S * NAIVE_MS / 1_000
    run(REFERENCE)
    rounds = [
        (
            seconds(lambda: run(REFERENCE)) / WRITES_PER_S,
            seconds(lambda: run(TENFOLD)) / WRITES_PER_S,
            seconds(lambda: Naive(REFERENCE, NAIVE_MS)) / naive_writes,
            seconds(lambda: run(Scenario())),
        )
        for _ in range(ROUNDS)
    ]
    engine, _, naive, default = (statistics.median(column) for column in zip(*rounds, strict=True))
    rows = [
        ("engine: simulated writes per second of wall time", f"{1 / engine:,.0f}", "at least 100,000"),
        ("the same, best of the rounds", f"{1 / min(row[0] for row in rounds):,.0f}", ""),
        ("naive model: simulated writes per second", f"{1 / naive:,.0f}", ""),
        ("engine against naive model", f"{statistics.median(r[2] / r[0] for r in rounds):.0f} x", "at least 20 x"),
        ("ten times the writes cost", f"{statistics.median(r[1] / r[0] for r in rounds):.2f} x", "at most 2.5 x"),
        ("the default scenario", f"{1_000 * default:.1f} ms", ""),
    ]
    print(f"medians of {ROUNDS} rounds; 1 s of {WRITES_PER_S:,} writes/s, 3 replicas, ANY 1, full trace\n")
    for what, value, goal in rows:
        print(f"{what:<52}{value:>12}   {goal}".rstrip())


if __name__ == "__main__":
    main()
