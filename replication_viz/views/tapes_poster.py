"""The tapes on the poster: one for each leader, lanes for what it has of the others, arcs between what collides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .pen import WIDTH
from .style import TYPE
from .tapes_moment import Lane, Parcel, Tape, TapesMoment, tapes_moment
from .tapes_view import Tie, tapes

if TYPE_CHECKING:
    from .poster import Drawing

_LEFT, _RIGHT, _TOP = 226.0, 800.0, 60.0
_STRONG = 3  # the newest arcs; the others are faint
_INKS = ("origin_1", "origin_2", "origin_3", "origin_4", "origin_5")
_SIGNS: tuple[Any, ...] = (
    np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]),
    np.array([(0, -1.25), (1.25, 0), (0, 1.25), (-1.25, 0)]),
    np.array([(np.cos(a), np.sin(a)) for a in np.linspace(0, 2 * np.pi, 18)]),
    np.array([(0, -1.2), (1.2, 1), (-1.2, 1)]),
    np.array([(-1.2, -1.1), (1.2, -1.1), (0, 1.1)]),
)


class TapesDrawing:
    """The tapes at one moment, drawn with a poster's pen."""

    def __init__(self, drawing: Drawing, at_ms: float) -> None:
        self.pen = drawing.pen
        self.trace = drawing.trace
        self.now: TapesMoment = tapes_moment(drawing.trace, at_ms)
        count = len(self.now.tapes)
        self.pitch = min((self.pen.height - 204 - _TOP) / count, 118.0)
        self.bar, self.lane = (24.0, 12.0) if count < 3 else (20.0, 10.0) if count < 4 else (15.0, 7.6)
        self.tall = self.bar + 2 + self.lane * (count - 1)

    def draw(self) -> None:
        """Draw all of it but the numbers and the timeline."""
        self._grid()
        for wall in self.now.walls:
            self._wall(wall)
        for number, tape in enumerate(self.now.tapes):
            self._tape(number, tape)
        for place, tie in enumerate(self.now.ties):
            self._tie(tie, is_strong=place >= len(self.now.ties) - _STRONG)
        if self.now.ties:
            self._name(self.now.ties[-1])
        for parcel in self.now.parcels:
            self._parcel(parcel)

    def x(self, number: float) -> float:
        """Return where the place of a write lies."""
        low, high = self.now.window
        return _LEFT + (_RIGHT - _LEFT) * (number - 0.5 - low) / (high - low)

    def y(self, row: int) -> float:
        """Return the top of a leader's tape."""
        return _TOP + row * self.pitch + (self.pitch - self.tall) / 2 + 4

    def _grid(self) -> None:
        low, high = self.now.window
        step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 1e4, 1e5, 1e9) if s >= (high - low) / 8)
        bottom = _TOP + len(self.now.tapes) * self.pitch
        for number in np.arange(np.ceil(low / step) * step, high, step):
            x = self.x(number + 0.5)
            dots: Any = (0, (2, 5))
            self.pen.line([x, x], [_TOP, bottom - 4], "hair", 1, linestyle=dots, zorder=1)
            words = f"{number:,.0f}" if number else "write 0"
            self.pen.text(x, bottom + 7, words, 10.5, "quiet", ha="center")

    def _wall(self, wall: frozenset[int]) -> None:
        for row in range(1, len(self.now.tapes)):
            if (row in wall) != (row - 1 in wall):
                y = _TOP + row * self.pitch + 4
                self.pen.line([24, WIDTH - 24], [y, y], "fault", 2.4, linestyle=(0, (4, 2.5)))

    def _tape(self, number: int, tape: Tape) -> None:
        pen, y = self.pen, self.y(number)
        middle = y + self.tall / 2
        if tape.is_up:
            pen.crown(44, middle - 4, "leader")
        else:
            pen.cross(44, middle - 4, 8, "down", 3.4)
        pen.text(72, middle + 1, tape.name, TYPE.name, weight="bold")
        if tape.about:
            style: dict[str, Any] = {"weight": "bold"} if tape.about.startswith("clock") else {}
            ink = "fault" if style else "quiet"
            pen.fit(pen.text(72, middle + 17, tape.about, TYPE.note, ink, **style), _LEFT - 34, smallest=8)
        for place, lane in enumerate(tape.lanes):
            top = y if place == 0 else y + self.bar + 2 + (place - 1) * self.lane
            self._lane(
                lane,
                top,
                self.bar if place == 0 else self.lane - 2,
                is_own=place == 0,
                gone=tape.gone if place == 0 else (),
            )
        for write in tape.gone:
            if self.x(write) > _LEFT + 4:
                pen.hatch(self.x(write) - 6, y, 12, self.bar, "risk")
                pen.cross(self.x(write), y + self.bar / 2, 5, "risk")
        pen.text(_RIGHT + 14, middle - 3, f"took {tape.took:,} write{'' if tape.took == 1 else 's'}", TYPE.note)
        words = f"lacks {tape.lacks:,} of others" if tape.lacks else "✓ lacks nothing"
        pen.text(_RIGHT + 14, middle + 13, words, TYPE.note, "stale" if tape.lacks else "safe")

    def _lane(self, lane: Lane, top: float, high: float, *, is_own: bool, gone: tuple[int, ...]) -> None:
        pen, ink, middle = self.pen, _INKS[lane.origin], top + high / 2
        pen.box(_LEFT, top, _RIGHT - _LEFT, high, "raised", r=2, zorder=1)
        pen.box(
            _LEFT, top, max(min(self.x(lane.upto + 0.5), _RIGHT) - _LEFT, 0), high, ink, r=2, alpha=0.18, zorder=1.5
        )
        name = "own" if is_own else self.now.tapes[lane.origin].name
        pen.text(_LEFT - 6, middle + 3.5, name, min(10.5, high + 3), ink, ha="right", weight="bold")
        half = min(5.0, high / 2 - 4) if is_own else min(3.2, high / 2 - 0.4)
        for write in (*lane.has, *(lane.waits if is_own else ())):
            x = self.x(write)
            if x >= _LEFT + half and write not in gone:
                pen.area((x, middle) + half * _SIGNS[lane.origin], ink, 1.0 if write in lane.has else 0.45, zorder=4)

    def _ends(self, tie: Tie) -> tuple[tuple[int, int], tuple[int, int]]:
        records = tapes(self.trace).records
        one, other = sorted((records[write].node, write) for write in tie.writes)
        return one, other

    def _tie(self, tie: Tie, *, is_strong: bool) -> None:
        (row, write), (other, last) = self._ends(tie)
        begin = (self.x(write), self.y(row) + (self.bar if row != other else 0))
        end = (self.x(last), self.y(other))
        far, deep = max(begin[0], end[0]) + 16, end[1] - begin[1]
        lift = 0.32 * deep if row != other else -26
        bow = [begin, (far, begin[1] + lift), (far, end[1] - lift if row != other else end[1] - 26), end]
        t = np.linspace(0, 1, 40)
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        xs, ys = np.array(weights).T @ np.array(bow)[:, 0], np.array(weights).T @ np.array(bow)[:, 1]
        ink = "risk" if tie.lost or self.trace.scenario.data == "unique_name" else "stale"
        self.pen.line(xs, ys, ink, 2.2 if is_strong else 1.4, alpha=1.0 if is_strong else 0.3, zorder=5)
        if is_strong:
            self.pen.disc(xs[20], ys[20], 7, "ground", zorder=5.5)
            self.pen.cross(xs[20], ys[20], 4, ink, 2)

    def _name(self, tie: Tie) -> None:
        pen = self.pen
        (row, write), (other, last) = self._ends(tie)
        ink = "risk" if tie.lost or self.trace.scenario.data == "unique_name" else "stale"
        for node, number, shift in ((row, write, 0.0), (other, last, -13.0 if row != other else 0.0)):
            tone = "risk" if number == tie.lost else "ink"
            pen.text(self.x(number) + shift, self.y(node) - 4, f"{number:,}", 10.5, tone, ha="center", weight="bold")
        label = pen.text(
            0, self.y(0) - (19 if row == 0 else 6), self.now.words, TYPE.note, ink, ha="center", weight="bold"
        )
        half, middle = pen.width(label) / 2, (self.x(write) + self.x(last)) / 2
        label.set_x(max(_LEFT + half, min(middle, WIDTH - 24 - half)))

    def _parcel(self, parcel: Parcel) -> None:
        down = parcel.target > parcel.source
        begin = self.y(parcel.source) + (self.tall + 4 if down else -6)
        end = self.y(parcel.target) + (-6 if down else self.tall + 4)
        share = min(parcel.progress, 0.5) if parcel.is_lost else parcel.progress
        x, y = self.x(parcel.number), begin + (end - begin) * share
        if not _LEFT <= x <= _RIGHT + 8:
            return
        self.pen.area((x, y) + 6.6 * _SIGNS[parcel.origin], "ground", 1.0, zorder=7.8)
        self.pen.area((x, y) + 5 * _SIGNS[parcel.origin], _INKS[parcel.origin], 1.0, zorder=8)
        if parcel.count > 1:
            self.pen.text(x, y - 8, f"{parcel.count:,}", 10, _INKS[parcel.origin], ha="center", weight="bold", zorder=8)
        if parcel.is_lost:
            self.pen.cross(x, y, 7, "risk")
