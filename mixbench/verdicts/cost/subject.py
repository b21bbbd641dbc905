"""The subject of a cost, which is a task and the shape of the models trained on it, and the user's wishes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mixbench.tables.texts import Given
from mixbench.verdicts.labels import in_words


@dataclass(frozen=True)
class Wish:
    """The user's request; `columns` are values that rows of speed.csv must have (mode, scope, batch …)."""

    task: str | None = None
    measure: str = "time"
    columns: Mapping[str, Any] = field(default_factory=dict)
    targets: Sequence[float] = ()
    baseline: str | None = None
    texts: Mapping[str, Given] = field(default_factory=dict)
    """How the user named the texts of data sets, by their hashes."""
    level: float = 0.95
    """The confidence of the intervals that come from resampling."""


@dataclass(frozen=True, order=True)
class Subject:
    """The values that runs in both training tables must share, and rows of speed.csv too where they have them."""

    task: str
    layers: int
    width: int
    tokens: int
    device: str
    data: str
    """Hash of the data set."""

    @property
    def words(self) -> str:
        """The subject in words, for a heading."""
        return " · ".join(in_words(name, getattr(self, name)) for name in ("task", "layers", "width", "tokens", "device"))
