"""`mixbench duel`."""

from __future__ import annotations

from typing import Annotated

import typer

from mixbench.cli import options
from mixbench.cli.publish import FORMAT_HELP, TEXT, parse_formats, publish
from mixbench.cli.terminal import progress_display, reporting
from mixbench.parsing.spec import parse_share


def duel(
    base: Annotated[str, typer.Argument(help="Git revision, source tree, Python interpreter or mixer to compare with.")],
    head: Annotated[str, typer.Argument(help="The same, that is judged.")],
    mixer: options.Mixers = None,
    tokens: options.Tokens = "256",
    width: options.Width = "256",
    batch: options.Batch = "1",
    mode: Annotated[str, typer.Option(help="inference, training (forward and backward), or a list.")] = "inference",
    scope: Annotated[str, typer.Option(help="What is timed: mixer, block, model, or a list.")] = "mixer",
    dtype: options.Dtype = "float32",
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:1.")] = "cpu",
    layers: options.Layers = 6,
    seed: options.Seed = 0,
    timeout: Annotated[float, typer.Option(help="Seconds without an answer after which a side is given up.")] = 120.0,
    threshold: options.Floor = "1%",
    strict: options.Strict = False,
    format: Annotated[str, typer.Option(help=FORMAT_HELP)] = TEXT,
    output: options.Output = None,
    as_json: options.Json = False,
) -> None:
    """Two versions live and in turns: the timing gate that noise does not trip.

    Eight fresh pairs of processes measure every workload, on one core and one
    thread, block by block in turns. What they flag, eight new pairs must flag
    again. Without --mixer: attention, hypermixer and mlp-mixer.

    Exit code 1 when a workload is slower or broken, 2 when the request is
    wrong, 3 when one is undecided (--strict).
    """
    with reporting():
        from mixbench import api
        from mixbench.verdicts.gate.report import duel_report

        formats = parse_formats(format, as_json=as_json)
        with progress_display() as progress:
            comparison = api.duel(
                base,
                head,
                mixer=mixer,
                tokens=tokens,
                width=width,
                batch=batch,
                mode=mode,
                scope=scope,
                dtype=dtype,
                device=device,
                layers=layers,
                seed=seed,
                timeout=timeout,
                threshold=parse_share(threshold, "--threshold"),
                progress=progress,
            )
        publish(duel_report(comparison), comparison, formats, output, strict=strict)
