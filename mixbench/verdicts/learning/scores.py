"""From data_efficiency.csv to a summary: the test score by mixer and number of examples, alone and against the baseline.

The replicate is the seed. It draws the examples, their order and the weights, alike for all mixers, so differences are paired.
"""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mixbench.tables.scores import ERRORS, SCORES
from mixbench.tables.selection import distinct
from mixbench.tables.training_rows import TrainingRow
from mixbench.verdicts.environments import UNKNOWN, Environments, choose_environment, united
from mixbench.verdicts.labels import MixerKey, find_baseline, mixer_labels, mixer_order, unpacked
from mixbench.verdicts.learning.cells import DataCell, cell_of
from mixbench.verdicts.learning.context import TaskContext, by_context
from mixbench.verdicts.learning.data_needed import Need, data_needed, default_targets
from mixbench.verdicts.learning.resampling import Curve
from mixbench.verdicts.records import bracket_columns, interval_columns

CONTROL = "none"
"""The mixer that does not mix: to beat its score, a mixer must mix."""


@dataclass(frozen=True)
class TaskSummary:
    """All runs of one context; cells are ordered by size and mixer."""

    context: TaskContext
    score: str
    """One of `SCORES`; empty where every run failed."""
    constant: float | None
    """Score of the best constant answer: the most frequent class, or the mean value; None where rows do not say it."""
    classes: int | None
    cells: tuple[DataCell, ...]
    needs: tuple[Need, ...]
    """The examples needed, by target and mixer."""
    trials: int
    """How many runs only chose a learning rate and are left out."""

    @property
    def is_error(self) -> bool:
        """Whether lower is better."""
        return self.score in ERRORS

    @property
    def constant_words(self) -> str:
        """What the best constant answer is called."""
        return SCORES[self.score].constant if self.score in SCORES else ""

    def beats_constant(self, cell: DataCell) -> bool:
        """Whether a mean score is better than that of the best constant answer, by more than its interval and sampling error.

        Seeds share the test set, so both count, as independent errors. True where the constant is not known.
        """
        if cell.score is None or self.constant is None:
            return cell.score is not None
        point, end = cell.score.point, cell.score.high if self.is_error else cell.score.low
        margin = math.hypot(0 if end is None else point - end, 2 * (cell.test_standard_error or 0))
        return _is_better(point + margin if self.is_error else point - margin, self.constant, self.is_error)

    @property
    def no_better_than_constant(self) -> list[str]:
        """Labels of the mixers with scores that beat the best constant answer at no size."""
        return [
            label
            for label, cells in self.lines.items()
            if any(cell.score for cell in cells) and not any(map(self.beats_constant, cells))
        ]

    @property
    def sizes(self) -> list[int]:
        """Numbers of training examples, ascending."""
        return sorted({cell.train_size for cell in self.cells})

    @property
    def lines(self) -> dict[str, list[DataCell]]:
        """The cells of each mixer by its label, by ascending size."""
        names = mixer_order((cell.mixer, cell.config) for cell in self.cells)
        by_mixer = {name: [cell for cell in self.cells if (cell.mixer, cell.config) == name] for name in names}
        return {cells[0].label: cells for cells in by_mixer.values()}


@dataclass(frozen=True)
class DataSummary:
    """All tasks that were trained with the same versions of mixbench and torch."""

    environment: str
    """That of the newest row: times are of this one alone."""
    environments: tuple[str, ...]
    """All of which there are runs."""
    baseline: str | None
    """Label of the mixer that the others are compared to; None without rows."""
    tasks: tuple[TaskSummary, ...]
    left_out: int
    """Rows of other environments, and of runs that several machines repeated."""


def summarise(
    rows: Sequence[TrainingRow],
    baseline: str | None = None,
    environment: str | None = None,
    targets: Sequence[float] = (),
    contents: Environments = UNKNOWN,
) -> DataSummary:
    """Summarise the rows of one environment, by default the newest, and those that `united` adds by the `contents` of others.

    `baseline` is a name or a label, by default attention or else the first mixer of the rows. `targets` are the scores for
    which the examples needed are read off, by default a few between the control and the best mixer of each task.
    Raises UnknownNameError for a baseline or an environment that the rows do not have.
    """
    environment = choose_environment(rows, environment)
    kept = united(rows, contents, environment)
    mixers = list(dict.fromkeys((row.mixer, row.config) for row in kept))
    base, labels = find_baseline(baseline, mixers), mixer_labels(mixers)
    return DataSummary(
        environment=environment,
        environments=tuple(distinct(kept, "environment")),
        baseline=labels[base] if base else None,
        tasks=tuple(
            _task(context, runs, trials, base, labels, targets, environment)
            for context, (runs, trials) in sorted(by_context(kept).items())
        ),
        left_out=len(rows) - len(kept),
    )


def curves(task: TaskSummary) -> dict[str, Curve]:
    """The learning curve of each mixer by its label."""
    return {label: {cell.train_size: cell.scores for cell in cells} for label, cells in task.lines.items()}


def to_json(summary: DataSummary) -> dict[str, Any]:
    """The summary as plain dicts, lists and numbers: config and settings as objects, infinite ends as "not reached"."""
    plain = dataclasses.asdict(summary)
    for task, whole in zip(plain["tasks"], summary.tasks, strict=True):
        task["context"]["settings"] = unpacked(task["context"]["settings"])
        for cell, own in zip(task["cells"], whole.cells, strict=True):
            cell |= {"config": unpacked(cell["config"]), "train_flops_mark": own.train_flops_mark}
        for bracket in (value for need in task["needs"] for value in need.values() if isinstance(value, dict)):
            bracket["high"] = "not reached" if bracket["high"] == math.inf else bracket["high"]
    return plain


def records(summary: DataSummary) -> list[dict[str, Any]]:
    """The printed tables as records of two kinds: "scores" by mixer and size, "examples needed" by mixer and target.

    For columns of intervals and open ends see `mixbench.verdicts.records`. Relative values are relative to the baseline.
    """
    return [
        {"table": table, **vars(task.context), **_shared(task), "baseline": summary.baseline, **record}
        for task in summary.tasks
        for table, own in (("scores", map(_score_record, task.cells)), ("examples needed", map(_need_record, task.needs)))
        for record in own
    ]


def _shared(task: TaskSummary) -> dict[str, Any]:
    return {"score": task.score, "constant_score": task.constant}


_AS_THEY_ARE = ("test_standard_error", "test_examples", "train_seconds", "train_flops", "state_mib")


def _score_record(cell: DataCell) -> dict[str, Any]:
    return {
        "mixer": cell.label,
        "train_size": cell.train_size,
        "status": cell.status,
        **interval_columns("test_score", cell.score),
        **interval_columns("difference", cell.difference),
        **interval_columns("relative_change_percent", cell.relative, 100),
        "seeds": len(cell.scores),
        "failed_runs": len(cell.failed),
        "examples_seen": cell.examples_seen,
        "still_improving": cell.still_improving,
        "detail": cell.detail,
        **{name: getattr(cell, name) for name in _AS_THEY_ARE},
        **{name: getattr(cell, name) for name in ("train_flops_mark", "train_flops_remark")},
        "learning_rates": ", ".join(f"{rate:g}" for rate in cell.learning_rates),
    }


def _need_record(need: Need) -> dict[str, Any]:
    return {
        "mixer": need.label,
        "target_score": need.target,
        **bracket_columns("examples_needed_", need.examples, need.interval, beyond="not reached"),
        **bracket_columns("relative_examples_needed_", need.ratio, need.ratio_interval),
    }


def _task(
    context: TaskContext,
    rows: Sequence[TrainingRow],
    trials: int,
    base: MixerKey | None,
    labels: Mapping[MixerKey, str],
    targets: Sequence[float],
    timed_in: str,
) -> TaskSummary:
    by_cell: dict[tuple[int, MixerKey], list[TrainingRow]] = defaultdict(list)
    for row in rows:
        by_cell[row.train_size, (row.mixer, row.config)].append(row)
    sizes, mixers = sorted({size for size, _ in by_cell}), mixer_order({mixer for _, mixer in by_cell})
    score = next((row.score for row in rows if row.score), "")
    cells = tuple(
        cell_of(labels[mixer], by_cell[size, mixer], others, score in ERRORS, timed_in)
        for size in sizes
        for mixer in mixers
        if (size, mixer) in by_cell
        for others in [by_cell.get((size, base), []) if base and base != mixer else []]
    )
    constant = next((row.constant_score for row in rows if row.constant_score is not None and row.score == score), None)
    classes = next((row.classes for row in rows if row.classes is not None), None)
    task = TaskSummary(context, score, constant, classes, cells, (), trials)
    lines = curves(task)
    control = next((labels[mixer] for mixer in mixers if mixer[0] == CONTROL), None)
    found = default_targets(lines, control, task.is_error, constant) if any(map(task.beats_constant, cells)) else ()
    wanted = [target for target in targets or found if constant is None or _is_better(target, constant, task.is_error)]
    return replace(task, needs=data_needed(lines, labels[base] if base else None, wanted, task.is_error))


def _is_better(score: float, other: float, is_error: bool) -> bool:
    return score < other if is_error else score > other
