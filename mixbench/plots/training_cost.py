"""Test score against the cost of training: a point per mixer and number of examples, with the Pareto front."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from mixbench.plots import style
from mixbench.plots.notes import about_operations, add_caption, add_heading, mark_bounds, named
from mixbench.plots.task_panels import TaskFigures
from mixbench.verdicts.learning.cells import DataCell
from mixbench.verdicts.learning.scores import TaskSummary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_OPERATIONS = "operations of training (FLOP)"
COSTS: dict[str, Callable[[DataCell], float | None]] = {
    "training time (s)": lambda cell: cell.train_seconds,
    _OPERATIONS: lambda cell: cell.train_flops,
}
"""The cost of a training run, by axis label."""


def cost_figure(drawn: TaskFigures, name: str) -> Figure | None:
    """Test score against time and operations of training: a point per mixer and size, larger for more examples.

    Nothing beats a point on the Pareto front in both score and cost. None if no cost is known.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    cells = [cell for _, task in drawn.panels for cell in task.cells if cell.score]
    known = {axis: cost for axis, cost in COSTS.items() if any(map(cost, cells))}
    if not known:
        return None
    with rc_context(style.RC):
        rows, columns = len(drawn.panels), len(known)
        figure = Figure(figsize=(style.PANEL_ALONE[0] if columns == 1 else 8.6, 3.4 * rows + 1.2), layout="constrained")
        add_heading(figure, f"Score against cost on {name}")
        grid = figure.subplots(rows, columns, sharex="col", sharey=True, squeeze=False)
        for line, (title, task) in zip(grid, drawn.panels, strict=True):
            line[0].set_ylabel(drawn.score_axis)
            for axes, (axis, cost) in zip(line, known.items(), strict=True):
                axes.set(xscale="log", yscale="log" if drawn.logarithmic else "linear", title=title)
                _draw_costs(axes, task, cost, drawn, bounds=axis == _OPERATIONS)
        for axes, axis in zip(grid[-1], known, strict=True):
            axes.set_xlabel(axis)
            style.value_ticks(axes.xaxis, prefixed="FLOP" in axis)
        if drawn.logarithmic:
            style.value_ticks(grid[0][0].yaxis, prefixed=False)
        counted = [cell for cell in cells if cell.train_flops]
        marks = {label: [cell.train_flops_mark for cell in counted if cell.label == label] for label in drawn.looks}
        style.legend_below(figure, drawn.looks, {label: named(label, own) for label, own in marks.items()})
        every = [mark for own in marks.values() for mark in own]
        front = "Pareto front of the exact values" if any(every) else "Pareto front"
        reading = f"larger markers: more examples · rings and grey line: {front}"
        counting = about_operations(every) if _OPERATIONS in known else []
        add_caption(figure, "\n".join(filter(None, (drawn.common, reading, *counting))))
    return figure


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
        axes.plot(spent, score, look.marker, color=look.color, markersize=4 + 5 * rank, zorder=3)
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
