"""`mixbench doctor`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from mixbench.cli import options
from mixbench.cli.terminal import progress_display, reporting


def doctor(
    device: Annotated[str | None, typer.Option(help="cpu, cuda or cuda:1. Default: the CPU, and a GPU where one is.")] = None,
    threads: options.Threads = None,
    as_json: options.Json = False,
) -> None:
    """Show what was found here, measure what it can do at best, and say what will disturb a measurement."""
    with reporting():
        from mixbench.api.doctor import examine
        from mixbench.cli.text.doctor import sections
        from mixbench.cli.text.page import show

        with progress_display() as progress:
            report = examine(device, threads, progress=progress)
        if as_json:
            typer.echo(json.dumps(report, indent=2))
        else:
            show(sections(report))
