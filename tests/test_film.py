"""Films: each frame is the poster of its moment, nothing flickers, and what cannot be made is one sentence."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from PIL import Image

from replication_viz import run, scenarios
from replication_viz.scenario import Crash, Scenario, StallDisk
from replication_viz.trace import Trace
from replication_viz.views import encoder, film
from replication_viz.views.film import FilmError
from replication_viz.views.moment import telling_moment
from replication_viz.views.poster import poster
from replication_viz.views.style import STYLE, Theme

STALLED = Scenario(
    title="Stalled", ack="FIRST 1 (s1)", duration_ms=2_000, faults=(StallDisk(node="s1", at_ms=800, for_ms=400),)
)


@pytest.fixture(scope="module")
def trace() -> Trace:
    return run(STALLED)


def pages(gif: bytes) -> list[Image.Image]:
    image = Image.open(io.BytesIO(gif))
    found = []
    for number in range(image.n_frames):  # type: ignore[attr-defined]
        image.seek(number)
        found.append(image.convert("RGB"))
    return found


def lasts_ms(gif: bytes) -> int:
    image, whole = Image.open(io.BytesIO(gif)), 0
    for number in range(image.n_frames):  # type: ignore[attr-defined]
        image.seek(number)
        whole += image.info["duration"]
    return whole


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_each_frame_is_the_poster_of_its_moment(trace: Trace, theme: Theme) -> None:
    moments = np.array([700.0, 1_000.0, 1_500.0])
    for at_ms, frame in zip(moments, film.frames(trace, moments, theme), strict=True):
        canvas = FigureCanvasAgg(poster(trace, at_ms, theme))
        canvas.draw()
        whole = np.asarray(canvas.buffer_rgba())[:, :, :3].astype(int)
        assert frame.shape == whole.shape
        assert np.abs(frame - whole).mean() < 0.05, at_ms
        assert (np.abs(frame - whole).max(axis=2) > 40).mean() < 1e-3


def test_what_stays_the_same_stands_still_to_the_pixel(trace: Trace) -> None:
    drawn = list(film.frames(trace, np.linspace(900, 930, 4)))
    for one, other in pairwise(drawn):
        assert (one != other).any(), "something moves"
        np.testing.assert_array_equal(one[:40, :600], other[:40, :600])  # title and setting
        differs = (one != other).any(axis=2)
        assert differs.mean() < 0.2


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_gif_has_its_frames_its_length_and_the_ground_as_the_style_says(trace: Trace, theme: Theme) -> None:
    made = film.reel(trace, "gif", 700, 1_300, seconds=0.8, fps=10, theme=theme)
    found = pages(made)
    assert len(found) == 8
    assert lasts_ms(made) == 800
    assert {page.size for page in found} == {(980, 560)}
    ground = tuple(round(255 * part) for part in to_rgb(STYLE.colours(theme)["ground"]))
    assert {page.getpixel((490, 2)) for page in found} == {ground}
    moments = np.linspace(700, 1_300, 8)
    for page, frame in zip(found, film.frames(trace, moments, theme), strict=True):
        off = np.abs(np.asarray(page).astype(int) - frame)
        assert off.mean() < 1, "the palette holds the picture's colours"


def test_a_film_of_the_first_lesson_is_small() -> None:
    trace = run(scenarios["start_here"])
    begin, end = film.stretch(trace, telling_moment(trace))
    ten = film.reel(trace, "gif", begin, end, seconds=1)
    assert len(ten) < 1_500_000 / 4


@pytest.mark.parametrize("seconds", [0.5, 1.3])
def test_mp4_has_its_frames(trace: Trace, seconds: float, tmp_path: Path) -> None:
    if not encoder.is_there():
        pytest.skip("There is no encoder for MP4: install ffmpeg, or imageio-ffmpeg.")
    imageio = pytest.importorskip("imageio_ffmpeg")
    path = film.film(trace, tmp_path / "run.MP4", 700, 1_300, seconds=seconds, fps=10)
    reader = imageio.read_frames(str(path))
    assert next(reader)["size"] == (980, 560)
    count, length = imageio.count_frames_and_secs(str(path))
    assert count == round(seconds * 10)
    assert length == pytest.approx(seconds, abs=0.11)


def test_frames_of_odd_sides_lose_a_line_and_become_a_film(
    trace: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not encoder.is_there():
        pytest.skip("There is no encoder for MP4: install ffmpeg, or imageio-ffmpeg.")
    imageio = pytest.importorskip("imageio_ffmpeg")
    monkeypatch.setattr(film, "frames", lambda *_: iter(np.full((3, 101, 201, 3), 128, dtype=np.uint8)))
    path = film.film(trace, tmp_path / "run.mp4", 10, 20, seconds=0.3)
    assert next(imageio.read_frames(str(path)))["size"] == (200, 100)


# -- the stretch ------------------------------------------------------------------------------------------------------


def test_the_stretch_is_the_fault_under_way_with_time_before_and_after(trace: Trace) -> None:
    assert film.stretch(trace, 1_000) == (700, 1_300)


def test_where_nothing_goes_wrong_it_is_a_dozen_commits_around_the_moment(trace: Trace) -> None:
    begin, end = film.stretch(trace, 300)
    assert begin < 300 < end
    assert 20 < end - begin < 200
    assert film.stretch(trace, 0)[0] == 0
    assert film.stretch(trace, 2_000)[1] == 2_000


def test_a_fault_without_an_end_is_not_the_stretch() -> None:
    dead = run(Scenario(ack="async", duration_ms=500, faults=(Crash(node="s1", at_ms=10),)))
    begin, end = film.stretch(dead, 250)
    assert end - begin < 250
    silent = run(Scenario(ack="async", duration_ms=500, rate_per_s=0))
    assert film.stretch(silent, 250) == (225, 275)


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begin", "end", "seconds", "fps", "part"),
    [
        (500, 400, 1, 10, "from 500 to 400 ms"),
        (-1, 400, 1, 10, "from -1 to 400 ms"),
        (0, 2_001, 1, 10, "from 0 to 2001 ms"),
        (float("nan"), 400, 1, 10, "from nan"),
        (0, 400, 1, 0, "fps is 0"),
        (0, 400, 1, 51, "fps is 51"),
        (0, 400, 0, 10, "seconds 0"),
        (0, 400, 90, 10, "900 frames: at most 600"),
    ],
)
def test_a_stretch_that_is_none_is_one_sentence(
    trace: Trace, begin: float, end: float, seconds: float, fps: float, part: str
) -> None:
    with pytest.raises(FilmError, match=part) as caught:
        film.reel(trace, "gif", begin, end, seconds, fps)
    assert str(caught.value).endswith(".")


def test_an_unknown_ending_is_one_sentence(trace: Trace, tmp_path: Path) -> None:
    with pytest.raises(FilmError, match=r"'run\.avi' tells no format: it must end in \.gif or \.mp4\."):
        film.film(trace, tmp_path / "run.avi")


def test_without_an_encoder_mp4_says_what_to_install(
    trace: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "find", lambda: None)
    with pytest.raises(FilmError, match=r"MP4 needs an encoder, and none is installed here: install ffmpeg, or pip"):
        film.film(trace, tmp_path / "run.mp4")
    assert not (tmp_path / "run.mp4").exists()


def test_an_encoder_that_fails_says_why(trace: Trace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\necho 'no such codec' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(encoder, "find", lambda: str(broken))
    with pytest.raises(FilmError, match="the encoder could not make the film: no such codec"):
        film.reel(trace, "mp4", 0, 400, seconds=0.3)
