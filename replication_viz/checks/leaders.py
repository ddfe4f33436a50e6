"""Whether there was one leader: one for each term, and one that acknowledged writes at a time.

For clusters of one leader; where several nodes are meant to take writes, neither is promised.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from ..trace import Role, Trace
from .history import History
from .sessions import as_history
from .verdict import ONE_LEADER_ACKNOWLEDGES, ONE_LEADER_PER_TERM, Verdict, Violation, count, listed

Spell = tuple[str, int]  # a node and its term


def one_leader_per_term(trace: Trace) -> Verdict:
    """Return each term in which more than one node was leader, at the same time or one after the other.

    Source
    ------
    "Election safety" of Ongaro & Ousterhout, "In Search of an Understandable Consensus Algorithm", 2014, section 5.
    """
    states = trace.states
    led: dict[int, dict[int, float]] = {}  # by term and node, since when
    leads = states.role == Role.LEADER
    for row in np.flatnonzero(leads).tolist():
        led.setdefault(int(states.term[row]), {}).setdefault(int(states.node[row]), float(states.begin[row]))
    violations = []
    for term, since in led.items():
        if len(since) > 1:
            names = tuple(trace.nodes[node] for node in since)
            moments = listed([f"{name} from {at:,.1f} ms" for name, at in zip(names, since.values(), strict=True)])
            violations.append(
                Violation(
                    promise=ONE_LEADER_PER_TERM,
                    why=f"Term {term} had {len(names)} leaders: {moments}.",
                    nodes=names,
                    begin_ms=sorted(since.values())[1],
                    end_ms=float(states.end[leads & (states.term == term)].max()),
                )
            )
    return Verdict(ONE_LEADER_PER_TERM, count(len(led), "term"), tuple(violations))


def one_leader_acknowledges(source: Trace | History) -> Verdict:
    """Return each node that still acknowledged writes when another had begun to.

    A node that leads again in a later term is judged term by term. Where a history has no terms, it is taken never to
    have stopped.
    """
    history = as_history(source)
    spells: dict[Spell, list[tuple[float, int]]] = {}
    for number, operation in enumerate(history):
        if operation.writes and operation.outcome == "ok" and operation.node:
            spell = spells.setdefault((operation.node, operation.term or 0), [])
            spell.append((operation.end_ms, number))
    for spell in spells.values():
        spell.sort()
    in_order = sorted(spells, key=lambda spell: (spells[spell][0][0], -spells[spell][-1][0]))
    violations = [
        _violation(history, one, other, spells)
        for one, other in combinations(in_order, 2)
        if one[0] != other[0] and spells[other][0][0] < spells[one][-1][0]
    ]
    violations.sort(key=lambda violation: violation.begin_ms)
    answers = sum(map(len, spells.values()))
    return Verdict(ONE_LEADER_ACKNOWLEDGES, f"{count(answers, 'acknowledged write')}", tuple(violations))


def _violation(history: History, one: Spell, other: Spell, spells: dict[Spell, list[tuple[float, int]]]) -> Violation:
    """Return the violation of a node that still acknowledged when another had begun to."""
    begin, first = spells[other][0]
    still = [answer for answer in spells[one] if answer[0] > begin]
    names = [node + (f" (term {term})" if term else "") for node, term in (one, other)]
    return Violation(
        promise=ONE_LEADER_ACKNOWLEDGES,
        why=(
            f"{names[0]} still acknowledged {count(len(still), 'write')}, the last at {still[-1][0]:,.1f} ms, "
            f"after {names[1]} had begun to at {begin:,.1f} ms."
        ),
        operations=(still[0][1], first),
        nodes=(one[0], other[0]),
        begin_ms=begin,
        end_ms=still[-1][0],
        history=history,
    )
