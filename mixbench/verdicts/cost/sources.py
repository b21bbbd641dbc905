"""The rows that a cost was taken from, described in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import TrainingRow, TrialRow
from mixbench.verdicts.cost.studies import TRAINED_WITH
from mixbench.verdicts.labels import context_of, context_words, unpacked
from mixbench.verdicts.words import counted, span


@dataclass(frozen=True)
class Source:
    """The rows behind a factor."""

    factor: str
    table: str
    rows: int
    words: str


def speed_words(rows: Sequence[SpeedRow]) -> str:
    """A text of what was measured: context and launches."""
    (words,) = context_words([context_of(rows[0])])
    return ", ".join([*words.values(), counted(len({row.launch for row in rows}), "launch")])


def study_words(rows: Sequence[TrainingRow]) -> str:
    """A text of what was trained for the learning curves: settings, learning rates, sizes and seeds."""
    rates = sorted({row.learning_rate for row in rows if row.learning_rate is not None})
    learning_rate = f"learning rate {' and '.join(f'{rate:g}' for rate in rates)}" if rates else ""
    examples = f"{span({row.train_size for row in rows})} examples"
    seeds = counted(len({row.seed for row in rows}), "seed")
    return ", ".join(filter(None, (_trained(rows[0]), learning_rate, examples, seeds)))


def search_words(rows: Sequence[TrialRow]) -> str:
    """A text of what was trained for the search: settings, examples, ranges and trials."""
    ranges = [f"{name} {text}" for name, text in unpacked(rows[0].settings).items() if ".." in str(text)]
    trials = max(row.trial for row in rows)
    return ", ".join([_trained(rows[0]), f"{rows[0].train_size} examples", *ranges, f"{trials} trials"])


def _trained(row: TrainingRow) -> str:
    settings = unpacked(row.settings)
    return ", ".join(f"{name} {settings[name]}" for name in TRAINED_WITH if name in settings)
