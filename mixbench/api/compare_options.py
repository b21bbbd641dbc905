"""Options of `mixbench compare`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from typer import Argument, Option

from mixbench.api import shared_options as shared
from mixbench.api.options import VERDICT, Options, Typed


@dataclass(frozen=True, kw_only=True)
class CompareOptions(Options):
    """Judge what became slower, broke or vanished between two results folders.

    Cells are matched by their keys. Any increase of FLOPs, parameters, operators
    or memory fails. Times fail only on the same machine and beyond the threshold,
    because stored times vary that much without any change.

    Exit code 1 when a cell is slower, broken or missing, 2 when the request is
    wrong, 3 when cells are undecided (--strict), 4 when nothing is comparable.
    """

    example_commands: ClassVar = (
        "mixbench compare results/base results/head",
        "mixbench compare results/counts results/head --tier counts --any-change",
    )

    base: Annotated[shared.File, Typed(Path), Argument(help="Results folder to compare with.")] = field(kw_only=False)
    head: Annotated[shared.File, Typed(Path), Argument(help="Results folder to judge.")] = field(kw_only=False)
    threshold: Annotated[
        str | float | None,
        Typed(str | None),
        Option(
            help="Tolerated change of a stored time: 30% or 0.3. Default: what selfcheck found on this machine, else 30%.",
            metavar="SHARE",
            rich_help_panel=VERDICT,
        ),
    ] = None
    tolerance: Annotated[
        Mapping[str, str | float] | str | Sequence[str] | None,
        Typed(list[str] | None),
        Option(
            help="Tolerated change of a count: peak_memory_mib=1%, or a list.",
            metavar="METRIC=SHARE",
            rich_help_panel=VERDICT,
        ),
    ] = None
    tier: Annotated[
        Literal["all", "counts"],
        Option(help="all, or counts: only what can be compared between different machines.", rich_help_panel=VERDICT),
    ] = "all"
    across_machines: Annotated[
        bool,
        Option(
            "--across-machines",
            help="Also compare times relative to the baseline across machines, as advice that never fails.",
            rich_help_panel=VERDICT,
        ),
    ] = False
