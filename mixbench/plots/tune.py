"""Figures of tuning.csv: the expected best score by number of trials, alone and relative to the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mixbench.plots import style, texts
from mixbench.plots.notes import add_caption, add_heading
from mixbench.tables.rows import TrialRow
from mixbench.verdicts.learning.tune import Curve, Search, summarise

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRIALS = "trials"


def draw_tuning(
    rows: Sequence[TrialRow], folder: Path, formats: Sequence[str] = ("png",), baseline: str | None = None
) -> list[Path]:
    """Write a figure per search to `folder`; none for a search without scores.

    Raises UnknownNameError for an unknown format or baseline, StorageError if a file cannot be written.
    """
    taken: set[str] = set()
    return [
        path
        for search in summarise(rows, baseline)
        if search.curves
        for name in [texts.distinct_name(f"tune-{texts.file_name(search.task)}", taken)]
        for path in style.save(tuning_figure(search), folder, name, formats)
    ]


def tuning_figure(search: Search) -> Figure:
    """Left the expected best score with its band, right its ratio to the baseline's for errors, else the change in per cent."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    looks = style.line_styles(curve.mixer for curve in search.curves)
    direction = "lower" if search.is_error else "higher"
    with rc_context(style.RC):
        figure = Figure(figsize=(8.6, 4.4), layout="constrained")
        add_heading(figure, f"Random search on {search.task}")
        expected, relative = figure.subplots(1, 2)
        logarithmic = search.is_error and all(min(curve.low) > 0 for curve in search.curves)
        for curve in search.curves:
            _draw_curve(expected, curve, looks[curve.label])
            changes, look = search.relative(curve), looks[curve.label]
            shown = [1 + change if logarithmic else 100 * change for change in changes]
            relative.plot(_places(changes), shown, color=look.color, linestyle=look.line)
        for axes in (expected, relative) if logarithmic else ():
            axes.set_yscale("log")
            style.value_ticks(axes.yaxis, prefixed=False)
        expected.set(xlabel=TRIALS, ylabel=f"expected best development {search.score} ({direction} is better)")
        base = str(search.baseline)
        relative.set(xlabel=TRIALS, ylabel=f"relative to {base}" if logarithmic else f"change against {base}, %")
        longest = max(len(curve.expected) for curve in search.curves)
        for axes in (expected, relative):
            axes.set(xscale="log", xlim=(0.95, 1.05 * max(2, longest)))
            style.value_ticks(axes.xaxis, prefixed=False)
        style.legend_below(figure, looks, {label: label for label in looks})
        add_caption(figure, "unbiased estimate, up to half the trials · bands: 95 %, simultaneous")
    return figure


def _draw_curve(axes: Axes, curve: Curve, look: style.LineStyle) -> None:
    places = _places(curve.expected)
    marked = [place - 1 for place in places if place.bit_count() == 1 or place == len(places)]  # a doubling apart
    line = {"color": look.color, "marker": look.marker, "markersize": 4, "linestyle": look.line, "markevery": marked}
    axes.plot(places, curve.expected, zorder=3, **line)  # type: ignore[arg-type]
    axes.fill_between(places, curve.low, curve.high, color=look.color, alpha=0.13, linewidth=0, zorder=1)


def _places(values: Sequence[float]) -> list[int]:
    return list(range(1, len(values) + 1))
