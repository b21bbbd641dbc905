"""A static SVG of a chart from its traces and layout: for readers without JavaScript, and for print.

It draws the few kinds of traces that charts here have: scatter, with lines, markers, bands and error bars, and heat maps that
come with an image. Texts are texts; lines and text in the colour of the page's text are `currentColor`; there are no ids.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Any

from mixbench.reports.charts.looks import HOLLOW, INK, shown
from mixbench.reports.charts.symbols import outline

WIDTH, HEIGHT = 640, 360
_TEXT = 11
_LETTER = 0.56
"""Width of a letter relative to its size, about."""
_LEGEND_ROW = 17
Place = Callable[[float], float]


@dataclass(frozen=True)
class _Frame:
    """Where a pair of axes is, in pixels, and where its values are."""

    left: float
    top: float
    width: float
    height: float
    x: Mapping[str, Any]
    y: Mapping[str, Any]

    def across(self, value: float) -> float:
        """The pixel of a value on the horizontal axis."""
        return self.left + self.width * _share(self.x, value)

    def up(self, value: float) -> float:
        """The pixel of a value on the vertical axis."""
        return self.top + self.height * (1 - _share(self.y, value))


def svg(traces: Sequence[Mapping[str, Any]], layout: Mapping[str, Any], title: str) -> str:
    """The chart as SVG, with `title` as what it is called where it cannot be seen."""
    named = [trace for trace in traces if trace.get("name") and trace.get("showlegend", True)]
    legend, rows = _legend(named if layout.get("showlegend", True) else [])
    pairs = _pairs(layout)
    left = max(_left(layout[f"yaxis{pair}"]) for pair in pairs)
    margin = {"left": left, "right": 14.0, "top": 8.0 + 14 * bool(layout.get("annotations")), "bottom": 44.0}
    height = layout.get("height", HEIGHT)
    inner = WIDTH - margin["left"] - margin["right"], height - margin["top"] - margin["bottom"]
    parts: list[str] = []
    frames = {}
    for pair in pairs:
        x, y = layout[f"xaxis{pair}"], layout[f"yaxis{pair}"]
        (start, end), (bottom, top) = x.get("domain", (0, 1)), y.get("domain", (0, 1))
        frames[pair] = frame = _Frame(
            margin["left"] + inner[0] * start,
            margin["top"] + inner[1] * (1 - top),
            inner[0] * (end - start),
            inner[1] * (top - bottom),
            x,
            y,
        )
        parts += _axes(frame)
    for pair, frame in frames.items():
        own = [trace for trace in traces if trace.get("xaxis", "x")[1:] == pair]
        marks = "".join(mark for trace in own for mark in _marks(trace, frame))
        box = f'x="{frame.left:.1f}" y="{frame.top:.1f}" width="{frame.width:.1f}" height="{frame.height:.1f}"'
        view = f"{frame.left:.1f} {frame.top:.1f} {frame.width:.1f} {frame.height:.1f}"
        parts.append(f'<svg {box} viewBox="{view}">{marks}</svg>')
    for note in layout.get("annotations", ()):
        at = margin["left"] + inner[0] * note["x"], margin["top"] + inner[1] * (1 - note["y"]) - 4
        parts.append(_text(at[0], at[1], shown(note["text"]), anchor="middle", size=10))
    parts.append(f'<g transform="translate({margin["left"]:.1f} {height + 4:g})">{legend}</g>')
    whole = height + rows * _LEGEND_ROW + 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {whole:g}" width="100%" role="img"'
        f' aria-label="{escape(title)}" font-size="{_TEXT}" fill="currentColor">{"".join(parts)}</svg>'
    )


def _pairs(layout: Mapping[str, Any]) -> list[str]:
    """What stands behind `xaxis` and `yaxis` for each pair of axes."""
    return [name.removeprefix("xaxis") for name in layout if name.startswith("xaxis")]


def _left(axis: Mapping[str, Any]) -> float:
    """The room left of an axis: its labels and its title."""
    longest = max((len(shown(text)) for text in axis.get("ticktext", ())), default=0)
    return 12 + _LETTER * _TEXT * longest + (18 if axis.get("title", {}).get("text") else 0)


def _share(axis: Mapping[str, Any], value: float) -> float:
    """How far along an axis a value is, 0 to 1; far beyond it where a logarithmic one has no place for it."""
    low, high = axis["range"]
    if axis.get("type") == "log":
        value = math.log10(value) if value > 0 else low - 9 * abs(high - low)
    return float((value - low) / (high - low))


def _axes(frame: _Frame) -> Iterator[str]:
    """Grid, labels of ticks, and titles."""
    right, bottom = frame.left + frame.width, frame.top + frame.height
    grid = "".join(
        [f"M{frame.across(tick):.1f} {frame.top:.1f}V{bottom:.1f}" for tick in _ticks(frame.x) if frame.x.get("showgrid", True)]
        + [f"M{frame.left:.1f} {frame.up(tick):.1f}H{right:.1f}" for tick in _ticks(frame.y) if frame.y.get("showgrid", True)]
    )
    yield f'<path d="{grid}" stroke="currentColor" stroke-opacity=".13" fill="none"/>'
    border = f"M{frame.left:.1f} {frame.top:.1f}V{bottom:.1f}H{right:.1f}"
    yield f'<path d="{border}" stroke="currentColor" stroke-opacity=".5" fill="none"/>'
    for tick, text in zip(_ticks(frame.x), frame.x.get("ticktext", ()), strict=False):
        yield _text(frame.across(tick), bottom + 14, shown(text), anchor="middle")
    for tick, text in zip(_ticks(frame.y), frame.y.get("ticktext", ()), strict=False):
        yield _text(frame.left - 5, frame.up(tick) + 4, shown(text), anchor="end")
    if title := shown(frame.x.get("title", {}).get("text", "")):
        yield _text(frame.left + frame.width / 2, bottom + 33, title, anchor="middle")
    if title := shown(frame.y.get("title", {}).get("text", "")):
        middle = frame.top + frame.height / 2
        yield _text(12, middle, title, anchor="middle", further=f' transform="rotate(-90 12 {middle:.1f})"')


def _ticks(axis: Mapping[str, Any]) -> Sequence[float]:
    ticks: Sequence[float] = axis.get("tickvals", ())
    return ticks


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = _TEXT, further: str = "") -> str:
    sized = f' font-size="{size}"' if size != _TEXT else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{sized}{further}>{escape(text)}</text>'


def _marks(trace: Mapping[str, Any], frame: _Frame) -> Iterator[str]:
    """What a trace draws."""
    if trace["type"] == "heatmap":
        box = f'x="{frame.left:.1f}" y="{frame.top:.1f}" width="{frame.width:.1f}" height="{frame.height:.1f}"'
        yield f'<image {box} preserveAspectRatio="none" style="image-rendering:pixelated" href="{trace["meta"]["image"]}"/>'
        return
    places = [
        (frame.across(x), frame.up(y)) if x is not None and y is not None else None
        for x, y in zip(trace["x"], trace["y"], strict=True)
    ]
    there = [place for place in places if place]
    drawn = [*_line(trace, places), *_errors(trace, frame), *_markers(trace, there), *_words(trace, places)]
    if name := trace.get("name"):
        yield f"<g><title>{escape(shown(name))}</title>{''.join(drawn)}</g>"
    else:
        yield from drawn


def _line(trace: Mapping[str, Any], places: Sequence[tuple[float, float] | None]) -> Iterator[str]:
    if "lines" not in trace["mode"]:
        return
    runs = [[*own] for there, own in groupby(places, bool) if there]
    path = "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in filter(None, run)) for run in runs)
    if trace.get("fill") == "toself":
        color, opacity = _color(trace["fillcolor"])
        yield f'<path d="{path}z" fill="{color}" fill-opacity="{opacity}"/>'
        return
    line = trace["line"]
    dash = "" if line.get("dash", "solid") == "solid" else f' stroke-dasharray="{line["dash"].replace("px", "")}"'
    faint = f' stroke-opacity="{trace["opacity"]}"' if "opacity" in trace else ""
    ends = ' stroke-linejoin="round"'
    color, _ = _color(line["color"])
    yield f'<path d="{path}" fill="none" stroke="{color}" stroke-width="{0.85 * line.get("width", 2):g}"{dash}{ends}{faint}/>'


def _errors(trace: Mapping[str, Any], frame: _Frame) -> Iterator[str]:
    for axis in ("x", "y"):
        if bars := trace.get(f"error_{axis}"):
            parts = []
            for x, y, more, less in zip(trace["x"], trace["y"], bars["array"], bars["arrayminus"], strict=True):
                if axis == "y":
                    parts.append(f"M{frame.across(x):.1f} {frame.up(y - less):.1f}V{frame.up(y + more):.1f}")
                else:
                    parts.append(f"M{frame.across(x - less):.1f} {frame.up(y):.1f}H{frame.across(x + more):.1f}")
            color, _ = _color(bars["color"])
            yield f'<path d="{"".join(parts)}" stroke="{color}" stroke-width="{bars.get("thickness", 1.5)}" fill="none"/>'


def _markers(trace: Mapping[str, Any], places: Sequence[tuple[float, float]]) -> Iterator[str]:
    if "markers" not in trace["mode"]:
        return
    marker = trace["marker"]
    symbols = _each(marker.get("symbol", "circle"), len(places))
    sizes, colors = _each(marker.get("size", 6), len(places)), _each(marker["color"], len(places))
    for (symbol, color), own in _together(zip(symbols, colors, places, sizes, strict=True)):
        path = "".join(outline(symbol.removesuffix(HOLLOW), x, y, 0.42 * size) for (x, y), size in own)
        paint, _ = _color(color)
        opacity = f' opacity="{marker["opacity"]:g}"' if "opacity" in marker else ""
        if symbol.endswith(HOLLOW):
            yield f'<path d="{path}" fill="none" stroke="{paint}" stroke-width="1.5"{opacity}/>'
        else:
            yield f'<path d="{path}" fill="{paint}"{opacity}/>'


def _each(value: Any, count: int) -> list[Any]:
    return [*value] if isinstance(value, list) else [value] * count


def _together(markers: Any) -> Iterator[tuple[tuple[str, str], list[tuple[tuple[float, float], float]]]]:
    """Places and sizes of the markers of one symbol and colour, which are one path."""
    found: dict[tuple[str, str], list[tuple[tuple[float, float], float]]] = {}
    for symbol, color, place, size in markers:
        found.setdefault((symbol, color), []).append((place, size))
    return iter(found.items())


def _words(trace: Mapping[str, Any], places: Sequence[tuple[float, float] | None]) -> Iterator[str]:
    if "text" not in trace["mode"]:
        return
    below = "bottom" in trace.get("textposition", "")
    for place, text in zip(places, trace["text"], strict=True):
        if place and text:
            yield _text(place[0], place[1] + (14 if below else 4), shown(text), anchor="middle")


def _color(color: str) -> tuple[str, str]:
    """A colour, and how opaque it is."""
    if color.startswith("rgba"):
        *parts, opacity = color[5:-1].split(",")
        solid = "#" + "".join(f"{int(part):02x}" for part in parts)
        return _color(solid)[0], opacity
    return ("currentColor" if color == INK else color), "1"


def _legend(traces: Sequence[Mapping[str, Any]]) -> tuple[str, int]:
    """A sample of each trace with its name, in rows, and how many rows there are."""
    parts, x, row = [], 0.0, 0
    for trace in traces:
        name = shown(trace["name"])
        name = name if len(name) <= 60 else f"{name[:40]}…{name[-18:]}"
        wide = 44 + _LETTER * _TEXT * len(name)
        if x and x + wide > WIDTH - 60:
            x, row = 0.0, row + 1
        y = row * _LEGEND_ROW + 8
        sample = trace if "line" in trace or "marker" in trace else {}
        own = [
            *_line({**sample, "fill": ""}, [(x, y), (x + 26, y)]),
            *_markers({**sample, "marker": _first(sample["marker"])} if "marker" in sample else {"mode": ""}, [(x + 13, y)]),
        ]
        parts.append(f"{''.join(own)}{_text(x + 31, y + 4, name)}")
        x += wide
    return "".join(parts), row + bool(traces)


def _first(marker: Mapping[str, Any]) -> dict[str, Any]:
    """A marker as it is drawn where nothing is wrong."""
    first = {name: value[0] if isinstance(value, list) else value for name, value in marker.items()}
    return first | {"symbol": str(first.get("symbol", "circle")).removesuffix(HOLLOW), "size": 8}
