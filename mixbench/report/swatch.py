"""The marker of a mixer as the outline of an SVG, for the list of mixers; its names are those of plotly."""

from __future__ import annotations

import math
from collections.abc import Sequence

_RADIUS = 5.0
_POLYGONS = {
    "square": (4, 45.0),
    "diamond": (4, 0.0),
    "triangle-up": (3, 0.0),
    "triangle-right": (3, 90.0),
    "triangle-down": (3, 180.0),
    "triangle-left": (3, 270.0),
    "pentagon": (5, 0.0),
    "hexagon": (6, 30.0),
    "hexagon2": (6, 0.0),
    "octagon": (8, 22.5),
}
"""Corners, and the direction of the first one, in degrees from the top."""
_PLUS = ((1, 3), (1, 1), (3, 1), (3, -1), (1, -1), (1, -3), (-1, -3), (-1, -1), (-3, -1), (-3, 1), (-1, 1), (-1, 3))
_CIRCLE = "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0Z"
_DASHES = {"solid": "", "dot": "2 2", "dash": "5 2", "longdash": "8 3", "dashdot": "5 2 1 2", "longdashdot": "8 2 1 2"}


def outline(symbol: str) -> str:
    """The path of a marker around the origin, about 10 wide; a circle for symbols that are not known."""
    plain = symbol.removesuffix("-open").removesuffix("-dot")
    if plain in _POLYGONS:
        count, start = _POLYGONS[plain]
        return _path([_corner(start + 360 * k / count, _RADIUS) for k in range(count)])
    if plain == "star":
        return _path([_corner(36.0 * k, _RADIUS if k % 2 == 0 else _RADIUS * 0.4) for k in range(10)])
    if plain in ("cross", "x"):
        turn = math.radians(45 if plain == "x" else 0)
        cos, sin = math.cos(turn) * 1.5, math.sin(turn) * 1.5
        return _path([(x * cos - y * sin, x * sin + y * cos) for x, y in _PLUS])
    return _CIRCLE


def dash_array(dash: str) -> str:
    """The dashes of a line as SVG takes them: plotly names them, or gives lengths as `5px,2px`."""
    return _DASHES.get(dash, dash.replace("px", "").replace(",", " ") if dash[:1].isdigit() else "")


def _corner(degrees: float, radius: float) -> tuple[float, float]:
    return radius * math.sin(math.radians(degrees)), -radius * math.cos(math.radians(degrees))


def _path(corners: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in corners) + "Z"
