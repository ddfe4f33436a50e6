"""A fault by click: nodes and links as buttons, their menus, the fork that follows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from replication_viz import run
from replication_viz.scenario import Crash, Scenario

from .bench import FAULTS, FIXED, OFFERS, SICK, bench, bench_page, focus, labels, open_menu, sent, take, target
from .test_stage_browser import data, press, seek, stage_page

pytestmark = pytest.mark.browser


# -- what can be clicked ----------------------------------------------------------------------------------------------


def test_each_node_and_each_link_is_a_button_that_says_its_state(sick: Page) -> None:
    def names() -> list[str]:
        return [button.get_attribute("aria-label") or "" for button in sick.locator(".rv-target:visible").all()]

    assert names() == [
        "L, leader, up: faults",
        "s1, replica, up: faults",
        "link L – s1: whole",
        "s2, replica, up: faults",
        "link L – s2: whole",
        "s3, replica, up: faults",
        "link L – s3: whole",
    ]
    seek(sick, 550)
    assert names()[1:] == [
        "s1, replica, up, disk stall 300 ms: faults",
        "link L – s1: whole",
        "s2, replica, up, s2 → L cut: faults",
        "link L – s2: cut s2 → L",
        "s3, replica, up, 80 ms slower: faults",
        "link L – s3: 80 ms slower L → s3",
    ]
    seek(sick, 950)
    assert [name for name in names() if name.startswith("link")] == [
        "link L – s1: whole",
        "link L – s2: cut both ways",
        "link L – s3: cut both ways",
    ]
    seek(sick, 1_200)
    assert names()[1] == "s1, replica, down: faults"
    for button in sick.locator(".rv-target").all():
        assert button.get_attribute("aria-haspopup") == "menu"


@pytest.mark.parametrize(
    ("moment", "signs"),
    [
        (450, ["whole whole"] * 3),
        (500, ["whole whole", "whole cut", "slow whole"]),
        (799, ["whole whole", "whole cut", "slow whole"]),
        (800, ["whole whole"] * 3),
        (900, ["whole whole", "cut cut", "cut cut"]),
    ],
)
def test_the_sign_of_a_link_shows_each_direction(sick: Page, moment: float, signs: Sequence[str]) -> None:
    seek(sick, moment)
    links = sick.locator(".rv-link[visibility=visible]").all()
    assert [f"{link.get_attribute('data-out')} {link.get_attribute('data-back')}" for link in links] == signs
    for link in links:  # not by colour alone: what is cut has no head, what is slow has a stem of dots
        states = (link.get_attribute("data-out"), link.get_attribute("data-back"))
        for way, state in zip(link.locator(".rv-way").all(), states, strict=True):
            heads = way.locator("path[visibility=visible]").count()
            dots = way.locator("path").first.evaluate("(stem) => getComputedStyle(stem).strokeDasharray")
            assert heads == (0 if state == "cut" else 1)
            assert (dots != "none") == (state == "slow")


def test_a_button_lies_over_what_it_stands_for(browser: Browser, tmp_path: Path) -> None:
    many = SICK.but(replicas=9)
    for scenario, width in ((SICK, 980), (SICK, 640), (many, 980), (many, 640)):
        with bench_page(browser, tmp_path, scenario, 550, viewport={"width": width, "height": 900}) as page:
            for name in scenario.standbys:
                drawn = page.locator(f".rv-row[data-node={name}] .rv-name").bounding_box()
                over = target(page, f"node {name}").bounding_box()
                assert drawn is not None
                assert over is not None
                assert over["y"] <= drawn["y"] + 4
                assert over["y"] + over["height"] >= drawn["y"] + drawn["height"] - 4
                assert over["x"] <= drawn["x"]
                assert over["x"] + over["width"] >= drawn["x"] + drawn["width"]
                assert min(over["height"], over["width"]) >= 24
            assert page.evaluate(_COVERED) == []


_COVERED = """() => {
    const buttons = [...document.querySelectorAll('.rv-target')].filter((button) => button.offsetParent);
    const boxes = buttons.map((button) => [button.dataset.target, button.getBoundingClientRect()]);
    const beside = (a, b) => a.right <= b.left + 1 || b.right <= a.left + 1;
    const above = (a, b) => a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
    return boxes.flatMap(([name, a], i) => boxes.slice(i + 1)
        .filter(([, b]) => !beside(a, b) && !above(a, b)).map(([other]) => `${name} ${other}`));
}"""


# -- the menu ---------------------------------------------------------------------------------------------------------


PLACES = [("node L", "leader"), ("node s2", "replica"), ("link s3", "link")]


@pytest.mark.parametrize(("name", "place"), PLACES)
def test_each_item_of_a_menu_sends_its_fault_at_the_moment_shown(sick: Page, name: str, place: str) -> None:
    fitting = [offer for offer in OFFERS[place] if offer["when"] != "down"]
    node = name.split()[1]
    for number, offer in enumerate(fitting):
        open_menu(sick, name)
        assert labels(sick) == [found["label"] for found in fitting]
        sick.locator(".rv-menu-item").nth(number).click()
        expect(sick.get_by_role("menu")).to_have_count(0)
        names = {"$node": node, "$leader": "L", "$replica": node}
        fault = {
            key: [names.get(part, part) for part in value] if isinstance(value, list) else names.get(value, value)
            for key, value in offer["fault"].items()
        }
        assert sent(sick) == [{"do": "add", "fault": {**fault, "at_ms": 200}}]
        assert focus(sick) == name


def test_a_node_that_is_down_can_only_be_restarted(sick: Page) -> None:
    seek(sick, 1_200)
    open_menu(sick, "node s1")
    assert labels(sick) == [offer["label"] for offer in OFFERS["replica"] if offer["when"] != "up"]
    assert "Crash" not in labels(sick)
    sick.get_by_role("menuitem", name="Restart").click()
    assert sent(sick) == [{"do": "add", "fault": {"kind": "restart", "node": "s1", "at_ms": 1200}}]


def test_what_is_under_way_at_a_place_can_be_ended(sick: Page) -> None:
    def ends(name: str) -> list[str]:
        open_menu(sick, name)
        found = [label for label in labels(sick) if label.startswith("End: ")]
        sick.keyboard.press("Escape")
        return found

    assert ends("node s1") == []
    seek(sick, 550)
    assert ends("node s1") == ["End: s1: disk stalls, 300 ms a flush"]
    assert ends("link s1") == []
    assert ends("node s2") == []
    assert ends("link s2") == ["End: link s2 → L is cut"]
    assert ends("link s3") == ["End: link L → s3: 80 ms slower"]
    seek(sick, 950)
    cut = ["End: network partition: s2, s3 cut off"]
    assert [ends(name) for name in ("node s1", "link s1", "node s2", "link s3")] == [[], [], cut, cut]
    open_menu(sick, "link s3")
    sick.get_by_role("menuitem", name=cut[0]).click()
    assert sent(sick) == [{"do": "end", "fault": 3, "at_ms": 950}]
    seek(sick, 70)
    sick.evaluate("(bench) => model.set('bench', bench)", bench(SICK, FIXED))
    assert ends("node s1") == ["End: network partition: s1 cut off"]  # a knob made it: it can be ended all the same


def test_a_menu_is_opened_read_and_left_by_keyboard(sick: Page) -> None:
    # One stop of the tab key, between the page and the timeline.
    sick.locator(".rv-timeline").focus()
    sick.keyboard.press("Shift+Tab")
    assert focus(sick) == "node L"
    sick.keyboard.press("Shift+Tab")
    assert not focus(sick).startswith(("node", "link"))
    sick.keyboard.press("Tab")
    walked = [focus(sick)]
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp"):
        assert press(sick, key) == 200  # the clock stands
        walked.append(focus(sick))
    assert walked == ["node L", "node s1", "link s1", "node s2", "link s1", "node s1", "node L", "node L"]
    press(sick, "ArrowDown")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert sick.evaluate(outline) == "solid"
    sick.keyboard.press("Enter")
    sick.get_by_role("menu", name="s1 at 200.0 ms").wait_for()
    items = sick.locator(".rv-menu-label").all_inner_texts()
    assert focus(sick) == items[0]
    for key, there in (("ArrowDown", 1), ("ArrowUp", 0), ("ArrowUp", -1), ("ArrowDown", 0), ("End", -1), ("Home", 0)):
        press(sick, key)
        assert focus(sick) == items[there]
    sick.keyboard.type("pau")
    assert focus(sick) == "Pause the replay"
    assert data(sick)["moment"] == "200"
    press(sick, "Escape")
    expect(sick.get_by_role("menu")).to_have_count(0)
    assert focus(sick) == "node s1"
    assert target(sick, "node s1").get_attribute("aria-expanded") == "false"
    assert sent(sick) == []
    press(sick, " ")
    sick.get_by_role("menu").wait_for()
    sick.keyboard.type("cut")
    press(sick, " ")
    assert sent(sick) == [{"do": "add", "fault": {"kind": "partition", "nodes": ["s1"], "at_ms": 200}}]
    assert focus(sick) == "node s1"
    sick.keyboard.press("Enter")
    press(sick, "Tab")
    expect(sick.get_by_role("menu")).to_have_count(0)
    assert focus(sick) == "rv-timeline"


def test_a_menu_closes_when_somebody_clicks_elsewhere_or_the_clock_moves(sick: Page) -> None:
    open_menu(sick, "node s1")
    target(sick, "node s1").click()
    expect(sick.get_by_role("menu")).to_have_count(0)
    open_menu(sick, "node s1")
    open_menu(sick, "node L")
    expect(sick.get_by_role("menu")).to_have_count(1)
    sick.locator(".rv-title").click()
    expect(sick.get_by_role("menu")).to_have_count(0)
    open_menu(sick, "node s1")
    sick.evaluate("model.set('moment', 700)")
    expect(sick.get_by_role("menu")).to_have_count(0)
    assert sent(sick) == []


def test_the_clock_waits_for_the_menu_and_goes_on_from_the_same_moment(sick: Page) -> None:
    sick.locator(".rv-timeline").focus()
    press(sick, " ")
    sick.wait_for_selector(".rv-stage[data-playing=true]")
    open_menu(sick, "node s2")
    sick.wait_for_selector(".rv-stage[data-playing=false]")
    press(sick, "Escape")
    sick.wait_for_selector(".rv-stage[data-playing=true]")
    open_menu(sick, "node s2")
    sick.wait_for_selector(".rv-stage[data-playing=false]")
    shown = float(data(sick)["moment"])
    sick.get_by_role("menuitem", name="Crash").click()
    [message] = sent(sick)
    assert message["fault"]["at_ms"] == pytest.approx(shown)
    assert data(sick)["playing"] == "false"
    sick.evaluate("() => { window.seen = []; stage.clock.listeners.add((t) => seen.push(t)); }")
    forked = SICK.with_fault(Crash(node="s2", at_ms=message["fault"]["at_ms"]))
    take(sick, forked)
    sick.wait_for_selector(".rv-stage[data-playing=true]")
    sick.wait_for_function("seen.length > 3")
    assert shown <= sick.evaluate("Math.min(...seen)") <= shown + 5
    # What nobody asked for here, or what was refused, starts nothing.
    sick.locator(".rv-timeline").focus()
    press(sick, " ")
    sick.wait_for_selector(".rv-stage[data-playing=false]")
    take(sick, SICK)
    assert data(sick)["playing"] == "false"
    press(sick, " ")
    open_menu(sick, "node s2")
    sick.get_by_role("menuitem", name="Crash").click()
    sick.evaluate("stage.forks.hear({ did: 'sorry', text: 'It is down already.' })")
    assert sick.locator(".rv-problem").inner_text() == "It is down already."
    take(sick, SICK)
    assert data(sick)["playing"] == "false"
    assert sick.locator(".rv-problem").is_hidden()


def test_after_a_fork_the_focus_and_the_moment_are_where_they_were_and_it_is_told(sick: Page) -> None:
    target(sick, "node s2").focus()
    sick.keyboard.press("Enter")
    sick.keyboard.press("Enter")
    assert sent(sick) == [{"do": "add", "fault": {"kind": "crash", "node": "s2", "at_ms": 200}}]
    take(sick, SICK.with_fault(Crash(node="s2", at_ms=200)))
    assert focus(sick) == "node s2"
    assert data(sick)["moment"] == "200"
    assert target(sick, "node s2").get_attribute("aria-label") == "s2, replica, down: faults"
    expect(sick.locator("[aria-live=polite].rv-unseen")).to_have_text("s2 crashes at 200 ms. Undo with Ctrl+Z.")
    take(sick, SICK)
    expect(sick.locator("[aria-live=polite].rv-unseen")).to_have_text("Removed: s2 crashes at 200 ms.")


def test_a_moment_between_two_ticks_is_told_as_the_picture_shows_it(sick: Page) -> None:
    seek(sick, 123.45678)
    open_menu(sick, "node s1")
    sick.get_by_role("menuitem", name="Crash").click()
    [message] = sent(sick)
    assert message["fault"]["at_ms"] == pytest.approx(123.46, abs=1e-9)
    assert float(data(sick)["moment"]) == pytest.approx(message["fault"]["at_ms"], abs=1e-3)


def test_at_the_end_of_a_run_nothing_more_can_happen(sick: Page) -> None:
    seek(sick, 1_500)
    open_menu(sick, "node s2")
    assert labels(sick) == []
    assert sick.locator(".rv-menu-note").inner_text() == "The run is over here: go back in time to change it."


def test_without_a_kernel_a_menu_says_so(browser: Browser, tmp_path: Path) -> None:
    with stage_page(browser, tmp_path, run(SICK), moment=550) as page:
        page.evaluate("() => { window.sent = []; model.send = (message) => sent.push(message); }")
        target(page, "node s1").focus()
        page.keyboard.press("Enter")
        assert (
            page.locator(".rv-menu-note").inner_text() == "A fault needs a running kernel: open the notebook to try it."
        )
        assert labels(page) == []
        page.keyboard.press("Escape")
        assert focus(page) == "node s1"
        page.keyboard.press("f")
        page.locator(".rv-faults").wait_for()
        assert page.locator(".rv-faults input, .rv-faults .rv-tool").count() == 0
        assert page.locator(".rv-faults tbody tr").count() == len(FAULTS)
        page.get_by_role("button", name="Link s2 → L is cut").click()
        page.wait_for_selector(".rv-stage[data-moment='500']")
        assert page.locator(".rv-flag-handle").count() == 0
        assert sent(page) == []


def test_a_menu_leads_to_the_story(sick: Page) -> None:
    sick.evaluate("() => { stage.filterStory = (name) => { window.filtered = name; }; }")
    target(sick, "link s2").click()
    sick.get_by_role("menuitem", name="Show its events in the story").click()
    assert sick.evaluate("[model.get('drawer'), filtered]") == ["story", "s2"]
    expect(sick.get_by_role("menu")).to_have_count(0)


@pytest.mark.parametrize(
    ("width", "replicas", "projector"), [(980, 3, False), (640, 3, False), (980, 9, False), (980, 3, True)]
)
def test_a_menu_lies_inside_the_stage_and_beside_its_target(
    browser: Browser, tmp_path: Path, width: int, replicas: int, projector: bool
) -> None:
    scenario = SICK.but(replicas=replicas)
    with bench_page(browser, tmp_path, scenario, 550, viewport={"width": width, "height": 1_000}) as page:
        page.evaluate("(on) => model.set('projector', on)", projector)
        for name in ("node L", "link s1", f"node s{replicas}", f"link s{replicas}"):
            open_menu(page, name)
            stage, menu, over = (
                page.locator(part).bounding_box() for part in (".rv-stage", ".rv-menu", f'[data-target="{name}"]')
            )
            assert stage is not None
            assert menu is not None
            assert over is not None
            assert stage["x"] <= menu["x"]
            assert menu["x"] + menu["width"] <= stage["x"] + stage["width"]
            assert stage["y"] <= menu["y"]
            assert menu["y"] + menu["height"] <= stage["y"] + stage["height"]
            assert menu["x"] >= over["x"] + over["width"]
            assert page.locator(".rv-menu").evaluate("(menu) => menu.scrollHeight <= menu.clientHeight + 1")
            page.keyboard.press("Escape")


# -- tidiness ---------------------------------------------------------------------------------------------------------


def test_opening_and_closing_leaves_nothing_behind(sick: Page) -> None:
    left = sick.evaluate(
        """async () => {
            let listening = 0;
            const [add, remove] = [document.addEventListener, document.removeEventListener];
            document.addEventListener = function (type, ...more) {
                if (type === 'pointerdown') listening++;
                return add.call(this, type, ...more);
            };
            document.removeEventListener = function (type, ...more) {
                if (type === 'pointerdown') listening--;
                return remove.call(this, type, ...more);
            };
            const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
            const button = document.querySelector('[data-target="node s1"]');
            const round = async () => {
                button.click();
                await frame();
                const open = document.querySelectorAll('.rv-menu').length;
                stage.menu.box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
                await frame();
                return open;
            };
            await round();
            const before = [document.querySelectorAll('*').length, listening];
            let opened = 0;
            for (let i = 0; i < 20; i++) opened += await round();
            const after = [document.querySelectorAll('*').length, listening];
            button.click();
            await frame();
            cleanup();
            return [opened, before, after, document.querySelectorAll('.rv-menu, .rv-target').length, listening];
        }"""
    )
    opened, before, after, elements, listening = left
    assert opened == 20
    assert before == after
    assert (elements, listening) == (0, 0)


def test_a_run_with_more_or_fewer_replicas_has_their_buttons(sick: Page) -> None:
    for replicas in (5, 1, 3):
        take(sick, Scenario(replicas=replicas, duration_ms=1_500))
        names = [button.get_attribute("data-target") for button in sick.locator(".rv-target:visible").all()]
        assert names == ["node L", *(f"{kind} s{i}" for i in range(1, replicas + 1) for kind in ("node", "link"))]
        assert sick.locator(".rv-target[tabindex='0']:visible").count() == 1
