"""Random scenarios and faults, small enough to run in milliseconds and wild enough to break things."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from hypothesis import strategies as st

from replication_viz.scenario import (
    LEADER,
    CancelWaits,
    Change,
    Crash,
    CutLink,
    Fault,
    Freeze,
    LinkDelay,
    NodeSettings,
    Partition,
    PauseReplay,
    Promote,
    Restart,
    Scenario,
    ScenarioError,
    SkewClock,
    SlowReplay,
    StallDisk,
)
from replication_viz.scenario import scenarios as registry
from replication_viz.scenario.faults import CHANGEABLE
from replication_viz.scenario.offers import offers

ACKS = ("async", "all", "*", "s1", "FIRST 1 (s2, s1)", "FIRST 2 (s1, s2, s3)", "ANY 1 (*)", "ANY 2 (s1, s2, s3)")
LEVELS = ("local", "remote_write", "on", "remote_apply")
SHAPES = ("constant", "lognormal", "exponential", "uniform")


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    """Return numbers of few digits, as people and sliders choose them, with both ends well represented."""
    return st.one_of(
        st.sampled_from([float(low), float(high)]),
        st.integers(int(low * 100), int(high * 100)).map(lambda n: n / 100),
    )


@cache
def faults(replicas: int, duration_ms: float) -> st.SearchStrategy[Fault]:
    """Return any fault that fits a run, at any moment in it, at both its ends and after it."""
    when = numbers(0, duration_ms * 1.1)
    return st.builds(
        lambda fault, at_ms: fault.model_copy(update={"at_ms": at_ms}), _faults(replicas, duration_ms), when
    )


@cache
def _faults(replicas: int, duration_ms: float) -> st.SearchStrategy[Fault]:
    names = [f"s{i}" for i in range(1, replicas + 1)]
    anyone = st.sampled_from([LEADER, *names])
    now = st.just(0.0)
    lasts = st.none() | numbers(0.5, duration_ms)
    choices: list[st.SearchStrategy[Fault]] = [
        st.builds(Crash, node=anyone, at_ms=now),
        st.builds(Restart, node=anyone, at_ms=now),
        st.builds(CancelWaits, at_ms=now),
        st.builds(StallDisk, node=anyone, flush_ms=numbers(0, 80), for_ms=lasts, at_ms=now),
        st.sampled_from(sorted(CHANGES)).flatmap(
            lambda setting: st.builds(Change, setting=st.just(setting), value=CHANGES[setting], at_ms=now)
        ),
    ]
    if names:
        one = st.sampled_from(names)
        some = st.lists(one, min_size=1, unique=True).map(tuple)
        ways = st.sampled_from([way for name in names for way in ((LEADER, name), (name, LEADER))])
        choices += [
            st.builds(SlowReplay, node=one, factor=numbers(0.5, 500), for_ms=lasts, at_ms=now),
            st.builds(PauseReplay, node=one, for_ms=lasts, at_ms=now),
            st.builds(Partition, nodes=some, for_ms=lasts, at_ms=now),
            st.builds(_cut, ways, st.booleans(), lasts),
            st.builds(_delay, ways, numbers(0, 60), lasts),
        ]
    return st.one_of(choices)


def _cut(way: tuple[str, str], both_ways: bool, for_ms: float | None) -> Fault:
    return CutLink(source=way[0], target=way[1], both_ways=both_ways, for_ms=for_ms, at_ms=0)


def _delay(way: tuple[str, str], extra_ms: float, for_ms: float | None) -> Fault:
    return LinkDelay(source=way[0], target=way[1], extra_ms=extra_ms, for_ms=for_ms, at_ms=0)


@st.composite
def failovers(draw: st.DrawFn) -> Scenario:
    """Return any scenario of one to three seconds in which another node may lead, with faults of every kind."""
    replicas, duration_ms = draw(st.integers(1, 4)), draw(st.sampled_from([600.0, 1_500.0, 3_000.0]))
    nodes = [LEADER, *(f"s{i}" for i in range(1, replicas + 1))]
    anyone, now, lasts = st.sampled_from(nodes), st.just(0.0), numbers(1, duration_ms)
    split = st.lists(anyone, min_size=1, max_size=replicas, unique=True).map(tuple)
    one = st.one_of(
        st.builds(Crash, node=anyone, at_ms=now),
        st.builds(Restart, node=anyone, at_ms=now),
        st.builds(Promote, node=anyone, at_ms=now),
        st.builds(Freeze, node=anyone, for_ms=lasts, at_ms=now),
        st.builds(SkewClock, node=anyone, by_ms=numbers(-800, 800), at_ms=now),
        st.builds(Partition, nodes=split, for_ms=st.none() | lasts, at_ms=now),
        st.permutations(nodes).flatmap(lambda way: st.builds(_cut, st.just((way[0], way[1])), st.booleans(), lasts)),
        st.permutations(nodes).flatmap(
            lambda way: st.builds(_delay, st.just((way[0], way[1])), numbers(0, 900), lasts)
        ),
    )
    timed = st.builds(lambda fault, at_ms: fault.model_copy(update={"at_ms": at_ms}), one, numbers(0, duration_ms))
    optional: dict[str, st.SearchStrategy[Any]] = {
        "ack": st.sampled_from(ACKS),
        "arrivals": st.sampled_from(("poisson", "constant", "closed")),
        "reads_per_s": st.sampled_from([0, 200]),
        "reread_ms": st.sampled_from([-1, 0, 30]),
        "read_from": st.sampled_from(["random", "round_robin", "nearest", "leader", "s1"]),
        "session": st.sampled_from(["none", "pin", "lsn", "causal", "sticky"]),
        "detector": st.sampled_from(["timeout", "phi"]),
        "detect_ms": st.sampled_from([50, 200, 800]),
        "heartbeat_ms": st.sampled_from([20, 100]),
        "promote": st.sampled_from(["most_advanced", "first", "s1"]),
        "promote_ms": st.sampled_from([0, 150]),
        "fence": st.sampled_from(["none", "stonith", "lease", "tokens"]),
        "fence_first": st.booleans(),
        "stonith_reaches": st.booleans(),
        "lease_ms": st.sampled_from([100, 1_000]),
        "clock_drift": st.sampled_from([0, 0.3]),
        "rejoin": st.sampled_from(["rewind", "rebuild", "none"]),
        "remote_clients": st.sampled_from([0, 0.5, 1]),
        "follow_ms": st.sampled_from([0, 100]),
        "latency_limit_ms": st.sampled_from([0, 20]),
        "slots": st.booleans(),
        "lag_ms": st.sampled_from([0, 80]),
        "write_us": st.sampled_from([0, 3_000]),
        "seed": st.integers(0, 1_000),
    }
    values = draw(st.fixed_dictionaries({}, optional=optional))
    seats = draw(st.lists(anyone, max_size=len(nodes), unique=True))
    faults = tuple(draw(st.lists(timed, max_size=6)))
    return Scenario(
        **values,
        replicas=replicas,
        duration_ms=duration_ms,
        controllers=", ".join(seats),
        database_mb=20,
        faults=(*faults, Promote(node=nodes[-1], at_ms=duration_ms * 0.9)),
    )


@cache
def _values(replicas: int, duration_ms: float, max_faults: int) -> st.SearchStrategy[dict[str, Any]]:
    optional: dict[str, st.SearchStrategy[Any]] = {
        "ack": st.sampled_from(ACKS),
        "level": st.sampled_from(LEVELS),
        "ack_timeout_ms": st.sampled_from([-1, -1, 0, 20]),
        "arrivals": st.sampled_from(("poisson", "constant", "closed")),
        "rate_per_s": numbers(0, 3_000),
        "clients": st.integers(1, 12),
        "think_ms": numbers(0, 20),
        "reads_per_s": numbers(0, 1_000),
        "read_from": st.sampled_from(["random", LEADER, *(f"s{i}" for i in range(1, replicas + 1))]),
        "keys": st.integers(1, 50),
        "lag_ms": numbers(0, 40),
        "record_bytes": st.sampled_from([1, 200, 20_000, 100_000]),
        "network_ms": numbers(0, 40),
        "network_shape": st.sampled_from(SHAPES),
        "network_spread": numbers(0, 1),
        "bandwidth_mbit": st.sampled_from([0.5, 10, 1_000, 400_000]),
        "flush_ms": numbers(0.2, 20),
        "flush_shape": st.sampled_from(SHAPES),
        "flush_spread": numbers(0, 1),
        "replay_us": numbers(0, 4_000),
        "apply_delay_ms": st.sampled_from([0, 0, 15]),
        "wal_sender_timeout_ms": st.sampled_from([20, 60, 60_000]),
        "nodes": st.dictionaries(st.sampled_from(["s1", "s2"]), SETTINGS, max_size=2),
        "seed": st.integers(0, 2**32 - 1),
    }
    always = {"faults": st.lists(faults(replicas, duration_ms), max_size=max_faults).map(tuple)}
    return st.fixed_dictionaries(always, optional=optional)


@st.composite
def scenarios(draw: st.DrawFn, /, max_faults: int = 4, **fixed: Any) -> Scenario:
    """Return any scenario of a few dozen to a few hundred milliseconds."""
    replicas, duration_ms = draw(st.integers(0, 5)), draw(st.sampled_from([1.0, 30.0, 120.0, 300.0]))
    values = draw(_values(replicas, duration_ms, max_faults))
    return Scenario(**{**values, "replicas": replicas, "duration_ms": duration_ms, **fixed})


CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "ack": st.sampled_from(ACKS),
    "level": st.sampled_from(LEVELS),
    "rate_per_s": numbers(0, 3_000),
    "lag_ms": numbers(0, 60),
    "network_ms": numbers(0, 40),
    "flush_ms": numbers(0.2, 30),
    "replay_us": numbers(0, 4_000),
}
SETTINGS = st.builds(
    NodeSettings,
    place=st.none() | st.text(max_size=8),
    lag_ms=st.none() | numbers(0, 30),
    network_ms=st.none() | numbers(0, 30),
    flush_ms=st.none() | numbers(0.1, 30),
    replay_us=st.none() | numbers(0, 3_000),
    apply_delay_ms=st.none() | numbers(0, 50),
)


@st.composite
def five_more_faults(draw: st.DrawFn) -> Scenario:
    """Return a named scenario as readers fork it: some knobs turned, five faults clicked or changes made."""
    scenario = registry[draw(st.sampled_from(list(registry)))]
    knobs = {"lag_ms": st.sampled_from([5.0, 135.0, 200.0]), "flush_ms": st.sampled_from([1.0, 2.5, 7.0])}
    scenario = scenario.but(**draw(st.fixed_dictionaries({}, optional=knobs)))
    moments = st.integers(0, int(scenario.duration_ms * 100)).map(lambda hundredths: hundredths / 100)
    for _ in range(5):
        fitting = (clicked(scenario.replicas) | turned()).filter(partial(_fits, scenario))
        fault = draw(fitting).model_copy(update={"at_ms": draw(moments)})
        if hasattr(fault, "for_ms") and draw(st.booleans()):
            fault = fault.model_copy(update={"for_ms": round(draw(moments) + 0.01, 2)})
        scenario = scenario.with_fault(fault)
    return scenario


def _fits(scenario: Scenario, fault: Fault) -> bool:
    try:
        scenario.with_fault(fault)
    except ScenarioError:
        return False
    return True


@cache
def clicked(replicas: int) -> st.SearchStrategy[Fault]:
    """Return a fault from the menus, at 0 ms."""
    names = [f"s{i}" for i in range(1, replicas + 1)]
    of_leader = [offer.at(0, node=LEADER) for offer in offers()["leader"]]
    of_replicas = [offer.at(0, node=name) for offer in offers()["replica"] for name in names]
    of_links = [offer.at(0, leader=LEADER, replica=name) for offer in offers()["link"] for name in names]
    return st.sampled_from(of_leader) | st.sampled_from(of_replicas) | st.sampled_from(of_links)


@cache
def turned() -> st.SearchStrategy[Fault]:
    """Return a change of a setting as its knob makes it, at 0 ms."""
    texts = {"ack": [*ACKS, "ANY 1 (s1, s2, s3)"], "level": LEVELS}
    return st.sampled_from(CHANGEABLE).flatmap(
        lambda setting: st.builds(
            Change,
            setting=st.just(setting),
            value=st.sampled_from(texts.get(setting, [0.5, 5.0, 20.5, 135.0, 450.0, 1_500.0])),
            at_ms=st.just(0.0),
        )
    )
