"""Random lives of replicated data types, with the causal history of every state written out as a set of events.

The histories are what the types are judged by: plain, slow, and sure of what has seen what.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from replication_viz import conflicts as cf

NODES = ("A", "B", "C")


@dataclass(frozen=True)
class Event:
    """An operation, and the events that its maker had seen."""

    number: int
    node: str
    op: Any
    seen: frozenset[int]


@dataclass(frozen=True)
class Kind:
    """A data type, what can be done to it, and what its value has to be after a history."""

    empty: Any
    ops: st.SearchStrategy[Any]
    act: Callable[[Any, Any, str], Any]
    expected: Callable[[Sequence[Event]], Any]
    value: Callable[[Any], Any] = lambda state: state.value
    reads_elsewhere: bool = False  # an op is then (op, which snapshot its client had read)


class World:
    """Replicas that work on their own. The network may bring any state that ever was, late, twice or never."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.events: list[Event] = []
        self.snapshots: list[tuple[Any, frozenset[int]]] = [(kind.empty, frozenset())]
        self.replicas = dict.fromkeys(NODES, self.snapshots[0])

    def do(self, node: str, op: Any) -> None:
        state, history = self.replicas[node]
        seen, event = history, len(self.events)
        if self.kind.reads_elsewhere:
            op, which = op
            read, seen = self.snapshots[which % len(self.snapshots)]
            state = self.kind.act(state, (op, read), node)
        else:
            state = self.kind.act(state, op, node)
        self.events.append(Event(event, node, op, seen))
        self._becomes(node, state, history | seen | {event})

    def deliver(self, node: str, which: int) -> None:
        (state, history), (sent, its_history) = self.replicas[node], self.snapshots[which % len(self.snapshots)]
        self._becomes(node, state.merge(sent), history | its_history)

    def repair(self, order: Sequence[str]) -> None:
        """Let the replicas send their states to each other, in rounds, until all have heard of everything."""
        for _ in NODES:
            for node in order:
                for other in order:
                    state, history = self.replicas[other]
                    mine, my_history = self.replicas[node]
                    self._becomes(node, mine.merge(state), my_history | history)

    def expected(self, history: frozenset[int]) -> Any:
        return self.kind.expected([self.events[number] for number in sorted(history)])

    def _becomes(self, node: str, state: Any, history: frozenset[int]) -> None:
        self.replicas[node] = (state, history)
        self.snapshots.append(self.replicas[node])


def worlds(kind: Kind, max_steps: int = 25) -> st.SearchStrategy[World]:
    """Return the world after any operations and any deliveries in between."""
    node = st.sampled_from(NODES)
    step = st.tuples(st.just("do"), node, kind.ops) | st.tuples(st.just("deliver"), node, st.integers(0, 10_000))

    def play(steps: list[tuple[str, str, Any]]) -> World:
        world = World(kind)
        for what, who, how in steps:
            getattr(world, what)(who, how)
        return world

    return st.lists(step, max_size=max_steps).map(play)


def _not_overwritten(events: Sequence[Event]) -> list[Event]:
    """Return the events that no other had seen."""
    return [e for e in events if not any(e.number in other.seen for other in events)]


def _pn_value(events: Sequence[Event]) -> int:
    return sum(e.op for e in events)


def _two_phase(events: Sequence[Event]) -> frozenset[str]:
    added = {e.op[1] for e in events if e.op[0] == "add"}
    by_number = {e.number: e for e in events}
    for e in events:
        if e.op[0] == "remove" and any(by_number[n].op == ("add", e.op[1]) for n in e.seen):
            added.discard(e.op[1])
    return frozenset(added)


def _add_wins(events: Sequence[Event]) -> frozenset[str]:
    """Return each element with an add that no remove of it had seen."""
    removes = [e for e in events if e.op[0] == "remove"]
    return frozenset(
        e.op[1]
        for e in events
        if e.op[0] == "add" and not any(r.op[1] == e.op[1] and e.number in r.seen for r in removes)
    )


def _last(events: Sequence[Event]) -> str | None:
    ranked = sorted((e.op[1], e.node, e.op[0]) for e in events)
    return ranked[-1][2] if ranked else None


def _cart(events: Sequence[Event]) -> dict[str, int]:
    """Return the quantities, each unit followed by itself: (item, node, which unit of that node)."""
    put_in: dict[int, set[tuple[str, str, int]]] = {}
    taken_out: dict[int, set[tuple[str, str, int]]] = {}
    last_unit: Counter[str] = Counter()
    for e in events:
        what, item, quantity = e.op
        seen_in = set().union(*(put_in[n] for n in e.seen)) - set().union(*(taken_out[n] for n in e.seen))
        here = sorted(unit for unit in seen_in if unit[0] == item)
        more = {"add": quantity, "remove": 0, "change": max(0, quantity - len(here))}[what]
        put_in[e.number] = {(item, e.node, last_unit[e.node] + i) for i in range(1, more + 1)}
        last_unit[e.node] += more
        taken_out[e.number] = set() if what == "add" else set(here[0 if what == "remove" else quantity :])
    left = set().union(*put_in.values()) - set().union(*taken_out.values())
    return dict(sorted(Counter(item for item, _, _ in left).items()))


def _count(state: cf.PNCounter, by: int, node: str) -> cf.PNCounter:
    return state.increment(node, by) if by >= 0 else state.decrement(node, -by)


def _change_set(state: Any, op: tuple[str, str], node: str) -> Any:
    what, element = op
    if what == "remove":
        return state.remove(element)
    return state.add(element) if isinstance(state, cf.TwoPhaseSet) else state.add(element, node)


def _change_cart(state: cf.ShoppingCart, op: tuple[str, str, int], node: str) -> cf.ShoppingCart:
    what, item, quantity = op
    if what == "remove":
        return state.remove(item)
    return state.add(item, node, quantity) if what == "add" else state.change(item, quantity, node)


ELEMENTS = st.sampled_from("xyz")
SET_OPS = st.tuples(st.sampled_from(["add", "remove"]), ELEMENTS)
CART_OPS = st.tuples(st.just("add"), ELEMENTS, st.integers(1, 3)) | st.tuples(
    st.sampled_from(["remove", "change"]), ELEMENTS, st.integers(0, 4)
)
WORDS = st.sampled_from(["tea", "milk", "rice", "salt"])

KINDS = {
    "GCounter": Kind(cf.GCounter(), st.integers(0, 5), lambda s, by, node: s.increment(node, by), _pn_value),
    "PNCounter": Kind(cf.PNCounter(), st.integers(-5, 5), _count, _pn_value),
    "GSet": Kind(cf.GSet(), ELEMENTS, lambda s, e, _: s.add(e), lambda events: frozenset(e.op for e in events)),
    "TwoPhaseSet": Kind(cf.TwoPhaseSet(), SET_OPS, _change_set, _two_phase),
    "ORSet": Kind(cf.ORSet(), SET_OPS, _change_set, _add_wins),
    "OptORSet": Kind(cf.OptORSet(), SET_OPS, _change_set, _add_wins),
    "ShoppingCart": Kind(cf.ShoppingCart(), CART_OPS, _change_cart, _cart),
    "LWWRegister": Kind(
        cf.LWWRegister(),
        st.tuples(WORDS, st.integers(0, 4)),  # so few times that ties are common
        lambda s, op, node: s.write(op[0], op[1], node),
        _last,
    ),
    "MVRegister": Kind(
        cf.MVRegister(),
        WORDS,
        lambda s, op, node: s.write(op, node),
        lambda events: frozenset(e.op for e in _not_overwritten(events)),
    ),
    "Siblings": Kind(
        cf.Siblings(),
        st.tuples(WORDS, st.integers(0, 10_000)),
        lambda s, op, node: s.write(op[0], node, op[1].context),
        lambda events: sorted(e.op for e in _not_overwritten(events)),
        value=lambda state: sorted(state.values),
        reads_elsewhere=True,
    ),
}
