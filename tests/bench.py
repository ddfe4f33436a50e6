"""A page with a stage and a bench: the test plays the kernel, sees what is sent and answers with another run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page

from replication_viz import run
from replication_viz.scenario import Crash, CutLink, LinkDelay, Partition, Restart, Scenario, StallDisk
from replication_viz.scenario.offers import offers

from .test_stage_browser import _bytes, data, stage_page

FAULTS = (
    StallDisk(node="s1", at_ms=400, for_ms=200, flush_ms=300),
    CutLink(source="s2", target="L", at_ms=500, for_ms=300),
    LinkDelay(source="L", target="s3", at_ms=500, for_ms=300, extra_ms=80),
    Partition(nodes=("s2", "s3"), at_ms=900, for_ms=100),
    Crash(node="s1", at_ms=1_100),
    Restart(node="s1", at_ms=1_300),
)
SICK = Scenario(name="sick", title="Sick", ack="ANY 1 (*)", duration_ms=1_500, rate_per_s=100, faults=FAULTS)
OFFERS: dict[str, list[dict[str, Any]]] = {
    place: [asdict(offer) for offer in found] for place, found in offers().items()
}
FIXED = {"at": 50.0, "until": 90.0, "lasts": 40.0, "text": "network partition: s1 cut off", "places": ["s1"]} | {
    "kind": "partition", "spell": True, "waits": False, "fixed": True,
}  # fmt: skip
WAITS = {"at": 60.0, "until": None, "lasts": None, "text": "s6 crashes", "places": ["s6"]} | {
    "kind": "crash", "spell": False, "waits": True,
}  # fmt: skip


def row(fault: Any) -> dict[str, Any]:
    """A fault as the bench tells it."""
    lasts = getattr(fault, "for_ms", None)
    return {
        "at": fault.at_ms,
        "until": None if lasts is None else fault.at_ms + lasts,
        "lasts": lasts,
        "text": fault.sentence(),
        "places": list(fault.places()),
        "kind": fault.kind,
        "spell": "for_ms" in type(fault).model_fields,
        "waits": False,
    }


def bench(scenario: Scenario, *more: dict[str, Any], **other: Any) -> dict[str, Any]:
    """What a panel would say of itself."""
    faults = [*map(row, scenario.faults), *more]
    return {"live": True, "faults": faults, "offers": OFFERS, "undo": "", "redo": "", "table": None, **other}


def take(page: Page, scenario: Scenario, *more: dict[str, Any], was: Scenario | None = None, **other: Any) -> None:
    """Answer as a kernel does: bench and runs in one message; wait until the picture shows them."""
    version = int(data(page)["version"])
    page.evaluate(
        """([bench, now, was]) => {
            model.set('bench', bench);
            model.set('was', was && bytes(was));
            model.set('payload', bytes(now));
        }""",
        [bench(scenario, *more, **other), _bytes(run(scenario)), was and _bytes(run(was))],
    )
    page.wait_for_function("(before) => Number(stage.root.dataset.version) > before", arg=version)
    page.wait_for_function("() => !stage.clock.frame || stage.clock.playing")


@contextmanager
def bench_page(browser: Browser, folder: Path, scenario: Scenario, moment: float, **options: Any) -> Iterator[Page]:
    """Open a page that shows a scenario with a bench; `sent` holds what it sends."""
    with stage_page(browser, folder, run(scenario), moment, **options) as page:
        page.evaluate("() => { window.sent = []; model.send = (message) => sent.push(message); }")
        page.evaluate("(bench) => model.set('bench', bench)", bench(scenario))
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        yield page


def target(page: Page, name: str) -> Locator:
    return page.locator(f'[data-target="{name}"]')


def sent(page: Page) -> list[Any]:
    """What was sent since the last question."""
    found: list[Any] = page.evaluate("sent.splice(0)")
    return found


def open_menu(page: Page, name: str) -> Locator:
    target(page, name).click()
    menu = page.get_by_role("menu")
    menu.wait_for()
    return menu


def labels(page: Page) -> list[str]:
    return [text for text in page.locator(".rv-menu-label").all_inner_texts() if not text.startswith("Show its events")]


def focus(page: Page) -> str:
    """What has the focus, in short: a target, a menu item, a part of a row, or a class."""
    found: str = page.evaluate(
        """() => {
            const { dataset } = document.activeElement;
            if (dataset.part) return `${document.activeElement.closest('tr').dataset.fault} ${dataset.part}`;
            const label = document.activeElement.querySelector('.rv-menu-label')?.textContent;
            return dataset.target ?? label ?? document.activeElement.getAttribute('class') ?? '';
        }"""
    )
    return found
