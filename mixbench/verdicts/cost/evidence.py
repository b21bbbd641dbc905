"""Which rows of speed.csv, data_efficiency.csv and tuning.csv the cost of a task is made of, and which of them are lacking."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, TypeVar

from mixbench.errors import UnknownNameError
from mixbench.mixers import MIXERS
from mixbench.tables.columns import canonical_json
from mixbench.tables.rows import SpeedRow, TrainingRow, TrialRow
from mixbench.verdicts.cost.commands import TRAINED_WITH, speed_command, training_command
from mixbench.verdicts.cost.per_example import COUNTED, MEASURES, per_launch, rows_of_examples, speed_words
from mixbench.verdicts.cost.product import Evidence, Known, MixerCost, costs, default_targets, reach
from mixbench.verdicts.cost.subject import Subject, Wish
from mixbench.verdicts.labels import (
    Measurement,
    MixerKey,
    choose_environment,
    find_baseline,
    mixer_labels,
    mixer_order,
    unpacked,
)
from mixbench.verdicts.learning.context import by_context
from mixbench.verdicts.learning.scores import ERRORS
from mixbench.verdicts.learning.tune import by_mixer, by_search, counted, score_name

Trained = TypeVar("Trained", bound=TrainingRow)


@dataclass(frozen=True)
class Source:
    """The rows that a factor was taken from."""

    factor: str
    table: str
    rows: int
    words: str


@dataclass(frozen=True)
class Lack:
    """Mixers of which a factor was not measured, and the command that measures it."""

    factor: str
    table: str
    mixers: tuple[str, ...]
    command: str


@dataclass(frozen=True)
class TaskCost:
    """The cost of one task: every mixer of which all factors were measured, for every target score."""

    subject: Subject
    score: str
    unit: str
    """Of what an example costs."""
    baseline: str | None
    mixers: Mapping[str, MixerKey]
    """By label, those that have costs."""
    reach: Mapping[str, tuple[float, float]]
    """By factor, data and trials, the least and the most that a mixer can be seen to need."""
    targets: tuple[float, ...]
    costs: tuple[MixerCost, ...]
    sources: tuple[Source, ...]
    lacks: tuple[Lack, ...]

    @property
    def is_error(self) -> bool:
        """Whether less is better."""
        return self.score in ERRORS


def task_costs(
    speed: Sequence[SpeedRow], training: Sequence[TrainingRow], trials: Sequence[TrialRow], wish: Wish
) -> tuple[TaskCost, ...]:
    """Every task that something was trained on, with what is known of its cost; rows of the environments that are wanted.

    Raises UnknownNameError for a task or a baseline that the rows do not have.
    """
    studied, searched = _by_subject(training), _by_subject(trials)
    subjects = sorted({*studied, *searched})
    if wish.task is not None and subjects and wish.task not in (names := {subject.task for subject in subjects}):
        raise UnknownNameError("task", wish.task, names, "among those that were trained on")
    return tuple(
        _task_cost(subject, speed, studied.get(subject, []), searched.get(subject, []), wish)
        for subject in subjects
        if wish.task in (None, subject.task)
    )


def shared_environment(*tables: Sequence[Measurement]) -> str | None:
    """The environment that all tables have rows of, that which was measured last where there are several."""
    shared = set.intersection(*({row.environment for row in rows} for rows in tables))
    return choose_environment([row for rows in tables for row in rows if row.environment in shared]) if shared else None


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
    scores = counted({mixer: [row.dev_score for row in rows] for mixer, rows in lines.items()}, score)
    mixers = mixer_order([*curves, *lines])
    timed = rows_of_examples(speed, subject, mixers, wish)
    examples = per_launch(timed, wish.measure)
    whole = [mixer for mixer in mixers if mixer in examples and mixer in curves and mixer in scores]
    labels = mixer_labels(mixers)
    base = find_baseline(wish.baseline, whole) if whole else None
    evidence = Evidence(
        {labels[mixer]: examples[mixer] for mixer in whole},
        {labels[mixer]: curves[mixer] for mixer in whole},
        {labels[mixer]: scores[mixer] for mixer in whole},
        exact=wish.measure == COUNTED,
    )
    targets = tuple(wish.targets) or default_targets(evidence, score in ERRORS)
    baseline = labels[base] if base else None
    factors: list[tuple[str, str, Mapping[MixerKey, Any], list[Any], Callable[..., str]]] = [
        ("example", "speed.csv", examples, [row for mixer in whole for row in timed[mixer]], speed_words),
        ("data", "data_efficiency.csv", curves, [row for row in study if (row.mixer, row.config) in whole], _study_words),
        ("trials", "tuning.csv", scores, [row for mixer in whole for row in lines[mixer]], _search_words),
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
            if (absent := [mixer for mixer in mixers if mixer not in there])
        ),
    )


def _alike(
    studies: Sequence[Sequence[TrainingRow]], searches: Sequence[Sequence[TrialRow]]
) -> tuple[Sequence[TrainingRow], Sequence[TrialRow]]:
    """The study and the search with most mixers in common, of these with equal batch and steps, of these the newest."""

    def rank(pair: tuple[Sequence[TrainingRow], Sequence[TrialRow]]) -> tuple[Any, ...]:
        study, search = pair
        common = {row.mixer for row in study} & {row.mixer for row in search}
        one, other = ([unpacked(rows[0].settings).get(name) for name in TRAINED_WITH] if rows else None for rows in pair)
        return len(common), one == other, *(max((row.measured_at for row in rows), default="") for rows in pair)

    return max(product(studies or [[]], searches or [[]]), key=rank)


def _curves(study: Iterable[TrainingRow]) -> dict[MixerKey, dict[int, dict[int, float]]]:
    """Training examples to seed to test score, of mixers that have any."""
    found: dict[MixerKey, dict[int, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in study:
        if row.test_score is not None:
            found[row.mixer, row.config][row.train_size][row.seed] = row.test_score
    return found


def _trial_lines(search: Sequence[TrialRow], known: Sequence[MixerKey]) -> dict[MixerKey, list[TrialRow]]:
    """Trials by the mixer that they searched for: where its own options were drawn, by the known one that equals it besides.

    Where there is none, by the mixer with these options as they are by default.
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


def _study_words(rows: Sequence[TrainingRow]) -> str:
    sizes, seeds = sorted({row.train_size for row in rows}), len({row.seed for row in rows})
    span = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    rates = sorted({row.learning_rate for row in rows if row.learning_rate is not None})
    told = f"learning rate {' and '.join(f'{rate:g}' for rate in rates)}" if rates else ""
    return ", ".join(filter(None, (_trained(rows[0]), told, f"{span} examples, {seeds} seed{'s' if seeds > 1 else ''}")))


def _search_words(rows: Sequence[TrialRow]) -> str:
    drawn = [f"{name} {text}" for name, text in unpacked(rows[0].settings).items() if ".." in str(text)]
    trials = max(row.trial for row in rows)
    return ", ".join([_trained(rows[0]), f"{rows[0].train_size} examples", *drawn, f"{trials} trials"])


def _trained(row: TrainingRow) -> str:
    settings = unpacked(row.settings)
    return ", ".join(f"{name} {settings[name]}" for name in TRAINED_WITH if name in settings)


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


def records(cost: TaskCost) -> list[dict[str, Any]]:
    """A row per target, mixer and factor: what is known (`low` and `high` differ where an end is open) and its 95 % interval,
    alone and relative to the baseline. An open end is infinite or 0."""
    return [
        {"task": cost.subject.task, "score": cost.score, "target": one.target, "mixer": one.label, "factor": factor}
        | _ends("", known)
        | _ends("relative_", one.ratios.get(factor))
        for one in cost.costs
        for factor, known in one.factors.items()
    ]


def _ends(prefix: str, known: Known | None) -> dict[str, float | None]:
    parts = {"": known.value if known else None, "interval_": known.interval if known else None}
    return {
        f"{prefix}{name}{end}": None if part is None else getattr(part, end)
        for name, part in parts.items()
        for end in ("low", "high")
    }


def to_json(cost: TaskCost) -> dict[str, Any]:
    """Plain dicts, lists and numbers; an open end is "not reached"."""
    plain = {name: getattr(cost, name) for name in ("score", "unit", "baseline", "targets")}
    parts = {name: [asdict(part) for part in getattr(cost, name)] for name in ("sources", "lacks")}
    costs = [
        {name: "not reached" if value == math.inf else value for name, value in record.items()} for record in records(cost)
    ]
    return {"subject": asdict(cost.subject), **plain, "costs": costs, **parts}
