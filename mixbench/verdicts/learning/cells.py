"""The runs of one mixer on one number of training examples: score, difference to the baseline, progress."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import geometric_mean

from mixbench.stats import Interval, log_t_interval
from mixbench.tables.training_rows import TrainingRow
from mixbench.verdicts.labels import unpacked
from mixbench.verdicts.learning.means import known_mean, mean_difference, mean_score, relative_change
from mixbench.verdicts.records import count_mark, count_remark

PROGRESS = 0.05
"""From this relative fall of the error in the last evaluation on, runs count as still improving."""


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
    state_mib: float | None
    """State of one sequence in all layers; None where the mixer cannot decode, or the rows lack it."""
    learning_rates: tuple[float, ...]
    """Distinct learning rates of the runs."""
    steps: int | None
    examples_seen: int | None
    """Examples that a run was trained on, repetitions included: below `train_size` it saw only a part of them."""
    last_change: float | None
    """Relative change of the development error by the last evaluation, the geometric mean; None where it is not known."""
    still_improving: bool
    """Whether that was more than noise and most runs were best at their end: longer training would give a better score."""

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
    def epochs(self) -> float | None:
        """How often a run saw each of its training examples."""
        return self.examples_seen / self.train_size if self.examples_seen else None

    @property
    def runs(self) -> int:
        """How many runs finished, with a score or without."""
        return len(self.scores) + len(self.failed)


def cell_of(
    label: str, rows: Sequence[TrainingRow], baseline: Sequence[TrainingRow], is_error: bool, timed_in: str
) -> DataCell:
    """Summarise the runs of one mixer and size; `baseline` are those of the mixer that it is compared to, at this size.

    Times are those of the environment `timed_in` alone.
    """
    good = [row for row in rows if row.status == "ok"]
    bad = [row for row in rows if row.status != "ok"]
    scores, others = _scores(rows), _scores(baseline)
    pairs = [(scores[seed], others[seed]) for seed in scores if seed in others]
    score, ratios = mean_score(list(scores.values()), is_error), _last_ratios(good, is_error)
    sampling = known_mean(row.test_standard_error for row in good)
    return DataCell(
        mixer=rows[0].mixer,
        config=rows[0].config,
        label=label,
        train_size=rows[0].train_size,
        scores=scores,
        failed={row.seed: row.status for row in sorted(bad, key=lambda row: row.seed)},
        detail=bad[0].detail if bad else "",
        score=score,
        difference=mean_difference(pairs),
        relative=relative_change(pairs),
        pairs=len(pairs),
        test_standard_error=sampling,
        test_examples=next((row.test_examples for row in good if row.test_examples is not None), None),
        train_seconds=known_mean(row.train_seconds for row in good if row.environment == timed_in),
        train_flops=known_mean(row.train_flops for row in good),
        train_flops_remark=count_remark("train_flops", [(row.train_flops, row.detail) for row in good]),
        steps=next((row.steps for row in good), None),
        examples_seen=next((row.examples_seen for row in good), None),
        last_change=geometric_mean(ratios) - 1 if ratios else None,
        still_improving=_still_improving(good, ratios, _relative(sampling, score, is_error)),
        state_mib=next((row.state_mib for row in good if row.state_mib is not None), None),
        learning_rates=tuple(sorted({row.learning_rate for row in rows if row.learning_rate is not None})),
    )


def _scores(rows: Iterable[TrainingRow]) -> dict[int, float]:
    return dict(sorted((row.seed, row.test_score) for row in rows if row.test_score is not None))


def _last_ratios(rows: Sequence[TrainingRow], is_error: bool) -> list[float]:
    """By run: the development error of the last evaluation relative to the best before; the error of a share is 1 minus it."""
    ratios = []
    for row in rows:
        by_step = sorted((int(step), score if is_error else 1 - score) for step, score in unpacked(row.dev_scores).items())
        errors = [error for _, error in by_step]
        if len(errors) > 1 and min(errors) > 0:
            ratios.append(errors[-1] / min(errors[:-1]))
    return ratios


def _still_improving(rows: Sequence[TrainingRow], ratios: Sequence[float], noise: float) -> bool:
    """Whether most runs were best at their end, and the error fell by more than `PROGRESS` and its noise.

    The noise is that over seeds, one-sided 95 %, or, with one seed, twice `noise`.
    """
    if not ratios or 2 * sum(row.best_step == row.steps for row in rows) <= len(rows):
        return False
    change = log_t_interval(ratios, 0.9)
    highest = change.point + 2 * noise if change.high is None else change.high
    return change.point < 1 - PROGRESS and highest < 1


def _relative(sampling: float | None, score: Interval | None, is_error: bool) -> float:
    """The sampling error of a score relative to its error."""
    error = (score.point if is_error else 1 - score.point) if score else 0.0
    return sampling / error if sampling and error else 0.0
