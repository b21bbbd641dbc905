"""Axes of charts: limits and ticks that plotly and the static SVG share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from mixbench.reports.charts.looks import literal

Axis = dict[str, Any]
_ROOM = 0.05
"""Share of an axis beyond what is drawn, at either end."""
_MOST_TICKS = 8
_LEAST_RATIO = 1.3
"""A logarithmic axis is at least so long."""


def log_axis(title: str, values: Iterable[float], *, prefixed: bool = False, at: Sequence[float] = ()) -> Axis:
    """A logarithmic axis around positive values, with ticks at 1, 2 and 5 or at some of the sizes `at`."""
    known = [value for value in values if 0 < value < math.inf]
    low, high = (min(known), max(known)) if known else (1.0, 10.0)
    if high / low < _LEAST_RATIO:
        low, high = (low / 2, high * 2) if at else (low / _LEAST_RATIO, high * _LEAST_RATIO)
    start, end = math.log10(low), math.log10(high)
    room = _ROOM * (end - start)
    ticks = spread(sorted({*at})) if at else _decades(start - room, end + room)
    return {
        "type": "log",
        "title": {"text": literal(title)},
        "range": [round(start - room, 4), round(end + room, 4)],
        "tickvals": ticks,
        "ticktext": [_tick(tick, prefixed) for tick in ticks],
    }


def linear_axis(title: str, values: Iterable[float], suffix: str = "") -> Axis:
    """A linear axis around values."""
    known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(known), max(known)
    room = _ROOM * (high - low) or 0.5 * abs(high) or 1.0
    low, high = low - room, high + room
    step = _step((high - low) / 5)
    ticks = [round(step * place, 10) for place in range(math.ceil(low / step), math.floor(high / step) + 1)]
    texts = [f"{tick:g}{suffix}" for tick in ticks]
    limits = [float(f"{low:.6g}"), float(f"{high:.6g}")]
    return {"type": "linear", "title": {"text": literal(title)}, "range": limits, "tickvals": ticks, "ticktext": texts}


def names_axis(names: Sequence[str]) -> Axis:
    """A vertical axis with a name at each of 0, 1, 2, … from the top down."""
    return {
        "type": "linear",
        "range": [len(names) - 0.5, -0.5],
        "tickvals": [*range(len(names))],
        "ticktext": [literal(name if len(name) <= 30 else f"{name[:18]}…{name[-10:]}") for name in names],
        "showgrid": False,
        "zeroline": False,
    }


def spread(sizes: Sequence[float], most: int = _MOST_TICKS) -> list[float]:
    """Of ascending sizes about `most`, from the largest down, equally far apart on a logarithmic axis."""
    if not sizes:
        return []
    apart = 0.999 * math.log(sizes[-1] / sizes[0]) / most
    taken = [sizes[-1]]
    for size in reversed(sizes):
        if math.log(taken[-1] / size) >= apart > 0:
            taken.append(size)
    return taken[::-1]


def _decades(start: float, end: float) -> list[float]:
    """Ticks of an axis between these powers of ten: 1, 2 and 5 where it is short, else decades, or every few."""
    if end - start < math.log10(8):
        step = _step((10**end - 10**start) / 4)
        first, last = math.ceil(10**start / step), math.floor(10**end / step)
        return [float(f"{step * place:.6g}") for place in range(first, last + 1) if place > 0]
    parts = (1, 2, 5) if end - start < math.log10(200) else (1,)
    every = max(1, math.ceil((end - start) / _MOST_TICKS))
    powers = range(math.floor(start), math.ceil(end) + 1)
    found = [part * 10.0**power for power in powers if power % every == 0 for part in parts]
    return [float(f"{tick:.6g}") for tick in found if start <= math.log10(tick) <= end]


def _step(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is at least this."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(part * power for part in (1, 2, 5, 10) if part * power >= least * 0.999)


def _tick(value: float, prefixed: bool) -> str:
    if value >= (1000 if prefixed else 100_000):
        power = min(4, int(math.log10(value) + 1e-9) // 3)
        return f"{value / 1000**power:g} {'kMGT'[power - 1]}"
    return f"{value:.10g}" if 1e-4 <= value < 1e6 else f"{value:g}"
