"""Figure of time against FLOPs, with lines of constant FLOP/s and the measured peak."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mixbench.plots import style
from mixbench.plots.ends import End
from mixbench.plots.notes import about_operations, letters, mark_bounds, named, not_drawn
from mixbench.plots.page import PLAIN, Page, place
from mixbench.plots.panels import panel_sheet
from mixbench.plots.speed_panels import HOLLOW, grouped, in_words, panels_of, time_quantity, without_flops
from mixbench.verdicts.speed.cell_summary import CellSummary
from mixbench.verdicts.speed.summary import SpeedSummary
from mixbench.verdicts.speed.view import standing_out

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_ROOM = 2.0
"""Inches of a panel that has room for the names of lines."""
_LINES = "dotted lines: 1 GFLOP/s, 10 GFLOP/s and so on; in black, the measured peak"


def flops_figure(summary: SpeedSummary, page: Page = PLAIN) -> Figure | None:
    """Time against FLOPs per call, with lines of constant FLOP/s and the measured peak; None if nothing has FLOPs."""
    panels = panels_of(summary, "tokens", _has_both)
    cells = [cell for cell in panels.every if _has_both(cell)]
    if not cells:
        return None
    looks = style.line_styles(summary.mixers, standing_out(summary, page.highlight))
    marks = {label: [cell.flops_mark for cell in own] for label, own in grouped(cells, lambda cell: cell.label).items()}
    free = grouped([cell for cell in summary.cells if cell.time_ms and cell.label not in marks], lambda cell: cell.label)
    with page.look():
        times = [time_quantity(part) for part in panels.cells]
        labels = ("operations per call (FLOP)", [time.axis for time in times])
        title = f"{in_words(times)} against operations"
        sheet = panel_sheet(page, title, panels.common, panels.words, labels, beside=False)
        ends: list[list[End]] = []
        for axes, part in zip(sheet.axes, panels.cells, strict=True):
            drawings: list[style.Line] = []
            for label, line in grouped([cell for cell in part if _has_both(cell)], lambda cell: cell.label).items():
                flops = [cell.value("flops") or 0 for cell in line]
                hollow = [cell.disturbed for cell in line]
                drawings.append(style.Line(flops, [cell.launch_ms for cell in line], looks[label], hollow))
                bounds = [(cell.value("flops") or 0, cell.time_ms.point) for cell in line if cell.flops_mark and cell.time_ms]
                mark_bounds(axes, bounds, looks[label].color, upwards=False)
            ends.append(style.draw_lines(axes, drawings))
        sheet.unite()
        style.value_ticks(sheet.axes[0].xaxis, prefixed=True, most=sheet.ticks())
        for leader in dict.fromkeys(sheet.leaders):
            style.value_ticks(leader.yaxis, prefixed=False)
        sheet.below(
            style.named_in_legend([label for label in looks if label in marks], looks),
            {label: named("", own).strip() for label, own in marks.items()},
        )
        beyond = sheet.mark(ends)
        known = [cell.flops_mark for cell in summary.cells if cell.time_ms and cell.value("flops") is not None]
        sheet.finish(
            panels.told,
            beyond,
            HOLLOW if any(cell.disturbed for cell in cells) else "",
            *not_drawn({label: without_flops(own) for label, own in free.items()}),
            _LINES if sheet.panel[0] < _ROOM * page.scale else "",
            *about_operations(known),
        )
        place(sheet.figure)  # the angle of a line on paper depends on it
        for axes, part in zip(sheet.axes, panels.cells, strict=True):
            _draw_rates(axes, part)
    return sheet.figure


def _has_both(cell: CellSummary) -> bool:
    """Whether FLOPs and time are known, and FLOPs above 0."""
    return bool(cell.value("flops") and cell.time_ms)


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
        if letters(math.hypot(x1 - x0, y1 - y0) / axes.figure.dpi) < 1.2 * len(text):
            continue
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
            fontsize="small",
            color=color,
            in_layout=False,
        )
