"""`mixbench tune`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mixbench.cli import options
from mixbench.cli.terminal import conclude, print_text, progress_display, remark, reporting

if TYPE_CHECKING:
    from mixbench.api.tune import TuneOutcome


def tune(
    task: options.Tasks = None,
    mixer: options.Mixers = None,
    range: Annotated[
        list[str] | None,
        typer.Option(
            help="What is drawn: dropout=0..0.5, hypermixer.hidden=64,128. Repeatable. "
            "Default: learning_rate=3e-4..3e-2:log and dropout=0..0.5.",
            metavar="OPTION=RANGE",
        ),
    ] = None,
    from_file: Annotated[
        Path | None,
        typer.Option("--from", help="Trials made elsewhere: a CSV with the columns score and mixer. Nothing is trained."),
    ] = None,
    lower_is_better: Annotated[bool, typer.Option("--lower-is-better", help="The scores of --from are errors.")] = False,
    trials: Annotated[int, typer.Option(help="Independent draws for each mixer.", min=1)] = 20,
    seed: Annotated[int, typer.Option(help="Seed of the search.", min=0)] = 0,
    size: Annotated[
        str | None,
        typer.Option(help="Part of the training set: a share up to 1.0 or a count. Default: 800, of texts 1.0."),
    ] = None,
    layers: options.Layers = 1,
    width: options.ModelWidth = 32,
    batch: options.TrainingBatch = 8,
    steps: options.Steps = 700,
    dropout: Annotated[float | None, typer.Option(help="A fixed dropout, instead of the range.")] = None,
    learning_rate: Annotated[
        list[str] | None,
        typer.Option(help="A fixed learning rate, instead of the range: 3e-3, or attention=1e-3 and so on."),
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
    target: Annotated[str, typer.Option(help="Scores for which the trials needed are told, e.g. 0.5,0.3.")] = "",
    results: options.Results = Path("results"),
    fresh: options.Fresh = False,
    retry_failed: options.RetryFailed = False,
    save: options.Save = False,
    as_json: options.Json = False,
) -> None:
    """Random search for every mixer: how many tuning trials does each need?

    Without options: 20 trials each of attention, hypermixer and mlp-mixer on the
    synthetic task of the HyperMixer paper. What is in the results folder already
    is not trained again.

    Exit code 1 when a trial failed, 2 when the request is wrong, 130 when
    interrupted. A trial that diverges counts with the worst score.
    """
    with reporting():
        from mixbench import api
        from mixbench.api import TextFiles

        if from_file:
            read = api.read_search(
                from_file, lower_is_better=lower_is_better, baseline=baseline, target=target, results=results
            )
            _show(read, as_json)
            remark(f"Drawn: {', '.join(map(str, read.figures))}")
            return
        with progress_display() as progress:
            outcome = api.run_search(
                task=task,
                mixer=mixer,
                range=range,
                trials=trials,
                seed=seed,
                size=size,
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
                target=target,
                results=results,
                fresh=fresh,
                retry_failed=retry_failed,
                save=save,
                progress=progress,
            )
        _show(outcome, as_json)
        conclude("trial", results / "tuning.csv", outcome.failed, "trial")


def _show(outcome: TuneOutcome, as_json: bool) -> None:
    from mixbench.cli.text.tune import tuning_table

    if as_json:
        typer.echo(json.dumps(outcome.as_json(), indent=2))
    else:
        print_text(lambda width, terminal: tuning_table(outcome.searches, width, terminal))
