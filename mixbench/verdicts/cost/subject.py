"""What a cost is that of: a task and the shape of the model trained on it; and what was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mixbench.verdicts.labels import in_words


@dataclass(frozen=True)
class Wish:
    """What was asked for. `columns`: values of columns of speed.csv (mode, scope, batch …) that its rows must have."""

    task: str | None = None
    measure: str = "time"
    columns: Mapping[str, Any] = field(default_factory=dict)
    targets: Sequence[float] = ()
    baseline: str | None = None


@dataclass(frozen=True, order=True)
class Subject:
    """What runs of both training tables must share, and rows of speed.csv as far as they know it."""

    task: str
    layers: int
    width: int
    tokens: int
    device: str
    data: str
    """Hash of the data set."""

    @property
    def words(self) -> str:
        """In a few words."""
        return " · ".join(in_words(name, getattr(self, name)) for name in ("task", "layers", "width", "tokens", "device"))
