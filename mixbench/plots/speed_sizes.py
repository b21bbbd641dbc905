"""Figures of the metrics of speed.csv against tokens and width, alone or several in one. Bands are intervals over launches."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from mixbench.errors import shortened
from mixbench.plots import style, texts
from mixbench.plots.arrangement import QUANTITY
from mixbench.plots.ends import End
from mixbench.plots.notes import about_operations, letters, mark_bounds, named, not_drawn
from mixbench.plots.page import PLAIN, Page
from mixbench.plots.panels import Sheet, panel_sheet
from mixbench.plots.speed_panels import (
    HOLLOW,
    Size,
    factors_apart,
    grouped,
    in_words,
    panels_of,
    time_quantity,
    tokens_axis,
    without_flops,
)
from mixbench.stats import Interval
from mixbench.tables.columns import columns
from mixbench.tables.fields import Quantity
from mixbench.tables.speed_rows import SpeedRow, tokens_per_call
from mixbench.verdicts.speed.cell_summary import SUMMARISED, CellSummary
from mixbench.verdicts.speed.growth import GROWTH_LENGTHS, growth
from mixbench.verdicts.speed.summary import SpeedSummary
from mixbench.verdicts.speed.times import DEVICE, WALL
from mixbench.verdicts.speed.view import standing_out
from mixbench.verdicts.words import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZES: dict[Size, tuple[str, str, Callable[[CellSummary], int]]] = {
    "tokens": ("tokens", "N", lambda cell: cell.tokens),
    "width": ("width (channels)", "d", lambda cell: cell.context.width),
}
"""Axis label, symbol and value of what is swept."""
_FAILURE = 0.2
"""Inches that a cross and its name take."""
_LARGEST_EXPONENT = 300.0
"""An axis ends before the largest float, where it has no room left above it."""
QUANTITIES = {metric: quantity for metric in SUMMARISED if (quantity := columns(SpeedRow)[metric].quantity)}
"""The metrics that can be drawn. WALL stands for the time that is judged, which is device time on a GPU."""


def quantity_of(metric: str, cells: Iterable[CellSummary]) -> Quantity:
    """How a metric of some cells is drawn."""
    return time_quantity(cells) if metric == WALL else QUANTITIES[metric]


def values_of(cell: CellSummary, metric: str) -> style.Values:
    """The positive values of a metric by launch; a single one where it was found once for all launches."""
    if metric in (WALL, DEVICE):
        return cell.launch_ms if metric == WALL or cell.on_device else {}
    if metric == "tokens_per_s":  # of the median times, so that both figures show the same
        tokens = tokens_per_call(cell.context.mode, cell.tokens, cell.context.batch)
        return {launch: 1e3 * tokens / ms for launch, ms in cell.launch_ms.items()}
    if columns(SpeedRow)[metric].counted:
        value = cell.value(metric)
        return {0: value} if value else {}
    return {launch: value for launch, value in cell.by_launch[metric].items() if value > 0}


_MOST_FAILURES = 0.5
"""Share of a panel's height for crosses."""
_UNSUPPORTED = "unsupported"


def size_figure(summary: SpeedSummary, metrics: Sequence[str], size: Size, page: Page = PLAIN) -> Figure | None:
    """Some of QUANTITIES against tokens or width, log-log, a panel per metric and context; None if there is nothing to draw.

    The legend gives the exponent over the three largest sizes. Nothing is drawn against a width that was not swept. At a
    single size, mixers are drawn side by side.
    """
    axis, symbol, size_of = SIZES[size]
    panels = panels_of(summary, size, lambda cell: any(values_of(cell, metric) for metric in metrics))
    metrics = [metric for metric in metrics if any(values_of(cell, metric) for cell in panels.every)]
    if not metrics:
        return None
    panels, far = panels.without_far_failures(size_of)
    axis, swept = tokens_axis(panels.every) if size == "tokens" else (axis, size)
    styles = style.line_styles(summary.mixers, standing_out(summary, page.highlight))
    looks = {label: look for label, look in styles.items() if label in {cell.label for cell in panels.every}}
    sizes = [size_of(cell) for cell in panels.every]
    drawn = [(metric, words, cells) for metric in metrics for words, cells in zip(panels.words, panels.cells, strict=True)]
    quantities = [quantity_of(metric, cells) for metric, _, cells in drawn]
    titles = {metric: in_words(quantity_of(metric, cells) for cells in panels.cells) for metric in metrics}
    with page.look():
        sheet = panel_sheet(
            page,
            f"{in_words(quantities)} against {swept}",
            panels.common,
            [{QUANTITY: titles[metric], **words} for metric, words, _ in drawn],
            (axis, [quantity.axis for quantity in quantities]),
        )
        entries: list[list[style.Entry]] = []
        ends: list[list[End]] = []
        for axes, (metric, _, cells) in zip(sheet.axes, drawn, strict=True):
            entries.append([])
            drawings: list[style.Line] = []
            apart = factors_apart(looks, [size_of(cell) for cell in cells])
            for label, line in grouped(cells, lambda cell: cell.label).items():
                values = [values_of(cell, metric) for cell in line]
                if not any(values):
                    continue
                places = [size_of(cell) * apart[label] for cell in line]
                drawings.append(style.Line(places, values, looks[label], [_hollow(cell, metric) for cell in line]))
                marks = [cell.flops_mark for cell in line] if metric == "flops" else []
                bounds = [(place, own[0]) for place, own, mark in zip(places, values, marks, strict=False) if own and mark]
                mark_bounds(axes, bounds, looks[label].color, upwards=True)
                grown = growth([size_of(cell) for cell in line], values)
                text = _exponent(symbol, grown[0], short=not sheet.alone) if grown else ""
                last = max(next(launches.values() for launches in reversed(values) if launches))
                entries[-1].append((last, label, named(text, marks).strip()))
            ends.append(style.draw_lines(axes, drawings))
        sheet.legends(entries, looks)
        sheet.unite()
        style.size_ticks(sheet.axes[0], sizes, sheet.ticks())
        failed: dict[str, None] = {}
        for leader in dict.fromkeys(sheet.leaders):
            own = [place for place, leading in enumerate(sheet.leaders) if leading is leader]
            grid, cells_of = [sheet.axes[place] for place in own], [drawn[place][2] for place in own]
            failed |= dict.fromkeys(_mark_failures(grid, cells_of, size_of, looks, sheet))
            style.value_ticks(leader.yaxis, quantities[own[0]].prefixed)
        powers = [text for own in entries for _, _, text in own if text.startswith("$")] if sheet.alone or sheet.beside else []
        intervals = ", with 95 % intervals" if any("(" in text for text in powers) else ""
        reading = f"powers of {symbol}: growth over the {GROWTH_LENGTHS} largest sizes{intervals}" if powers else ""
        beyond = not_drawn({f"{cell.label} at {size_of(cell)} {size}": cell.status for cell in far})
        return sheet.finish(reading, panels.told, *failed, sheet.mark(ends), *beyond, *_notes(summary, panels.every, titles))


def _hollow(cell: CellSummary, metric: str) -> bool:
    """Whether a value is disturbed: those that are counted never are."""
    return cell.disturbed and not columns(SpeedRow)[metric].counted


def _notes(summary: SpeedSummary, cells: Sequence[CellSummary], titles: Mapping[str, str]) -> list[str]:
    """Which markers are hollow, which mixers the figure leaves out and why, and what is counted."""
    notes = []
    for metric, title in titles.items():
        missing = {
            label: without_flops(line) if metric == "flops" else "0 or not measured"
            for label, line in grouped(cells, lambda cell: cell.label).items()
            if all(cell.status == "ok" and not values_of(cell, metric) for cell in line)
        }
        where = f" ({title.lower()})" if len(titles) > 1 else ""
        notes += not_drawn(missing, where)
    steps = {WALL, DEVICE}.intersection(titles) and any(cell.decoding for cell in cells)
    notes += ["per token: one step of the whole batch, which gives a token of every sequence"] if steps else []
    hollow = any(_hollow(cell, metric) for cell in cells for metric in titles)
    counts = about_operations([cell.flops_mark for cell in summary.cells if cell.value("flops") is not None])
    return [*([HOLLOW] if hollow else []), *notes, *(counts if "flops" in titles else [])]


def _mark_failures(
    grid: Sequence[Axes],
    panels: Sequence[Sequence[CellSummary]],
    size_of: Callable[[CellSummary], int],
    looks: Mapping[str, style.LineStyle],
    sheet: Sheet,
) -> list[str]:
    """A cross at the top for each failed cell: one line of crosses per mixer and status, which are named below the first.

    Where there is no room for names, returns a note that has them; what is unsupported is only counted then.
    """
    failed = [grouped([c for c in cells if c.status != "ok"], lambda c: (c.label, c.status)) for cells in panels]
    needed = max(0.11, _FAILURE * sheet.page.scale / sheet.panel[1])
    told: list[str] = []
    if max(map(len, failed)) * needed > _MOST_FAILURES:
        left_out = {label for part in failed for label, status in part if status == _UNSUPPORTED}
        told = [f"not drawn: {counted(len(left_out), 'mixer')} ({_UNSUPPORTED})"] if left_out else []
        failed = [{key: cells for key, cells in part.items() if key[1] != _UNSUPPORTED} for part in failed]
    lines = max(map(len, failed))
    if not lines:
        return told
    bottom, top = grid[0].get_ylim()
    low, high = math.log10(bottom), math.log10(top)
    step = min(needed, _MOST_FAILURES / lines)
    grid[0].set_ylim(bottom, 10 ** min(low + (high - low) / (1 - step * (lines + 0.2)), _LARGEST_EXPONENT))
    sides = {min(map(size_of, chain(*panels))): "left", max(map(size_of, chain(*panels))): "right"}
    for axes, part in zip(grid, failed, strict=True):
        at = axes.get_xaxis_transform()
        axes.axhspan(top, grid[0].get_ylim()[1], color="#f4f4f4", zorder=0)
        for place, ((label, status), cells) in enumerate(part.items()):
            height, color, sizes = 1 - step * (place + 0.3), looks[label].color, [size_of(cell) for cell in cells]
            axes.plot(sizes, [height] * len(sizes), "x", color=color, mew=1.6, transform=at)
            if step == needed:
                axes.annotate(
                    f"{shortened(label, letters(sheet.panel[0]) - len(status) - 2)}: {status}",
                    (sizes[0], height),
                    xycoords=at,
                    xytext=(0, -4),
                    textcoords="offset points",
                    ha=sides.get(sizes[0], "center"),
                    va="top",
                    fontsize="small",
                    color=color,
                )
    every = dict.fromkeys(f"{label} ({status})" for part in failed for label, status in part)
    return told if step == needed else [f"crosses: {', '.join(every)}", *told]


def _exponent(symbol: str, interval: Interval, *, short: bool) -> str:
    """The exponent of growth with its interval."""
    low, high = ("" if bound is None else f"{round(bound, 2) + 0.0:.2f}" for bound in (interval.low, interval.high))
    between = "–" if short and not low.startswith("-") else " to "
    return texts.power(symbol, interval.point) + (f" ({low}{between}{high})" if low else "")
