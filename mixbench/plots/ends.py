"""Arrows at intervals that go on beyond the axis, or beyond what is drawn of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING

from mixbench.stats import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes


BEYOND = "small arrows: the interval goes on"


@dataclass(frozen=True)
class End:
    """One end of an interval: its place on the other axis, its bound, how far it is drawn, and whether it is the upper end."""

    place: float
    bound: float
    drawn: float
    upper: bool
    color: str


def ends_of(
    places: Sequence[float],
    intervals: Sequence[Interval],
    color: str,
    farthest: Iterable[tuple[float, float]] = repeat((-math.inf, math.inf)),
) -> list[End]:
    """The ends of intervals, each drawn no farther than its pair of `farthest`; none for an interval without bounds."""
    return [
        End(place, bound, min(bound, most) if upper else max(bound, least), upper, color)
        for place, interval, (least, most) in zip(places, intervals, farthest, strict=False)
        for bound, upper in ((interval.low, False), (interval.high, True))
        if bound is not None
    ]


def mark_ends(axes: Axes, ends: Iterable[End], *, sideways: bool = False) -> bool:
    """Draw an arrow at each end that is not drawn in full within the limits of the axis, which must be final; if any is."""
    from matplotlib import markers

    limits = sorted(axes.get_xlim() if sideways else axes.get_ylim())
    arrows = (markers.CARETLEFT, markers.CARETRIGHT) if sideways else (markers.CARETDOWN, markers.CARETUP)
    found = False
    for end in ends:
        sign = 1 if end.upper else -1
        seen = sign * min(sign * end.drawn, sign * limits[end.upper])
        if sign * end.bound > sign * seen and not math.isclose(end.bound, seen):
            point = (seen, end.place) if sideways else (end.place, seen)
            look = {"marker": arrows[end.upper], "color": end.color, "markersize": 5, "markeredgewidth": 0}
            axes.plot(*point, clip_on=False, zorder=6, **look)  # type: ignore[arg-type]
            found = True
    return found
