"""Hybrid logical clock: against the paper's rules, and against causal histories written out as sets."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replication_viz.conflicts import ClockDriftError, HybridLogicalClock, HybridTime

from .reference import case_id, cases


@pytest.mark.parametrize("case", cases("hlc"), ids=case_id)
def test_a_sequence_of_events_is_stamped_as_in_the_reference(case: dict[str, Any]):
    clock = HybridLogicalClock(HybridTime(*case["inputs"]["start"]))
    stamps = []
    for what, wall, message in case["inputs"]["events"]:
        clock = clock.receive(wall, HybridTime(*message)) if what == "recv" else clock.tick(wall)
        stamps.append(list(clock.now))
    assert stamps == case["expected"]


@dataclass(frozen=True)
class Stamped:
    """An event: its node, the wall clock there, its stamp, and the events that happened before it."""

    node: int
    wall_ms: float
    stamp: HybridTime
    past: frozenset[int]


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[Stamped], list[float]]:
    """Return the events of a few nodes whose clocks are apart, and by how much each is ahead, ms."""
    ahead = draw(st.lists(st.integers(0, 30).map(float), min_size=2, max_size=4))
    clocks = [HybridLogicalClock() for _ in ahead]
    last: list[frozenset[int]] = [frozenset() for _ in ahead]
    events: list[Stamped] = []
    now = 1.0
    for _ in range(draw(st.integers(1, 30))):
        now += draw(st.sampled_from([0, 0, 1, 7]))
        node = draw(st.integers(0, len(ahead) - 1))
        wall, past = now + ahead[node], last[node]
        if draw(st.booleans()) and events:
            message = draw(st.integers(0, len(events) - 1))
            clocks[node] = clocks[node].receive(wall, events[message].stamp)
            past |= events[message].past | {message}
        else:
            clocks[node] = clocks[node].tick(wall)
        last[node] = past | {len(events)}
        events.append(Stamped(node, wall, clocks[node].now, past))
    return events, ahead


@settings(deadline=None)
@given(runs())
def test_what_happened_before_has_a_smaller_stamp(run: tuple[list[Stamped], list[float]]):
    events, _ = run
    for event in events:
        assert all(events[earlier].stamp < event.stamp for earlier in event.past)


@settings(deadline=None)
@given(runs())
def test_a_stamp_is_not_behind_the_wall_clock_and_ahead_by_the_skew_at_most(run: tuple[list[Stamped], list[float]]):
    events, ahead = run
    for event in events:
        assert 0 <= event.stamp.wall_ms - event.wall_ms <= max(ahead) - min(ahead)


@settings(deadline=None)
@given(runs())
def test_a_stamp_is_the_largest_wall_clock_of_its_past_and_the_longest_chain_at_that_time(
    run: tuple[list[Stamped], list[float]],
):
    events, _ = run
    chains: list[int] = []
    for event in events:
        largest = max([event.wall_ms, *(events[earlier].wall_ms for earlier in event.past)])
        same = [chains[earlier] + 1 for earlier in event.past if events[earlier].stamp.wall_ms == largest]
        chains.append(max(same, default=0))
        assert event.stamp == (largest, chains[-1])


@given(st.lists(st.integers(0, 20), min_size=1))
def test_the_stamps_of_a_node_grow_even_if_its_wall_clock_goes_back(walls: list[int]):
    clock = HybridLogicalClock()
    for wall in walls:
        after = clock.tick(wall)
        assert after.now > clock.now
        assert after.now.wall_ms >= wall
        clock = after


def test_a_stamp_too_far_ahead_is_refused_and_one_at_the_limit_is_not():
    clock = HybridLogicalClock(max_drift_ms=500).tick(1_000)
    assert clock.receive(1_000, HybridTime(1_500, 2)).now == HybridTime(1_500, 3)
    with pytest.raises(ClockDriftError, match=r"^the stamp is 501 ms ahead of .* here: at most 500 ms is allowed\.$"):
        clock.receive(1_000, HybridTime(1_501))
    assert clock.now == HybridTime(1_000, 0)
    assert HybridLogicalClock().receive(0, HybridTime(1e12)).now == HybridTime(1e12, 1), "by default none is refused"


@pytest.mark.parametrize("wall", [float("nan"), float("inf")])
def test_a_wall_clock_that_shows_no_number_is_an_error(wall: float):
    with pytest.raises(ValueError, match="must be a finite number"):
        HybridLogicalClock().tick(wall)
    with pytest.raises(ValueError, match="must be a finite number"):
        HybridLogicalClock().receive(wall, HybridTime(1))


@pytest.mark.parametrize("limit", [-1, float("nan")])
def test_a_limit_of_drift_that_is_none_is_an_error(limit: float):
    with pytest.raises(ValueError, match=r"^max_drift_ms is .*: it must be at least 0"):
        HybridLogicalClock(max_drift_ms=limit)
