"""A chart from its traces and axes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mixbench.reports.charts.axes import Axis
from mixbench.reports.charts.svg import svg
from mixbench.reports.charts.traces import Trace
from mixbench.reports.contents import Chart


def chart(
    name: str,
    title: str,
    caption: Iterable[str],
    traces: Sequence[Trace],
    axes: tuple[Axis, Axis],
    further: Mapping[str, Any] | None = None,
) -> Chart:
    """A chart with one pair of axes; `caption` is a sentence or two, of which empty ones are left out."""
    layout = {"xaxis": axes[0], "yaxis": axes[1], "hovermode": "closest", **(further or {})}
    words = " ".join(_sentence(part) for part in caption if part)
    return Chart(name, title, words, traces, layout, svg(traces, layout, title))


def _sentence(text: str) -> str:
    """A note as a sentence; a list of what all have in common stays as it is."""
    first = text[0] if " · " in text else text[0].upper()
    return f"{first}{text[1:]}{'' if text.endswith('.') else '.'}"
