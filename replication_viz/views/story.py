"""What the stage says in words: title, settings, who stands where, what goes wrong when, what to notice."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import numpy as np

from ..scenario import LEADER, Change, CutLink, LinkDelay, Partition, Scenario, SyncRule
from ..trace import MarkKind, Marks, Role, Trace
from . import ring_story, tapes_story
from .plot import usual_latency
from .terms import Terms

FAULTS = (
    MarkKind.CRASH,
    MarkKind.RESTART,
    MarkKind.DISK,
    MarkKind.REPLAY,
    MarkKind.QUERY,
    MarkKind.PARTITION,
    MarkKind.LINK,
    MarkKind.CHANGE,
    MarkKind.STATEMENT,
    MarkKind.ARCHIVE,
    MarkKind.FROZEN,
    MarkKind.CLOCK,
)
_WORD = {
    MarkKind.CRASH: "crashed",
    MarkKind.RESTART: "restart",
    MarkKind.DISK: "disk stall",
    MarkKind.REPLAY: "slow replay",
    MarkKind.QUERY: "long query",
    MarkKind.PARTITION: "cut off",
    MarkKind.LINK: "link fault",
    MarkKind.CHANGE: "changed",
    MarkKind.STATEMENT: "statement",
    MarkKind.ARCHIVE: "archive loses log",
    MarkKind.FROZEN: "frozen",
    MarkKind.CLOCK: "clock skewed",
}
_SHORTER = (
    ("link ", ""),
    ("is frozen for ", "frozen "),
    (" is cut", " cut"),
    ("disk stalls, ", "disk stall "),
    (" a flush", ""),
    (" times slower", "× slower"),
)
_TURNS = {
    MarkKind.DISCONNECT: "gone",
    MarkKind.FALLEN: "gone",
    MarkKind.RECONNECT: "back",
    MarkKind.FELL_BACK: "impatient",
    MarkKind.WAITS_AGAIN: "patient",
}
_USUAL = {"synchronous_commit": "on", "rpl_semi_sync_source_wait_for_replica_count": "1"}
_SERVERS = (MarkKind.POOL, MarkKind.DRAIN, MarkKind.RETURN)
_ANSWERED = "Every write that waited has its answer."
_VERB = {"remote_write": "written", "on": "flushed", "remote_apply": "replayed"}


def header(trace: Trace) -> dict[str, Any]:
    """Return all of a trace that is not a column."""
    scenario = trace.scenario
    usual = usual_latency(trace)
    terms = Terms(trace)
    return {
        "title": scenario.title,
        **_topology(scenario),
        "setting": _setting(scenario),
        "slots": scenario.slots,
        "grain": scenario.grain,
        "duration": trace.duration_ms,
        "nodes": [{"name": name, "place": scenario.of(name, "place") or ""} for name in trace.nodes],
        "states": _states(trace),
        "epochs": list(_epochs(trace, terms)),
        "events": list(_events(trace, terms)),
        "spans": list(_spans(trace)),
        "walls": list(_walls(trace)),
        "links": list(_links(trace)),
        "usual": usual if math.isfinite(usual) else None,
        "pace": _pace(trace, usual),
        "notes": [],
        **_fleet(trace),
        **_leadership(terms),
    }


def _topology(scenario: Scenario) -> dict[str, Any]:
    """Which scene draws it, if it is not the logs of a single leader; see ``topology.js``."""
    return {} if scenario.topology == "single_leader" else {"topology": scenario.topology}


def _fleet(trace: Trace) -> dict[str, Any]:
    """The application servers, when each leaves the rotation and comes back, and which numbers then matter."""
    scenario, marks = trace.scenario, trace.marks
    if scenario.topology == "leaderless":
        return {"cards": list(ring_story.CARDS)}
    if scenario.topology == "multi_leader":
        return {"cards": list(tapes_story.CARDS)}
    if not scenario.servers:
        return {"cards": ["loss", "commit", "stale"]}
    turn = np.isin(marks.kind, (MarkKind.DRAIN, MarkKind.RETURN))
    turns = zip(marks.time[turn].tolist(), marks.peer[turn].tolist(), marks.kind[turn].tolist(), strict=True)
    return {
        "cards": ["loss", "commit", "pool"],
        "fleet": {
            "servers": scenario.servers,
            "pool": scenario.pool,
            "turns": [[time, server, int(kind == MarkKind.RETURN)] for time, server, kind in turns],
        },
    }


def _leadership(terms: Terms) -> dict[str, Any]:
    """Who leads when, and which numbers then matter; nothing where nobody takes over."""
    return {"terms": terms.header(), "cards": ["sides", "leaders", "silence"]} if terms.changes else {}


def _setting(scenario: Scenario) -> str:
    """Return the settings for this choice, as a configuration file has them, less those at their default."""
    if scenario.topology == "leaderless":
        return ring_story.setting(scenario)
    if scenario.topology == "multi_leader":
        return tapes_story.setting(scenario)
    settings = scenario.postgres_settings()
    for name, usual in _USUAL.items():
        if settings.get(name) == usual:
            del settings[name]
    if len(settings) > 1 and settings.get("synchronous_standby_names") == "''":
        del settings["synchronous_standby_names"]
    return " · ".join(f"{name} = {value}" for name, value in settings.items())


def waits_for(rule: SyncRule, level: str, standbys: Iterable[str]) -> str:
    """Return in one sentence what a commit waits for."""
    names = rule.candidates(standbys)
    if level == "local" or rule.count == 0 or not names:
        return "A commit waits for the leader’s own disk only."
    verb = _VERB[level]
    if rule.count > len(names):
        return f"A commit waits for {rule.count} replicas, and {len(names)} are there: none will ever return."
    if rule.method == "first" or rule.count == len(names):
        return f"A commit returns when {_and(names[: rule.count])} {_has(rule.count)} {verb} it."
    return f"A commit returns when any {rule.count} of {_and(names)} {_has(rule.count)} {verb} it."


def _has(count: int) -> str:
    return "has" if count == 1 else "have"


def _and(names: list[str]) -> str:
    if len(names) > 4:
        return f"{len(names)} replicas"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _states(trace: Trace) -> list[list[Any]]:
    """Node, begin, end, whether it leads, whether it is up, term; and true where it is fenced."""
    rows = zip(*(column.tolist() for column in trace.states.columns().values()), strict=True)
    return [
        [node, begin, end, role == Role.LEADER, up, term, *([True] if fenced else [])]
        for node, begin, end, role, up, fenced, term in rows
    ]


def _epochs(trace: Trace, terms: Terms) -> Iterator[dict[str, Any]]:
    """The acknowledgement rule from each moment at which it, the leader or the set of connected replicas changes."""
    scenario = trace.scenario
    ack, level = scenario.ack, str(scenario.level)
    waits = True
    gone: set[int] = set()
    leader = LEADER
    turns: list[tuple[float, str, Any]] = [(0.0, "", None)]
    turns += [(fork.at_ms, "leader", fork.node) for fork in terms.forks[1:]]
    turns += [(f.at_ms, f.setting, f.value) for f in scenario.timeline if isinstance(f, Change)]
    turns += [
        (time, _TURNS[kind], node)
        for time, kind, node in zip(*(getattr(trace.marks, c).tolist() for c in ("time", "kind", "node")), strict=True)
        if kind in _TURNS
    ]
    turns.sort(key=lambda turn: turn[0])
    for begin, group in groupby(turns, key=lambda turn: turn[0]):
        for _, what, value in group:
            ack = value if what == "ack" else ack
            level = value if what == "level" else level
            if what == "leader":
                leader, gone, waits = value, set(range(len(trace.nodes))), True
            if what in ("impatient", "patient") and trace.nodes[value] == leader:
                waits = what == "patient"
            if what == "gone":
                gone.add(value)
            if what == "back":
                gone.discard(value)
        yield {"t": begin, **_epoch(scenario, trace.nodes, ack if waits else "async", level, gone, leader)}


def _epoch(
    scenario: Scenario, nodes: tuple[str, ...], ack: str, level: str, gone: set[int], leader: str
) -> dict[str, Any]:
    rule = scenario.sync_rule(ack)
    direct = scenario.direct if leader == LEADER else [name for name in nodes if name != leader]
    connected = [name for name in direct if nodes.index(name) not in gone]
    states = rule.states(connected)
    waited = [] if level == "local" else [nodes.index(name) for name in rule.candidates(connected)]
    return {
        "ack": ack,
        "level": level,
        "method": rule.method,
        "count": 0 if level == "local" else rule.count,
        "candidates": waited[: rule.count] if rule.method == "first" else waited,
        "sync": ["leader" if name == leader else states.get(name, _else(scenario, name)) for name in nodes],
    }


def _else(scenario: Scenario, name: str) -> str:
    """Return what is said of a replica that the leader does not see."""
    upstream = LEADER if name == LEADER else scenario.upstream(name)
    return "not connected" if upstream == LEADER else f"follows {upstream}"


def _rows(marks: Marks) -> Iterator[tuple[float, float, int, int, int, str]]:
    yield from zip(*(column.tolist() for column in marks.columns().values()), strict=True)


def _events(trace: Trace, terms: Terms) -> Iterator[dict[str, Any]]:
    """Each moment worth a caption once: when a mark begins, and when what it marks is over.

    ``kind`` is negative where nothing begins, and ``of`` then says what is over; ``nodes`` are those that it is about.
    """
    scenario = trace.scenario
    first = waits_for(scenario.sync_rule(), scenario.level, scenario.direct)
    if scenario.is_semi_sync:
        first += f" After {scenario.ack_timeout_ms:g} ms the leader goes on without."
    if scenario.topology == "leaderless":
        first = ring_story.first_sentence(scenario)
    if scenario.topology == "multi_leader":
        first = tapes_story.first_sentence(scenario)
    found: dict[tuple[float, int, str], dict[str, Any]] = {}

    def tell(time: float, kind: int, text: str, of: int, node: int, peer: int) -> None:
        event = {"t": time, "text": text, "fault": kind in FAULTS, "kind": kind}
        about = found.setdefault((time, kind, text), event | ({"of": of} if of != kind else {}))
        if of in _SERVERS:
            about["server"] = peer
            return
        about["nodes"] = about.get("nodes", []) + [n for n in (node, peer) if n >= 0]

    tell(0.0, -1, first, -1, -1, -1)
    for time, until, kind, node, peer, text in _rows(trace.marks):
        tell(time, kind, _sentence(text, trace.nodes), kind, node, peer)
        if math.isfinite(until) and until < trace.duration_ms:
            answered = "Who waited has an answer or has given up." if scenario.servers else _ANSWERED
            over = answered if kind == MarkKind.BLOCKED else f"Over: {text}."
            tell(until, -1, over, kind, node, peer)
    for time, text, of, about in terms.sentences():
        found[time, -1, text] = {"t": time, "text": text, "fault": False, "kind": -1, "of": of, "nodes": about}
    yield from sorted(found.values(), key=lambda event: float(event["t"]))


def _sentence(text: str, nodes: tuple[str, ...]) -> str:
    """Return a mark's text with a capital and a full stop; a node's name keeps its letter."""
    if not text.startswith((*nodes, "app")):
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _spans(trace: Trace) -> Iterator[dict[str, Any]]:
    """What is wrong from when to when, the nodes that it is about, and the rows that say so."""
    seen: dict[tuple[float, str], dict[str, Any]] = {}
    for time, until, kind, node, peer, text in _rows(trace.marks):
        if kind not in FAULTS:
            continue
        rows = _rows_that_say(kind, node, peer)
        if (time, text) in seen:
            seen[time, text]["rows"] += rows
            seen[time, text]["nodes"] += [node]
            continue
        seen[time, text] = {
            "t": time,
            "until": None if math.isnan(until) else min(until, trace.duration_ms),
            "text": text,
            "short": _short(text, trace.nodes),
            "word": "replay paused" if text.endswith("replay stands still") else _WORD[MarkKind(kind)],
            "rows": rows,
            "kind": kind,
            "nodes": [n for n in (node, peer) if n >= 0],
        }
    yield from seen.values()


def _rows_that_say(kind: int, node: int, peer: int) -> list[int]:
    """Return the rows that carry a fault: of a link the replica's; a partition has its wall instead."""
    if kind == MarkKind.PARTITION:
        return []
    row = (peer or node) if kind == MarkKind.LINK else node
    return [row] if row >= 0 else []


def _short(text: str, nodes: tuple[str, ...]) -> str:
    """Return a fault's words without what its row says already."""
    for name in nodes:
        text = text.removeprefix(f"{name}: ").removeprefix(f"{name} ")
    for long, short in _SHORTER:
        text = text.replace(long, short)
    return text


def _walls(trace: Trace) -> Iterator[dict[str, Any]]:
    """Each partition: from when to when, and who is on the named side."""
    for fault in trace.scenario.timeline:
        if isinstance(fault, Partition) and fault.at_ms < trace.duration_ms:
            yield {
                "t": fault.at_ms,
                "until": min(fault.until_ms, trace.duration_ms),
                "nodes": [trace.number(name) for name in fault.nodes],
            }


def _links(trace: Trace) -> Iterator[dict[str, Any]]:
    """What is wrong with one direction of a link, from when to when; ``slower`` is in ms, or None where it is cut."""
    for fault in trace.scenario.timeline:
        if not isinstance(fault, CutLink | LinkDelay) or fault.at_ms >= trace.duration_ms:
            continue
        ways = [(fault.source, fault.target)]
        if isinstance(fault, CutLink) and fault.both_ways:
            ways.append((fault.target, fault.source))
        for source, target in ways:
            yield {
                "t": fault.at_ms,
                "until": min(fault.until_ms, trace.duration_ms),
                "source": trace.number(source),
                "target": trace.number(target),
                "slower": fault.extra_ms if isinstance(fault, LinkDelay) else None,
            }


def _pace(trace: Trace, usual: float) -> float:
    """Return how many ms of the run pass in one second at the start: half a commit's round trip."""
    scenario = trace.scenario
    trip = 2 * float(scenario.network_ms) + float(scenario.flush_ms)
    longest = max(usual if math.isfinite(usual) else 0.0, trip)
    return max(min(longest / 2, trace.duration_ms / 4), 1e-3)
