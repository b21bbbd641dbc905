"""The table that the command of a study prints, as a DataFrame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mixbench.api.cost import cost_of
from mixbench.api.cost_options import CostOptions
from mixbench.api.filters import tell_left_out
from mixbench.api.machines import of_environments, shown_and_left_out
from mixbench.api.options import takes
from mixbench.api.summary_options import SummaryOptions
from mixbench.errors import RequestError
from mixbench.tables.chosen_rows import ChosenRows
from mixbench.tables.columns import Row
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow, TrialRow

if TYPE_CHECKING:
    import pandas

    from mixbench.verdicts.environments import Environments

Records = Iterable[dict[str, Any]]
Tables = Mapping[type[Row], Sequence[Any]]


def _speed(folder: ResultsFolder, tables: Tables, baseline: str | None, contents: Environments) -> Records:
    from mixbench.verdicts.speed.records import records
    from mixbench.verdicts.speed.summary import summarise

    return records(summarise(tables[SpeedRow], folder.selection(LaunchRow), baseline))


def _data_efficiency(folder: ResultsFolder, tables: Tables, baseline: str | None, contents: Environments) -> Records:
    from mixbench.verdicts.learning.scores import records, summarise

    return records(summarise(tables[TrainingRow], baseline, contents=contents))


def _tune(folder: ResultsFolder, tables: Tables, baseline: str | None, contents: Environments) -> Records:
    from mixbench.verdicts.learning.tune import records, summarise

    return records(summarise(tables[TrialRow], baseline, contents=contents))


def _cost(folder: ResultsFolder, tables: Tables, baseline: str | None, contents: Environments) -> Records:
    from mixbench.verdicts.cost.records import records

    outcome = cost_of(CostOptions(results=folder.path, baseline=baseline), ChosenRows(folder, tables))
    return [record for cost in outcome.costs for record in records(cost)]


def _attention_map(folder: ResultsFolder, tables: Tables, baseline: str | None, contents: Environments) -> Records:
    from mixbench.verdicts.attention_map import records, summarise

    if baseline is not None:
        raise RequestError("attention maps have no baseline", "Leave baseline out: their shares are relative to an even map.")
    return records(summarise(tables[AttentionMapRow], contents))


SUMMARIES: dict[str, Callable[[ResultsFolder, Tables, str | None, Environments], Records]] = {
    "speed": _speed,
    "data-efficiency": _data_efficiency,
    "tune": _tune,
    "cost": _cost,
    "attention-map": _attention_map,
}


@takes(SummaryOptions)
def summary(options: SummaryOptions) -> pandas.DataFrame:
    """The table that the command of a study prints: medians, intervals, ratios, growth; a row per printed line.

    Of rows from several machines, times are those of one, by default the newest, named in the column `environment`; warns of
    what is left out (LeftOutWarning), and how to see it. Runs with the same versions are united: see docs/scale.md.
    Raises RequestError if the results folder has no rows of the study, UnknownNameError, StorageError.
    """
    import pandas

    from mixbench.plots import READS, of_one_environment

    folder = ResultsFolder(options.results)
    every = {row_type: folder.selection(row_type) for row_type in READS[options.study]}
    contents = folder.environments_of(*every.values())
    tables = of_environments(every, options.environment)
    found = list(SUMMARIES[options.study](folder, tables, options.baseline, contents))
    if not found:
        raise RequestError(f"{folder.path} holds no rows of {options.study}", f"Measure first: mixbench {options.study}")
    told = shown_and_left_out(every, tables, of_one_environment(options.study, tables, contents), contents, "environment={}")
    tell_left_out(told.notes)
    return pandas.DataFrame(found).assign(environment=told.environment)
