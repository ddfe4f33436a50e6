"""The story, the chain of what became of a write, and the space-time diagram, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from replication_viz import measures, run, scenarios
from replication_viz.scenario import Crash, CutLink, LinkDelay, Partition, Restart, Scenario, SlowReplay, StallDisk
from replication_viz.trace import FlightKind, OpKind, Outcome, Position, Trace
from replication_viz.views.stage import fragment

from .browser import watched_page
from .test_access_browser import findings
from .test_stage_browser import _bytes, data, press, seek, stage_page

pytestmark = pytest.mark.browser

TICK = 0.0101  # ms: the message counts in hundredths, rounded up
CUT = Scenario(
    ack="async",
    replicas=2,
    duration_ms=1_200,
    faults=(CutLink(source="L", target="s1", at_ms=500, for_ms=400), Crash(node="s2", at_ms=700)),
)


@pytest.fixture(scope="module")
def sick_run() -> Trace:
    return run(scenarios["one_sick_standby"])


@pytest.fixture
def story(browser: Browser, tmp_path: Path, sick_run: Trace) -> Iterator[Page]:
    """One sick standby with its story open."""
    with stage_page(browser, tmp_path, sick_run, moment=1_300) as page:
        page.get_by_role("button", name="Story").click()
        page.locator(".rv-events-table").wait_for()
        yield page


@pytest.fixture
def diagram(browser: Browser, tmp_path: Path, sick_run: Trace) -> Iterator[Page]:
    """One sick standby as a space-time diagram."""
    with stage_page(browser, tmp_path, sick_run, moment=1_010) as page:
        page.get_by_role("button", name="Space–time").click()
        page.wait_for_selector(".rv-stage[data-view=space-time]")
        yield page


def settled(page: Page) -> None:
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def follow(page: Page, lsn: int) -> list[dict[str, Any]]:
    """Follow a write; return the lines of its chain: what happened, when, on which node, in words."""
    page.evaluate("(lsn) => stage.follow({ kind: 'write', lsn })", lsn)
    settled(page)
    return chain(page)


def chain(page: Page) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = page.evaluate(
        """[...document.querySelectorAll('.rv-line')].filter((line) => !line.hidden).map((line) => ({
            what: line.dataset.what, t: Number(line.dataset.t), node: line.querySelector('.rv-where').textContent,
            text: line.querySelector('.rv-told').textContent, later: line.classList.contains('rv-later') }))"""
    )
    return lines


def verdict(page: Page) -> str:
    return plain(page.locator(".rv-verdict").inner_text())


def plain(text: str) -> str:
    """A text with common spaces: some numbers keep their unit on the line."""
    return text.replace("\u202f", " ").replace("\u00a0", " ")


def rows(page: Page) -> list[list[str]]:
    found: list[list[str]] = page.evaluate(
        """[...document.querySelectorAll('.rv-events-table tbody tr')]
            .map((row) => [...row.cells].map((cell) => cell.textContent.trim()))"""
    )
    return [[plain(cell) for cell in row] for row in found]


# -- the chain of a write ---------------------------------------------------------------------------------------------

NASTY = Scenario(
    ack="s1",
    replicas=3,
    duration_ms=1_600,
    faults=(
        StallDisk(node="s2", at_ms=200, for_ms=200, flush_ms=90),
        CutLink(source="s1", target="L", at_ms=300, for_ms=100),
        Partition(nodes=("s2", "s3"), at_ms=550, for_ms=150),
        LinkDelay(source="L", target="s3", at_ms=800, for_ms=200, extra_ms=25),
        Crash(node="s3", at_ms=900),
        Restart(node="s3", at_ms=1_000),
        Crash(node="L", at_ms=1_200),
        Restart(node="L", at_ms=1_300),
    ),
)
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
            assert verdict(page).startswith(f"Write {lsn} was acknowledged at 1 4")


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


# -- following --------------------------------------------------------------------------------------------------------


def test_a_click_on_a_log_follows_the_write_that_lies_there(story: Page) -> None:
    for name in ("L", "s2"):
        bar = story.locator(f".rv-row[data-node={name}] .rv-bar-track").bounding_box()
        assert bar is not None
        x = bar["x"] + 0.4 * bar["width"]
        story.mouse.click(x, bar["y"] + bar["height"] / 2)
        settled(story)
        left, writes = story.evaluate("[stage.facts.left, stage.facts.writes]")
        lsn = int(np.ceil(left + 0.4 * writes))
        assert verdict(story).startswith(f"Write {lsn} ")
        pin = story.locator(".rv-pin")
        assert pin.get_attribute("data-lsn") == str(lsn)
        assert pin.locator("text").text_content() == str(lsn)
        line = pin.locator("line").bounding_box()
        assert line is not None
        assert line["x"] == pytest.approx(x, abs=bar["width"] / writes)
    marked = [story.locator(".rv-pin path").nth(i).is_visible() for i in range(4)]
    assert marked == [story.evaluate(f"stage.facts.received[{i}] >= {lsn}") for i in range(4)]


def test_a_click_on_a_message_between_two_logs_follows_its_last_write(story: Page) -> None:
    x, y, lsn = story.evaluate(
        """() => {
            const box = stage.now.rows.getBoundingClientRect();
            const { facts, packets } = stage;
            for (const flights of facts.run.flights) {
                for (let i = 0; i < flights.sent.length; i++) {
                    if (flights.sent[i] > facts.t || flights.arrived[i] <= facts.t) continue;
                    const { x, y } = packets.place(flights, i, facts);
                    const { at, rows } = stage.scene;
                    const between = rows.every((row) => y < row.y - 4 || y > row.y + at.bar + 4);
                    if (between) return [box.x + x - 3, box.y + y, flights.to[i]];
                }
            }
        }"""
    )
    story.mouse.click(x, y)
    settled(story)
    assert verdict(story).startswith(f"Write {lsn} ")


def test_following_ends_with_escape_and_with_its_button(story: Page) -> None:
    for end in (lambda: story.keyboard.press("Escape"), lambda: story.get_by_label("Stop following").click()):
        story.get_by_role("button", name="Follow the newest acknowledged write").click()
        settled(story)
        assert story.locator(".rv-pin").is_visible()
        assert story.get_by_label("Follow write").input_value() == data(story)["committed"]
        end()
        settled(story)
        assert not story.locator(".rv-pin").is_visible()
        assert chain(story) == []
        assert story.get_by_label("Follow write").input_value() == ""
        assert story.get_by_label("Stop following").is_hidden()


def test_a_number_typed_and_entered_is_followed_and_a_line_is_a_way_through_time(story: Page) -> None:
    story.get_by_label("Follow write").fill("200")
    story.keyboard.press("Enter")
    settled(story)
    assert verdict(story).startswith("Write 200 has waited ")
    lines = chain(story)
    story.locator(".rv-line .rv-when").first.focus()
    story.keyboard.press("ArrowDown")
    story.keyboard.press("ArrowDown")
    assert data(story)["moment"] == "1300", "arrows walk through the lines and leave the clock alone"
    story.keyboard.press("Enter")
    settled(story)
    assert float(data(story)["moment"]) == pytest.approx(lines[2]["t"], abs=1e-3)
    story.get_by_label("Follow write").fill("99999")
    story.keyboard.press("Enter")
    settled(story)
    assert verdict(story) == "There is no write 99,999: the last one of this run is 820."


def test_a_shortcut_is_offered_only_while_there_is_something_to_follow(story: Page) -> None:
    lost, waiting, newest, stale = (
        story.locator(f"button[aria-label='{name}']")
        for name in (
            "Follow a write that would be lost now",
            "Follow the oldest waiting write",
            "Follow the newest acknowledged write",
            "Follow a stale read",
        )
    )
    assert [button.is_visible() for button in (lost, waiting, newest, stale)] == [False, True, True, False]
    seek(story, 0)
    assert [button.is_visible() for button in (lost, waiting, newest, stale)] == [False, False, False, False]


# -- the table --------------------------------------------------------------------------------------------------------


def test_the_story_is_a_table_that_keeps_step_with_the_clock(story: Page) -> None:
    table = story.get_by_role("table", name="What happened, in order of time")
    assert table.get_by_role("columnheader").all_inner_texts() == ["Time", "Where", "What", "Kind"]
    assert all(head.get_attribute("scope") == "col" for head in table.get_by_role("columnheader").all())
    events = story.evaluate("stage.run.events.map(({ t, text }) => ({ t, text }))")
    assert [row[2] for row in rows(story)] == [plain(event["text"]) for event in events]
    assert [row[1] for row in rows(story)] == ["all", "s1", "L", "s1", "L"]
    assert [row[3] for row in rows(story)] == ["Setting", "Fault", "Waiting", "Fault", "Waiting"]
    for moment in (0, 999, 1_000, 1_500, 3_000, 4_000):
        seek(story, moment)
        now = [event["text"] for event in events if event["t"] <= moment]
        assert plain(story.locator("tr[aria-current=true] .rv-told").inner_text()) == plain(now[-1])
        assert story.locator("tr[aria-current=true]").count() == 1
        assert story.locator(".rv-event.rv-later").count() == len(events) - len(now)


def test_the_row_that_holds_now_is_in_view_and_the_page_stays_where_it_is(browser: Browser, tmp_path: Path) -> None:
    trace = run(scenarios["write_outage"])
    with stage_page(browser, tmp_path, trace, viewport={"width": 1000, "height": 500}) as page:
        page.evaluate("model.set('drawer', 'story')")
        page.evaluate("scrollTo(0, 100)")
        for moment in (0, 2_226.5, 3_500, 6_000, 2_950, 0):
            seek(page, moment)
            box, row = (page.locator(part).bounding_box() for part in (".rv-events-box", "tr[aria-current=true]"))
            assert box is not None
            assert row is not None
            assert row["y"] >= box["y"] - 1
            assert row["y"] + row["height"] <= box["y"] + box["height"] + 1
        assert page.evaluate("scrollY") == 100


def test_events_are_filtered_by_node_and_by_kind(browser: Browser, tmp_path: Path) -> None:
    with stage_page(browser, tmp_path, run(NASTY), moment=500) as page:
        page.get_by_role("button", name="Story").click()
        every = rows(page)
        page.get_by_role("button", name="s3", exact=True).click()
        settled(page)
        assert page.get_by_role("button", name="s3", exact=True).get_attribute("aria-pressed") == "true"
        own = [row for row in every if "s3" in row[1] or "3 nodes" in row[1]]
        assert 0 < len(own) < len(every)
        assert rows(page) == own
        page.get_by_role("table", name="What happened: of s3, in order of time").wait_for()
        page.get_by_role("button", name="network", exact=True).click()
        settled(page)
        kinds = {row[-1] for row in rows(page)}
        assert kinds == {"Fault", "Connection"}
        assert not any("disk" in row[2] for row in rows(page))
        page.get_by_role("button", name="all", exact=True).click()
        page.get_by_label("Kind of events").select_option("connection")
        settled(page)
        assert rows(page) == [row for row in every if row[-1] == "Connection"]
        assert len(rows(page)) >= 2
        page.get_by_role("button", name="network", exact=True).focus()
        page.keyboard.press("Enter")
        settled(page)
        assert page.evaluate("document.activeElement.textContent") == "network", "the focus stays on the button"


def test_an_event_is_a_way_through_time_by_mouse_and_by_keyboard(story: Page) -> None:
    story.get_by_role("button", name="1,000 ms: go there").click()
    settled(story)
    assert data(story)["moment"] == "1000"
    times = story.locator(".rv-events-table .rv-when")
    assert [times.nth(i).get_attribute("tabindex") for i in range(5)] == ["-1", "0", "-1", "-1", "-1"]
    story.keyboard.press("ArrowDown")
    story.keyboard.press("ArrowDown")
    assert times.nth(3).evaluate("(button) => button === document.activeElement")
    assert data(story)["moment"] == "1000"
    story.keyboard.press("Enter")
    settled(story)
    assert data(story)["moment"] == "3000"
    story.keyboard.press("Home")
    assert times.nth(0).evaluate("(button) => button === document.activeElement")
    story.keyboard.press(" ")
    settled(story)
    assert (data(story)["moment"], data(story)["playing"]) == ("0", "false")


def test_the_menu_of_a_node_opens_the_story_at_its_events(browser: Browser, tmp_path: Path, sick_run: Trace) -> None:
    with stage_page(browser, tmp_path, sick_run, moment=1_300) as page:
        page.evaluate("stage.filterStory('s1')")
        settled(page)
        assert page.evaluate("model.get('drawer')") == "story"
        assert page.get_by_role("button", name="s1", exact=True).get_attribute("aria-pressed") == "true"
        assert [row[1] for row in rows(page)] == ["s1", "s1"]
        page.evaluate("stage.filterStory('s2')")
        settled(page)
        assert rows(page) == [["Nothing happens on s2 in this run."]]


def test_two_runs_tell_their_events_in_one_list(story: Page) -> None:
    calm = scenarios["one_sick_standby"].but(faults=(StallDisk(node="s1", at_ms=1_000, for_ms=500, flush_ms=400),))
    story.evaluate("(text) => model.set('was', bytes(text))", _bytes(run(calm)))
    story.wait_for_selector(".rv-stage.rv-pair")
    settled(story)
    heads = story.locator(".rv-events-table th").all_inner_texts()
    assert heads == ["Time", "Run", "Where", "What", "Kind"]
    by_text = {(row[0], row[3]): row[1] for row in rows(story)}
    stalls = {run_: time for (time, text), run_ in by_text.items() if text.startswith("Over: s1: disk")}
    assert stalls == {"A": "1,500.0 ms", "B": "3,000.0 ms"}
    assert {run_ for (_, text), run_ in by_text.items() if text.startswith("s1: disk")} == {"A and B"}
    assert [row[0] for row in rows(story)] == sorted(
        [row[0] for row in rows(story)], key=lambda t: float(t[:-3].replace(",", ""))
    )
    # The same write in both runs, each with a fate of its own.
    lsn = follow_in_pair(story)
    b = verdict(story)
    story.get_by_role("button", name="A", exact=True).click()
    settled(story)
    assert verdict(story).startswith(f"Write {lsn} ")
    assert verdict(story) != b
    assert [pin.get_attribute("data-lsn") for pin in story.locator(".rv-pin").all()] == [str(lsn)] * 2


def follow_in_pair(page: Page) -> int:
    seek(page, 1_900)
    lsn: int = page.evaluate("stage.facts.committed + 1")
    follow(page, lsn)
    assert "has waited" in verdict(page)
    return lsn


# -- the diagram ------------------------------------------------------------------------------------------------------


def test_the_diagram_is_chosen_by_mouse_and_by_key(browser: Browser, tmp_path: Path, sick_run: Trace) -> None:
    with stage_page(browser, tmp_path, sick_run, moment=1_010) as page:
        button = page.get_by_role("button", name="Space–time")
        button.click()
        page.wait_for_selector(".rv-stage[data-view=space-time]")
        assert button.get_attribute("aria-pressed") == "true"
        assert page.locator(".rv-diagram-canvas").is_visible()
        assert not page.locator(".rv-packets").is_visible()
        page.locator(".rv-timeline").focus()
        page.keyboard.press("v")
        page.wait_for_selector(".rv-stage[data-view=logs]")
        assert not page.locator(".rv-diagram").is_visible()
        page.keyboard.press("v")
        page.wait_for_selector(".rv-stage[data-view=space-time]")
        assert page.evaluate("model.get('view')") == "space-time"


def test_it_draws_the_messages_under_way_and_all_of_its_window(diagram: Page, sick_run: Trace) -> None:
    kept = sick_run.flights.where(sick_run.flights.kind != FlightKind.WROTE)
    for moment in (1_010.0, 1_300.0, 2_999.0, 60.0):
        said = seek(diagram, moment)
        canvas = diagram.locator(".rv-diagram-canvas")
        told = {
            name: float(canvas.get_attribute(f"data-{name}") or -1) for name in ("from", "to", "messages", "under-way")
        }
        at = moment + 1e-6
        flying = int(((kept.sent <= at) & (kept.arrived > at)).sum())
        assert int(said["flightsInView"]) == told["under-way"] == pytest.approx(flying, abs=1)
        inside = int(((kept.sent <= told["to"]) & (kept.arrived >= told["from"])).sum())
        assert told["messages"] == pytest.approx(inside, abs=2)
        assert told["from"] < moment < told["to"]
        name = plain(canvas.get_attribute("aria-label") or "")
        assert name.startswith("Space–time diagram, ")
        assert f"{int(told['messages'])} messages" in name
    # It says the same of the messages under way as the logs do.
    logs = {}
    diagram.evaluate("model.set('view', 'logs')")
    for moment in (1_010.0, 1_300.0):
        logs[moment] = seek(diagram, moment)["flightsInView"]
    diagram.evaluate("model.set('view', 'space-time')")
    assert logs == {moment: seek(diagram, moment)["flightsInView"] for moment in logs}


def test_the_playhead_stands_at_its_place_and_the_window_ends_with_the_run(diagram: Page) -> None:
    def window() -> tuple[float, float]:
        canvas = diagram.locator(".rv-diagram-canvas")
        return float(canvas.get_attribute("data-from") or -1), float(canvas.get_attribute("data-to") or -1)

    begin, end = window()
    assert (1_010 - begin) / (end - begin) == pytest.approx(0.7, abs=0.01)
    seek(diagram, 0)
    assert window()[0] == 0
    seek(diagram, 4_000)
    assert window()[1] == 4_000


def test_more_and_less_time_by_button_by_key_and_by_wheel(diagram: Page) -> None:
    def wide() -> float:
        settled(diagram)
        canvas = diagram.locator(".rv-diagram-canvas")
        return float(canvas.get_attribute("data-to") or -1) - float(canvas.get_attribute("data-from") or -1)

    first = wide()
    diagram.get_by_role("button", name="Show more time").click()
    more = wide()
    assert more == pytest.approx(1.6 * first, rel=0.01)
    diagram.locator(".rv-timeline").focus()
    diagram.keyboard.press("=")
    assert wide() == pytest.approx(first, rel=0.01)
    diagram.keyboard.press("-")
    assert wide() == pytest.approx(more, rel=0.01)
    canvas = diagram.locator(".rv-diagram-canvas").bounding_box()
    assert canvas is not None
    diagram.mouse.move(canvas["x"] + 500, canvas["y"] + 100)
    diagram.keyboard.down("Control")
    diagram.mouse.wheel(0, -100)
    diagram.keyboard.up("Control")
    diagram.wait_for_function(f"stage.now.spacetime.span < {more * 0.9}")
    for _ in range(30):
        diagram.keyboard.press("-")
    assert wide() == pytest.approx(4_000, rel=0.01), "not wider than the run"


_FREE_PLACE = """() => {
    const { spacetime } = stage.now;
    const { messages } = spacetime.shown;
    const box = spacetime.canvas.getBoundingClientRect();
    const far = (x, y, a, b) => {
        const [dx, dy] = [b.x - a.x, b.y - a.y];
        const way = Math.min(Math.max(((x - a.x) * dx + (y - a.y) * dy) / (dx * dx + dy * dy), 0), 1);
        return Math.hypot(a.x + way * dx - x, a.y + way * dy - y);
    };
    for (const message of messages) {
        const { from, to } = spacetime.ends(message);
        for (const way of [0.3, 0.4, 0.5, 0.6, 0.7]) {
            const [x, y] = [from.x + way * (to.x - from.x), from.y + way * (to.y - from.y)];
            const others = messages.filter((one) => one !== message).map((one) => spacetime.ends(one));
            const inside = x > spacetime.left + 10 && x < spacetime.right - 10;
            const alone = others.every(({ from, to }) => far(x, y, from, to) > 12);
            if (inside && alone) return [box.x + x, box.y + y, message.to];
        }
    }
}"""


def test_a_click_on_a_message_follows_its_last_write(diagram: Page) -> None:
    x, y, lsn = diagram.evaluate(_FREE_PLACE)
    diagram.mouse.move(x, y)
    tip = diagram.locator(".rv-tip")
    tip.wait_for()
    assert f"{lsn:,}" in tip.inner_text()
    diagram.mouse.click(x, y)
    diagram.locator(".rv-verdict").wait_for()
    settled(diagram)
    assert verdict(diagram).startswith(f"Write {lsn} ")
    assert diagram.evaluate("stage.now.spacetime.followed") == lsn
    seek(diagram, 500)
    assert tip.is_hidden(), "what the pointer was at has moved on"


def test_a_thousand_messages_are_drawn_within_16_ms_and_it_says_that_some_are_left_out(
    browser: Browser, tmp_path: Path
) -> None:
    busy = run(Scenario(rate_per_s=700, replicas=3, lag_ms=20, duration_ms=2_000, flush_ms=1))
    with stage_page(browser, tmp_path, busy, moment=1_000) as page:
        page.evaluate("model.set('view', 'space-time')")
        page.locator(".rv-timeline").focus()
        for _ in range(20):
            page.keyboard.press("-")
            settled(page)
            if int(page.locator(".rv-diagram-canvas").get_attribute("data-messages") or 0) >= 1_000:
                break
        assert int(page.locator(".rv-diagram-canvas").get_attribute("data-messages") or 0) >= 1_000
        assert re.fullmatch(r"1 of \d+ messages drawn", page.locator(".rv-diagram-thinned").inner_text())
        costs = page.evaluate(
            """async () => {
                const costs = [];
                for (let i = 0; i < 40; i++) {
                    stage.clock.seek(400 + ((i * 7919) % 1200));
                    await new Promise(requestAnimationFrame);
                    await new Promise(requestAnimationFrame);
                    costs.push(stage.cost);
                }
                return costs.sort((a, b) => a - b);
            }"""
        )
        assert costs[20] <= 16


def test_two_runs_share_the_scale_of_their_diagrams(diagram: Page) -> None:
    diagram.evaluate("(text) => model.set('was', bytes(text))", _bytes(run(Scenario(duration_ms=4_000, rate_per_s=50))))
    diagram.wait_for_selector(".rv-stage.rv-pair")
    seek(diagram, 1_200)
    windows = diagram.evaluate(
        "[...document.querySelectorAll('.rv-diagram-canvas')].map(({ dataset }) => [dataset.from, dataset.to])"
    )
    assert len(windows) == 2
    assert windows[0] == windows[1]


def test_the_diagram_takes_the_colours_of_the_theme(diagram: Page) -> None:
    for theme, ground in (("dark", "#111418"), ("light", "#ffffff")):
        diagram.evaluate("(theme) => { document.body.dataset.theme = theme; }", theme)
        settled(diagram)
        assert diagram.evaluate("stage.now.spacetime.ink.colour.ground") == ground


# -- room and reach ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [980, 640])
@pytest.mark.parametrize("view", ["logs", "space-time"])
def test_nothing_of_it_sticks_out(browser: Browser, tmp_path: Path, width: int, view: str) -> None:
    busy = run(NASTY.but(replicas=7, reads_per_s=300))
    with stage_page(browser, tmp_path, busy, moment=900, viewport={"width": width, "height": 900}) as page:
        page.evaluate("(view) => { model.set('view', view); model.set('drawer', 'story'); }", view)
        follow(page, 160)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        wide = page.evaluate(
            """['events-box', 'chain-box', 'verdict', 'filters', 'diagram-head'].filter((name) => {
                const box = document.querySelector(`.rv-${name}`);
                return box?.offsetParent && box.scrollWidth > box.clientWidth + 1;
            })"""
        )
        assert wide == []


def test_all_of_it_can_be_reached_and_has_a_name(story: Page) -> None:
    story.evaluate("model.set('view', 'space-time')")
    story.get_by_role("button", name="Follow the newest acknowledged write").click()
    settled(story)
    stops = story.locator(".rv-drawer-story button, .rv-drawer-story input, .rv-drawer-story select, .rv-zoom")
    assert stops.count() > 15
    for stop in stops.all():
        named = stop.evaluate("(one) => one.ariaLabel || one.textContent.trim() || [...one.labels].length > 0")
        assert named, stop.evaluate("(one) => one.outerHTML")
        assert stop.get_attribute("data-lm-suppress-shortcuts") == "true"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_it(story: Page, theme: str) -> None:
    story.evaluate("(theme) => { document.body.dataset.theme = theme; }", theme)
    for view in ("logs", "space-time"):
        story.evaluate("(view) => model.set('view', view)", view)
        for lsn in (100, 250, 999):
            follow(story, lsn)
            assert findings(story, ".rv-stage") == []


def test_with_reduced_motion_nothing_of_it_moves_by_itself(browser: Browser, tmp_path: Path, sick_run: Trace) -> None:
    with stage_page(browser, tmp_path, sick_run, moment=1_300, reduced_motion="reduce") as page:
        page.evaluate("() => { model.set('view', 'space-time'); model.set('drawer', 'story'); }")
        follow(page, 250)
        assert page.evaluate("document.getAnimations().filter((one) => one.playState === 'running').length") == 0


def test_an_exported_page_tells_the_story_without_a_kernel(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(f'<!doctype html><meta charset="utf-8">{fragment(run(CUT), moment=800)}', encoding="utf-8")
    with watched_page(browser, offline=True) as page:
        page.goto(file.as_uri())
        page.wait_for_selector(".rv-stage[data-ready=true]")
        page.locator(".rv-timeline").focus()
        assert press(page, "s") == 800
        assert "Link L → s1 is cut." in [row[2] for row in rows(page)]
        page.get_by_role("button", name="Follow a write that would be lost now").click()
        settled(page)
        assert "it is lost if L dies now, because the link L → s1 has been cut since 500 ms" in verdict(page)
        page.locator(".rv-timeline").focus()
        page.keyboard.press("v")
        page.wait_for_selector(".rv-stage[data-view=space-time]")
        assert page.locator(".rv-diagram-canvas").is_visible()
        page.keyboard.press("Escape")
        settled(page)
        assert chain(page) == []
