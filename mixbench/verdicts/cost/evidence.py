"""Find the rows of speed.csv, data_efficiency.csv and tuning.csv that make up the cost of a task, and what is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from mixbench.errors import UnknownNameError
from mixbench.tables.scores import ERRORS
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import TrainingRow, TrialRow
from mixbench.verdicts.cost.lacks import TABLES, Found, Lack, Model, lacks
from mixbench.verdicts.cost.per_example import (
    COUNTED,
    MEASURES,
    TIMED,
    beside,
    contexts_of_examples,
    disturbed,
    disturbed_words,
    in_words,
    lower_bounds,
    of_whole_sequences,
    other_contexts,
    per_launch,
)
from mixbench.verdicts.cost.product import PRODUCT, Evidence, MixerCost, costs, default_targets, reach, warnings
from mixbench.verdicts.cost.sources import Source, search_words, speed_words, study_words
from mixbench.verdicts.cost.studies import Trained, trained_alike
from mixbench.verdicts.cost.subject import Subject, Wish
from mixbench.verdicts.labels import MixerKey, find_baseline, find_mixers, mixer_labels, unpacked
from mixbench.verdicts.learning.tune import with_worst

Run = TypeVar("Run", bound=TrainingRow)


@dataclass(frozen=True)
class TaskCost:
    """The cost of one task, by mixer and target score, for mixers with every factor measured."""

    subject: Subject
    score: str
    unit: str
    """Unit of the cost of an example."""
    measure: str
    """What an example costs, in words: time, device time, energy or operations."""
    baseline: str | None
    mixers: Mapping[str, MixerKey]
    """Mixers with a cost, by label."""
    reach: Mapping[str, Mapping[str, tuple[float, float]]]
    """By label, the smallest and the largest need that can be observed, for each of the factors data and trials."""
    targets: tuple[float, ...]
    """The scores to reach, the easiest first."""
    costs: tuple[MixerCost, ...]
    sources: tuple[Source, ...]
    lacks: tuple[Lack, ...]
    bounds: Mapping[str, str] = field(default_factory=dict)
    """By label, why the cost of an example is only a lower bound."""
    warnings: tuple[str, ...] = ()
    """What weakens the numbers, a sentence each."""
    left_out: tuple[str, ...] = ()
    """The rows of this task that were left out, a sentence for each table."""
    disturbed: tuple[str, ...] = ()
    """Labels of the mixers whose times other work disturbed."""
    disturbed_ratios: tuple[str, ...] = ()
    """Labels of the mixers whose ratios of times to the baseline's it disturbed."""

    @property
    def is_error(self) -> bool:
        """Whether lower is better."""
        return self.score in ERRORS

    def is_disturbed(self, label: str, factor: str, *, relative: bool = False) -> bool:
        """Whether a number comes from times that other work disturbed: the cost of an example, and the product."""
        return factor in ("example", PRODUCT) and label in (self.disturbed_ratios if relative else self.disturbed)


def task_costs(
    speed: Sequence[SpeedRow],
    training: Sequence[TrainingRow],
    trials: Sequence[TrialRow],
    wish: Wish,
    models: tuple[Sequence[SpeedRow], Sequence[TrainingRow], Sequence[TrialRow]] = ((), (), ()),
) -> tuple[TaskCost, ...]:
    """The cost of every task that was trained on, from rows of the wanted environments.

    `models` are rows of other environments: they say what is lacking, and with which settings. Raises UnknownNameError for a
    task or a baseline that the rows do not have.
    """
    speed, elsewhere = of_whole_sequences(speed), of_whole_sequences(models[0])
    studied, searched = by_subject(training), by_subject(trials)
    others = by_subject(models[1]), by_subject(models[2])
    subjects = sorted({*studied, *searched} or {*others[0], *others[1]})
    if wish.task is not None and subjects and wish.task not in (names := {subject.task for subject in subjects}):
        raise UnknownNameError("task", wish.task, names, "among the trained tasks")
    return tuple(
        _task_cost(
            subject,
            speed,
            trained_alike(studied.get(subject, []), searched.get(subject, [])),
            Model(elsewhere, trained_alike(others[0].get(subject, []), others[1].get(subject, []))),
            wish,
        )
        for subject in subjects
        if wish.task in (None, subject.task)
    )


def by_subject(rows: Iterable[Run]) -> dict[Subject, list[Run]]:
    """The runs of each subject."""
    found: dict[Subject, list[Run]] = defaultdict(list)
    for row in rows:
        data = str(unpacked(row.settings).get("task", {}).get("data", ""))
        found[Subject(row.task, row.layers, row.width, row.tokens, row.device, data)].append(row)
    return found


def _task_cost(subject: Subject, speed: Sequence[SpeedRow], runs: Trained, model: Model, wish: Wish) -> TaskCost:
    curves, lines, score = runs.curves, runs.trials, runs.score
    is_error = score in ERRORS
    scores = with_worst({mixer: [row.dev_score for row in rows] for mixer, rows in lines.items()}, score)
    mixers = runs.mixers or model.runs.mixers
    contexts = contexts_of_examples(speed, subject, mixers, wish)
    timed = contexts[0] if contexts else {}
    examples = per_launch(timed, wish.measure)
    whole = [mixer for mixer in mixers if mixer in examples and mixer in curves and mixer in scores]
    if wish.baseline and find_mixers(wish.baseline, mixers) and not find_mixers(wish.baseline, whole):
        whole = []  # nothing can be told until the baseline has what it lacks
    labels = mixer_labels(mixers)
    base = find_baseline(wish.baseline, whole) if whole else None
    if base and wish.measure == TIMED:
        examples = beside(examples, timed, base)
    constant = next((row.constant_score for row in runs.study if row.constant_score is not None), None)
    evidence = Evidence(
        {labels[mixer]: examples[mixer] for mixer in whole},
        {labels[mixer]: curves[mixer] for mixer in whole},
        {labels[mixer]: scores[mixer] for mixer in whole},
        exact=wish.measure == COUNTED,
        constant=constant if constant is None or is_error else 1 - constant,
        bounds={labels[mixer]: remark for mixer, remark in lower_bounds(timed, wish.measure).items() if mixer in whole},
    )
    targets = tuple(sorted(set(wish.targets), reverse=is_error)) or default_targets(evidence, is_error)
    baseline = labels[base] if base else None
    rows: dict[str, tuple[list[Any], Callable[..., str]]] = {
        "example": ([row for mixer in whole for row in timed[mixer]], speed_words),
        "data": ([row for row in runs.study if (row.mixer, row.config) in whole], study_words),
        "trials": ([row for mixer in whole for row in lines[mixer]], search_words),
    }
    # what was timed is to be metered as it was timed
    alike = contexts or contexts_of_examples(speed, subject, mixers, replace(wish, measure=TIMED))
    taken = [row for own in alike[0].values() for row in own] if alike else []
    found = Found(speed, taken, runs, model)
    times, ratios = disturbed(timed, {mixer: labels[mixer] for mixer in whole}, base, wish.measure)
    return TaskCost(
        subject=subject,
        score=score,
        unit=MEASURES[wish.measure][1],
        measure=in_words(wish.measure, timed),
        baseline=baseline,
        mixers={labels[mixer]: mixer for mixer in whole},
        reach=reach(evidence),
        targets=targets,
        costs=costs(evidence, targets, baseline, is_error, wish.level),
        sources=tuple(Source(factor, TABLES[factor], len(own), words(own)) for factor, (own, words) in rows.items() if own),
        lacks=lacks(labels, {"example": examples, "data": curves, "trials": scores}, subject, found, wish),
        bounds=evidence.bounds,
        warnings=(
            *disturbed_words(times, ratios, baseline),
            *warnings(evidence, targets, is_error),
            *runs.differences,
        ),
        left_out=tuple(filter(None, (other_contexts(contexts), *runs.left_out))),
        disturbed=tuple(times),
        disturbed_ratios=tuple(ratios),
    )
