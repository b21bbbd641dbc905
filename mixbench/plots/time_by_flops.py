"""Figure of latency against FLOPs, with lines of constant FLOP/s and the measured peak."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mixbench.plots import style
from mixbench.plots.notes import about_operations, add_caption, mark_bounds, named
from mixbench.plots.speed_panels import grouped, panels_of, without_flops
from mixbench.verdicts.speed.summary import CellSummary, SpeedSummary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def flops_figure(summary: SpeedSummary) -> Figure | None:
    """Latency against FLOPs per call, with lines of constant FLOP/s and the measured peak; None if nothing has FLOPs."""
    from matplotlib import rc_context

    common, panels = panels_of(summary, "tokens", _has_both)
    cells = [cell for _, part in panels for cell in part if _has_both(cell)]
    if not panels:
        return None
    looks = style.line_styles((cell.mixer, cell.config) for cell in summary.cells)
    drawn = {cell.label for cell in cells}
    free = grouped([cell for cell in summary.cells if cell.latency_ms and cell.label not in drawn], lambda cell: cell.label)
    with rc_context(style.RC):
        labels = ("operations per call (FLOP)", "latency per call (ms)")
        figure, grid = style.panel_figure("Latency against operations", common, [title for title, _ in panels], labels)
        for axes, (_, part) in zip(grid, panels, strict=True):
            for label, line in grouped(part, lambda cell: cell.label).items():
                timed = [cell for cell in line if _has_both(cell)]
                flops = [cell.value("flops") or 0 for cell in timed]
                style.draw_line(axes, flops, [cell.launch_ms for cell in timed], looks[label])
                bounds = [
                    (cell.value("flops") or 0, cell.latency_ms.point) for cell in timed if cell.flops_mark and cell.latency_ms
                ]
                mark_bounds(axes, bounds, looks[label].color, upwards=False)
        style.value_ticks(grid[0].xaxis, prefixed=True)
        style.value_ticks(grid[0].yaxis, prefixed=False)
        marks = {label: [cell.flops_mark for cell in cells if cell.label == label] for label in looks}
        names = {
            label: f"{label} ({without_flops(free[label])}: not drawn)" if label in free else named(label, marks[label])
            for label in looks
        }
        style.legend_below(figure, looks, names)
        known = [cell.flops_mark for cell in summary.cells if cell.latency_ms and cell.value("flops") is not None]
        add_caption(figure, "\n".join(about_operations(known)))
        figure.draw_without_rendering()
        for axes, (_, part) in zip(grid, panels, strict=True):
            _draw_rates(axes, part)
    return figure


def _has_both(cell: CellSummary) -> bool:
    """Whether FLOPs and latency are known, and FLOPs above 0."""
    return bool(cell.value("flops") and cell.latency_ms)


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
