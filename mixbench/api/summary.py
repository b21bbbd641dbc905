"""The table that the command of a study prints, as a DataFrame."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from mixbench.api.cost import cost_of
from mixbench.api.cost_options import CostOptions
from mixbench.api.options import takes
from mixbench.api.summary_options import SummaryOptions
from mixbench.errors import RequestError
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import AttentionMapRow, LaunchRow, SpeedRow, TrainingRow, TrialRow

if TYPE_CHECKING:
    import pandas

Records = Iterable[dict[str, Any]]


def _speed(folder: ResultsFolder, baseline: str | None) -> Records:
    from mixbench.verdicts.speed.records import records
    from mixbench.verdicts.speed.summary import summarise

    return records(summarise(folder.read(SpeedRow), folder.read(LaunchRow), baseline))


def _data_efficiency(folder: ResultsFolder, baseline: str | None) -> Records:
    from mixbench.verdicts.learning.scores import records, summarise

    return records(summarise(folder.read(TrainingRow), baseline))


def _tune(folder: ResultsFolder, baseline: str | None) -> Records:
    from mixbench.verdicts.learning.tune import records, summarise

    return records(summarise(folder.read(TrialRow), baseline))


def _cost(folder: ResultsFolder, baseline: str | None) -> Records:
    from mixbench.verdicts.cost.records import records

    outcome = cost_of(CostOptions(results=folder.path, baseline=baseline))
    return [record for cost in outcome.costs for record in records(cost)]


def _attention_map(folder: ResultsFolder, baseline: str | None) -> Records:
    from mixbench.verdicts.attention_map import records, summarise

    if baseline is not None:
        raise RequestError("attention maps have no baseline", "Leave baseline out: their shares are relative to an even map.")
    return records(summarise(folder.read(AttentionMapRow)))


SUMMARIES: dict[str, Callable[[ResultsFolder, str | None], Records]] = {
    "speed": _speed,
    "data-efficiency": _data_efficiency,
    "tune": _tune,
    "cost": _cost,
    "attention-map": _attention_map,
}


@takes(SummaryOptions)
def summary(options: SummaryOptions) -> pandas.DataFrame:
    """The table that the command of a study prints: medians, intervals, ratios, growth; a row per printed line.

    Raises RequestError if the results folder has no rows of the study, UnknownNameError, StorageError.
    """
    import pandas

    folder = ResultsFolder(options.results)
    found = list(SUMMARIES[options.study](folder, options.baseline))
    if not found:
        raise RequestError(f"{folder.path} holds no rows of {options.study}", f"Measure first: mixbench {options.study}")
    return pandas.DataFrame(found)
