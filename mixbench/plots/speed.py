"""Figures of speed.csv: metrics against tokens and width, time against FLOPs. Bands are intervals over launches."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from mixbench.plots import style, texts
from mixbench.plots.notes import about_operations, add_caption, mark_bounds, named
from mixbench.plots.speed_panels import Size, grouped, panels_of, without_flops
from mixbench.plots.speed_ratio import ratio_figure
from mixbench.plots.time_by_flops import flops_figure
from mixbench.stats import Interval
from mixbench.tables.columns import columns
from mixbench.tables.rows import LaunchRow, SpeedRow
from mixbench.verdicts.speed.summary import SUMMARISED, CellSummary, SpeedSummary, growth, summarise

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZES: dict[Size, tuple[str, str, Callable[[CellSummary], int]]] = {
    "tokens": ("tokens", "N", lambda cell: cell.tokens),
    "width": ("width (channels)", "d", lambda cell: cell.context.width),
}
"""Axis label, symbol and value of what is swept."""
_LARGEST_EXPONENT = 300.0
"""An axis ends before the largest float, where it has no room left above it."""
QUANTITIES = {metric: quantity for metric in SUMMARISED if (quantity := columns(SpeedRow)[metric].quantity)}
"""The metrics that are drawn."""


def values_of(cell: CellSummary, metric: str) -> style.Values:
    """The positive values of a metric by launch; a single one where it was found once for all launches."""
    if metric == "tokens_per_s":  # of the median latencies, so that both figures show the same
        return {launch: 1e3 * cell.context.batch * cell.tokens / ms for launch, ms in cell.launch_ms.items()}
    if columns(SpeedRow)[metric].counted:
        value = cell.value(metric)
        return {0: value} if value else {}
    return {launch: value for launch, value in cell.by_launch[metric].items() if value > 0}


def draw_speed(
    rows: Sequence[SpeedRow],
    launches: Sequence[LaunchRow],
    folder: Path,
    formats: Sequence[str] = ("png",),
    baseline: str | None = None,
) -> list[Path]:
    """Draw every figure that the rows allow and write it to `folder`; returns the files in the order of the figures.

    Raises UnknownNameError for an unknown format or baseline, StorageError where a file cannot be written.
    """
    summary = summarise(rows, launches, baseline)
    figures = {"speed-ratio-by-tokens": ratio_figure(summary)}
    figures |= {
        f"speed-{quantity.name}-by-{size}": size_figure(summary, metric, size)
        for size in SIZES
        for metric, quantity in QUANTITIES.items()
    }
    figures["speed-time-by-flops"] = flops_figure(summary)
    return [path for name, figure in figures.items() if figure for path in style.save(figure, folder, name, formats)]


def size_figure(summary: SpeedSummary, metric: str, size: Size) -> Figure | None:
    """One of QUANTITIES against tokens or width, log-log, one panel per context; None if there is nothing to draw.

    The legend gives the exponent over the three largest sizes. Nothing is drawn against a width that was not swept. At a
    single size, mixers are drawn side by side.
    """
    from matplotlib import rc_context

    quantity = QUANTITIES[metric]
    axis, symbol, size_of = SIZES[size]
    common, panels = panels_of(summary, size, lambda cell: values_of(cell, metric))
    if not panels:
        return None
    every = grouped([cell for _, cells in panels for cell in cells], lambda cell: cell.label)
    styles = style.line_styles((cell.mixer, cell.config) for cell in summary.cells)
    looks = {label: look for label, look in styles.items() if label in every}
    all_sizes = [size_of(cell) for _, cells in panels for cell in cells]
    apart = {label: 1.05 ** (place - len(looks) // 2) if len(set(all_sizes)) == 1 else 1.0 for place, label in enumerate(looks)}
    with rc_context(style.RC):
        figure, grid = style.panel_figure(
            f"{quantity.title} against {size}", common, [title for title, _ in panels], (axis, quantity.axis)
        )
        missing = {
            label: _missing(line, metric) for label, line in every.items() if not any(values_of(cell, metric) for cell in line)
        }
        for axes, (_, cells) in zip(grid, panels, strict=True):
            entries = []
            for label, line in grouped(cells, lambda cell: cell.label).items():
                values = [values_of(cell, metric) for cell in line]
                sizes = [size_of(cell) for cell in line]
                style.draw_line(axes, [size * apart[label] for size in sizes], values, looks[label])
                grown = growth(sizes, values)
                text = _exponent(symbol, grown[0]) if grown else missing.get(label, "") if len(grid) == 1 else ""
                if metric == "flops":
                    marks = [cell.flops_mark for cell in line]
                    text = named(text, marks if any(values) else []).strip()
                    bounds = [(size, own[0]) for size, own, mark in zip(sizes, values, marks, strict=True) if own and mark]
                    mark_bounds(
                        axes, [(size * apart[label], value) for size, value in bounds], looks[label].color, upwards=True
                    )
                last = max(next((launches.values() for launches in reversed(values) if launches), [0.0]))
                entries.append((last, label, text))
            style.legend_beside(axes, entries, looks, alone=len(grid) == 1)
        style.size_ticks(grid[0], all_sizes, most=8 if len(grid) == 1 else 5)
        _mark_failures(grid, [cells for _, cells in panels], size_of, looks)
        style.value_ticks(grid[0].yaxis, quantity.prefixed)
        if len(grid) > 1:
            style.legend_below(figure, looks, {label: f"{label} {missing.get(label, '')}".rstrip() for label in looks})
        if metric == "flops":
            known = [cell.flops_mark for cell in summary.cells if cell.value(metric) is not None]
            add_caption(figure, "\n".join(about_operations(known)))
    return figure


def _missing(cells: Sequence[CellSummary], metric: str) -> str:
    """Why a mixer has no point in any panel."""
    if not any(cell.status == "ok" for cell in cells):
        return "(failed)"
    return f"({without_flops(cells)}: not drawn)" if metric == "flops" else "(0 or not measured)"


def _mark_failures(
    grid: Sequence[Axes],
    panels: Sequence[Sequence[CellSummary]],
    size_of: Callable[[CellSummary], int],
    looks: Mapping[str, style.LineStyle],
) -> None:
    """A cross at the top for each failed cell: one line of crosses per mixer and status, which are named below the first."""
    failed = [grouped([c for c in cells if c.status != "ok"], lambda c: (c.label, c.status)) for cells in panels]
    lines = max(map(len, failed))
    if not lines:
        return
    bottom, top = grid[0].get_ylim()
    low, high = math.log10(bottom), math.log10(top)
    step = min(0.11, 0.5 / lines)
    grid[0].set_ylim(bottom, 10 ** min(low + (high - low) / (1 - step * (lines + 0.2)), _LARGEST_EXPONENT))
    sides = {min(map(size_of, chain(*panels))): "left", max(map(size_of, chain(*panels))): "right"}
    for axes, part in zip(grid, failed, strict=True):
        at = axes.get_xaxis_transform()
        axes.axhspan(top, axes.get_ylim()[1], color="#f4f4f4", zorder=0)
        for place, ((label, status), cells) in enumerate(part.items()):
            height, color, sizes = 1 - step * (place + 0.3), looks[label].color, [size_of(cell) for cell in cells]
            axes.plot(sizes, [height] * len(sizes), "x", color=color, mew=1.6, transform=at)
            axes.annotate(
                f"{label}: {status}",
                (sizes[0], height),
                xycoords=at,
                xytext=(0, -4),
                textcoords="offset points",
                ha=sides.get(sizes[0], "center"),
                va="top",
                fontsize=6.5,
                color=color,
            )


def _exponent(symbol: str, interval: Interval) -> str:
    low, high = ("" if bound is None else f"{round(bound, 2) + 0.0:.2f}" for bound in (interval.low, interval.high))
    return texts.power(symbol, interval.point) + (f" ({low} to {high})" if low else "")
