"""Options of studies that can be carried out by several machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from typer import Option

from mixbench.api.options import WHERE, Options


@dataclass(frozen=True, kw_only=True)
class EngineOptions(Options):
    """On which machines the cells are carried out."""

    engine: Annotated[
        str,
        Option(
            help="local: processes of this machine. ray: the Ray cluster that this machine belongs to, or one that is started"
            " here; ray:ADDRESS: the one at this address.",
            metavar="local|ray[:ADDRESS]",
            rich_help_panel=WHERE,
        ),
    ] = "local"


@dataclass(frozen=True, kw_only=True)
class ScaleOptions(Options):
    """Which part of the plan is carried out here."""

    shard: Annotated[
        str | None,
        Option(
            help="Carry out one of several parts of the plan, in a folder of its own: 3/16, auto in a job array of Slurm, or"
            " auto/16 in an indexed job of Kubernetes. `mixbench merge` unites the folders.",
            metavar="NUMBER/COUNT",
            rich_help_panel=WHERE,
        ),
    ] = None
    plan: Annotated[
        bool,
        Option(
            "--plan",
            help="Print how many cells there are and how long they are expected to take, by shard; measure nothing.",
            rich_help_panel=WHERE,
        ),
    ] = False
