"""What a section is made from: the rows of a folder that its study shows, judged, and what all sections share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mixbench.reports.charts.looks import Looks
from mixbench.reports.contents import Section
from mixbench.tables.columns import Row, RowType
from mixbench.tables.results import ResultsFolder
from mixbench.tables.selection import Selection, selection
from mixbench.verdicts.environments import Environments
from mixbench.verdicts.labels import MixerKey

Judgement = TypeVar("Judgement")


@dataclass(frozen=True)
class Source:
    """The rows that a section shows, by table, those of one environment; the folder that they are from."""

    folder: ResultsFolder
    tables: Mapping[type[Row], Sequence[Any]]
    baseline: str | None
    contents: Environments
    machine: str
    """Where the times come from, in words."""

    def rows(self, row_type: type[RowType]) -> Selection[RowType]:
        """The rows of a table."""
        return selection(self.tables[row_type])


@dataclass(frozen=True)
class Study(Generic[Judgement]):
    """How a section is made: first the verdicts of its rows, then, once the look of every mixer is known, what it shows."""

    title: str
    judged: Callable[[Source], Judgement]
    """Raises UnknownNameError for a baseline that the rows do not have."""
    mixers: Callable[[Judgement], Mapping[MixerKey, bool]]
    """Its mixers, and whether each stands out."""
    section: Callable[[Judgement, Source, Looks], Section | None]
    """None where there is nothing to show."""
    compares: bool = True
    """Whether it has a baseline."""


@dataclass(frozen=True)
class Ready(Generic[Judgement]):
    """A study with its verdicts."""

    study: Study[Judgement]
    judgement: Judgement
    source: Source

    @property
    def mixers(self) -> Mapping[MixerKey, bool]:
        """As of the study."""
        return self.study.mixers(self.judgement)

    def section(self, looks: Looks) -> Section | None:
        """As of the study."""
        return self.study.section(self.judgement, self.source, looks)
