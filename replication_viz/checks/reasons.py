"""Why an operation fits no order, in one sentence with the operations that show it.

The search says only that nothing fits. Here the usual causes are tried, each an argument that is complete in itself;
what none of them explains is told by how far the best order came.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

from .history import History
from .operation import shown
from .register import Content, Step

Reason = tuple[str, tuple[int, ...]]


def reason(history: History, steps: Sequence[Step], misfit: Step, order: Sequence[int] | None) -> Reason:
    """Return why an operation fits no order, and the numbers of the other operations that show it.

    Parameters
    ----------
    steps : sequence of Step
        What was known when the operation was answered, the operation included; what had no answer then ends never.
    misfit : Step
        The operation: it needs a content, or avoids one.
    order : sequence of int or None
        The longest order that fits, without the operation; None if it is not known.
    """
    case = _Case(history, steps, misfit)
    causes = (case.missed,) if misfit.misses else (case.unwritten, case.stale, case.split, case.twice, case.both_ways)
    found = next((found for cause in causes if (found := cause())), None) or case.unexplained(order)
    operation = history[misfit.number]
    said = f"{operation.called(misfit.number)} {operation.span()} {operation.did()}"
    return f"{said}{found[0]}.", found[1]


class _Case:
    """One operation that does not fit, among all that was known when it was answered."""

    def __init__(self, history: History, steps: Sequence[Step], misfit: Step) -> None:
        self._history = history
        self._misfit = misfit
        self._others = [step for step in steps if step.number != misfit.number]

    def unwritten(self) -> Reason | None:
        """Nobody had begun to write what it needs."""
        needs = self._misfit.needs
        if needs is None or any(True for _ in self._writers(needs)):
            return None
        operation = self._history[self._misfit.number]
        later = [
            number
            for number, other in enumerate(self._history)
            if other.key == operation.key and other.writes and other.value == needs and number != self._misfit.number
        ]
        if not later:
            return f", but nobody wrote {shown(needs)}", ()
        first = min(later, key=lambda number: self._history[number].call_ms)
        write = self._history[first]
        return f", but {write.called(first)} of {shown(needs)} began only at {write.call_ms:,.1f} ms", (first,)

    def stale(self) -> Reason | None:
        """Something else was there before it was asked, and what it needs was not written again."""
        needs = self._misfit.needs
        last = max((step.end for step in self._writers(needs)), default=-inf)
        since = [
            step
            for step in self._others
            if _content(step) != needs and not step.misses and step.end < self._misfit.call and last < step.call
        ]
        if not since:
            return None
        proof = min(since, key=lambda step: (not step.writes, step.end))
        again = "" if needs is None else f" and nothing wrote {shown(needs)} after it"
        return f", but {self._answered(proof)}{again}", (proof.number,)

    def split(self) -> Reason | None:
        """Another saw something else at the same time, and neither was written again."""
        mine = self._misfit
        for step in self._others:
            if step.writes or not step.reads or step.needs == mine.needs:
                continue
            if mine.writes and mine.puts == step.needs:
                continue  # it may have read what this one put there
            writers = [*self._writers(mine.needs), *self._writers(step.needs)]
            settled = max((writer.end for writer in writers), default=-inf)
            if settled >= min(step.call, mine.call):
                continue
            other = self._history[step.number]
            both = " or ".join(shown(content) for content in (mine.needs, step.needs) if content is not None)
            return (
                f", but {other.called(step.number)} {other.did()} {other.span()}, and nothing wrote {both} "
                f"after {settled:,.1f} ms",
                (step.number, *(writer.number for writer in writers)),
            )
        return None

    def twice(self) -> Reason | None:
        """Others replaced what it needs, as often as it was there."""
        needs = self._misfit.needs
        there = sum(1 for _ in self._writers(needs)) + (needs is None)
        if not self._misfit.writes or self._misfit.puts == needs:
            return None
        swaps = [step for step in self._others if step.reads and step.writes and step.end < inf]
        replaced = [step for step in swaps if step.needs == needs and step.puts != needs]
        if len(replaced) < there:
            return None
        names = " and ".join(self._history[step.number].called(step.number) for step in replaced)
        times = "once" if there == 1 else f"{there} times"
        what = "the key was empty" if needs is None else f"{shown(needs)} was written"
        return f", but {names} did the like, and {what} only {times}", tuple(step.number for step in replaced)

    def both_ways(self) -> Reason | None:
        """What it needs must come both before and after something else, and each was there only once."""
        needs = self._misfit.needs
        mine = [*self._touching(needs), self._misfit]
        if needs is None or len([*self._writers(needs)]) != 1:
            return None
        contents = dict.fromkeys(_content(step) for step in self._others if not step.misses)
        for other in contents:
            if other in (None, needs) or (self._misfit.writes and other == self._misfit.puts):
                continue
            theirs = [*self._touching(other)]
            if len([*self._writers(other)]) != 1:
                continue
            my_first, their_first = min(mine, key=_end), min(theirs, key=_end)
            my_last, their_last = max(mine, key=_call), max(theirs, key=_call)
            if my_first.end < their_last.call and their_first.end < my_last.call:
                proof = (my_first, their_last, their_first, my_last)
                why = (
                    f", but {shown(needs)} cannot be there both before and after {shown(other)}, each written only "
                    f"once: {self._before(my_first, their_last)}, and {self._before(their_first, my_last)}"
                )
                return why, tuple(dict.fromkeys(step.number for step in proof if step is not self._misfit))
        return None

    def missed(self) -> Reason | None:
        """What it did not find was there, and nothing replaced it."""
        avoids = self._misfit.avoids
        last = max((step.end for step in self._others if step.writes and step.puts != avoids), default=-inf)
        for step in sorted(self._others, key=_end):
            if not step.misses and _content(step) == avoids and step.end < self._misfit.call and last < step.call:
                return f", but {self._answered(step)} and nothing wrote anything else after it", (step.number,)
        if avoids is None and last == -inf:
            return ", but nobody had written anything", ()
        return None

    def unexplained(self, order: Sequence[int] | None) -> Reason:
        """Return how far the longest order came."""
        overlapping = tuple(step.number for step in self._others if step.end >= self._misfit.call)
        why = f", but no order of the {len(self._others) + 1} operations begun until then gives that"
        if order is None:
            return why, overlapping
        left: Content = None
        for number in order:
            left = self._history[number].value if self._history[number].writes else left
        return f"{why}: the longest that fits leaves {shown(left)} there", overlapping

    def _writers(self, content: Content) -> Iterable[Step]:
        return (step for step in self._others if step.writes and step.puts == content)

    def _touching(self, content: Content) -> Iterable[Step]:
        """Return what was answered and shows that the register held a content, and what put it there."""
        return (
            step
            for step in self._others
            if (step.writes and step.puts == content) or (step.reads and not step.writes and step.needs == content)
        )

    def _answered(self, step: Step) -> str:
        operation = self._history[step.number]
        called = operation.called(step.number)
        if operation.kind == "write":
            return f"{called} of {shown(operation.value)} had been answered at {step.end:,.1f} ms"
        return f"{called} {operation.span()} {operation.did()}"

    def _before(self, one: Step, other: Step) -> str:
        first, second = self._history[one.number], self._history[other.number]
        return (
            f"{first.called(one.number)} ended at {one.end:,.1f} ms, "
            f"before {second.called(other.number)} began at {other.call:,.1f} ms"
        )


def _content(step: Step) -> Content:
    """Return what the register surely held at some moment within a step."""
    return step.puts if step.writes else step.needs


def _end(step: Step) -> float:
    return step.end


def _call(step: Step) -> float:
    return step.call
