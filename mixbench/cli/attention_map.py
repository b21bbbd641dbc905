"""`mixbench attention-map`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mixbench.cli import options
from mixbench.cli.terminal import conclude, print_text, progress_display, remark, reporting


def attention_map(
    task: Annotated[
        list[str] | None,
        typer.Option("--task", help="shapes or mqar:pairs=8. Repeatable.", metavar="NAME[:KEY=VALUE,...]"),
    ] = None,
    mixer: options.Mixers = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(help="Weights that --save kept; they are mapped and nothing is trained. Repeatable.", metavar="FILE"),
    ] = None,
    examples: Annotated[int, typer.Option(help="Test examples that are mapped.", min=1)] = 50,
    draw: Annotated[str, typer.Option(help="Which of them are drawn, counted from 0.")] = "0,1",
    size: Annotated[str, typer.Option(help="Part of the training set: a share up to 1.0 or a count.")] = "1.0",
    seeds: Annotated[int, typer.Option(help="Trained models of each mixer.", min=1)] = 1,
    seed: Annotated[int, typer.Option(help="The first seed.", min=0)] = 0,
    layers: options.Layers = 2,
    width: options.ModelWidth = 64,
    batch: options.TrainingBatch = 16,
    steps: options.Steps = 2000,
    learning_rate: Annotated[
        list[str] | None,
        typer.Option(help="For all mixers, 1e-3, or for one, attention=1e-3. Repeatable. Default: 3e-3."),
    ] = None,
    device: options.TrainingDevice = "cpu",
    jobs: options.Jobs = None,
    per_gpu: options.PerGpu = 1,
    timeout: options.Timeout = 300.0,
    results: options.Results = Path("results"),
    fresh: options.Fresh = False,
    retry_failed: options.RetryFailed = False,
    as_json: options.Json = False,
) -> None:
    """Which tokens does a trained mixer mix? Maps of Jacobian norms beside what is needed.

    Without options: attention, hypermixer and mlp-mixer, trained on the synthetic
    task of the HyperMixer paper. Their weights are kept: what is in the results
    folder already is neither trained nor mapped again.

    Exit code 1 when a run failed, 2 when the request is wrong, 130 when
    interrupted.
    """
    with reporting():
        from mixbench import api
        from mixbench.cli.text.attention_map import attention_table

        with progress_display() as progress:
            outcome = api.map_attention(
                task=task,
                mixer=mixer,
                checkpoint=checkpoint,
                examples=examples,
                draw=draw,
                size=size,
                seeds=seeds,
                seed=seed,
                layers=layers,
                width=width,
                batch=batch,
                steps=steps,
                learning_rate=learning_rate,
                device=device,
                jobs=jobs,
                per_gpu=per_gpu,
                timeout=timeout,
                results=results,
                fresh=fresh,
                retry_failed=retry_failed,
                progress=progress,
            )
        if as_json:
            typer.echo(json.dumps(outcome.as_json(), indent=2))
        else:
            print_text(lambda width, terminal: attention_table(outcome.tasks, width, terminal))
        if outcome.figures:
            remark(f"Drawn: {', '.join(map(str, outcome.figures))}")
        conclude("example", results / "attention_map.csv", outcome.failed, "run")
