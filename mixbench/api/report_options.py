"""Options of `mixbench report`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from typer import Option

from mixbench.api import shared_options as shared
from mixbench.api.options import Typed


@dataclass(frozen=True, kw_only=True)
class ReportOptions(shared.Followed):
    """Make one HTML page of a results folder: answers first, then interactive figures, tables, data, and commands.

    The page opens offline in any browser, can be mailed, and prints without
    interaction. Needs the extra report: pip install 'mixbench[report]'
    """

    interrupted: ClassVar = "No page was written; start again with"
    example_commands: ClassVar = ("mixbench report", "mixbench report results/paper -o paper.html")

    results: shared.FolderOfTables = field(default=Path("results"), kw_only=False)
    output: Annotated[
        shared.File | None,
        Typed(Path | None),
        Option("--output", "-o", help="File of the page. Default: report.html, in the results folder."),
    ] = None
    baseline: shared.Baseline = None
