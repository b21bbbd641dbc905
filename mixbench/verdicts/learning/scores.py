"""From data_efficiency.csv to a summary: the test score by mixer and number of examples, alone and against the baseline.

The replicate is the seed. It draws the examples, their order and the weights, alike for all mixers, so differences are paired.
"""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mixbench.stats import Interval
from mixbench.tables.rows import TrainingRow
from mixbench.tables.scores import ERRORS
from mixbench.verdicts.environments import choose_environment, rows_of
from mixbench.verdicts.labels import MixerKey, find_baseline, mixer_labels, mixer_order, unpacked
from mixbench.verdicts.learning.context import TaskContext, by_context
from mixbench.verdicts.learning.data_needed import Need, data_needed, default_targets
from mixbench.verdicts.learning.means import known_mean, mean_difference, mean_score, relative_change
from mixbench.verdicts.learning.resampling import Curve
from mixbench.verdicts.records import bracket_columns, count_mark, count_remark, interval_columns

CONTROL = "none"
"""The mixer that does not mix: to beat its score, a mixer must mix."""


@dataclass(frozen=True)
class DataCell:
    """One mixer trained on one number of examples; means are over the seeds that succeeded, None without any."""

    mixer: str
    config: str
    label: str
    train_size: int
    scores: Mapping[int, float]
    """Test score by seed."""
    failed: Mapping[int, str]
    """Status by seed of the runs without a score, including diverged ones."""
    detail: str
    """Why the first of these failed."""
    score: Interval | None
    difference: Interval | None
    """Score minus the baseline's, over the seeds that both have; arithmetic, for errors as well."""
    relative: Interval | None
    """Score relative to the baseline's, minus 1, over the same seeds, on the log scale; None where a score is 0."""
    pairs: int
    """Seeds that both have."""
    test_standard_error: float | None
    """Standard error of one test score from sampling the test examples."""
    test_examples: int | None
    train_seconds: float | None
    train_flops: float | None
    train_flops_remark: str
    """Why train_flops is only a lower bound, or unknown; empty where every product has a formula."""
    learning_rates: tuple[float, ...]
    """Distinct learning rates of the runs."""
    steps: int | None
    examples_seen: int | None
    """Examples that a run was trained on, repetitions included: below `train_size` it saw only a part of them."""

    @property
    def status(self) -> str:
        """ok if any run has a score, else what happened to all runs: their status, or `failed` where these differ."""
        if self.scores:
            return "ok"
        statuses = set(self.failed.values())
        return statuses.pop() if len(statuses) == 1 else "failed"

    @property
    def train_flops_mark(self) -> str | None:
        """The mark of train_flops, as of `count_mark`."""
        return count_mark(self.train_flops, self.train_flops_remark)

    @property
    def runs(self) -> int:
        """How many runs finished, with a score or without."""
        return len(self.scores) + len(self.failed)


@dataclass(frozen=True)
class TaskSummary:
    """All runs of one context; cells are ordered by size and mixer."""

    context: TaskContext
    score: str
    """accuracy or mse; empty where every run failed."""
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
    """All tasks that were trained in one environment."""

    environment: str
    baseline: str | None
    """Label of the mixer that the others are compared to; None without rows."""
    tasks: tuple[TaskSummary, ...]
    left_out: int
    """Rows of other environments."""


def summarise(
    rows: Sequence[TrainingRow],
    baseline: str | None = None,
    environment: str | None = None,
    targets: Sequence[float] = (),
) -> DataSummary:
    """Summarise the rows of one environment, by default the newest.

    `baseline` is a name or a label, by default attention or else the first mixer of the rows. `targets` are the scores for
    which the examples needed are read off, by default a few between the control and the best mixer of each task.
    Raises UnknownNameError for a baseline or an environment that the rows do not have.
    """
    environment = choose_environment(rows, environment)
    kept = rows_of(rows, environment)
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
        {"table": table, **vars(task.context), "score": task.score, "baseline": summary.baseline, **record}
        for task in summary.tasks
        for table, own in (("scores", map(_score_record, task.cells)), ("examples needed", map(_need_record, task.needs)))
        for record in own
    ]


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
        "detail": cell.detail,
        **{name: getattr(cell, name) for name in ("test_standard_error", "test_examples", "train_seconds", "train_flops")},
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
    return DataCell(
        mixer=rows[0].mixer,
        config=rows[0].config,
        label=label,
        train_size=rows[0].train_size,
        scores=scores,
        failed={row.seed: row.status for row in sorted(bad, key=lambda row: row.seed)},
        detail=bad[0].detail if bad else "",
        score=mean_score(list(scores.values()), is_error),
        difference=mean_difference(pairs),
        relative=relative_change(pairs),
        pairs=len(pairs),
        test_standard_error=known_mean(row.test_standard_error for row in good),
        test_examples=next((row.test_examples for row in good if row.test_examples is not None), None),
        train_seconds=known_mean(row.train_seconds for row in good),
        train_flops=known_mean(row.train_flops for row in good),
        train_flops_remark=count_remark("train_flops", [(row.train_flops, row.detail) for row in good]),
        steps=next((row.steps for row in good), None),
        examples_seen=next((row.examples_seen for row in good), None),
        learning_rates=tuple(sorted({row.learning_rate for row in rows if row.learning_rate is not None})),
    )


def _scores(rows: Iterable[TrainingRow]) -> dict[int, float]:
    return dict(sorted((row.seed, row.test_score) for row in rows if row.test_score is not None))
