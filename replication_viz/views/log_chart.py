"""The chart of the log that the leader keeps: how much, what limits it, and when the limit strikes."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Self

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from .. import measures, theory
from ..scenario import LEADER, Crash, CutLink, Partition, Scenario
from ..trace import Trace
from ..wal import Retention
from .chart import SIZE, Chart, _legend, _time_unit, _verts
from .charts import _furthest_behind
from .style import Theme

_MB = 2**20
_POINTS = 600
_FAR = 2.5  # a limit so many times as high as all else is not drawn

Disaster = Literal["falls off", "disk full"]


class Expected(NamedTuple):
    """What will happen to a replica that sleeps, or to its leader, and when, by space over rate."""

    what: Disaster
    at_ms: float


def expected(scenario: Scenario) -> Expected | None:
    """Return what the first fault that silences a replica leads to if it lasts; None if it ends before that.

    The log that may be kept, over the rate at which it is written; a slot without a limit has the whole disk. A disk
    that cannot hold the log until the next checkpoint is full before anybody sleeps.
    """
    written = scenario.rate_per_s * scenario.record_bytes * scenario.log_left
    full_ms = 1000 * theory.time_until_full_s(scenario.wal_disk_mb * _MB, written)
    to_checkpoint = min(Retention(scenario).checkpoint_bytes, written * scenario.checkpoint_ms / 1000) / _MB
    if scenario.wal_disk_mb < scenario.wal_keep_mb + to_checkpoint:
        return Expected("disk full", full_ms) if full_ms <= scenario.duration_ms else None
    sleeps = next((f for f in scenario.timeline if _silences(f)), None)
    if sleeps is None:
        return None
    kept = scenario.wal_keep_mb
    if scenario.slots:
        limit = scenario.max_slot_wal_keep_mb
        kept = max(kept, limit) if limit >= 0 else np.inf
    room = scenario.wal_disk_mb
    what: Disaster = "falls off" if kept < room else "disk full"
    at_ms = sleeps.at_ms + 1000 * theory.time_until_full_s(min(kept, room) * _MB, written)
    return Expected(what, at_ms) if at_ms <= min(sleeps.until_ms, scenario.duration_ms) else None


class KeptLog(Chart):
    """The log that the leader keeps, what a replica lacks of it, and the limits.

    Where the second line crosses the first the replica falls off. The moment that one can compute beforehand stands
    beside the one of the run.
    """

    title = "Log kept by the leader"

    def __init__(self, theme: Theme = "light", size: tuple[float, float] = SIZE) -> None:
        super().__init__(theme, size)
        self.axes = self.figure.add_axes((0.085, 0.16, 0.565, 0.78))
        self._prepare(self.axes, "time, ms", "log, MB")
        self.axes.xaxis.set_major_locator(MaxNLocator(8))
        self.axes.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,g}"))
        self.spans = self._spans(self.axes)
        self.limits = {
            name: self._level(ink, dashes)
            for name, ink, dashes in (
                ("wal_keep_size", "quiet", (0, (1, 1.4))),
                ("max_slot_wal_keep_size", "stale", (0, (1, 1.4))),
                ("room on the disk", "risk", (0, (1, 1.4))),
            )
        }
        self.kept = self._line(self.axes, "leader", "kept", "solid", "o", 2)
        self.lacks = self._line(self.axes, "stale", "a replica lacks", (0, (5, 2)), "v")
        self.seen = self._moment("risk", "solid", 2.6)
        self.computed = self._moment("ink", (0, (4, 2.5)), 1.5)
        self.note = self._note(self.axes)

    def show(self, trace: Trace, node: str | None = None) -> Self:
        """Show a run, and what one replica lacks; by default the one that is furthest behind."""
        if node is not None:
            trace.number(node)
        chosen = node or _furthest_behind(trace)
        divisor, unit = _time_unit(trace.duration_ms / 2.5)
        moments = np.linspace(0, trace.duration_ms, _POINTS)
        kept = measures.kept_log_mb(trace, moments)
        lacks = measures.pinned_log_mb(trace, chosen, moments) if chosen else np.zeros(0)
        expects, found = expected(trace.scenario), _found(trace)
        in_force = _limits(trace.scenario)
        most = max(1.0, float(kept.max()), *(v for k, v in in_force.items() if k != "room on the disk"))
        strikes = expects is not None and expects.what == "disk full"
        shown = {name: mb for name, mb in in_force.items() if strikes or mb <= _FAR * most}
        top = 1.12 * max([most, *shown.values()])
        scale, size = (1024, "GB") if top >= 4_096 else (1, "MB")
        self.kept.set_data(moments / divisor, kept / scale)
        self.lacks.set_data(moments[: len(lacks)] / divisor, lacks / scale)
        self.lacks.set_label(f"{chosen} lacks" if chosen else "_")
        for name, line in self.limits.items():
            line.set_data(*(([0, 1], [shown[name] / scale] * 2) if name in shown else ([], [])))
            line.set_label(f"{name}, {shown[name] / scale:,.4g} {size}" if name in shown else "_")
        self._put(self.computed, expects, "computed", divisor, unit)
        self._put(self.seen, found, "in the run", divisor, unit)
        self.spans.set_verts(_verts(trace, divisor))
        self.axes.set_xlim(0, trace.duration_ms / divisor)
        self.axes.set_ylim(0, top / scale)
        self.axes.set_xlabel(f"time, {unit}")
        self.axes.set_ylabel(f"log, {size}")
        lines = (self.kept, self.lacks, *self.limits.values(), self.computed, self.seen)
        _legend(self, self.axes, [line for line in lines if str(line.get_label())[0] != "_"], (1.03, 1.02))
        return self._shown(_words(float(kept.max()) / scale, size, expects, found, divisor, unit))

    def _level(self, ink: str, dashes: Any) -> Line2D:
        [line] = self.axes.plot([], [], color=self.colour[ink], linestyle=dashes, linewidth=1.9)
        line.set_transform(self.axes.get_yaxis_transform())
        return line

    def _moment(self, ink: str, dashes: Any, width: float) -> Line2D:
        [line] = self.axes.plot([], [], color=self.colour[ink], linestyle=dashes, linewidth=width)
        line.set_transform(self.axes.get_xaxis_transform())
        return line

    def _put(self, line: Line2D, event: Expected | None, how: str, divisor: float, unit: str) -> None:
        line.set_data(*(([event.at_ms / divisor] * 2, [0, 1]) if event else ([], [])))
        line.set_label(f"{event.what}, {how}: {event.at_ms / divisor:.1f} {unit}" if event else "_")


def _silences(fault: Any) -> bool:
    if isinstance(fault, Crash):
        return fault.node != LEADER
    if isinstance(fault, CutLink):
        return fault.source == LEADER or fault.both_ways
    return isinstance(fault, Partition)


def _found(trace: Trace) -> Expected | None:
    """Return what happened first in a run."""
    full = measures.disk_full_ms(trace)
    fell = [measures.fell_off_ms(trace, name) for name in trace.nodes[1:]]
    fates = [Expected("disk full", full), *(Expected("falls off", at) for at in fell)]
    return min((fate for fate in fates if not np.isnan(fate.at_ms)), key=lambda fate: fate.at_ms, default=None)


def _limits(scenario: Scenario) -> dict[str, float]:
    """Return the limits in force, MB."""
    found = {"room on the disk": scenario.wal_disk_mb}
    if scenario.wal_keep_mb:
        found["wal_keep_size"] = scenario.wal_keep_mb
    if scenario.slots and scenario.max_slot_wal_keep_mb >= 0:
        found["max_slot_wal_keep_size"] = scenario.max_slot_wal_keep_mb
    return found


def _words(most: float, size: str, expects: Expected | None, found: Expected | None, divisor: float, unit: str) -> str:
    words = [f"at most {most:,.1f} {size} are kept"]
    for event, how in ((expects, "computed"), (found, "in the run")):
        if event:
            words.append(f"{event.what} at {event.at_ms / divisor:.1f} {unit} ({how})")
    return f"{'; '.join(words)}."
