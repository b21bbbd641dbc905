"""What a study of data efficiency is asked for, with every option resolved, and what its options may not be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mixbench.errors import RequestError, UnknownNameError
from mixbench.mixers.choice import ChosenMixer
from mixbench.studies.plan_size import check_plan_size
from mixbench.tables.scores import SCORES
from mixbench.tasks.dataset import Form

LEARNING_RATE = 1e-2
"""The default learning rate."""
AUTO = "auto"
LEARNING_RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
"""The rates among which `auto` chooses: it takes the best on the development set, at the largest size with the first seed."""
Rate = float | str


@dataclass(frozen=True)
class PreparedTask:
    """A data set on disk: its folder, form and number of training examples. `settings` is what determines it.

    `constant_scores` are those of the best constant answer, by score; `classes` is how many the training set has.
    """

    name: str
    folder: Path
    form: Form
    examples: int
    settings: Mapping[str, Any]
    constant_scores: Mapping[str, float] = field(default_factory=dict)
    classes: int | None = None


@dataclass(frozen=True)
class DataRequest:
    """What to train, with every option resolved. Raises RequestError.

    `learning_rates` are by mixer, "" for all others; `score` is one of `SCORES`, by default that of each task.
    """

    tasks: tuple[PreparedTask, ...]
    mixers: tuple[ChosenMixer, ...]
    sizes: tuple[float, ...]
    seeds: tuple[int, ...]
    layers: int
    widths: tuple[int, ...]
    batch: int
    steps: int
    dropout: float
    learning_rates: Mapping[str, Rate]
    device: str
    timeout: float
    score: str | None = None

    def __post_init__(self) -> None:
        for name in ("layers", "batch", "steps"):
            if getattr(self, name) < 1:
                raise RequestError(f"--{name} is {getattr(self, name)}; it must be at least 1")
        if not 0 <= self.dropout < 1:
            raise RequestError(f"--dropout is {self.dropout:g}; it must be at least 0 and below 1")
        if self.timeout <= 0:
            raise RequestError(f"--timeout is {self.timeout:g}; it must be above 0")
        names = {name for mixer in self.mixers for name in (mixer.name, mixer.label)}
        for name, rate in self.learning_rates.items():
            if name and name not in names:
                raise UnknownNameError("mixer", name, names, "in --learning-rate")
            if not isinstance(rate, str) and not 0 < rate < 100:
                raise RequestError(f"--learning-rate is {rate:g}; it must be above 0 and below 100")
        for mixer in self.mixers:
            if lack := mixer.lacks(self.device):
                raise RequestError(f"{mixer.label} cannot be trained with --device {self.device}: {lack}")
        check_plan_size(**{name: len(getattr(self, name)) for name in ("tasks", "mixers", "widths", "sizes", "seeds")})
        for task in self.tasks:
            train_sizes(self.sizes, task)
            if self.score is not None and SCORES[self.score].predicts != SCORES[task.form.score].predicts:
                raise RequestError(
                    f"--score {self.score} is for tasks with classes; {task.name} asks for values, and its score is"
                    f" {task.form.score}",
                    "Leave out --score.",
                )

    def rate(self, mixer: ChosenMixer) -> Rate:
        """The requested learning rate: a number, or `auto`."""
        named = (name for name in (mixer.label, mixer.name, "") if name in self.learning_rates)
        return self.learning_rates.get(next(named, ""), LEARNING_RATE)


def train_sizes(sizes: Sequence[float], task: PreparedTask) -> list[int]:
    """Numbers of training examples, largest first; sizes up to 1 are shares of the training set. Raises RequestError."""
    counts = []
    for size in sizes:
        count = round(size * task.examples) if size <= 1 else int(size)
        if not 1 <= count <= task.examples:
            raise RequestError(
                f"cannot take {size:g} of the {task.examples} training examples of {task.name}",
                f"Give shares up to 1.0 or counts up to {task.examples}.",
            )
        counts.append(count)
    return sorted(set(counts), reverse=True)
