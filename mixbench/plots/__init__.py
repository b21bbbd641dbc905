"""Figures from rows. To add those of a study, write a module here and a line in FIGURES and in READS. Only drawing loads
matplotlib.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mixbench.plots.page import PLAIN, Page
from mixbench.tables.columns import Row
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow, TrialRow

Draw = Callable[..., list[Path]]
"""A function of folder, formats, baseline and page that returns the files written to `figures`; none if the table is missing.

That of speed also takes `metrics`, and then draws only these, all in one figure.
"""


def _speed(
    folder: ResultsFolder, formats: Sequence[str], baseline: str | None, page: Page = PLAIN, metrics: Sequence[str] = ()
) -> list[Path]:
    from mixbench.plots.speed import draw_speed

    rows, launches = folder.selection(SpeedRow), folder.selection(LaunchRow)
    return draw_speed(rows, launches, folder.figures, formats, baseline, page=page, metrics=metrics)


def _data_efficiency(folder: ResultsFolder, formats: Sequence[str], baseline: str | None, page: Page = PLAIN) -> list[Path]:
    from mixbench.plots.data_efficiency import draw_data_efficiency

    rows = folder.selection(TrainingRow)
    contents = folder.environments_of(rows)
    return draw_data_efficiency(rows, folder.figures, formats, baseline, page=page, contents=contents)


def _tuning(folder: ResultsFolder, formats: Sequence[str], baseline: str | None, page: Page = PLAIN) -> list[Path]:
    from mixbench.plots.tune import draw_tuning

    rows = folder.selection(TrialRow)
    return draw_tuning(rows, folder.figures, formats, baseline, page=page, contents=folder.environments_of(rows))


def _cost(folder: ResultsFolder, formats: Sequence[str], baseline: str | None, page: Page = PLAIN) -> list[Path]:
    from mixbench.plots.cost import draw_costs
    from mixbench.verdicts.cost.evidence import task_costs
    from mixbench.verdicts.cost.subject import Wish

    tables = {row_type: folder.selection(row_type) for row_type in READS["cost"]}
    contents = folder.environments_of(*tables.values())
    speed, training, trials = of_one_environment("cost", tables, contents).values()
    return draw_costs(task_costs(speed, training, trials, Wish(baseline=baseline)), folder.figures, formats, page=page)


def _attention_map(folder: ResultsFolder, formats: Sequence[str], baseline: str | None, page: Page = PLAIN) -> list[Path]:
    from mixbench.plots.attention_map import draw_attention_maps

    rows = folder.selection(AttentionMapRow)
    return draw_attention_maps(rows, folder.path, formats, page=page, contents=folder.environments_of(rows))


FIGURES: dict[str, Draw] = {
    "speed": _speed,
    "data-efficiency": _data_efficiency,
    "tune": _tuning,
    "cost": _cost,
    "attention-map": _attention_map,
}
"""The function that draws the figures of a study, by its name."""

READS: dict[str, tuple[type[Row], ...]] = {
    "speed": (SpeedRow,),
    "data-efficiency": (TrainingRow,),
    "tune": (TrialRow,),
    "cost": (SpeedRow, TrainingRow, TrialRow),
    "attention-map": (AttentionMapRow,),
}
"""The tables that the figures of a study are drawn from, by its name."""


def of_one_environment(
    study: str, tables: Mapping[type[Row], Sequence[Any]], contents: Mapping[str, Mapping[str, Any]]
) -> dict[type[Row], Sequence[Any]]:
    """The rows of the tables of a study that its figures show, as `of_shared` chooses them; `contents` of the environments."""
    from mixbench.verdicts.environments import of_shared

    return of_shared({row_type: tables[row_type] for row_type in READS[study]}, contents)
