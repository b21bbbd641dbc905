"""Markers as outlines, by plotly's names: each mixer has one that is told apart without its colour."""

from __future__ import annotations

import math
from collections.abc import Sequence

Corners = Sequence[tuple[float, float]]


def _polygon(corners: int, turned: float = 0.0) -> Corners:
    """A regular polygon with a corner above its middle, or `turned` by a share of the way to the next one."""
    angles = [2 * math.pi * (place + turned) / corners for place in range(corners)]
    return [(math.sin(angle), -math.cos(angle)) for angle in angles]


def _star() -> Corners:
    both = zip(_polygon(5), _polygon(5, 0.5), strict=True)
    return [(scale * x, scale * y) for corners in both for scale, (x, y) in zip((1.3, 0.55), corners, strict=True)]


def _turned(corners: Corners, quarters: int) -> Corners:
    for _ in range(quarters):
        corners = [(-y, x) for x, y in corners]
    return corners


_TRIANGLE: Corners = [(0, -1.1), (1.1, 0.85), (-1.1, 0.85)]
_CROSS: Corners = [(x, y) for x, y in ((-0.35, -1), (0.35, -1), (0.35, -0.35), (1, -0.35), (1, 0.35), (0.35, 0.35))] + [
    (0.35, 1),
    (-0.35, 1),
    (-0.35, 0.35),
    (-1, 0.35),
    (-1, -0.35),
    (-0.35, -0.35),
]
_OUTLINES: dict[str, Corners] = {
    "square": [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
    "triangle-up": _TRIANGLE,
    "triangle-right": _turned(_TRIANGLE, 1),
    "triangle-down": _turned(_TRIANGLE, 2),
    "triangle-left": _turned(_TRIANGLE, 3),
    "diamond": [(0, -1.15), (1.15, 0), (0, 1.15), (-1.15, 0)],
    "diamond-tall": [(0, -1.3), (0.75, 0), (0, 1.3), (-0.75, 0)],
    "cross": _CROSS,
    "x": [((x - y) * 0.75, (x + y) * 0.75) for x, y in _CROSS],
    "pentagon": _polygon(5),
    "hexagon": _polygon(6),
    "octagon": _polygon(8, 0.5),
    "star": _star(),
}


def outline(symbol: str, x: float, y: float, radius: float) -> str:
    """The outline of a marker as the data of an SVG path."""
    wide = f"{2 * radius:g}"
    if symbol.startswith("x-thin"):
        return f"M{x - radius:.1f} {y - radius:.1f}l{wide} {wide}m0 -{wide}l-{wide} {wide}"
    if symbol == "line-ns":
        return f"M{x:.1f} {y - radius:.1f}v{wide}"
    corners = _OUTLINES.get(symbol)
    if corners is None:  # a circle, of two arcs
        arc = f"a{radius:g} {radius:g} 0 1 0"
        return f"M{x - radius:.1f} {y:.1f}{arc} {wide} 0{arc} -{wide} 0z"
    return f"M{'L'.join(f'{x + radius * dx:.1f} {y + radius * dy:.1f}' for dx, dy in corners)}z"
