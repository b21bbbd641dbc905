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
            help="Where cells run. local: on this machine; ray: on the Ray cluster that it belongs to, or else on one that is"
            " started on it; ray:ADDRESS: on the cluster at this address.",
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
            help="Run only this part of the plan, in a folder of its own: 3/16; auto in a job array of Slurm; auto/16 in an"
            " indexed job of Kubernetes. `mixbench merge` unites the folders.",
            metavar="NUMBER/COUNT",
            rich_help_panel=WHERE,
        ),
    ] = None
    plan: Annotated[
        bool,
        Option(
            "--plan",
            help="Only print how many cells there are and how long they should take, for each shard.",
            rich_help_panel=WHERE,
        ),
    ] = False
