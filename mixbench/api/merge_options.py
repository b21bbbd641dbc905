"""Options of `mixbench merge`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from typer import Argument, Option

from mixbench.api import shared_options as shared
from mixbench.api.options import Typed


@dataclass(frozen=True, kw_only=True)
class MergeOptions(shared.Followed):
    """Unite results folders, such as the shards of a study, in one.

    Every row is added once, with its environment, its weights and its maps; the
    folders stay as they are. Either everything is added or, if something stops
    the command, nothing; a second merge of the same folders changes nothing.
    Where two folders measured the same, the measurement that did not fail
    counts, else the one that was there first; both are named. Rows whose
    environment is missing are not added. Shards that are missing, unfinished or
    have failures are named, with the command that runs just those.

    Exit code 1 if rows were kept out, or if anything is missing or failed; 2 if
    the request is wrong, and then nothing is added.
    """

    interrupted: ClassVar = "Either everything was added or nothing; repeat"
    example_commands: ClassVar = ("mixbench merge results/shard-* --into results",)

    folders: Annotated[
        shared.File | Sequence[shared.File],
        Typed(list[Path]),
        Argument(help="Results folders to add.", metavar="DIR"),
    ] = field(kw_only=False)
    into: Annotated[
        shared.File,
        Typed(Path),
        Option(help="Results folder to add them to. It may be new, and the others may lie inside it.", metavar="DIR"),
    ]
