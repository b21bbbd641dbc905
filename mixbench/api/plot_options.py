"""Options of `mixbench plot`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from typer import Option

from mixbench.api import shared_options as shared
from mixbench.api.filters import Filters
from mixbench.api.options import Typed

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
        "mixbench plot --metric latency_ms,peak_memory_mib --size column --no-title --format pdf",
    )

    results: shared.Results = Path("results")
    study: Annotated[Study | None, Option(help="Draw only the figures of this study.")] = None
    metric: Annotated[
        shared.Names | None,
        Typed(str | None),
        Option(
            help="Draw only these quantities of speed, all in one figure: latency_ms (on a GPU its device time), device_ms,"
            " tokens_per_s, peak_memory_mib, flops.",
            metavar="NAME,NAME,...",
        ),
    ] = None
    format: shared.FigureFormats = "png"
    size: Annotated[
        str | None,
        Option(
            help="column, page or slide, or inches: 3.5x2.4. Text has at least 7 points. Default: as large as the panels need.",
            metavar="NAME|WxH",
        ),
    ] = None
    highlight: Annotated[
        Sequence[str] | None,
        Typed(list[str] | None),
        Option(
            help="Mixer to draw in colour, where more than ten are drawn. The baseline, the best five and up to ten of your"
            " own always are. Repeatable.",
            metavar=shared.NAMED,
        ),
    ] = None
    no_title: Annotated[bool, Option("--no-title", help="No title above figures, for papers that have captions.")] = False
    baseline: shared.Baseline = None
