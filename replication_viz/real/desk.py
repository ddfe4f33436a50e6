"""Jobs at their moments, and threads that do them.

Each job has a moment. Workers, each a thread with its own connections, take the job that is due next, wait for its
moment and do it. Where all workers wait for an answer the next job begins late, and counts from when it was due.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

_LOOK_AGAIN_S = 0.1


class Invoked(Protocol):
    """A job: it is due at `invoked`, ms from the start of the run."""

    invoked: float


class Connected(Protocol):
    """A worker: it has connections."""

    def hang_up(self) -> None:
        """Let an answer that is waited for never come."""

    def close(self) -> None:
        """Close every connection."""


Hand = TypeVar("Hand", bound=Connected)
Job = TypeVar("Job", bound=Invoked)


@dataclass(order=True)
class _Entry(Generic[Job]):
    at_ms: float
    number: int
    job: Job = field(compare=False)


class Desk(Generic[Hand, Job]):
    """Jobs in order of their moments, and the workers that do them."""

    def __init__(self, workers: Sequence[Hand], do: Callable[[Hand, Job], None]) -> None:
        self.workers = workers
        self._do = do
        self._jobs: list[_Entry[Job]] = []
        self._count = 0
        self._change = threading.Condition()
        self._turn = threading.Lock()  # one worker waits for the next moment; all of them would wake at each
        self._over = False
        self._threads = [threading.Thread(target=self._work, args=(worker,), daemon=True) for worker in self.workers]
        self._zero = 0.0

    def put(self, at_ms: float, job: Job) -> None:
        """Add a job."""
        with self._change:
            self._count += 1
            heapq.heappush(self._jobs, _Entry(at_ms, self._count, job))
            self._change.notify()

    def begin(self, zero: float) -> None:
        """Let them work; moment 0 is `zero` on the monotonic clock, s."""
        self._zero = zero
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop; who waits for an answer gets none."""
        with self._change:
            self._over = True
            self._change.notify_all()
        for worker in self.workers:
            worker.hang_up()
        for worker, thread in zip(self.workers, self._threads, strict=True):
            while thread.is_alive():
                worker.hang_up()  # it may have been about to connect
                thread.join(_LOOK_AGAIN_S)
            worker.close()

    def _work(self, worker: Hand) -> None:
        while True:
            job = self._next()
            if job is None:
                return
            wait = self._zero + job.invoked / 1000 - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            if self._over:
                return
            self._do(worker, job)

    def _next(self) -> Job | None:
        """Take the job that is due next, at most a little before its moment."""
        with self._turn, self._change:
            while not self._over:
                wait = self._zero + self._jobs[0].at_ms / 1000 - time.monotonic() - 0.002 if self._jobs else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._jobs).job
                self._change.wait(wait)
            return None
