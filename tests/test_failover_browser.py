"""Failover and split-brain in a real browser: who leads, which log is doomed, and what is told of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from replication_viz import run, scenarios
from replication_viz.trace import Trace
from replication_viz.views.moment import moment
from replication_viz.views.terms import Terms, total

from .bench import SICK, bench_page, labels, open_menu, sent
from .telling import chain, plain, rows, settled, verdict
from .test_stage_browser import data, press, seek, stage_page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def trace() -> Trace:
    return run(scenarios["split_brain"])


@pytest.fixture
def split(browser: Browser, tmp_path: Path, trace: Trace) -> Iterator[Page]:
    with stage_page(browser, tmp_path, trace, moment=4_800) as page:
        yield page


def crowns(page: Page) -> dict[str, str]:
    """Who wears a crown, and which."""
    found: dict[str, str] = page.evaluate(
        """Object.fromEntries([...document.querySelectorAll('.rv-row')].flatMap((row) => {
            const crown = row.querySelector('.rv-crown');
            if (getComputedStyle(crown).visibility !== 'visible') return [];
            return [[row.dataset.node, crown.getAttribute('class')]];
        }))"""
    )
    return found


def roles(page: Page) -> list[str]:
    return [note.text_content() or "" for note in page.locator(".rv-row .rv-note:nth-of-type(2)").all()]


def doomed(page: Page) -> list[int]:
    """How many writes of each row are hatched: told, and as wide as the axis says."""
    found: list[list[float]] = page.evaluate(
        """[...document.querySelectorAll('.rv-doomed')].map((bar) => {
            const { at } = stage.scene, each = (at.right - at.left) / stage.facts.writes;
            const seen = getComputedStyle(bar).visibility === 'visible';
            return [Number(bar.dataset.writes), seen ? bar.getBBox().width / each : 0];
        })"""
    )
    for told, drawn in found:
        assert drawn == pytest.approx(told, abs=0.6)
    return [int(told) for told, _ in found]


def cards(page: Page) -> list[tuple[str, str, str]]:
    parts = [page.locator(f".rv-card-{part}").all_text_contents() for part in ("label", "number", "note")]
    return list(zip(*parts, strict=True))


def test_two_leaders_wear_two_crowns_and_the_old_one_is_told_from_the_new(split: Page) -> None:
    assert crowns(split) == {"L": "rv-crown rv-crown-old", "s1": "rv-crown"}
    assert roles(split) == ["old leader, still serving", "promoted", "follows s1", "follows s1"]
    colours = split.evaluate("[...document.querySelectorAll('.rv-crown')].map((c) => getComputedStyle(c).fill)")
    assert colours[0] != colours[1]
    said = split.locator(".rv-row").nth(0).get_attribute("aria-label") or ""
    assert said == "L, old leader, still serving, timeline 1: flushed 1051, 751 writes doomed"
    assert data(split)["leaders"] == "2"
    assert split.locator("[data-target='node L']").get_attribute("aria-label") == "L, old leader, up: faults"


def test_the_doomed_part_is_hatched_with_its_count_and_numbers_are_those_of_python(split: Page, trace: Trace) -> None:
    terms = Terms(trace)
    for at in [1_950, 2_060, *np.random.default_rng(6).uniform(2_100, 6_900, 12).round(1).tolist(), 5_100]:
        seek(split, at)
        nodes = terms.standings(at + 1e-6)
        assert doomed(split) == [node.doomed for node in nodes]
        told = moment(trace, at + 1e-6)
        label, number, note = cards(split)[0]
        if told.fork >= 0:
            assert (label, number, note) == (told.numbers[0].caption, told.numbers[0].value, told.numbers[0].note)
        lasted = total(terms.two, at)
        two = cards(split)[1][1]
        value = float(two.split()[0]) * (1_000 if two.endswith(" s") else 1)
        assert value == pytest.approx(lasted, rel=0.01)
        assert cards(split)[2][1:] == ("0 ms", "somebody always answered")
        if nodes[0].doomed:
            second = split.locator(".rv-row[data-node=L] .rv-figure").nth(1)
            assert second.text_content() == f"{nodes[0].doomed:,} writes doomed"


def test_each_leader_has_its_own_acknowledged_position_and_after_the_heal_there_is_one(
    split: Page, trace: Trace
) -> None:
    def lines() -> tuple[list[str], bool]:
        own = split.locator(".rv-own-ack[visibility=visible]").all()
        across = split.evaluate("getComputedStyle(document.querySelector('.rv-rows > line.rv-ack')).visibility")
        return [line.get_attribute("data-lsn") or "" for line in own], across == "visible"

    assert lines() == (["1051", "571"], False)
    assert split.locator(".rv-fork-text").all_text_contents() == ["one history", "two histories"]
    seek(split, 6_500)
    assert lines() == ([], True)
    assert crowns(split) == {"s1": "rv-crown"}
    assert roles(split)[:2] == ["follows s1 · timeline 2", "leader · timeline 2"]
    assert doomed(split) == [0, 0, 0, 0]


def test_stepping_back_shows_what_was_before(split: Page) -> None:
    split.locator(".rv-timeline").focus()
    seen = {}
    for _ in range(12):
        at = press(split, "PageDown")
        if at < 2_050:
            break
        seen[at] = len(crowns(split))
    assert set(seen.values()) == {2}
    assert crowns(split) == {"L": "rv-crown"}
    assert cards(split)[0][0] == "If L died now"
    seek(split, 2_000)
    assert roles(split)[1] == "being promoted"
    back = press(split, "Home")
    assert back == 0
    assert doomed(split) == [0, 0, 0, 0]


def test_the_way_back_is_told_step_by_step(split: Page) -> None:
    seek(split, 5_100)
    pill = split.locator(".rv-row[data-node=L] .rv-pill text")
    assert pill.text_content() == "rewinding"
    assert crowns(split) == {"s1": "rv-crown"}
    assert doomed(split) == [796, 0, 0, 0]
    seek(split, 5_201)
    assert doomed(split) == [0, 0, 0, 0]
    assert cards(split)[0][:2] == ("Writes acknowledged, then discarded", "796")


@pytest.mark.parametrize(("fence", "word"), [("lease", "fenced"), ("stonith", "switched off")])
def test_a_fenced_leader_is_told_by_sign_and_word(browser: Browser, tmp_path: Path, fence: str, word: str) -> None:
    fenced = run(scenarios["split_brain"].but(fence=fence))
    with stage_page(browser, tmp_path, fenced, moment=3_000) as page:
        assert page.locator(".rv-row[data-node=L] .rv-pill text").text_content() == word
        assert page.locator(".rv-reign-old").count() == 0
        assert cards(page)[1][1:] == ("0 ms", "one took writes at a time")
        idle = crowns(page).get("L", "")
        assert ("rv-crown-idle" in idle) == (fence == "lease")
        cross = page.locator(".rv-row[data-node=L] .rv-cross")
        assert cross.get_attribute("visibility") == ("visible" if fence == "stonith" else "hidden")


def test_the_timeline_shows_at_a_glance_when_there_were_two_leaders(split: Page) -> None:
    bands: list[dict[str, Any]] = split.evaluate(
        """[...document.querySelectorAll('.rv-reign')].map((band) => ({ kind: band.getAttribute('class').split(' ')[1],
            from: stage.timeline.timeAt(+band.getAttribute('x')), y: +band.getAttribute('y'),
            until: stage.timeline.timeAt(+band.getAttribute('x') + +band.getAttribute('width')),
            title: band.textContent }))"""
    )
    assert [band["kind"] for band in bands] == ["rv-reign-whole", "rv-reign-old", "rv-reign-whole"]
    assert bands[0]["y"] == bands[1]["y"] < bands[2]["y"]
    assert [(round(band["from"], -1), round(band["until"], -1)) for band in bands] == [
        (0, 2_050),
        (2_050, 5_000),
        (2_050, 7_000),
    ]
    assert bands[1]["title"] == "L still serves, though a newer leader is there"
    assert split.locator(".rv-reign-two").text_content() == "two leaders: 2.95 s"
    assert split.locator(".rv-two").count() == 1
    curves = split.evaluate("stage.run.curves.map((c) => Math.min(...c.values.filter((v) => !Number.isNaN(v))))")
    assert min(curves) >= 0


# -- the fate of a write ----------------------------------------------------------------------------------------------


def test_why_a_write_was_lost_is_asked_by_keyboard_and_answered_with_the_chain(split: Page) -> None:
    split.locator(".rv-timeline").focus()
    split.keyboard.press("s")
    lost = split.get_by_role("button", name="Follow an acknowledged write that the newest leader does not have")
    lost.focus()
    split.keyboard.press("Enter")
    settled(split)
    assert verdict(split).startswith("Write 301 of timeline 1 was acknowledged by L at ")
    assert "and is doomed: it is on L only" in verdict(split)
    assert "because s1 had been promoted at 2,050.6 ms without it: a network partition has cut off L" in verdict(split)
    told = [(line["what"], line["node"]) for line in chain(split)]
    assert [what for what in told if what[0] in ("acknowledged", "forked", "demoted", "discarded")] == [
        ("acknowledged", "L"),
        ("forked", "s1"),
        ("demoted", "L"),
        ("discarded", "L"),
    ]
    assert chain(split)[-1]["text"] == "is rewound to write 300: the write is discarded here"
    assert chain(split)[-1]["later"]
    seek(split, 6_000)
    assert "and is gone: discarded at 5,200 ms" in verdict(split)


def test_one_number_may_be_two_writes(split: Page) -> None:
    split.evaluate("stage.follow({ kind: 'write', lsn: 400 })")
    settled(split)
    assert "s1" in {line["node"] for line in chain(split) if line["what"] == "acknowledged"}
    assert plain(split.locator(".rv-fate-note").inner_text()).startswith("There is another write 400, on timeline 1.")
    split.evaluate("stage.follow({ kind: 'write', lsn: 400, term: 1 })")
    settled(split)
    assert {line["node"] for line in chain(split) if line["what"] == "acknowledged"} == {"L"}
    assert not [line for line in chain(split) if line["what"] in ("received", "replayed") and line["node"] != "L"]


def test_a_click_on_a_log_follows_the_write_of_that_log(split: Page) -> None:
    for row, term in ((0, 1), (1, 2)):
        where = split.evaluate(
            """(row) => {
                const { scene, facts } = stage, box = document.querySelector('.rv-rows').getBoundingClientRect();
                return [box.left + scene.x(facts, 499.5), box.top + scene.at.y(row) + scene.at.bar / 2];
            }""",
            row,
        )
        split.mouse.click(*where)
        settled(split)
        assert split.evaluate("stage.follower.what") == {"kind": "write", "lsn": 500, "term": term, "of": "now"}
        diamonds = split.locator(".rv-pin path").evaluate_all("all => all.map((d) => d.getAttribute('visibility'))")
        assert [seen != "hidden" for seen in diamonds] == (
            [True, False, False, False] if row == 0 else [False, True, True, True]
        )


def test_a_write_from_before_the_fork_came_through(split: Page) -> None:
    split.evaluate("stage.follow({ kind: 'write', lsn: 200 })")
    settled(split)
    assert re.fullmatch(
        r"Write 200 of timeline 1 was acknowledged by L at [\d.]+ ms and came through: "
        r"s1 leads now and has it, and is on L, s2 and s3, too\.",
        verdict(split),
    )
    assert ("promoted", "s1") in {(line["what"], line["node"]) for line in chain(split)}


def test_the_story_lists_the_changes_of_leader_by_node_and_by_kind(split: Page) -> None:
    split.locator(".rv-timeline").focus()
    split.keyboard.press("s")
    split.get_by_label("Kind of events").select_option("leader")
    what = [cells[2] for cells in rows(split)]
    assert "Two leaders take writes: L on timeline 1 and s1 on timeline 2." in what
    assert "s1 is the leader of timeline 2, from LSN 300 on." in what
    assert {cells[3] for cells in rows(split)} == {"Leadership"}
    split.get_by_label("Kind of events").select_option("fork")
    rewound = next(cells[2] for cells in rows(split) if "rewound" in cells[2])
    assert rewound.endswith("Follow the first")
    split.get_by_role("button", name=re.compile("^Follow the first: L is rewound")).click()
    settled(split)
    assert split.evaluate("stage.follower.what") == {"kind": "write", "lsn": 301, "term": 1}


# -- other views and sizes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["failover", "false_alarm", "frozen_leader", "cascading_failover", "split_brain"])
def test_every_moment_is_drawn_without_complaint(browser: Browser, tmp_path: Path, name: str) -> None:
    found = run(scenarios[name])
    with stage_page(browser, tmp_path, found, viewport={"width": 640, "height": 1_000}) as page:
        for view in ("logs", "space-time"):
            page.evaluate("(view) => stage.choose('view', view)", view)
            page.wait_for_selector(f".rv-stage[data-view={view}]")
            for at in np.linspace(0, found.duration_ms, 15).tolist():
                said = seek(page, at)
                serving = [
                    reign.node
                    for reign in Terms(found).reigns()
                    if reign.kind in ("leads", "old") and reign.begin <= at < reign.end
                ]
                if at < found.duration_ms:
                    assert int(said["leaders"]) == len(serving)


@pytest.mark.parametrize("width", [980, 640])
def test_words_stay_inside_the_picture(browser: Browser, tmp_path: Path, trace: Trace, width: int) -> None:
    with stage_page(browser, tmp_path, trace, viewport={"width": width, "height": 1_000}) as page:
        for at in (1_950, 2_300, 4_800, 5_100, 6_500):
            seek(page, at)
            outside = page.evaluate(
                """() => [...document.querySelectorAll('.rv-rows text, .rv-timeline text')].flatMap((text) => {
                    const svg = text.ownerSVGElement.getBoundingClientRect(), box = text.getBoundingClientRect();
                    if (!box.width || getComputedStyle(text).visibility === 'hidden') return [];
                    return box.left < svg.left - 1 || box.right > svg.right + 1 ? [text.textContent] : [];
                })"""
            )
            assert outside == []
            cut = page.locator(".rv-card-note").evaluate_all(
                "all => all.filter((n) => n.scrollWidth > n.clientWidth + 1).length"
            )
            assert cut == 0


# -- the menu ---------------------------------------------------------------------------------------------------------


def test_a_replica_is_promoted_and_a_node_frozen_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    with bench_page(browser, tmp_path, SICK, 200) as page:
        page.locator(".rv-target-node").nth(1).focus()
        page.keyboard.press("Enter")
        page.locator(".rv-menu").wait_for()
        page.keyboard.type("pro")
        page.keyboard.press("Enter")
        expect(page.get_by_role("menu")).to_have_count(0)
        assert sent(page) == [{"do": "add", "fault": {"kind": "promote", "node": "s1", "at_ms": 200}}]
        open_menu(page, "node L")
        assert "Promote" not in labels(page)
        page.keyboard.type("fre")
        page.keyboard.press("Enter")
        assert sent(page) == [{"do": "add", "fault": {"kind": "freeze", "node": "L", "for_ms": 1_000, "at_ms": 200}}]


def test_a_menu_fits_what_a_node_is_at_that_moment(browser: Browser, tmp_path: Path) -> None:
    scenario = scenarios["split_brain"].but(duration_ms=6_000)
    with bench_page(browser, tmp_path, scenario, 4_800) as page:
        for at, leading in ((500, {"L"}), (4_800, {"L", "s1"}), (5_800, {"s1"})):
            seek(page, at)
            for name in ("L", "s1", "s2"):
                open_menu(page, f"node {name}")
                assert ("Promote" in labels(page)) == (name not in leading)
                page.keyboard.press("Escape")
