"""Options of `mixbench export`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from typer import Option

from mixbench.api import shared_options as shared
from mixbench.api.options import Options, Typed


@dataclass(frozen=True, kw_only=True)
class ExportOptions(Options):
    """Write a results folder as files that CI services read, and print the file names."""

    example_commands: ClassVar = ("mixbench export results --format github-action-benchmark,bencher",)

    results: shared.FolderOfTables = field(default=Path("results"), kw_only=False)
    format: Annotated[
        shared.Names,
        Typed(str),
        Option(help="markdown, json, junit, github-action-benchmark, bencher, or a list."),
    ] = "json"
    output: Annotated[
        shared.File | None,
        Typed(Path | None),
        Option(help="Folder for the files. Default: exports, in the results folder."),
    ] = None
