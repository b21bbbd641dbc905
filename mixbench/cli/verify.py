"""`mixbench verify`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from mixbench.cli import options
from mixbench.cli.terminal import reporting

MARKS = {"pass": "ok", "fail": "FAIL", "skip": "-"}


def verify(
    mixers: Annotated[list[str] | None, typer.Argument(help="Mixers to try. Default: all built-in ones.")] = None,
    mixer: options.Mixers = None,
    tokens: Annotated[int, typer.Option(help="Sequence length to try.", min=1)] = 17,
    width: Annotated[int, typer.Option(help="Width to try.", min=1)] = 32,
    as_json: options.Json = False,
) -> None:
    """Hold mixers to their contract: shape, padding, gradients, countable FLOPs and more. Exit code 1 when one fails."""
    with reporting():
        from mixbench import api

        verdicts = api.verify([*(mixers or []), *(mixer or [])] or None, tokens=tokens, width=width)
        if as_json:
            typer.echo(json.dumps(verdicts, indent=2))
        for name, checks in verdicts.items() if not as_json else ():
            typer.echo(name)
            for check in checks:
                detail = f"  {check['detail']}" if check["detail"] else ""
                typer.echo(f"  {MARKS[check['outcome']]:<5} {check['name']}{detail}")
        if any(check["outcome"] == "fail" for checks in verdicts.values() for check in checks):
            raise typer.Exit(1)
