"""Options of `mixbench remove`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from typer import Option

from mixbench.api import shared_options as shared
from mixbench.api.filters import Filters
from mixbench.api.options import CHOICE, Typed

Removable = Literal["speed", "data-efficiency", "tune", "attention-map"]


@dataclass(frozen=True, kw_only=True)
class RemoveOptions(Filters):
    """Remove rows from a results folder, and with them what no other row needs.

    Shows what would be removed, then asks. Only tables that have the columns of
    all given options are touched. Launches, weights and maps of removed rows go
    too, unless other rows need them.

    Exit code 2 when the request is wrong, or when nobody can be asked and --yes
    is not given.
    """

    interrupted: ClassVar = "Rows that were removed stay removed; continue with"
    example_commands: ClassVar = (
        "mixbench remove --tokens 9999999",
        "mixbench remove --study speed --status failed --yes",
    )

    results: shared.Results = Path("results")
    study: Annotated[Removable | None, Option(help="Only rows of this study.", rich_help_panel=CHOICE)] = None
    status: Annotated[
        shared.Names | None,
        Typed(str | None),
        Option(help="Only ok, oom, timeout, …, failed for every failure, or a list.", rich_help_panel=CHOICE),
    ] = None
    everything: Annotated[bool, Option("--everything", help="Remove every row.", rich_help_panel=CHOICE)] = False
    yes: Annotated[bool, Option("--yes", help="Remove without asking.")] = False
