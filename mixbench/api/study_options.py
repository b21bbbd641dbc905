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
    and the tables mixers, model and data with what they share. It is checked as a
    whole before anything runs. Each part is introduced by the command that it
    stands for. What the results folder already holds is not done again.

    Exit code 1 when a cell failed, 2 when the file or the request is wrong, 130
    when interrupted. Parts after one that failed are carried out.
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
        Option(help="Which of the scales of the file, such as tiny. Default: its first.", rich_help_panel=WHAT),
    ] = None
    only: Annotated[
        shared.Names | None,
        Typed(list[str] | None),
        Option(
            help="Only these parts: speed, data-efficiency, tune, attention-map, cost, claims. Repeatable.",
            metavar="PART",
            rich_help_panel=WHAT,
        ),
    ] = None
    device: Annotated[str | None, Option(help="cpu or cuda, in the place of what the file says.", rich_help_panel=WHERE)] = None
    threads: Annotated[
        int | None,
        Option(help="CPU threads of speed, in the place of what the file says.", min=1, rich_help_panel=WHERE),
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
