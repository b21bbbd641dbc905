"""`mixbench list`."""

from __future__ import annotations

import json

import typer

from mixbench.cli import options
from mixbench.cli.terminal import reporting


def list_command(as_json: options.Json = False) -> None:
    """Show the mixers with their options, the metrics and the statuses."""
    with reporting():
        from mixbench.api.catalogue import catalogue
        from mixbench.cli.text.list import sections
        from mixbench.cli.text.page import show

        table = catalogue()
        if as_json:
            typer.echo(json.dumps(table, indent=2))
        else:
            show(sections(table))
