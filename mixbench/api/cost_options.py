"""Options of `mixbench cost`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from typer import Option

from mixbench.api import shared_options as shared
from mixbench.api.options import RESULTS, ROWS, WHAT, Options, Typed


@dataclass(frozen=True, kw_only=True)
class CostOptions(Options):
    """What reaching a score costs: time per example × training data × tuning trials.

    The cost of the HyperMixer paper, from the three tables that speed,
    data-efficiency and tune wrote: each factor and the product, relative to the
    baseline, with intervals. Where rows are missing, the command that produces
    them is printed.

    Exit code 2 when the request is wrong or a table is missing.
    """

    example_commands: ClassVar = ("mixbench cost", "mixbench cost --target 2.0,1.0 --measure flops")

    task: Annotated[str | None, Option(help="Name of a task. Default: every task of the tables.", rich_help_panel=WHAT)] = None
    measure: Annotated[
        Literal["time", "energy", "flops"], Option(help="How to measure the cost of an example.", rich_help_panel=WHAT)
    ] = "time"
    target: Annotated[
        str | float | Sequence[float],
        Typed(str, may_be_empty=True),
        Option(help="Scores to reach, e.g. 0.5,0.3. Default: three between the worst and the best.", rich_help_panel=WHAT),
    ] = ""
    baseline: shared.Baseline = None
    mode: Annotated[
        Literal["training", "inference"] | None,
        Option(help="Mode of the rows. Default: training where measured, else inference.", rich_help_panel=ROWS),
    ] = None
    scope: Annotated[
        Literal["block", "model", "mixer"] | None,
        Option(help="Scope of the rows. Default: the first of these that was measured.", rich_help_panel=ROWS),
    ] = None
    device: Annotated[str | None, Option(help="cpu or cuda. Default: the training device.", rich_help_panel=ROWS)] = None
    dtype: Annotated[
        Literal["float32", "bfloat16", "float16"] | None,
        Option(help="Data type of the rows. Default: the first of these that was measured.", rich_help_panel=ROWS),
    ] = None
    execution: Annotated[
        Literal["eager", "graph", "compiled"] | None,
        Option(help="Execution of the rows. Default: the first of these that was measured.", rich_help_panel=ROWS),
    ] = None
    batch: Annotated[
        int | None, Option(help="Sequences per call. Default: the smallest batch measured.", min=1, rich_help_panel=ROWS)
    ] = None
    threads: Annotated[
        int | None, Option(help="CPU threads. Default: that of the newest rows.", min=1, rich_help_panel=ROWS)
    ] = None
    environment: shared.Environment = None
    mix_environments: Annotated[
        bool,
        Option("--mix-environments", help="Combine tables from different versions.", rich_help_panel=RESULTS),
    ] = False
    results: shared.Results = Path("results")
