"""`mixbench speed`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mixbench.cli import options
from mixbench.cli.terminal import conclude, print_text, progress_display, reporting


def speed(
    mixer: options.Mixers = None,
    tokens: options.Tokens = "64..2048",
    width: options.Width = "256",
    batch: options.Batch = "1",
    mode: Annotated[str, typer.Option(help="inference, training (forward and backward), or a list.")] = "inference",
    scope: Annotated[str, typer.Option(help="What is timed: mixer, block, model, or a list.")] = "mixer",
    dtype: options.Dtype = "float32",
    device: options.Device = "cpu",
    threads: options.Threads = None,
    compile: Annotated[bool, typer.Option("--compile", help="Apply torch.compile.")] = False,
    layers: options.Layers = 6,
    launches: Annotated[int, typer.Option(help="Fresh processes, the unit of every interval.", min=1)] = 5,
    precision: Annotated[float, typer.Option(help="Stop a launch when its medians are within this share.")] = 0.02,
    budget: Annotated[float, typer.Option(help="Seconds per launch and shape after which it stops anyway.")] = 1.6,
    timeout: Annotated[float, typer.Option(help="Seconds without progress after which a cell is given up.")] = 300.0,
    seed: options.Seed = 0,
    baseline: options.Baseline = None,
    results: options.Results = Path("results"),
    fresh: options.Fresh = False,
    retry_failed: options.RetryFailed = False,
    as_json: options.Json = False,
) -> None:
    """Time, memory, FLOPs and energy of mixers over tokens, width and batch.

    Without options: the six mixers of the HyperMixer paper and the control
    without mixing, 64 to 2048 tokens at width 256, on the CPU. What is in the
    results folder already is not measured again.

    Exit code 1 when a cell failed, 2 when the request is wrong, 130 when interrupted.
    """
    with reporting():
        from mixbench import api
        from mixbench.cli.text.speed import speed_table

        with progress_display() as progress:
            outcome = api.measure_speed(
                mixer=mixer,
                tokens=tokens,
                width=width,
                batch=batch,
                mode=mode,
                scope=scope,
                dtype=dtype,
                device=device,
                threads=threads,
                compile=compile,
                layers=layers,
                launches=launches,
                precision=precision,
                budget=budget,
                timeout=timeout,
                seed=seed,
                baseline=baseline,
                results=results,
                fresh=fresh,
                retry_failed=retry_failed,
                progress=progress,
            )
        if as_json:
            typer.echo(json.dumps(outcome.as_json(), indent=2))
        else:
            print_text(lambda width, terminal: speed_table(outcome.summary, width, terminal))
        conclude("block", results / "speed.csv", outcome.failed, "cell")
