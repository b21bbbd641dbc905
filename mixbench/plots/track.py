"""The figure of a history: every series over the commits, its levels, and the commits that are suspected of a change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from mixbench.plots import style
from mixbench.verdicts.track.change_points import Change
from mixbench.verdicts.track.series import COUNTED, NAMES, TRACKED, Series, told_apart

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mixbench.tables.history import Commit

MOST_PANELS = 12
"""Series in one figure; more stand in further files."""
_MARK = {"worse": "#b2182b", "changed": "#555555", "better": "#1b7837"}
_LEAST_SPAN = 1.1
"""An axis spans at least a tenth to both sides, so that noise does not look like change."""
_PREFIXED = 1e5
"""From here on counts are written with an SI prefix."""
_DATES = 3
_TITLES = {"cpu_per_calibration": "CPU time, relative to the calibration workload,", "failed": "Share that failed"}


def draw_trends(
    series: Sequence[Series], changes: Sequence[Change], folder: Path, formats: Sequence[str] = ("png",)
) -> list[Path]:
    """Write `trend-METRIC.png`, `trend-METRIC-2.png`, … to `folder`, series with the most important changes first.

    Raises UnknownNameError for an unknown format, StorageError where a file cannot be written.
    """
    rank = {id(change.series): place for place, change in reversed(list(enumerate(changes)))}
    paths = []
    for metric in dict.fromkeys(one.metric for one in series):
        ordered = sorted((one for one in series if one.metric == metric), key=lambda one: rank.get(id(one), len(changes)))
        for start in range(0, len(ordered), MOST_PANELS):
            number = f"-{start // MOST_PANELS + 1}" if start else ""
            figure = trend_figure(ordered[start : start + MOST_PANELS], changes)
            paths += style.save(figure, folder, f"trend-{metric}{number}", formats)
    return paths


def trend_figure(series: Sequence[Series], changes: Sequence[Change]) -> Figure:
    """One panel per series of one metric: mean and interval over launches per commit, dots for few launches, levels.

    A line stands before the first commit of each new level, with its short SHA.
    """
    from matplotlib import rc_context
    from matplotlib.text import Annotation

    commits = sorted({point.commit for one in series for point in one.points}, key=lambda commit: (commit.moment, commit.sha))
    places = {commit: place for place, commit in enumerate(commits)}
    common, names = told_apart(series)
    looks = style.line_styles(one.mixer for one in series)
    machines = {one.machine for one in series}
    metric = series[0].metric
    with rc_context(style.RC | {"lines.markersize": 3.0, "lines.linewidth": 1.0}):
        figure, grid = _grid(len(series))
        for axes, one, name in zip(grid, series, names, strict=True):
            axes.set_title(style.literal(f"{name} ({one.machine[:6]})" if len(machines) > 1 else name), fontsize=8)
            own = [change for change in changes if change.series is one]
            _draw_series(axes, one, places, looks.get(one.label) or next(iter(looks.values())))
            _mark_changes(axes, one, own, places)
            _ticks(axes, commits)
        name = _TITLES.get(metric, NAMES.get(metric, metric))
        heading = figure.suptitle(f"{name[0].upper()}{name[1:]} over commits\n", fontsize=11, fontweight="bold")
        below = Annotation(
            style.literal(common), (0.5, 0), xycoords=heading, ha="center", va="bottom", fontsize=8, color="#444444"
        )
        figure.add_artist(below)
        figure.supylabel(TRACKED[metric].unit, fontsize=9)
        figure.supxlabel("commits in order, evenly spaced", fontsize=9)
    return figure


def _grid(panels: int) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    rows = math.ceil(panels / style.MAX_COLUMNS)
    columns = math.ceil(panels / rows)
    size = style.PANEL_ALONE if panels == 1 else (style.PANEL[0] * columns, 0.8 * style.PANEL[1] * rows + 1)
    figure = Figure(figsize=size, layout="constrained")
    every = list(figure.subplots(rows, columns, sharex=True, squeeze=False).flat)
    for axes in every[panels:]:
        axes.remove()
    for place, axes in enumerate(every[:panels]):
        axes.tick_params(labelbottom=place + columns >= panels)
    return figure, every[:panels]


def _draw_series(axes: Axes, series: Series, places: dict[Commit, int], look: style.LineStyle) -> None:
    from matplotlib.ticker import EngFormatter

    where = [places[point.commit] for point in series.points]
    values = [value for point in series.points for value in point.values.values()]
    if series.metric in COUNTED or min(values) <= 0:
        middles = [point.middle for point in series.points]
        axes.plot(where, middles, color=look.color, marker=look.marker, linestyle="solid")
        axes.margins(y=0.25)
        if max(middles) >= _PREFIXED:
            axes.yaxis.set_major_formatter(EngFormatter(sep="\N{NARROW NO-BREAK SPACE}"))
        return
    axes.set_yscale("log")
    style.draw_line(axes, where, [point.values for point in series.points], look)
    middle = math.sqrt(min(values) * max(values))
    axes.set_ylim(min(min(values) / 1.02, middle / _LEAST_SPAN), max(max(values) * 1.02, middle * _LEAST_SPAN))
    style.value_ticks(axes.yaxis, prefixed=False)


def _mark_changes(axes: Axes, series: Series, changes: Sequence[Change], places: dict[Commit, int]) -> None:
    """Where there is noise the level of each part; before each part but the first a line with the suspected commit."""
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
            fontsize=6.5,
            color=color,
        )


def _ticks(axes: Axes, commits: Sequence[Commit]) -> None:
    """Dates of a few commits, which stand evenly: the axis is their order, not their time."""
    last = len(commits) - 1
    shown = sorted({round(step * last / (_DATES - 1)) for step in range(_DATES)})
    axes.set_xticks(shown, [commits[place].time[:10] for place in shown])
    axes.set_xlim(-0.7, last + 0.7)
