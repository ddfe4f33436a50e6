"""What a panel's run can be kept as: tables, pictures, a film, a page. Which formats there are depends on the machine.

The libraries that draw are loaded when a format asks for them.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, cast, get_args

from .. import trace_files
from ..scenario import ScenarioError
from ..scenario.errors import shown
from ..views import encoder
from ..views.page import PageError

if TYPE_CHECKING:
    from .lab import Lab

# label, ending, media type
_KINDS = {
    "csv": ("Tables as CSV (zip)", "zip", "application/zip"),
    "json": ("Tables as JSON", "json", "application/json"),
    "parquet": ("Tables as Parquet (zip)", "parquet.zip", "application/zip"),
    "png": ("Picture as PNG", "png", "image/png"),
    "svg": ("Picture as SVG", "svg", "image/svg+xml"),
    "gif": ("Film as GIF", "gif", "image/gif"),
    "mp4": ("Film as MP4", "mp4", "video/mp4"),
    "html": ("Page that plays by itself", "html", "text/html"),
}
_FILM = "A film shows a stretch around this moment in 4 s, and takes some seconds to make."
_NOTES = {"gif": _FILM, "mp4": _FILM}


@cache
def formats() -> list[dict[str, str]]:
    """Return what can be made here, in order: ``format``, ``label`` and ``note`` of each."""
    there = {*trace_files.formats(), "png", "svg", "gif", "html", *(["mp4"] if encoder.is_there() else [])}
    return [
        {"format": name, "label": label, "note": _NOTES.get(name, "")}
        for name, (label, _, _) in _KINDS.items()
        if name in there
    ]


def file(format: Any, lab: Lab) -> tuple[str, str, bytes]:
    """Return a file of what a panel shows now: its name, its media type and its content.

    Raises
    ------
    ScenarioError
        If it cannot be made; the text says why.
    """
    if not isinstance(format, str) or format not in _KINDS:
        raise ScenarioError(f"{shown(format)} is no format: formats are {', '.join(_KINDS)}.")
    _, ending, kind = _KINDS[format]
    name = re.sub(r"[^\w.-]+", "_", lab.scenario.name) or "run"
    return f"{name}.{ending}", kind, _content(format, lab)


def _content(format: str, lab: Lab) -> bytes:
    trace, moment = lab.trace, _moment(lab)
    if format in trace_files.FORMATS:
        try:
            return trace_files.pack(trace, format)
        except trace_files.TraceFileError as error:
            raise ScenarioError(str(error)) from None
    if format in ("png", "svg"):
        from ..views.poster import picture

        return picture(trace, "png" if format == "png" else "svg", moment)
    if format == "html":
        from .pages import lab_page

        try:
            return lab_page(lab).encode()
        except PageError as error:
            raise ScenarioError(str(error)) from None
    return _film(format, lab)


def _film(format: str, lab: Lab) -> bytes:
    from ..views import film

    assert format in get_args(film.Format)
    begin, end = film.stretch(lab.trace, _moment(lab))
    try:
        return film.reel(lab.trace, cast(film.Format, format), begin, end)
    except film.FilmError as error:
        raise ScenarioError(str(error)) from None


def _moment(lab: Lab) -> float:
    """Return where the clock stands in the run, ms: one that it is compared with may last longer."""
    return float(min(lab.stage.moment, lab.trace.duration_ms))
