"""Figures of data_efficiency.csv: learning curves, change against the baseline, score against cost and state."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mixbench.plots import style, texts
from mixbench.plots.ends import End, ends_of
from mixbench.plots.notes import not_drawn
from mixbench.plots.page import PLAIN, Page
from mixbench.plots.panels import panel_sheet
from mixbench.plots.score_axis import constant_words, draw_constant, ends_in, limit_scores, with_margin
from mixbench.plots.state_size import state_figure
from mixbench.plots.task_panels import TaskFigures, task_figures
from mixbench.plots.training_cost import cost_figure
from mixbench.stats import Interval
from mixbench.tables.training_rows import TrainingRow
from mixbench.verdicts.environments import UNKNOWN, Environments
from mixbench.verdicts.learning.cells import DataCell
from mixbench.verdicts.learning.power_law import PowerLaw, laws_to_show
from mixbench.verdicts.learning.scores import curves, summarise
from mixbench.verdicts.words import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EXAMPLES = "training examples"
_LEAST_RATIO, _LARGEST_RATIO = 2.0**-52, 1e30
"""Ratios are drawn as if they were within these: next to a score that exploded, all others are 0 times as large."""
_LONG = 1e6
"""From this ratio on, a change in per cent has an exponent."""


def draw_data_efficiency(
    rows: Sequence[TrainingRow],
    folder: Path,
    formats: Sequence[str] = ("png",),
    baseline: str | None = None,
    *,
    page: Page = PLAIN,
    contents: Environments = UNKNOWN,
) -> list[Path]:
    """Write every figure that the rows allow to `folder`, separately for each task; none for a task without scores.

    Raises UnknownNameError for an unknown format or baseline, StorageError if a file cannot be written, RequestError if the
    page is too small.
    """
    summary = summarise(rows, baseline, contents=contents)
    paths: list[Path] = []
    taken: set[str] = set()
    for task, drawn in task_figures(summary, page.highlight).items():
        name = texts.distinct_name(f"data-efficiency-{texts.file_name(task)}", taken)
        for kind, figure in (
            ("curves", curves_figure(drawn, task, page)),
            ("relative", relative_figure(drawn, task, summary.baseline, page)),
            ("cost", cost_figure(drawn, task, page)),
            ("state", state_figure(drawn, task, page)),
        ):
            paths += style.save(figure, folder, f"{name}-{kind}", formats, page) if figure else []
    return paths


def curves_figure(drawn: TaskFigures, name: str, page: Page = PLAIN) -> Figure:
    """Test score against training examples: mean, t-interval and dots over seeds, and power laws with their exponents.

    The power laws are those of `laws_to_show`: with fewer than six sizes, without and with a floor.
    """
    with page.look():
        sheet = panel_sheet(
            page,
            f"Learning curves on {name}",
            drawn.common,
            drawn.words,
            (EXAMPLES, drawn.score_axis),
            ("log", "log" if drawn.logarithmic else "linear"),
        )
        fitted: set[str] = set()
        entries: list[list[style.Entry]] = []
        ends: list[list[End]] = []
        failed: dict[str, str] = {}
        for axes, (_, task) in zip(sheet.axes, drawn.panels, strict=True):
            by_label = curves(task)
            entries.append([])
            ends.append([])
            for label, cells in task.lines.items():
                scored, lost = [cell for cell in cells if cell.score], _lost(cells)
                if not scored:
                    failed[label] = lost
                    continue
                ends[-1] += _draw_curve(axes, scored, drawn.looks[label])
                laws = {} if drawn.looks[label].pale else laws_to_show(by_label[label], drawn.is_error)
                _draw_laws(axes, laws, scored, drawn.looks[label].color, drawn.is_error)
                lines = [*(f"{floor}{_exponent(law)}" for floor, law in laws.items()), *filter(None, [lost])]
                fitted |= laws.keys()
                entries[-1].append((_height(scored), label, "\n".join(lines)))
            style.limit_to_one_size(axes, drawn.sizes)
            draw_constant(axes, task)
        sheet.legends(entries, drawn.looks)
        sheet.unite()
        limit_scores(sheet.axes[0], drawn)
        style.size_ticks(sheet.axes[0], drawn.sizes, sheet.ticks())
        return sheet.finish(_reading(drawn, fitted), sheet.mark(ends), *not_drawn(failed))


def relative_figure(drawn: TaskFigures, name: str, baseline: str | None, page: Page = PLAIN) -> Figure | None:
    """Relative change of the score against the baseline at the same number of examples, with its interval.

    On the logarithmic axis half and double are equally far from no change. None without a pair of runs.
    """
    from matplotlib.ticker import FuncFormatter

    if not any(cell.relative for _, task in drawn.panels for cell in task.cells):
        return None
    score, better = ("error", "lower") if drawn.is_error else ("score", "higher")
    with page.look():
        axis = f"change of the test {score} against {baseline} ({better} is better)"
        sheet = panel_sheet(page, f"Relative change on {name}", drawn.common, drawn.words, (EXAMPLES, axis))
        places = {label: 1.02 ** (2 * place - len(drawn.looks) + 1) for place, label in enumerate(drawn.looks)}
        entries: list[list[style.Entry]] = []
        ends: list[list[End]] = []
        for axes, (_, task) in zip(sheet.axes, drawn.panels, strict=True):
            axes.axhline(1, color="black", linewidth=0.9, zorder=1)
            entries.append([])
            ends.append([])
            for label, cells in task.lines.items():
                ratios = [(cell.train_size * places[label], _ratio(cell.relative)) for cell in cells if cell.relative]
                if ratios:
                    ends[-1] += _draw_ratios(axes, ratios, drawn.looks[label])
                    entries[-1].append((ratios[-1][1].point, label, ""))
        sheet.legends(entries, drawn.looks)
        sheet.unite()
        _limit_ratios(
            sheet.axes[0], [_ratio(cell.relative) for _, task in drawn.panels for cell in task.cells if cell.relative]
        )
        style.value_ticks(sheet.axes[0].yaxis, prefixed=False)
        sheet.axes[0].yaxis.set_major_formatter(FuncFormatter(lambda ratio, _: _change(ratio)))
        style.size_ticks(sheet.axes[0], drawn.sizes, sheet.ticks())
        return sheet.finish("bars: paired 95 % t-intervals over the seeds of both mixers", sheet.mark(ends))


def _draw_curve(axes: Axes, cells: Sequence[DataCell], look: style.LineStyle) -> list[End]:
    sizes = [cell.train_size for cell in cells]
    intervals = [cell.score for cell in cells if cell.score]
    if look.pale:
        style.draw_in_background(axes, [(cell.train_size, cell.score.point) for cell in cells if cell.score])
        return []
    axes.plot(sizes, [i.point for i in intervals], color=look.color, marker=look.marker, linestyle=look.line, zorder=3)
    low, high = ([i.point if (end := getattr(i, side)) is None else end for i in intervals] for side in ("low", "high"))
    if len(sizes) > 1:
        axes.fill_between(sizes, low, high, color=look.color, alpha=0.13, linewidth=0, zorder=1)
    elif low != high:
        axes.vlines(sizes, low, high, color=look.color, linewidth=1, zorder=2)
    dots = [(cell.train_size, score) for cell in cells if len(cell.scores) > 1 for score in cell.scores.values()]
    if dots:
        axes.plot(*zip(*dots, strict=True), ".", color=look.color, markersize=3.5, markeredgewidth=0, alpha=0.6, zorder=2.5)
    return ends_of(sizes, intervals, look.color)


def _draw_laws(axes: Axes, laws: Mapping[str, PowerLaw], cells: Sequence[DataCell], color: str, is_error: bool) -> None:
    """Draw the fits between the trained sizes only: they are not forecasts."""
    for floor, law in laws.items():
        examples = np.geomspace(cells[0].train_size, cells[-1].train_size, 100)
        errors = law.error(examples)
        line = ":" if floor else (0, (6, 3))
        axes.plot(examples, errors if is_error else 1 - errors, color=color, linestyle=line, linewidth=0.7, zorder=2)


def _exponent(law: PowerLaw) -> str:
    low, high = law.exponent.low, law.exponent.high
    return texts.power("n", -law.exponent.point) + ("" if low is None or high is None else f" ({-high:.2f} to {-low:.2f})")


def _lost(cells: Sequence[DataCell]) -> str:
    failed, runs = sum(len(cell.failed) for cell in cells), sum(cell.runs for cell in cells)
    return f"{failed} of {runs} runs failed" if failed else ""


def _reading(drawn: TaskFigures, fitted: Container[str]) -> str:
    """How to read the learning curves."""
    several = any(len(cell.scores) > 1 for _, task in drawn.panels for cell in task.cells)
    laws = {"": "dashed without a floor", "c + ": "dotted with a floor c"}
    kinds = ", ".join(words for floor, words in laws.items() if floor in fitted)
    over = "mean and 95 % t-interval over seeds · dots: single seeds" if several else "one seed"
    parts = [over, f"thin lines: power laws, {kinds}" if kinds else "", constant_words(task for _, task in drawn.panels)]
    return " · ".join(filter(None, parts))


def _change(ratio: float) -> str:
    change = round(ratio - 1, 8)
    return percent(change, ".0f" if 1 <= change < _LONG else ".3g", signed=True) if change else "0 %"


def _ratio(change: Interval) -> Interval:
    """A change as the ratio of the scores, within what an axis can hold."""
    low, high = (None if end is None else _within(1 + end) for end in (change.low, change.high))
    return Interval(_within(1 + change.point), low, high)


def _within(ratio: float) -> float:
    return min(max(ratio, _LEAST_RATIO), _LARGEST_RATIO)


def _height(cells: Sequence[DataCell]) -> float:
    return cells[-1].score.point if cells and cells[-1].score else -math.inf


def _limit_ratios(axes: Axes, ratios: Sequence[Interval]) -> None:
    """Limit the axis to the points and no change; much longer bars end at the frame."""
    points, ends = [1.0, *(ratio.point for ratio in ratios)], [1.0, *(end for ratio in ratios for end in ends_in(ratio))]
    spread = (max(points) / min(points)) ** 0.5
    low, high = max(min(ends), min(points) / spread / 1.1), min(max(ends), max(points) * spread * 1.1)
    axes.set_ylim(*with_margin(low, high))


def _draw_ratios(axes: Axes, ratios: Sequence[tuple[float, Interval]], look: style.LineStyle) -> list[End]:
    """Draw ratios with their intervals, by place on the x axis; returns the ends of the intervals."""
    places, intervals = [place for place, _ in ratios], [ratio for _, ratio in ratios]
    if look.pale:
        style.draw_in_background(axes, [(place, ratio.point) for place, ratio in ratios])
        return []
    axes.plot(places, [i.point for i in intervals], color=look.color, marker=look.marker, linestyle=look.line, zorder=3)
    bars = [(place, ratio.low, ratio.high) for place, ratio in ratios if ratio.low is not None and ratio.high is not None]
    if bars:
        axes.vlines(*zip(*bars, strict=True), color=look.color, linewidth=1, zorder=2)
    return ends_of(places, intervals, look.color)
