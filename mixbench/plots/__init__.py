"""Rows in, figures out. To add a study's figures: a module here and a line in FIGURES. matplotlib loads when one is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mixbench.tables.results import ResultsFolder, complete
from mixbench.tables.rows import AttentionMapRow, LaunchRow, SpeedRow, TrainingRow, TrialRow

Draw = Callable[[ResultsFolder, Sequence[str], str | None], list[Path]]
"""Folder, formats and baseline to the files written below the folder's `figures`; none where the table is missing."""


def _speed(folder: ResultsFolder, formats: Sequence[str], baseline: str | None) -> list[Path]:
    from mixbench.plots.speed import draw_speed

    return draw_speed(folder.read(SpeedRow), folder.read(LaunchRow), folder.figures, formats, baseline)


def _data_efficiency(folder: ResultsFolder, formats: Sequence[str], baseline: str | None) -> list[Path]:
    from mixbench.plots.data_efficiency import draw_data_efficiency

    return draw_data_efficiency(folder.read(TrainingRow), folder.figures, formats, baseline)


def _tuning(folder: ResultsFolder, formats: Sequence[str], baseline: str | None) -> list[Path]:
    from mixbench.plots.tune import draw_tuning

    return draw_tuning(folder.read(TrialRow), folder.figures, formats, baseline)


def _cost(folder: ResultsFolder, formats: Sequence[str], baseline: str | None) -> list[Path]:
    from mixbench.plots.cost import draw_costs
    from mixbench.verdicts.cost.evidence import shared_environment, task_costs
    from mixbench.verdicts.cost.subject import Wish

    speed, training, trials = complete(folder.read(SpeedRow)), folder.read(TrainingRow), folder.read(TrialRow)
    shared = shared_environment(speed, training, trials)
    found = task_costs(
        [row for row in speed if row.environment == shared],
        [row for row in training if row.environment == shared],
        [row for row in trials if row.environment == shared],
        Wish(baseline=baseline),
    )
    return draw_costs(found, folder.figures, formats)


def _attention_map(folder: ResultsFolder, formats: Sequence[str], baseline: str | None) -> list[Path]:
    from mixbench.plots.attention_map import draw_attention_maps

    return draw_attention_maps(folder.read(AttentionMapRow), folder.path, formats)


FIGURES: dict[str, Draw] = {
    "speed": _speed,
    "data-efficiency": _data_efficiency,
    "tune": _tuning,
    "cost": _cost,
    "attention-map": _attention_map,
}
"""Study to the function that draws its figures."""
