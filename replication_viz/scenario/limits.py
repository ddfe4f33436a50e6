"""What a scenario must keep to beyond the range of each number: faults that fit the run, settings that fit each other,
and a cost that somebody will wait for. The first thing that does not fit is one sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import failover, leaderless, multi_leader
from .errors import ScenarioError
from .faults import (
    Change,
    CutLink,
    DropSlot,
    Fault,
    LinkDelay,
    LongQuery,
    Partition,
    PauseReplay,
    Rebuild,
    SlowReplay,
    Statement,
)

if TYPE_CHECKING:
    from .model import Scenario

LEADER = "L"
MAX_REPLICAS = 9
MAX_BATCH_BYTES = 128 * 1024  # what a walsender puts into one message (MAX_SEND_SIZE)
REPLAY_STEP_MS = 5.0  # replay shows its progress at least this often
MAX_WRITES = 5_000_000
MAX_STEPS = 2_000_000
MAX_REQUESTS = 1_000_000
REPLAY_STEPS = 20_000  # in a long run replay shows its progress so many times, and a slow disk, too

READ_FROM = ("random", "round_robin", "nearest", "leader")
OF_REPLICAS = SlowReplay | PauseReplay | LongQuery | DropSlot | Rebuild


def step_ms(duration_ms: float) -> float:
    """Return after how much work replay, or a slow disk, shows how far it has come, ms."""
    return max(REPLAY_STEP_MS, duration_ms / REPLAY_STEPS)


def replica_names(count: int) -> tuple[str, ...]:
    """Return the names of so many replicas: s1, s2, …"""
    return tuple(f"s{i}" for i in range(1, count + 1))


def check(scenario: Scenario) -> None:
    """Check what pydantic cannot see.

    Raises
    ------
    ScenarioError
        If something does not fit.
    """
    scenario.sync_rule(scenario.ack)
    _check_places(scenario)
    for fault in scenario.timeline:
        _check_fault(fault, scenario)
    _check_spread(scenario)
    if scenario.topology == "leaderless":
        leaderless.check(scenario)
        return
    if scenario.topology == "multi_leader":
        multi_leader.check(scenario)
        return
    failover.check(scenario)
    _check_servers(scenario)
    _check_grain(scenario)
    _check_cost(scenario)


def _check_places(scenario: Scenario) -> None:
    known = scenario.node_names
    if scenario.read_from not in (*READ_FROM, *known):
        choices = ", ".join(map(repr, READ_FROM))
        raise ScenarioError(
            f"read_from is {scenario.read_from!r}: it must be one of {choices}, or a node; {_where(scenario)}."
        )
    for name, own in scenario.nodes.items():
        if scenario.topology != "single_leader":
            _check_member(scenario, name, own.follows)
            continue
        if name not in (LEADER, *replica_names(MAX_REPLICAS)):
            raise ScenarioError(f"nodes names {name!r}: it must be L or s1 to s{MAX_REPLICAS}.")
        if own.follows is not None:
            _check_stream(scenario, name)


def _check_member(scenario: Scenario, name: str, follows: str | None) -> None:
    letter, most = (
        ("n", leaderless.MAX_MEMBERS) if scenario.topology == "leaderless" else ("L", multi_leader.MAX_LEADERS)
    )
    if name not in [f"{letter}{i}" for i in range(1, most + 1)]:
        raise ScenarioError(f"nodes names {name!r}: it must be {letter}1 to {letter}{most}.")
    if follows is not None:
        raise ScenarioError(f"{name} follows {follows!r}: where topology is {scenario.topology!r} nobody follows.")


def _check_stream(scenario: Scenario, name: str) -> None:
    """Refuse a stream that comes from nowhere, or goes in a circle."""
    followed = scenario.nodes[name].follows
    if name == LEADER or followed not in replica_names(MAX_REPLICAS):
        raise ScenarioError(f"{name} follows {followed!r}: a replica may follow a replica, s1 to s{MAX_REPLICAS}.")
    path = [name]
    while (above := scenario.upstream(path[-1])) != LEADER:
        if above in path:
            raise ScenarioError(f"{' follows '.join([*path, above])}: the log would go in a circle.")
        path.append(above)


def _check_fault(fault: Fault, scenario: Scenario) -> None:
    known = scenario.node_names
    missing = [name for name in fault.places() if name not in known]
    if missing:
        raise ScenarioError(f"a {fault.kind} names {missing[0]!r}, which is not in this run: {_where(scenario)}.")
    if isinstance(fault, Partition):
        _check_partition(fault, known)
    if isinstance(fault, OF_REPLICAS) and fault.node == LEADER:
        raise ScenarioError(f"a {fault.kind} names {LEADER}, which replays nothing: it must name a replica.")
    if isinstance(fault, CutLink | LinkDelay):
        if fault.source == fault.target:
            raise ScenarioError(f"a {fault.kind} runs from {fault.source} to itself: it needs two nodes.")
        if scenario.topology == "single_leader" and not any(_streams(scenario, *ends) for ends in _both(fault)):
            raise ScenarioError(
                f"a {fault.kind} names the link {fault.source} → {fault.target}, which carries nothing: "
                f"links run between a replica and what it follows, mostly {LEADER}."
            )
    if isinstance(fault, Change):
        if scenario.topology != "leaderless" and fault.setting in leaderless.QUORUMS:
            raise ScenarioError(f"a change sets {fault.setting}, which only a leaderless database has.")
        sizes = ("topology", "replicas", "members", "copies")
        try:
            type(scenario)(**{name: getattr(scenario, name) for name in sizes} | {fault.setting: fault.value})
        except ScenarioError as error:
            raise ScenarioError(f"in a change, {error}") from None


def _both(fault: CutLink | LinkDelay) -> list[tuple[str, str]]:
    return [(fault.source, fault.target), (fault.target, fault.source)]


def _streams(scenario: Scenario, source: str, target: str) -> bool:
    if scenario.may_fail_over:
        return True
    return target != LEADER and scenario.upstream(target) == source


def _check_partition(fault: Partition, known: tuple[str, ...]) -> None:
    twice = [n for n in fault.nodes if fault.nodes.count(n) > 1]
    if twice:
        raise ScenarioError(f"a partition names {twice[0]!r} twice: each node stands on one side.")
    if set(fault.nodes) == set(known):
        raise ScenarioError("a partition names every node: at least one must stand on the other side.")


def _check_spread(scenario: Scenario) -> None:
    for what in ("network", "flush"):
        shape, spread = getattr(scenario, f"{what}_shape"), getattr(scenario, f"{what}_spread")
        if shape in ("exponential", "uniform") and spread > 1:
            raise ScenarioError(f"{what}_spread is {spread:g}: it must be at most 1 where the shape is {shape}.")


def _check_servers(scenario: Scenario) -> None:
    """Refuse what application servers cannot do, or what would take hours."""
    if not scenario.servers:
        return
    duration = scenario.duration_ms
    if scenario.arrivals == "closed":
        raise ScenarioError(
            f"servers is {scenario.servers} and arrivals is 'closed': where application servers stand between, "
            f"users arrive on their own; arrivals must be 'poisson' or 'constant', or servers 0."
        )
    checks = scenario.servers * duration / scenario.health_every_ms
    requests = max(_ever(scenario, "rate_per_s")) * duration / 1000 * (1 + scenario.retries)
    if checks + requests > MAX_REQUESTS:
        raise ScenarioError(
            f"{scenario.servers} servers over duration_ms = {duration:g} mean up to {checks + requests:.3g} "
            f"requests, retries and health checks: at most {MAX_REQUESTS:,} are allowed, so lower the rate, "
            f"the retries or the duration."
        )


def _check_grain(scenario: Scenario) -> None:
    """Refuse coarse writes, and statements, where clients react to what becomes of each."""
    if not scenario.servers and scenario.arrivals != "closed":
        return
    if any(isinstance(fault, Statement) for fault in scenario.faults):
        raise ScenarioError(
            "a statement needs writes that arrive on their own: arrivals 'poisson' or 'constant', and servers 0."
        )
    if scenario.grain > 1:
        raise ScenarioError(
            f"grain is {scenario.grain}: it must be 1 with application servers or with clients that wait for answers."
        )


def _check_cost(scenario: Scenario) -> None:
    """Refuse what would take hours. The work follows messages, not writes; see `engine`."""
    rates, flushes = _ever(scenario, "rate_per_s"), _ever(scenario, "flush_ms")
    duration = scenario.duration_ms
    if scenario.arrivals == "closed":
        trip = max(scenario.think_ms + min(flushes), 0.01)
        writes, knobs = scenario.clients * duration / trip, f"clients = {scenario.clients}"
    else:
        writes = max(rates) * (1 + scenario.load_swing) * duration / 1000 / scenario.grain
        knobs = f"rate_per_s = {max(rates):g}"
    operations = writes + scenario.reads_per_s * duration / 1000
    if operations > MAX_WRITES:
        raise ScenarioError(
            f"{knobs} over duration_ms = {duration:g} means {operations:.3g} operations: "
            f"at most {MAX_WRITES:,} are allowed, so lower the rate or the duration."
        )
    log_bytes = scenario.grain * scenario.record_bytes
    batches = min(writes, duration / min(flushes)) + writes * min(1.0, log_bytes / MAX_BATCH_BYTES)
    held_back = any(scenario.of(name, "apply_delay_ms") for name in scenario.standbys)
    replay_steps = writes if held_back else min(writes, duration / step_ms(duration))
    steps = (batches + replay_steps) * (1 + scenario.replicas)
    if steps > MAX_STEPS:
        raise ScenarioError(
            f"{knobs} and flush_ms = {min(flushes):g} over duration_ms = {duration:g} mean {steps:.3g} flushes, "
            f"messages and steps of replay: at most {MAX_STEPS:,} are allowed, so lower the rate or the duration."
        )


def _ever(scenario: Scenario, setting: str) -> list[float]:
    """Return every value that a number has on any node at any time."""
    changed = [f.value for f in scenario.faults if isinstance(f, Change) and f.setting == setting]
    return [*(scenario.of(name, setting) for name in scenario.node_names), *changed]


def _where(scenario: Scenario) -> str:
    return f"nodes are {', '.join(scenario.node_names)}"
