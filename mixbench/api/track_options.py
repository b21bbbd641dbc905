"""Options of `mixbench track add` and `mixbench track show`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from typer import Option

from mixbench.api import shared_options as shared
from mixbench.api.options import Options, Typed

History = Annotated[shared.File, Typed(Path), Option(help="Folder of the history: one file per commit and machine.")]


@dataclass(frozen=True, kw_only=True)
class TrackAddOptions(Options):
    """Add the newest run of a results folder to a history, as one file per machine.

    Times are kept as CPU time relative to the calibration workload, one value
    per launch, so that runs from different days can be compared. Keep the files
    in git: files of different commits and machines never conflict.
    """

    interrupted: ClassVar = "Files that were written are kept; start again with"
    example_commands: ClassVar = ("mixbench track add results/head --history history",)

    results: shared.FolderOfTables = field(default=Path("results"), kw_only=False)
    history: History = Path("history")
    commit: Annotated[
        str | None,
        Option(help="Commit that was measured. Default: the one checked out here, with no changes to tracked files."),
    ] = None
    replace: Annotated[bool, Option("--replace", help="Replace an earlier run.")] = False


@dataclass(frozen=True, kw_only=True)
class TrackShowOptions(Options):
    """Find the commits with which a cell began to cost more or less, and draw the trends.

    Every change of a count is shown. A change of a time or score is shown if it
    lasts for at least three commits. Of 100 cells where nothing changed, at most
    one shows a change by chance.
    """

    example_commands: ClassVar = ('mixbench track show --cell "attention 256 tokens"',)

    history: History = field(default=Path("history"), kw_only=False)
    metric: Annotated[shared.Names | None, Typed(str | None), Option(help="Only this metric, e.g. latency_ms, or a list.")] = (
        None
    )
    cell: Annotated[str | None, Option(help='Only cells with this in their name, e.g. "attention 256 tokens".')] = None
    format: shared.FigureFormats = "png"
