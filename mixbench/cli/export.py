"""`mixbench export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mixbench.cli.terminal import reporting


def export(
    results: Annotated[Path, typer.Argument(help="Folder of tables.")] = Path("results"),
    format: Annotated[str, typer.Option(help="markdown, json, junit, github-action-benchmark, bencher, or a list.")] = "json",
    output: Annotated[Path | None, typer.Option(help="Folder for the files. Default: exports in the folder of tables.")] = None,
) -> None:
    """Write a results folder as files that CI services read; prints the files."""
    with reporting():
        from mixbench.api.export import export as write

        for path in write(results, format=format, output=output):
            typer.echo(str(path))
