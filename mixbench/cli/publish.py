"""What the gate commands do with a comparison: print it, write it for CI, end with its exit code."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mixbench.api.options import RESULTS, VERDICT
from mixbench.cli.adapter import Printed
from mixbench.cli.terminal import print_text, remark
from mixbench.errors import RequestError
from mixbench.parsing.spec import parse_names
from mixbench.tables.storage import storage_errors

if TYPE_CHECKING:
    from mixbench.verdicts.gate.comparison import Comparison
    from mixbench.verdicts.gate.exports import Report

SUMMARY = "GITHUB_STEP_SUMMARY"
"""The variable that names the file that GitHub shows as the job summary."""
TEXT = "text"


@dataclass(frozen=True, kw_only=True)
class Published(Printed):
    """How a verdict is published, and whether an undecided one fails."""

    format: Annotated[
        str,
        typer.Option(help="text, markdown, json, junit, github-action-benchmark, bencher, or a list.", rich_help_panel=RESULTS),
    ] = TEXT
    output: Annotated[Path | None, typer.Option(help="Folder for the files of --format.", rich_help_panel=RESULTS)] = None
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 3 if a cell is undecided.", rich_help_panel=VERDICT)] = (
        False
    )


def parse_formats(published: Published) -> tuple[str, ...]:
    """The formats that `--format` and `--json` request. Raises UnknownNameError."""
    from mixbench.verdicts.gate.exports import FORMATS

    formats = parse_names("json" if published.as_json else published.format, (TEXT, *FORMATS), "--format")
    if len(formats) > 1 and published.output is None:
        raise RequestError(f"{','.join(formats)} makes several files", "Give a folder: --output ci")
    return formats


def publish(
    report: Report, comparison: Comparison, formats: tuple[str, ...], published: Published, *, any_change: bool = False
) -> None:
    """Print the text or the single file of the formats, or write all files into a folder; on GitHub, add the job summary.

    Raises RequestError if several files have no folder, StorageError, and typer.Exit with the comparison's exit code.
    """
    from mixbench.api.export import write_exports
    from mixbench.cli.text.comparison import comparison_table
    from mixbench.verdicts.gate.comparison import exit_code, why_not_comparable
    from mixbench.verdicts.gate.exports import FORMATS

    output = published.output
    code = exit_code(comparison, strict=published.strict, any_change=any_change)
    wanted = [name for name in formats if name != TEXT]
    if output is not None:
        if not wanted:
            raise RequestError("--output is for the files of --format", "Say which: --format junit,markdown")
        remark(f"Written: {', '.join(map(str, write_exports(report, wanted, output)))}")
    files = {} if output else {name: text for format in wanted for name, text in FORMATS[format](report).items()}
    if len(files) + (TEXT in formats and not output) > 1:
        raise RequestError(f"{','.join(formats)} makes several files: {', '.join(files)}", "Give a folder: --output ci")
    if summary := os.environ.get(SUMMARY):
        with storage_errors(f"cannot add to {summary}", f"Unset {SUMMARY}."), Path(summary).open("ab") as stream:
            stream.write("".join(FORMATS["markdown"](report).values()).encode())
    if files:
        typer.echo("".join(files.values()), nl=False)
    elif comparison.cells and not (comparison.comparable or comparison.advice or comparison.count("broken")):
        for text in comparison.remarks:  # a line for each cell would say less
            remark(text)
    else:
        print_text(lambda width, terminal: comparison_table(comparison, code, width, terminal))
    if not (comparison.comparable or comparison.advice):
        remark(f"mixbench: nothing comparable: {why_not_comparable(comparison)}")
        if not comparison.cells:
            remark("  --tier counts compares FLOPs, parameters, operators and memory between different machines.")
    if code:
        raise typer.Exit(code)
