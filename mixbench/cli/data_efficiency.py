"""`mixbench data-efficiency`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mixbench.cli import options
from mixbench.cli.terminal import conclude, print_text, progress_display, reporting

File = Annotated[Path | None, typer.Option(help="TSV, CSV, JSONL or Parquet; for --task text.")]


def data_efficiency(
    task: Annotated[
        list[str] | None,
        typer.Option(help="shapes, mqar, listops:depth=4, text, hf:glue/sst2. Repeatable.", metavar="NAME[:KEY=VALUE,...]"),
    ] = None,
    mixer: options.Mixers = None,
    sizes: Annotated[
        str | None,
        typer.Option(
            help="Parts of the training set: shares up to 1.0, counts above, or a doubling range of counts. "
            "Default: 50,200,800,3200 of built-in tasks, 0.1,0.3,1.0 of texts."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Training runs of each cell, the unit of every interval.", min=1)] = 5,
    seed: Annotated[int, typer.Option(help="The first seed.", min=0)] = 0,
    layers: Annotated[int, typer.Option(help="Blocks of the model.", min=1)] = 1,
    width: Annotated[int, typer.Option(help="Channels per token.", min=1)] = 32,
    batch: Annotated[int, typer.Option(help="Examples per training step.", min=1)] = 8,
    steps: Annotated[int, typer.Option(help="Training steps, the same at every size.", min=1)] = 700,
    dropout: Annotated[float, typer.Option(help="Share of activations dropped in training.")] = 0.0,
    learning_rate: Annotated[
        list[str] | None,
        typer.Option(help="For all mixers, 3e-3, or for one, attention=1e-3; auto chooses on dev. Repeatable. Default: 1e-2."),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, or cuda: every visible GPU.")] = "cpu",
    jobs: Annotated[int | None, typer.Option(help="Runs side by side on the CPU. Default: the physical cores.", min=1)] = None,
    per_gpu: Annotated[int, typer.Option(help="Runs side by side on each GPU.", min=1)] = 1,
    train: File = None,
    dev: File = None,
    test: File = None,
    text: Annotated[str | None, typer.Option(help="Column of the text, or of the first of two.")] = None,
    text_pair: Annotated[str | None, typer.Option(help="Column of the second text.")] = None,
    label: Annotated[str | None, typer.Option(help="Column of the class.")] = None,
    tokens: Annotated[int, typer.Option(help="Longest text in tokens; what is longer is cut.", min=1)] = 128,
    tokenizer: Annotated[Path | None, typer.Option(help="A tokenizer.json. Default: WordPiece trained on the texts.")] = None,
    vocabulary: Annotated[int, typer.Option(help="Entries of a tokenizer that is trained.", min=1)] = 8000,
    timeout: Annotated[float, typer.Option(help="Seconds without progress after which a run is given up.")] = 300.0,
    baseline: options.Baseline = None,
    results: options.Results = Path("results"),
    fresh: options.Fresh = False,
    retry_failed: options.RetryFailed = False,
    as_json: options.Json = False,
) -> None:
    """Train mixers on growing parts of a data set: how much data does each need?

    Without options: attention, hypermixer and the control without mixing on the
    synthetic task of the HyperMixer paper, four sizes, five seeds, on the CPU.
    What is in the results folder already is not trained again.

    Exit code 1 when a run failed, 2 when the request is wrong, 130 when
    interrupted.
    """
    with reporting():
        from mixbench import api
        from mixbench.api import TextFiles
        from mixbench.cli.data_tables import data_efficiency_table

        with progress_display() as progress:
            outcome = api.train_data_efficiency(
                task=task,
                mixer=mixer,
                sizes=sizes,
                seeds=seeds,
                seed=seed,
                layers=layers,
                width=width,
                batch=batch,
                steps=steps,
                dropout=dropout,
                learning_rate=learning_rate,
                device=device,
                jobs=jobs,
                per_gpu=per_gpu,
                files=TextFiles(train, dev, test, text, text_pair, label, tokens, tokenizer, vocabulary),
                timeout=timeout,
                baseline=baseline,
                results=results,
                fresh=fresh,
                retry_failed=retry_failed,
                progress=progress,
            )
        if as_json:
            typer.echo(json.dumps(outcome.as_json(), indent=2))
        else:
            print_text(lambda width, terminal: data_efficiency_table(outcome.summary, width, terminal))
        conclude("run", results / "data_efficiency.csv", outcome.failed, "run")
