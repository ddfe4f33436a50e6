"""A stretch of a run as a film: GIF, and MP4 where an encoder is there. The frames are the poster's own drawing."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from PIL import Image

from ..trace import Trace
from . import encoder
from .moment import telling_moment
from .plot import usual_latency
from .poster import Drawing
from .story import FAULTS
from .style import STYLE, Theme

Format = Literal["gif", "mp4"]
Frame = NDArray[np.uint8]

SECONDS, FRAMES_PER_S = 4.0, 10.0
MAX_FRAMES = 600
_TINTS = 3  # in the palette, between a colour and what lies under it: the soft edges of letters
_COMMITS = 12  # where nothing goes wrong, a film shows as many commits one after the other


class FilmError(ValueError):
    """A film cannot be made, or not here. Its text is one sentence."""


def stretch(trace: Trace, moment: float) -> tuple[float, float]:
    """Return a stretch of the run around a moment that is worth a film: begin and end, ms.

    It is the fault that is under way, with some time before and after it; else as long as a dozen commits take one
    after the other.
    """
    whole, marks = trace.duration_ms, trace.marks
    ends = np.minimum(np.nan_to_num(marks.until, nan=0.0), whole)
    under_way = np.isin(marks.kind, FAULTS) & (marks.time <= moment) & (moment <= ends)
    found = np.flatnonzero(under_way & (ends - marks.time < 0.8 * whole))
    if len(found):
        begin, end = float(marks.time[found[-1]]), float(ends[found[-1]])
        margin = 0.25 * (end - begin)
        return max(begin - margin, 0.0), min(end + margin, whole)
    usual = usual_latency(trace)
    length = min(_COMMITS * usual if np.isfinite(usual) and usual > 0 else whole / 10, whole)
    begin = min(max(moment - length / 2, 0.0), whole - length)
    return begin, begin + length


def film(
    trace: Trace,
    path: str | Path,
    begin: float | None = None,
    end: float | None = None,
    seconds: float = SECONDS,
    fps: float = FRAMES_PER_S,
    theme: Theme = "light",
) -> Path:
    """Write a film of a run and return its path.

    Parameters
    ----------
    path : str or Path
        Ends in ``.gif`` or ``.mp4``.
    begin, end : float, optional
        First and last moment, ms; by default a stretch around the most telling moment.
    seconds : float
        Length of the film.
    fps : float
        Frames a second, 1 to 50; a GIF shows 10, 20, 25 or 50 most evenly.

    Raises
    ------
    FilmError
        If the stretch is not within the run, the film would have more than `MAX_FRAMES` frames, the name ends
        otherwise, or there is no encoder for MP4 here.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".gif", ".mp4"):
        raise FilmError(f"{path.name!r} tells no format: it must end in .gif or .mp4.")
    format: Format = "gif" if suffix == ".gif" else "mp4"
    path.write_bytes(reel(trace, format, begin, end, seconds, fps, theme))
    return path


def reel(
    trace: Trace,
    format: Format,
    begin: float | None = None,
    end: float | None = None,
    seconds: float = SECONDS,
    fps: float = FRAMES_PER_S,
    theme: Theme = "light",
) -> bytes:
    """Return a film as the content of a file; `film` says what the parameters mean and what is refused."""
    usual_begin, usual_end = stretch(trace, telling_moment(trace))
    begin, end = usual_begin if begin is None else begin, usual_end if end is None else end
    moments = _moments(trace, begin, end, seconds, fps)
    if format == "gif":
        return _gif(frames(trace, moments, theme), fps, theme)
    return _mp4(frames(trace, moments, theme), fps)


def frames(trace: Trace, moments: NDArray[np.float64], theme: Theme = "light") -> Iterator[Frame]:
    """Yield a picture for each moment (ms): ndarray, shape (height, width, 3), red, green and blue.

    What stays the same is drawn once, so that it stands still to the pixel.
    """
    drawing = Drawing(trace, theme)
    drawing.still()
    pen, canvas = drawing.pen, FigureCanvasAgg(drawing.pen.figure)
    canvas.draw()
    ground = canvas.copy_from_bbox(pen.figure.bbox)
    kept = len(pen.drawn)
    renderer = canvas.get_renderer()
    for at_ms in moments.tolist():
        canvas.restore_region(ground)
        drawing.moving(at_ms)
        for artist in sorted(pen.drawn[kept:], key=lambda drawn: drawn.get_zorder()):
            artist.draw(renderer)
        pen.wipe(kept)
        yield np.array(canvas.buffer_rgba())[:, :, :3]


def _moments(trace: Trace, begin: float, end: float, seconds: float, fps: float) -> NDArray[np.float64]:
    if not 0 <= begin < end <= trace.duration_ms:
        raise FilmError(
            f"the film runs from {begin:g} to {end:g} ms: it must begin before it ends, within 0 and "
            f"{trace.duration_ms:g} ms."
        )
    if not (1 <= fps <= 50 and seconds > 0):
        raise FilmError(f"fps is {fps:g} and seconds {seconds:g}: fps must be 1 to 50, seconds more than 0.")
    count = max(round(seconds * fps), 2)
    if count > MAX_FRAMES:
        raise FilmError(
            f"{seconds:g} s at {fps:g} frames a second are {count:,} frames: at most {MAX_FRAMES} are drawn."
        )
    return np.linspace(begin, end, count)


# -- GIF --------------------------------------------------------------------------------------------------------------


def _gif(drawn: Iterator[Frame], fps: float, theme: Theme) -> bytes:
    """Return the frames as a GIF of one palette: the same colour is the same in every frame."""
    palette = _Palette(theme)
    pages = [palette.page(frame) for frame in drawn]
    out = BytesIO()
    # GIF counts in hundredths of a second.
    lasts = round(100 / fps) * 10
    pages[0].save(out, "gif", save_all=True, append_images=pages[1:], duration=lasts, loop=0, optimize=False)
    return out.getvalue()


class _Palette:
    """The style's colours and their tints on the grounds on which they stand.

    Pillow would look colours up in a coarser table, in which white is no longer white.
    """

    def __init__(self, theme: Theme) -> None:
        colours = STYLE.colours(theme)
        grounds = [colours[name] for name in ("ground", "raised", "flushed", "appended", "fault_ground")]
        shares = np.arange(1, _TINTS + 2) / (_TINTS + 1)
        tints = [
            np.array(to_rgb(over)) * share + np.array(to_rgb(under)) * (1 - share)
            for under in grounds
            for over in colours.values()
            for share in shares
        ]
        found = np.round(255 * np.array(tints)).astype(np.int32)
        _, first = np.unique(found, axis=0, return_index=True)
        self._colours = found[np.sort(first)][:256]
        self._nearest = np.zeros(1 << 24, dtype=np.uint8)
        self._known = np.zeros(1 << 24, dtype=np.bool_)

    def page(self, frame: Frame) -> Image.Image:
        """Return a frame with each pixel in the nearest colour."""
        pixels = frame.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.int32)
        new = np.unique(pixels[~self._known[pixels]])
        if len(new):
            parts = np.stack([new >> 16, new >> 8 & 255, new & 255], axis=1)
            far = ((parts[:, None, :] - self._colours) ** 2).sum(axis=2)
            self._nearest[new] = far.argmin(axis=1)
            self._known[new] = True
        page = Image.fromarray(self._nearest[pixels])
        page.putpalette(self._colours.astype(np.uint8).tobytes())
        return page


# -- MP4 --------------------------------------------------------------------------------------------------------------


def _mp4(drawn: Iterator[Frame], fps: float) -> bytes:
    program = encoder.find()
    if program is None:
        raise FilmError(
            "MP4 needs an encoder, and none is installed here: install ffmpeg, or pip install 'replication-viz[film]'."
        )
    first = next(drawn)
    height, width = (side - side % 2 for side in first.shape[:2])  # the format's colours come in twos
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "film.mp4"
        size = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps:g}", "-i", "-"]
        told = ["-pix_fmt", "yuv420p", "-movflags", "+faststart", str(made)]
        command = [program, "-hide_banner", "-loglevel", "error", "-y", *size, *told]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            _feed(process, (frame[:height, :width] for frame in (first, *drawn)))
        return made.read_bytes()


def _feed(process: Any, drawn: Iterator[Frame]) -> None:
    """Give the frames to the encoder and wait for it; what it complains of becomes the error's text."""
    try:
        for frame in drawn:
            process.stdin.write(np.ascontiguousarray(frame).tobytes())
    except BrokenPipeError:
        pass
    _, complaint = process.communicate()
    if process.returncode:
        raise FilmError(f"the encoder could not make the film: {complaint.decode(errors='replace').strip()[-200:]}.")
