"""What a study command prints of its outcome: its table and remarks, alone or as a part of a study."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mixbench.cli.adapter import Printed, present
from mixbench.cli.terminal import conclude, print_text, remark

if TYPE_CHECKING:
    from mixbench.api.attention_map import MapOutcome
    from mixbench.api.cost import CostOutcome
    from mixbench.api.data_efficiency import DataOutcome
    from mixbench.api.speed import SpeedOutcome
    from mixbench.api.tune import TuneOutcome


def show_speed(outcome: SpeedOutcome, printed: Printed, *, details: bool = False) -> str:
    """Print the table of each machine; returns the warning of disturbed cells, or ""."""
    from mixbench.cli.text.speed import speed_table
    from mixbench.tables.results import ResultsFolder
    from mixbench.verdicts.machines import machine_words
    from mixbench.verdicts.speed.notes import disturbed_cells

    present(printed, outcome.as_json, lambda width, terminal: speed_table(outcome.summary, width, terminal, details))
    if not printed.as_json:
        for other in outcome.elsewhere:
            words = machine_words(ResultsFolder(outcome.folder).environment(other.environment))
            typer.echo(f"\nOn another machine: {words}\n")
            print_text(partial(speed_table, other, details=details))
    return next(filter(None, map(disturbed_cells, (outcome.summary, *outcome.elsewhere))), "")


def show_data_efficiency(outcome: DataOutcome, printed: Printed) -> str:
    """Print the table."""
    from mixbench.cli.text.data_efficiency import data_efficiency_table

    present(printed, outcome.as_json, lambda width, terminal: data_efficiency_table(outcome.summary, width, terminal))
    return ""


def show_tune(outcome: TuneOutcome, printed: Printed) -> str:
    """Print the table, and the figures that were drawn."""
    from mixbench.cli.text.tune import tuning_table

    present(printed, outcome.as_json, lambda width, terminal: tuning_table(outcome.searches, width, terminal))
    _name(outcome.figures, "Drawn")
    return ""


def show_attention_map(outcome: MapOutcome, printed: Printed) -> str:
    """Print the table, and the figures that were drawn."""
    from mixbench.cli.text.attention_map import attention_table

    present(printed, outcome.as_json, lambda width, terminal: attention_table(outcome.tasks, width, terminal))
    _name(outcome.figures, "Drawn")
    return ""


def show_cost(outcome: CostOutcome, printed: Printed) -> str:
    """Print the table, and the figures."""
    from mixbench.cli.text.cost import cost_table

    present(printed, outcome.as_json, lambda width, terminal: cost_table(outcome, width, terminal))
    _name(outcome.figures, "Figure")
    return ""


def _name(figures: tuple[Path, ...], what: str) -> None:
    if figures:
        remark(f"{what}: {', '.join(map(str, figures))}")


@dataclass(frozen=True)
class Shown:
    """How the outcome of a command is shown, what a row of its table is, and what fails."""

    show: Callable[[Any, Printed], str]
    replicate: str = ""
    table: str = ""
    unit: str = ""


OUTCOMES: Mapping[str, Shown] = {
    "speed": Shown(show_speed, "block", "speed.csv", "cell"),
    "data-efficiency": Shown(show_data_efficiency, "run", "data_efficiency.csv", "run"),
    "tune": Shown(show_tune, "trial", "tuning.csv", "trial"),
    "attention-map": Shown(show_attention_map, "example", "attention_map.csv", "run"),
    "cost": Shown(show_cost),
}


def concluded(command: str, outcome: Any, *, warning: str = "") -> None:
    """Say where the rows of a command are and what comes next; end with exit code 1 if any of its units failed."""
    shown = OUTCOMES[command]
    conclude(shown.replicate, outcome.folder / shown.table, outcome.failed, shown.unit, warning=warning)
