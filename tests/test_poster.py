"""The still picture: the numbers on it are the trace's own, and no text lies on another."""

from __future__ import annotations

from io import BytesIO
from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.text import Text
from PIL import Image

from replication_viz import Scenario, measures, run, scenarios
from replication_viz.scenario import Crash, CutLink, SlowReplay
from replication_viz.trace import Position, Trace
from replication_viz.views.moment import duration, moment, telling_moment
from replication_viz.views.poster import LEFT, RIGHT, poster
from replication_viz.views.style import STYLE, Theme

START = scenarios["start_here"]
CASES: dict[str, Scenario] = {
    "start_here": START,
    "one_sick_standby": scenarios["one_sick_standby"],
    "lost_acknowledgements": scenarios["lost_acknowledgements"],
    "slow_replay": scenarios["slow_replay"],
    "seven": scenarios["one_sick_standby"].but(replicas=7, ack="ANY 2 (*)"),
    "nine": START.but(replicas=9, ack="all"),
    "none": START.but(replicas=0, ack="async", nodes={}),
    "partition": START.but(ack="async", lag_ms=200, partition="s1, s2", partition_at_ms=300),
    "down": START.but(faults=(Crash(node="s2", at_ms=500), SlowReplay(node="s1", at_ms=600, factor=200))),
    "flags at both ends": START.but(
        faults=(CutLink(source="L", target="s2", at_ms=50, for_ms=600), Crash(node="s1", at_ms=1950))
    ),
    "silent": START.but(rate_per_s=0),
    "fast": START.but(rate_per_s=20_000, duration_ms=300),
}
TRACES: dict[str, Trace] = {}


def trace_of(name: str) -> Trace:
    if name not in TRACES:
        TRACES[name] = run(CASES[name])
    return TRACES[name]


def texts(figure: Figure) -> list[Text]:
    return [text for text in figure.axes[0].texts if text.get_text().strip()]


def words(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in texts(figure))


def boxes(figure: Figure, colour: str) -> list[FancyBboxPatch]:
    return [
        patch
        for patch in figure.axes[0].patches
        if isinstance(patch, FancyBboxPatch) and to_hex(patch.get_facecolor()) == colour
    ]


@pytest.mark.parametrize("name", CASES)
def test_no_text_lies_on_another_or_leaves_the_sheet(name: str) -> None:
    trace = trace_of(name)
    for share in (0.0, 0.25, 0.7, 1.0, telling_moment(trace) / trace.duration_ms):
        figure = poster(trace, at_ms=share * trace.duration_ms)
        renderer = FigureCanvasAgg(figure).get_renderer()
        placed = [(t.get_text(), t.get_window_extent(renderer)) for t in texts(figure) if t.get_zorder() < 8]
        width, height = figure.get_size_inches() * 100
        for said, box in placed:
            assert -0.5 <= box.x0 < box.x1 <= width + 0.5, said
            assert -0.5 <= box.y0 < box.y1 <= height + 0.5, said
        for (said, one), (other_said, other) in combinations(placed, 2):
            wide = min(one.x1, other.x1) - max(one.x0, other.x0)
            high = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert wide <= 1 or high <= 3, f"{said!r} lies on {other_said!r} at {share:.0%}"


@pytest.mark.parametrize("name", ["start_here", "one_sick_standby", "seven", "none"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_saved_as_png_and_svg_in_both_themes(name: str, theme: Theme) -> None:
    figure = poster(trace_of(name), theme=theme)
    png, svg = BytesIO(), BytesIO()
    figure.savefig(png, format="png")
    figure.savefig(svg, format="svg")
    with Image.open(png) as picture:
        assert to_hex(np.asarray(picture.convert("RGB"))[2, 2] / 255) == STYLE.ground.on(theme)
        assert picture.width == 980
        assert picture.height <= 560
    assert b"<svg" in svg.getvalue()


def test_bars_end_at_the_nodes_positions() -> None:
    trace = trace_of("start_here")
    figure = poster(trace, at_ms=1_000)
    low, high = moment(trace, 1_000).window

    def place(lsn: float) -> float:
        return LEFT + (RIGHT - LEFT) * (lsn - low) / (high - low)

    for colour, which, nodes in (
        (STYLE.flushed.light, Position.FLUSHED, trace.nodes),
        (STYLE.replayed.light, Position.REPLAYED, trace.nodes[1:]),
        (STYLE.appended.light, Position.RECEIVED, trace.nodes[1:]),
    ):
        drawn = [box.get_x() + box.get_width() for box in boxes(figure, colour)]
        for node in nodes:
            expected = place(float(trace.at(node, which, 1_000)))
            assert min(abs(end - expected) for end in drawn) < 0.01


def test_waiting_commits_are_counted_over_their_bracket() -> None:
    trace = trace_of("one_sick_standby")
    now = moment(trace, telling_moment(trace))
    assert now.waiting == trace.at("L", Position.APPENDED, now.at_ms) - now.committed
    assert now.waiting > 100
    said = words(poster(trace))
    assert f"{now.waiting} commits wait for s1" in said
    assert "disk stall 400 ms" in said
    assert "was 5." in said


def test_what_a_crash_would_take_is_hatched_on_the_row_that_would_be_promoted() -> None:
    trace = trace_of("partition")
    now = moment(trace, 1_000)
    assert now.lost == measures.loss(trace, 1_000).lost[0] > 0
    figure = poster(trace, at_ms=1_000)
    [hatched] = [p for p in figure.axes[0].patches if isinstance(p, Rectangle) and p.get_hatch()]
    low, high = now.window
    begin = LEFT + (RIGHT - LEFT) * (now.rows[now.promoted].head - low) / (high - low)
    assert hatched.get_x() == pytest.approx(begin)
    assert f"{now.lost} lost" in words(figure)
    assert not [p for p in poster(trace_of("one_sick_standby")).axes[0].patches if p.get_hatch()]


def test_packets_are_the_messages_under_way_with_their_numbers_of_writes() -> None:
    trace = trace_of("start_here")
    now = moment(trace, 1_000)
    flying = (trace.flights.sent <= 1_000) & (trace.flights.arrived > 1_000)
    assert 0 < len(now.packets) <= flying.sum()
    assert all(0 <= packet.progress < 1 for packet in now.packets)
    carried = {(p.source, p.target, p.lsn, p.count) for p in now.packets}
    f = trace.flights
    assert carried <= set(zip(f.source, f.target, f.lsn_to, f.lsn_to - f.lsn_from, strict=True))


def test_a_reply_that_will_be_lost_is_crossed_out() -> None:
    trace = trace_of("lost_acknowledgements")
    assert any(packet.is_lost and packet.is_reply for packet in moment(trace, telling_moment(trace)).packets)


@pytest.mark.parametrize(
    ("name", "at_ms", "says"),
    [
        ("down", 1_000, "down"),
        ("partition", 1_000, "cut off"),
        ("none", 1_000, "no replica to promote"),
        ("silent", 1_000, "none has been asked for yet"),
    ],
)
def test_what_ails_a_run_is_told_in_words(name: str, at_ms: float, says: str) -> None:
    assert says in words(poster(trace_of(name), at_ms=at_ms))


def test_a_position_left_of_the_window_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    head, narrow = np.full(9, 1_200.0), np.full(9, 6.0)  # 64 writes wide, and s2 is hundreds behind
    monkeypatch.setattr("replication_viz.views.moment.view", lambda trace: (head, narrow))
    assert "writes further left" in words(poster(trace_of("slow_replay"), at_ms=3_000))


@pytest.mark.parametrize("at_ms", [-1, 2_001, float("nan"), float("inf")])
def test_a_moment_outside_the_run_is_refused(at_ms: float) -> None:
    with pytest.raises(ValueError, match="it must be from 0 to 1500"):
        poster(trace_of("start_here"), at_ms=at_ms)


def test_letters_grow_with_the_sheet() -> None:
    small, large = (texts(poster(trace_of("start_here"), size=size))[0] for size in ((4.9, 2.8), (9.8, 5.6)))
    assert large.get_fontsize() == pytest.approx(2 * small.get_fontsize())


def test_lengths_of_time_have_few_digits() -> None:
    assert [duration(ms) for ms in (0, 0.04, 4.13, 99.6, 1234.5, 12_300, float("nan"))] == [
        "0 ms",
        "< 0.1 ms",
        "4.1 ms",
        "100 ms",
        "1\u2009234 ms",
        "12.3 s",
        "–",
    ]
