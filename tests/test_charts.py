"""Charts: what the lines hold, that nothing is added on an update, what is said where there is nothing to draw."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from PIL import Image

from replication_viz import Scenario, measures, run, scenarios
from replication_viz.scenario import StallDisk
from replication_viz.trace import Position, Trace
from replication_viz.views.chart import Chart
from replication_viz.views.charts import CommitLatency, Lags, Positions
from replication_viz.views.style import STYLE, Theme

CALM = run(Scenario(duration_ms=400, ack="ANY 1 (*)"))
SICK = run(Scenario(duration_ms=400, ack="s1", faults=(StallDisk(node="s1", at_ms=100, for_ms=150, flush_ms=60),)))
SILENT = run(Scenario(duration_ms=300, rate_per_s=0))
BLOCKED = run(Scenario(duration_ms=300, ack="ANY 1 (*)", partition="s1, s2, s3", partition_at_ms=0))
ALONE = run(Scenario(duration_ms=300, replicas=0, ack="async"))
SEVEN = run(Scenario(duration_ms=300, replicas=7, ack="ANY 2 (*)"))
EVERY = (CALM, SICK, SILENT, BLOCKED, ALONE, SEVEN)
KINDS: tuple[type[Any], ...] = (CommitLatency, Lags, Positions)


def drawn(line: Line2D) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a line's points."""
    return np.asarray(line.get_xdata(), dtype=float), np.asarray(line.get_ydata(), dtype=float)


def legend(axes: Axes) -> list[str]:
    found = axes.get_legend()
    assert found is not None
    return [text.get_text() for text in found.get_texts()]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_run_is_drawn_on_the_same_figure(kind: type[Any], theme: Theme) -> None:
    chart = kind(theme)
    figure = chart.figure
    for trace in EVERY:
        assert chart.show(trace).figure is figure
        with Image.open(BytesIO(chart.png())) as picture:
            assert to_hex(np.asarray(picture.convert("RGB"))[2, 2] / 255) == STYLE.ground.on(theme)
        assert chart.alt.endswith(".")
        assert "nan" not in chart.alt


@pytest.mark.parametrize("kind", KINDS)
def test_an_update_moves_what_is_there_and_adds_nothing(kind: type[Any]) -> None:
    chart = kind().show(CALM)
    before = [id(artist) for axes in chart.figure.axes for artist in (*axes.lines, *axes.collections, *axes.texts)]
    chart.show(SICK).show(CALM)
    after = [id(artist) for axes in chart.figure.axes for artist in (*axes.lines, *axes.collections, *axes.texts)]
    assert before == after


@pytest.mark.parametrize("kind", KINDS)
def test_axes_are_labelled_with_units(kind: type[Any]) -> None:
    chart = kind().show(CALM)
    labels = {axes.get_xlabel() for axes in chart.figure.axes} | {axes.get_ylabel() for axes in chart.figure.axes}
    assert labels - {""} <= {
        "commit latency, ms",
        "writes answered within",
        "time, ms",
        "lag, ms",
        "writes in the log",
    }
    assert len(labels - {""}) == 2


def test_the_latency_curve_is_the_share_of_all_writes_and_the_percentiles_lie_at_their_values() -> None:
    chart = CommitLatency().show(SICK)
    latency = measures.commit_latency(SICK)
    took, share = drawn(chart.run)
    asked = len(latency.samples) + latency.unanswered
    assert_allclose(took, np.sort(latency.samples))
    assert share[-1] == pytest.approx(len(latency.samples) / asked)
    at = [drawn(point)[0][0] for point in chart.points]
    assert_allclose(at, [latency.p50, latency.p99, latency.p999])
    low, high = chart.axes.get_xlim()
    assert low < took[0] < took[-1] < high
    assert chart.axes.get_xscale() == "log"


@given(st.lists(st.floats(0.01, 1e4), min_size=1, max_size=3000))
def test_thinning_keeps_the_order_and_both_ends(values: list[float]) -> None:
    from replication_viz.views.charts import _thinned

    took = np.sort(values)
    share = np.arange(1, len(took) + 1) / len(took)
    x, y = _thinned(took, share)
    assert (x[0], x[-1], y[-1]) == (took[0], took[-1], 1.0)
    assert all(a < b for a, b in pairwise(y))
    assert len(x) <= 801


def test_theory_stands_beside_the_run_as_samples_or_as_a_closed_form() -> None:
    class Flat:
        def at(self, share: Any) -> Any:
            return 3 + np.asarray(share)

    chart = CommitLatency()
    for theory in (3 + np.linspace(0, 1, 5000), Flat()):
        chart.show(CALM, theory=theory)
        ms, share = drawn(chart.theory)
        assert_allclose(np.interp(0.5, share, ms), 3.5, atol=0.01)
        assert "theory" in legend(chart.axes)
    chart.show(CALM)
    assert len(drawn(chart.theory)[0]) == 0
    assert "theory" not in legend(chart.axes)


def test_each_lag_has_its_own_dashes_and_marker() -> None:
    chart = Lags().show(CALM)
    lines = chart.lines["s1"].values()
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == 3
    assert len({line.get_marker() for line in lines}) == 3


def test_lags_are_the_measured_ones_for_all_replicas_or_one() -> None:
    chart = Lags().show(SICK)
    assert list(chart.lines) == ["s1", "s2", "s3"]
    times, lag = measures.lag_curve(SICK, "s1", "flush", bins=160)
    drawn_at, height = drawn(chart.lines["s1"]["flush"])
    assert_allclose(drawn_at, times)
    assert_allclose(height, lag)
    assert height.max() > 5 * drawn(chart.lines["s2"]["flush"])[1].max()
    assert list(chart.show(SICK, node="s2").lines) == ["s2"]
    with pytest.raises(ValueError, match="it must be one of"):
        chart.show(SICK, node="s9")


def test_strips_fit_into_the_figure_and_do_not_overlap() -> None:
    chart = Lags()
    for trace in (CALM, SEVEN, ALONE):
        boxes = [axes.get_position() for axes in chart.show(trace).figure.axes]
        assert len(boxes) == max(len(trace.nodes) - 1, 1)
        assert all(0 <= box.y0 < box.y1 <= 1 for box in boxes)
        assert all(upper.y0 >= lower.y1 for upper, lower in pairwise(boxes))


def test_positions_are_the_traces_own_and_the_worst_replica_is_chosen() -> None:
    chart = Positions().show(SICK)
    times, acknowledged = drawn(chart.lines["acknowledged"])
    assert_allclose(acknowledged, SICK.at("L", Position.COMMITTED, times))
    assert chart.lines["replayed"].get_label() == "s1 replayed"
    assert chart.show(SICK, node="s3").lines["replayed"].get_label() == "s3 replayed"


def test_the_time_of_a_fault_is_shaded_until_a_run_without_one_is_shown() -> None:
    chart = Positions().show(SICK)
    [ground] = chart.spans.get_paths()
    assert ground.get_extents().xmin == pytest.approx(100)
    assert ground.get_extents().xmax == pytest.approx(250)
    assert chart.show(CALM).spans.get_paths() == []


@pytest.mark.parametrize(
    ("kind", "trace", "says"),
    [
        (CommitLatency, SILENT, "Nothing was written in this run."),
        (CommitLatency, BLOCKED, "writes had an answer in this run."),
        (Lags, ALONE, "There is no replica, so nothing lags."),
        (Positions, SILENT, "Nothing was written in this run."),
    ],
)
def test_where_there_is_nothing_to_draw_the_chart_says_so(kind: type[Any], trace: Trace, says: str) -> None:
    chart = kind().show(trace)
    texts = [text.get_text() for axes in chart.figure.axes for text in axes.texts]
    assert any(says in text for text in texts)
    chart.show(CALM)
    texts = [text.get_text() for axes in chart.figure.axes for text in axes.texts]
    assert not any(says in text for text in texts)


@pytest.mark.parametrize(("duration_ms", "unit"), [(400, "ms"), (4_000, "s"), (300_000, "min")])
def test_time_is_told_in_a_unit_that_suits_the_run(duration_ms: float, unit: str) -> None:
    chart = Positions().show(run(Scenario(duration_ms=duration_ms, rate_per_s=1)))
    assert chart.axes.get_xlabel() == f"time, {unit}"


def test_the_picture_in_a_panel_is_replaced_in_place_and_has_words_for_those_who_do_not_see_it() -> None:
    chart = CommitLatency().show(CALM)
    chart.widget()
    image, caption = chart._image, chart._caption
    before = image.value
    chart.show(SICK)
    assert chart._image is image
    assert image.value != before
    assert Image.open(BytesIO(image.value)).size == (720, 320)
    assert "p99.9" in caption.value
    assert len(image.value) < 20_000


def test_a_notebook_gets_the_picture_with_its_text_alternative() -> None:
    chart: Chart = Lags().show(CALM)
    data, metadata = chart._repr_mimebundle_()
    assert data["text/plain"] == chart.alt == metadata["image/png"]["alt"]
    with Image.open(BytesIO(data["image/png"])) as picture:
        assert picture.size == (2 * metadata["image/png"]["width"], 2 * metadata["image/png"]["height"])
    assert chart.figure.dpi == 100


def test_no_chart_touches_pyplot() -> None:
    import subprocess
    import sys

    code = "import sys; from replication_viz.views import charts, poster; print('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_the_named_scenarios_are_drawn() -> None:
    for name in ("start_here", "one_sick_standby"):
        assert "p50" in CommitLatency().show(run(scenarios[name])).alt


@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_takes_another_theme_in_the_same_widget(kind: type[Any]) -> None:
    chart = kind().show(SICK)
    size = chart.figure.get_size_inches().tolist()
    image = chart.widget().children[0]
    for theme in ("dark", "dark", "light"):
        chart.wear(theme)
        chart.show(SICK)
        assert chart.widget().children[0] is image
        with Image.open(BytesIO(image.value)) as picture:
            assert to_hex(np.asarray(picture.convert("RGB"))[2, 2] / 255) == STYLE.ground.on(theme)
        assert chart.figure.get_size_inches().tolist() == size


def test_markers_lie_evenly_in_time_however_jagged_a_line_is() -> None:
    chart = Positions().show(run(Scenario(duration_ms=400, ack="async", replicas=1)))
    for line in chart.lines.values():
        first, every = line.get_markevery()  # type: ignore[misc]
        assert (first, every) == (pytest.approx(0, abs=70), 70)
