"""`mixbench data-efficiency`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mixbench.cli import options
from mixbench.cli.terminal import conclude, print_text, progress_display, reporting


def data_efficiency(
    task: options.Tasks = None,
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
    layers: options.Layers = 1,
    width: options.ModelWidth = 32,
    batch: options.TrainingBatch = 8,
    steps: options.Steps = 700,
    dropout: Annotated[float, typer.Option(help="Share of activations dropped in training.")] = 0.0,
    learning_rate: Annotated[
        list[str] | None,
        typer.Option(help="For all mixers, 3e-3, or for one, attention=1e-3; auto chooses on dev. Repeatable. Default: 1e-2."),
    ] = None,
    device: options.TrainingDevice = "cpu",
    jobs: options.Jobs = None,
    per_gpu: options.PerGpu = 1,
    train: options.File = None,
    dev: options.File = None,
    test: options.File = None,
    text: options.Text = None,
    text_pair: options.TextPair = None,
    label: options.Label = None,
    tokens: options.LongestText = 128,
    tokenizer: options.Tokenizer = None,
    vocabulary: options.Vocabulary = 8000,
    timeout: options.Timeout = 300.0,
    baseline: options.Baseline = None,
    results: options.Results = Path("results"),
    fresh: options.Fresh = False,
    retry_failed: options.RetryFailed = False,
    save: options.Save = False,
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
        from mixbench.cli.text.data_efficiency import data_efficiency_table

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
                save=save,
                progress=progress,
            )
        if as_json:
            typer.echo(json.dumps(outcome.as_json(), indent=2))
        else:
            print_text(lambda width, terminal: data_efficiency_table(outcome.summary, width, terminal))
        conclude("run", results / "data_efficiency.csv", outcome.failed, "run")
