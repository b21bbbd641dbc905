"""What a study of training needs to know of a planned run, whatever command plans it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

Result = Mapping[str, Any]
Key = tuple[Any, ...]


class Planned(Protocol):
    """A training run to be done."""

    @property
    def job(self) -> Mapping[str, Any]:
        """What the training process needs, except for the learning rate and the operations of a step."""

    @property
    def rate(self) -> float | None:
        """The learning rate."""

    @property
    def unsupported(self) -> str:
        """Why the run cannot be carried out; empty where it can."""

    @property
    def subject(self) -> tuple[Any, ...]:
        """Shared by runs whose steps cost the same."""

    @property
    def words(self) -> str:
        """The run in a few words."""

    @property
    def about(self) -> Mapping[str, Any]:
        """The facts that are kept with the weights: keys and seed of the training run."""

    def identity(self, environment: str) -> Key:
        """A key that is unique to this run."""

    def row_keys(self, environment: str) -> Sequence[Key]:
        """The keys of this run's rows, as from `key_of`."""

    def rows(self, result: Result, detail: str, environment: str, begun: str) -> Sequence[Any]:
        """The rows of this run, from those results of the training process that are columns."""


Run = TypeVar("Run", bound=Planned)


def first_of_each(runs: Sequence[Run]) -> list[Run]:
    """The first run of each subject."""
    return list({run.subject: run for run in reversed(runs)}.values())
