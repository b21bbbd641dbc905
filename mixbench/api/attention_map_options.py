"""Options of `mixbench attention-map`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from typer import Option

from mixbench.api import shared_options as shared
from mixbench.api.options import MODEL, WHAT, Typed


@dataclass(frozen=True, kw_only=True)
class AttentionMapOptions(shared.Training):
    """Which tokens does a trained mixer mix? Maps of Jacobian norms next to the tokens needed.

    Without options: attention, hypermixer and mlp-mixer, trained on the synthetic
    task of the HyperMixer paper. Their weights are kept; models and maps that
    the results folder already holds are not made again.

    Exit code 1 when a run failed, 2 when the request is wrong, 130 when
    interrupted.
    """

    example_commands: ClassVar = (
        "mixbench attention-map --mixer attention --mixer hypermixer --steps 1000",
        "mixbench attention-map --checkpoint results/checkpoints/0123456789abcdef.pt",
    )

    task: Annotated[
        shared.Names | None,
        Typed(list[str] | None),
        Option("--task", help="shapes or mqar:pairs=8. Repeatable.", metavar=shared.NAMED, rich_help_panel=WHAT),
    ] = None
    mixer: shared.Mixers = None
    causal: shared.Causal = False
    checkpoint: Annotated[
        shared.File | Sequence[shared.File] | None,
        Typed(list[Path] | None),
        Option(
            help="Map the weights in this file, which --save wrote, instead of training. Repeatable.",
            metavar="FILE",
            rich_help_panel=WHAT,
        ),
    ] = None
    examples: Annotated[int, Option("--examples", help="Test examples to map.", min=1, rich_help_panel=WHAT)] = 50
    draw: Annotated[
        shared.Sizes, Typed(str, may_be_empty=True), Option(help="Examples to draw, counted from 0.", rich_help_panel=WHAT)
    ] = "0,1"
    size: Annotated[
        str | float,
        Typed(str),
        Option(help="Part of the training set: a share up to 1.0 or a count.", rich_help_panel=WHAT),
    ] = "1.0"
    seeds: Annotated[int, Option(help="Models to train of each mixer.", min=1, rich_help_panel=WHAT)] = 1
    seed: shared.FirstSeed = 0
    layers: shared.Layers = 2
    width: shared.ModelWidth = 64
    batch: shared.TrainingBatch = 16
    steps: shared.Steps = 2000
    learning_rate: Annotated[
        str | float | Sequence[str | float] | None,
        Typed(list[str] | None),
        Option(
            help="For all mixers, 1e-3, or for one, attention=1e-3; auto chooses on the development set. Repeatable. "
            "Default: 3e-3.",
            metavar="[MIXER=]RATE",
            rich_help_panel=MODEL,
        ),
    ] = None
