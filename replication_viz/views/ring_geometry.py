"""Where the nodes of a ring stand, and rounded hulls around some of them. `ring_layout.js` says the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

Point = tuple[float, float]

_GAP = 0.55  # of the angle between two nodes: as much more between two places
_EDGE_STEPS = 14
_TURN_STEPS = 8


def angles(places: Sequence[str]) -> list[float]:
    """Return the angle of each node, clockwise from the top, in radians; nodes of one place stand together."""
    known = list(dict.fromkeys(places))
    order = sorted(range(len(places)), key=lambda node: (known.index(places[node]), node))
    gaps = len(known) if len(known) > 1 else 0
    step = 2 * math.pi / (len(places) + gaps * _GAP)
    found = [0.0] * len(places)
    at = 0.0
    for before, node in pairwise(order):
        at += step * (1 + (_GAP if places[before] != places[node] else 0))
        found[node] = at
    if len(places) == 2 and not gaps:
        return [angle - math.pi / 2 for angle in found]  # side by side
    if gaps:  # the middle of the first place is at the left, so that two places stand left and right
        turn = -math.pi / 2 - (places.count(known[0]) - 1) * step / 2
        found = [angle + turn for angle in found]
    return found


def hull(members: Sequence[Point], others: Sequence[Point], middle: Point, r: float, clear: float) -> list[Point]:
    """Return the outline of a rounded hull around points on a ring, as a closed line.

    Parameters
    ----------
    members : sequence of (float, float)
        The points inside, in their order around the ring.
    others : sequence of (float, float)
        The points that stay outside: an edge bends inwards to keep ``clear`` of them.
    r : float
        How far the outline runs from the points.
    """
    if len(members) == 1:
        (x, y) = members[0]
        turn = [2 * math.pi * i / 40 for i in range(40)]
        return [(x + r * math.cos(a), y + r * math.sin(a)) for a in turn]
    edges = [_edge(a, b, others, middle, r + clear) for a, b in zip(members, [*members[1:], members[0]], strict=True)]
    outline: list[Point] = []
    for before, edge in zip([edges[-1], *edges[:-1]], edges, strict=True):
        begin, end = _normal(before[-2], before[-1]), _normal(edge[0], edge[1])
        sweep = (end - begin) % (2 * math.pi)
        if sweep > 1.9 * math.pi:
            sweep = 0.0
        corner = edge[0]
        outline += [
            (
                corner[0] + r * math.cos(begin + sweep * i / _TURN_STEPS),
                corner[1] + r * math.sin(begin + sweep * i / _TURN_STEPS),
            )
            for i in range(_TURN_STEPS + 1)
        ]
        for a, b, c in zip(edge, edge[1:], edge[2:], strict=False):
            normal = _normal(a, c)
            outline.append((b[0] + r * math.cos(normal), b[1] + r * math.sin(normal)))
    return outline


def _normal(a: Point, b: Point) -> float:
    """Return the angle of what lies to the left of the way from a to b, y down: outside of a clockwise ring."""
    return math.atan2(b[1] - a[1], b[0] - a[0]) - math.pi / 2


def _edge(a: Point, b: Point, others: Sequence[Point], middle: Point, clear: float) -> list[Point]:
    """Return points on the way from a to b, bent towards the middle of the ring as far as others are in the way."""
    bend = max((_lacks(a, b, other, middle, clear) for other in others), default=0.0)
    mid = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
    far = math.dist(mid, middle) or 1.0
    pull = min(2 * bend / far, 1.6)
    control = (mid[0] + (middle[0] - mid[0]) * pull, mid[1] + (middle[1] - mid[1]) * pull)
    found = []
    for i in range(_EDGE_STEPS + 1):
        t = i / _EDGE_STEPS
        u, v, w = (1 - t) ** 2, 2 * t * (1 - t), t * t
        found.append((u * a[0] + v * control[0] + w * b[0], u * a[1] + v * control[1] + w * b[1]))
    return found


def _lacks(a: Point, b: Point, other: Point, middle: Point, clear: float) -> float:
    """Return how far the way from a to b must bend to keep clear of a point on its outer side; 0 if it is clear."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    long = math.hypot(dx, dy) or 1.0
    along = ((other[0] - a[0]) * dx + (other[1] - a[1]) * dy) / long**2
    off = ((other[0] - a[0]) * dy - (other[1] - a[1]) * dx) / long  # greater than 0: left of the way
    inner = ((middle[0] - a[0]) * dy - (middle[1] - a[1]) * dx) / long
    if not 0 < along < 1 or (off * inner > 0 and abs(inner) > 1e-6):
        return 0.0
    return max(0.0, clear - abs(off)) / max(4 * along * (1 - along), 0.5)
