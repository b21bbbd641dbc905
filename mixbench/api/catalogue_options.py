"""Options of `mixbench list`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mixbench.api.options import Options


@dataclass(frozen=True, kw_only=True)
class CatalogueOptions(Options):
    """Show the mixers with their options, the tasks, the metrics and the statuses."""

    example_commands: ClassVar = ("mixbench list", "mixbench list --json")
