"""`mixbench plot`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mixbench.cli import options
from mixbench.cli.terminal import reporting


def plot(
    results: options.Results = Path("results"),
    study: Annotated[str | None, typer.Option(help="Only the figures of this study, e.g. speed.")] = None,
    format: Annotated[str, typer.Option(help="png, svg, pdf, or a list.")] = "png",
    baseline: options.Baseline = None,
) -> None:
    """Draw every figure that the tables in a results folder allow; prints the files."""
    with reporting():
        from mixbench import api

        for path in api.plot(results=results, study=study, format=format, baseline=baseline):
            typer.echo(str(path))
