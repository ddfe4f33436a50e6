"""The stage: a trace as a moving picture. Python sends the trace once; the browser owns time."""

from __future__ import annotations

import base64
import math
from typing import Any

import anywidget
import traitlets as t

from ..checks import Violation
from ..trace import Trace
from .assets import module, styles
from .broken import broken_promise
from .detail import encode_window
from .moment import telling_moment
from .page import fragment, resting_bench
from .wire import decode, encode

__all__ = ["Stage", "decode", "encode", "fragment", "module", "styles"]


class Stage(anywidget.AnyWidget):
    """A run as a moving picture, with its clock, timeline and three numbers.

    Parameters
    ----------
    trace : Trace
        What is shown.
    moment : float, optional
        Where the clock stands, ms; by default at a moment worth a picture.
    violation : Violation, optional
        A promise that the run broke, as a checker names it. Its reason stands above the picture, the write that it is
        about is followed through logs and space-time diagram, and the clock stands where it can be seen.

    Attributes
    ----------
    moment : float
        Where the clock stands, ms. Set it to move the clock; the browser sets it when the clock comes to rest.
    playing : bool
        Whether the clock runs.
    view : {"logs", "space-time"}
        What stands in the middle of the picture.
    drawer : str
        What is open below it, such as ``"story"``; empty if nothing is.
    projector : bool
        Whether all is larger, for a lecture hall.
    bench : dict
        What the panel that runs scenarios says of itself: faults, what can be undone, what is compared. Without a
        panel it names the run and its share text only; the picture plays, and offers nothing that needs another run.
    """

    payload = t.Bytes().tag(sync=True)
    was = t.Bytes().tag(sync=True)
    view = t.Unicode("logs").tag(sync=True)
    drawer = t.Unicode("").tag(sync=True)
    projector = t.Bool(False).tag(sync=True)
    bench = t.Dict().tag(sync=True)
    live = t.Bool(True).tag(sync=True)  # somebody answers; a page without a kernel has no such trait
    moment = t.Float(0.0).tag(sync=True)
    playing = t.Bool(False).tag(sync=True)
    _esm = t.Unicode().tag(sync=True)
    _css = t.Unicode().tag(sync=True)

    def __init__(self, trace: Trace, moment: float | None = None, violation: Violation | None = None) -> None:
        self._trace = trace
        self._was: Trace | None = None
        bench = resting_bench(trace)
        if violation is not None:
            bench["broken"] = broken_promise(trace, violation)
            moment = min(violation.end_ms, trace.duration_ms) if moment is None else moment
        at = telling_moment(trace) if moment is None else _checked(trace, moment)
        super().__init__(payload=encode(trace), moment=at, bench=bench)
        self.on_msg(self._asked)

    @t.default("_esm")
    def _module(self) -> str:
        return module()

    @t.default("_css")
    def _styles(self) -> str:
        return styles()

    @property
    def trace(self) -> Trace:
        """The trace that is shown."""
        return self._trace

    def show(self, trace: Trace, was: Trace | None = None, bench: dict[str, Any] | None = None) -> None:
        """Show another run, at the moment at which the clock stands, or at the end if the run is shorter.

        Parameters
        ----------
        was : Trace, optional
            A run to compare it with, shown above it on the same clock.
        bench : dict, optional
            What `bench` becomes, in the same message.
        """
        payload = encode(trace)
        before = b"" if was is None else self.was if was is self._was else encode(was)
        with self.hold_sync():
            self._trace, self._was = trace, was
            self.payload = payload
            self.was = before
            self.moment = min(self.moment, trace.duration_ms)
            if bench is not None or not self.bench.get("live"):
                self.bench = resting_bench(trace) if bench is None else bench

    def _asked(self, widget: Any, content: dict[str, Any], buffers: list[bytes]) -> None:
        """Send what happened around a moment in full: the stage has come to rest where it holds a sample only."""
        trace = self._was if content.get("of") == "was" else self._trace
        at = content.get("at")
        if content.get("do") == "window" and trace is not None and isinstance(at, int | float) and math.isfinite(at):
            self.send({"did": "window", "of": content.get("of")}, [encode_window(trace, float(at))])

    def __repr__(self) -> str:
        return f"Stage({self._trace!r})"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Add what viewers show that have no live widgets: a page that plays by itself, and a picture."""
        bundle: Any = super()._repr_mimebundle_(**options)
        data, metadata = bundle
        data["text/html"] = fragment(self._trace, self.moment)
        picture = _picture(self._trace, self.moment)
        if picture is not None:
            data["image/png"] = picture
        return data, metadata


def _checked(trace: Trace, moment: float) -> float:
    if not 0 <= moment <= trace.duration_ms:
        raise ValueError(f"moment is {moment!r}: it must be at least 0 and at most {trace.duration_ms:g} ms.")
    return float(moment)


def _picture(trace: Trace, moment: float) -> str | None:
    """Return a poster as base64 of a PNG, or None where matplotlib is not there."""
    try:
        from .poster import picture
    except ImportError:
        return None
    return base64.b64encode(picture(trace, "png", moment)).decode()
