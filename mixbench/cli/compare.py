"""`mixbench compare`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from mixbench.cli import options
from mixbench.cli.publish import FORMAT_HELP, TEXT, parse_formats, publish
from mixbench.cli.terminal import reporting
from mixbench.parsing.spec import parse_share


def compare(
    base: Annotated[Path, typer.Argument(help="Results folder to compare with.")],
    head: Annotated[Path, typer.Argument(help="Results folder that is judged.")],
    threshold: Annotated[
        str | None, typer.Option(help="Change of a time that counts: 30% or 0.3. Default: 30%.", metavar="SHARE")
    ] = None,
    tolerance: Annotated[
        list[str] | None,
        typer.Option(help="Change of a count that does not: peak_memory_mib=1%. Repeatable.", metavar="METRIC=SHARE"),
    ] = None,
    tier: Annotated[str, typer.Option(help="all, or counts: what any machine can compare.")] = "all",
    any_change: Annotated[bool, typer.Option("--any-change", help="Exit code 1 for what is faster or new, too.")] = False,
    strict: options.Strict = False,
    format: Annotated[str, typer.Option(help=FORMAT_HELP)] = TEXT,
    output: options.Output = None,
    as_json: options.Json = False,
) -> None:
    """Judge what became slower, broke or vanished between two results folders.

    Cells are matched by their keys. FLOPs, parameters, operators and memory
    count at any change; times only on the same machine and beyond the threshold,
    because stored times differ by as much without any change.

    Exit code 1 when a cell is slower, broken or missing, 2 when the request is
    wrong, 3 when cells are undecided (--strict), 4 when nothing is comparable.
    """
    with reporting():
        from mixbench.api import compare_results

        formats = parse_formats(format, as_json=as_json)
        limit = None if threshold is None else parse_share(threshold, "--threshold")
        outcome = compare_results(base, head, threshold=limit, tolerance=_tolerances(tolerance or ()), tier=tier)
        publish(outcome.report, outcome.comparison, formats, output, strict=strict, any_change=any_change)


def _tolerances(texts: Sequence[str]) -> dict[str, float]:
    pairs = [text.partition("=") for text in texts]
    return {metric.strip(): parse_share(share, f"--tolerance {metric}") for metric, _, share in pairs}
