"""Figure of the cost of a task: by target score, the factors as bars end to end on a log axis, and the product as a mark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from operator import mul
from pathlib import Path
from typing import TYPE_CHECKING

from mixbench.plots import style, texts
from mixbench.plots.ends import End, ends_of
from mixbench.plots.notes import OPERATIONS, fitted_label
from mixbench.plots.page import PLAIN, Page
from mixbench.plots.panels import legend_below, panel_sheet
from mixbench.plots.speed_panels import HOLLOW
from mixbench.stats import Interval
from mixbench.verdicts.cost.evidence import TaskCost
from mixbench.verdicts.cost.product import PRODUCT, Known, MixerCost

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FACTORS = {"example": ("#56b4e9", ""), "data": ("#e69f00", "//"), "trials": ("#009e73", "..")}
"""Colour and hatching; either alone tells the factors apart."""
_TRAINED = {"data": "learning curves", "trials": "search"}
"""What the runs behind a factor were for."""
_ROW, _LANE = 0.62, 0.19
"""Inches of a mixer, and the share of them that a bar takes."""
_TOP, _PRODUCT = -0.42, 0.25
"""Where the bars of a mixer begin and where its product is, from the middle of its row."""
_FAINT = 0.45
"""Opacity of a factor of which only a bound is known."""
_FAR = 1e12
"""A logarithmic axis has no place for an open end: its line ends here."""


def draw_costs(costs: Sequence[TaskCost], folder: Path, formats: Sequence[str] = ("png",), *, page: Page = PLAIN) -> list[Path]:
    """Write `cost-TASK` for every task with mixers to compare, numbered if a task occurs more than once.

    Raises UnknownNameError for an unknown format, StorageError if a file cannot be written, RequestError if the page is too
    small.
    """
    paths: list[Path] = []
    taken: set[str] = set()
    for cost in costs:
        if any(mixer.ratios for mixer in cost.costs):
            name = texts.distinct_name(f"cost-{texts.file_name(cost.subject.task)}", taken)
            paths += style.save(cost_figure(cost, page), folder, name, formats, page)
    return paths


def cost_figure(cost: TaskCost, page: Page = PLAIN) -> Figure:
    """A panel per target score, with what makes a mixer more expensive than the baseline right of 1 and what saves left."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    labels = [label for label in cost.mixers if label != cost.baseline]
    sign = "≤" if cost.is_error else "≥"
    with page.look():
        height = _ROW * page.scale * len(labels)
        sheet = panel_sheet(
            page,
            f"Cost of reaching a score on {cost.subject.task}",
            cost.subject.words,
            [{"target": f"{cost.score} {sign} {target:g}"} for target in cost.targets],
            (f"relative to {cost.baseline} (log scale)", ""),
            ("log", "linear"),
            beside=False,
            stacked=page.width is None or page.height is None or page.width < page.height,
            natural=(6.8, 2.1 + len(cost.targets) * (0.35 + height)),
            height=height,
        )
        first = sheet.axes[0]
        first.set_yticks(range(len(labels)), [fitted_label(label, 0.3 * sheet.figure.get_figwidth(), 2) for label in labels])
        ends = []
        for axes, target in zip(sheet.axes, cost.targets, strict=True):
            axes.set_title(f"{cost.score} {sign} {target:g}")
            axes.grid(visible=False, axis="y")
            axes.axvline(1, color="black", linewidth=0.8, zorder=2)
            ends.append(
                [
                    end
                    for mixer in cost.costs
                    if mixer.target == target and mixer.label in labels
                    for end in _draw(axes, labels.index(mixer.label), mixer, mixer.label in cost.disturbed_ratios)
                ]
            )
        first.set_ylim(len(labels) - 0.5, -0.5)
        _limit(first, cost)
        style.value_ticks(first.xaxis, prefixed=False, most=sheet.ticks(0.4))
        named = {"example": f"{cost.measure} per example", "data": "training examples", "trials": "tuning trials"}
        bars = [Patch(facecolor=color, hatch=hatch, edgecolor="white") for color, hatch in _FACTORS.values()]
        product = Line2D([], [], color="black", marker="D", markersize=4)
        legend_below(sheet.figure, [*bars, product], [(name, "") for name in (*named.values(), "cost, 95 % interval")])
        why = ", or the count leaves out some operators" if cost.bounds else ""
        return sheet.finish(
            "each bar begins where the one before it ends, the first at 1: the last ends at the cost",
            f"≥, ≤ and pale: only a bound is known, because the score lies outside the trained range{why}",
            f"{HOLLOW}; the bar of its time is pale" if cost.disturbed_ratios else "",
            sheet.mark(ends, sideways=True),
            *(f"{_TRAINED[source.factor]}: {source.words}" for source in cost.sources if source.factor in _TRAINED),
            *([OPERATIONS] if cost.unit == "FLOP" else []),
            *cost.warnings,
        )


def _draw(axes: Axes, place: int, cost: MixerCost, disturbed: bool) -> list[End]:
    """The factors as bars, one below the other, each from where the last one ended; then the product and its interval.

    If the times are `disturbed`, their bar is faint and the product is hollow.
    """
    start = 1.0
    for lane, (factor, (color, hatch)) in enumerate(_FACTORS.items()):
        known = _shown(cost.ratios[factor])
        if known is None:
            continue
        left, right = sorted((start, start * known))
        value = cost.ratios[factor].value
        faint = _FAINT if value.low != value.high or (disturbed and factor == "example") else 1
        top = place + _TOP + lane * _LANE
        axes.barh(
            top, right - left, _LANE, left, align="edge", color=color, alpha=faint, hatch=hatch, edgecolor="white", zorder=1
        )
        start *= known
        axes.vlines(start, top, place + _PRODUCT if factor == "trials" else top + 2 * _LANE, "#777777", linewidth=0.6, zorder=2)
    product = cost.ratios[PRODUCT]
    point, middle = _shown(product), place + _PRODUCT
    if point is None:
        axes.annotate("unknown", (start, middle), (4, 0), textcoords="offset points", va="center", fontsize="small")
        return []
    axes.plot(point, middle, "D", color="black", markersize=4, markerfacecolor="white" if disturbed else "black", zorder=4)
    text = f"{product.value.mark} {float(f'{point:.2g}'):g}".strip()
    axes.annotate(text, (point, middle), (0, -3), textcoords="offset points", ha="center", va="top", fontsize="small")
    if not product.interval:
        return []
    low, high = (min(max(end, 1 / _FAR), _FAR) for end in (product.interval.low, product.interval.high))
    axes.plot((low, high), (middle, middle), color="black", linewidth=1.2, zorder=3)
    return ends_of([middle], [Interval(point, product.interval.low, product.interval.high)], "black")


def _shown(known: Known) -> float | None:
    """The value, or the bound that is known; None without one."""
    low, high = known.value.low, known.value.high
    if low == high:
        return low
    return high if high < math.inf else low if low > 0 else None


def _limit(axes: Axes, cost: TaskCost) -> None:
    """Leave a factor of 1.6 beyond all bars, products and their intervals."""
    known = [1.0]
    for ratios in (mixer.ratios for mixer in cost.costs if mixer.ratios):
        known += accumulate((shown for factor in _FACTORS if (shown := _shown(ratios[factor]))), mul)
        product = ratios[PRODUCT]
        ends = (product.interval.low, product.interval.high) if product.interval else ()
        known += [end for end in (_shown(product), *ends) if end and end < math.inf]
    axes.set_xlim(min(known) / 1.6, max(known) * 1.6)
