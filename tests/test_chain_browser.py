"""The chain of what became of a write, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from replication_viz import measures, run, scenarios
from replication_viz.scenario import Scenario, SlowReplay
from replication_viz.trace import FlightKind, OpKind, Outcome, Position, Trace

from .telling import CUT, NASTY, chain, follow, plain, rows, settled, verdict
from .test_stage_browser import data, seek, stage_page

pytestmark = pytest.mark.browser

TICK = 0.0101  # ms: the message counts in hundredths, rounded up

APPLIED = Scenario(
    ack="ANY 1 (s1, s2)",
    level="remote_apply",
    rate_per_s=400,
    duration_ms=900,
    faults=(SlowReplay(node="s1", at_ms=300, for_ms=300, factor=40), SlowReplay(node="s2", at_ms=400, factor=60)),
)
REPLY = {"remote_write": FlightKind.WROTE, "on": FlightKind.FLUSHED, "remote_apply": FlightKind.REPLAYED}
DONE = {"remote_write": Position.RECEIVED, "on": Position.FLUSHED, "remote_apply": Position.REPLAYED}


def rises(trace: Trace, node: str, which: Position, lsn: int, since: float) -> list[float]:
    """When a position came to be at least at an LSN, not counting what was before a moment."""
    times, lsns = trace.steps(node, which)
    there = np.concatenate([[False], lsns >= lsn])
    up = times[there[1:] & ~there[:-1]]
    return [float(t) for t in up if t >= since]


def expected(trace: Trace, lsn: int) -> list[tuple[str, str, float]]:
    """What became of a write, read from the trace's tables: step, node, time. Of two with its number, the later."""
    ops = trace.ops.where((trace.ops.kind == OpKind.WRITE) & (trace.ops.lsn == lsn))
    born = float(ops.invoked[-1])
    found = [("appended", "L", born)]
    found += [("flushed", "L", t) for t in rises(trace, "L", Position.FLUSHED, lsn, born)[:1]]
    if ops.outcome[-1] == Outcome.OK:
        found.append(("acknowledged", "L", float(ops.returned[-1])))
    f = trace.flights
    covers = (f.sent >= born) & (f.lsn_to >= lsn)
    for number, name in enumerate(trace.nodes[1:], 1):
        found += [("received", name, t) for t in rises(trace, name, Position.RECEIVED, lsn, born)]
        found += [("on disk", name, t) for t in rises(trace, name, Position.FLUSHED, lsn, born)[:1]]
        found += [("replayed", name, t) for t in rises(trace, name, Position.REPLAYED, lsn, born)[:1]]
        sent = covers & (f.kind == FlightKind.WAL) & (f.target == number) & (f.lsn_from < lsn)
        found += [
            ("lost" if lost else "sent", f"L to {name}", t) for t, lost in zip(f.sent[sent], f.lost[sent], strict=True)
        ]
    return [*found, *_heard(trace, lsn, born, found)]


def _heard(trace: Trace, lsn: int, born: float, found: list[tuple[str, str, float]]) -> list[tuple[str, str, float]]:
    """The answers that count, as many as the rule asks for, and for each replica the first that was lost."""
    scenario, f = trace.scenario, trace.flights
    rule = scenario.sync_rule()
    told, lost = [], []
    answered = next((t for what, _, t in found if what == "acknowledged"), np.inf)
    for name in rule.candidates(scenario.standbys):
        done = rises(trace, name, DONE[scenario.level], lsn, born)
        if not done:
            continue
        said = (f.kind == REPLY[scenario.level]) & (f.source == trace.number(name)) & (f.lsn_to >= lsn)
        said &= (f.sent >= done[0]) & (f.sent <= answered)
        came = f.arrived[said & ~f.lost]
        told += [("heard", "L", float(t)) for t in came[:1] if t <= answered]
        first = float(f.sent[said & ~f.lost][0]) if len(came) and came[0] <= answered else np.inf
        lost += [("unheard", name, float(t)) for t in f.sent[said & f.lost][:1] if t < first]
    return sorted(told, key=lambda step: step[2])[: rule.count] + lost


def assert_told(lines: list[dict[str, Any]], steps: list[tuple[str, str, float]]) -> None:
    """Each step is in one line at its time, and each line tells a step."""
    told = {
        "appended",
        "flushed",
        "acknowledged",
        "received",
        "on disk",
        "replayed",
        "heard",
        "unheard",
        "sent",
        "lost",
    }
    told_of = [line for line in lines if line["what"] in told]
    used = set()
    for what, node, t in steps:
        source, _, target = node.partition(" to ")
        fits = [
            i
            for i, line in enumerate(told_of)
            if line["what"] == what and line["node"] == source and abs(line["t"] - t) <= TICK and target in line["text"]
        ]
        assert fits, (what, node, t, lines)
        used.add(fits[0] if not target else fits[-1])
    assert len(used) == len(told_of), [line for i, line in enumerate(told_of) if i not in used]
    for line in lines:
        assert line["what"] in told | {"held", "crash", "back", "away", "dropped", "gone"}


@pytest.mark.parametrize("scenario", [scenarios["one_sick_standby"], NASTY, APPLIED], ids=["sick", "nasty", "applied"])
def test_every_line_of_a_chain_is_what_the_trace_says(browser: Browser, tmp_path: Path, scenario: Scenario) -> None:
    trace = run(scenario)
    writes = trace.ops.where((trace.ops.kind == OpKind.WRITE) & (trace.ops.lsn > 0))
    chosen = np.random.default_rng(5).choice(np.unique(writes.lsn), 24, replace=False).tolist()
    with stage_page(browser, tmp_path, trace, moment=trace.duration_ms) as page:
        for lsn in chosen:
            lines = follow(page, lsn)
            assert_told(lines, expected(trace, lsn))
            assert [line["t"] for line in lines] == sorted(line["t"] for line in lines)
            assert not any(line["later"] for line in lines if line["t"] <= trace.duration_ms)
            heard = [i for i, line in enumerate(lines) if line["what"] == "heard"]
            assert all(i < [line["what"] for line in lines].index("acknowledged") for i in heard), lines


def test_a_write_lost_through_a_cut_link_says_why(browser: Browser, tmp_path: Path) -> None:
    trace = run(CUT)
    with stage_page(browser, tmp_path, trace, moment=800) as page:
        page.get_by_role("button", name="Story").click()
        page.get_by_role("button", name="Follow a write that would be lost now").click()
        settled(page)
        lost = measures.loss(trace, 800).writes
        lsn, answered = int(lost.lsn[0]), float(lost.returned[0])
        assert page.get_by_label("Follow write").input_value() == str(lsn)
        said = verdict(page)
        assert said.startswith(f"Write {lsn} was acknowledged at ")
        [at] = re.findall(r"acknowledged at ([\d.]+) ms", said)
        assert float(at) == pytest.approx(answered, abs=0.06)
        assert said.endswith(
            " and is on no replica that is up: it is lost if L dies now, because the link L → s1 has been cut since "
            "500 ms and s2 has been down since 700 ms (the write is on its disk)."
        )
        assert any("the link L → s1 has been cut since 500 ms" in plain(line["text"]) for line in chain(page))
        # Once the link is whole again the write reaches s1: the same question has another answer.
        seek(page, 1_000)
        assert verdict(page).endswith("and is on s1, the only replica that is up: it survives if L dies now.")
        reached = next(line["t"] for line in chain(page) if line["what"] == "received" and line["node"] == "s1")
        assert 900 <= reached <= 1_000


def test_a_waiting_write_says_for_whom_and_why(story: Page) -> None:
    story.get_by_role("button", name="Follow the oldest waiting write").click()
    settled(story)
    committed = int(data(story)["committed"])
    said = verdict(story)
    assert said.startswith(f"Write {committed + 1} has waited 302 ms for s1, ")
    assert said.endswith("because s1’s disk has stalled since 1,000 ms.")
    seek(story, 500)
    assert verdict(story).startswith(f"Write {committed + 1} has not arrived yet: it comes at ")
    assert all(line["later"] for line in chain(story))


@pytest.mark.parametrize(
    ("moment", "ending"),
    [
        (1_199, "has waited 39 ms for L’s disk."),
        (1_250, "crashed at 1,200 ms before it was on its disk. Its client never had an answer."),
    ],
)
def test_a_write_that_a_crash_took_before_it_was_on_disk_is_gone(
    browser: Browser, tmp_path: Path, moment: float, ending: str
) -> None:
    trace = run(
        Scenario(flush_ms=40, flush_shape="constant", arrivals="constant", rate_per_s=50, faults=NASTY.faults[-2:])
    )
    lsn = int(trace.at("L", Position.FLUSHED, 1_199)) + 1
    with stage_page(browser, tmp_path, trace, moment=moment) as page:
        lines = follow(page, lsn)
        assert verdict(page).endswith(ending)
        if moment > 1_200:
            assert [line["what"] for line in lines] == ["appended", "gone"]
            # The same number is given again after the restart: another write.
            seek(page, 1_900)
            assert verdict(page).startswith(f"Write {lsn} was acknowledged at 1,4")


def test_what_a_crash_of_the_leader_takes_is_in_the_story_and_can_be_followed(browser: Browser, tmp_path: Path) -> None:
    trace = run(scenarios["lost_writes_on_failover"])
    with stage_page(browser, tmp_path, trace, moment=1_500) as page:
        page.locator(".rv-timeline").focus()
        page.keyboard.press("s")
        [loss] = [row for row in rows(page) if row[-1] == "Loss"]
        count = measures.loss(trace, 1_500.0).lost[0]
        assert count > 0
        assert loss[2].startswith(f"At this moment {count} acknowledged writes are on no replica that is up.")
        page.get_by_role("button", name="Follow the first").click()
        settled(page)
        lsn = int(measures.loss(trace, 1_500.0).writes.lsn[0])
        said = verdict(page)
        assert said.startswith(f"Write {lsn:,} was acknowledged at")
        assert "L has been down since 1,500 ms, and no replica that is up has it: it is lost unless L returns" in said
        [crash] = [plain(line["text"]) for line in chain(page) if line["what"] == "crash"]
        heads = [int(trace.at(name, Position.RECEIVED, 1_500.0)) for name in ("s1", "s2", "s3")]
        ends = [f"s{i}’s log ends at {head:,}" for i, head in enumerate(heads, 1)]
        assert crash == f"crashes; {ends[0]}, {ends[1]} and {ends[2]}: gone whoever is promoted"


def test_a_stale_read_says_what_it_missed_and_why(browser: Browser, tmp_path: Path) -> None:
    trace = run(scenarios["start_here"])
    old = measures.old_reads(trace)
    with stage_page(browser, tmp_path, trace, moment=1_200) as page:
        page.get_by_role("button", name="Story").click()
        told = [row for row in rows(page) if row[-1] == "Stale read"]
        assert len(told) == len(old)
        for row, saw, missed in zip(told, old.reads.lsn, old.missed, strict=True):
            assert row[2].startswith(f"A read sees all up to write {saw}, and not write {missed}.")
        last = int(np.flatnonzero(old.reads.invoked <= 1_200)[-1])
        read, saw, missed = float(old.reads.invoked[last]), old.reads.lsn[last], old.missed[last]
        page.get_by_role("button", name="Follow a stale read").click()
        settled(page)
        assert f"it sees all up to write {saw}, but not write {missed} to the same key, acknowledged" in verdict(page)
        assert verdict(page).endswith("because it is still on its way to s3.")
        lines = chain(page)
        [itself] = [line for line in lines if line["what"] == "read"]
        assert itself["t"] == pytest.approx(read, abs=TICK)
        assert itself["node"] == trace.nodes[old.reads.node[last]] == "s3"
        answered = trace.ops.returned[(trace.ops.kind == OpKind.WRITE) & (trace.ops.lsn == missed)][0]
        [acknowledged] = [line["t"] for line in lines if line["what"] == "acknowledged"]
        assert acknowledged == pytest.approx(answered, abs=TICK)
        [replayed] = [line["t"] for line in lines if line["what"] == "replayed"]
        assert replayed == pytest.approx(rises(trace, "s3", Position.REPLAYED, int(missed), 0)[0], abs=TICK)
        assert acknowledged < read < replayed
        assert {line["node"] for line in lines} == {"L", "s3"}


def test_a_busy_run_says_that_times_are_those_of_a_sample(browser: Browser, tmp_path: Path) -> None:
    with stage_page(browser, tmp_path, run(Scenario(rate_per_s=8_000, replicas=5)), moment=900) as page:
        follow(page, 5_000)
        assert page.locator(".rv-fate-note").is_visible()
        assert "sample" in page.locator(".rv-fate-note").inner_text()
