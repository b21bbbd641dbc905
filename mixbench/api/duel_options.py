"""Options of `mixbench duel`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from typer import Argument, Option

from mixbench.api import shared_options as shared
from mixbench.api.options import HOW


@dataclass(frozen=True, kw_only=True)
class DuelOptions(shared.Followed):
    """Measure two versions live, in turns, so that noise affects both alike: a timing gate for CI.

    Eight fresh pairs of processes measure every workload, block by block in
    turns, on one core and one thread. What they flag must be flagged again by
    eight new pairs. Without --mixer: attention, hypermixer and mlp-mixer.

    Each version uses only its own files, even with an editable installation.
    If it still imports a module from your repository, the duel ends with an
    error. Git writes the files of a revision to a temporary folder; your
    repository is only read.

    Exit code 1 when a workload is slower or broken, 2 when the request is
    wrong, 3 when one is undecided (--strict).
    """

    example_commands: ClassVar = (
        "mixbench duel main . --mixer src/mine.py:Mine --tokens 256..1024",
        "mixbench duel attention hypermixer --tokens 1024,4096",
    )

    base: Annotated[
        str, Argument(help="Version to compare with: a git revision, source tree, Python interpreter or mixer.")
    ] = field(kw_only=False)
    head: Annotated[str, Argument(help="Version to judge.")] = field(kw_only=False)
    mixer: shared.Mixers = None
    causal: shared.Causal = False
    tokens: shared.Tokens = 256
    width: shared.Width = 256
    batch: shared.Batch = 1
    mode: shared.Mode = "inference"
    scope: shared.Scope = "mixer"
    dtype: shared.Dtype = "float32"
    device: shared.OneDevice = "cpu"
    layers: shared.Blocks = 6
    seed: shared.SpeedSeed = 0
    timeout: Annotated[float, Option(help="Give up on a version after this many silent seconds.", rich_help_panel=HOW)] = 120.0
    threshold: shared.Threshold = "1%"
