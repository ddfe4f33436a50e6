"""Whether there was one leader: one for each term, and one that acknowledged writes at a time.

For clusters of one leader; where several nodes are meant to take writes, neither is promised.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from ..trace import Role, Trace
from .history import History
from .sessions import as_history
from .verdict import ONE_LEADER_ACKNOWLEDGES, ONE_LEADER_PER_TERM, Verdict, Violation, count, listed


def one_leader_per_term(trace: Trace) -> Verdict:
    """Return each term in which more than one node was leader, at the same time or one after the other.

    Source
    ------
    "Election safety" of Ongaro & Ousterhout, "In Search of an Understandable Consensus Algorithm", 2014, section 5.
    """
    states = trace.states
    led: dict[int, dict[int, float]] = {}  # by term and node, since when
    for row in np.flatnonzero(states.role == Role.LEADER).tolist():
        led.setdefault(int(states.term[row]), {}).setdefault(int(states.node[row]), float(states.begin[row]))
    violations = []
    for term, since in led.items():
        if len(since) > 1:
            names = tuple(trace.nodes[node] for node in since)
            moments = listed([f"{name} from {at:,.1f} ms" for name, at in zip(names, since.values(), strict=True)])
            both = sorted(since.values())[1]
            violations.append(
                Violation(
                    promise=ONE_LEADER_PER_TERM,
                    why=f"Term {term} had {len(names)} leaders: {moments}.",
                    nodes=names,
                    begin_ms=both,
                    end_ms=_end_of(trace, term, since),
                )
            )
    return Verdict(ONE_LEADER_PER_TERM, count(len(led), "term"), tuple(violations))


def one_leader_acknowledges(source: Trace | History) -> Verdict:
    """Return each two nodes that acknowledged writes by turns: each before the other's last and after its first.

    A node that leads again in a later term is judged term by term. Where a history has no terms, it is taken never to
    have stopped.
    """
    history = as_history(source)
    spells: dict[tuple[str, int], list[tuple[float, int]]] = {}
    for number, operation in enumerate(history):
        if operation.writes and operation.outcome == "ok" and operation.node:
            spell = spells.setdefault((operation.node, operation.term or 0), [])
            spell.append((operation.end_ms, number))
    for spell in spells.values():
        spell.sort()
    violations = [
        _violation(history, one, spells[one], other, spells[other])
        for one, other in combinations(spells, 2)
        if one[0] != other[0] and spells[one][0] < spells[other][-1] and spells[other][0] < spells[one][-1]
    ]
    violations.sort(key=lambda violation: violation.begin_ms)
    answers = sum(map(len, spells.values()))
    return Verdict(ONE_LEADER_ACKNOWLEDGES, f"{count(answers, 'acknowledged write')}", tuple(violations))


def _violation(
    history: History,
    one: tuple[str, int],
    ones: Sequence[tuple[float, int]],
    other: tuple[str, int],
    others: Sequence[tuple[float, int]],
) -> Violation:
    begin, end = max(ones[0][0], others[0][0]), min(ones[-1][0], others[-1][0])
    during = [
        spell[bisect_left(spell, (begin, -1)) : bisect_right(spell, (end, len(history)))] for spell in (ones, others)
    ]
    names = [node + (f" (term {term})" if term else "") for node, term in (one, other)]
    numbers = listed([f"{name} {len(answered):,}" for name, answered in zip(names, during, strict=True)])
    return Violation(
        promise=ONE_LEADER_ACKNOWLEDGES,
        why=f"Two leaders acknowledged writes from {begin:,.1f} to {end:,.1f} ms: {numbers}.",
        operations=tuple(answered[0][1] for answered in during),
        nodes=(one[0], other[0]),
        begin_ms=begin,
        end_ms=end,
        history=history,
    )


def _end_of(trace: Trace, term: int, nodes: dict[int, float]) -> float:
    states = trace.states
    rows = (states.role == Role.LEADER) & (states.term == term)
    return float(max(states.end[rows & (states.node == node)].max() for node in nodes))
