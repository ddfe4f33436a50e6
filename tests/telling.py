"""What the story of a stage says, read from its page: the chain of a write, its verdict, the rows of the table."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from replication_viz.scenario import Crash, CutLink, LinkDelay, Partition, Restart, Scenario, StallDisk

from .test_stage_browser import seek

CUT = Scenario(
    ack="async",
    replicas=2,
    duration_ms=1_200,
    faults=(CutLink(source="L", target="s1", at_ms=500, for_ms=400), Crash(node="s2", at_ms=700)),
)
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
    """Return the cells of the story's table, once it is drawn."""
    settled(page)
    found: list[list[str]] = page.evaluate(
        """[...document.querySelectorAll('.rv-events-table tbody tr')]
            .map((row) => [...row.cells].map((cell) => cell.textContent.trim()))"""
    )
    return [[plain(cell) for cell in row] for row in found]


def follow_in_pair(page: Page) -> int:
    seek(page, 1_900)
    lsn: int = page.evaluate("stage.facts.committed + 1")
    follow(page, lsn)
    assert "has waited" in verdict(page)
    return lsn
