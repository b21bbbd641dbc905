"""Options of `mixbench export`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from typer import Option

from mixbench.api import shared_options as shared
from mixbench.api.filters import Filters
from mixbench.api.options import Typed


@dataclass(frozen=True, kw_only=True)
class ExportOptions(Filters):
    """Write a results folder as files, and print the file names.

    latex and markdown give the table of speed for a paper: speed.tex, speed.md.
    CI services read the other formats, and summary.md of markdown.
    """

    interrupted: ClassVar = "Files that were written are kept; start again with"
    example_commands: ClassVar = (
        "mixbench export results --format github-action-benchmark,bencher",
        "mixbench export --format latex --tokens 512..2048 --mode training",
    )

    results: shared.FolderOfTables = field(default=Path("results"), kw_only=False)
    format: Annotated[
        shared.Names,
        Typed(str),
        Option(help="latex, markdown, json, junit, github-action-benchmark, bencher, or a list."),
    ] = "json"
    output: Annotated[
        shared.File | None,
        Typed(Path | None),
        Option(help="Folder for the files. Default: exports, in the results folder."),
    ] = None
    baseline: shared.Baseline = None
