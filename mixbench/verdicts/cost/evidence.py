"""Find the rows of speed.csv, data_efficiency.csv and tuning.csv that make up the cost of a task, and what is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, TypeVar

from mixbench.errors import UnknownNameError
from mixbench.mixers import MIXERS
from mixbench.parsing.canonical import canonical_json
from mixbench.tables.rows import SpeedRow, TrainingRow, TrialRow
from mixbench.tables.scores import ERRORS
from mixbench.verdicts.cost.commands import TRAINED_WITH, speed_command, training_command
from mixbench.verdicts.cost.per_example import (
    COUNTED,
    MEASURES,
    TIMED,
    beside,
    lower_bounds,
    per_launch,
    rows_of_examples,
    without_ratio,
)
from mixbench.verdicts.cost.product import Evidence, MixerCost, costs, default_targets, reach
from mixbench.verdicts.cost.sources import Source, search_words, speed_words, study_words
from mixbench.verdicts.cost.subject import Subject, Wish
from mixbench.verdicts.labels import MixerKey, find_baseline, is_of_the_past, mixer_labels, mixer_order, unpacked
from mixbench.verdicts.learning.context import by_context
from mixbench.verdicts.learning.tune import by_mixer, by_search, score_name, with_worst

Trained = TypeVar("Trained", bound=TrainingRow)


@dataclass(frozen=True)
class Lack:
    """Mixers without a factor, and the command that measures it, or the `reason` why measuring does not help."""

    factor: str
    table: str
    mixers: tuple[str, ...]
    command: str = ""
    reason: str = ""


@dataclass(frozen=True)
class TaskCost:
    """The cost of one task, by mixer and target score, for mixers with every factor measured."""

    subject: Subject
    score: str
    unit: str
    """Unit of the cost of an example."""
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

    @property
    def is_error(self) -> bool:
        """Whether lower is better."""
        return self.score in ERRORS


def task_costs(
    speed: Sequence[SpeedRow], training: Sequence[TrainingRow], trials: Sequence[TrialRow], wish: Wish
) -> tuple[TaskCost, ...]:
    """The cost of every task that was trained on, from rows of the wanted environments.

    Raises UnknownNameError for a task or a baseline that the rows do not have.
    """
    studied, searched = _by_subject(training), _by_subject(trials)
    subjects = sorted({*studied, *searched})
    if wish.task is not None and subjects and wish.task not in (names := {subject.task for subject in subjects}):
        raise UnknownNameError("task", wish.task, names, "among the trained tasks")
    return tuple(
        _task_cost(subject, speed, studied.get(subject, []), searched.get(subject, []), wish)
        for subject in subjects
        if wish.task in (None, subject.task)
    )


def _by_subject(rows: Iterable[Trained]) -> dict[Subject, list[Trained]]:
    found: dict[Subject, list[Trained]] = defaultdict(list)
    for row in rows:
        data = str(unpacked(row.settings).get("task", {}).get("data", ""))
        found[Subject(row.task, row.layers, row.width, row.tokens, row.device, data)].append(row)
    return found


def _task_cost(
    subject: Subject, speed: Sequence[SpeedRow], training: Sequence[TrainingRow], trials: Sequence[TrialRow], wish: Wish
) -> TaskCost:
    study, search = _alike([rows for rows, _ in by_context(training).values()], by_search(trials))
    curves = _curves(study)
    lines = _trial_lines(search, list(curves))
    score = score_name([*study, *search])
    scores = with_worst({mixer: [row.dev_score for row in rows] for mixer, rows in lines.items()}, score)
    mixers = mixer_order([*curves, *lines])
    timed = rows_of_examples(speed, subject, mixers, wish)
    examples = per_launch(timed, wish.measure)
    whole = [mixer for mixer in mixers if mixer in examples and mixer in curves and mixer in scores]
    labels = mixer_labels(mixers)
    past = [mixer for mixer in mixers if mixer not in whole and is_of_the_past(mixer)]
    mixers = [mixer for mixer in mixers if mixer not in past]
    base = find_baseline(wish.baseline, whole) if whole else None
    if base and wish.measure == TIMED:
        examples = beside(examples, timed, base)
    evidence = Evidence(
        {labels[mixer]: examples[mixer] for mixer in whole},
        {labels[mixer]: curves[mixer] for mixer in whole},
        {labels[mixer]: scores[mixer] for mixer in whole},
        exact=wish.measure == COUNTED,
        bounds={labels[mixer]: remark for mixer, remark in lower_bounds(timed, wish.measure).items() if mixer in whole},
    )
    useless = without_ratio(speed, subject, [mixer for mixer in mixers if mixer not in examples], wish)
    targets = tuple(sorted(set(wish.targets), reverse=score in ERRORS)) or default_targets(evidence, score in ERRORS)
    baseline = labels[base] if base else None
    factors: list[tuple[str, str, Mapping[MixerKey, Any], list[Any], Callable[..., str]]] = [
        ("example", "speed.csv", examples, [row for mixer in whole for row in timed[mixer]], speed_words),
        ("data", "data_efficiency.csv", curves, [row for row in study if (row.mixer, row.config) in whole], study_words),
        ("trials", "tuning.csv", scores, [row for mixer in whole for row in lines[mixer]], search_words),
    ]
    return TaskCost(
        subject=subject,
        score=score,
        unit=MEASURES[wish.measure][1],
        baseline=baseline,
        mixers={labels[mixer]: mixer for mixer in whole},
        reach=reach(evidence),
        targets=targets,
        costs=costs(evidence, targets, baseline, score in ERRORS),
        sources=tuple(Source(factor, table, len(rows), words(rows)) for factor, table, _, rows, words in factors if rows),
        lacks=tuple(
            Lack(
                factor, table, tuple(labels[mixer] for mixer in absent), _command(factor, absent, subject, study, search, wish)
            )
            for factor, table, there, _, _ in factors
            if (absent := [mixer for mixer in mixers if mixer not in there and (factor != "example" or mixer not in useless)])
        )
        + tuple(Lack("example", "speed.csv", (labels[mixer],), reason=reason) for mixer, reason in useless.items())
        + tuple(Lack("example", "speed.csv", (labels[mixer],), reason="its code has changed since") for mixer in past),
        bounds=evidence.bounds,
    )


def _alike(
    studies: Sequence[Sequence[TrainingRow]], searches: Sequence[Sequence[TrialRow]]
) -> tuple[Sequence[TrainingRow], Sequence[TrialRow]]:
    """The study and the search with most mixers in common; of several those with equal batch and steps, then the newest."""

    def rank(pair: tuple[Sequence[TrainingRow], Sequence[TrialRow]]) -> tuple[Any, ...]:
        study, search = pair
        common = {row.mixer for row in study} & {row.mixer for row in search}
        studied, searched = ([unpacked(rows[0].settings).get(name) for name in TRAINED_WITH] if rows else None for rows in pair)
        return len(common), studied == searched, *(max((row.measured_at for row in rows), default="") for rows in pair)

    return max(product(studies or [[]], searches or [[]]), key=rank)


def _curves(study: Iterable[TrainingRow]) -> dict[MixerKey, dict[int, dict[int, float]]]:
    """Learning curves of the mixers that have a test score."""
    found: dict[MixerKey, dict[int, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in study:
        if row.test_score is not None:
            found[row.mixer, row.config][row.train_size][row.seed] = row.test_score
    return found


def _trial_lines(search: Sequence[TrialRow], known: Sequence[MixerKey]) -> dict[MixerKey, list[TrialRow]]:
    """Trials by mixer. If options of the mixer were drawn, its trials count for a known mixer with equal other options.

    Without such a mixer they count for the one with default values of the drawn options.
    """
    found: dict[MixerKey, list[TrialRow]] = {}
    for rows in by_mixer(search).values():
        drawn = {name.rpartition(".")[2] for name in unpacked(rows[0].settings).get("searched", {})}
        options = MIXERS[rows[0].mixer].options if rows[0].mixer in MIXERS else ()
        plain = {option.name: option.default for option in options if option.name in drawn}
        fixed = _without(rows[0].config, drawn)
        alike = [mixer for mixer in mixer_order(known) if mixer[0] == rows[0].mixer and _without(mixer[1], drawn) == fixed]
        found.setdefault(alike[0] if alike else (rows[0].mixer, canonical_json(fixed | plain)), rows)
    return found


def _without(config: str, names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in unpacked(config).items() if name not in names}


def _command(
    factor: str,
    mixers: Sequence[MixerKey],
    subject: Subject,
    study: Sequence[TrainingRow],
    search: Sequence[TrialRow],
    wish: Wish,
) -> str:
    if factor == "example":
        return speed_command(mixers, subject.tokens, subject.width, subject.device, wish.columns)
    model = {"layers": subject.layers, "width": subject.width}
    settings = unpacked((study or search)[0].settings)
    return training_command("data-efficiency" if factor == "data" else "tune", mixers, subject.task, model, settings)
