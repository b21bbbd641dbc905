"""The study and the search of a task that belong together, with curves and trials by mixer, and what they leave out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from mixbench.mixers import MIXERS
from mixbench.parsing.canonical import canonical_json
from mixbench.tables.training_rows import TrainingRow, TrialRow
from mixbench.verdicts.labels import MixerKey, mixer_order, unpacked
from mixbench.verdicts.learning.context import by_context
from mixbench.verdicts.learning.tune import by_mixer, by_search, score_name
from mixbench.verdicts.words import counted

TRAINED_WITH = ("batch", "steps")
"""The settings of a training run that are told."""
_DRAWN = ("learning_rate", "dropout", "searched")
"""The settings in which a search differs from a study."""


@dataclass(frozen=True)
class Trained:
    """Runs on one task and shape: a study and a search, with sentences on how they differ and on what was left out."""

    study: Sequence[TrainingRow]
    search: Sequence[TrialRow]
    differences: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def curves(self) -> dict[MixerKey, dict[int, dict[int, float]]]:
        """Learning curves of the mixers that have a test score."""
        found: dict[MixerKey, dict[int, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
        for row in self.study:
            if row.test_score is not None:
                found[row.mixer, row.config][row.train_size][row.seed] = row.test_score
        return found

    @property
    def trials(self) -> dict[MixerKey, list[TrialRow]]:
        """Trials by mixer.

        If options of the mixer were drawn, its trials count for a studied mixer with equal other options. Without such a mixer
        they count for the one with default values of the drawn options.
        """
        found: dict[MixerKey, list[TrialRow]] = {}
        known = mixer_order(self.curves)
        for rows in by_mixer(self.search).values():
            drawn = {name.rpartition(".")[2] for name in unpacked(rows[0].settings).get("searched", {})}
            options = MIXERS[rows[0].mixer].options if rows[0].mixer in MIXERS else ()
            plain = {option.name: option.default for option in options if option.name in drawn}
            fixed = _without(rows[0].config, drawn)
            alike = [mixer for mixer in known if mixer[0] == rows[0].mixer and _without(mixer[1], drawn) == fixed]
            found.setdefault(alike[0] if alike else (rows[0].mixer, canonical_json(fixed | plain)), rows)
        return found

    @property
    def mixers(self) -> list[MixerKey]:
        """The mixers with runs in either."""
        return mixer_order([*((row.mixer, row.config) for row in self.study), *self.trials])

    @property
    def score(self) -> str:
        """The name of the score."""
        return score_name([*self.study, *self.search])


def trained_alike(training: Sequence[TrainingRow], trials: Sequence[TrialRow]) -> Trained:
    """The study and the search with most mixers in common; of several those that agree in most settings, then the newest.

    They never differ in the score.
    """
    studies, searches = [rows for rows, _ in by_context(training).values()], by_search(trials)
    pairs = [pair for pair in product(studies or [[]], searches or [[]]) if len(_scores(pair)) < 2]
    study, search = max(pairs or product(studies[:1], [[]]), key=_rank)
    left_out = (
        _left_out("data_efficiency.csv", study, studies, len(training)),
        _left_out("tuning.csv", search, searches, len(trials)),
    )
    differences = []
    if differing := _differing(study, search):
        words = ", ".join(f"{name} {ours} and {theirs}" for name, (ours, theirs) in differing.items())
        differences.append(f"The runs of data_efficiency.csv and of tuning.csv differ in {words}.")
    return Trained(study, search, tuple(differences), tuple(filter(None, left_out)))


def _rank(pair: tuple[Sequence[TrainingRow], Sequence[TrialRow]]) -> tuple[Any, ...]:
    study, search = pair
    common = {row.mixer for row in study} & {row.mixer for row in search}
    return len(common), -len(_differing(*pair)), *(max((row.measured_at for row in rows), default="") for rows in pair)


def _scores(pair: tuple[Sequence[TrainingRow], Sequence[TrialRow]]) -> set[str]:
    return {name for rows in pair if (name := score_name(rows))}


def _differing(study: Sequence[TrainingRow], search: Sequence[TrialRow]) -> dict[str, tuple[Any, Any]]:
    """The settings of the model and its training in which the two differ, with both values."""
    if not (study and search):
        return {}
    ours, theirs = ({**unpacked(rows[0].settings)} for rows in (study, search))
    names = sorted((ours.keys() | theirs.keys()) - {*_DRAWN, "task"})
    return {name: (ours.get(name), theirs.get(name)) for name in names if ours.get(name) != theirs.get(name)}


def _left_out(table: str, taken: Sequence[TrainingRow], every: Sequence[Sequence[TrainingRow]], rows: int) -> str:
    """The line on the rows of a table that were not taken, and in which settings they differ."""
    others = [group for group in every if group is not taken]
    if not taken or rows == len(taken):
        return ""
    differing: dict[str, None] = {}
    settings = unpacked(taken[0].settings)
    for group in others:
        own = unpacked(group[0].settings)
        for name in sorted(own.keys() - {"searched"}):
            if own[name] != settings.get(name):
                differing[f"{name.replace('_', ' ')} {own[name]}"] = None
        if isinstance(group[0], TrialRow) and group[0].train_size != taken[0].train_size:
            differing[f"{group[0].train_size} examples"] = None
    where = f" ({', '.join(differing)})" if differing else ", which only served to choose a learning rate"
    return f"Left out of {table}: {counted(rows - len(taken), 'row')}{where}."


def _without(config: str, names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in unpacked(config).items() if name not in names}
