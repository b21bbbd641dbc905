"""Test score against the cost of training: a point per mixer and number of examples, with the Pareto front."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from mixbench.plots import style
from mixbench.plots.notes import about_operations, mark_bounds, named
from mixbench.plots.page import PLAIN, Page
from mixbench.plots.panels import panel_sheet
from mixbench.plots.task_panels import TaskFigures
from mixbench.verdicts.learning.cells import DataCell
from mixbench.verdicts.learning.scores import TaskSummary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COSTS: dict[str, Callable[[DataCell], float | None]] = {
    "operations of training (FLOP)": lambda cell: cell.train_flops,
    "training time (s)": lambda cell: cell.train_seconds,
}
"""The cost of a training run, by axis label. The first that is known is drawn: runs side by side take each other's time."""
_COUNTED = next(iter(COSTS))
_SIDE_BY_SIDE = "time of a run; runs side by side lengthen it"


def cost_figure(drawn: TaskFigures, name: str, page: Page = PLAIN) -> Figure | None:
    """Test score against the operations of training: a point per mixer and size, larger for more examples.

    Against its time where no operations are known. Nothing beats a point on the Pareto front in both score and cost. None if no
    cost is known.
    """
    cells = [cell for _, task in drawn.panels for cell in task.cells if cell.score]
    axis = next((axis for axis, cost in COSTS.items() if any(map(cost, cells))), None)
    if axis is None:
        return None
    with page.look():
        sheet = panel_sheet(
            page,
            f"Score against cost on {name}",
            drawn.common,
            drawn.words,
            (axis, drawn.score_axis),
            ("log", "log" if drawn.logarithmic else "linear"),
            beside=False,
        )
        for axes, (_, task) in zip(sheet.axes, drawn.panels, strict=True):
            axes.margins(0.08)
            _draw_costs(axes, task, COSTS[axis], drawn, bounds=axis == _COUNTED)
        sheet.unite()
        style.value_ticks(sheet.axes[0].xaxis, prefixed=axis == _COUNTED, most=sheet.ticks())
        if drawn.logarithmic:
            style.value_ticks(sheet.axes[0].yaxis, prefixed=False)
        sheet.mark()
        known = [cell for cell in cells if COSTS[axis](cell)]
        marks = {
            label: [cell.train_flops_mark for cell in known if cell.label == label and axis == _COUNTED]
            for label in drawn.looks
            if any(cell.label == label for cell in known)
        }
        sheet.below(
            style.named_in_legend([label for label in drawn.looks if label in marks], drawn.looks),
            {label: named("", own).strip() for label, own in marks.items()},
        )
        every = [mark for own in marks.values() for mark in own]
        return sheet.finish(
            f"larger markers: more examples · rings and grey line: Pareto front{' of the exact values' if any(every) else ''}",
            *(about_operations(every) if axis == _COUNTED else [_SIDE_BY_SIDE]),
        )


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points (cost, badness) that no other matches or beats in both, by cost; the first of equal points."""
    front: list[int] = []
    for place in sorted(range(len(points)), key=lambda place: points[place]):
        if not front or points[place][1] < points[front[-1]][1]:
            front.append(place)
    return front


def _draw_costs(
    axes: Axes, task: TaskSummary, cost: Callable[[DataCell], float | None], drawn: TaskFigures, *, bounds: bool
) -> None:
    """The points of a panel; with `bounds`, marks at costs of which only a lower bound is known."""
    found = [(cell, spent, cell.score.point) for cell in task.cells if cell.score and (spent := cost(cell))]
    for label, cells in task.lines.items():
        own, look = [(spent, score) for cell, spent, score in found if cell in cells], drawn.looks[label]
        if own:
            axes.plot(*zip(*own, strict=True), color=look.color, linestyle=look.line, linewidth=0.7, zorder=2)
    for cell, spent, score in found:
        look, rank = drawn.looks[cell.label], task.sizes.index(cell.train_size) / len(task.sizes)
        marker, size, order = (".", 3.0, 1.5) if look.pale else (look.marker, 4 + 5 * rank, 3.0)
        axes.plot(spent, score, marker, color=look.color, markersize=size, zorder=order)
        if bounds and cell.train_flops_mark:
            mark_bounds(axes, [(spent, score)], look.color, upwards=False)
    # what may cost more than is known beats nothing
    known = [(x, y) for cell, x, y in found if not (bounds and cell.train_flops_mark)]
    corners = [known[place] for place in pareto_front([(x, y if drawn.is_error else -y) for x, y in known])]
    # between two points of the front the best score is still that of the cheaper one
    steps = [corner for left, right in pairwise(corners) for corner in (left, (right[0], left[1]))] + corners[-1:]
    if steps:
        axes.plot(*zip(*steps, strict=True), color=style.PALE, linewidth=3, alpha=0.5, zorder=1)
        axes.plot(*zip(*corners, strict=True), "o", markersize=13, markerfacecolor="none", color=style.PALE, zorder=1)
