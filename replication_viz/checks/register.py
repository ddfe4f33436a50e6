"""The search for an order of the operations on one key that a single register could have followed.

Wing & Gong's search, in Lowe's form: of the operations that no unplaced one precedes, place one, go on, and go back
where nothing fits; what has been tried (which operations are placed, and what the register holds) is kept, so nothing
is tried twice. Three observations keep the search short without losing an order:

- an operation that changes nothing and fits now may be placed now;
- a write may be placed now with all who need what it puts there, if those could all come right after it, none of them
  replaces it, and nobody needs what it replaces;
- an operation without an answer may be left out, so it is placed only where something can follow that needs it.

Sources: Wing & Gong, "Testing and Verifying Concurrent Objects", 1993; Lowe, "Testing for Linearizability", 2017.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import inf

from .operation import Operation, Value

Content = Value | None  # of the register; None at the start


class UndecidedError(Exception):
    """The search took more steps than it was allowed."""


@dataclass(frozen=True)
class Step:
    """What an operation does to the register.

    Attributes
    ----------
    number : int
        The operation's number in the history.
    call, end : float
        When it was asked and answered, ms; the end is infinite where there was no answer, and then it may be left out.
    needs, avoids : Value or None
        What the register must hold, or must not hold, where `reads` or `misses`.
    puts : Value or None
        What it holds afterwards, where `writes`.
    """

    number: int
    call: float
    end: float
    needs: Content = None
    reads: bool = False
    avoids: Content = None
    misses: bool = False
    puts: Content = None
    writes: bool = False


def step(number: int, operation: Operation) -> Step | None:
    """Return what an operation does to the register; None if that is nothing that could be seen."""
    call, end = operation.call_ms, operation.end_ms
    if operation.outcome == "failed" or (end == inf and not operation.writes):
        return None
    if operation.kind == "read":
        return Step(number, call, end, needs=operation.value, reads=True)
    if operation.kind == "write":
        return Step(number, call, end, puts=operation.value, writes=True)
    if operation.writes:
        return Step(number, call, end, needs=operation.expected, reads=True, puts=operation.value, writes=True)
    return Step(number, call, end, avoids=operation.expected, misses=True)


@dataclass
class _Ahead:
    """What could come next: what puts something, readers by what they need, and whether something waits to miss."""

    writes: list[int]
    reads: dict[Content, list[int]]
    misses: bool = False


class Search:
    """One search. Steps are numbered here in order of the call: first those that must be placed, then the others.

    Parameters
    ----------
    steps : iterable of Step
        What is to be placed.
    budget : int
        How many steps may be looked at before the search gives up.
    """

    def __init__(self, steps: Iterable[Step], budget: int) -> None:
        ordered = sorted(steps, key=lambda step: step.call)
        must = [step for step in ordered if step.end < inf]
        may = [step for step in ordered if step.end == inf]
        self._tangled = any(step.misses for step in must)
        if not self._tangled:
            may = _needed(must, may)
        self._steps = must + may
        self._must = len(must)
        self._budget = self._left = budget
        # By content: how many unplaced steps need it, how many of those must be placed, and how many put it there.
        self._needs = Counter(step.needs for step in self._steps if step.reads)
        self._must_need = Counter(step.needs for step in must if step.reads)
        self._puts = Counter(step.puts for step in self._steps if step.writes)
        self._by_call = _Chain(range(self._must))
        self._by_end = _Chain(sorted(range(self._must), key=lambda place: must[place].end))
        self._open = _Chain(range(len(may)))
        self._placed: list[int] = []
        self._mask = self._used = 0  # which are placed of those that must be, and of those that may be left out

    @property
    def looked_at(self) -> int:
        """How many steps have been looked at."""
        return self._budget - self._left

    def order(self) -> list[int] | None:
        """Return the numbers of the operations in an order that fits, or None if there is none.

        Raises
        ------
        UndecidedError
            If the budget is spent before that is known.
        """
        if any(content is not None and not self._puts[content] for content in self._must_need):
            return None
        tried: dict[tuple[Content, int, int], list[int]] = {}
        choices: list[tuple[int, Content, Iterator[int]]] = []
        content: Content = None
        while True:
            content, options = self._forced(content)
            if len(self._by_call) == 0:
                return [self._steps[place].number for place in self._placed]
            state = (content, self._by_call.first, self._mask >> self._by_call.first)
            if options and not any(used & self._used == used for used in tried.get(state, ())):
                tried.setdefault(state, []).append(self._used)
                choices.append((len(self._placed), content, iter(options)))
            while choices:
                depth, content, untried = choices[-1]
                self._take_back(depth)
                place = next(untried, None)
                if place is not None:
                    break
                choices.pop()
            else:
                return None
            content = self._put_place(place, content)

    # -- what is forced, and what is left to choose ---------------------------------------------------------------

    def _forced(self, content: Content) -> tuple[Content, list[int]]:
        """Place what may be placed without a choice; return what the register holds then, and the choices."""
        while True:
            ahead = self._look(content)
            before = len(self._placed)
            if not self._tangled and not self._needs[content]:
                content = self._place_whole(content, ahead)
            if len(self._placed) == before:
                return content, self._options(content, ahead)

    def _look(self, content: Content) -> _Ahead:
        """Place what fits and changes nothing, and return what else could come next."""
        steps = self._steps
        ahead = _Ahead([], {})
        limit = steps[self._by_end.first].end if len(self._by_end) else inf
        for place in self._by_call:
            step = steps[place]
            if step.call > limit:
                break
            self._left -= 1
            if step.writes:
                ahead.writes.append(place)
            elif step.needs == content if step.reads else step.avoids != content:
                self._put_place(place, content)
                limit = steps[self._by_end.first].end if len(self._by_end) else inf
            elif step.reads:
                ahead.reads.setdefault(step.needs, []).append(place)
            else:
                ahead.misses = True
        for number in self._open:
            self._left -= 1
            if steps[self._must + number].call > limit:
                break
            ahead.writes.append(self._must + number)
        if self._left < 0:
            raise UndecidedError
        return ahead

    def _place_whole(self, content: Content, ahead: _Ahead) -> Content:
        """Place each write that can come with all who need it; return what the register holds then."""
        for place in ahead.writes:
            step = self._steps[place]
            if step.reads:
                continue
            readers = ahead.reads.get(step.puts, [])
            if len(readers) != self._needs[step.puts] or (place >= self._must and not readers):
                continue
            content = self._put_place(place, content)
            for reader in readers:
                self._put_place(reader, content)
        return content

    def _options(self, content: Content, ahead: _Ahead) -> list[int]:
        """Return which step to try next, the most promising first; none where this leads nowhere."""
        if not len(self._by_end):
            return []
        steps = self._steps
        urgent = steps[self._by_end.first]
        if urgent.reads and urgent.needs != content and all(steps[p].puts != urgent.needs for p in ahead.writes):
            return []
        swapped = {steps[place].needs for place in ahead.writes if steps[place].reads}
        best: dict[tuple[bool, Content], int] = {}
        for place in ahead.writes:
            step = steps[place]
            if (step.reads and step.needs != content) or not self._may_leave(content, step):
                continue
            if place >= self._must:
                unblocks = ahead.misses and step.puts != content
                if not (unblocks or step.puts in ahead.reads or step.puts in swapped):
                    continue
            rival = best.get((step.reads, step.puts))
            if rival is None or step.end < steps[rival].end:  # the one that is due first serves as well
                best[step.reads, step.puts] = place
        wanted = urgent.needs if urgent.reads else urgent.puts

        def promise(place: int) -> tuple[bool, bool, float]:
            """Sort first what serves the answer that is due next, then what could not come at another time."""
            return steps[place].puts != wanted, not steps[place].reads, steps[place].end

        return sorted(best.values(), key=promise)

    def _may_leave(self, content: Content, step: Step) -> bool:
        """Return whether what the register holds may be replaced: nobody is left who needs it, or it comes again."""
        if step.puts == content:
            return True
        needed = self._must_need[content] - (step.reads and step.end < inf)
        return not needed or self._puts[content] > 0

    # -- placing and taking back ----------------------------------------------------------------------------------

    def _put_place(self, place: int, content: Content) -> Content:
        """Place a step next and return what the register holds after it."""
        step = self._steps[place]
        self._count(step, -1)
        self._placed.append(place)
        if place < self._must:
            self._mask |= 1 << place
            self._by_call.remove(place)
            self._by_end.remove(place)
        else:
            self._used |= 1 << place - self._must
            self._open.remove(place - self._must)
        return step.puts if step.writes else content

    def _take_back(self, depth: int) -> None:
        """Take back the steps placed last, down to so many."""
        while len(self._placed) > depth:
            place = self._placed.pop()
            self._count(self._steps[place], +1)
            if place < self._must:
                self._mask ^= 1 << place
                self._by_end.restore(place)
                self._by_call.restore(place)
            else:
                self._used ^= 1 << place - self._must
                self._open.restore(place - self._must)

    def _count(self, step: Step, change: int) -> None:
        if step.reads:
            self._needs[step.needs] += change
            if step.end < inf:
                self._must_need[step.needs] += change
        if step.writes:
            self._puts[step.puts] += change


def _needed(must: list[Step], may: list[Step]) -> list[Step]:
    """Return the steps that may be left out and that put something which another step needs."""
    needed = {step.needs for step in must if step.reads}
    while more := {step.needs for step in may if step.reads and step.puts in needed} - needed:
        needed |= more
    return [step for step in may if step.puts in needed]


class _Chain:
    """Numbers in an order, out of which any can be taken and put back, the last one taken first, in no time."""

    def __init__(self, numbers: Iterable[int]) -> None:
        ordered = list(numbers)
        self._end = len(ordered)  # stands before the first and after the last
        self._next = [0] * (self._end + 1)
        self._last = [0] * (self._end + 1)
        for one, other in zip([self._end, *ordered], [*ordered, self._end], strict=True):
            self._next[one], self._last[other] = other, one
        self._length = self._end

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[int]:
        number = self._next[self._end]
        while number != self._end:
            yield number
            number = self._next[number]

    @property
    def first(self) -> int:
        """The first one; the number after the largest if there is none."""
        return self._next[self._end]

    def remove(self, number: int) -> None:
        """Take a number out."""
        last, after = self._last[number], self._next[number]
        self._next[last], self._last[after] = after, last
        self._length -= 1

    def restore(self, number: int) -> None:
        """Put a number back where it was."""
        self._next[self._last[number]] = self._last[self._next[number]] = number
        self._length += 1
