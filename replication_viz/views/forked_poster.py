"""Logs that fork, on the poster: the fork, what is new, what is doomed, and who leads when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .instant import Row
from .style import TYPE
from .terms import total

if TYPE_CHECKING:
    from .poster import Drawing

_HISTORIES = ("no", "one", "two", "three", "four")
_SAID = {"old": "still serving", "asleep": "frozen", "fenced": "fenced"}
_BAND = 11.0


def own_history(drawing: Drawing, row: Row, y: float) -> None:
    """Draw what a node's log holds beyond the fork: green if it is the newest timeline, hatched if it is doomed."""
    now, pen, half = drawing.now, drawing.pen, drawing.bar / 2
    if row.doomed:
        begin, end = drawing.x(row.shared), drawing.x(row.shared + row.doomed)
        pen.box(begin, y - half, end - begin, drawing.bar, "ground", edge="risk", r=3, zorder=2.5)
        pen.hatch(begin, y - half, end - begin, drawing.bar, "risk")
    elif now.histories > 1:
        begin, end, seen = (drawing.x(lsn) for lsn in (now.fork, row.flushed, row.replayed))
        low = drawing.bar * 0.35
        pen.box(begin, y - half, end - begin, drawing.bar, "ground", zorder=2.4)
        pen.box(begin, y - half, end - begin, drawing.bar, "safe", zorder=2.5, alpha=0.58)
        pen.box(begin, y + half - low, seen - begin, low, "safe", r=2, zorder=2.6)
    if now.is_split and row.is_leader and row.is_up and row.replayed >= now.window[0]:
        x = drawing.x(row.replayed)
        pen.line([x, x], [y - half - 4, y + half + 4], "safe", 2, zorder=4)
        pen.tick(x, y - half - 8, 0.8)
        pen.text(x - 9, y - half - 5, "acknowledged", 11, "safe", ha="right", weight="bold")


def fork(drawing: Drawing) -> None:
    """Draw where one history became two."""
    now, pen = drawing.now, drawing.pen
    low, high = now.window
    if not low <= now.fork <= high:
        return
    x, term = drawing.x(now.fork), now.rows[now.leader].term
    parent = drawing.terms.newest(now.at_ms).parent
    several = now.histories > 1
    words = f"{_HISTORIES[min(now.histories, 4)]} histories" if several else f"timeline {term}"
    at = 50.0 if now.is_split else 66.0
    pen.line([x, x], [at - 9, drawing.bottom], "ink", 1.6, linestyle=(0, (1, 2)), zorder=4)
    pen.text(
        x - 7, at, "one history" if several else f"timeline {parent}", TYPE.note, "quiet", ha="right", weight="bold"
    )
    pen.text(x + 7, at, words, TYPE.note, "risk" if several else "quiet", weight="bold")


def reigns(drawing: Drawing, top: float, bottom: float) -> None:
    """Draw a band for each node that ever leads; where two lie side by side there were two leaders."""
    terms, pen = drawing.terms, drawing.pen
    leaders = sorted({drawing.trace.number(fork.node) for fork in terms.forks})
    begin = bottom + 25
    for since, until in terms.two:
        left, right = drawing.across([since, until])
        pen.box(left, top, right - left, begin + 14 * len(leaders) - top, "risk", r=1, zorder=0.5, alpha=0.13)
    for reign in terms.reigns():
        y = begin + 14 * leaders.index(reign.node)
        left, right = drawing.across([reign.begin, reign.end])
        style = {"edge": "fault", "linestyle": (0, (3, 2))} if reign.kind in ("asleep", "fenced") else {}
        ground = {"leads": "leader", "old": "risk"}.get(reign.kind, "raised")
        pen.box(left, y, right - left, _BAND, ground, r=2, zorder=1.5, **style)
        name = drawing.trace.nodes[reign.node]
        if right - left > 28 + 8 * len(name):
            ink = "fault" if style else "ground"
            pen.crown(left + 11, y + 6, ink, 0.42)
            said = f"{name}, {_SAID[reign.kind]}" if reign.kind in _SAID else name
            pen.fit(pen.text(left + 21, y + 9.3, said, 10, ink, weight="bold"), right - 2)
    if terms.two:
        since = terms.two[0][0]
        newcomer = next(fork for fork in reversed(terms.forks) if fork.at_ms <= since)
        y = begin + 14 * leaders.index(drawing.trace.number(newcomer.node))
        words = f"two leaders: {total(terms.two, drawing.trace.duration_ms) / 1000:.3g} s"
        pen.text(float(drawing.across(since)) - 7, y + 9.3, words, 11, "risk", ha="right", weight="bold")
