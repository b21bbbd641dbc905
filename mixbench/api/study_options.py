"""Options of `mixbench study`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from typer import Argument, Option

from mixbench.api import shared_options as shared
from mixbench.api.options import WHAT, WHERE, Typed
from mixbench.api.scale_options import EngineOptions


@dataclass(frozen=True, kw_only=True)
class StudyOptions(shared.Study, EngineOptions):
    """Carry out a study that a file describes: measure, train, tune, and judge its claims.

    The file is TOML: a table per command, such as speed or tune, with its options,
    and the tables mixers, model and data with shared options. All of it is checked
    before anything runs. The command of each part is printed before its results.
    Existing results are not repeated.

    Exit code 1 when a cell failed, 2 when the file or the request is wrong, 130
    when interrupted. A part that fails does not stop the others.
    """

    example_commands: ClassVar = (
        "mixbench study hypermixer --dry-run",
        "mixbench study paper.toml --results results/paper",
        "mixbench study hypermixer --print",
    )

    file: Annotated[
        shared.File,
        Typed(Path),
        Argument(help="Study file, or the name of a built-in study: hypermixer, lra-speed, mqar-state.", metavar="FILE"),
    ] = field(kw_only=False)
    scale: Annotated[
        str | None,
        Option(help="Scale of the file to use, such as tiny. Default: the first.", rich_help_panel=WHAT),
    ] = None
    only: Annotated[
        shared.Names | None,
        Typed(list[str] | None),
        Option(
            help="Carry out only this part: speed, data-efficiency, tune, attention-map, cost, claims; or a list.",
            metavar="PART",
            rich_help_panel=WHAT,
        ),
    ] = None
    device: Annotated[str | None, Option(help="cpu or cuda; replaces what the file says.", rich_help_panel=WHERE)] = None
    threads: Annotated[
        int | None,
        Option(help="CPU threads of speed; replaces what the file says.", min=1, rich_help_panel=WHERE),
    ] = None
    jobs: Annotated[
        int | None,
        Option(help="Runs side by side on the CPU. Default: the number of physical cores.", min=1, rich_help_panel=WHERE),
    ] = None
    per_gpu: Annotated[
        int | None, Option(help="Runs side by side on each GPU. Default: by their size.", min=1, rich_help_panel=WHERE)
    ] = None
    plan: Annotated[
        bool,
        Option(
            "--dry-run",
            "--plan",
            help="Only print the commands, the number of cells and how long they should take, for each part and shard."
            " Nothing is downloaded.",
            rich_help_panel=WHERE,
        ),
    ] = False
