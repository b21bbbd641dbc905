"""Options of `mixbench list`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from typer import Argument

from mixbench.api.options import Options, Typed


@dataclass(frozen=True, kw_only=True)
class CatalogueOptions(Options):
    """Show the mixers by family with what they can do, the tasks, the metrics and the statuses.

    With names, or with --details, mixers and tasks are shown with their options.
    """

    example_commands: ClassVar = ("mixbench list", "mixbench list attention mqar", "mixbench list --json")

    names: Annotated[
        Sequence[str] | None,
        Typed(list[str] | None),
        Argument(help="Mixers and tasks to show with their options. Default: everything, in short."),
    ] = field(default=None, kw_only=False)
