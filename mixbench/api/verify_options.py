"""Options of `mixbench verify`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from typer import Argument, Option

from mixbench.api import shared_options as shared
from mixbench.api.options import Options, Typed


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(Options):
    """Check that mixers meet the contract: shape, padding, gradients, countable FLOPs and more. Exit code 1 when one fails."""

    example_commands: ClassVar = ("mixbench verify", "mixbench verify hypermixer:heads=4 --tokens 33 --width 64")

    mixers: Annotated[
        shared.MixerLike | Sequence[shared.MixerLike] | None,
        Typed(list[str] | None),
        Argument(help="Mixers to check. Default: all built-in ones."),
    ] = field(default=None, kw_only=False)
    mixer: shared.Mixers = None
    tokens: Annotated[int, Option(help="Sequence length to check at.", min=1)] = 17
    width: Annotated[int, Option(help="Width to check at.", min=1)] = 32
    timeout: Annotated[float, Option(help="Give up on a mixer after this many seconds.")] = 300.0
