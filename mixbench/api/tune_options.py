"""Options of `mixbench tune`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from typer import Option

from mixbench.api import shared_options as shared
from mixbench.api.options import MODEL, RESULTS, WHAT, Typed


@dataclass(frozen=True, kw_only=True)
class TuneOptions(shared.AnyTask):
    """Random search for every mixer: how many tuning trials does each need?

    Without options: 20 trials each of attention, hypermixer and mlp-mixer on the
    synthetic task of the HyperMixer paper. Trials that the results folder already
    holds are not repeated.

    Exit code 1 when a trial failed, 2 when the request is wrong, 130 when
    interrupted. A trial that diverges counts as the worst score seen.
    """

    example_commands: ClassVar = (
        "mixbench tune --trials 40 --range learning_rate=1e-4..1e-2:log",
        "mixbench tune --from sweep.csv --target 0.9",
    )

    width: shared.ModelWidth = 32
    range: Annotated[
        shared.Names | None,
        Typed(list[str] | None),
        Option(
            help="Values to draw from: dropout=0..0.5, hypermixer.hidden=64,128. Repeatable. "
            "Default: learning_rate=3e-4..3e-2:log and dropout=0..0.5.",
            metavar="OPTION=RANGE",
            rich_help_panel=WHAT,
        ),
    ] = None
    trials: Annotated[int, Option(help="Independent draws for each mixer.", min=1, rich_help_panel=WHAT)] = 20
    seed: Annotated[int, Option(help="Seed of the search.", min=0, rich_help_panel=WHAT)] = 0
    size: Annotated[
        str | float | None,
        Typed(str | None),
        Option(
            help="Part of the training set: a share up to 1.0 or a count. Default: 800, for texts 1.0.", rich_help_panel=WHAT
        ),
    ] = None
    from_file: Annotated[
        shared.File | None,
        Typed(Path | None),
        Option(
            "--from",
            help="Trials made elsewhere: a CSV with the columns score and mixer, or an export of a tuner. Nothing is trained.",
            rich_help_panel=WHAT,
        ),
    ] = None
    lower_is_better: Annotated[
        bool, Option("--lower-is-better", help="The scores of --from are errors.", rich_help_panel=WHAT)
    ] = False
    take: Annotated[
        Literal["last", "best"] | None,
        Option(help="Score of each trial if --from holds learning curves: its last or its best.", rich_help_panel=WHAT),
    ] = None
    bounds: Annotated[
        str | Sequence[float],
        Typed(str, may_be_empty=True),
        Option(
            help="Smallest and largest possible score in --from, used by the confidence bands: 0,100. Default: guessed.",
            metavar="LOW,HIGH",
            rich_help_panel=WHAT,
        ),
    ] = ""
    dropout: Annotated[float | None, Option(help="A fixed dropout instead of the range.", rich_help_panel=MODEL)] = None
    learning_rate: Annotated[
        str | float | Sequence[str | float] | None,
        Typed(list[str] | None),
        Option(
            help="A fixed learning rate instead of the range: 3e-3, or per mixer attention=1e-3. Repeatable.",
            metavar="[MIXER=]RATE",
            rich_help_panel=MODEL,
        ),
    ] = None
    target: Annotated[
        str | float | Sequence[float],
        Typed(str, may_be_empty=True),
        Option(help="Report the trials needed for these scores, e.g. 0.5,0.3.", rich_help_panel=RESULTS),
    ] = ""
