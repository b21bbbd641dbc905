"""Figure of the cost of a task: by target score, the factors as bars end to end on a log axis, and the product as a mark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mixbench.plots import style, texts
from mixbench.plots.notes import OPERATIONS, add_caption, add_heading
from mixbench.verdicts.cost.evidence import TaskCost
from mixbench.verdicts.cost.per_example import PER_EXAMPLE
from mixbench.verdicts.cost.product import PRODUCT, Known, MixerCost

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FACTORS = {"example": ("#56b4e9", ""), "data": ("#e69f00", "//"), "trials": ("#009e73", "..")}
"""Colour and hatching; either alone tells the factors apart."""
_HEIGHT = 0.5
_FAINT = 0.45
"""Opacity of a factor of which only a bound is known."""


def draw_costs(costs: Sequence[TaskCost], folder: Path, formats: Sequence[str] = ("png",)) -> list[Path]:
    """Write `cost-TASK` for every task with mixers to compare, numbered if a task occurs more than once.

    Raises UnknownNameError for an unknown format, StorageError if a file cannot be written.
    """
    paths: list[Path] = []
    taken: set[str] = set()
    for cost in costs:
        if any(mixer.ratios for mixer in cost.costs):
            name = texts.distinct_name(f"cost-{texts.file_name(cost.subject.task)}", taken)
            paths += style.save(cost_figure(cost), folder, name, formats)
    return paths


def cost_figure(cost: TaskCost) -> Figure:
    """A panel per target score, with what makes a mixer more expensive than the baseline right of 1 and what saves left."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    labels = [label for label in cost.mixers if label != cost.baseline]
    sign = "≤" if cost.is_error else "≥"
    with rc_context(style.RC):
        height = 1.9 + len(cost.targets) * (0.55 + 0.5 * len(labels))
        figure = Figure(figsize=(6.8, height), layout="constrained")
        add_heading(figure, f"Cost of reaching a score on {cost.subject.task}")
        panels = list(figure.subplots(len(cost.targets), 1, sharex=True, squeeze=False)[:, 0])
        for axes, target in zip(panels, cost.targets, strict=True):
            axes.set(title=f"{cost.score} {sign} {target:g}", xscale="log", yticks=range(len(labels)))
            axes.set_yticklabels([texts.literal(label) for label in labels])
            axes.set_ylim(len(labels) - 0.5, -0.75)
            axes.grid(visible=False, axis="y")
            axes.axvline(1, color="black", linewidth=0.8, zorder=2)
            for mixer in cost.costs:
                if mixer.target == target and mixer.label in labels:
                    _draw(axes, labels.index(mixer.label), mixer)
        _limit(panels, cost)
        panels[-1].set_xlabel(f"relative to {cost.baseline} (log scale)")
        style.value_ticks(panels[-1].xaxis, prefixed=False)
        named = {"example": PER_EXAMPLE[cost.unit], "data": "training examples", "trials": "tuning trials"}
        bars = [Patch(facecolor=color, hatch=hatch, edgecolor="white") for color, hatch in _FACTORS.values()]
        product = Line2D([], [], color="black", marker="D", markersize=4)
        figure.legend([*bars, product], [*named.values(), "cost, 95 % interval"], loc="outside lower center", ncols=4)
        why = ", or the count leaves out some operators" if cost.bounds else ""
        bounds = f"≥, ≤ and pale: only a bound is known, because the score lies outside the trained range{why}"
        counting = [OPERATIONS] if cost.unit == "FLOP" else []
        add_caption(figure, "\n".join([cost.subject.words, bounds, *counting, *cost.warnings]))
    return figure


def _draw(axes: Axes, place: int, cost: MixerCost) -> None:
    """Factors below 1 end to end left of 1, those above right of it; then the product."""
    ends = {True: 1.0, False: 1.0}
    for factor, (color, hatch) in _FACTORS.items():
        known = _shown(cost.ratios[factor])
        if known is None or known == 1:
            continue
        start = ends[known > 1]
        ends[known > 1] = start * known
        left, right = sorted((start, start * known))
        faint = _FAINT if cost.ratios[factor].value.low != cost.ratios[factor].value.high else 1
        axes.barh(
            place, right - left, left=left, height=_HEIGHT, color=color, alpha=faint, hatch=hatch, edgecolor="white", zorder=1
        )
    product = cost.ratios[PRODUCT]
    point = _shown(product)
    if point is None:
        axes.annotate("unknown", (ends[True], place), (4, 0), textcoords="offset points", va="center", fontsize=7.5)
        return
    axes.plot(point, place, "D", color="black", markersize=4, zorder=4)
    if product.interval:
        # a log axis has no place for an open end: the line ends at the edge of the panel
        low, high = (min(max(end, 1e-12), 1e12) for end in (product.interval.low, product.interval.high))
        axes.plot((low, high), (place, place), color="black", linewidth=1.2, zorder=3)
    text = f"{product.value.mark} {float(f'{point:.2g}'):g}".strip()
    axes.text(point, place - _HEIGHT / 2, text, ha="center", va="bottom", fontsize=7.5)


def _shown(known: Known) -> float | None:
    """The value, or the bound that is known; None without one."""
    low, high = known.value.low, known.value.high
    if low == high:
        return low
    return high if high < math.inf else low if low > 0 else None


def _limit(panels: Sequence[Axes], cost: TaskCost) -> None:
    """Leave a factor of 1.6 beyond all bars, products and their intervals."""
    known = [1.0]
    for ratios in (mixer.ratios for mixer in cost.costs if mixer.ratios):
        bars = [shown for factor in _FACTORS if (shown := _shown(ratios[factor]))]
        known += [math.prod(bar for bar in bars if bar > 1), math.prod(bar for bar in bars if bar < 1)]
        product = ratios[PRODUCT]
        ends = (product.interval.low, product.interval.high) if product.interval else ()
        known += [end for end in (_shown(product), *ends) if end and end < math.inf]
    panels[0].set_xlim(min(known) / 1.6, max(known) * 1.6)
