"""Options of `mixbench selfcheck`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from typer import Option

from mixbench.api import shared_options as shared
from mixbench.api.options import Typed


@dataclass(frozen=True, kw_only=True)
class SelfcheckOptions(shared.Followed):
    """Measure how often duel raises false alarms on this machine, and the smallest slowdown that it finds.

    Records pairs of processes that run the same code, without and with real
    extra work of 3, 5 and 10 %, and draws sets of pairs from them as duel would
    see them. duel prints the result, and compare takes its threshold from it.
    """

    interrupted: ClassVar = "What was finished is kept; continue with"
    example_commands: ClassVar = ("mixbench selfcheck", "mixbench selfcheck --minutes 0")

    minutes: Annotated[float, Option(help="Minutes of new recording; 0 uses stored pairs only.", min=0)] = 10.0
    threshold: shared.Threshold = "1%"
    device: shared.OneDevice = "cpu"
    results: Annotated[
        shared.File | None,
        Typed(Path | None),
        Option(help="Folder of the pairs. Default: the one in the cache, where duel looks."),
    ] = None
    fresh: Annotated[bool, Option("--fresh", help="Discard stored pairs.")] = False
