"""Lines over sizes as traces: a median with its interval as a band, a dot per replicate, hollow markers, failures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mixbench.reports.charts.looks import HOLLOW, Look, faint, grouped, literal
from mixbench.stats import Interval

Trace = dict[str, Any]
MOST_DOTS = 12
"""Up to this many replicates, each is a dot, as in figures."""
FARTHEST = 1e3
"""An interval of two launches that differ wildly would hide all others: it is drawn to this factor beyond its launches."""
_BAND, _DOT = 0.16, 0.55
_DIGITS = 6


@dataclass(frozen=True)
class Point:
    """A value at a size with its interval, and what to say of it."""

    at: float
    interval: Interval
    text: str
    """The value with its unit, interval and marks, plain."""
    dots: Sequence[float] = ()
    """The values of the replicates."""
    hollow: bool = False
    """Whether something is wrong with the value."""
    symbol: str = ""
    """Another marker than that of the mixer, for a value of which only a bound is known."""


@dataclass(frozen=True)
class Line:
    """All points of a mixer; `about` is said of each of them, such as the machine."""

    look: Look
    points: Sequence[Point]
    about: str = ""
    at: str = "%{x}"
    """How the place of a point is said, as plotly's template."""
    legend: bool = True
    further: dict[str, Any] = field(default_factory=dict)


def line_traces(line: Line, *, logarithmic: bool = True) -> list[Trace]:
    """The band, the dots and then the line of a mixer; of one in the background, a thin line alone."""
    look, points = line.look, line.points
    if not points:
        return []
    if look.pale:
        thin = {"color": look.color, "width": 1}
        mode = "lines" if len(points) > 1 else "markers"
        return [_main(line, mode) | {"line": thin, "marker": {"color": look.color, "size": 4}, "showlegend": False}]
    traces = []
    bounds = [_drawn(point, logarithmic) for point in points]
    symbols = [f"{point.symbol or look.symbol}{HOLLOW if point.hollow else ''}" for point in points]
    marker = {"color": look.color, "size": 8, "symbol": symbols if len({*symbols}) > 1 else symbols[0]}
    main = _main(line, "lines+markers") | {
        "line": {"color": look.color, "width": 2, "dash": look.dash},
        "marker": marker,
        "showlegend": line.legend,
    }
    if len({*symbols}) > 1 and line.legend:  # a legend shows the first marker, which may be another
        traces.append(_only_named(look))
        main["showlegend"] = False
    if len(points) == 1:
        main |= bars("y", [point.interval.point for point in points], bounds, look.color)
    elif any(low != high for low, high in bounds):
        traces.append(band(look, [point.at for point in points], bounds))
    dots = [(point.at, value) for point in points if 1 < len(point.dots) <= MOST_DOTS for value in point.dots]
    if dots:
        traces.append(_beside(look, dots, {"mode": "markers", "marker": {"color": look.color, "size": 4, "opacity": _DOT}}))
    return [*traces, main]


def _only_named(look: Look) -> Trace:
    """A trace that is only in the legend."""
    return {
        "type": "scatter",
        "mode": "lines+markers",
        **grouped(look),
        "x": [None],
        "y": [None],
        "line": {"color": look.color, "width": 2, "dash": look.dash},
        "marker": {"color": look.color, "size": 8, "symbol": look.symbol},
        "hoverinfo": "skip",
    }


def _main(line: Line, mode: str) -> Trace:
    return {
        "type": "scatter",
        "mode": mode,
        **grouped(line.look),
        "x": numbers(point.at for point in line.points),
        "y": numbers(point.interval.point for point in line.points),
        "customdata": [literal(point.text) for point in line.points],
        "hovertemplate": hover(line.at, line.about),
        **line.further,
    }


def hover(at: str, about: str) -> str:
    """The template of a hover text: name, value, place, and what is said of all."""
    parts = ["<b>%{fullData.name}</b>", "%{customdata}", at, literal(about).replace("%{", "%&#123;")]
    return "<br>".join(filter(None, parts)) + "<extra></extra>"


def band(look: Look, places: Sequence[float], bounds: Sequence[tuple[float, float]]) -> Trace:
    """A band between the bounds at these places."""
    around = [*zip(places, (low for low, _ in bounds), strict=True)]
    around += reversed([*zip(places, (high for _, high in bounds), strict=True)])
    fill = {"fill": "toself", "fillcolor": faint(look.color, _BAND), "mode": "lines", "line": {"width": 0}}
    return _beside(look, around, fill)


def _beside(look: Look, points: Sequence[tuple[float, float]], how: Trace) -> Trace:
    """A trace that belongs to a line, but is neither named nor hovered."""
    xs, ys = zip(*points, strict=True)
    return {
        "type": "scatter",
        **grouped(look),
        "x": numbers(xs),
        "y": numbers(ys),
        "hoverinfo": "skip",
        "showlegend": False,
        **how,
    }


def bars(axis: str, points: Sequence[float], bounds: Sequence[tuple[float, float]], color: str) -> Trace:
    """Error bars along an axis, for a trace with these points; nothing where all bounds are the points."""
    if all(low == point == high for point, (low, high) in zip(points, bounds, strict=True)):
        return {}
    return {
        f"error_{axis}": {
            "type": "data",
            "symmetric": False,
            "array": numbers(high - point for point, (_, high) in zip(points, bounds, strict=True)),
            "arrayminus": numbers(point - low for point, (low, _) in zip(points, bounds, strict=True)),
            "color": color,
            "thickness": 1.5,
            "width": 0,
        }
    }


def _drawn(point: Point, logarithmic: bool) -> tuple[float, float]:
    """How far an interval is drawn; the point itself for an open end."""
    own = point.dots or [point.interval.point]
    least, most = (min(own) / FARTHEST, max(own) * FARTHEST) if logarithmic else (float("-inf"), float("inf"))
    low, high = (point.interval.point if end is None else end for end in (point.interval.low, point.interval.high))
    return max(low, least), min(high, most)


def level(look: Look, value: float, places: tuple[float, float], text: str) -> Trace:
    """A horizontal line that belongs to a mixer, such as the baseline at 1."""
    return {
        "type": "scatter",
        "mode": "lines",
        **grouped(look),
        "x": numbers(places),
        "y": [value, value],
        "line": {"color": look.color, "width": 1.5, "dash": look.dash},
        "customdata": [literal(text)] * 2,
        "hovertemplate": hover("", ""),
    }


def reference(value: float, places: tuple[float, float], text: str) -> Trace:
    """A grey horizontal line at a value that no mixer has."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": literal(text),
        "x": numbers(places),
        "y": numbers([value, value]),
        "line": {"color": "#999999", "width": 1.5, "dash": "10px,4px,2px,4px"},
        "hovertemplate": f"{literal(text)}<extra></extra>",
        "showlegend": False,
    }


def upright(value: float, rows: tuple[float, float], text: str) -> Trace:
    """The same as an upright line across rows."""
    level = reference(value, rows, text)
    return level | {"x": level["y"], "y": level["x"]}


def crosses(look: Look, places: Sequence[float], height: float, texts: Sequence[str], about: str) -> Trace:
    """A cross for each failure of a mixer, all at one height."""
    return {
        "type": "scatter",
        "mode": "markers",
        **grouped(look),
        "x": numbers(places),
        "y": numbers([height] * len(places)),
        "customdata": [*map(literal, texts)],
        "hovertemplate": hover("%{x}", about),
        "marker": {"color": told_apart(look), "size": 8, "symbol": "x-thin-open", "line": {"width": 2}},
        "showlegend": False,
    }


def told_apart(look: Look) -> str:
    """The colour of a single marker: a darker grey for a mixer in the background."""
    return "#777777" if look.pale else look.color


def numbers(values: Iterable[float]) -> list[float]:
    """Numbers with six significant digits, whole ones as such: a page is to be small."""
    return [int(value) if value == int(value) and abs(value) < 1e15 else float(f"{value:.{_DIGITS}g}") for value in values]
