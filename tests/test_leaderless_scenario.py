"""A leaderless database as a scenario: what fits and what does not, where keys live, and what Cassandra calls it."""

from typing import Any

import pytest

from replication_viz import Scenario, ScenarioError, run, scenarios, theory
from replication_viz.scenario import Change, Crash, LinkDelay, PauseReplay, Ring, field_info
from replication_viz.scenario.leaderless import Fit, Leaderless
from replication_viz.scenario.levels import spread

BASE = Scenario(topology="leaderless")
OF_HERE = [name for name, field in Leaderless.model_fields.items() if field.json_schema_extra]


def complaint(**values: Any) -> str:
    with pytest.raises(ScenarioError) as error:
        BASE.but(**values)
    return str(error.value)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"members": 2}, "copies is 3: it must be at most 2, for so many nodes there are."),
        ({"write_quorum": 4}, "write_quorum is 4: it must be at most 3, for so many copies there are."),
        ({"read_quorum": 4}, "read_quorum is 4: it must be at most 3, for so many copies there are."),
        (
            {"coordinator": "s1"},
            "coordinator is 's1': it must be 'random', 'nearest' or a node; nodes are n1, n2, n3, n4, n5.",
        ),
        ({"nodes": {"L": {}}}, "nodes names 'L': it must be n1 to n12."),
        ({"nodes": {"n2": {"follows": "n1"}}}, "n2 follows 'n1': where topology is 'leaderless' nobody follows."),
        (
            {"servers": 2},
            "servers is 2: it must be 0 in a leaderless database, where any node serves any request.",
        ),
        (
            {"session": "pin"},
            "session is 'pin': it must be 'none' in a leaderless database, where any node serves any request.",
        ),
        (
            {"faults": (PauseReplay(node="n1", at_ms=1),)},
            "a pause_replay does not fit a leaderless database: allowed are crash, restart, partition, cut_link, "
            "link_delay, stall_disk and change.",
        ),
        (
            {"faults": (Crash(node="L", at_ms=1),)},
            "a crash names 'L', which is not in this run: nodes are n1, n2, n3, n4, n5.",
        ),
        (
            {"faults": (Change(setting="ack", value="async", at_ms=1),)},
            "a change sets ack, which a leaderless database does not have: it must be one of rate_per_s, network_ms, "
            "flush_ms, write_quorum, read_quorum.",
        ),
        (
            {"faults": (Change(setting="write_quorum", value=4, at_ms=1),)},
            "in a change, write_quorum is 4: it must be at most 3, for so many copies there are.",
        ),
        (
            {"consistency": "QUORUM", "faults": (Change(setting="write_quorum", value=1, at_ms=1),)},
            "a change sets write_quorum where consistency is 'QUORUM': it must be '' for that.",
        ),
        (
            {
                "consistency": "LOCAL_QUORUM",
                "copies": 1,
                "nodes": {"n1": {"place": "a"}, **{f"n{i}": {"place": "b"} for i in (2, 3, 4, 5)}},
            },
            "consistency is 'LOCAL_QUORUM' and b gets none of the 1 copies: each place needs one.",
        ),
        (
            {"rate_per_s": 1_000_000},
            "2e+06 writes and 0 reads with 3 copies mean 1.2e+07 messages: at most 2,000,000 are allowed, so lower the "
            "rates, the copies or the duration.",
        ),
        (
            {"anti_entropy_ms": 1, "keys": 100_000, "rate_per_s": 20_000},
            "anti_entropy_ms is 1: over duration_ms = 2000 nodes would compare 4e+08 keys, at most 20,000,000 are "
            "allowed.",
        ),
    ],
)
def test_what_does_not_fit_is_one_sentence(values: dict[str, Any], sentence: str) -> None:
    assert complaint(**values) == sentence


def test_a_leader_has_no_quorums_to_change() -> None:
    with pytest.raises(ScenarioError, match="which only a leaderless database has"):
        Scenario(faults=(Change(setting="read_quorum", value=1, at_ms=1),))


@pytest.mark.parametrize("name", OF_HERE)
@pytest.mark.parametrize("end", [0, 1])
def test_both_ends_of_each_knob_work(name: str, end: int) -> None:
    extra = field_info(name).json_schema_extra
    assert isinstance(extra, dict)
    low_high: Any = extra["slider"]
    room = {"members": 9, "copies": 9 if name != "members" else 1, "write_quorum": 1, "read_quorum": 1}
    trace = run(BASE.but(**{**room, name: low_high[end], "rate_per_s": 20, "duration_ms": 300}))
    assert len(trace.ops) > 0


def test_links_run_between_any_two_nodes() -> None:
    trace = run(BASE.but(faults=(LinkDelay(source="n2", target="n4", at_ms=0, extra_ms=70),)))
    there, back = (
        trace.flights.where((trace.flights.source == one) & (trace.flights.target == other))
        for one, other in ((1, 3), (3, 1))
    )
    assert (there.arrived - there.sent).min() > 70
    assert (back.arrived - back.sent).max() < 5


def test_named_fits_are_those_of_the_theory() -> None:
    names = set(Fit.__args__) - {""}  # type: ignore[attr-defined]
    assert names < set(theory.DELAY_FITS)
    assert set(theory.DELAY_FITS) - names == {"YMMR-code3.5"}


# -- where keys live -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("placement", ["ring", "random"])
def test_every_node_gets_its_share_of_the_keys(placement: str) -> None:
    ring = Ring(BASE.but(placement=placement))
    held = [0] * 5
    for key in range(10_000):
        homes = ring.homes(key)
        assert len(set(homes)) == 3
        assert sorted(ring.order(key)) == [0, 1, 2, 3, 4]
        for node in homes:
            held[node] += 1
    assert min(held) > 5_600
    assert max(held) < 6_400


def test_on_a_ring_a_key_lives_on_the_nodes_that_come_next() -> None:
    ring = Ring(BASE)
    for key in range(50):
        first, second, third = ring.homes(key)
        assert (ring.token(first) - ring.point(key)) % 1 < 1 / 5
        assert ((first + 1) % 5, (first + 2) % 5) == (second, third)


def test_each_place_holds_its_share_of_the_copies() -> None:
    nodes = {f"n{i}": {"place": "east" if i <= 3 else "west"} for i in range(1, 7)}
    ring = Ring(BASE.but(members=6, copies=4, nodes=nodes))
    for key in range(100):
        assert sum(node < 3 for node in ring.homes(key)) == 2
    assert spread(5, ["a", "b", "b", "b"]) == {"a": 1, "b": 3}  # there is no room for more


def test_within_a_place_messages_take_as_long_as_on_the_network_at_large() -> None:
    trace = run(scenarios["per_region_quorums"].but(faults=(), network_spread=0))
    took = trace.flights.arrived - trace.flights.sent
    for one in range(6):
        for other in range(6):
            own = took[(trace.flights.source == one) & (trace.flights.target == other)]
            if one == other:
                assert (own == 0).all()
            else:
                assert own.min() == pytest.approx(1 if (one < 3) == (other < 3) else 40, abs=0.01)


def test_nearest_is_the_node_beside_the_client_or_the_next_one_that_is_up() -> None:
    trace = run(scenarios["per_region_quorums"].but(duration_ms=1_900))
    beside = trace.ops.client % 6
    early = trace.ops.invoked < 1_000
    assert (trace.ops.node == beside)[early].all()
    late = (trace.ops.invoked > 1_000) & (beside >= 3)
    assert late.any()
    assert (trace.ops.node[late] < 3).all()


# -- what a real system would be told ------------------------------------------------------------------------------


def test_settings_are_those_of_cassandra() -> None:
    assert BASE.postgres_settings() == {
        "replication factor": "replicas: 3",
        "consistency level of writes": "QUORUM",
        "consistency level of reads": "QUORUM",
        "hinted_handoff_enabled": "true",
        "max_hint_window": "10800000ms",
        "read_repair": "BLOCKING",
    }
    told = scenarios["per_region_quorums"].but(read_repair="off", hint_window_ms=0).postgres_settings()
    assert told["replication factor"] == "east: 3, west: 3"
    assert told["consistency level of reads"] == "LOCAL_QUORUM"
    assert (told["hinted_handoff_enabled"], told["read_repair"]) == ("false", "NONE")
    partial = BASE.but(write_quorum=1, read_quorum=3, delete_share=0.1).postgres_settings()
    assert (partial["consistency level of writes"], partial["consistency level of reads"]) == ("ONE", "ALL")
    assert partial["gc_grace_seconds"] == "864000"


def test_who_keeps_for_others_and_hands_nothing_over_is_warned() -> None:
    assert not BASE.warnings()
    (sentence,) = BASE.but(sloppy=True, hint_window_ms=0).warnings()
    assert sentence.startswith("sloppy is on and hint_window_ms is 0")
    fitted = BASE.but(delays="WAN", faults=(Change(setting="network_ms", value=3, at_ms=1),))
    assert "does nothing" in fitted.warnings()[0]
