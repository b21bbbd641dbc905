"""Test score against the state that a mixer keeps between tokens, as in Zoology (arXiv 2312.04927) and Based (2402.18668)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mixbench.plots import style
from mixbench.plots.ends import End, ends_of
from mixbench.plots.notes import not_drawn
from mixbench.plots.page import PLAIN, Page
from mixbench.plots.panels import panel_sheet
from mixbench.plots.score_axis import constant_words, draw_constant, limit_scores
from mixbench.plots.task_panels import TaskFigures
from mixbench.stats import Interval
from mixbench.verdicts.labels import MixerKey, by_code, mixer_labels
from mixbench.verdicts.learning.scores import TaskSummary
from mixbench.verdicts.words import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AXIS = "state of one sequence (bytes)"
_BYTES = 2**20
_WIDTH = "width"
"""What the contexts of one panel differ in."""
NO_STEPS = "no state known"


@dataclass(frozen=True)
class Point:
    """A model: the size of its state in bytes, and its mean score."""

    state: float
    score: Interval


def state_figure(drawn: TaskFigures, name: str, page: Page = PLAIN) -> Figure | None:
    """Test score at the most examples against the size of the state: a line per mixer over its widths and options.

    Mixers whose state is not known are named below. None where all states have one size.
    """
    panels = _united(drawn)
    mixers = by_code((cell.mixer, cell.config) for tasks in panels.values() for task in tasks for cell in task.cells)
    labels = mixer_labels(mixers.values())
    points = [_points(tasks, mixers, labels) for tasks in panels.values()]
    if len({point.state for panel in points for own in panel.values() for point in own}) < 2:
        return None
    looks = _looks(drawn, mixers, labels)
    with page.look():
        sheet = panel_sheet(
            page,
            f"Score against state size on {name}",
            drawn.common,
            [dict(words) for words in panels],
            (AXIS, drawn.score_axis),
            ("log", "log" if drawn.logarithmic else "linear"),
            beside=False,
        )
        ends: list[list[End]] = []
        for axes, panel, tasks in zip(sheet.axes, points, panels.values(), strict=True):
            axes.margins(0.08)
            ends.append([end for label, own in panel.items() for end in _draw(axes, own, looks[label], drawn.is_error)])
            draw_constant(axes, tasks[0])
        sheet.unite()
        limit_scores(sheet.axes[0], drawn)
        style.value_ticks(sheet.axes[0].xaxis, prefixed=True, most=sheet.ticks())
        there = [label for label in looks if any(label in panel for panel in points)]
        sheet.below(style.named_in_legend(there, looks), {})
        return sheet.finish(
            *_reading(drawn, options=len({*mixers}) > len({*mixers.values()})),
            sheet.mark(ends),
            *not_drawn({label: NO_STEPS for label in looks if label not in there}),
        )


def _united(drawn: TaskFigures) -> dict[tuple[tuple[str, str], ...], list[TaskSummary]]:
    """The contexts of each panel, by the words that they share: those that differ only in their width are together."""
    panels: dict[tuple[tuple[str, str], ...], list[TaskSummary]] = defaultdict(list)
    for words, task in drawn.panels:
        panels[tuple((field, text) for field, text in words.items() if field != _WIDTH)].append(task)
    return panels


def _points(
    tasks: Sequence[TaskSummary], mixers: Mapping[MixerKey, MixerKey], labels: Mapping[MixerKey, str]
) -> dict[str, list[Point]]:
    """The models of each mixer at the most examples of its context, by the size of their state."""
    found: dict[str, list[Point]] = defaultdict(list)
    for task in tasks:
        for cell in task.cells:
            if cell.train_size == task.sizes[-1] and cell.state_mib and cell.score:
                found[labels[mixers[cell.mixer, cell.config]]].append(Point(_BYTES * cell.state_mib, cell.score))
    return {label: sorted(own, key=lambda point: point.state) for label, own in found.items()}


def _looks(
    drawn: TaskFigures, mixers: Mapping[MixerKey, MixerKey], labels: Mapping[MixerKey, str]
) -> dict[str, style.LineStyle]:
    """The look of each mixer: in the background if it is there with all its options in the other figures, too."""
    shown = {
        labels[mixers[cell.mixer, cell.config]]
        for _, task in drawn.panels
        for cell in task.cells
        if not drawn.looks[cell.label].pale
    }
    return style.line_styles(mixers.values(), shown)


def _draw(axes: Axes, points: Sequence[Point], look: style.LineStyle, is_error: bool) -> list[End]:
    """Draw a mixer: all its points, with a line through the best of each size; returns the ends of the intervals."""
    states, scores = [point.state for point in points], [point.score.point for point in points]
    if look.pale:
        style.draw_in_background(axes, [*zip(states, scores, strict=True)])
        return []
    axes.plot(states, scores, color=look.color, marker=look.marker, linestyle="none", zorder=3)
    best = {point.state: point.score.point for point in sorted(points, key=lambda point: point.score.point, reverse=is_error)}
    axes.plot(*zip(*sorted(best.items()), strict=True), color=look.color, linestyle=look.line, zorder=2.9)
    bars = [(point.state, point.score.low, point.score.high) for point in points]
    if known := [bar for bar in bars if bar[1] is not None and bar[2] is not None]:
        axes.vlines(*zip(*known, strict=True), color=look.color, linewidth=1, zorder=2)
    return ends_of(states, [point.score for point in points], look.color)


def _reading(drawn: TaskFigures, *, options: bool) -> list[str]:
    """How to read the figure; with `options`, whether a line is over several of a mixer's options."""
    tasks = [task for _, task in drawn.panels]
    widths = sorted({task.context.width for task in tasks})
    several = any(len(cell.scores) > 1 for task in tasks for cell in task.cells)
    over = [*([f"widths {', '.join(map(str, widths))}"] if len(widths) > 1 else []), *(["options"] if options else [])]
    parts = [
        f"points of a line: {' and '.join(over)}" if over else "",
        f"after {' or '.join(map(number, sorted({task.sizes[-1] for task in tasks})))} training examples",
        "bars: 95 % t-intervals over seeds" if several else "one seed",
    ]
    return [" · ".join(filter(None, parts)), constant_words(tasks)]
