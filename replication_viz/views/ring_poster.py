"""The ring on the poster: nodes on a circle with their versions, hulls around the sets, the operation in words."""

from __future__ import annotations

import math
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from ..trace import FlightKind
from .pen import MONO, WIDTH
from .ring_geometry import Point, angles, hull
from .ring_moment import Parcel, Peer, RingMoment, ring_moment
from .style import TYPE

if TYPE_CHECKING:
    from .poster import Drawing

_MIDDLE: Point = (272.0, 205.0)
_SIDE = 556.0
_LANE = 6.0  # a message keeps to the right of the line between two nodes
_INKS = {
    FlightKind.STORE: "leader",
    FlightKind.STORED: "safe",
    FlightKind.ASK: "safe",
    FlightKind.ANSWER: "safe",
    FlightKind.REPAIR: "stale",
    FlightKind.HINT: "fault",
    FlightKind.SYNC: "quiet",
}
_DASHES: Any = (0, (4, 2.5))


class RingDrawing:
    """The ring at one moment, drawn with a poster's pen."""

    def __init__(self, drawing: Drawing, at_ms: float) -> None:
        self.pen = drawing.pen
        self.now: RingMoment = ring_moment(drawing.trace, at_ms)
        peers = self.now.peers
        self.turns = angles([peer.place for peer in peers])
        self.r = 26.0 if len(peers) <= 5 else 22.0 if len(peers) <= 8 else 18.0
        self.several = len({peer.place for peer in peers}) > 1
        self.size = (172.0, 138.0 - self.r - (20 if self.several else 4)) if len(peers) > 1 else (0.0, 0.0)
        self.spots = [self._spot(turn) for turn in self.turns]

    def draw(self) -> None:
        """Draw all of it but the numbers and the timeline."""
        self._mesh()
        self._places()
        for wall in self.now.walls:
            self._hull(tuple(wall), self.r + 20, "fault", 0.06, dashed=True)
        self._hull(self.now.write_set, self.r + 9, "leader", 0.11, dashed=False)
        self._hull(self.now.read_set, self.r + 15, "safe", 0.11, dashed=True)
        for parcel in self.now.parcels:
            self._parcel(parcel)
        both = set(self.now.write_set) & set(self.now.read_set)
        for number, peer in enumerate(self.now.peers):
            self._peer(peer, self.spots[number], number in both)
        self._client()
        self._words()

    def _spot(self, turn: float, more: float = 0.0) -> Point:
        across, down = self.size
        return _MIDDLE[0] + (across + more) * math.sin(turn), _MIDDLE[1] - (down + more) * math.cos(turn)

    def _mesh(self) -> None:
        if len(self.spots) > 7:
            return
        for i, (x, y) in enumerate(self.spots):
            for u, v in self.spots[i + 1 :]:
                self.pen.line([x, u], [y, v], "hair", 1.1, zorder=1)

    def _places(self) -> None:
        if not self.several:
            return
        for place in dict.fromkeys(peer.place for peer in self.now.peers):
            own = [turn for turn, peer in zip(self.turns, self.now.peers, strict=True) if peer.place == place]
            begin, end = min(own) - 0.17, max(own) + 0.17
            arc = [self._spot(begin + (end - begin) * i / 24, self.r + 17) for i in range(25)]
            self.pen.line([x for x, _ in arc], [y for _, y in arc], "quiet", 1.5, zorder=1)
            x, y = self._spot((begin + end) / 2, self.r + 25)
            align = "center" if abs(math.sin((begin + end) / 2)) < 0.4 else "left" if x > _MIDDLE[0] else "right"
            self.pen.text(x, y + 4, place or "elsewhere", TYPE.note, "quiet", ha=align, weight="bold")

    def _hull(self, members: tuple[int, ...], r: float, ink: str, alpha: float, *, dashed: bool) -> None:
        if not members:
            return
        inside = sorted(members, key=lambda node: self.turns[node] % (2 * math.pi))
        others = [spot for node, spot in enumerate(self.spots) if node not in members]
        line = hull([self.spots[node] for node in inside], others, _MIDDLE, r, self.r + 5)
        self.pen.area(line, ink, alpha, zorder=2)
        xs, ys = zip(*line, line[0], strict=True)
        self.pen.line(xs, ys, ink, 2.8, linestyle=_DASHES if dashed else "solid", zorder=2.5)

    def _peer(self, peer: Peer, spot: Point, in_both: bool) -> None:
        pen, (x, y), r = self.pen, spot, self.r
        if in_both:
            pen.disc(x, y, r + 4, "ink", zorder=4)
        style: dict[str, Any] = {} if peer.is_home else {"linestyle": (0, (1.5, 2))}
        pen.ring(x, y, r, "fault" if peer.is_cut else "down", 1.6, zorder=5, **style)
        if not peer.is_up:
            pen.cross(x, y, r * 0.62, "hair", 3, zorder=5.5)
        pen.text(x, y - 5, peer.name, TYPE.note, "quiet", ha="center", zorder=7)
        version = peer.version if peer.is_home else peer.spare
        words = f"v{version:,}" if version else "–" if peer.is_home and self.now.operation >= 0 else ""
        ink = "stale" if peer.mark == "stale" else "ink" if peer.is_home else "fault"
        ink = ink if peer.is_up else "quiet"
        pen.text(x, y + 12, words, 14 if r > 20 else 12, ink, ha="center", weight="bold", family=MONO, zorder=7)
        u, v = x + r * 0.72, y - r * 0.72
        if peer.mark:
            pen.disc(u, v, 8.5, "ground", zorder=6)
        if peer.mark == "fresh":
            pen.tick(u, v + 1, 0.85)
        elif peer.mark == "stale":
            pen.triangle(u, v, 6, "stale")
        if peer.hints:
            pen.envelope(x - r * 0.78, y - r * 0.78, "fault")
            pen.text(x - r * 0.78 - 12, y - r * 0.78 + 4, f"{peer.hints:,}", 11, "fault", ha="right", weight="bold")
        if peer.ailment:
            self._pill(x, y + r + 3, peer.ailment)

    def _pill(self, x: float, y: float, words: str) -> None:
        label = self.pen.text(x, y + 12.5, words, 10.5, "fault", weight="bold", ha="center", zorder=8)
        wide = self.pen.width(label) + 14
        self.pen.box(x - wide / 2, y, wide, 17, "fault_ground", r=8, zorder=7.5)

    def _parcel(self, parcel: Parcel) -> None:
        (x, y), (u, v) = self.spots[parcel.source], self.spots[parcel.target]
        long = math.hypot(u - x, v - y) or 1.0
        ux, uy = (u - x) / long, (v - y) / long
        share = min(parcel.progress, 0.5) if parcel.is_lost else parcel.progress
        gone = self.r + (long - 2 * self.r) * share
        at = (x + ux * gone - uy * _LANE, y + uy * gone + ux * _LANE)
        ink, pen = _INKS[parcel.kind], self.pen
        if parcel.is_lost and parcel.progress >= 0.5:
            pen.cross(*at, 5, "risk")
        elif not parcel.is_own:
            pen.disc(*at, 2.6, ink, zorder=3)
        elif parcel.kind == FlightKind.STORED:
            pen.ring(*at, 6.5, ink, 1.9, zorder=8)
            pen.tick(at[0] - 0.3, at[1] + 0.6, 0.6, 1.7, zorder=8.5)
        elif parcel.kind == FlightKind.ASK:
            pen.ring(*at, 7.5, ink, 1.9, zorder=8, linestyle=(0, (2, 1.4)))
            pen.text(at[0], at[1] + 3.8, "?", 10, ink, ha="center", weight="bold", zorder=8.5)
        else:
            words = f"v{parcel.version:,}" if parcel.version else "–"
            label = pen.text(at[0], at[1] + 3.8, words, 10, ink, ha="center", weight="bold", zorder=8.5)
            wide = max(20.0, pen.width(label) + 10)
            round_ = 3.0 if parcel.kind == FlightKind.STORE else 7.4
            pen.box(at[0] - wide / 2, at[1] - 7.5, wide, 15, "ground", r=round_, edge=ink, zorder=8)

    def _client(self) -> None:
        """Draw what the client asks its coordinator for, or is told."""
        now, pen = self.now, self.pen
        if now.coordinator < 0:
            return
        turn = self.turns[now.coordinator]
        x, y = self.spots[now.coordinator]
        ux, uy = math.sin(turn), -math.cos(turn)
        near, far = self.r + 6, self.r + 30
        begin, end = (near, far) if now.is_told else (far, near)
        tip = (x + ux * end, y + uy * end)
        pen.line([x + ux * begin, tip[0]], [y + uy * begin, tip[1]], now.tone, 2, zorder=6)
        heading = math.atan2(uy, ux) + (0 if now.is_told else math.pi)
        for by in (-0.5, 0.5):
            wing = (tip[0] - 7 * math.cos(heading + by), tip[1] - 7 * math.sin(heading + by))
            pen.line([tip[0], wing[0]], [tip[1], wing[1]], now.tone, 2, zorder=6)
        align = "center" if abs(ux) < 0.35 else "left" if ux > 0 else "right"
        drop = 12 if uy > 0.35 else -3 if uy < -0.35 else 4
        pen.text(x + ux * (far + 6), y + uy * (far + 6) + drop, now.told, TYPE.note, now.tone, ha=align, weight="bold")

    def _words(self) -> None:
        """Write beside the ring what is at hand, its sets, and whether they meet."""
        now, pen = self.now, self.pen
        y = 132.0
        pen.text(_SIDE, y, now.title, TYPE.name, weight="bold")
        if now.coordinator >= 0:
            pen.text(_SIDE, y + 18, f"served by {now.peers[now.coordinator].name}", TYPE.note, "quiet")
        y = self._lines(now.result, y + 42, now.tone)
        for members, ink, name in ((now.write_set, "leader", "write set"), (now.read_set, "safe", "read set")):
            if not members:
                continue
            dashed: Any = {"linestyle": (0, (2.5, 1.6))} if ink == "safe" else {}
            pen.box(_SIDE, y - 10, 26, 12, "ground", r=6, edge=ink, **dashed)
            names = ", ".join(now.peers[node].name for node in members)
            pen.text(_SIDE + 36, y, f"{name}: {names}", 12.5)
            y += 22
        y = self._lines(now.overlap, y + 4, "safe" if "cannot" in now.overlap else "stale", weight="bold")
        self._lines(now.promise, y + 2, "quiet")

    def _lines(self, words: str, y: float, ink: str, **more: Any) -> float:
        for line in wrap(words, 58):
            self.pen.fit(self.pen.text(_SIDE, y, line, 12.5, ink, **more), WIDTH - 24)
            y += 17
        return y + 5 if words else y
