"""data_efficiency.csv in, summary out: test score per mixer and number of examples, and what it is against the baseline's.

The replicate is the seed: it draws the examples, the weights and their order, alike for all mixers, so differences are paired.
An error (mse) is a matter of ratios: its mean is geometric and its interval lies on the log scale. Other scores are averaged
as they are.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from mixbench.stats import Interval, log_t_interval, t_interval
from mixbench.tables.rows import TrainingRow
from mixbench.verdicts.labels import MixerKey, choose_environment, find_baseline, mixer_labels, mixer_order, unpacked
from mixbench.verdicts.learning.context import TaskContext, by_context
from mixbench.verdicts.learning.data_needed import Bracket, Need, data_needed, default_targets
from mixbench.verdicts.learning.resampling import Curve

CONTROL = "none"
ERRORS = ("mse", "error")
"""Scores of which less is better."""


@dataclass(frozen=True)
class DataCell:
    """One mixer trained on one number of examples; means over the seeds that went well, None where there are none."""

    mixer: str
    config: str
    label: str
    train_size: int
    scores: Mapping[int, float]
    """Test score by seed."""
    failed: Mapping[int, str]
    """Status of the other runs by seed, diverged ones included."""
    detail: str
    """Why the first of them failed."""
    score: Interval | None
    difference: Interval | None
    """Score minus the baseline's, over the seeds that both have; arithmetic for errors too."""
    relative: Interval | None
    """Score over the baseline's, minus 1, over the same seeds, on the log scale; None where a score is 0."""
    pairs: int
    """Seeds that both have."""
    test_standard_error: float | None
    """Sampling error of one test score over the test examples."""
    test_examples: int | None
    train_seconds: float | None
    train_flops: float | None
    learning_rates: tuple[float, ...]
    """Distinct rates of the runs."""

    @property
    def runs(self) -> int:
        """How many runs ended, well or not."""
        return len(self.scores) + len(self.failed)


@dataclass(frozen=True)
class TaskSummary:
    """Everything trained in one context; cells ordered by size and mixer."""

    context: TaskContext
    score: str
    """accuracy or mse; empty where every run failed."""
    cells: tuple[DataCell, ...]
    needs: tuple[Need, ...]
    """By target and mixer."""
    trials: int
    """Runs that only chose a learning rate, and are left out."""

    @property
    def is_error(self) -> bool:
        """Whether less is better."""
        return self.score in ERRORS

    @property
    def sizes(self) -> list[int]:
        """Numbers of training examples, in order."""
        return sorted({cell.train_size for cell in self.cells})

    @property
    def lines(self) -> dict[str, list[DataCell]]:
        """The cells of each mixer by its label, by rising size."""
        names = mixer_order((cell.mixer, cell.config) for cell in self.cells)
        by_mixer = {name: [cell for cell in self.cells if (cell.mixer, cell.config) == name] for name in names}
        return {cells[0].label: cells for cells in by_mixer.values()}


@dataclass(frozen=True)
class DataSummary:
    """All tasks of one environment."""

    environment: str
    baseline: str | None
    """Label of the mixer that the others are compared to; None where there are no rows."""
    tasks: tuple[TaskSummary, ...]
    left_out: int
    """Rows of other environments."""


def summarise(
    rows: Sequence[TrainingRow],
    baseline: str | None = None,
    environment: str | None = None,
    targets: Sequence[float] = (),
) -> DataSummary:
    """The rows of one environment (default: the newest), summarised.

    `baseline` is a name or a label; default attention where present, else the first mixer of the rows. `targets` are the
    scores for which the data needed are read off; default a few between the control and the best mixer of each task.
    Raises UnknownNameError for a baseline or an environment that the rows do not have.
    """
    environment = choose_environment(rows, environment)
    kept = [row for row in rows if row.environment == environment]
    mixers = list(dict.fromkeys((row.mixer, row.config) for row in kept))
    base, labels = find_baseline(baseline, mixers), mixer_labels(mixers)
    return DataSummary(
        environment=environment,
        baseline=labels[base] if base else None,
        tasks=tuple(
            _task(context, runs, trials, base, labels, targets) for context, (runs, trials) in sorted(by_context(kept).items())
        ),
        left_out=len(rows) - len(kept),
    )


def curves(task: TaskSummary) -> dict[str, Curve]:
    """Test scores by seed, by size, by label of the mixer."""
    return {label: {cell.train_size: cell.scores for cell in cells} for label, cells in task.lines.items()}


def to_json(summary: DataSummary) -> dict[str, Any]:
    """The summary as plain dicts, lists and numbers; config and settings as objects, infinite ends as "not reached"."""
    plain = dataclasses.asdict(summary)
    for task in plain["tasks"]:
        task["context"]["settings"] = unpacked(task["context"]["settings"])
        for cell in task["cells"]:
            cell["config"] = unpacked(cell["config"])
            cell["learning_rates"] = list(cell["learning_rates"])
    for task, whole in zip(plain["tasks"], summary.tasks, strict=True):
        task["needs"] = [_plain_need(need) for need in whole.needs]
    return plain


def _plain_need(need: Need) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, Bracket):
            return {"low": value.low, "high": "not reached" if value.high == float("inf") else value.high}
        return value

    return {field.name: plain(getattr(need, field.name)) for field in dataclasses.fields(need)}


def _task(
    context: TaskContext,
    rows: Sequence[TrainingRow],
    trials: int,
    base: MixerKey | None,
    labels: Mapping[MixerKey, str],
    targets: Sequence[float],
) -> TaskSummary:
    by_cell: dict[tuple[int, MixerKey], list[TrainingRow]] = defaultdict(list)
    for row in rows:
        by_cell[row.train_size, (row.mixer, row.config)].append(row)
    sizes, mixers = sorted({size for size, _ in by_cell}), mixer_order({mixer for _, mixer in by_cell})
    score = next((row.score for row in rows if row.score), "")
    cells = tuple(
        _cell(labels[mixer], by_cell[size, mixer], others, score in ERRORS)
        for size in sizes
        for mixer in mixers
        if (size, mixer) in by_cell
        for others in [by_cell.get((size, base), []) if base and base != mixer else []]
    )
    task = TaskSummary(context, score, cells, (), trials)
    lines = curves(task)
    control = next((labels[mixer] for mixer in mixers if mixer[0] == CONTROL), None)
    wanted = tuple(targets) or default_targets(lines, control, task.is_error)
    return replace(task, needs=data_needed(lines, labels[base] if base else None, wanted, task.is_error))


def _cell(label: str, rows: Sequence[TrainingRow], baseline: Sequence[TrainingRow], is_error: bool) -> DataCell:
    good = [row for row in rows if row.status == "ok"]
    bad = [row for row in rows if row.status != "ok"]
    scores, others = _scores(rows), _scores(baseline)
    pairs = [(scores[seed], others[seed]) for seed in scores if seed in others]

    def mean(values: Iterable[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return fmean(known) if known else None

    return DataCell(
        mixer=rows[0].mixer,
        config=rows[0].config,
        label=label,
        train_size=rows[0].train_size,
        scores=scores,
        failed={row.seed: row.status for row in sorted(bad, key=lambda row: row.seed)},
        detail=bad[0].detail if bad else "",
        score=_mean(list(scores.values()), is_error) if scores else None,
        difference=t_interval([own - other for own, other in pairs]) if pairs else None,
        relative=_relative(pairs),
        pairs=len(pairs),
        test_standard_error=mean(row.test_standard_error for row in good),
        test_examples=next((row.test_examples for row in good if row.test_examples is not None), None),
        train_seconds=mean(row.train_seconds for row in good),
        train_flops=mean(row.train_flops for row in good),
        learning_rates=tuple(sorted({row.learning_rate for row in rows if row.learning_rate is not None})),
    )


def _scores(rows: Iterable[TrainingRow]) -> dict[int, float]:
    return dict(sorted((row.seed, row.test_score) for row in rows if row.test_score is not None))


def _mean(scores: Sequence[float], is_error: bool) -> Interval:
    return log_t_interval(scores) if is_error and min(scores) > 0 else t_interval(scores)


def _relative(pairs: Sequence[tuple[float, float]]) -> Interval | None:
    if not pairs or min(map(min, pairs)) <= 0:
        return None
    ratio = log_t_interval([own / other for own, other in pairs])
    return Interval(ratio.point - 1, *(None if end is None else end - 1 for end in (ratio.low, ratio.high)))
