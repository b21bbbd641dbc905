"""Figures of speed.csv: metrics against tokens and width, time against FLOPs. Bands are intervals over launches."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from mixbench.plots import style
from mixbench.stats import Interval
from mixbench.tables.columns import columns
from mixbench.tables.rows import LaunchRow, SpeedRow
from mixbench.verdicts.labels import Context, context_words
from mixbench.verdicts.speed import SUMMARISED, CellSummary, SpeedSummary, growth, summarise

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Key = TypeVar("Key")
Size = Literal["tokens", "width"]
SIZES: dict[Size, tuple[str, str, Callable[[CellSummary], int]]] = {
    "tokens": ("tokens", "N", lambda cell: cell.tokens),
    "width": ("width (channels)", "d", lambda cell: cell.context.width),
}
"""Axis label, symbol and value of what is swept."""
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
    figures = {
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
    common, panels = _panels(summary, size)
    if not any(values_of(cell, metric) for _, cells in panels for cell in cells):
        return None
    looks = style.line_styles((cell.mixer, cell.config) for cell in summary.cells)
    all_sizes = [size_of(cell) for _, cells in panels for cell in cells]
    apart = {label: 1.05 ** (place - len(looks) // 2) if len(set(all_sizes)) == 1 else 1.0 for place, label in enumerate(looks)}
    with rc_context(style.RC):
        figure, grid = style.panel_figure(
            f"{quantity.title} against {size}", common, [title for title, _ in panels], (axis, quantity.axis)
        )
        for axes, (_, cells) in zip(grid, panels, strict=True):
            entries = []
            for label, line in _grouped(cells, lambda cell: cell.label).items():
                values = [values_of(cell, metric) for cell in line]
                sizes = [size_of(cell) for cell in line]
                style.draw_line(axes, [size * apart[label] for size in sizes], values, looks[label])
                grown = growth(sizes, values)
                missing = "(0 or not measured)" if any(cell.status == "ok" for cell in line) else "(failed)"
                text = _exponent(symbol, grown[0]) if grown else missing if len(grid) == 1 and not any(values) else ""
                last = max(next((launches.values() for launches in reversed(values) if launches), [0.0]))
                entries.append((last, label, text))
            style.legend_beside(axes, entries, looks, alone=len(grid) == 1)
        style.size_ticks(grid[0], all_sizes, most=8 if len(grid) == 1 else 5)
        _mark_failures(grid, [cells for _, cells in panels], size_of, looks)
        style.value_ticks(grid[0].yaxis, quantity.prefixed)
        if len(grid) > 1:
            style.legend_below(figure, looks, {label: label for label in looks})
    return figure


def flops_figure(summary: SpeedSummary) -> Figure | None:
    """Latency against FLOPs per call, with lines of constant FLOP/s and the measured peak; None if nothing has FLOPs."""
    from matplotlib import rc_context

    common, panels = _panels(summary, "tokens")
    cells = [cell for _, part in panels for cell in part if _has_both(cell)]
    if not cells:
        return None
    looks = style.line_styles((cell.mixer, cell.config) for cell in summary.cells)
    free = {cell.label for cell in summary.cells if cell.latency_ms} - {cell.label for cell in cells}
    with rc_context(style.RC):
        labels = ("operations per call (FLOP)", "latency per call (ms)")
        figure, grid = style.panel_figure("Latency against operations", common, [title for title, _ in panels], labels)
        for axes, (_, part) in zip(grid, panels, strict=True):
            for label, line in _grouped(part, lambda cell: cell.label).items():
                timed = [cell for cell in line if _has_both(cell)]
                flops = [cell.value("flops") or 0 for cell in timed]
                style.draw_line(axes, flops, [cell.launch_ms for cell in timed], looks[label])
        style.value_ticks(grid[0].xaxis, prefixed=True)
        style.value_ticks(grid[0].yaxis, prefixed=False)
        style.legend_below(
            figure, looks, {label: f"{label} (no FLOPs: not drawn)" if label in free else label for label in looks}
        )
        figure.draw_without_rendering()
        for axes, (_, part) in zip(grid, panels, strict=True):
            _draw_rates(axes, part)
    return figure


def _has_both(cell: CellSummary) -> bool:
    """Whether FLOPs and latency are known, and FLOPs above 0."""
    return bool(cell.value("flops") and cell.latency_ms)


def _panels(summary: SpeedSummary, size: Size) -> tuple[str, list[tuple[str, list[CellSummary]]]]:
    """A text of what all panels have in common; the title and cells of each panel."""
    groups: dict[tuple[Context, int], list[CellSummary]] = defaultdict(list)
    for cell in summary.cells:
        by_width = (replace(cell.context, width=0), cell.tokens)
        groups[by_width if size == "width" else (cell.context, 0)].append(cell)
    if size == "width":
        groups = {key: cells for key, cells in groups.items() if len({cell.context.width for cell in cells}) > 1}
    words = context_words([context for context, _ in groups])
    for fields, (_, tokens) in zip(words, groups, strict=True):
        if size == "width":
            fields["width"] = f"{tokens} tokens"
    varying = [name for name in (words[0] if words else ()) if len({fields[name] for fields in words}) > 1]
    common = [text for fields in words[:1] for name, text in fields.items() if name not in varying]
    titles = [" · ".join(fields[name] for name in varying) for fields in words]
    return " · ".join(common), list(zip(titles, groups.values(), strict=True))


def _grouped(cells: Sequence[CellSummary], key: Callable[[CellSummary], Key]) -> dict[Key, list[CellSummary]]:
    groups: dict[Key, list[CellSummary]] = defaultdict(list)
    for cell in cells:
        groups[key(cell)].append(cell)
    return groups


def _mark_failures(
    grid: Sequence[Axes],
    panels: Sequence[Sequence[CellSummary]],
    size_of: Callable[[CellSummary], int],
    looks: Mapping[str, style.LineStyle],
) -> None:
    """A cross at the top for each failed cell: one line of crosses per mixer and status, which are named below the first."""
    failed = [_grouped([c for c in cells if c.status != "ok"], lambda c: (c.label, c.status)) for cells in panels]
    lines = max(map(len, failed))
    if not lines:
        return
    bottom, top = grid[0].get_ylim()
    step = min(0.11, 0.5 / lines)
    grid[0].set_ylim(bottom, bottom * (top / bottom) ** (1 / (1 - step * (lines + 0.2))))
    sides = {min(map(size_of, chain(*panels))): "left", max(map(size_of, chain(*panels))): "right"}
    for axes, part in zip(grid, failed, strict=True):
        at = axes.get_xaxis_transform()
        axes.axhspan(top, axes.get_ylim()[1], color="#f4f4f4", zorder=0)
        for place, ((label, status), cells) in enumerate(part.items()):
            height, color, sizes = 1 - step * (place + 0.3), looks[label].color, [size_of(cell) for cell in cells]
            axes.plot(sizes, [height] * len(sizes), "x", color=color, mew=1.6, transform=at)
            axes.annotate(
                style.literal(f"{label}: {status}"),
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
    bounds = (interval.point, interval.low, interval.high)
    point, low, high = ("" if bound is None else f"{round(bound, 2) + 0.0:.2f}" for bound in bounds)
    return f"${symbol}^{{{point}}}$" + (f" ({low} to {high})" if low else "")


def _draw_rates(axes: Axes, cells: Sequence[CellSummary]) -> None:
    """Lines of constant FLOP/s and of the measured peak behind the data, labelled along the line."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    axes.set(xlim=(left, right), ylim=(low, high))
    rates = [rate for cell in cells if (rate := cell.value("gflops_per_s"))]
    if not rates:
        return
    peak = next((cell.peak_gflops_per_s for cell in cells if cell.peak_gflops_per_s), math.inf)
    powers = range(math.floor(math.log10(min(rates))), math.ceil(math.log10(max(rates))) + 1)
    lines = [(10.0**power, f"{10.0**power:g} GFLOP/s", True) for power in powers if 2.5 * 10.0**power < peak]
    lines += [(peak, f"measured peak {peak:.3g} GFLOP/s", False)] if peak < math.inf else []
    for rate, text, upper in lines:
        start, end = max(left, low * rate * 1e6), min(right, high * rate * 1e6)
        if start >= end:
            continue
        color = style.PALE if upper else "black"
        ends = [(flops, flops / rate / 1e6) for flops in (start, end)]
        axes.plot(*zip(*ends, strict=True), color=color, linestyle=":", linewidth=0.9, zorder=0.5)
        (x0, y0), (x1, y1) = axes.transData.transform(ends)
        angle = math.atan2(y1 - y0, x1 - x0)
        along = -6 if upper else 9 / math.sin(angle)
        axes.annotate(
            text,
            ends[upper],
            xytext=(along * math.cos(angle), along * math.sin(angle)),
            textcoords="offset points",
            ha="right" if upper else "left",
            va="top",
            rotation=math.degrees(angle),
            rotation_mode="anchor",
            fontsize=6.5,
            color=color,
            in_layout=False,
        )
