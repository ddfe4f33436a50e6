"""The picture of prediction and measurement: what bars and points hold, what it says, that no word covers another."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.transforms import Bbox

from replication_viz.real.predicting import Comparison, Line
from replication_viz.views.style import STYLE, Theme
from replication_viz.views.verdict_chart import VerdictChart, amount, said, table, verdict

CRASHES = Comparison(
    experiment="lost",
    question="How many acknowledged writes are gone?",
    unit="writes",
    lines=(
        Line("sync s1", 0, 0, 0, (0, 0, 0)),
        Line("async, 20 ms one way", 10, 16, 22, (16, 9, 17)),
        Line("async, and s1 was cut off for the whole of the last second", 770, 800, 830, (808,)),
    ),
    server="PostgreSQL 18.6",
)
COMMITS = Comparison(
    experiment="commits",
    question="What does a commit take?",
    unit="ms",
    lines=(Line("local", 0.8, 0.9, 1.1, (1.0,)), Line("far", 72, 74, 77, (85.0,))),
    server="PostgreSQL 18.6",
)
PREDICTED = replace(CRASHES, lines=tuple(replace(line, measured=()) for line in CRASHES.lines))
NEVER = replace(
    COMMITS,
    lines=(Line("stalled", np.inf, np.inf, np.inf, (np.inf,)), Line("unanswered", 3, 4, 5, (np.nan,))),
)
QUERY = replace(COMMITS, lines=(Line("waits", 900, 950, 990, (945.0,)), Line("feedback", 0.2, 2, 28, (12.6,))))
EVERY = (CRASHES, COMMITS, PREDICTED, NEVER, QUERY)


def test_each_bar_is_its_interval_and_each_point_lies_at_its_number() -> None:
    chart = VerdictChart().show(CRASHES)
    across = [np.asarray(path.vertices)[:, 0] for path in chart.bars.get_paths()]
    ends = [(x.min(), x.max()) for x in across]
    assert ends == [(line.low, line.high) for line in CRASHES.lines]
    assert list(chart.middles.get_xdata()) == [0, 16, 800]
    assert list(chart.inside.get_xdata()) == [0, 0, 0, 16, 17, 808]
    assert list(chart.outside.get_xdata()) == [9]
    assert np.rint(chart.outside.get_ydata()).tolist() == [1]


def test_inside_and_outside_differ_in_shape_and_colour() -> None:
    chart = VerdictChart()
    assert chart.inside.get_marker() != chart.outside.get_marker()
    assert chart.inside.get_color() != chart.outside.get_color()
    assert to_hex(chart.outside.get_markerfacecolor()) == to_hex(chart.colour["ground"]), "hollow"


def test_points_of_one_case_do_not_cover_each_other() -> None:
    chart = VerdictChart().show(CRASHES)
    heights = chart.inside.get_ydata()[:3]
    assert len(set(heights)) == 3
    assert np.ptp(heights) < 0.5


@pytest.mark.parametrize(
    ("lines", "scale"),
    [
        ((Line("a", 1, 1.2, 1.5, ()), Line("b", 150, 160, 170, ())), "log"),
        ((Line("a", 0, 1, 2, ()), Line("b", 150, 160, 170, ())), "linear"),
        ((Line("a", 10, 14, 18, ()), Line("b", 60, 70, 80, ())), "linear"),
        ((Line("a", 3.9, 4, 4.2, ()), Line("b", 72, 74, 77, ())), "log"),
        ((Line("a", 0, 0, 0, (0,)),), "linear"),
    ],
    ids=["two decades", "a zero", "close together", "a bar that a point would hide", "nothing but zero"],
)
def test_the_axis_goes_by_factors_only_where_that_helps(lines: tuple[Line, ...], scale: str) -> None:
    chart = VerdictChart().show(replace(COMMITS, lines=lines))
    assert chart.axes.get_xscale() == scale
    low, high = chart.axes.get_xlim()
    assert all(low < number < high for line in lines for number in (line.low, line.high))


def test_the_axis_names_its_unit() -> None:
    assert VerdictChart().show(COMMITS).axes.get_xlabel() == "ms"
    assert VerdictChart().show(replace(CRASHES, unit="")).axes.get_xlabel() == "how many"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("compared", EVERY, ids=["crashes", "commits", "predicted", "never", "query"])
def test_no_word_covers_another_or_leaves_the_picture(compared: Comparison, theme: Theme) -> None:
    chart = VerdictChart(theme).show(compared)
    assert to_hex(chart.figure.get_facecolor()) == STYLE.ground.on(theme)
    chart.png()
    pen = chart._canvas.get_renderer()
    [legend] = chart.figure.legends
    low, high = chart.axes.get_xlim()
    ticks = [tick.label1 for tick in chart.axes.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
    words = [*ticks, *chart.axes.get_yticklabels(), *chart.words, chart.heading, chart.axes.xaxis.label, legend]
    boxes = [word.get_window_extent(pen) for word in words]
    boxes = [box for box in boxes if box.width]
    whole = Bbox.from_extents(0, 0, chart.figure.bbox.width, chart.figure.bbox.height)
    for box in boxes:
        assert whole.x0 <= box.x0 < box.x1 <= whole.x1
        assert whole.y0 <= box.y0 < box.y1 <= whole.y1
    for one, other in combinations(boxes, 2):
        assert not one.overlaps(other)
    inner = chart.axes.get_window_extent(pen)
    assert not [box for box in boxes if inner.overlaps(box)]


def test_a_recorded_measurement_says_so_in_plain_words() -> None:
    chart = VerdictChart()
    assert "Measured here, PostgreSQL 18.6" in chart.show(CRASHES).heading.get_text()
    chart.show(replace(CRASHES, recorded=True))
    for text in (chart.heading.get_text(), chart.alt, table(replace(CRASHES, recorded=True))):
        assert "Recorded earlier on another machine" in text
        assert "nothing was measured here" in text


def test_before_the_measurement_the_bars_stand_alone() -> None:
    chart = VerdictChart().show(PREDICTED)
    assert len(chart.bars.get_paths()) == 3
    assert len(chart.inside.get_xdata()) == len(chart.outside.get_xdata()) == 0
    assert "Not measured yet" in chart.heading.get_text()
    [legend] = chart.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["predicted, 19 of 20", "its middle"]


def test_numbers_that_never_end_are_drawn_at_the_edge_and_told() -> None:
    chart = VerdictChart().show(NEVER)
    assert chart.inside.get_xdata()[0] == chart.axes.get_xlim()[1]
    assert "stalled: predicted never, measured never, inside" in chart.alt
    assert "measured no number, outside" in chart.alt


def test_another_comparison_replaces_the_first_on_the_same_figure() -> None:
    chart = VerdictChart().show(CRASHES)
    figure = chart.figure
    for compared in (*EVERY, *EVERY):
        chart.show(compared)
        assert len(chart.words) == len(chart.axes.texts) == len(compared.lines)
        assert len(figure.legends) == 1
        assert len(figure.texts) == 1
    assert chart.figure is figure


def test_in_the_other_colours_it_shows_the_same() -> None:
    chart = VerdictChart().show(CRASHES)
    alt = chart.alt
    chart.wear("dark")
    assert chart.show(CRASHES).alt == alt
    assert to_hex(chart.figure.get_facecolor()) == STYLE.ground.dark


def test_nothing_to_show_is_refused() -> None:
    with pytest.raises(ValueError, match="has no lines"):
        VerdictChart().show(replace(CRASHES, lines=()))


def test_it_is_told_in_words() -> None:
    assert said(CRASHES).startswith("How many acknowledged writes are gone? Measured here, PostgreSQL 18.6. sync s1: ")
    assert verdict(CRASHES.lines[1], "writes") == "median 16 writes, 2 of 3 inside"
    assert verdict(PREDICTED.lines[0]) == ""
    assert [amount(n) for n in (0.123456, 12.3456, 1234.5, 0)] == ["0.123", "12.3", "1,234", "0"]


class Cells(HTMLParser):
    """The cells of a table, with the scope of those that head a row or column."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.scopes: list[str | None] = []
        self.rows: list[list[str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")
        if tag == "th":
            self.scopes.append(dict(attrs).get("scope"))

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def test_the_table_holds_every_number_with_headed_rows_and_columns() -> None:
    cells = Cells(table(replace(CRASHES, question="Is 1 < 2?")))
    assert cells.rows[0] == ["case", "predicted, writes", "middle, writes", "measured, writes", "verdict"]
    assert cells.rows[2] == ["async, 20 ms one way", "10 to 22", "16", "16, 9, 17", "2 of 3 inside"]
    assert cells.scopes == ["col"] * 5 + ["row"] * 3
    assert "Is 1 &lt; 2?" in table(replace(CRASHES, question="Is 1 < 2?"))
    assert Cells(table(PREDICTED)).rows[1][-2:] == ["–", "not measured yet"]
