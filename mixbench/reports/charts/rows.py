"""Charts with a row per mixer: a value with its interval on a horizontal axis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from mixbench.reports.charts.axes import Axis, linear_axis, names_axis
from mixbench.reports.charts.chart import chart
from mixbench.reports.charts.looks import HOLLOW, Look, grouped, literal
from mixbench.reports.charts.traces import Trace, bars, hover, numbers, told_apart, upright
from mixbench.reports.contents import Chart
from mixbench.stats import Interval

BARS = "Bars: 95 % intervals"
ROW = 26
"""Pixels of a mixer."""


def rows_chart(
    name: str,
    title: str,
    caption: Iterable[str],
    rows: Sequence[tuple[Look, Interval, str, bool]],
    axis: str,
    about: str,
    make: Callable[[str, Iterable[float]], Axis] = linear_axis,
    names: Sequence[str] = (),
    reference: tuple[float, str] | None = None,
) -> Chart:
    """A row per mixer: its value with its interval, what is said of it, and whether its marker is hollow.

    `names` are those of the rows, by default the labels of the mixers; `reference` is a value that all are held against, which
    is a grey line, and what is said of it.
    """
    traces: list[Trace] = []
    ends: list[float] = []
    for place, (look, interval, text, hollow) in enumerate(rows):
        low, high = (interval.point if end is None else end for end in (interval.low, interval.high))
        ends += [low, interval.point, high]
        color = told_apart(look)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                **grouped(look),
                "x": numbers([interval.point]),
                "y": [place],
                "marker": {"color": color, "size": 9, "symbol": f"{look.symbol}{HOLLOW if hollow else ''}"},
                "customdata": [literal(text)],
                "hovertemplate": hover("", about),
                "showlegend": False,
                **bars("x", [interval.point], [(low, high)], color),
            }
        )
    if reference:
        value, text = reference
        ends.append(value)
        traces.insert(0, upright(value, (-0.5, len(rows) - 0.5), text))
    return chart(
        name,
        title,
        caption,
        traces,
        (make(axis, ends), names_axis(names or [look.label for look, *_ in rows])),
        {"height": 70 + ROW * len(rows), "showlegend": False},
    )
