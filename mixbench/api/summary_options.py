"""Options of `mixbench.summary`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from typer import Option

from mixbench.api import shared_options as shared
from mixbench.api.options import Options
from mixbench.api.plot_options import Study


@dataclass(frozen=True, kw_only=True)
class SummaryOptions(Options):
    """The table that the command of a study prints, from the rows of a results folder."""

    results: shared.FolderOfTables = field(default=Path("results"), kw_only=False)
    study: Annotated[Study, Option(help="The study: speed, data-efficiency, tune, cost or attention-map.")] = "speed"
    baseline: shared.Baseline = None
    environment: shared.Environment = None
