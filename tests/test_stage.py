"""The stage's Python side: what goes over the wire, and how the widget answers."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from replication_viz import measures, run, scenarios
from replication_viz.scenario import Change, Crash, CutLink, Restart, Scenario
from replication_viz.trace import FlightKind, Position, Trace
from replication_viz.views.stage import Stage, decode, encode, fragment, module, styles
from replication_viz.views.story import waits_for
from replication_viz.views.style import STYLE, Theme
from replication_viz.views.wire import FLIGHT_BUDGET, LEVEL_BUDGET

from .runs import named_run

CRASH = Scenario(duration_ms=400, faults=(Crash(node="L", at_ms=150), Restart(node="L", at_ms=250)))


class Seen:
    """A message as the browser sees it."""

    def __init__(self, trace: Trace) -> None:
        self.head, columns = decode(encode(trace))
        self.tick: float = self.head["tick"]
        parts = iter(columns)
        self.levels = {(node, which): (next(parts), next(parts)) for node, which, _ in self.head["levels"]}
        self.flights = [(group, [next(parts) for _ in range(4)]) for group in self.head["flights"]]
        self.curves = [next(parts) for _ in self.head["curves"]]
        self.window = next(parts), next(parts)

    def at(self, node: int, which: Position, ticks: Any) -> Any:
        if (node, which) not in self.levels:
            return np.zeros(np.shape(ticks), dtype=int)
        times, lsns = self.levels[node, which]
        return np.concatenate([[0], lsns])[np.searchsorted(times, ticks, side="right")]


def test_a_message_holds_every_step_of_a_small_trace() -> None:
    trace = run(CRASH)
    seen = Seen(trace)
    ticks = np.arange(0, 40_000, 7)
    for number, name in enumerate(trace.nodes):
        for which in Position:
            # Times are rounded up to a tick; 1e-6 of a tick is allowed for what floats cannot hold.
            moments = np.asarray((ticks + 1e-6) * 0.01, dtype=np.float64)
            assert (seen.at(number, which, ticks) == trace.at(name, which, moments)).all()


def test_a_message_holds_every_flight_that_is_drawn() -> None:
    trace = run(CRASH)
    seen = Seen(trace)
    kept = trace.flights.where(trace.flights.kind != FlightKind.WROTE)
    assert sum(n for (*_, n), _ in seen.flights) == len(kept)
    for (kind, source, target, _), (sent, transit, upto, packed) in seen.flights:
        own = kept.where((kept.kind == kind) & (kept.source == source) & (kept.target == target))
        assert np.abs(sent * 0.01 - own.sent).max() < 0.011
        assert np.abs((sent + transit) * 0.01 - own.arrived).max() < 0.011
        assert (upto == own.lsn_to).all()
        assert (packed == (own.lsn_to - own.lsn_from) * 2 + own.lost).all()


@pytest.mark.parametrize("name", list(scenarios))
def test_a_named_scenario_fits_into_40_kb(name: str) -> None:
    assert len(encode(named_run(name))) < 40_000


def test_a_busy_run_is_thinned_and_says_so() -> None:
    seen = Seen(run(Scenario(rate_per_s=20_000, replicas=7)))
    drawn = sum(n for (*_, n), _ in seen.flights)
    assert FLIGHT_BUDGET / 3 < drawn <= FLIGHT_BUDGET * 1.05
    assert sum(n for *_, n in seen.head["levels"]) <= LEVEL_BUDGET * 1.05
    assert any("messages drawn" in note for note in seen.head["notes"])
    assert any("positions drawn every" in note for note in seen.head["notes"])
    shares = {n / max(n for (*_, n), _ in seen.flights) for (kind, *_, n), _ in seen.flights if kind == FlightKind.WAL}
    assert min(shares) > 0.9, "every link is thinned alike"


@pytest.mark.parametrize("rate", [200, 5_000, 20_000])
def test_a_thinned_picture_never_shows_what_cannot_be(rate: float) -> None:
    cut = CutLink(source="s2", target="L", at_ms=500, for_ms=500)
    trace = run(Scenario(rate_per_s=rate, replicas=5, faults=(cut,)))
    seen = Seen(trace)
    ticks = np.linspace(0, trace.duration_ms / seen.tick, 5_000).astype(int)
    committed, flushed, appended = (
        seen.at(0, which, ticks) for which in (Position.COMMITTED, Position.FLUSHED, Position.APPENDED)
    )
    assert (committed <= flushed).all()
    assert (flushed <= appended).all()
    assert (committed <= trace.at("L", Position.COMMITTED, ticks * seen.tick + 1e-6)).all()
    for number in range(1, 6):
        received, on_disk, visible = (
            seen.at(number, which, ticks) for which in (Position.RECEIVED, Position.FLUSHED, Position.REPLAYED)
        )
        assert (visible <= on_disk).all()
        assert (on_disk <= received).all()
        assert (received <= flushed).all()


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario(replicas=0, ack="async"),
        Scenario(rate_per_s=0),
        Scenario(replicas=9, duration_ms=1),
        Scenario(rate_per_s=0.01, duration_ms=86_400_000, reads_per_s=0),
        Scenario(ack="ANY 4 (s1, s2, s3)"),
    ],
    ids=["no replicas", "no writes", "one millisecond", "a day", "never a commit"],
)
def test_every_scenario_that_is_allowed_can_be_shown(scenario: Scenario) -> None:
    trace = run(scenario)
    seen = Seen(trace)
    assert len(seen.head["nodes"]) == 1 + scenario.replicas
    assert 0 <= Stage(trace).moment <= trace.duration_ms


def test_the_window_holds_the_head_and_what_waits() -> None:
    trace = run(scenarios["one_sick_standby"])
    seen = Seen(trace)
    head, width = seen.window[0] / 16, 2 ** (seen.window[1] / 1024)
    moments = np.linspace(0, trace.duration_ms, len(head))
    right = head + 0.06 * width
    waiting = trace.at("L", Position.APPENDED, moments) - trace.at("L", Position.COMMITTED, moments)
    assert (right - width <= trace.at("L", Position.COMMITTED, moments)).all()
    assert (waiting < width).all()


def test_the_window_holds_positions_that_are_drawn_at_long_steps() -> None:
    trace = run(Scenario(ack="async", replicas=1, rate_per_s=20_000, grain=100, duration_ms=60_000))
    seen = Seen(trace)
    step = seen.head["grid"]
    assert step > 10
    head, width = seen.window[0] / 16, 2 ** (seen.window[1] / 1024)
    drawn = np.linspace(0, trace.duration_ms, len(head)) // step * step
    assert (head - 0.94 * width <= trace.at("s1", Position.REPLAYED, drawn)).all()
    assert (width * 1.001 >= 48 * 100).all(), "and a batch is a small part of it"


def test_captions_tell_the_beginning_and_the_end_of_a_fault() -> None:
    events = Seen(run(scenarios["one_sick_standby"])).head["events"]
    texts = [event["text"] for event in events]
    assert texts[0] == "A commit returns when s1 has flushed it."
    assert "s1: disk stalls, 400 ms a flush." in texts
    assert any(text.startswith("Over: s1: disk stalls") for text in texts)
    assert all(a["t"] <= b["t"] for a, b in pairwise(events))


@pytest.mark.parametrize(
    ("ack", "level", "replicas", "sentence"),
    [
        ("async", "on", 3, "A commit waits for the leader’s own disk only."),
        ("s1", "local", 3, "A commit waits for the leader’s own disk only."),
        ("FIRST 2 (s3, s1, s2)", "on", 3, "A commit returns when s3 and s1 have flushed it."),
        ("ANY 1 (s1, s2)", "remote_apply", 3, "A commit returns when any 1 of s1 and s2 has replayed it."),
        ("all", "remote_write", 2, "A commit returns when s1 and s2 have written it."),
        ("ANY 2 (*)", "on", 9, "A commit returns when any 2 of 9 replicas have flushed it."),
        ("ANY 4 (*)", "on", 3, "A commit waits for 4 replicas, and 3 are there: none will ever return."),
    ],
)
def test_what_a_commit_waits_for_is_said_in_one_sentence(ack: str, level: Any, replicas: int, sentence: str) -> None:
    scenario = Scenario(ack=ack, level=level, replicas=replicas)
    assert waits_for(scenario.sync_rule(), scenario.level, scenario.standbys) == sentence


def test_a_change_of_the_rule_in_mid_run_is_known() -> None:
    changed = Scenario(ack="s1", faults=(Change(setting="ack", value="ANY 1 (s2, s3)", at_ms=700),))
    first, second = Seen(run(changed)).head["epochs"]
    assert (first["sync"], second["t"]) == (["leader", "sync", "async", "async"], 700)
    assert second["sync"] == ["leader", "async", "quorum", "quorum"]
    assert (second["count"], second["candidates"]) == (1, [2, 3])


def test_the_curves_are_those_of_the_measures() -> None:
    trace = run(scenarios["one_sick_standby"])
    seen = Seen(trace)
    for column, expected in zip(
        seen.curves,
        [measures.latency_curve(trace, 300)[1], measures.lag_curve(trace, "s1", "replay", 300)[1]],
        strict=True,
    ):
        known = ~np.isnan(expected)
        assert (column[~known] == -1).all()
        assert column[known] / 100 == pytest.approx(expected[known], abs=0.006)


def test_a_message_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="begins with b'RVS1'"):
        decode(b"PK34")


def test_show_sends_one_message_and_keeps_the_moment() -> None:
    stage = Stage(run(scenarios["start_here"]), moment=1_500)
    sent: list[dict[str, Any]] = []

    def send(key: Any) -> None:
        if key:  # nothing is sent for nothing
            sent.append({name: getattr(stage, name) for name in ({key} if isinstance(key, str) else key)})

    stage.send_state = send
    longer = run(scenarios["one_sick_standby"])
    stage.show(longer)
    assert [set(message) for message in sent] == [{"payload", "bench"}]
    assert (stage.moment, stage.trace) == (1_500, longer)
    stage.show(longer)
    assert len(sent) == 1, "the same run is not sent again"
    stage.show(run(Scenario(duration_ms=900)))
    assert set(sent[-1]) == {"payload", "moment", "bench"}
    assert stage.moment == 900


@pytest.mark.parametrize("moment", [-1, 2_001, float("nan")])
def test_a_moment_outside_the_run_is_refused(moment: float) -> None:
    with pytest.raises(ValueError, match=r"moment is .*: it must be at least 0 and at most 1500 ms"):
        Stage(run(scenarios["start_here"]), moment=moment)


def test_it_says_what_it_shows_and_keeps_its_picture_out_of_the_text() -> None:
    trace = run(scenarios["start_here"])
    assert repr(Stage(trace)) == f"Stage({trace!r})"


def test_the_page_is_the_same_each_time_and_asks_for_nothing() -> None:
    trace = run(scenarios["start_here"])
    page = fragment(trace)
    assert page == fragment(trace)
    for text in (page, module(), styles()):
        assert not re.search(r"^\s*import\b|\bimport\(", text, re.M)
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text
    assert len(page) < 400_000


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("meaning", ["ink", "quiet", "safe", "risk", "stale", "fault", "leader"])
def test_text_stands_out_from_its_ground(theme: Theme, meaning: str) -> None:
    colours = STYLE.colours(theme)
    grounds = ["fault_ground"] if meaning == "fault" else ["ground", "raised"]
    assert min(_contrast(colours[meaning], colours[ground]) for ground in grounds) >= 4.5


def _contrast(one: str, other: str) -> float:
    """Source: WCAG 2.2, relative luminance and contrast ratio."""
    lights = []
    for colour in (one, other):
        parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        lights.append(float(linear @ np.array([0.2126, 0.7152, 0.0722])))
    return (max(lights) + 0.05) / (min(lights) + 0.05)


OUTAGE = scenarios["write_outage"]


def test_application_servers_come_with_their_pools_and_their_way_out_of_the_rotation() -> None:
    trace = run(OUTAGE)
    head, columns = decode(encode(trace))
    fleet = head["fleet"]
    assert (fleet["servers"], fleet["pool"]) == (4, 25)
    assert head["cards"] == ["loss", "commit", "pool"]
    assert [back for _, _, back in fleet["turns"]] == [0, 0, 0, 0, 1, 1, 1, 1]
    moments = np.linspace(0, trace.duration_ms, len(columns[-1]))
    for server, (busy, queueing) in enumerate(zip(columns[-8::2], columns[-7::2], strict=True)):
        assert (busy == measures.connections(trace, moments, server)).all()
        assert (queueing == measures.queueing(trace, moments, server)).all()
        assert busy.max() == 25


def test_without_application_servers_nothing_is_said_of_them() -> None:
    head, _ = decode(encode(run(scenarios["start_here"])))
    assert "fleet" not in head
    assert head["cards"] == ["loss", "commit", "stale"]


def test_the_timeline_of_a_fleet_shows_latency_and_who_is_turned_away_each_on_its_scale() -> None:
    head, _ = decode(encode(run(OUTAGE)))
    assert [(curve["label"], curve["unit"]) for curve in head["curves"]] == [
        ("commit latency", "ms"),
        ("users turned away", "/s"),
    ]


def test_the_captions_of_the_incident_come_in_its_order() -> None:
    texts = [event["text"] for event in decode(encode(run(OUTAGE)))[0]["events"]]
    steps = [
        "s1: disk stalls",
        "app2: all 25 connections in use.",
        "app2 fails its health checks",
        "app1 fails",
        "app2 is",
    ]
    places = [next(i for i, text in enumerate(texts) if text.startswith(step)) for step in steps]
    assert places == sorted(places)
    assert "Who waited has an answer or has given up." in texts
