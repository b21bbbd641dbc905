"""Charts of data_efficiency.csv: test score against training examples, and the examples needed for a score."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from mixbench.plots.score_axis import constant_words, ends_in
from mixbench.plots.task_panels import TaskFigures
from mixbench.reports.charts.axes import Axis, linear_axis, log_axis
from mixbench.reports.charts.chart import chart
from mixbench.reports.charts.looks import Looks
from mixbench.reports.charts.rows import BARS, rows_chart
from mixbench.reports.charts.traces import Line, Point, Trace, line_traces, reference
from mixbench.reports.contents import Chart
from mixbench.stats import Interval
from mixbench.verdicts.brackets import needed
from mixbench.verdicts.entries import interval_text
from mixbench.verdicts.learning.cells import DataCell
from mixbench.verdicts.learning.data_needed import UNKNOWN, Bracket, Need
from mixbench.verdicts.learning.scores import TaskSummary
from mixbench.verdicts.words import counted, number

EXAMPLES = "training examples"
_ONE_SEED = "One seed: no intervals"
_FAR = 3.0
"""Bands end at this factor beyond the scores, or share of their range: with two or three seeds they can span decades."""
_UP, _DOWN = "triangle-up-open", "triangle-down-open"
"""Markers of a need of which only a lower, or an upper bound is known."""


def curve_charts(name: str, task_name: str, drawn: TaskFigures, looks: Looks, about: str) -> Iterator[Chart]:
    """Test score against training examples, a chart per context of a task: mean, interval, a dot per seed."""
    for place, (words, task) in enumerate(drawn.panels, start=1):
        if len(task.sizes) == 1:
            yield _of_one_size(f"{name}-{place}", task_name, words, drawn, task, looks, about)
            continue
        traces: list[Trace] = []
        for _, cells in sorted(task.lines.items(), key=lambda line: not looks[_mixer(line[1][0])].pale):
            points = [_scored(cell, task.score) for cell in cells if cell.score]
            line = Line(looks[_mixer(cells[0])], points, about, "%{x} examples")
            traces += line_traces(line, logarithmic=drawn.logarithmic)
        if not traces:
            continue
        sizes = [cell.train_size for cell in task.cells if cell.score]
        ends = (min(sizes), max(sizes)) if len({*sizes}) > 1 else (sizes[0] / 2, sizes[0] * 2)
        constant = (
            [reference(task.constant, ends, f"{task.constant_words}: {task.constant:.3g}")] if task.constant is not None else []
        )
        failed = [cell.label for cell in task.cells if cell.failed]
        yield chart(
            f"{name}-{place}",
            " · ".join([f"Learning curves on {task_name}", *words.values()]),
            [
                drawn.common,
                _intervals(task),
                constant_words([task]),
                f"Some runs of {', '.join(dict.fromkeys(failed))} failed: see the table" if failed else "",
                "Grey: the other mixers; point at one for its name" if any(look.pale for look in drawn.looks.values()) else "",
            ],
            [*constant, *traces],
            (log_axis(EXAMPLES, sizes, at=sizes), _score_axis(drawn, task)),
        )


def _of_one_size(
    name: str, task_name: str, words: Mapping[str, str], drawn: TaskFigures, task: TaskSummary, looks: Looks, about: str
) -> Chart:
    """The scores on one number of examples: a row per mixer, the best first."""
    scored = [(looks[_mixer(cell)], _scored(cell, task.score)) for cell in task.cells if cell.score]
    ordered = sorted(scored, key=lambda row: row[1].interval.point * (1 if task.is_error else -1))
    return rows_chart(
        name,
        " · ".join([f"Test {task.score} on {task_name} after {number(task.sizes[0])} examples", *words.values()]),
        [drawn.common, BARS if len(scored[0][1].dots) > 1 else _ONE_SEED, constant_words([task])],
        [(look, point.interval, point.text, point.hollow) for look, point in ordered],
        drawn.score_axis,
        about,
        lambda _, __: _score_axis(drawn, task),
        reference=(task.constant, f"{task.constant_words}: {task.constant:.3g}") if task.constant is not None else None,
    )


def _intervals(task: TaskSummary) -> str:
    several = any(len(cell.scores) > 1 for cell in task.cells)
    return "Bands: 95 % t-intervals of the mean over seeds; each dot is a seed" if several else _ONE_SEED


def _mixer(cell: DataCell) -> tuple[str, str]:
    return cell.mixer, cell.config


def _scored(cell: DataCell, score: str) -> Point:
    interval = cell.score or Interval(math.nan)
    failed = f", {len(cell.failed)} of {cell.runs} runs failed" if cell.failed else ""
    text = f"{score} {''.join(interval_text(interval))}, {counted(len(cell.scores), 'seed')}{failed}"
    return Point(cell.train_size, interval, text, list(cell.scores.values()), hollow=bool(cell.failed))


def _score_axis(drawn: TaskFigures, task: TaskSummary) -> Axis:
    """Limits hold what was measured, but not intervals that reach far beyond it."""
    scores = [score for cell in task.cells for score in cell.scores.values()]
    ends = [end for cell in task.cells for end in ends_in(cell.score)]
    known = [task.constant] if task.constant is not None else []
    low, high = min(scores + known), max(scores + known)
    if drawn.logarithmic:
        return log_axis(drawn.score_axis, [max(min(ends), low / _FAR), low, high, min(max(ends), high * _FAR)])
    room = max((high - low) / _FAR, 0.01)
    return linear_axis(drawn.score_axis, [max(min(ends), low - room), low, high, min(max(ends), high + room)])


def need_charts(name: str, task_name: str, drawn: TaskFigures, looks: Looks) -> Iterator[Chart]:
    """The training examples needed against the score to reach, a chart per context with such scores."""
    sign = "≤" if drawn.is_error else "≥"
    for place, (words, task) in enumerate(drawn.panels, start=1):
        sizes = {label: [cell.train_size for cell in cells if cell.scores] for label, cells in task.lines.items()}
        traces: list[Trace] = []
        bounds = False
        for label, cells in sorted(task.lines.items(), key=lambda line: not looks[_mixer(line[1][0])].pale):
            needs = [need for need in task.needs if need.label == label and need.examples != UNKNOWN]
            points = [_needed(need, f"{task.score} {sign} {need.target:g}", sizes[label]) for need in needs]
            bounds |= any(point.symbol for point in points)
            traces += line_traces(Line(looks[_mixer(cells[0])], points, "", ""))
        if not traces:
            continue
        targets = sorted({need.target for need in task.needs})
        every = [size for own in sizes.values() for size in own]
        axis = linear_axis(f"test {task.score} to reach", targets)
        axis |= {"tickvals": targets, "ticktext": [f"{sign} {target:g}" for target in targets]}
        yield chart(
            f"{name}-{place}",
            " · ".join([f"Training examples needed on {task_name}", *words.values()]),
            [
                drawn.common,
                "Read off the learning curves, within the trained sizes only",
                "Bands: 95 % intervals" if any(need.interval for need in task.needs) else _ONE_SEED,
                "Hollow triangles: not reached with the most examples (up), or reached with the fewest (down)"
                if bounds
                else "",
            ],
            traces,
            (axis, log_axis(f"{EXAMPLES} needed", every, at=sorted({*every}))),
        )


def _needed(need: Need, goal: str, sizes: Sequence[int]) -> Point:
    least, most = min(sizes), max(sizes)
    value = _within(need.examples, least, most)
    low, high = (None, None) if need.interval is None else _ends(need.interval, least, most)
    entry = needed(need.examples, need.interval, least, most)
    symbol = _UP if need.examples.high == math.inf else _DOWN if need.examples.high <= least else ""
    said = f"{entry.number}{entry.tail}" if entry else "unknown"
    text = f"{goal}: {said}" if symbol == _UP else f"{goal}: {said} examples"
    return Point(need.target, Interval(value, low, high), text, symbol=symbol)


def _within(known: Bracket, least: float, most: float) -> float:
    return most if known.high == math.inf else max(known.high, least)


def _ends(interval: Bracket, least: float, most: float) -> tuple[float, float]:
    return max(interval.low, least), min(interval.high, most)
