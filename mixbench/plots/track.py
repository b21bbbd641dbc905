"""Figures of a history: every series over the commits, with its levels and the commits suspected of a change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from mixbench.plots import style
from mixbench.plots.notes import add_heading
from mixbench.plots.page import PLAIN
from mixbench.plots.panels import MAX_COLUMNS, PANEL, PANEL_ALONE
from mixbench.verdicts.gate.metrics import CPU_TIME, FAILED, metric_words
from mixbench.verdicts.track.change_points import Change
from mixbench.verdicts.track.series import COUNTED, TRACKED, Series, told_apart

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mixbench.tables.entries import Commit

MOST_PANELS = 12
"""Series in one figure; further ones have files of their own."""
_MARK = {"worse": "#b2182b", "changed": "#555555", "better": "#1b7837"}
_LEAST_SPAN = 1.1
"""An axis spans at least a tenth to both sides, so that noise does not look like a change."""
_PREFIXED = 1e5
"""Counts from this on have SI prefixes."""
_DATES = 3
_TITLES = {CPU_TIME: "CPU time, relative to the calibration workload,", FAILED: "Share that failed"}
"""Titles for metrics whose usual names are too short for a title."""


def draw_trends(
    series: Sequence[Series], changes: Sequence[Change], folder: Path, formats: Sequence[str] = ("png",)
) -> list[Path]:
    """Write `trend-METRIC.png`, `trend-METRIC-2.png`, … to `folder`, series with the most important changes first.

    Raises UnknownNameError for an unknown format, StorageError where a file cannot be written.
    """
    rank = {id(change.series): place for place, change in reversed(list(enumerate(changes)))}
    paths = []
    for metric in dict.fromkeys(each.metric for each in series):
        own = [each for each in series if each.metric == metric]
        ordered = sorted(own, key=lambda each: rank.get(id(each), len(changes)))
        for start in range(0, len(ordered), MOST_PANELS):
            number = f"-{start // MOST_PANELS + 1}" if start else ""
            figure = trend_figure(ordered[start : start + MOST_PANELS], changes)
            paths += style.save(figure, folder, f"trend-{metric}{number}", formats)
    return paths


def trend_figure(series: Sequence[Series], changes: Sequence[Change]) -> Figure:
    """One panel per series of one metric: mean and interval over the launches of a commit, dots for few launches, levels.

    A line before the first commit of each new level has the short SHA of that commit.
    """
    drawn = {point.commit for each in series for point in each.points}
    commits = sorted(drawn, key=lambda commit: (commit.moment, commit.sha))
    places = {commit: place for place, commit in enumerate(commits)}
    common, names = told_apart(series)
    looks = style.line_styles(each.mixer for each in series)
    machines = {each.machine for each in series}
    metric = series[0].metric
    with PLAIN.look(**{"lines.markersize": 3.0, "lines.linewidth": 1.0}):
        figure, grid = _grid(len(series))
        for axes, each, name in zip(grid, series, names, strict=True):
            axes.set_title(f"{name} ({each.machine[:6]})" if len(machines) > 1 else name, fontsize="small")
            own = [change for change in changes if change.series is each]
            _draw_series(axes, each, places, looks.get(each.label) or next(iter(looks.values())))
            _mark_changes(axes, each, own, places)
            _ticks(axes, commits)
        name = _TITLES.get(metric) or metric_words(metric)
        add_heading(figure, f"{name[0].upper()}{name[1:]} over commits", common)
        figure.supylabel(TRACKED[metric].unit, fontsize="medium")
        figure.supxlabel("commits in order, evenly spaced", fontsize="medium")
    return figure


def _grid(panels: int) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    rows = math.ceil(panels / MAX_COLUMNS)
    columns = math.ceil(panels / rows)
    size = PANEL_ALONE if panels == 1 else (PANEL[0] * columns, 0.8 * PANEL[1] * rows + 1)
    figure = Figure(figsize=size, layout="constrained")
    grid = list(figure.subplots(rows, columns, sharex=True, squeeze=False).flat)
    for axes in grid[panels:]:
        axes.remove()
    for place, axes in enumerate(grid[:panels]):
        axes.tick_params(labelbottom=place + columns >= panels)
    return figure, grid[:panels]


def _draw_series(axes: Axes, series: Series, places: dict[Commit, int], look: style.LineStyle) -> None:
    from matplotlib.ticker import EngFormatter

    x = [places[point.commit] for point in series.points]
    values = [value for point in series.points for value in point.values.values()]
    if series.metric in COUNTED or min(values) <= 0:
        middles = [point.middle for point in series.points]
        axes.plot(x, middles, color=look.color, marker=look.marker, linestyle="solid")
        axes.margins(y=0.25)
        if max(middles) >= _PREFIXED:
            axes.yaxis.set_major_formatter(EngFormatter(sep="\N{NARROW NO-BREAK SPACE}"))
        return
    axes.set_yscale("log")
    style.draw_lines(axes, [style.Line(x, [point.values for point in series.points], look)])
    middle = math.sqrt(min(values) * max(values))
    axes.set_ylim(min(min(values) / 1.02, middle / _LEAST_SPAN), max(max(values) * 1.02, middle * _LEAST_SPAN))
    style.value_ticks(axes.yaxis, prefixed=False)


def _mark_changes(axes: Axes, series: Series, changes: Sequence[Change], places: dict[Commit, int]) -> None:
    """A line with the suspected commit at each change; for noisy series, also the level of each part."""
    ordered = sorted(changes, key=lambda change: change.at)
    if ordered and series.metric not in COUNTED:
        ends = [0, *(change.at for change in ordered), len(series.points)]
        levels = [ordered[0].before, *(change.after for change in ordered)]
        for (start, end), level in zip(pairwise(ends), levels, strict=True):
            left, right = (places[series.points[place].commit] for place in (start, end - 1))
            axes.hlines(level, left - 0.4, right + 0.4, color="black", linewidth=1.6, zorder=4)
    for change in ordered:
        at = (places[change.last_good.commit] + places[change.suspect.commit]) / 2
        color = _MARK[change.verdict]
        beside = -1 if change.after > change.before else 1  # where the line is low
        axes.axvline(at, color=color, linewidth=0.9, linestyle="--", zorder=2)
        axes.annotate(
            change.suspect.commit.short,
            (at, 1),
            xycoords=axes.get_xaxis_transform(),
            xytext=(2 * beside, -2),
            textcoords="offset points",
            rotation=90,
            ha="left" if beside > 0 else "right",
            va="top",
            fontsize="small",
            color=color,
        )


def _ticks(axes: Axes, commits: Sequence[Commit]) -> None:
    """The dates of a few commits, evenly spaced: the axis shows their order, not their time."""
    last = len(commits) - 1
    shown = sorted({round(step * last / (_DATES - 1)) for step in range(_DATES)})
    axes.set_xticks(shown, [commits[place].time[:10] for place in shown])
    axes.set_xlim(-0.7, last + 0.7)
