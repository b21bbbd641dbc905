"""`mixbench cost`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mixbench.cli import options
from mixbench.cli.terminal import print_text, remark, reporting


def cost(
    task: Annotated[str | None, typer.Option(help="Name of a task. Default: every task of the tables.")] = None,
    measure: Annotated[str, typer.Option(help="What an example costs: time, energy or flops.")] = "time",
    target: Annotated[
        str, typer.Option(help="Scores to come to, e.g. 0.5,0.3. Default: three between the worst and the best.")
    ] = "",
    mode: Annotated[
        str | None, typer.Option(help="Rows of speed.csv: training or inference. Default: training where measured.")
    ] = None,
    scope: Annotated[
        str | None, typer.Option(help="Rows of speed.csv: block, model or mixer. Default: the first measured of these.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Rows of speed.csv: cpu, cuda. Default: the kind that was trained on.")
    ] = None,
    dtype: Annotated[str | None, typer.Option(help="Rows of speed.csv: float32, bfloat16, float16.")] = None,
    batch: Annotated[
        int | None, typer.Option(help="Rows of speed.csv: sequences per call. Default: the fewest.", min=1)
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Rows of speed.csv: CPU threads. Default: of the newest.", min=1)] = None,
    baseline: options.Baseline = None,
    mix_environments: Annotated[
        bool, typer.Option("--mix-environments", help="Take tables of different machines or versions together.")
    ] = False,
    results: options.Results = Path("results"),
    as_json: options.Json = False,
) -> None:
    """What coming to a score costs: time per example × training data × tuning trials.

    The cost of the HyperMixer paper, from the three tables that speed,
    data-efficiency and tune wrote: each factor and the product, relative to the
    baseline, with intervals. Where rows are missing, the command that makes them
    is printed.

    Exit code 2 when the request is wrong or a table is missing.
    """
    with reporting():
        from mixbench import api
        from mixbench.cli.text.cost import cost_table

        outcome = api.cost_of(
            results=results,
            task=task,
            measure=measure,
            mode=mode,
            scope=scope,
            device=device,
            dtype=dtype,
            batch=batch,
            threads=threads,
            target=target,
            baseline=baseline,
            mix_environments=mix_environments,
        )
        if as_json:
            typer.echo(json.dumps(outcome.as_json(), indent=2))
        else:
            print_text(lambda width, terminal: cost_table(outcome, width, terminal))
        if outcome.figures:
            remark(f"Figure: {', '.join(map(str, outcome.figures))}")
