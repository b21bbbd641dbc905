"""Options of `mixbench plot`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from typer import Option

from mixbench.api import shared_options as shared
from mixbench.api.filters import Filters

Study = Literal["speed", "data-efficiency", "tune", "cost", "attention-map"]


@dataclass(frozen=True, kw_only=True)
class PlotOptions(Filters):
    """Draw every figure that the tables in a results folder allow, and print the file names.

    Figures show one machine and version. What is not drawn is counted on
    standard error, with the option that draws it.
    """

    interrupted: ClassVar = "Figures that were drawn are kept; start again with"
    example_commands: ClassVar = (
        "mixbench plot",
        "mixbench plot --study speed --format svg,pdf",
        "mixbench plot --mixer hypermixer --tokens 256..2048 --mode training",
    )

    results: shared.Results = Path("results")
    study: Annotated[Study | None, Option(help="Draw only the figures of this study.")] = None
    format: shared.FigureFormats = "png"
    baseline: shared.Baseline = None
