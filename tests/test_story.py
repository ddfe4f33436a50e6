"""What the stage's message says of events, faults and stale reads: what the story and the diagram read."""

from __future__ import annotations

import json
import re
import zlib
from typing import Any

import numpy as np
import pytest

from replication_viz import measures, run, scenarios
from replication_viz.scenario import Change, Crash, CutLink, Partition, PauseReplay, Scenario, SlowReplay, StallDisk
from replication_viz.trace import MarkKind, OpKind, Outcome, Position, Trace
from replication_viz.views import stale
from replication_viz.views.assets import static
from replication_viz.views.stage import decode, encode

FAULTS = (
    Partition(nodes=("s1", "s2"), at_ms=200, for_ms=100),
    CutLink(source="s3", target="L", both_ways=True, at_ms=400, for_ms=100),
    StallDisk(node="s2", at_ms=600, for_ms=100),
    Change(setting="ack", value="async", at_ms=800),
    Crash(node="s1", at_ms=900),
)
TROUBLED = run(Scenario(replicas=3, faults=FAULTS, duration_ms=1_200))


def head(trace: Trace) -> dict[str, Any]:
    return decode(encode(trace))[0]


def test_an_event_says_which_nodes_it_is_about_and_what_is_over() -> None:
    events = {event["text"]: event for event in head(TROUBLED)["events"]}
    about = {text: (event.get("of", event["kind"]), event.get("nodes")) for text, event in events.items()}
    for begin, over, kind, nodes in [
        ("Network partition: s1, s2 cut off.", "Over: network partition: s1, s2 cut off.", MarkKind.PARTITION, [1, 2]),
        ("Link s3 ↔ L is cut.", "Over: link s3 ↔ L is cut.", MarkKind.LINK, [3, 0]),
        ("s2: disk stalls, 400 ms a flush.", "Over: s2: disk stalls, 400 ms a flush.", MarkKind.DISK, [2]),
    ]:
        assert about[begin] == about[over] == (kind, nodes)
        assert (events[begin]["kind"], events[over]["kind"]) == (kind, -1)
    assert about["s1 crashes."] == (MarkKind.CRASH, [1])
    assert about["s1 is gone: its connection closed."] == (MarkKind.DISCONNECT, [1])
    assert next(event for event in events.values() if event["kind"] == MarkKind.CHANGE)["nodes"] == []
    assert events["A commit returns when any 1 of s1, s2 and s3 has flushed it."]["nodes"] == []


def test_an_event_of_an_application_server_names_the_server() -> None:
    events = head(run(scenarios["write_outage"]))["events"]
    full = [event for event in events if event["kind"] == MarkKind.POOL]
    assert full
    for event in full:
        assert event["text"].startswith(f"app{event['server'] + 1}:")
        assert "nodes" not in event


def test_replay_that_stands_still_is_not_called_slow() -> None:
    faults = (PauseReplay(node="s1", at_ms=100, for_ms=50), SlowReplay(node="s2", at_ms=100, for_ms=50))
    spans = head(run(Scenario(replicas=2, faults=faults, duration_ms=200)))["spans"]
    assert [span["word"] for span in spans] == ["replay paused", "slow replay"]


def test_a_setting_that_is_empty_gives_way_to_one_that_says_something() -> None:
    silent = Scenario(ack="async", duration_ms=50)
    assert head(run(silent))["setting"] == "synchronous_standby_names = ''"
    assert head(run(silent.but(wal_keep_mb=64)))["setting"] == "wal_keep_size = 64MB"


def test_a_span_says_its_kind_and_all_its_nodes() -> None:
    spans = {span["text"]: (span["kind"], span["nodes"]) for span in head(TROUBLED)["spans"]}
    assert spans["network partition: s1, s2 cut off"] == (MarkKind.PARTITION, [1, 2])
    assert spans["link s3 ↔ L is cut"] == (MarkKind.LINK, [3, 0])
    assert spans["s2: disk stalls, 400 ms a flush"] == (MarkKind.DISK, [2])


def test_the_browser_knows_every_kind_of_mark_and_its_place_in_the_story() -> None:
    causes, story = (static(f"{name}.js") for name in ("causes", "story"))
    known = re.search(r"const MARK = \{(.*?)\};", causes, re.DOTALL)
    assert known is not None
    assert dict(re.findall(r"(\w+): (\d+)", known[1])) == {kind.name: str(kind.value) for kind in MarkKind}
    groups = story[story.index("const STORY_KINDS") : story.index("const NETWORK ")]
    assert set(re.findall(r"MARK\.(\w+)", groups)) == set(MarkKind.__members__)


def _old_reads(trace: Trace) -> list[tuple[float, int, int, int]]:
    """The stale reads, found the long way round: time, node, what it saw, what it missed."""
    writes = trace.ops.where((trace.ops.kind == OpKind.WRITE) & (trace.ops.outcome == Outcome.OK))
    reads = trace.ops.where((trace.ops.kind == OpKind.READ) & (trace.ops.outcome == Outcome.OK))
    found = []
    for time, node, key, saw in zip(reads.invoked, reads.node, reads.key, reads.lsn, strict=True):
        acknowledged = writes.lsn[(writes.key == key) & (writes.returned <= time)]
        if len(acknowledged) and acknowledged.max() > saw:
            found.append((float(time), int(node), int(saw), int(acknowledged.max())))
    return found


def test_the_message_tells_each_stale_read_of_the_first_scenario() -> None:
    trace = run(scenarios["start_here"])
    told = head(trace)["stale"]
    expected = _old_reads(trace)
    assert len(expected) >= 5
    nodes = [node for node, *_, kept in told["spells"] for _ in range(kept)]
    read = sorted(zip(told["t"], nodes, told["saw"], told["missed"], strict=True))
    assert [row[1:] for row in read] == [row[1:] for row in expected]
    assert np.abs(np.array([row[0] for row in read]) - [row[0] for row in expected]).max() <= 0.01
    before, after = (trace.at("L", Position.COMMITTED, np.array(told["t"]) + shift) for shift in (-0.011, 0.011))
    assert ((before <= told["newest"]) & (told["newest"] <= after)).all()


def test_stale_reads_are_counted_in_spells_and_told_up_to_a_limit() -> None:
    many = run(Scenario(ack="async", lag_ms=80, rate_per_s=500, reads_per_s=4_000, keys=5, replicas=2))
    told = head(many)["stale"]
    reads = measures.old_reads(many)
    counts = [count for *_, count, _ in told["spells"]]
    assert sum(counts) == len(reads) > 20 * stale.READS
    assert sum(kept for *_, kept in told["spells"]) == len(told["t"]) <= stale.READS + len(told["spells"])
    begin = 0
    for node, first, last, _, kept in told["spells"]:
        times = told["t"][begin : begin + kept]
        assert times == sorted(times)
        assert first <= times[0] <= times[-1] <= last
        own = reads.reads.where(reads.reads.node == node).invoked
        assert first == pytest.approx(own[own >= first - 0.011][0], abs=0.011)
        begin += kept


def test_a_spell_ends_when_a_node_has_answered_freshly_for_long() -> None:
    """s1 stands behind only while it is cut off, twice."""
    cuts = (Partition(nodes=("s1",), at_ms=200, for_ms=200), Partition(nodes=("s1",), at_ms=1_400, for_ms=200))
    near = Scenario(replicas=1, ack="async", network_ms=0.01, flush_ms=0.05, rate_per_s=100, keys=3, faults=cuts)
    told = head(run(near.but(reads_per_s=300, read_from="s1")))["stale"]
    spells = [(node, round(begin, -2), round(end, -2)) for node, begin, end, count, _ in told["spells"] if count > 20]
    assert spells == [(1, 200, 400), (1, 1_400, 1_600)]


@pytest.mark.parametrize("scenario", [Scenario(), Scenario(reads_per_s=500, read_from="L")], ids=["no reads", "leader"])
def test_where_no_read_is_stale_none_is_told(scenario: Scenario) -> None:
    told = head(run(scenario))["stale"]
    assert told == {"spells": [], "t": [], "saw": [], "missed": [], "newest": [], "key": []}


def test_the_share_of_stale_reads_counts_the_same_reads() -> None:
    trace = run(scenarios["start_here"])
    answered = int(((trace.ops.kind == OpKind.READ) & (trace.ops.outcome == Outcome.OK)).sum())
    assert measures.stale_reads(trace) == pytest.approx(len(_old_reads(trace)) / answered)


def test_what_the_story_needs_costs_the_first_message_less_than_a_kilobyte() -> None:
    whole = head(run(scenarios["start_here"]))
    rest = {**whole, "events": [_without(e, "nodes", "of", "server") for e in whole["events"]]}
    rest["spans"] = [_without(s, "nodes", "kind") for s in whole["spans"]]
    del rest["stale"]
    assert _packed(whole) - _packed(rest) < 600


def _without(entry: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in names}


def _packed(told: dict[str, Any]) -> int:
    return len(zlib.compress(json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode(), 6))
