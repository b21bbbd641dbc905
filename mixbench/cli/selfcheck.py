"""`mixbench selfcheck`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mixbench.cli import options
from mixbench.cli.terminal import print_text, progress_display, remark, reporting
from mixbench.parsing.spec import parse_share


def selfcheck(
    minutes: Annotated[
        float, typer.Option(help="How long pairs are recorded, beside those that stand; 0: none.", min=0)
    ] = 10.0,
    threshold: options.Floor = "1%",
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:1.")] = "cpu",
    results: Annotated[Path | None, typer.Option(help="Folder of the pairs. Default: in the cache, where duel looks.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the pairs that stand.")] = False,
    as_json: options.Json = False,
) -> None:
    """This machine's false-alarm rate and the smallest slowdown its gate finds.

    Records pairs of processes of equal code, without and with real extra work
    of 3, 5 and 10 %, and draws sets of pairs from them as duel would see them.
    duel prints what is known here; compare takes its threshold from it.
    """
    with reporting():
        from mixbench import api
        from mixbench.cli.text.selfcheck import selfcheck_table

        with progress_display() as progress:
            figures = api.selfcheck(
                minutes=minutes,
                threshold=parse_share(threshold, "--threshold"),
                device=device,
                results=results,
                fresh=fresh,
                progress=progress,
            )
        if as_json:
            import dataclasses

            typer.echo(json.dumps(dataclasses.asdict(figures), indent=2))
        else:
            print_text(lambda width, terminal: selfcheck_table(figures, width if terminal else None))
        remark(f"Every pair is a row of {(results or api.selfcheck_folder()) / 'pairs.csv'}.")
        remark("Next: mixbench duel main .")
