"""The axis of test scores: its limits hold what was measured, but not intervals that reach far beyond it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mixbench.plots import style
from mixbench.plots.task_panels import TaskFigures
from mixbench.stats import Interval
from mixbench.verdicts.learning.scores import TaskSummary
from mixbench.verdicts.words import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CONSTANT = (0, (8, 3, 2, 3))
"""Dashes of the line at the score of the best constant answer."""
_FARTHEST = 3.0
"""Bands end at this factor beyond the scores: with two or three seeds they can span decades."""
_MARGIN, _MOST_MARGIN = 0.06, 1e6
"""Share of an axis beyond the values at either end, and the largest factor that this is on a logarithmic one."""


def draw_constant(axes: Axes, task: TaskSummary) -> None:
    """A grey line at the score of the best constant answer, where it is known."""
    if task.constant is not None:
        axes.axhline(task.constant, color=style.PALE, linestyle=CONSTANT, linewidth=1.2, zorder=1)


def constant_words(tasks: Iterable[TaskSummary]) -> str:
    """What the grey lines are; empty if there are none."""
    known = [task for task in tasks if task.constant is not None]
    constants = dict.fromkeys(f"{task.constant_words}, {number(task.constant or 0.0)}" for task in known)
    return f"grey line: {', '.join(constants)}" if constants else ""


def limit_scores(axes: Axes, drawn: TaskFigures) -> None:
    """Limit the axis to the scores; longer bands end at the frame."""
    scores = [score for _, task in drawn.panels for cell in task.cells for score in cell.scores.values()]
    ends = [end for _, task in drawn.panels for cell in task.cells for end in ends_in(cell.score)]
    constants = [task.constant for _, task in drawn.panels if task.constant is not None]
    scores, ends = scores + constants, ends + constants
    if drawn.logarithmic:
        low, high = max(min(ends), min(scores) / _FARTHEST), min(max(ends), max(scores) * _FARTHEST)
        axes.set_ylim(*with_margin(low, high))
        style.value_ticks(axes.yaxis, prefixed=False)
        return
    room = max((max(scores) - min(scores)) / _FARTHEST, 0.01)
    low, high = max(min(ends), min(scores) - room), min(max(ends), max(scores) + room)
    margin = max(_MARGIN * (high - low), 0.005)
    axes.set_ylim(low - margin, high + margin)


def with_margin(low: float, high: float) -> tuple[float, float]:
    """Limits of a logarithmic axis around these values, with room for a marker at either end."""
    margin = min(max(math.exp(_MARGIN * (math.log(high) - math.log(low))), 1.002), _MOST_MARGIN)
    return max(low / margin, math.ulp(0.0)), high * margin


def ends_in(interval: Interval | None) -> list[float]:
    """The point and the bounds of an interval, as far as there are any."""
    return [end for end in (interval.point, interval.low, interval.high) if end is not None] if interval else []
