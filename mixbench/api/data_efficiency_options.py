"""Options of `mixbench data-efficiency`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from typer import Option

from mixbench.api import shared_options as shared
from mixbench.api.options import MODEL, WHAT, Typed


@dataclass(frozen=True, kw_only=True)
class DataEfficiencyOptions(shared.AnyTask):
    """Train mixers on growing parts of a data set: how much data does each need?

    Without options: attention, hypermixer and the control without mixing on the
    synthetic task of the HyperMixer paper, four sizes, five seeds, on the CPU.
    Runs that the results folder already holds are not repeated.

    Exit code 1 when a run failed, 2 when the request is wrong, 130 when
    interrupted.
    """

    example_commands: ClassVar = (
        "mixbench data-efficiency --task mqar --sizes 1000..8000 --seeds 3",
        "mixbench data-efficiency --task hf:glue/sst2 --learning-rate auto --jobs 2",
    )

    sizes: Annotated[
        shared.Numbers | None,
        Typed(str | None),
        Option(
            help="Parts of the training set: shares up to 1.0, counts above, or a doubling range of counts. "
            "Default: 50,200,800,3200 for built-in tasks, 0.1,0.3,1.0 for texts.",
            rich_help_panel=WHAT,
        ),
    ] = None
    seeds: Annotated[int, Option(help="Training runs of each cell; intervals are over seeds.", min=1, rich_help_panel=WHAT)] = 5
    seed: shared.FirstSeed = 0
    dropout: Annotated[float, Option(help="Share of activations dropped in training.", rich_help_panel=MODEL)] = 0.0
    learning_rate: Annotated[
        str | float | Sequence[str | float] | None,
        Typed(list[str] | None),
        Option(
            help="For all mixers, 3e-3, or for one, attention=1e-3; auto chooses on the development set. Repeatable. "
            "Default: 1e-2.",
            metavar="[MIXER=]RATE",
            rich_help_panel=MODEL,
        ),
    ] = None
